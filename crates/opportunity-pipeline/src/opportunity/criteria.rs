//! What a stage asks for before an opportunity goes on from it.

use guanxi_grpc::{Refusal, Violation, Violations};
use guanxi_proto::opportunity_pipeline::v1::{self as pb, ErrorReason};
use guanxi_resource::Error;
use tonic::Code;

use super::model::{FactorKind, Intent, Opportunity, TeamRole};
use crate::error::reason;
use crate::pipeline::{ExitCriterion, Stage};

/// What is known of the needs and quotes of an opportunity: how many there are in which state.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) needs_hypothesised: i64,
    pub(super) needs_verified: i64,
    pub(super) needs_evaluated: i64,
    pub(super) quotes_waiting: i64,
    pub(super) quotes_approved: i64,
    pub(super) quotes_accepted: i64,
}

/// Those of the criteria that are not met, in their order.
pub(super) fn unmet(criteria: &[ExitCriterion], opportunity: &Opportunity, facts: &Facts) -> Vec<ExitCriterion> {
    criteria.iter().copied().filter(|&criterion| !is_met(criterion, opportunity, facts)).collect()
}

fn is_met(criterion: ExitCriterion, opportunity: &Opportunity, facts: &Facts) -> bool {
    let verified = facts.needs_verified + facts.needs_evaluated;
    let approved = facts.quotes_approved + facts.quotes_accepted;
    match criterion {
        ExitCriterion::AccountKnown => opportunity.account_id.is_some(),
        ExitCriterion::ValueKnown => opportunity.value().is_some(),
        ExitCriterion::ExpectedCloseKnown => opportunity.expected_close_date.is_some(),
        ExitCriterion::NeedHypothesised => facts.needs_hypothesised + verified > 0,
        ExitCriterion::NeedVerified => verified > 0,
        ExitCriterion::NeedsEvaluated => facts.needs_evaluated > 0 && facts.needs_hypothesised == 0,
        ExitCriterion::LinesPresent => !opportunity.lines.is_empty(),
        ExitCriterion::CompetitorsKnown => !opportunity.competitors.is_empty(),
        ExitCriterion::TeamComplete => missing_roles(opportunity).is_empty(),
        ExitCriterion::SuccessFactorsMet => success_factors(opportunity) > 0 && unmet_factors(opportunity) == 0,
        ExitCriterion::PurchasePlanned => opportunity.intent.is_some_and(|intent| intent >= Intent::Planning),
        ExitCriterion::QuoteSubmitted => facts.quotes_waiting + approved > 0,
        ExitCriterion::QuoteApproved => approved > 0,
        ExitCriterion::QuoteAccepted => facts.quotes_accepted > 0,
    }
}

/// Refuses to let an opportunity go on from a stage, with everything that is left to do.
pub(super) fn check(stage: &Stage, opportunity: &Opportunity, facts: &Facts) -> Result<(), Error> {
    let unmet = unmet(&stage.exit_criteria, opportunity, facts).into_iter();
    let unmet: Vec<Violation> = unmet.map(|criterion| violation(criterion, opportunity, facts)).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    Err(lacking(ErrorReason::ExitCriteriaUnmet, unmet).with("stage", &stage.code).into())
}

/// The refusal of an opportunity that lacks something.
pub(super) fn lacking(why: ErrorReason, unmet: Vec<Violation>) -> Refusal {
    let refusal = Refusal::new(Code::FailedPrecondition, reason(why)).with("count", unmet.len());
    let mut violations = Violations::default();
    for violation in unmet {
        violations.push(violation);
    }
    refusal.naming(violations)
}

/// A criterion that is not met, and what to do about it.
fn violation(criterion: ExitCriterion, opportunity: &Opportunity, facts: &Facts) -> Violation {
    let subject = pb::ExitCriterion::from(criterion).as_str_name();
    let todo = |why: ErrorReason| Violation::new(subject, reason(why));
    match criterion {
        ExitCriterion::AccountKnown => missing(subject, "account_id"),
        ExitCriterion::ValueKnown => missing(subject, "amount"),
        ExitCriterion::ExpectedCloseKnown => missing(subject, "expected_close_date"),
        ExitCriterion::NeedHypothesised => todo(ErrorReason::NeedMissing),
        ExitCriterion::NeedVerified => todo(ErrorReason::NeedUnverified),
        ExitCriterion::NeedsEvaluated => todo(ErrorReason::NeedsUnevaluated).with("count", facts.needs_hypothesised),
        ExitCriterion::LinesPresent => missing(subject, "lines"),
        ExitCriterion::CompetitorsKnown => missing(subject, "competitors"),
        ExitCriterion::TeamComplete => {
            todo(ErrorReason::TeamIncomplete).with("expected", missing_roles(opportunity).join(", "))
        }
        ExitCriterion::SuccessFactorsMet => {
            todo(ErrorReason::SuccessFactorsUnmet).with("count", unmet_factors(opportunity))
        }
        ExitCriterion::PurchasePlanned => todo(ErrorReason::PurchaseUnplanned),
        ExitCriterion::QuoteSubmitted => todo(ErrorReason::QuoteUnsubmitted),
        ExitCriterion::QuoteApproved => todo(ErrorReason::QuoteUnapproved),
        ExitCriterion::QuoteAccepted => todo(ErrorReason::QuoteUnaccepted),
    }
}

/// A field that must be filled in; `subject` is what asks for it.
pub(super) fn missing(subject: impl Into<String>, field: &str) -> Violation {
    Violation::new(subject, reason(ErrorReason::FieldMissing)).with("field", field)
}

