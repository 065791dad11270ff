//! The opportunity and its rules.

use guanxi_resource::{Deletable, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::copies::Account;
use crate::pipeline::ForecastCategory;

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// Where an opportunity stands, beside being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    Open,
    Won,
    Lost,
    Suspended,
}

impl State {
    /// The name in refusals.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Won => "WON",
            Self::Lost => "LOST",
            Self::Suspended => "SUSPENDED",
        }
    }
}

/// What kind of sale it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    New,
    Expand,
    Renew,
    WinBack,
    Attack,
}

/// How far the customer's will to buy has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Intent {
    Unaware,
    Aware,
    Interested,
    Planning,
    Purchasing,
}

/// Why it was won or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CloseReason {
    Price,
    Product,
    Service,
    Relationship,
    Competitor,
    Budget,
    Timing,
    NoDecision,
    Other,
    Unknown,
}

/// Something that would be sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) offering_code: String,
    pub(crate) offering_name: String,
    pub(crate) quantity: i64,
    pub(crate) term_months: i32,
    /// In the opportunity's currency.
    pub(crate) list_amount: Option<Decimal>,
}

/// Somebody else who wants the deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Competitor {
    pub(crate) name: String,
    pub(crate) offer: String,
    pub(crate) price: Option<Decimal>,
    pub(crate) currency_code: Option<String>,
}

/// What a member of a team does.
#[expect(clippy::enum_variant_names, reason = "the terms of the field")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TeamRole {
    AccountManager,
    ProductManager,
    SupportManager,
}

/// Somebody who works on it beside the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TeamMember {
    pub(crate) account_manager_id: Uuid,
    pub(crate) employee_number: String,
    pub(crate) role: TeamRole,
}

/// Tells success factors from entry points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FactorKind {
    SuccessFactor,
    EntryPoint,
}

/// Something that decides it, or a point to begin at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeySuccessFactor {
    pub(crate) text: String,
    pub(crate) kind: FactorKind,
    pub(crate) met: bool,
}

/// An opportunity as it is stored; its fields are the columns, but for what is known of the account, which is read beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct Opportunity {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) account_name: Option<String>,
    pub(crate) account_tier: Option<String>,
    pub(crate) account_industry_code: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) pipeline_code: String,
    pub(crate) stage_code: String,
    #[serde(with = "iso_day::option")]
    pub(crate) stage_enter_date: Option<Date>,
    pub(crate) state: State,
    pub(crate) owner_id: Uuid,
    pub(crate) owner_employee_number: String,
    pub(crate) territory_code: String,
    pub(crate) territory_path: String,
    pub(crate) seen_by: Vec<String>,
    pub(crate) amount: Option<Decimal>,
    pub(crate) list_amount: Option<Decimal>,
    pub(crate) currency_code: Option<String>,
    pub(crate) probability_percent: Option<i32>,
    pub(crate) forecast_category: Option<ForecastCategory>,
    #[serde(with = "iso_day::option")]
    pub(crate) expected_close_date: Option<Date>,
    #[serde(with = "iso_day::option")]
    pub(crate) open_date: Option<Date>,
    #[serde(with = "iso_day::option")]
    pub(crate) close_date: Option<Date>,
    pub(crate) intent: Option<Intent>,
    pub(crate) lines: Json<Vec<Line>>,
    pub(crate) offering_codes: Vec<String>,
    pub(crate) competitors: Json<Vec<Competitor>>,
    pub(crate) team: Json<Vec<TeamMember>>,
    pub(crate) key_success_factors: Json<Vec<KeySuccessFactor>>,
    pub(crate) flagship: bool,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) close_reason: Option<CloseReason>,
    pub(crate) reason: String,
    #[serde(with = "iso_day::option")]
    pub(crate) suspend_until_date: Option<Date>,
    pub(crate) lead_id: Option<Uuid>,
    pub(crate) imported_from: Option<String>,
    pub(crate) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) delete_time: Option<OffsetDateTime>,
}

/// A time that an opportunity spent in a stage; its fields are columns.
#[derive(Clone, Debug)]
pub(crate) struct StagePeriod {
    pub(crate) number: i32,
    pub(crate) stage_code: String,
    pub(crate) enter_date: Option<Date>,
    pub(crate) leave_date: Option<Date>,
    pub(crate) enter_time: OffsetDateTime,
    pub(crate) leave_time: Option<OffsetDateTime>,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) imported: bool,
}

impl StagePeriod {
    /// Whole days in the stage, of the present one until today; `None` where a day is not known.
    pub(crate) fn days(&self, today: Date) -> Option<i64> {
        let until = if self.leave_time.is_none() { Some(today) } else { self.leave_date };
        Some((until? - self.enter_date?).whole_days())
    }
}

/// Who answers for something, and where that lies.
#[derive(Clone, Debug)]
pub(crate) struct Placing {
    pub(crate) owner_id: Uuid,
    pub(crate) owner_employee_number: String,
    pub(crate) territory_code: String,
    pub(crate) territory_path: String,
}

