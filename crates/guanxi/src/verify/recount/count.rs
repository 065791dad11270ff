//! What counts, written down once more from docs/decisions/0017 and the table of the domain: pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guanxi_proto::opportunity_pipeline::v1::{Opportunity, OpportunityState};
use guanxi_proto::r#type::v1::Money;
use rust_decimal::{Decimal, RoundingStrategy};
use time::Date;
use time::macros::format_description;

use super::By;
use super::indicator::Indicator;

/// Values by key and currency; a figure may have none.
pub(super) type Figures = BTreeMap<(String, String), Option<Decimal>>;

/// Whose something is.
#[derive(Clone, Debug, Default)]
pub(super) struct Whose {
    pub(super) territory_code: String,
    pub(super) manager_id: String,
    pub(super) tier: String,
}

/// An account that is there.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) whose: Whose,
    pub(super) assigned: bool,
    /// Since when it is a new one, and whose it was then.
    pub(super) new: Option<(Date, Whose)>,
}

/// An opportunity at some moment, with the tier of its account then.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) deal: Opportunity,
    pub(super) tier: String,
}

/// An opportunity that is there.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    pub(super) now: Moment,
    pub(super) opened: Moment,
    pub(super) closed: Option<Moment>,
    pub(super) quotes_waiting: i64,
}

/// Everything that was told.
#[derive(Default)]
pub(super) struct Told {
    /// The territory above each one; empty for none.
    pub(super) territories: HashMap<String, String>,
    pub(super) accounts: Vec<Account>,
    pub(super) managers_in_service: Vec<Whose>,
    pub(super) deals: Vec<Deal>,
    /// Percent by pipeline and stage.
    pub(super) chances: HashMap<(String, String), i32>,
}

/// Something that counts.
pub(super) struct Fact {
    measure: &'static str,
    whose: Whose,
    day: Option<Date>,
    currency: String,
    value: Decimal,
    offerings: BTreeMap<String, Decimal>,
}

impl Told {
    /// Everything that counts. What lies in no territory counts nowhere.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        for account in &self.accounts {
            facts.push(plain("account", account.whose.clone(), None));
            if account.assigned {
                facts.push(plain("assigned account", account.whose.clone(), None));
            }
            if let Some((day, whose)) = &account.new {
                facts.push(plain("new account", whose.clone(), Some(*day)));
            }
        }
        facts.extend(self.managers_in_service.iter().map(|whose| plain("manager", whose.clone(), None)));
        for deal in &self.deals {
            self.count_deal(deal, &mut facts);
        }
        facts.retain(|fact| self.territories.contains_key(&fact.whose.territory_code));
        facts
    }

    fn count_deal(&self, deal: &Deal, facts: &mut Vec<Fact>) {
        let now = &deal.now;
        facts.push(count("opened", &deal.opened, day(&deal.opened.deal.open_date), Decimal::ONE));
        if deal.quotes_waiting > 0 {
            let waiting = count("quote waiting", now, None, Decimal::from(deal.quotes_waiting));
            facts.push(Fact { currency: String::new(), ..waiting });
        }
        if now.deal.state() == OpportunityState::Open {
            facts.push(count("open", now, None, Decimal::ONE));
            if let Some(value) = amount(now.deal.value.as_ref()) {
                facts.push(money("open value", now, None, value));
                let stage = (now.deal.pipeline_code.clone(), now.deal.stage_code.clone());
                if let Some(chance) = now.deal.probability_percent.or(self.chances.get(&stage).copied()) {
                    let weighted = value * Decimal::from(chance) / Decimal::ONE_HUNDRED;
                    facts.push(money("weighted value", now, None, weighted));
                }
            }
        }
        if let Some(closed) = &deal.closed {
            count_closed(closed, facts);
        }
    }

    /// The figures of an indicator.
    pub(super) fn figures(&self, facts: &[Fact], indicator: &Indicator, by: By) -> Figures {
        let mut sums: BTreeMap<String, BTreeMap<&str, BTreeMap<&'static str, Decimal>>> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| indicator.counts(fact.measure)) {
            for (key, value) in self.keys(fact, by) {
                let by_currency = sums.entry(key).or_default().entry(&fact.currency).or_default();
                *by_currency.entry(fact.measure).or_default() += value;
            }
        }
        let mut figures = Figures::new();
        for (key, parts) in sums {
            let nothing = |measures: &BTreeMap<&str, Decimal>| measures.values().all(Decimal::is_zero);
            let kept: Vec<_> = parts.iter().filter(|(_, measures)| !nothing(measures)).collect();
            let mut currencies: BTreeSet<&str> = kept.iter().map(|(currency, _)| **currency).collect();
            if indicator.money {
                currencies.remove("");
            } else if !kept.is_empty() {
                currencies = BTreeSet::from([""]);
            }
            for currency in currencies {
                let mut added: BTreeMap<&str, Decimal> = BTreeMap::new();
                let goes_with = |of: &str| !indicator.money || of.is_empty() || of == currency;
                for (measure, value) in
                    kept.iter().filter(|(of, _)| goes_with(of)).flat_map(|(_, measures)| measures.iter())
                {
                    *added.entry(measure).or_default() += value;
                }
                if !nothing(&added) {
                    figures.insert((key.clone(), currency.to_owned()), indicator.value(&added));
                }
            }
        }
        if matches!(by, By::Whole) && !indicator.money {
            // How much there is of nothing is a figure, too.
            figures.entry((String::new(), String::new())).or_insert_with(|| indicator.value(&BTreeMap::new()));
        }
        figures
    }

    /// Under which keys a fact stands, and with which value.
    fn keys(&self, fact: &Fact, by: By) -> Vec<(String, Decimal)> {
        let key = match by {
            By::Offering => return fact.offerings.iter().map(|(code, value)| (code.clone(), *value)).collect(),
            By::Whole => String::new(),
            By::Territory => self.first_level(&fact.whose.territory_code),
            By::Manager => fact.whose.manager_id.clone(),
            By::Tier => fact.whose.tier.clone(),
            By::Month => {
                fact.day.map(|day| format!("{:04}-{:02}", day.year(), u8::from(day.month()))).unwrap_or_default()
            }
        };
        vec![(key, fact.value)]
    }

    /// The territory below the only one on top that another lies in, or that on top itself; where several are on top, that one.
    fn first_level(&self, code: &str) -> String {
        let above = |code: &str| self.territories.get(code).filter(|above| !above.is_empty());
        let tops = self.territories.values().filter(|above| above.is_empty()).count();
        let (mut here, mut below) = (code, code);
        while let Some(above) = above(here) {
            (below, here) = (here, above);
        }
        if tops == 1 { below.to_owned() } else { here.to_owned() }
    }
}

