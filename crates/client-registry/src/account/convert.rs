//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, day, etag, known, number, parse_id, text, timestamp};
use guanxi_proto::client_registry::v1::{
    self as pb, AccountChange, ErrorReason as Own, SetAccountTierRequest, UpdateAccountRequest, get_account_request,
};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::r#type::v1::Money;
use guanxi_resource::{Sight, personal, place};
use time::Date;
use uuid::Uuid;

use super::model::{Account, State, Tier};
use super::patch::{self, Patch};
use super::search::{MAX_CHARACTERS, Query, QueryError};
use super::tier::Period;
use crate::error::reason;

/// The account as the caller may see it.
pub(super) fn seen(sight: &Sight, account: &Account) -> pb::Account {
    let parent_seen = account.parent_territory_path.as_deref().is_some_and(|path| sight.scope.contains(path));
    let mut seen = sight.veil(&account.territory_path, wire(account));
    if !parent_seen {
        seen.parent_account_id.clear();
    }
    seen
}

fn wire(account: &Account) -> pb::Account {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let capital = account.registered_capital.zip(account.registered_capital_currency.clone());
    pb::Account {
        id: account.id.to_string(),
        legal_name: account.legal_name.clone(),
        short_name: text(&account.short_name),
        aliases: account.aliases.clone(),
        credit_code: text(&account.credit_code),
        external_ids: account.external_ids.iter().filter_map(|id| external_id(id)).collect(),
        industry_code: text(&account.industry_code),
        parent_account_id: account.parent_id.map(|id| id.to_string()).unwrap_or_default(),
        territory_code: account.territory_code.clone(),
        address: text(&account.address),
        employee_count: account.employee_count,
        registered_capital: capital
            .map(|(amount, currency_code)| Money { currency_code, amount: amount.normalize().to_string() }),
        tax_rank: account.tax_rank,
        public_sector: account.public_sector,
        legal_representative: text(&account.legal_representative),
        tier: tier(account.tier).into(),
        state: state(account).into(),
        source: text(&account.source),
        tags: account.tags.clone(),
        attributes: account.attributes.0.clone(),
        create_time: Some(timestamp(account.create_time)),
        update_time: Some(timestamp(account.update_time)),
        delete_time: account.delete_time.map(timestamp),
        activate_time: account.activate_time.map(timestamp),
        etag: etag(account.version),
    }
}

fn external_id(id: &str) -> Option<pb::ExternalId> {
    let (system, value) = id.split_once('=')?;
    Some(pb::ExternalId { system: system.to_owned(), value: value.to_owned() })
}

fn state(account: &Account) -> pb::AccountState {
    match account.state {
        _ if account.delete_time.is_some() => pb::AccountState::Deleted,
        State::Prospect => pb::AccountState::Prospect,
        State::Active => pb::AccountState::Active,
        State::AtRisk => pb::AccountState::AtRisk,
        State::Churned => pb::AccountState::Churned,
        State::Merged => pb::AccountState::Merged,
    }
}

/// A tier on the wire.
pub(crate) fn tier(tier: Option<Tier>) -> pb::Tier {
    match tier {
        None => pb::Tier::Unspecified,
        Some(Tier::A) => pb::Tier::A,
        Some(Tier::B) => pb::Tier::B,
        Some(Tier::C) => pb::Tier::C,
    }
}

/// A period as everybody who sees the account sees it.
pub(super) fn period(period: Period) -> pb::TierPeriod {
    pb::TierPeriod {
        id: period.id.to_string(),
        tier: tier(period.tier).into(),
        start_date: period.start_date.to_string(),
        end_date: period.end_date.map(|day| day.to_string()).unwrap_or_default(),
        reason: period.reason,
        evaluator: period.evaluator,
        create_time: Some(timestamp(period.create_time)),
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Account>, after: &Account, reason: &str) -> NewEvent {
    let lies = |account: &Account| place(&account.territory_code, &account.territory_path);
    let mention = |field, account: &Account| Some((field, account.parent_territory_code.clone()?));
    let parents = [
        before.and_then(|before| mention("before.parent_account_id", before)),
        mention("after.parent_account_id", after),
    ];
    let (mut old, mut new) = (before.map(wire), wire(after));
    let changed_personal_fields = personal::withhold(&mut old, &mut new);
    let change = AccountChange { before: old, after: Some(new), reason: reason.to_owned(), changed_personal_fields };
    let mut event = guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change);
    event.mentions.extend(parents.into_iter().flatten());
    event
}

/// A checked creation.
pub(super) fn new_account(account: Option<pb::Account>) -> Result<(Patch, String), Violations> {
    let account = account.ok_or_else(|| Violation::required("account"))?;
    let mut fields = Fields::of_creation("account");
    let patch = Patch::read(&mut fields, account);
    let territory_code = patch.territory_code.clone();
    fields.finish(territory_code.map(|code| (patch, code)))
}

/// A checked update.
pub(super) struct Update {
    pub(super) id: Uuid,
    pub(super) etag: String,
    pub(super) patch: Patch,
}

impl TryFrom<UpdateAccountRequest> for Update {
    type Error = Violations;

    fn try_from(request: UpdateAccountRequest) -> Result<Self, Violations> {
        let mut account = request.account.ok_or_else(|| Violation::required("account"))?;
        let mut fields = Fields::of_update("account", request.update_mask);
        let id = fields.keep(parse_id("account.id", &account.id));
        let etag = std::mem::take(&mut account.etag);
        let patch = Patch::read(&mut fields, account);
        fields.finish(id.map(|id| Self { id, etag, patch }))
    }
}

