//! What becomes of an opportunity by its verbs: pure functions from a row to the next.

use guanxi_grpc::{Violation, Violations, day, number};
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_resource::{Deletable, Error};
use rust_decimal::Decimal;
use time::Date;

use super::course::{Course, Step};
use super::criteria::{self, Facts};
use super::model::{CloseReason, Opportunity, Placing, State};
use crate::error::reason as own;
use crate::pipeline::Stage;

/// How an opportunity is closed.
pub(super) struct Closing {
    /// Where it differs from what it counts for: of a win only.
    pub(super) amount: Option<(Decimal, String)>,
    pub(super) close_date: Option<Date>,
    pub(super) close_reason: CloseReason,
    pub(super) reason: String,
}

impl Opportunity {
    /// OPEN or WON → on to the next stage of that kind, once the criteria of the present one are met, or back to an earlier one with a reason.
    pub(super) fn advanced(
        &self,
        stages: &[Stage],
        facts: &Facts,
        (stage_code, reason): (Option<&str>, &str),
        today: Date,
    ) -> Result<Self, Error> {
        self.check_state(&[State::Open, State::Won], "OPEN, WON")?;
        let course = Course::of(stages, &self.stage_code)?;
        let stage = match course.advance(stage_code)? {
            Step::Stay => return Ok(self.clone()),
            Step::Back(_) if reason.is_empty() => return Err(Violation::required("reason").into()),
            Step::Back(stage) => stage,
            Step::Forward(stage) => {
                criteria::check(course.present, self, facts)?;
                stage
            }
        };
        let said = if reason.is_empty() { &self.reason } else { reason };
        Ok(Self { reason: said.to_owned(), ..self.entering(stage, today) })
    }

    /// OPEN in its last open stage, with an account and a value → WON.
    pub(super) fn won(&self, stages: &[Stage], facts: &Facts, closing: &Closing, today: Date) -> Result<Self, Error> {
        self.check_state(&[State::Open], "OPEN")?;
        let close_date = self.close_date(closing, today)?;
        let course = Course::of(stages, &self.stage_code)?;
        let stage = course.win()?;
        criteria::check(course.present, self, facts)?;
        let worth = closing.amount.clone().or_else(|| self.value().zip(self.currency_code.clone()));
        self.check_complete(worth.is_some())?;
        let (amount, currency_code) = worth.unzip();
        Ok(Self { amount, currency_code, ..self.closed(State::Won, stage, closing, close_date) })
    }

    /// OPEN or SUSPENDED → LOST.
    pub(super) fn lost(&self, stages: &[Stage], closing: &Closing, today: Date) -> Result<Self, Error> {
        self.check_state(&[State::Open, State::Suspended], "OPEN, SUSPENDED")?;
        let close_date = self.close_date(closing, today)?;
        let stage = Course::of(stages, &self.stage_code)?.lost()?;
        Ok(self.closed(State::Lost, stage, closing, close_date))
    }

    /// OPEN → SUSPENDED in its stage, until a day or without end.
    pub(super) fn suspended(&self, until: Option<Date>, reason: &str) -> Result<Self, Error> {
        self.check_state(&[State::Open], "OPEN")?;
        let reason = reason.to_owned();
        Ok(Self { state: State::Suspended, suspend_until_date: until, reason, ..self.clone() })
    }

    /// SUSPENDED, LOST, or WON in the first stage of delivery → OPEN in the open stage that it was in. `past` are the stages that it was in, the
    /// latest first.
    pub(super) fn reopened(&self, stages: &[Stage], past: &[String], reason: &str, today: Date) -> Result<Self, Error> {
        self.check_state(&[State::Suspended, State::Lost, State::Won], "SUSPENDED, LOST, WON")?;
        let back = match self.state {
            State::Suspended => self.clone(),
            _ => self.entering(Course::of(stages, &self.stage_code)?.reopen(past)?, today),
        };
        let reason = reason.to_owned();
        Ok(Self { state: State::Open, close_date: None, close_reason: None, suspend_until_date: None, reason, ..back })
    }

    /// To somebody else or somewhere else; as it is where it is there already.
    pub(super) fn reassigned(&self, placing: Placing, reason: &str) -> Result<Self, Error> {
        self.check_live()?;
        if (placing.owner_id, &placing.territory_code) == (self.owner_id, &self.territory_code) {
            return Ok(self.clone());
        }
        let reassigned = Self {
            owner_id: placing.owner_id,
            owner_employee_number: placing.owner_employee_number,
            territory_code: placing.territory_code,
            territory_path: placing.territory_path,
            reason: reason.to_owned(),
            ..self.clone()
        };
        Ok(reassigned.settled())
    }

