//! A row of an import as it was sent.

use guanxi_grpc::value::code;
use guanxi_grpc::{Fields, Violation, Violations, parse_id, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, ImportOpportunityRow};
use time::Date;
use uuid::Uuid;

use super::history::{self, Entry};
use crate::copies::{ExternalId, Names};
use crate::opportunity::model::CloseReason;
use crate::opportunity::patch::{self, Patch};

/// A checked row.
pub(super) struct Row {
    pub(super) number: i64,
    /// What it is recognised by.
    pub(super) imported_from: String,
    pub(super) account: Option<AccountKey>,
    pub(super) owner: Option<OwnerKey>,
    pub(super) territory_code: Option<String>,
    pub(super) pipeline_code: Option<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) open_date: Option<Date>,
    pub(super) close_reason: Option<CloseReason>,
    pub(super) reason: Option<String>,
}

/// What an account is named by.
pub(super) enum AccountKey {
    Id(Uuid),
    ExternalId(ExternalId),
}

/// What an owner is named by.
pub(super) enum OwnerKey {
    Id(Uuid),
    EmployeeNumber(String),
}

impl AccountKey {
    /// The field of the row.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "opportunity.account_id",
            Self::ExternalId(_) => "account_external_id",
        }
    }
}

impl OwnerKey {
    /// The field of the row.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "opportunity.owner_id",
            Self::EmployeeNumber(_) => "owner_employee_number",
        }
    }
}

/// Reads a row: what it says of itself, and what becomes of an opportunity by its fields.
pub(super) fn read(row: ImportOpportunityRow, today: Date) -> Result<(Row, Patch), Violations> {
    let sent = row.opportunity.map(|opportunity| *opportunity).unwrap_or_default();
    // Without a mask: empty fields of a row say nothing.
    let mut fields = Fields::of_update("opportunity", None);
    let imported_from = match &row.external_id {
        Some(id) => fields.keep(external_id("external_id", id)).map(|(system, value)| format!("{system}/{value}")),
        None => fields.keep(Err(Violation::required("external_id"))),
    };
    let territory_code = fields.required("territory_code", &sent.territory_code, patch::territory_code);
    let pipeline_code = fields.required("pipeline_code", &sent.pipeline_code, code);
    let owner_id = fields.required("owner_id", &sent.owner_id, parse_id);
    let owner = match row.owner_employee_number.as_str() {
        "" => owner_id.map(OwnerKey::Id),
        number => fields.keep(text("owner_employee_number", number, 1, 50)).map(OwnerKey::EmployeeNumber),
    };
    let (named, patch) = patch::patch(&mut fields, sent);
    let account = match &row.account_external_id {
        Some(id) => fields.keep(external_id("account_external_id", id)).map(AccountKey::ExternalId),
        None => named.account_id.map(AccountKey::Id),
    };
    let open_date = fields.keep(history::past_day("open_date", &row.open_date, today)).flatten();
    let mut past = Violations::default();
    let entries = history::read(&mut past, &row.stages, open_date, today);
    for wrong in past.into_inner() {
        fields.keep::<()>(Err(wrong));
    }
    let close_reason = fields.keep(CloseReason::read("close_reason", row.close_reason)).flatten();
    let reason = fields.keep(text("reason", &row.reason, 0, 500)).filter(|reason| !reason.is_empty());
    let number = row.row_number;
    let row = imported_from.map(|imported_from| Row {
        number,
        imported_from,
        account,
        owner,
        territory_code,
        pipeline_code,
        entries,
        open_date,
        close_reason,
        reason,
    });
    fields.finish(row.map(|row| (row, patch)))
}

/// The id of something in another system.
fn external_id(field: &str, id: &pb::ExternalId) -> Result<ExternalId, Violation> {
    let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    let system = format!("{field}.system");
    if id.system.is_empty() {
        return Err(Violation::required(system));
    }
    if id.system.len() > 30 || !id.system.bytes().all(well_formed) {
        let wrong = Violation::new(system, Shared::Format).with("value", &id.system);
        return Err(wrong.with("expected", "1 to 30 lower-case letters, digits, _ and -"));
    }
    Ok((id.system.clone(), text(&format!("{field}.value"), &id.value, 1, 100)?))
}

/// What rows name as far as they are well formed.
pub(super) fn names(rows: &[ImportOpportunityRow]) -> Names {
    let id = |text: &str| Uuid::try_parse(text).ok();
    let mut names = Names::default();
    for row in rows {
        let account = row.account_external_id.as_ref().map(|account| external_id("", account));
        names.external_ids.extend(account.and_then(Result::ok));
        names.employee_numbers.extend(text("", &row.owner_employee_number, 1, 50));
        let Some(opportunity) = &row.opportunity else { continue };
        names.accounts.extend(id(&opportunity.account_id));
        let team = opportunity.team.iter().map(|member| &member.account_manager_id);
        names.managers.extend(team.chain([&opportunity.owner_id]).filter_map(|text| id(text)));
        names.offering_codes.extend(opportunity.lines.iter().filter_map(|line| code("", &line.offering_code).ok()));
    }
    names
}
