//! What becomes of a quote by its verbs: pure functions from a quote to the next.

use guanxi_grpc::{Call, Refusal, Violation, day};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::AuthorityLevel;
use guanxi_resource::Error;
use time::Date;
use tonic::Code;

use super::amount;
use super::model::{Quote, State};
use super::pricing::Priced;
use super::stored::Stored;
use crate::approval_policy::{ApprovalPolicy, Level, Offer};
use crate::error::reason;

impl Quote {
    /// With the prices that it was asked for, and the level that they need.
    pub(super) fn priced(self, priced: Priced, policy: &ApprovalPolicy) -> Result<Self, Error> {
        priced.check(&self)?;
        let (ours, amounts) = (amount::ours(&self.concessions), priced.amounts);
        let offer = Offer {
            currency_code: &self.currency_code,
            net_amount: amounts.net,
            flagship: self.flagship,
            loses: amounts.loses(ours),
        };
        Ok(Self {
            required_level: policy.required(offer).max(priced.required_level),
            contract_list_amount: amounts.list,
            contract_net_amount: amounts.net,
            contract_cost_amount: amounts.cost,
            margin_percent: amounts.margin(ours),
            catalog_version: priced.answer.catalog_version,
            price_date: priced.date,
            asked: Stored(priced.asked),
            priced: Stored(priced.answer),
            ..self
        })
    }

    /// The same quote by the catalog of now, as long as that has the same prices.
    fn confirmed(&self, priced: Option<Priced>, policy: &ApprovalPolicy) -> Result<Self, Error> {
        let priced = priced.ok_or_else(conflict)?;
        priced.check(self)?;
        if amount::same_prices(&self.priced.0, &priced.answer) {
            return self.clone().priced(priced, policy);
        }
        let changed = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::QuotePriceChanged));
        Err(changed
            .with("value", self.contract_net_amount.normalize())
            .with("current", priced.amounts.net.normalize())
            .into())
    }

    /// DRAFT → APPROVED where `authority`, that of who submits it, is enough, else → WAITING. Whoever has an authority has at least that of
    /// an account manager, and uses no more of it for what he asks himself.
    pub(super) fn submitted(
        &self,
        call: &Call,
        priced: Option<Priced>,
        policy: &ApprovalPolicy,
        authority: Option<Level>,
    ) -> Result<Self, Error> {
        self.expect(&[State::Draft], "DRAFT")?;
        self.check_open("id")?;
        self.check_valid(day::of(call.now))?;
        let submitted = Self {
            submitter: Some(call.subject().to_owned()),
            submit_time: Some(call.now),
            ..self.confirmed(priced, policy)?
        };
        match authority {
            Some(_) if submitted.required_level == Level::Manager => {
                Ok(submitted.decided(State::Approved, call, Level::Manager))
            }
            _ => Ok(Self { state: State::Waiting, ..submitted }),
        }
    }

    /// WAITING → APPROVED.
    pub(super) fn approved(
        &self,
        call: &Call,
        priced: Option<Priced>,
        policy: &ApprovalPolicy,
        authority: Option<Level>,
    ) -> Result<Self, Error> {
        self.check_decider(call, authority)?;
        self.check_open("id")?;
        self.check_valid(day::of(call.now))?;
        // The policies may ask for more than they did when it was submitted.
        let confirmed = self.confirmed(priced, policy)?;
        let authority = confirmed.check_decider(call, authority)?;
        Ok(confirmed.decided(State::Approved, call, authority))
    }

    /// WAITING → REJECTED.
    pub(super) fn rejected(&self, call: &Call, reason: String, authority: Option<Level>) -> Result<Self, Error> {
        let authority = self.check_decider(call, authority)?;
        Ok(Self { reason, ..self.clone().decided(State::Rejected, call, authority) })
    }

    fn decided(self, state: State, call: &Call, authority: Level) -> Self {
        let decider = Some(call.subject().to_owned());
        Self { state, decider, decide_time: Some(call.now), decision_level: Some(authority), ..self }
    }

    /// Who may decide: somebody else, with the authority. Gives the authority.
    fn check_decider(&self, call: &Call, authority: Option<Level>) -> Result<Level, Error> {
        self.expect(&[State::Waiting], "WAITING")?;
        let needs = |own| {
            let refused = Refusal::new(Code::PermissionDenied, reason(own));
            refused.with("expected", AuthorityLevel::from(self.required_level).as_str_name())
        };
        if [Some(self.author.as_str()), self.submitter.as_deref()].contains(&Some(call.subject())) {
            return Err(needs(ErrorReason::OwnRequest).into());
        }
        match authority {
            Some(authority) if authority >= self.required_level => Ok(authority),
            _ => {
                let has = authority.map_or(AuthorityLevel::Unspecified, Into::into);
                Err(needs(ErrorReason::AuthorityTooLow).with("value", has.as_str_name()).into())
            }
        }
    }

    /// DRAFT, WAITING, APPROVED → WITHDRAWN.
    pub(super) fn withdrawn(&self, reason: String) -> Result<Self, Error> {
        self.expect(&[State::Draft, State::Waiting, State::Approved], "DRAFT, WAITING, APPROVED")?;
        Ok(Self { state: State::Withdrawn, reason, ..self.clone() })
    }

    /// APPROVED → DECLINED.
    pub(super) fn declined(&self, reason: String) -> Result<Self, Error> {
        self.expect(&[State::Approved], "APPROVED")?;
        Ok(Self { state: State::Declined, reason, ..self.clone() })
    }

    /// APPROVED → ACCEPTED, on a day between its approval and today.
    pub(super) fn accepted(&self, today: Date, on: Option<Date>, reference: String) -> Result<Self, Error> {
        self.expect(&[State::Approved], "APPROVED")?;
        self.check_open("id")?;
        self.check_valid(today)?;
        let (first, on) = (self.decide_time.map_or(today, day::of), on.unwrap_or(today));
        if on < first || on > today {
            let out = Violation::new("accept_date", Shared::OutOfRange).with("value", on);
            return Err(out.with("min", first).with("max", today).into());
        }
        let state = State::Accepted;
        Ok(Self { state, accept_date: Some(on), acceptance_reference: reference, ..self.clone() })
    }

    /// WAITING, APPROVED → EXPIRED.
    pub(super) fn expired(&self) -> Self {
        let until = self.valid_until_date;
        let reason = format!("有效期至 {until} / valid until {until}");
        Self { state: State::Expired, reason, ..self.clone() }
    }
}

