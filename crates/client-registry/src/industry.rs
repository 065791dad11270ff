//! Codes of industries, GB/T 4754-2017.

use guanxi_grpc::Violation;
use guanxi_proto::errors::v1::ErrorReason;

/// A section letter A to T, the two to four digits of a division, group or class, or both.
pub(crate) fn code(field: &str, value: &str) -> Result<String, Violation> {
    let (section, digits) = match value.split_at_checked(1) {
        Some((first, rest)) if matches!(first.as_bytes(), [b'A'..=b'T']) => (true, rest),
        _ => (false, value),
    };
    let digits_fit = digits.bytes().all(|byte| byte.is_ascii_digit()) && (2..=4).contains(&digits.len());
    if digits_fit || (section && digits.is_empty()) {
        return Ok(value.to_owned());
    }
    let wrong = Violation::new(field, ErrorReason::Format).with("value", value);
    Err(wrong.with("expected", "GB/T 4754-2017: I, 63, I63, 631, 6311"))
}

/// True where an industry is another one or a part of it: divisions belong to sections, whether or not the letter is written.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    let (section, digits) = parts(wide);
    let (own_section, own_digits) = parts(narrow);
    section == own_section && own_digits.starts_with(digits)
}

/// Section and digits of a well-formed code.
fn parts(code: &str) -> (Option<char>, &str) {
    let digits = code.trim_start_matches(|first: char| first.is_ascii_uppercase());
    let division = digits.get(..2).and_then(|division| division.parse::<u8>().ok());
    (division.map_or(code.chars().next(), section), digits)
}

/// The section of a division (GB/T 4754-2017, table 1).
fn section(division: u8) -> Option<char> {
    let last_divisions = [5, 12, 43, 46, 50, 52, 60, 62, 65, 69, 70, 72, 75, 79, 82, 83, 85, 90, 96, 97];
    let index = last_divisions.iter().position(|last| division <= *last)?;
    (b'A'..=b'T').nth(index).map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_industry_is_a_section_digits_or_both() {
        for good in ["I", "63", "I63", "631", "6311", "A0111"] {
            assert!(code("industry_code", good).is_ok(), "{good}");
        }
        for bad in ["", "U", "6", "63111", "i63", "I6", "金融"] {
            assert!(code("industry_code", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_industry_covers_its_parts_however_they_are_written() {
        for (wide, narrow) in
            [("I", "I63"), ("I", "6311"), ("63", "I631"), ("I63", "631"), ("6311", "I6311"), ("J", "66")]
        {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [("I63", "I"), ("I63", "I64"), ("J", "6311"), ("631", "63"), ("A", "06"), ("T", "98")] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }
}
