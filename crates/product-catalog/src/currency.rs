//! Currencies that prices may be in: the code and the places of the minor unit (ISO 4217, list one of 2024).

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
pub(crate) fn minor_unit(code: &str) -> Option<u32> {
    CURRENCIES.iter().find(|(known, _)| *known == code).map(|(_, places)| *places)
}

/// The codes, for people.
pub(crate) fn codes() -> String {
    CURRENCIES.map(|(code, _)| code).join(", ")
}
