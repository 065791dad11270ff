//! Values that every noun of the catalog reads: codes, names, days, shares, amounts.

use guanxi_grpc::Violation;
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::r#type::v1::LocalizedText;
use rust_decimal::Decimal;
use uuid::Uuid;

/// What a resource with a code is asked for by.
pub(crate) enum Key {
    Id(Uuid),
    Code(String),
}

impl Key {
    /// The id, the code, and what a refusal names.
    pub(crate) fn parts(&self) -> (Option<Uuid>, Option<&str>, String) {
        match self {
            Self::Id(id) => (Some(*id), None, id.to_string()),
            Self::Code(code) => (None, Some(code), code.clone()),
        }
    }
}

/// The code of something in the catalog.
pub(crate) fn code(field: &str, value: &str) -> Result<String, Violation> {
    let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match value {
        "" => Err(Violation::required(field)),
        _ if value.len() <= 50 && value.bytes().all(well_formed) => Ok(value.to_owned()),
        _ => Err(Violation::new(field, ErrorReason::Format)
            .with("value", value)
            .with("expected", "1 to 50 letters, digits, _ and -")),
    }
}

/// A decimal number of at most so many digits, of which at most so many are places.
pub(crate) fn decimal(value: &str, digits: usize, places: usize) -> Option<Decimal> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let written = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let length = if unsigned.contains('.') { whole.len() + fraction.len() } else { whole.len() };
    let fits = written(whole) && written(fraction) && length <= digits && fraction.len() <= places.max(1);
    if fits { Decimal::from_str_exact(value).ok() } else { None }
}

/// A text of at most `max` characters on any number of lines, blanks at the ends cut off.
pub(crate) fn lines(field: &str, value: &str, max: usize) -> Result<String, Violation> {
    let value = value.trim();
    let length = value.chars().count();
    if length > max {
        return Err(Violation::new(field, ErrorReason::TooLong).with("max", max).with("length", length));
    }
    if value.chars().any(|character| character.is_control() && character != '\n') {
        let wrong = Violation::new(field, ErrorReason::Format).with("value", value.escape_debug());
        return Err(wrong.with("expected", "text without control characters"));
    }
    Ok(value.to_owned())
}

/// Something that a list names is not there.
pub(crate) fn unknown(field: impl Into<String>, resource: &str, code: &str) -> Violation {
    Violation::new(field, ErrorReason::ResourceNotFound).with("resource", resource).with("value", code)
}

/// A text in both languages on the wire.
pub(crate) fn localized(zh: &str, en: Option<&str>) -> LocalizedText {
    LocalizedText { zh: zh.to_owned(), en: en.unwrap_or_default().to_owned() }
}

/// A share in percent from 0 to 100 with at most 2 places.
pub(crate) fn percent(field: &str, value: &str) -> Result<Decimal, Violation> {
    bounded(field, value, 2, Decimal::ZERO, Decimal::ONE_HUNDRED)
}

/// A rate of money: at most 9 digits and 6 places, not negative.
pub(crate) fn amount(field: &str, value: &str) -> Result<Decimal, Violation> {
    bounded(field, value, 6, Decimal::ZERO, Decimal::from_parts(0xA4C6_7FFF, 0x3_8D7E, 0, false, 6))
}

/// A decimal number within bounds with at most so many places, without zeros at its end.
pub(crate) fn bounded(
    field: &str,
    value: &str,
    places: usize,
    min: Decimal,
    max: Decimal,
) -> Result<Decimal, Violation> {
    if value.is_empty() {
        return Err(Violation::required(field));
    }
    match decimal(value, 15, places).map(|number| number.normalize()) {
        None => Err(Violation::new(field, ErrorReason::Format)
            .with("value", value)
            .with("expected", format!("a decimal number with at most {places} places, 12.5"))),
        Some(number) if number < min || number > max => {
            Err(Violation::new(field, ErrorReason::OutOfRange).with("value", value).with("min", min).with("max", max))
        }
        Some(number) => Ok(number),
    }
}