fn missing_roles(opportunity: &Opportunity) -> Vec<&'static str> {
    let roles = [TeamRole::AccountManager, TeamRole::ProductManager, TeamRole::SupportManager];
    let missing = roles.into_iter().filter(|role| opportunity.team.iter().all(|member| member.role != *role));
    missing.map(|role| pb::TeamRole::from(role).as_str_name()).collect()
}

fn success_factors(opportunity: &Opportunity) -> usize {
    opportunity.key_success_factors.iter().filter(|factor| factor.kind == FactorKind::SuccessFactor).count()
}

fn unmet_factors(opportunity: &Opportunity) -> usize {
    let factors = opportunity.key_success_factors.iter();
    factors.filter(|factor| factor.kind == FactorKind::SuccessFactor && !factor.met).count()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use sqlx::types::Json;
    use time::macros::date;
    use uuid::Uuid;

    use super::super::model::{Competitor, KeySuccessFactor, Line, TeamMember};
    use super::*;

    /// True if an opportunity with these facts meets a criterion.
    fn meets(criterion: ExitCriterion, opportunity: &Opportunity, facts: &Facts) -> bool {
        unmet(&[criterion], opportunity, facts).is_empty()
    }

    fn member(role: TeamRole) -> TeamMember {
        TeamMember { account_manager_id: Uuid::nil(), employee_number: "E1".to_owned(), role }
    }

    fn factor(kind: FactorKind, met: bool) -> KeySuccessFactor {
        KeySuccessFactor { text: "价格".to_owned(), kind, met }
    }

    #[test]
    fn what_the_opportunity_says_itself_meets_criteria() {
        use ExitCriterion as Criterion;
        let blank = Opportunity::sample();
        let line = Line {
            offering_code: "MAIL".to_owned(),
            offering_name: String::new(),
            quantity: 1,
            term_months: 0,
            list_amount: None,
        };
        let rival = Competitor { name: "甲".to_owned(), offer: String::new(), price: None, currency_code: None };
        let team = [TeamRole::AccountManager, TeamRole::ProductManager, TeamRole::SupportManager];
        let filled = Opportunity {
            account_id: Some(Uuid::nil()),
            list_amount: Some(Decimal::ONE),
            expected_close_date: Some(date!(2026 - 12 - 31)),
            lines: Json(vec![line]),
            competitors: Json(vec![rival]),
            team: Json(team.map(member).to_vec()),
            key_success_factors: Json(vec![factor(FactorKind::SuccessFactor, true)]),
            intent: Some(Intent::Purchasing),
            ..blank.clone()
        };
        for criterion in [
            Criterion::AccountKnown,
            Criterion::ValueKnown,
            Criterion::ExpectedCloseKnown,
            Criterion::LinesPresent,
            Criterion::CompetitorsKnown,
            Criterion::TeamComplete,
            Criterion::SuccessFactorsMet,
            Criterion::PurchasePlanned,
        ] {
            assert!(!meets(criterion, &blank, &Facts::default()), "{criterion:?}");
            assert!(meets(criterion, &filled, &Facts::default()), "{criterion:?}");
        }
    }

    #[test]
    fn half_of_a_team_or_of_the_success_factors_is_not_enough() {
        let half = Opportunity {
            team: Json(vec![member(TeamRole::AccountManager), member(TeamRole::SupportManager)]),
            key_success_factors: Json(vec![
                factor(FactorKind::SuccessFactor, true),
                factor(FactorKind::SuccessFactor, false),
            ]),
            intent: Some(Intent::Interested),
            ..Opportunity::sample()
        };
        for criterion in [ExitCriterion::TeamComplete, ExitCriterion::SuccessFactorsMet, ExitCriterion::PurchasePlanned]
        {
            assert!(!meets(criterion, &half, &Facts::default()), "{criterion:?}");
        }
        assert_eq!(missing_roles(&half), ["TEAM_ROLE_PRODUCT_MANAGER"]);
        // A point to begin at is no success factor, neither for it nor against it.
        let entry = Opportunity { key_success_factors: Json(vec![factor(FactorKind::EntryPoint, true)]), ..half };
        assert!(!meets(ExitCriterion::SuccessFactorsMet, &entry, &Facts::default()));
        let factors = vec![factor(FactorKind::EntryPoint, false), factor(FactorKind::SuccessFactor, true)];
        let both = Opportunity { key_success_factors: Json(factors), ..entry };
        assert!(meets(ExitCriterion::SuccessFactorsMet, &both, &Facts::default()));
    }

    #[test]
    fn needs_and_quotes_meet_criteria_by_their_states() {
        use ExitCriterion as Criterion;
        let needs = [Criterion::NeedHypothesised, Criterion::NeedVerified, Criterion::NeedsEvaluated];
        let quotes = [Criterion::QuoteSubmitted, Criterion::QuoteApproved, Criterion::QuoteAccepted];
        let none = Facts::default();
        for (criteria, facts, left) in [
            (needs, none.clone(), 3),
            (needs, Facts { needs_hypothesised: 2, ..none }, 2),
            (needs, Facts { needs_verified: 1, ..none }, 1),
            (needs, Facts { needs_evaluated: 1, ..none }, 0),
            (needs, Facts { needs_evaluated: 1, needs_hypothesised: 1, ..none }, 1),
            (needs, Facts { needs_evaluated: 1, needs_verified: 1, ..none }, 0),
            (quotes, none.clone(), 3),
            (quotes, Facts { quotes_waiting: 1, ..none }, 2),
            (quotes, Facts { quotes_approved: 1, ..none }, 1),
            (quotes, Facts { quotes_accepted: 1, ..none }, 0),
        ] {
            // The later ones ask for more.
            assert_eq!(unmet(&criteria, &Opportunity::sample(), &facts), criteria[3 - left..], "{facts:?}");
        }
    }
}
