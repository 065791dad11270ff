//! Values that several nouns of the catalog have.

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

/// A text in both languages on the wire.
pub(crate) fn localized(zh: &str, en: Option<&str>) -> LocalizedText {
    LocalizedText { zh: zh.to_owned(), en: en.unwrap_or_default().to_owned() }
}

/// A share in percent from 0 to 100 with at most 2 places.
pub(crate) fn percent(field: &str, value: &str) -> Result<Decimal, Violation> {
    decimal(field, value, 2, Decimal::ZERO, Decimal::ONE_HUNDRED)
}

/// A decimal number within bounds with at most so many places: digits, a point between digits, perhaps a minus before them.
pub(crate) fn decimal(field: &str, value: &str, places: u32, min: Decimal, max: Decimal) -> Result<Decimal, Violation> {
    if value.is_empty() {
        return Err(Violation::required(field));
    }
    let digits = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let parsed = (digits(whole) && digits(fraction)).then(|| value.parse::<Decimal>().ok()).flatten();
    match parsed.map(|number| number.normalize()).filter(|number| number.scale() <= places) {
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
    fn numbers_are_read_exactly_or_refused() {
        for (value, read) in [("0", "0"), ("12.50", "12.5"), ("-0", "0"), ("100", "100")] {
            assert_eq!(percent("percent", value).unwrap(), read.parse().unwrap(), "{value}");
        }
        for wrong in ["", " 1", "1,5", "1.", ".5", "+1", "1e1", "1_0", "-1", "100.01", "12.345", "１"] {
            assert!(percent("percent", wrong).is_err(), "{wrong}");
        }
    }
}
