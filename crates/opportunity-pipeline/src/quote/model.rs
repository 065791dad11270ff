//! The quote, and what its states allow.

use guanxi_grpc::{Call, Refusal, Violation, day};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::{PriceQuoteRequest, PriceQuoteResponse};
use guanxi_resource::{Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use time::{Date, Duration, OffsetDateTime};
use tonic::Code;
use uuid::Uuid;

use super::stored::Stored;
use crate::approval_policy::Level;
use crate::error::reason;
use crate::opportunity::{Opportunity, State as DealState};

time::serde::format_description!(iso_day, Date, "[year]-[month]-[day]");

/// For how many days a quote is valid where nobody says otherwise.
const USUAL_DAYS: i64 = 30;

/// Where a quote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    Draft,
    Waiting,
    Approved,
    Accepted,
    Rejected,
    Withdrawn,
    Expired,
    Declined,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Waiting => "WAITING",
            Self::Approved => "APPROVED",
            Self::Accepted => "ACCEPTED",
            Self::Rejected => "REJECTED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Expired => "EXPIRED",
            Self::Declined => "DECLINED",
        }
    }
}

/// Who pays for a concession.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Payer {
    Operator,
    Customer,
    Shared,
}

/// Something that the customer asks on top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Concession {
    pub(crate) text: String,
    /// In the quote's currency.
    pub(crate) cost: Decimal,
    pub(crate) payer: Payer,
    /// Of what is shared.
    pub(crate) operator_share_percent: Option<Decimal>,
}

/// A quote as it is stored; its fields are the columns, and those of its opportunity that it is seen and decided by, which are read beside it.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub(crate) struct Quote {
    pub(super) id: Uuid,
    pub(super) opportunity_id: Uuid,
    pub(super) version_number: i32,
    pub(super) state: State,
    pub(super) currency_code: String,
    pub(super) asked: Stored<PriceQuoteRequest>,
    pub(super) priced: Stored<PriceQuoteResponse>,
    pub(super) contract_list_amount: Decimal,
    pub(super) contract_net_amount: Decimal,
    pub(super) contract_cost_amount: Option<Decimal>,
    pub(super) concessions: Json<Vec<Concession>>,
    pub(super) margin_percent: Option<Decimal>,
    pub(super) required_level: Level,
    pub(super) discount_reason: String,
    pub(super) catalog_version: i64,
    #[serde(with = "iso_day")]
    pub(super) price_date: Date,
    #[serde(with = "iso_day")]
    pub(super) valid_until_date: Date,
    pub(super) solution: String,
    pub(super) terms: String,
    pub(super) author: String,
    pub(super) submitter: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) submit_time: Option<OffsetDateTime>,
    pub(super) decider: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) decide_time: Option<OffsetDateTime>,
    pub(super) decision_level: Option<Level>,
    pub(super) reason: String,
    #[serde(with = "iso_day::option")]
    pub(super) accept_date: Option<Date>,
    pub(super) acceptance_reference: String,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    pub(super) deal_state: DealState,
    pub(super) deal_deleted: bool,
    pub(super) flagship: bool,
    pub(super) account_id: Option<Uuid>,
    pub(super) account_name: Option<String>,
    pub(super) territory_code: String,
    pub(super) territory_path: String,
    pub(super) seen_by: Vec<String>,
}

impl Quote {
    /// A draft that offers nothing yet.
    pub(super) fn blank(opportunity: &Opportunity, call: &Call) -> Self {
        let today = day::of(call.now);
        let currency_code = opportunity.currency_code.clone().unwrap_or_else(|| "CNY".to_owned());
        let blank = Self {
            id: Uuid::nil(),
            opportunity_id: opportunity.id,
            version_number: 0,
            state: State::Draft,
            currency_code,
            asked: Stored::default(),
            priced: Stored::default(),
            contract_list_amount: Decimal::ZERO,
            contract_net_amount: Decimal::ZERO,
            contract_cost_amount: None,
            concessions: Json(Vec::new()),
            margin_percent: None,
            required_level: Level::Manager,
            discount_reason: String::new(),
            catalog_version: 0,
            price_date: today,
            valid_until_date: Self::usual_validity(today),
            solution: String::new(),
            terms: String::new(),
            author: call.subject().to_owned(),
            submitter: None,
            submit_time: None,
            decider: None,
            decide_time: None,
            decision_level: None,
            reason: String::new(),
            accept_date: None,
            acceptance_reference: String::new(),
            version: 1,
            create_time: call.now,
            update_time: call.now,
            deal_state: opportunity.state,
            deal_deleted: false,
            flagship: false,
            account_id: None,
            account_name: None,
            territory_code: String::new(),
            territory_path: String::new(),
            seen_by: Vec::new(),
        };
        // It gets its id and its number when it is priced.
        blank.made(Uuid::nil(), 0, opportunity)
    }

    /// The next version of an opportunity that is locked, which may have changed since the draft was priced.
    pub(super) fn made(self, id: Uuid, version_number: i32, opportunity: &Opportunity) -> Self {
        Self {
            id,
            version_number,
            deal_state: opportunity.state,
            deal_deleted: opportunity.delete_time.is_some(),
            flagship: opportunity.flagship,
            account_id: opportunity.account_id,
            account_name: opportunity.account_name.clone(),
            territory_code: opportunity.territory_code.clone(),
            territory_path: opportunity.territory_path.clone(),
            seen_by: opportunity.seen_by.clone(),
            ..self
        }
    }

    /// The last day of a quote of today, where nobody says otherwise.
    pub(super) fn usual_validity(today: Date) -> Date {
        today.saturating_add(Duration::days(USUAL_DAYS))
    }

    /// A draft of the opportunity's next version that offers the same.
    pub(super) fn revised(&self, opportunity: &Opportunity, call: &Call) -> Self {
        Self {
            currency_code: self.currency_code.clone(),
            asked: self.asked.clone(),
            concessions: self.concessions.clone(),
            discount_reason: self.discount_reason.clone(),
            solution: self.solution.clone(),
            terms: self.terms.clone(),
            ..Self::blank(opportunity, call)
        }
    }

    /// Refuses a verb in a state that it is not for.
    pub(super) fn expect(&self, states: &[State], expected: &'static str) -> Result<(), Error> {
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Error::StateForbids { state: self.state.name(), expected })
    }

    /// Refuses what asks for an opportunity that is worked on, and for whom. `field` names it in the request.
    pub(super) fn check_open(&self, field: &str) -> Result<(), Error> {
        let state = match self.deal_state {
            _ if self.deal_deleted => "DELETED",
            DealState::Open if self.account_id.is_none() => {
                return Err(Violation::new(field, reason(ErrorReason::QuoteAccountMissing)).into());
            }
            DealState::Open => return Ok(()),
            DealState::Won => "WON",
            DealState::Lost => "LOST",
            DealState::Suspended => "SUSPENDED",
        };
        let forbidden = Refusal::new(Code::FailedPrecondition, Shared::StateForbids).with("resource", "opportunity");
        Err(forbidden.with("state", state).with("expected", "OPEN").into())
    }

    /// Refuses what asks for a quote that is still valid.
    pub(super) fn check_valid(&self, today: Date) -> Result<(), Error> {
        if today <= self.valid_until_date {
            return Ok(());
        }
        let expired = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::QuoteExpired));
        Err(expired.with("value", self.valid_until_date).into())
    }
}

impl Resource for Quote {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}
