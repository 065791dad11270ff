//! The need and its rules.

use guanxi_grpc::Violation;
use guanxi_resource::{Deletable, Error, Resource, Stamp};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::opportunity::{self, Opportunity};

/// Where a need stands, beside being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    Hypothesis,
    Verified,
    Evaluated,
    Refuted,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Hypothesis => "HYPOTHESIS",
            Self::Verified => "VERIFIED",
            Self::Evaluated => "EVALUATED",
            Self::Refuted => "REFUTED",
        }
    }
}

/// A link of the customer's value chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ValueChainLink {
    Supply,
    Operation,
    Sales,
    Customer,
}

/// A need as it is stored; its fields are the columns, but for the last five, which are read from the opportunity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(super) struct Need {
    pub(super) id: Uuid,
    pub(super) opportunity_id: Uuid,
    pub(super) text: String,
    pub(super) value_chain_link: Option<ValueChainLink>,
    pub(super) evidence: String,
    pub(super) value: Option<Decimal>,
    pub(super) currency_code: Option<String>,
    pub(super) offering_codes: Vec<String>,
    pub(super) state: State,
    pub(super) verified_by: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) verify_time: Option<OffsetDateTime>,
    pub(super) verification: String,
    pub(super) evaluated_by: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) evaluate_time: Option<OffsetDateTime>,
    pub(super) evaluation: String,
    pub(super) fit: Option<i32>,
    pub(super) refute_reason: String,
    pub(super) version: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) create_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) update_time: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) delete_time: Option<OffsetDateTime>,
    pub(super) opportunity_state: opportunity::State,
    pub(super) opportunity_deleted: bool,
    pub(super) territory_code: String,
    pub(super) territory_path: String,
    pub(super) seen_by: Vec<String>,
}

/// Who does something, and when.
#[derive(Clone, Copy)]
pub(super) struct Actor<'a> {
    pub(super) subject: &'a str,
    pub(super) now: OffsetDateTime,
}

impl Need {
    /// A hypothesis that nothing is known of yet but its opportunity.
    pub(super) fn blank(id: Uuid, opportunity: &Opportunity, now: OffsetDateTime) -> Self {
        Self {
            id,
            opportunity_id: opportunity.id,
            text: String::new(),
            value_chain_link: None,
            evidence: String::new(),
            value: None,
            currency_code: None,
            offering_codes: Vec::new(),
            state: State::Hypothesis,
            verified_by: None,
            verify_time: None,
            verification: String::new(),
            evaluated_by: None,
            evaluate_time: None,
            evaluation: String::new(),
            fit: None,
            refute_reason: String::new(),
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
            opportunity_state: opportunity.state,
            opportunity_deleted: opportunity.delete_time.is_some(),
            territory_code: opportunity.territory_code.clone(),
            territory_path: opportunity.territory_path.clone(),
            seen_by: opportunity.seen_by.clone(),
        }
    }

    /// Refuses work on it where nobody works on its opportunity.
    pub(super) fn check_opportunity(&self) -> Result<(), Error> {
        let state = match (self.opportunity_deleted, self.opportunity_state) {
            (true, _) => "DELETED",
            (false, opportunity::State::Won) => "WON",
            (false, opportunity::State::Lost) => "LOST",
            (false, opportunity::State::Open | opportunity::State::Suspended) => return Ok(()),
        };
        Err(Error::StateForbids { state, expected: "OPEN, SUSPENDED" })
    }

    /// Refuses what it is not in the right state for; `expected` names the states.
    fn check(&self, states: &[State], expected: &'static str) -> Result<(), Error> {
        self.check_opportunity()?;
        self.check_live()?;
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Error::StateForbids { state: self.state.name(), expected })
    }

    /// Refuses a change of a need that is decided.
    pub(super) fn check_undecided(&self) -> Result<(), Error> {
        self.check(&[State::Hypothesis, State::Verified], "HYPOTHESIS, VERIFIED")
    }

    /// Hypothesis → verified by its evidence, or by new one.
    pub(super) fn verified(
        &self,
        actor: Actor<'_>,
        verification: String,
        evidence: Option<String>,
    ) -> Result<Self, Error> {
        self.check(&[State::Hypothesis], State::Hypothesis.name())?;
        let evidence = evidence.unwrap_or_else(|| self.evidence.clone());
        if evidence.is_empty() {
            return Err(Violation::required("evidence").into());
        }
        Ok(Self {
            state: State::Verified,
            evidence,
            verified_by: Some(actor.subject.to_owned()),
            verify_time: Some(actor.now),
            verification,
            ..self.clone()
        })
    }

    /// Verified → evaluated: what it is worth, or how well our offerings fit, is known.
    pub(super) fn evaluated(
        &self,
        actor: Actor<'_>,
        evaluation: String,
        value: Option<(Decimal, String)>,
        fit: Option<i32>,
    ) -> Result<Self, Error> {
        self.check(&[State::Verified], State::Verified.name())?;
        let (value, currency_code) = match value {
            Some((value, currency_code)) => (Some(value), Some(currency_code)),
            None => (self.value, self.currency_code.clone()),
        };
        if value.is_none() && fit.is_none() {
            return Err(Violation::required("fit").into());
        }
        Ok(Self {
            state: State::Evaluated,
            value,
            currency_code,
            evaluated_by: Some(actor.subject.to_owned()),
            evaluate_time: Some(actor.now),
            evaluation,
            fit,
            ..self.clone()
        })
    }

    /// Supposed or verified → refuted.
    pub(super) fn refuted(&self, reason: String) -> Result<Self, Error> {
        self.check_undecided()?;
        Ok(Self { state: State::Refuted, refute_reason: reason, ..self.clone() })
    }
}

