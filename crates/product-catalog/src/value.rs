//! Values that every noun of the catalog reads: codes, names, days, shares, amounts.

use guanxi_grpc::Violation;
pub(crate) use guanxi_grpc::value::{
    Key, bounded, code, currencies, decimal, lines, localized, minor_unit, percent, unknown,
};
pub(crate) use guanxi_grpc::wire_enum;
use rust_decimal::Decimal;

/// A rate of money: at most 9 digits and 6 places, not negative.
pub(crate) fn amount(field: &str, value: &str) -> Result<Decimal, Violation> {
    bounded(field, value, 6, Decimal::ZERO, Decimal::from_parts(0xA4C6_7FFF, 0x3_8D7E, 0, false, 6))
}

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
    }

    #[test]
    fn an_amount_has_nine_digits_and_six_places() {
        assert_eq!(amount("amount", "999999999.999999").unwrap().to_string(), "999999999.999999");
        for (wrong, reason) in [("-0.01", "OUT_OF_RANGE"), ("1000000000", "OUT_OF_RANGE"), ("0.0000001", "FORMAT")] {
            assert_eq!(amount("amount", wrong).unwrap_err().reason.name(), reason, "{wrong}");
        }
    }
}
