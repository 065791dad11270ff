//! Between the wire and the model.

use guanxi_grpc::{Violation, Violations, number, parse_id};
use guanxi_proto::client_registry::v1::{
    self as pb, ErrorReason, SuggestAssignmentsRequest, Suggestion, SuggestionObstacle, SuggestionReason,
    SuggestionReasonCode, UnplacedAccount, suggest_assignments_request,
};
use guanxi_proto::r#type::v1::LocalizedText;
use time::Date;
use uuid::Uuid;

use super::store::VacantAccount;
use super::suggest::Obstacle;
use crate::account::wire_tier;
use crate::assignment::gate::{self, Account, Manager};
use crate::assignment::{channel_name, territory_code, tier_name};
use crate::assignment_policy::AssignmentPolicy;
use crate::error::reason;

/// Most accounts that a suggestion looks at.
const MAX_ACCOUNTS: i32 = 1_000;

/// Which accounts want a manager.
pub(super) enum Wanting {
    Territory(String),
    ManagedBy(Uuid),
}

/// Reads a question: which accounts, and at most how many.
pub(super) fn question(request: SuggestAssignmentsRequest) -> Result<(Wanting, usize), Violations> {
    use suggest_assignments_request::Accounts;
    let mut violations = Violations::default();
    let wanting = violations.keep(match request.accounts {
        None => Err(Violation::required("accounts")),
        Some(Accounts::TerritoryCode(code)) if code.is_empty() => Err(Violation::required("territory_code")),
        Some(Accounts::TerritoryCode(code)) => Ok(Wanting::Territory(code)),
        Some(Accounts::AccountManagerId(id)) => parse_id("account_manager_id", &id).map(Wanting::ManagedBy),
    });
    let max = violations.keep(number("max_accounts", request.max_accounts, 0, i32::MAX));
    match (wanting, max) {
        (Some(wanting), Some(max)) => {
            let max = if max == 0 { MAX_ACCOUNTS } else { max.min(MAX_ACCOUNTS) };
            Ok((wanting, usize::try_from(max).unwrap_or_default()))
        }
        _ => Err(violations),
    }
}

/// A vacant account as everybody sees it who sees the account.
pub(super) fn vacant(account: &VacantAccount, policy: &AssignmentPolicy, today: Date) -> pb::VacantAccount {
    let (deadline, overdue) = policy.deadline(account.since_date, today);
    pb::VacantAccount {
        account_id: account.account_id.to_string(),
        legal_name: account.legal_name.clone(),
        tier: wire_tier(account.tier).into(),
        territory_code: territory_code(&account.territory_path).to_owned(),
        since_date: account.since_date.to_string(),
        deadline_date: deadline.to_string(),
        overdue,
    }
}

/// A suggestion, with what speaks for it. `load` is what the manager has to do when all suggestions are followed.
pub(super) fn suggestion(policy: &AssignmentPolicy, account: &Account, manager: &Manager, load: i64) -> Suggestion {
    let (tier, grade, channel) = (tier_name(account.tier), manager.grade, channel_name(manager.channel));
    let (required, max) = (policy.min_grade(account.tier), policy.max_accounts(manager.channel));
    let mut reasons = Vec::new();
    let mut push = |code: SuggestionReasonCode, zh: String, en: String| {
        reasons.push(SuggestionReason { code: code.into(), text: Some(LocalizedText { zh, en }) });
    };
    if account.territory_path.starts_with(&manager.territory_path) {
        let code = territory_code(&manager.territory_path);
        let (zh, en) =
            (format!("负责的区域 {code} 包含该账户"), format!("The manager's territory {code} contains the account"));
        push(SuggestionReasonCode::Territory, zh, en);
    }
    if let Some(industry) = gate::industry_of(account, manager) {
        let (zh, en) =
            (format!("负责该账户的行业 {industry}"), format!("Answers for the account's industry {industry}"));
        push(SuggestionReasonCode::Industry, zh, en);
    }
    if policy.channel_of(account.tier).is_some() {
        let (zh, en) =
            (format!("{tier} 类账户由 {channel} 渠道负责"), format!("Tier {tier} goes to the channel {channel}"));
        push(SuggestionReasonCode::Channel, zh, en);
    }
    let zh = format!("{grade} 级，该账户（分类 {tier}）要求至少 {required} 级");
    push(SuggestionReasonCode::Grade, zh, format!("Has grade {grade}, the account (tier {tier}) asks for {required}"));
    let zh = format!("采纳全部建议后负责 {load} 个账户，上限 {max} 个");
    push(
        SuggestionReasonCode::Load,
        zh,
        format!("Has {load} accounts of at most {max} when all suggestions are followed"),
    );
    Suggestion { account_id: account.id.to_string(), account_manager_id: manager.id.to_string(), reasons }
}

/// An account that nobody fits, with what keeps everybody away.
pub(super) fn unplaced(account: &Account, obstacles: &[(Obstacle, usize)]) -> UnplacedAccount {
    let obstacles = obstacles.iter().map(|(obstacle, count)| {
        let (own, zh, en) = match obstacle {
            Obstacle::Territory => (
                ErrorReason::TerritoryNotCovered,
                "没有在岗客户经理的区域或行业包含该账户".to_owned(),
                "No manager in service has the account's territory or industry".to_owned(),
            ),
            Obstacle::Grade => (
                ErrorReason::GradeTooLow,
                format!("{count} 位客户经理的等级不够"),
                format!("The grade of {count} manager(s) is too low"),
            ),
            Obstacle::Channel => (
                ErrorReason::ChannelWrongForTier,
                format!("{count} 位客户经理的渠道不负责该分类"),
                format!("The tier does not go to the channel of {count} manager(s)"),
            ),
            Obstacle::Load => (
                ErrorReason::LoadFull,
                format!("{count} 位合适的客户经理已满额"),
                format!("{count} manager(s) who would fit have as many accounts as they may"),
            ),
        };
        let manager_count = i32::try_from(*count).unwrap_or(i32::MAX);
        SuggestionObstacle {
            reason: reason(own).name().to_owned(),
            manager_count,
            text: Some(LocalizedText { zh, en }),
        }
    });
    UnplacedAccount { account_id: account.id.to_string(), obstacles: obstacles.collect() }
}