impl Resource for Need {
    fn stamp(&mut self) -> Stamp<'_> {
        Stamp { id: self.id, version: &mut self.version, update_time: &mut self.update_time }
    }
}

impl Deletable for Need {
    const LIVE: &'static str = "HYPOTHESIS, VERIFIED, EVALUATED, REFUTED";

    fn delete_time(&self) -> Option<OffsetDateTime> {
        self.delete_time
    }

    fn set_delete_time(&mut self, time: Option<OffsetDateTime>) {
        self.delete_time = time;
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::opportunity::Placing;

    const ACTOR: Actor<'_> = Actor { subject: "E1", now: OffsetDateTime::UNIX_EPOCH };

    fn need() -> Need {
        let placing = Placing {
            owner_id: Uuid::nil(),
            owner_employee_number: "E1".to_owned(),
            territory_code: "CN".to_owned(),
            territory_path: "CN/".to_owned(),
        };
        let opportunity = Opportunity::blank(Uuid::nil(), placing, date!(2026 - 03 - 01), ACTOR.now);
        Need::blank(Uuid::nil(), &opportunity, ACTOR.now)
    }

    /// The state that forbids it, or the field that is missing.
    fn refused(outcome: Result<Need, Error>) -> String {
        match outcome {
            Err(Error::StateForbids { state, .. }) => state.to_owned(),
            Err(error) => error.refused_for().unwrap_or_default().to_owned(),
            Ok(_) => String::new(),
        }
    }

    #[test]
    fn a_need_goes_step_by_step() {
        let evaluate = |need: &Need| need.evaluated(ACTOR, String::new(), None, Some(80));
        assert_eq!(refused(evaluate(&need())), "HYPOTHESIS");
        assert_eq!(refused(need().verified(ACTOR, "是".to_owned(), None)), "FIELDS_INVALID");
        let verified = need().verified(ACTOR, "是".to_owned(), Some("访谈".to_owned())).unwrap();
        assert_eq!((verified.state, verified.verified_by.as_deref()), (State::Verified, Some("E1")));
        assert_eq!(refused(verified.verified(ACTOR, "是".to_owned(), None)), "VERIFIED");
        assert_eq!(refused(verified.evaluated(ACTOR, String::new(), None, None)), "FIELDS_INVALID");
        let evaluated = evaluate(&verified).unwrap();
        assert_eq!((evaluated.state, evaluated.fit), (State::Evaluated, Some(80)));
        assert_eq!(refused(evaluated.refuted("否".to_owned())), "EVALUATED");
        let refuted = verified.refuted("否".to_owned()).unwrap();
        assert_eq!(refused(refuted.verified(ACTOR, "是".to_owned(), None)), "REFUTED");
        let worth = Need { value: Some(Decimal::TEN), ..verified };
        assert_eq!(worth.evaluated(ACTOR, String::new(), None, None).unwrap().value, Some(Decimal::TEN));
    }

    #[test]
    fn nobody_works_on_the_needs_of_a_closed_opportunity() {
        let of = |opportunity_state, opportunity_deleted| Need { opportunity_state, opportunity_deleted, ..need() };
        assert!(of(opportunity::State::Open, false).check_undecided().is_ok());
        assert!(of(opportunity::State::Suspended, false).check_undecided().is_ok());
        for (state, deleted, name) in [
            (opportunity::State::Won, false, "WON"),
            (opportunity::State::Lost, false, "LOST"),
            (opportunity::State::Open, true, "DELETED"),
        ] {
            assert_eq!(refused(of(state, deleted).refuted("否".to_owned())), name);
        }
    }
}