    /// `expected` are the names of the allowed states.
    fn check_state(&self, allowed: &[State], expected: &'static str) -> Result<(), Error> {
        match self.delete_time {
            Some(_) => Err(Error::StateForbids { state: "DELETED", expected }),
            None if allowed.contains(&self.state) => Ok(()),
            None => Err(Error::StateForbids { state: self.state.name(), expected }),
        }
    }

    fn entering(&self, stage: &Stage, date: Date) -> Self {
        Self { stage_code: stage.code.clone(), stage_enter_date: Some(date), ..self.clone() }
    }

    /// The day on which it is closed: today where none is named, never before it was opened. An amount is in the currency that it has.
    fn close_date(&self, closing: &Closing, today: Date) -> Result<Date, Violations> {
        let mut violations = Violations::default();
        let first = self.open_date.unwrap_or(day::FIRST).min(today);
        let close_date = number("close_date", closing.close_date.unwrap_or(today), first, today);
        let close_date = violations.keep(close_date);
        if let (Some((_, sent)), Some(expected)) = (&closing.amount, &self.currency_code)
            && sent != expected
        {
            let mixed = Violation::new("amount.currency_code", own(ErrorReason::CurrenciesMixed));
            violations.push(mixed.with("value", sent).with("expected", expected));
        }
        close_date.filter(|_| violations.is_empty()).ok_or(violations)
    }

    /// Closed on a day, which its time in the new stage begins with; a day in the past does not shorten the stage before to less than nothing.
    fn closed(&self, outcome: State, stage: &Stage, closing: &Closing, close_date: Date) -> Self {
        let enter_date = self.stage_enter_date.map_or(close_date, |entered| entered.max(close_date));
        Self {
            state: outcome,
            close_date: Some(close_date),
            close_reason: Some(closing.close_reason),
            reason: closing.reason.clone(),
            suspend_until_date: None,
            ..self.entering(stage, enter_date)
        }
    }

