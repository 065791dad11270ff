//! Amounts: what a priced offer comes to over its terms, and whether two answers have the same prices.

use guanxi_proto::product_catalog::v1::{Charge, ChargeKind, PriceQuoteLine, PriceQuoteResponse};
use guanxi_proto::r#type::v1::Money;
use rust_decimal::{Decimal, RoundingStrategy};

use super::model::{Concession, Payer};

/// What is charged every month and year is counted for so long where a line has no term.
const USUAL_TERM: i32 = 12;
/// Amounts of the wire have at most 15 digits, 2 of them places.
const LARGEST: i64 = 9_999_999_999_999;

/// What an offer comes to over the terms of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) list: Decimal,
    pub(super) net: Decimal,
    /// `None` where one is unknown.
    pub(super) cost: Option<Decimal>,
}

/// The amounts of an answer to some lines; `None` where it is no answer to them.
pub(super) fn contract(lines: &[PriceQuoteLine], answer: &PriceQuoteResponse) -> Option<Amounts> {
    if lines.len() != answer.lines.len() {
        return None;
    }
    let mut sum = Amounts { list: Decimal::ZERO, net: Decimal::ZERO, cost: Some(Decimal::ZERO) };
    for (line, quoted) in lines.iter().zip(&answer.lines) {
        for charge in &quoted.charges {
            let times = times(charge.charge_kind(), line.term_months);
            sum.list += decimal(charge.list_amount.as_ref()?)?.checked_mul(times)?;
            sum.net += decimal(charge.net_amount.as_ref()?)?.checked_mul(times)?;
            let cost = charge.cost_amount.as_ref().map(decimal);
            sum.cost = match (sum.cost, cost) {
                (Some(sum), Some(cost)) => Some(sum + cost?.checked_mul(times)?),
                _ => None,
            };
        }
    }
    Some(sum)
}

impl Amounts {
    /// True if each of them fits an amount of the wire.
    pub(super) fn fit(&self) -> bool {
        [Some(self.list), Some(self.net), self.cost]
            .into_iter()
            .flatten()
            .all(|amount| amount <= Decimal::from(LARGEST))
    }

    /// What is left after the costs and what we pay of the concessions, in percent of the net amount, rounded half up to 2 places; `None`
    /// where the cost is unknown or the net amount is zero.
    pub(super) fn margin(&self, ours: Decimal) -> Option<Decimal> {
        let left = self.net.checked_sub(self.cost?)?.checked_sub(ours)?;
        let share = left.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(self.net)?;
        Some(share.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
    }

    /// True if it loses money for sure, be a cost known or not.
    pub(super) fn loses(&self, ours: Decimal) -> bool {
        self.net < self.cost.unwrap_or_default() + ours
    }
}

/// What we pay of some concessions.
pub(super) fn ours(concessions: &[Concession]) -> Decimal {
    let ours = |concession: &Concession| match concession.payer {
        Payer::Operator => concession.cost,
        Payer::Customer => Decimal::ZERO,
        Payer::Shared => concession.cost * concession.operator_share_percent.unwrap_or_default() / Decimal::ONE_HUNDRED,
    };
    concessions.iter().map(ours).sum()
}

/// True if two answers have the same prices, whatever else has changed between them.
pub(super) fn same_prices(one: &PriceQuoteResponse, other: &PriceQuoteResponse) -> bool {
    prices(one) == prices(other)
}

/// Kind and amounts of each charge, by line.
fn prices(answer: &PriceQuoteResponse) -> Vec<(&str, Vec<Price<'_>>)> {
    let lines = answer.lines.iter();
    lines.map(|line| (line.offering_code.as_str(), line.charges.iter().map(Price::of).collect())).collect()
}

#[derive(PartialEq)]
struct Price<'a> {
    kind: i32,
    list: Option<&'a Money>,
    net: Option<&'a Money>,
    cost: Option<&'a Money>,
}

impl<'a> Price<'a> {
    fn of(charge: &'a Charge) -> Self {
        Self {
            kind: charge.charge_kind,
            list: charge.list_amount.as_ref(),
            net: charge.net_amount.as_ref(),
            cost: charge.cost_amount.as_ref(),
        }
    }
}

/// How often a kind of charge is charged over a term.
fn times(kind: ChargeKind, term_months: i32) -> Decimal {
    let months = if term_months == 0 { USUAL_TERM } else { term_months };
    match kind {
        ChargeKind::Monthly | ChargeKind::Usage => Decimal::from(months),
        ChargeKind::Yearly => Decimal::from((months + 11) / 12),
        ChargeKind::OneTime | ChargeKind::Unspecified => Decimal::ONE,
    }
}