/// What an account is asked for by.
pub(super) enum Key {
    Id(Uuid),
    CreditCode(String),
    ExternalId { system: String, value: String },
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_account_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_account_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_account_request::Key::CreditCode(code)) if code.is_empty() => Err(Violation::required("credit_code")),
        Some(get_account_request::Key::CreditCode(code)) => {
            Ok(Key::CreditCode(patch::credit_code("credit_code", &code)?))
        }
        Some(get_account_request::Key::ExternalId(id)) => {
            patch::external_id("external_id", &id)?;
            Ok(Key::ExternalId { system: id.system, value: id.value.trim().to_owned() })
        }
    }
}

/// Reads the ids of a batch.
pub(super) fn ids(ids: &[String]) -> Result<Vec<Uuid>, Violations> {
    const MAX: usize = 200;
    let mut violations = Violations::default();
    if ids.is_empty() {
        return Err(Violation::required("ids").into());
    }
    if ids.len() > MAX {
        violations.push(Violation::new("ids", ErrorReason::TooMany).with("max", MAX).with("count", ids.len()));
        return Err(violations);
    }
    let parsed = ids
        .iter()
        .enumerate()
        .filter_map(|(index, id)| violations.keep(parse_id(&format!("ids[{index}]"), id)))
        .collect();
    if violations.is_empty() { Ok(parsed) } else { Err(violations) }
}

/// A checked classification.
pub(super) struct Classification {
    pub(super) id: Uuid,
    pub(super) tier: Option<Tier>,
    pub(super) reason: String,
    pub(super) start_date: Option<Date>,
    pub(super) etag: String,
}

impl TryFrom<SetAccountTierRequest> for Classification {
    type Error = Violations;

    fn try_from(request: SetAccountTierRequest) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let id = violations.keep(parse_id("id", &request.id));
        let tier = violations.keep(known_tier("tier", request.tier));
        let reason = violations.keep(text("reason", &request.reason, 1, 500));
        let start_date = violations.keep(day::read("start_date", &request.start_date));
        match (id, tier, reason, start_date) {
            (Some(id), Some(tier), Some(reason), Some(start_date)) => {
                Ok(Self { id, tier, reason, start_date, etag: request.etag })
            }
            _ => Err(violations),
        }
    }
}

fn known_tier(field: &str, tier: i32) -> Result<Option<Tier>, Violation> {
    match known(field, tier, pb::Tier::as_str_name)? {
        pb::Tier::Unspecified => Ok(None),
        pb::Tier::A => Ok(Some(Tier::A)),
        pb::Tier::B => Ok(Some(Tier::B)),
        pb::Tier::C => Ok(Some(Tier::C)),
    }
}

/// Reads a search: what to look for, and how many.
pub(super) fn search(request: &pb::SearchAccountsRequest) -> Result<(Query, usize), Violations> {
    const DEFAULT: i32 = 10;
    const MAX: i32 = 50;
    let mut violations = Violations::default();
    let query = violations.keep(match Query::parse(&request.query) {
        _ if request.query.trim().is_empty() => Err(Violation::required("query")),
        Ok(query) => Ok(query),
        Err(QueryError::TooShort) => {
            Err(Violation::new("query", reason(Own::QueryTooShort)).with("value", &request.query))
        }
        Err(QueryError::TooLong) => Err(Violation::new("query", ErrorReason::TooLong)
            .with("max", MAX_CHARACTERS)
            .with("length", request.query.chars().count())),
    });
    let size = violations.keep(number("page_size", request.page_size, 0, i32::MAX));
    match (query, size) {
        (Some(query), Some(size)) => {
            let size = if size == 0 { DEFAULT } else { size.min(MAX) };
            Ok((query, usize::try_from(size).unwrap_or_default()))
        }
        _ => Err(violations),
    }
}

/// The nodes of a hierarchy, parents first, with their depth below the topmost one.
pub(super) fn nodes(tree: &[(&Account, i32)], sight: &Sight) -> Vec<pb::AccountTreeNode> {
    tree.iter()
        .map(|(account, depth)| pb::AccountTreeNode { account: Some(seen(sight, account)), depth: *depth })
        .collect()
}

/// Names of the fields in which two versions of an account differ.
pub(super) fn differences(before: &Account, after: &Account) -> Vec<&'static str> {
    let changed = [
        ("legal_name", before.legal_name != after.legal_name),
        ("short_name", before.short_name != after.short_name),
        ("aliases", before.aliases != after.aliases),
        ("credit_code", before.credit_code != after.credit_code),
        ("external_ids", before.external_ids != after.external_ids),
        ("industry_code", before.industry_code != after.industry_code),
        ("parent_account_id", before.parent_id != after.parent_id),
        ("territory_code", before.territory_code != after.territory_code),
        ("address", before.address != after.address),
        ("employee_count", before.employee_count != after.employee_count),
        (
            "registered_capital",
            before.registered_capital != after.registered_capital
                || before.registered_capital_currency != after.registered_capital_currency,
        ),
        ("tax_rank", before.tax_rank != after.tax_rank),
        ("public_sector", before.public_sector != after.public_sector),
        ("legal_representative", before.legal_representative != after.legal_representative),
        ("source", before.source != after.source),
        ("tags", before.tags != after.tags),
        ("attributes", before.attributes != after.attributes),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(field, _)| field).collect()
}