fn count_closed(closed: &Moment, facts: &mut Vec<Fact>) {
    let deal = &closed.deal;
    let (opened, ended) = (day(&deal.open_date), day(&deal.close_date));
    let won = deal.state() == OpportunityState::Won;
    let [one, cycle, days] = if won { ["won", "cycle won", "days won"] } else { ["lost", "cycle lost", "days lost"] };
    facts.push(count(one, closed, ended, Decimal::ONE));
    if let (Some(opened), Some(ended)) = (opened, ended) {
        facts.push(count(cycle, closed, Some(ended), Decimal::ONE));
        facts.push(count(days, closed, Some(ended), Decimal::from((ended - opened).whole_days())));
    }
    let (value, list) = (amount(deal.value.as_ref()), amount(deal.list_amount.as_ref()));
    if let (true, Some(value)) = (won, value) {
        facts.push(money("won value", closed, ended, value));
        if let Some(list) = list {
            facts.push(money("list", closed, ended, list));
            facts.push(money("net", closed, ended, value));
        }
    }
}

fn plain(measure: &'static str, whose: Whose, day: Option<Date>) -> Fact {
    let (value, offerings) = (Decimal::ONE, BTreeMap::from([(String::new(), Decimal::ONE)]));
    Fact { measure, whose, day, currency: String::new(), value, offerings }
}

/// Counts for each offering of the lines.
fn count(measure: &'static str, moment: &Moment, day: Option<Date>, value: Decimal) -> Fact {
    let deal = &moment.deal;
    let whose = Whose {
        territory_code: deal.territory_code.clone(),
        manager_id: deal.owner_id.clone(),
        tier: moment.tier.clone(),
    };
    let mut offerings: BTreeMap<String, Decimal> =
        deal.lines.iter().map(|line| (line.offering_code.clone(), value)).collect();
    if offerings.is_empty() {
        offerings.insert(String::new(), value);
    }
    let currency = deal.value.as_ref().map(|money| money.currency_code.clone()).unwrap_or_default();
    Fact { measure, whose, day, currency, value, offerings }
}

