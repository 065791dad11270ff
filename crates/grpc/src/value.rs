//! Values on the wire that several services read alike: codes, numbers, money, texts, enums.

use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::r#type::v1::{LocalizedText, Money};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::Violation;

/// Currencies that prices may be in: the code and the places of the minor unit (ISO 4217, list one of 2024).
const CURRENCIES: [(&str, u32); 10] = [
    ("CNY", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("MOP", 2),
    ("SGD", 2),
    ("TWD", 2),
    ("USD", 2),
];

/// Places after the point of a currency's minor unit; `None` for a currency that prices cannot be in.
#[must_use]
pub fn minor_unit(code: &str) -> Option<u32> {
    CURRENCIES.iter().find(|(known, _)| *known == code).map(|(_, places)| *places)
}

/// The codes, for people.
#[must_use]
pub fn currencies() -> String {
    CURRENCIES.map(|(code, _)| code).join(", ")
}

/// What a resource with a code is asked for by.
pub enum Key {
    /// Its id.
    Id(Uuid),
    /// Its code.
    Code(String),
}

impl Key {
    /// The id, the code, and what a refusal names.
    #[must_use]
    pub fn parts(&self) -> (Option<Uuid>, Option<&str>, String) {
        match self {
            Self::Id(id) => (Some(*id), None, id.to_string()),
            Self::Code(code) => (None, Some(code), code.clone()),
        }
    }
}

/// A code that people give to something: 1 to 50 letters, digits, `_` and `-`.
pub fn code(field: &str, value: &str) -> Result<String, Violation> {
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
#[must_use]
pub fn decimal(value: &str, digits: usize, places: usize) -> Option<Decimal> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let written = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let length = if unsigned.contains('.') { whole.len() + fraction.len() } else { whole.len() };
    let fits = written(whole) && written(fraction) && length <= digits && fraction.len() <= places.max(1);
    if fits { Decimal::from_str_exact(value).ok() } else { None }
}

/// A text of at most `max` characters on any number of lines, blanks at the ends cut off.
pub fn lines(field: &str, value: &str, max: usize) -> Result<String, Violation> {
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
pub fn unknown(field: impl Into<String>, resource: &str, code: &str) -> Violation {
    Violation::new(field, ErrorReason::ResourceNotFound).with("resource", resource).with("value", code)
}

/// A text in both languages on the wire.
#[must_use]
pub fn localized(zh: &str, en: Option<&str>) -> LocalizedText {
    LocalizedText { zh: zh.to_owned(), en: en.unwrap_or_default().to_owned() }
}

/// A share in percent from 0 to 100 with at most 2 places.
pub fn percent(field: &str, value: &str) -> Result<Decimal, Violation> {
    bounded(field, value, 2, Decimal::ZERO, Decimal::ONE_HUNDRED)
}

/// A decimal number within bounds with at most so many places, without zeros at its end.
pub fn bounded(field: &str, value: &str, places: usize, min: Decimal, max: Decimal) -> Result<Decimal, Violation> {
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

/// An amount of money, not negative, in a currency of [`minor_unit`]. At most 15 digits and 4 places.
pub fn money(field: &str, money: &Money) -> Result<(Decimal, String), Violation> {
    if minor_unit(&money.currency_code).is_none() {
        return Err(Violation::new(format!("{field}.currency_code"), ErrorReason::UnknownValue)
            .with("value", &money.currency_code)
            .with("expected", currencies()));
    }
    let amount = bounded(&format!("{field}.amount"), &money.amount, 4, Decimal::ZERO, Decimal::MAX)?;
    Ok((amount, money.currency_code.clone()))
}

/// An amount of money on the wire.
#[must_use]
pub fn wire_money(amount: Decimal, currency_code: &str) -> Money {
    Money { currency_code: currency_code.to_owned(), amount: amount.normalize().to_string() }
}

/// Ties an enum of a model to the one of the wire that has the same values, and UNSPECIFIED beside them.
#[macro_export]
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
            pub(crate) fn read(field: &str, value: i32) -> Result<Option<Self>, $crate::Violation> {
                Ok(match $crate::known(field, value, <$wire>::as_str_name)? {
                    <$wire>::Unspecified => None,
                    $(<$wire>::$value => Some(Self::$value)),+
                })
            }
        }
    };
}

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
}
