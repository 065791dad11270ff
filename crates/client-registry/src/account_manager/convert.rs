//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, day, etag, known, number, parse_id, timestamp};
use guanxi_proto::client_registry::v1::{
    self as pb, AccountManagerChange, DepartAccountManagerRequest, ReinstateAccountManagerRequest,
    UpdateAccountManagerRequest, get_account_manager_request,
};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_resource::{Error, Sight, personal, place};
use time::Date;
use uuid::Uuid;

use super::model::{AccountManager, Channel, EmploymentType, Key};
use crate::assignment;
use crate::industry;
use crate::territory::{self, Territory};

/// The manager as the caller may see it.
pub(super) fn seen(sight: &Sight, manager: &AccountManager) -> pb::AccountManager {
    sight.veil(&manager.territory_path, wire(manager))
}

fn wire(manager: &AccountManager) -> pb::AccountManager {
    let state = match (manager.delete_time, manager.depart_date) {
        (None, None) => pb::AccountManagerState::InService,
        (None, Some(_)) => pb::AccountManagerState::Departed,
        (Some(_), _) => pb::AccountManagerState::Deleted,
    };
    pb::AccountManager {
        id: manager.id.to_string(),
        employee_number: manager.employee_number.clone(),
        name: manager.name.clone(),
        phone: manager.phone.clone().unwrap_or_default(),
        territory_code: manager.territory_code.clone(),
        channel: wire_channel(manager.channel).into(),
        grade: manager.grade,
        industry_codes: manager.industry_codes.clone(),
        skills: manager.skills.clone(),
        employment_type: wire_employment(manager.employment_type).into(),
        state: state.into(),
        create_time: Some(timestamp(manager.create_time)),
        update_time: Some(timestamp(manager.update_time)),
        delete_time: manager.delete_time.map(timestamp),
        etag: etag(manager.version),
        depart_date: day::wire(manager.depart_date),
    }
}

fn wire_employment(employment: EmploymentType) -> pb::EmploymentType {
    match employment {
        EmploymentType::Regular => pb::EmploymentType::Regular,
        EmploymentType::Outsourced => pb::EmploymentType::Outsourced,
        EmploymentType::Agent => pb::EmploymentType::Agent,
    }
}

/// A channel on the wire.
pub(crate) fn wire_channel(channel: Channel) -> pb::AccountManagerChannel {
    match channel {
        Channel::Field => pb::AccountManagerChannel::Field,
        Channel::Phone => pb::AccountManagerChannel::Phone,
        Channel::Industry => pb::AccountManagerChannel::Industry,
    }
}

/// The channel that the wire means, if it means one.
pub(crate) fn channel_of(channel: pb::AccountManagerChannel) -> Option<Channel> {
    match channel {
        pb::AccountManagerChannel::Unspecified => None,
        pb::AccountManagerChannel::Field => Some(Channel::Field),
        pb::AccountManagerChannel::Phone => Some(Channel::Phone),
        pb::AccountManagerChannel::Industry => Some(Channel::Industry),
    }
}

/// The event of a change, with a reason where the verb has one.
pub(super) fn event(
    kind: &'static str,
    before: Option<&AccountManager>,
    after: &AccountManager,
    reason: &str,
) -> NewEvent {
    let lies = |manager: &AccountManager| place(&manager.territory_code, &manager.territory_path);
    let (mut old, mut new) = (before.map(wire), wire(after));
    let changed_personal_fields = personal::withhold(&mut old, &mut new);
    let change =
        AccountManagerChange { before: old, after: Some(new), changed_personal_fields, reason: reason.to_owned() };
    guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change)
}

/// Reads the key of a Get.
pub(super) fn key(key: Option<get_account_manager_request::Key>) -> Result<Key, Violation> {
    match key {
        None => Err(Violation::required("key")),
        Some(get_account_manager_request::Key::Id(id)) => Ok(Key::Id(parse_id("id", &id)?)),
        Some(get_account_manager_request::Key::EmployeeNumber(number)) => {
            Ok(Key::EmployeeNumber(employee_number("employee_number", &number)?))
        }
    }
}

/// A checked creation: the code of the territory, and what becomes of a blank manager.
pub(super) fn creation(
    sent: Option<pb::AccountManager>,
) -> Result<(String, impl FnOnce(AccountManager) -> AccountManager), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("account_manager"))?;
    let mut fields = Fields::of_creation("account_manager");
    let (territory_code, patch) = patch(&mut fields, sent);
    fields.finish(territory_code.map(|code| (code, patch)))
}

/// A checked update.
pub(super) struct Update<P> {
    pub(super) id: Uuid,
    pub(super) etag: String,
    pub(super) territory_code: Option<String>,
    patch: P,
}

/// Reads an update.
pub(super) fn update(
    request: UpdateAccountManagerRequest,
) -> Result<Update<impl FnOnce(AccountManager) -> AccountManager>, Violations> {
    let sent = request.account_manager.ok_or_else(|| Violation::required("account_manager"))?;
    let mut fields = Fields::of_update("account_manager", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("account_manager.id", &sent.id)), sent.etag.clone());
    let (territory_code, patch) = patch(&mut fields, sent);
    fields.finish(id.map(|id| Update { id, etag, territory_code, patch }))
}