fn decimal(money: &Money) -> Option<Decimal> {
    money.amount.parse().ok()
}

#[cfg(test)]
mod tests {
    use guanxi_proto::product_catalog::v1::QuotedLine;

    use super::*;

    fn money(amount: &str) -> Money {
        Money { currency_code: "CNY".to_owned(), amount: amount.to_owned() }
    }

    fn charge(kind: ChargeKind, list: &str, net: &str, cost: Option<&str>) -> Charge {
        Charge {
            charge_kind: kind.into(),
            list_amount: Some(money(list)),
            net_amount: Some(money(net)),
            cost_amount: cost.map(money),
            ..Default::default()
        }
    }

    fn answer(charges: Vec<Charge>) -> PriceQuoteResponse {
        let line = QuotedLine { offering_code: "MAIL".to_owned(), charges, ..Default::default() };
        PriceQuoteResponse { lines: vec![line], ..Default::default() }
    }

    fn line(term_months: i32) -> Vec<PriceQuoteLine> {
        vec![PriceQuoteLine { term_months, ..Default::default() }]
    }

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn an_offer_comes_to_all_its_charges_over_the_term_of_each_line() {
        let charges = vec![
            charge(ChargeKind::OneTime, "100.00", "90.00", Some("50.00")),
            charge(ChargeKind::Monthly, "10.00", "9.00", Some("5.00")),
            charge(ChargeKind::Yearly, "1000.00", "1000.00", Some("0.00")),
            charge(ChargeKind::Usage, "1.00", "0.50", Some("0.10")),
        ];
        let answer = answer(charges);
        // 100 + 13 × 10 + 2 × 1000 + 13 × 1, and without a term those of 12 months and 1 year.
        for (term, list, net, cost) in [(13, "2243", "2213.5", "116.3"), (0, "1232", "1204", "111.2")] {
            let expected = Amounts { list: number(list), net: number(net), cost: Some(number(cost)) };
            assert_eq!(contract(&line(term), &answer), Some(expected), "{term}");
        }
        assert_eq!(contract(&[], &answer), None, "no answer to what was asked");
    }

    #[test]
    fn one_unknown_cost_makes_all_of_it_unknown() {
        let known = charge(ChargeKind::OneTime, "10.00", "10.00", Some("5.00"));
        let unknown = charge(ChargeKind::OneTime, "10.00", "10.00", None);
        let amounts = contract(&line(0), &answer(vec![known, unknown])).unwrap();
        assert_eq!((amounts.cost, amounts.margin(Decimal::ZERO)), (None, None));
        assert!(!amounts.loses(Decimal::from(20)) && amounts.loses(Decimal::from(21)));
    }

    #[test]
    fn the_margin_is_what_is_left_after_costs_and_our_share_of_concessions() {
        let amounts = Amounts { list: number("300"), net: number("300"), cost: Some(number("100")) };
        let concession = |cost: i64, payer, share: Option<i64>| Concession {
            text: "x".to_owned(),
            cost: Decimal::from(cost),
            payer,
            operator_share_percent: share.map(Decimal::from),
        };
        let asked = [
            concession(50, Payer::Operator, None),
            concession(1_000, Payer::Customer, None),
            concession(200, Payer::Shared, Some(25)),
        ];
        assert_eq!(ours(&asked), Decimal::from(100));
        assert_eq!(amounts.margin(ours(&asked)), Some(number("33.33")));
        assert_eq!(amounts.margin(Decimal::from(201)), Some(number("-0.33")));
        assert!(!amounts.loses(Decimal::from(200)) && amounts.loses(Decimal::from(201)));
        let free = Amounts { list: Decimal::ZERO, net: Decimal::ZERO, cost: Some(Decimal::ZERO) };
        assert_eq!(free.margin(Decimal::ONE), None);
    }

    #[test]
    fn other_amounts_are_other_prices_and_another_version_is_not() {
        let one = answer(vec![charge(ChargeKind::OneTime, "10.00", "9.00", Some("5.00"))]);
        assert!(same_prices(&one, &PriceQuoteResponse { catalog_version: 7, ..one.clone() }));
        for other in [("11.00", "9.00", Some("5.00")), ("10.00", "9.01", Some("5.00")), ("10.00", "9.00", None)] {
            let other = answer(vec![charge(ChargeKind::OneTime, other.0, other.1, other.2)]);
            assert!(!same_prices(&one, &other));
        }
    }

    #[test]
    fn amounts_fit_what_goes_on_the_wire() {
        let of = |amount: i64| Amounts { list: Decimal::from(amount), net: Decimal::ONE, cost: None };
        assert!(of(9_999_999_999_999).fit() && !of(10_000_000_000_000).fit());
    }
}
