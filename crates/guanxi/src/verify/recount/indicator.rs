//! The indicators that can be counted from what the other services say, as the table of the domain has them.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::By;

/// An indicator of the table: some measures, each added or taken away, and what they are divided by.
pub(super) struct Indicator {
    pub(super) code: &'static str,
    over: &'static [(i64, &'static str)],
    under: &'static [(i64, &'static str)],
    /// True where a figure is one for each currency.
    pub(super) money: bool,
    places: Option<u32>,
    about: About,
}

/// What an indicator counts, which says how it can be broken down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Accounts,
    NewAccounts,
    Managers,
    OpenDeals,
    ClosedDeals,
}

const fn line(
    code: &'static str,
    over: &'static [(i64, &'static str)],
    under: &'static [(i64, &'static str)],
    money: bool,
    places: Option<u32>,
    about: About,
) -> Indicator {
    Indicator { code, over, under, money, places, about }
}

use About::{Accounts, ClosedDeals, Managers, NewAccounts, OpenDeals};

/// Those whose measures the other services tell; imported measures are nobody's to recount.
#[rustfmt::skip]
pub(super) static INDICATORS: [Indicator; 16] = [
    line("accounts", &[(1, "account")], &[], false, None, Accounts),
    line("new-accounts", &[(1, "new account")], &[], false, None, NewAccounts),
    line("opportunities-opened", &[(1, "opened")], &[], false, None, ClosedDeals),
    line("opportunities-won", &[(1, "won")], &[], false, None, ClosedDeals),
    line("opportunities-lost", &[(1, "lost")], &[], false, None, ClosedDeals),
    line("win-rate", &[(1, "won")], &[(1, "won"), (1, "lost")], false, Some(6), ClosedDeals),
    line("won-value", &[(1, "won value")], &[], true, None, ClosedDeals),
    line("average-deal", &[(1, "won value")], &[(1, "won")], true, Some(4), ClosedDeals),
    line("cycle-days-won", &[(1, "days won")], &[(1, "cycle won")], false, Some(4), ClosedDeals),
    line("cycle-days-closed", &[(1, "days won"), (1, "days lost")], &[(1, "cycle won"), (1, "cycle lost")], false, Some(4), ClosedDeals),
    line("pipeline-count", &[(1, "open")], &[], false, None, OpenDeals),
    line("pipeline-value", &[(1, "open value")], &[], true, None, OpenDeals),
    line("weighted-pipeline", &[(1, "weighted value")], &[], true, None, OpenDeals),
    line("discount-depth", &[(1, "list"), (-1, "net")], &[(1, "list")], true, Some(6), ClosedDeals),
    line("accounts-per-manager", &[(1, "assigned account")], &[(1, "manager")], false, Some(4), Managers),
    line("quotes-waiting", &[(1, "quote waiting")], &[], false, None, OpenDeals),
];

impl Indicator {
    pub(super) fn break_downs(&self) -> Vec<By> {
        match self.about {
            Accounts | Managers => vec![By::Whole, By::Territory, By::Manager, By::Tier],
            NewAccounts => vec![By::Whole, By::Territory, By::Manager, By::Tier, By::Month],
            OpenDeals => vec![By::Whole, By::Territory, By::Manager, By::Tier, By::Offering],
            ClosedDeals => vec![By::Whole, By::Territory, By::Manager, By::Tier, By::Offering, By::Month],
        }
    }

    /// The value of some sums, the places that it is rounded to, and nothing where it divides by nothing.
    pub(super) fn value(&self, sums: &BTreeMap<&str, Decimal>) -> Option<Decimal> {
        let total = |terms: &[(i64, &str)]| -> Decimal {
            terms
                .iter()
                .map(|(sign, measure)| Decimal::from(*sign) * sums.get(measure).copied().unwrap_or_default())
                .sum()
        };
        let value =
            if self.under.is_empty() { total(self.over) } else { total(self.over).checked_div(total(self.under))? };
        Some(match self.places {
            Some(places) => value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero),
            None => value,
        })
    }

    /// True where it is made of a measure.
    pub(super) fn counts(&self, measure: &str) -> bool {
        self.over.iter().chain(self.under).any(|(_, counted)| *counted == measure)
    }
}