impl Opportunity {
    /// An opportunity that nothing is known of yet but where it belongs, open since today.
    pub(crate) fn blank(id: Uuid, placing: Placing, today: Date, now: OffsetDateTime) -> Self {
        Self {
            id,
            title: String::new(),
            account_id: None,
            account_name: None,
            account_tier: None,
            account_industry_code: None,
            kind: Kind::New,
            pipeline_code: String::new(),
            stage_code: String::new(),
            stage_enter_date: Some(today),
            state: State::Open,
            seen_by: vec![placing.owner_employee_number.clone()],
            owner_id: placing.owner_id,
            owner_employee_number: placing.owner_employee_number,
            territory_code: placing.territory_code,
            territory_path: placing.territory_path,
            amount: None,
            list_amount: None,
            currency_code: None,
            probability_percent: None,
            forecast_category: None,
            expected_close_date: None,
            open_date: Some(today),
            close_date: None,
            intent: None,
            lines: Json(Vec::new()),
            offering_codes: Vec::new(),
            competitors: Json(Vec::new()),
            team: Json(Vec::new()),
            key_success_factors: Json(Vec::new()),
            flagship: false,
            description: String::new(),
            tags: Vec::new(),
            close_reason: None,
            reason: String::new(),
            suspend_until_date: None,
            lead_id: None,
            imported_from: None,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        }
    }

    /// With what is known of its account.
    pub(super) fn with_account(self, account: Option<&Account>) -> Self {
        Self {
            account_name: account.map(|account| account.legal_name.clone()),
            account_tier: account.and_then(|account| account.tier.clone()),
            account_industry_code: account.and_then(|account| account.industry_code.clone()),
            ..self
        }
    }

    /// What it counts for.
    pub(crate) fn value(&self) -> Option<Decimal> {
        self.amount.or(self.list_amount)
    }

    /// With what follows from its lines, its owner and its team kept as they say.
    pub(crate) fn settled(mut self) -> Self {
        let amounts: Vec<Decimal> = self.lines.iter().filter_map(|line| line.list_amount).collect();
        self.list_amount = if amounts.is_empty() { None } else { Some(amounts.into_iter().sum()) };
        if self.value().is_none() {
            self.currency_code = None;
        }
        self.offering_codes = self.lines.iter().map(|line| line.offering_code.clone()).collect();
        let team = self.team.iter().map(|member| member.employee_number.clone());
        self.seen_by = std::iter::once(self.owner_employee_number.clone()).chain(team).collect();
        self.seen_by.sort_unstable();
        self.seen_by.dedup();
        self
    }
}

impl Resource for Opportunity {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Opportunity {
    const LIVE: &'static str = "OPEN, WON, LOST, SUSPENDED";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
impl Opportunity {
    /// An opportunity of somebody somewhere, open since 2026-03-01.
    pub(super) fn sample() -> Self {
        let placing = Placing {
            owner_id: Uuid::nil(),
            owner_employee_number: "E2".to_owned(),
            territory_code: "CN".to_owned(),
            territory_path: "CN/".to_owned(),
        };
        Self::blank(Uuid::nil(), placing, time::macros::date!(2026 - 03 - 01), OffsetDateTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn its_value_is_the_amount_that_people_say_else_that_of_its_lines() {
        let line = |list_amount: Option<i64>| Line {
            offering_code: "MAIL".to_owned(),
            offering_name: String::new(),
            quantity: 1,
            term_months: 0,
            list_amount: list_amount.map(Decimal::from),
        };
        let mut deal = Opportunity { currency_code: Some("CNY".to_owned()), ..Opportunity::sample() };
        assert_eq!((deal.clone().settled().value(), deal.clone().settled().currency_code), (None, None));
        deal.lines = Json(vec![line(Some(10)), line(None), line(Some(5))]);
        let deal = deal.settled();
        assert_eq!((deal.value(), deal.currency_code.as_deref()), (Some(Decimal::from(15)), Some("CNY")));
        assert_eq!(Opportunity { amount: Some(Decimal::ONE), ..deal }.value(), Some(Decimal::ONE));
    }

    #[test]
    fn days_in_a_stage_are_counted_between_days_that_are_known() {
        let (first, later, now) = (date!(2026 - 03 - 01), date!(2026 - 03 - 11), OffsetDateTime::UNIX_EPOCH);
        let period = |enter_date, leave_date, leave_time| StagePeriod {
            number: 1,
            stage_code: "SOLUTION".to_owned(),
            enter_date,
            leave_date,
            enter_time: now,
            leave_time,
            reason: String::new(),
            actor: "E1".to_owned(),
            imported: false,
        };
        for (period, days) in [
            (period(Some(first), None, None), Some(10)),
            (period(Some(first), Some(first), Some(now)), Some(0)),
            (period(Some(first), None, Some(now)), None),
            (period(None, Some(later), Some(now)), None),
        ] {
            assert_eq!(period.days(later), days, "{period:?}");
        }
    }

    #[test]
    fn the_owner_and_the_team_see_it_each_once() {
        let member = |employee_number: &str, role| TeamMember {
            account_manager_id: Uuid::nil(),
            employee_number: employee_number.to_owned(),
            role,
        };
        let team = vec![member("E1", TeamRole::ProductManager), member("E2", TeamRole::SupportManager)];
        assert_eq!(Opportunity { team: Json(team), ..Opportunity::sample() }.settled().seen_by, ["E1", "E2"]);
    }
}