    /// Refuses to win what has no account or no value.
    fn check_complete(&self, has_value: bool) -> Result<(), Error> {
        let mut missing = Vec::new();
        if self.account_id.is_none() {
            missing.push(criteria::missing("opportunity.account_id", "account_id"));
        }
        if !has_value {
            missing.push(criteria::missing("opportunity.amount", "amount"));
        }
        if missing.is_empty() { Ok(()) } else { Err(criteria::lacking(ErrorReason::WinIncomplete, missing).into()) }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;
    use uuid::Uuid;

    use super::super::course::tests::stages;
    use super::*;
    use crate::pipeline::ExitCriterion;

    const TODAY: Date = date!(2026 - 03 - 20);

    /// An opportunity in a stage of a kind, with an account and a value of 100 CNY.
    fn at(state: State, stage_code: &str) -> Opportunity {
        Opportunity {
            state,
            stage_code: stage_code.to_owned(),
            account_id: Some(Uuid::nil()),
            list_amount: Some(Decimal::ONE_HUNDRED),
            currency_code: Some("CNY".to_owned()),
            ..Opportunity::sample()
        }
    }

    fn closing(close_date: Option<Date>, amount: Option<(i64, &str)>) -> Closing {
        let amount = amount.map(|(amount, code)| (Decimal::from(amount), code.to_owned()));
        Closing { amount, close_date, close_reason: CloseReason::Price, reason: "价格".to_owned() }
    }

    fn advanced(opportunity: &Opportunity, stage: Option<&str>, why: &str) -> Result<Opportunity, Error> {
        opportunity.advanced(&stages(), &Facts::default(), (stage, why), TODAY)
    }

    fn won(opportunity: &Opportunity, closing: &Closing) -> Result<Opportunity, Error> {
        opportunity.won(&stages(), &Facts::default(), closing, TODAY)
    }

    /// What a refusal begins with: its reason.
    #[track_caller]
    fn refused(outcome: Result<Opportunity, Error>, words: &str) {
        let told = tonic::Status::from(outcome.unwrap_err()).message().to_owned();
        assert!(told.contains(words), "{told}");
    }

    #[test]
    fn it_moves_among_the_stages_of_its_kind() {
        let next = advanced(&at(State::Open, "A"), None, "").unwrap();
        assert_eq!((next.state, next.stage_code.as_str(), next.stage_enter_date), (State::Open, "B", Some(TODAY)));
        let back = advanced(&at(State::Won, "X"), Some("W"), "返工").unwrap();
        assert_eq!((back.state, back.stage_code.as_str(), back.reason.as_str()), (State::Won, "W", "返工"));
        // A reason that is not asked for is not lost, and none takes none away.
        assert_eq!(advanced(&at(State::Open, "A"), None, "快").unwrap().reason, "快");
        assert_eq!(advanced(&back, None, "").unwrap().reason, "返工");
        assert_eq!(advanced(&at(State::Open, "B"), Some("B"), "到了").unwrap(), at(State::Open, "B"));
        refused(advanced(&at(State::Open, "B"), Some("A"), ""), "FIELDS_INVALID");
        for (state, name) in [(State::Lost, "LOST"), (State::Suspended, "SUSPENDED")] {
            refused(advanced(&at(state, "B"), None, ""), &format!("STATE_FORBIDS: The state {name}"));
        }
        let deleted = at(State::Open, "A").deleted(time::OffsetDateTime::UNIX_EPOCH).unwrap();
        refused(advanced(&deleted, None, ""), "STATE_FORBIDS: The state DELETED");
    }

    #[test]
    fn it_goes_on_but_not_back_only_once_the_criteria_are_met() {
        let mut stages = stages();
        for stage in &mut stages {
            stage.exit_criteria = vec![ExitCriterion::LinesPresent, ExitCriterion::QuoteAccepted];
        }
        let facts = Facts { quotes_accepted: 1, ..Facts::default() };
        let unmet = |outcome| refused(outcome, "EXIT_CRITERIA_UNMET: 1 exit criteria");
        unmet(at(State::Open, "A").advanced(&stages, &facts, (None, ""), TODAY));
        unmet(at(State::Won, "W").advanced(&stages, &facts, (None, ""), TODAY));
        unmet(at(State::Open, "C").won(&stages, &facts, &closing(None, None), TODAY));
        let back = at(State::Open, "C").advanced(&stages, &Facts::default(), (Some("A"), "重来"), TODAY);
        assert_eq!(back.unwrap().stage_code, "A");
    }

    #[test]
    fn a_win_fixes_the_amount_and_the_day() {
        let closed = won(&at(State::Open, "C"), &closing(None, None)).unwrap();
        assert_eq!((closed.state, closed.stage_code.as_str()), (State::Won, "W"));
        assert_eq!((closed.amount, closed.close_date), (Some(Decimal::ONE_HUNDRED), Some(TODAY)));
        assert_eq!((closed.close_reason, closed.reason.as_str()), (Some(CloseReason::Price), "价格"));
        let day = date!(2026 - 03 - 10);
        let closed = won(&at(State::Open, "C"), &closing(Some(day), Some((80, "CNY")))).unwrap();
        assert_eq!((closed.amount, closed.stage_enter_date), (Some(Decimal::from(80)), Some(day)));
        // It was in the stage before since then.
        let since = Some(date!(2026 - 03 - 15));
        let closed = won(&Opportunity { stage_enter_date: since, ..at(State::Open, "C") }, &closing(Some(day), None));
        let closed = closed.unwrap();
        assert_eq!((closed.close_date, closed.stage_enter_date), (Some(day), since));
        // Without a currency of its own it takes the one of the amount.
        let bare = Opportunity { list_amount: None, currency_code: None, ..at(State::Open, "C") };
        let closed = won(&bare, &closing(None, Some((5, "USD")))).unwrap();
        assert_eq!((closed.amount, closed.currency_code.as_deref()), (Some(Decimal::from(5)), Some("USD")));
    }

    #[test]
    fn a_win_needs_the_last_open_stage_an_account_and_a_value() {
        for state in [State::Won, State::Lost, State::Suspended] {
            refused(won(&at(state, "C"), &closing(None, None)), "STATE_FORBIDS");
        }
        refused(won(&at(State::Open, "A"), &closing(None, None)), "STAGE_SKIPPED");
        let bare = Opportunity { account_id: None, list_amount: None, currency_code: None, ..at(State::Open, "C") };
        refused(won(&bare, &closing(None, None)), "WIN_INCOMPLETE: 2 field(s)");
        refused(won(&bare, &closing(None, Some((5, "USD")))), "WIN_INCOMPLETE: 1 field(s)");
        for (day, amount) in
            [(Some(date!(2026 - 03 - 21)), None), (Some(date!(2026 - 02 - 28)), None), (None, Some((5, "USD")))]
        {
            refused(won(&at(State::Open, "C"), &closing(day, amount)), "FIELDS_INVALID: 1 field(s)");
        }
        let both = closing(Some(date!(2027 - 01 - 01)), Some((5, "USD")));
        refused(won(&at(State::Open, "C"), &both), "FIELDS_INVALID: 2 field(s)");
    }

    #[test]
    fn it_is_lost_from_wherever_it_is_open_or_rests() {
        let resting = Opportunity { suspend_until_date: Some(TODAY), ..at(State::Suspended, "B") };
        for before in [at(State::Open, "A"), at(State::Open, "C"), resting] {
            let lost = before.lost(&stages(), &closing(None, None), TODAY).unwrap();
            assert_eq!((lost.state, lost.stage_code.as_str()), (State::Lost, "L"));
            assert_eq!((lost.close_date, lost.suspend_until_date), (Some(TODAY), None));
            assert_eq!((lost.amount, lost.value()), (None, Some(Decimal::ONE_HUNDRED)));
        }
        for state in [State::Won, State::Lost] {
            refused(at(state, "W").lost(&stages(), &closing(None, None), TODAY), "STATE_FORBIDS");
        }
        let before_it_began = closing(Some(date!(2026 - 02 - 01)), None);
        refused(at(State::Open, "A").lost(&stages(), &before_it_began, TODAY), "FIELDS_INVALID");
    }

    #[test]
    fn it_rests_in_its_stage_and_is_taken_up_there() {
        let until = Some(date!(2026 - 06 - 01));
        let resting = at(State::Open, "B").suspended(until, "等预算").unwrap();
        assert_eq!((resting.state, resting.stage_code.as_str()), (State::Suspended, "B"));
        assert_eq!((resting.suspend_until_date, resting.reason.as_str()), (until, "等预算"));
        for state in [State::Won, State::Lost, State::Suspended] {
            refused(at(state, "B").suspended(None, "等"), "STATE_FORBIDS");
        }
        let open = resting.reopened(&stages(), &["A".to_owned()], "有预算", TODAY).unwrap();
        assert_eq!((open.state, open.stage_code.as_str(), open.suspend_until_date), (State::Open, "B", None));
        assert_eq!(open.stage_enter_date, resting.stage_enter_date);
    }

    #[test]
    fn what_was_closed_is_taken_up_where_it_was() {
        let past = ["C".to_owned(), "B".to_owned()];
        let lost = at(State::Open, "C").lost(&stages(), &closing(None, None), TODAY).unwrap();
        for closed in [lost, won(&at(State::Open, "C"), &closing(None, None)).unwrap()] {
            let open = closed.reopened(&stages(), &past, "回来了", TODAY).unwrap();
            assert_eq!((open.state, open.stage_code.as_str()), (State::Open, "C"));
            assert_eq!((open.close_date, open.close_reason, open.reason.as_str()), (None, None, "回来了"));
        }
        refused(at(State::Won, "X").reopened(&stages(), &past, "晚", TODAY), "STAGE_SKIPPED");
        refused(at(State::Open, "C").reopened(&stages(), &past, "开", TODAY), "STATE_FORBIDS");
    }

    #[test]
    fn whoever_gets_it_sees_it() {
        let before = at(State::Lost, "L");
        let placing = |employee_number: &str, territory_code: &str| Placing {
            owner_id: Uuid::from_u128(employee_number.len() as u128 - 2),
            owner_employee_number: employee_number.to_owned(),
            territory_code: territory_code.to_owned(),
            territory_path: format!("{territory_code}/"),
        };
        let given = before.reassigned(placing("E22", "CN"), "调岗").unwrap();
        assert_eq!((given.seen_by.as_slice(), given.reason.as_str()), (["E22".to_owned()].as_slice(), "调岗"));
        assert_eq!(before.reassigned(placing("E2", "440000"), "划转").unwrap().territory_path, "440000/");
        assert_eq!(before.reassigned(placing("E2", "CN"), "不变").unwrap(), before);
        let deleted = before.deleted(time::OffsetDateTime::UNIX_EPOCH).unwrap();
        refused(deleted.reassigned(placing("E22", "CN"), "调岗"), "STATE_FORBIDS");
    }
}