impl<P: FnOnce(AccountManager) -> AccountManager> Update<P> {
    /// The manager as the update wants it.
    pub(super) fn apply(self, before: &AccountManager, territories: &[Territory]) -> Result<AccountManager, Error> {
        before.check_live()?;
        let mut after = (self.patch)(before.clone());
        if let Some(code) = self.territory_code.filter(|code| *code != before.territory_code) {
            after.lie_in(territory::store::named(territories, &code)?);
        }
        let mut violations = Violations::default();
        if after.employee_number != before.employee_number {
            let immutable = Violation::new("account_manager.employee_number", ErrorReason::Immutable);
            violations.push(immutable.with("value", &before.employee_number));
        }
        violations.keep(check_industries(after.channel, after.industry_codes.len()));
        violations.check()?;
        Ok(after)
    }
}

/// Reads a departure: who, since when, why.
pub(super) fn departure(
    request: &DepartAccountManagerRequest,
    today: Date,
) -> Result<(Uuid, Date, String), Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let why = violations.keep(assignment::reason_text("reason", &request.reason));
    let day = day::read("depart_date", &request.depart_date);
    let day = day.and_then(|day| number("depart_date", day.unwrap_or(today), day::FIRST, today));
    match (id, violations.keep(day), why) {
        (Some(id), Some(day), Some(why)) => Ok((id, day, why)),
        _ => Err(violations),
    }
}

/// Reads a reinstatement: who, why.
pub(super) fn reinstatement(request: &ReinstateAccountManagerRequest) -> Result<(Uuid, String), Violations> {
    let mut violations = Violations::default();
    let id = violations.keep(parse_id("id", &request.id));
    let why = violations.keep(assignment::reason_text("reason", &request.reason));
    id.zip(why).ok_or(violations)
}

/// Reads the fields: the territory that they name, and what becomes of a manager by the others.
fn patch(
    fields: &mut Fields,
    sent: pb::AccountManager,
) -> (Option<String>, impl FnOnce(AccountManager) -> AccountManager + use<>) {
    let industries = sent.industry_codes.len();
    let employee_number = fields.required("employee_number", &sent.employee_number, employee_number);
    let name = fields.required("name", &sent.name, personal::name);
    let phone = fields.optional("phone", &sent.phone, personal::phone);
    let territory_code = fields.required("territory_code", &sent.territory_code, territory::code);
    let channel = fields.read("channel", sent.channel != 0, |field| channel(field, sent.channel));
    let grade = fields.read("grade", sent.grade != 0, |field| grade(field, sent.grade));
    let industry_codes = fields.list(
        "industry_codes",
        sent.industry_codes,
        20,
        |field, code| industry::code(field, &code),
        Clone::clone,
    );
    // Few and short enough that a full page stays below the 4 MiB that clients take.
    let skills = fields.texts("skills", sent.skills, 20, 30);
    let employment_type =
        fields.read("employment_type", sent.employment_type != 0, |field| employment_type(field, sent.employment_type));
    if let (Some(channel), Some(_)) = (channel, &industry_codes) {
        fields.keep(check_industries(channel, industries));
    }
    let patch = move |before: AccountManager| AccountManager {
        employee_number: employee_number.unwrap_or(before.employee_number),
        name: name.unwrap_or(before.name),
        phone: phone.unwrap_or(before.phone),
        channel: channel.unwrap_or(before.channel),
        grade: grade.unwrap_or(before.grade),
        industry_codes: industry_codes.unwrap_or(before.industry_codes),
        skills: skills.unwrap_or(before.skills),
        employment_type: employment_type.unwrap_or(before.employment_type),
        ..before
    };
    (territory_code, patch)
}

fn employee_number(field: &str, value: &str) -> Result<String, Violation> {
    let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    match value {
        "" => Err(Violation::required(field)),
        _ if value.len() <= 50 && value.bytes().all(well_formed) => Ok(value.to_owned()),
        _ => Err(Violation::new(field, ErrorReason::Format)
            .with("value", value)
            .with("expected", "1 to 50 letters, digits, _, - and .")),
    }
}

fn channel(field: &str, value: i32) -> Result<Channel, Violation> {
    let channel = known(field, value, pb::AccountManagerChannel::as_str_name)?;
    channel_of(channel).ok_or_else(|| Violation::required(field))
}

fn employment_type(field: &str, value: i32) -> Result<EmploymentType, Violation> {
    Ok(match known(field, value, pb::EmploymentType::as_str_name)? {
        pb::EmploymentType::Unspecified | pb::EmploymentType::Regular => EmploymentType::Regular,
        pb::EmploymentType::Outsourced => EmploymentType::Outsourced,
        pb::EmploymentType::Agent => EmploymentType::Agent,
    })
}

fn grade(field: &str, value: i32) -> Result<i32, Violation> {
    if value == 0 { Ok(1) } else { number(field, value, 1, 5) }
}

fn check_industries(channel: Channel, count: usize) -> Result<(), Violation> {
    let field = "account_manager.industry_codes";
    match count {
        _ if channel.fits_industries(count) => Ok(()),
        0 => Err(Violation::required(field)),
        _ => Err(Violation::new(field, ErrorReason::TooMany).with("max", 0).with("count", count)),
    }
}
