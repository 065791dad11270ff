//! Numbers as people write them in tables.

use rust_decimal::Decimal;

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// Between groups of three digits.
    pub(super) thousands: Option<char>,
    pub(super) decimal: char,
    /// What one stands for, for example 10,000 in a column of 万元.
    pub(super) times: i64,
}

impl Format {
    /// The number in digits and a point; `None` where it is not written like that.
    pub(super) fn read(&self, text: &str) -> Option<String> {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        let (whole, part) = digits.split_once(self.decimal).map_or((digits, None), |(whole, part)| (whole, Some(part)));
        let whole = self.ungroup(whole)?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(&whole) || !part.is_none_or(is_number) {
            return None;
        }
        let plain = part.map_or_else(|| format!("{sign}{whole}"), |part| format!("{sign}{whole}.{part}"));
        let number = Decimal::from_str_exact(&plain).ok()?.checked_mul(Decimal::from(self.times))?;
        Some(number.normalize().to_string())
    }

    /// Takes the separators out. They must stand where they belong: `1,5` is not fifteen.
    fn ungroup(&self, whole: &str) -> Option<String> {
        let Some(separator) = self.thousands.filter(|separator| whole.contains(*separator)) else {
            return Some(whole.to_owned());
        };
        let mut groups = whole.split(separator);
        let first = groups.next()?;
        let fits = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
        fits.then(|| whole.replace(separator, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_where_they_belong() {
        let format = Format { thousands: Some(','), decimal: '.', times: 1 };
        for (text, number) in
            [("19,405,918,198", "19405918198"), ("1234.50", "1234.5"), ("-1,000", "-1000"), ("0", "0")]
        {
            assert_eq!(format.read(text).as_deref(), Some(number), "{text}");
        }
        for text in ["", "-", "1,5", "1,0000", ",100", "1.", ".5", "1e5", "1 000", "一万", "１"] {
            assert_eq!(format.read(text), None, "{text}");
        }
    }

    #[test]
    fn a_unit_is_multiplied_exactly() {
        let format = Format { thousands: None, decimal: '.', times: 10_000 };
        assert_eq!(format.read("1234.56789").as_deref(), Some("12345678.9"));
        let european = Format { thousands: Some('.'), decimal: ',', times: 1 };
        assert_eq!(european.read("1.234,5").as_deref(), Some("1234.5"));
    }
}