/// Ties an enum of a model to the one of the wire that has the same values, and UNSPECIFIED beside them.
macro_rules! wire_enum {
    ($model:ty, $wire:ty, $($value:ident),+) => {
        impl From<$model> for $wire {
            fn from(value: $model) -> Self {
                match value {
                    $(<$model>::$value => Self::$value),+
                }
            }
        }

        impl $model {
            /// Reads a value of the wire; `None` where it is unspecified.
            fn read(field: &str, value: i32) -> Result<Option<Self>, guanxi_grpc::Violation> {
                Ok(match guanxi_grpc::known(field, value, <$wire>::as_str_name)? {
                    <$wire>::Unspecified => None,
                    $(<$wire>::$value => Some(Self::$value)),+
                })
            }
        }
    };
}

pub(crate) use wire_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_refused() {
        for (value, read) in [("0", "0"), ("12.50", "12.5"), ("999999999.999999", "999999999.999999"), ("-0", "0")] {
            assert_eq!(amount("amount", value).unwrap(), read.parse().unwrap(), "{value}");
        }
        for wrong in ["", " 1", "1,5", "1.", ".5", "+1", "1e3", "1_000", "-1", "1000000000", "0.0000001", "１"] {
            assert!(amount("amount", wrong).is_err(), "{wrong}");
        }
        assert!(percent("percent", "100").is_ok() && percent("percent", "100.01").is_err());
        assert!(percent("percent", "12.345").is_err());
    }

    #[test]
    fn a_code_is_letters_digits_and_two_marks() {
        for good in ["A", "mail-2_x", &"x".repeat(50)] {
            assert_eq!(code("code", good).as_deref(), Ok(good));
        }
        for (bad, reason) in
            [("", "REQUIRED"), ("a b", "FORMAT"), ("邮箱", "FORMAT"), ("A/B", "FORMAT"), (&"x".repeat(51), "FORMAT")]
        {
            assert_eq!(code("code", bad).unwrap_err().reason.name(), reason, "{bad}");
        }
    }

    #[test]
    fn a_decimal_is_read_exactly_or_not_at_all() {
        for good in ["0", "-1.5", "12345678901.2345", "100000000000000", "0.0001"] {
            assert_eq!(decimal(good, 15, 4).map(|value| value.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "-", ".5", "5.", "+1", "1e3", "1_000", "1,5", "0.00001", "1234567890123456", "１", " 1"] {
            assert_eq!(decimal(bad, 15, 4), None, "{bad}");
        }
    }

    #[test]
    fn a_share_is_a_percentage_or_refused() {
        for (value, read) in [("0", "0"), ("12.50", "12.5"), ("-0", "0"), ("100", "100")] {
            assert_eq!(percent("percent", value).unwrap().to_string(), read);
        }
        for (wrong, reason) in
            [("", "REQUIRED"), ("12.345", "FORMAT"), ("-1", "OUT_OF_RANGE"), ("100.01", "OUT_OF_RANGE")]
        {
            assert_eq!(percent("percent", wrong).unwrap_err().reason.name(), reason, "{wrong}");
        }
    }

    #[test]
    fn lines_may_be_many_but_not_long() {
        assert_eq!(lines("text", " 一\n二 ", 3).as_deref(), Ok("一\n二"));
        assert_eq!(lines("text", "一二三四", 3).unwrap_err().reason.name(), "TOO_LONG");
        assert_eq!(lines("text", "一\r二", 3).unwrap_err().reason.name(), "FORMAT");
    }

    #[test]
    fn an_amount_has_nine_digits_and_six_places() {
        assert_eq!(amount("amount", "999999999.999999").unwrap().to_string(), "999999999.999999");
        for (wrong, reason) in [("-0.01", "OUT_OF_RANGE"), ("1000000000", "OUT_OF_RANGE"), ("0.0000001", "FORMAT")] {
            assert_eq!(amount("amount", wrong).unwrap_err().reason.name(), reason, "{wrong}");
        }
    }
}