/// The quote was changed while it was priced.
pub(super) fn conflict() -> Error {
    Refusal::new(Code::Aborted, Shared::Conflict).into()
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};
    use uuid::Uuid;

    use super::*;
    use crate::opportunity::{Opportunity, Placing};

    fn call(who: &str) -> Call {
        Call::own(who, "test/Test")
    }

    /// A draft of today by `service:author`.
    fn draft() -> Quote {
        let placing = Placing {
            owner_id: Uuid::nil(),
            owner_employee_number: "E1".to_owned(),
            territory_code: "CN".to_owned(),
            territory_path: "CN/".to_owned(),
        };
        let call = call("author");
        let opportunity = Opportunity::blank(Uuid::nil(), placing, day::of(call.now), OffsetDateTime::UNIX_EPOCH);
        Quote::blank(&Opportunity { account_id: Some(Uuid::nil()), ..opportunity }, &call)
    }

    fn waiting(required_level: Level) -> Quote {
        Quote { state: State::Waiting, required_level, submitter: Some("service:submitter".to_owned()), ..draft() }
    }

    fn reason_of(outcome: Result<Quote, Error>) -> &'static str {
        outcome.unwrap_err().refused_for().unwrap_or("STATE_FORBIDS")
    }

    #[test]
    fn nobody_decides_on_his_own_nor_above_his_authority_nor_twice() {
        let reject = |quote: &Quote, who, authority| quote.rejected(&call(who), "不".to_owned(), authority);
        let quote = waiting(Level::City);
        for own in ["author", "submitter"] {
            assert_eq!(reason_of(reject(&quote, own, Some(Level::Headquarters))), "OWN_REQUEST");
        }
        for low in [None, Some(Level::Manager), Some(Level::County)] {
            assert_eq!(reason_of(reject(&quote, "other", low)), "AUTHORITY_TOO_LOW");
        }
        let rejected = reject(&quote, "other", Some(Level::City)).unwrap();
        assert_eq!((rejected.state, rejected.decision_level), (State::Rejected, Some(Level::City)));
        assert_eq!((rejected.decider.as_deref(), rejected.reason.as_str()), (Some("service:other"), "不"));
        assert_eq!(reason_of(reject(&rejected, "other", Some(Level::City))), "STATE_FORBIDS");
    }

    #[test]
    fn the_customer_accepts_what_is_approved_and_valid_once() {
        let today = day::of(call("other").now);
        let accept = |quote: &Quote, today, on| quote.accepted(today, on, String::new());
        assert_eq!(reason_of(accept(&draft(), today, None)), "STATE_FORBIDS");
        let approved = waiting(Level::City).decided(State::Approved, &call("other"), Level::City);
        let (before, after) = (today - Duration::days(1), today + Duration::days(1));
        for wrong in [before, after] {
            assert_eq!(reason_of(accept(&approved, today, Some(wrong))), "FIELDS_INVALID");
        }
        let until = approved.valid_until_date;
        assert_eq!(accept(&approved, until, Some(today)).unwrap().accept_date, Some(today));
        assert_eq!(reason_of(accept(&approved, until + Duration::days(1), None)), "QUOTE_EXPIRED");
        let accepted = accept(&approved, today, None).unwrap();
        assert_eq!(reason_of(accept(&accepted, today, None)), "STATE_FORBIDS");
        assert_eq!(reason_of(accepted.withdrawn(String::new())), "STATE_FORBIDS");
        assert_eq!(reason_of(accepted.declined(String::new())), "STATE_FORBIDS");
    }

    #[test]
    fn what_was_priced_before_a_change_is_not_submitted() {
        let policy = ApprovalPolicy::shipped(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(reason_of(draft().submitted(&call("author"), None, &policy, Some(Level::Manager))), "CONFLICT");
        let nobody = Quote { account_id: None, ..draft() };
        assert_eq!(reason_of(nobody.submitted(&call("author"), None, &policy, None)), "FIELDS_INVALID");
    }
}
