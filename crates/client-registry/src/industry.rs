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
}