/// Is split over the lines by list amount, or equally; each part but the last is rounded to 4 places.
fn money(measure: &'static str, moment: &Moment, day: Option<Date>, value: Decimal) -> Fact {
    let lines = &moment.deal.lines;
    let listed: Vec<Option<Decimal>> = lines.iter().map(|line| amount(line.list_amount.as_ref())).collect();
    let all: Decimal = listed.iter().flatten().sum();
    let equal = listed.contains(&None) || all.is_zero();
    let mut offerings: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut left = value;
    for (place, (line, listed)) in lines.iter().zip(listed).enumerate() {
        let part = match listed.filter(|_| !equal) {
            Some(listed) => value * listed / all,
            None => value / Decimal::from(lines.len()),
        };
        let part = part.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
        let part = if place + 1 == lines.len() { left } else { part };
        left -= part;
        *offerings.entry(line.offering_code.clone()).or_default() += part;
    }
    if lines.is_empty() {
        offerings.insert(String::new(), value);
    }
    Fact { offerings, ..count(measure, moment, day, value) }
}

fn amount(money: Option<&Money>) -> Option<Decimal> {
    money.and_then(|money| money.amount.parse().ok())
}

/// A day on the wire.
fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

#[cfg(test)]
mod tests {
    use guanxi_proto::opportunity_pipeline::v1::OpportunityLine;

    use super::super::indicator::INDICATORS;
    use super::*;

    fn yuan(amount: &str) -> Money {
        Money { currency_code: "CNY".to_owned(), amount: amount.to_owned() }
    }

    /// A deal in the tree CN > 44 > 4403 that was worth 100 when it was won, and was changed later.
    fn told() -> Told {
        let line = |code: &str, list: &str| OpportunityLine {
            offering_code: code.to_owned(),
            list_amount: Some(yuan(list)),
            ..Default::default()
        };
        let won = Opportunity {
            territory_code: "4403".to_owned(),
            state: OpportunityState::Won.into(),
            open_date: "2026-01-01".to_owned(),
            close_date: "2026-02-10".to_owned(),
            value: Some(yuan("100")),
            lines: vec![line("A", "1"), line("B", "2")],
            ..Default::default()
        };
        let moment = |deal: Opportunity| Moment { deal, tier: "A".to_owned() };
        let now = moment(Opportunity { value: Some(yuan("7")), ..won.clone() });
        let deal = Deal { now, opened: moment(won.clone()), closed: Some(moment(won)), quotes_waiting: 0 };
        let tree = [("CN", ""), ("44", "CN"), ("4403", "44")];
        let territories = tree.map(|(code, above)| (code.to_owned(), above.to_owned())).into();
        Told { territories, deals: vec![deal], ..Told::default() }
    }

    fn figures(told: &Told, code: &str, by: By) -> Vec<(String, String, String)> {
        let indicator = INDICATORS.iter().find(|indicator| indicator.code == code).unwrap();
        let figures = told.figures(&told.facts(), indicator, by).into_iter();
        let text = |value: Option<Decimal>| value.map(|value| value.normalize().to_string()).unwrap_or_default();
        figures.map(|((key, currency), value)| (key, currency, text(value))).collect()
    }

    fn figure(key: &str, currency: &str, value: &str) -> (String, String, String) {
        (key.to_owned(), currency.to_owned(), value.to_owned())
    }

    #[test]
    fn what_was_won_stays_as_it_was_won() {
        let told = told();
        assert_eq!(figures(&told, "won-value", By::Whole), [figure("", "CNY", "100")]);
        assert_eq!(figures(&told, "won-value", By::Territory), [figure("44", "CNY", "100")]);
        assert_eq!(figures(&told, "won-value", By::Month), [figure("2026-02", "CNY", "100")]);
        assert_eq!(figures(&told, "cycle-days-won", By::Tier), [figure("A", "", "40")]);
        let split = [figure("A", "CNY", "33.3333"), figure("B", "CNY", "66.6667")];
        assert_eq!(figures(&told, "won-value", By::Offering), split);
    }

    #[test]
    fn what_lies_in_no_territory_counts_nowhere_and_nothing_divides_by_nothing() {
        let mut told = told();
        told.managers_in_service.push(Whose { territory_code: "44".to_owned(), ..Whose::default() });
        assert_eq!(figures(&told, "accounts-per-manager", By::Whole), [figure("", "", "0")]);
        let assigned = Account { whose: told.managers_in_service[0].clone(), assigned: true, new: None };
        told.managers_in_service.clear();
        told.accounts.push(assigned);
        assert_eq!(figures(&told, "accounts-per-manager", By::Whole), [figure("", "", "")]);
        told.territories.clear();
        assert_eq!(figures(&told, "won-value", By::Whole), []);
        assert_eq!(figures(&told, "accounts", By::Whole), [figure("", "", "0")]);
    }
}
