//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::value::{bounded, code, percent};
use guanxi_grpc::{Fields, Violation, Violations, day, etag, list, parse_id, text, timestamp};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{self as pb, ErrorReason, TargetChange, UpdateTargetRequest, decompose_target_request};
use guanxi_resource::{Deletable, Error, Update, place};
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::{Target, places};
use super::period::{Period, period};
use super::progress::{Light, Progress};
use crate::error::reason;
use crate::figure::currency;
use crate::indicator::{self, Indicator};

/// Most characters of a note or a reason.
const MAX_TEXT: usize = 500;
/// Most places that any value has.
const MAX_PLACES: usize = 6;
/// Most parts of a target.
const MAX_PARTS: usize = 1_000;

/// The target on the wire.
pub(super) fn wire(target: &Target) -> pb::Target {
    let state = match target.state_name() {
        "DELETED" => pb::TargetState::Deleted,
        "LOCKED" => pb::TargetState::Locked,
        _ => pb::TargetState::Open,
    };
    pb::Target {
        id: target.id.to_string(),
        indicator_code: target.indicator_code.clone(),
        territory_code: target.territory_code.clone(),
        period: target.period.clone(),
        currency_code: target.currency_code.clone(),
        value: target.value.normalize().to_string(),
        note: target.note.clone(),
        parent_target_id: target.parent_target_id.map(|id| id.to_string()).unwrap_or_default(),
        state: state.into(),
        version_number: target.version_number,
        create_time: Some(timestamp(target.create_time)),
        update_time: Some(timestamp(target.update_time)),
        delete_time: target.delete_time.map(timestamp),
        etag: etag(target.version),
        decompose_time: target.decompose_time.map(timestamp),
    }
}

/// How a target stands on the wire.
pub(super) fn wire_progress(target: &Target, progress: &Progress) -> pb::TargetProgress {
    let decimal = |value: Option<Decimal>| value.map(|value| value.normalize().to_string()).unwrap_or_default();
    let light = match progress.light {
        None => pb::TargetLight::Unspecified,
        Some(Light::Green) => pb::TargetLight::Green,
        Some(Light::Amber) => pb::TargetLight::Amber,
        Some(Light::Red) => pb::TargetLight::Red,
    };
    pb::TargetProgress {
        target: Some(wire(target)),
        actual_value: decimal(progress.actual),
        elapsed_share: decimal(Some(progress.elapsed_share)),
        reached_share: decimal(progress.reached_share),
        projected_value: decimal(progress.projected),
        light: light.into(),
    }
}

/// The event of a change; `why` where the method asked for a reason.
pub(super) fn event(kind: &'static str, before: Option<&Target>, after: &Target, why: &str) -> NewEvent {
    let lies = |target: &Target| place(&target.territory_code, &target.territory_path);
    let change = TargetChange { before: before.map(wire), after: Some(wire(after)), reason: why.to_owned() };
    guanxi_resource::event(kind, after.id, after.version, before.map(lies), lies(after), &change)
}

/// What a creation says.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) indicator_code: String,
    pub(super) territory_code: String,
    period: String,
    currency_code: String,
    value: Decimal,
    note: String,
}

impl New {
    /// The target, once it is known of what and where.
    pub(super) fn target(
        self,
        id: Uuid,
        now: OffsetDateTime,
        (indicator, territory_path): (&Indicator, String),
    ) -> Result<Target, Violations> {
        let target = Target {
            id,
            indicator_code: self.indicator_code,
            territory_code: self.territory_code,
            territory_path,
            period: self.period,
            currency_code: self.currency_code,
            value: self.value,
            note: self.note,
            parent_target_id: None,
            locked: false,
            decompose_time: None,
            version_number: 1,
            version: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        };
        let mut wrong = Violations::default();
        let fits = wrong.keep(target.check_currency(indicator));
        if fits.is_some() {
            let _ = wrong.keep(fitting("target.value", target.value, places(indicator, &target.currency_code)));
        }
        if wrong.is_empty() { Ok(target) } else { Err(wrong) }
    }
}

/// A checked creation.
pub(super) fn creation(sent: Option<pb::Target>) -> Result<New, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("target"))?;
    let mut fields = Fields::of_creation("target");
    let indicator_code = fields.required("indicator_code", &sent.indicator_code, indicator::code);
    let territory_code = fields.required("territory_code", &sent.territory_code, code);
    let period = fields.required("period", &sent.period, period);
    let currency_code = fields.required("currency_code", &sent.currency_code, currency);
    let value = fields.required("value", &sent.value, value);
    let note = fields.optional_text("note", &sent.note, MAX_TEXT);
    let new = indicator_code.zip(territory_code).zip(period).zip(currency_code).zip(value).zip(note);
    fields.finish(new.map(|(((((indicator_code, territory_code), period), currency_code), value), note)| New {
        indicator_code,
        territory_code,
        period,
        currency_code,
        value,
        note: note.unwrap_or_default(),
    }))
}

/// What becomes of a target of an indicator.
pub(super) type Patch = Box<dyn FnOnce(&Target, &Indicator) -> Result<Target, Error> + Send>;
/// A field that may be sent back as it was read: what it is called, what was sent, what it is.
type Fixed<T> = (&'static str, T, fn(&Target) -> &String);

/// A checked update: what becomes of a target of an indicator.
pub(super) fn update(request: UpdateTargetRequest) -> Result<Update<Patch>, Violations> {
    let sent = request.target.ok_or_else(|| Violation::required("target"))?;
    let mut fields = Fields::of_update("target", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("target.id", &sent.id)), sent.etag.clone());
    let fixed: [Fixed<String>; 4] = [
        ("indicator_code", sent.indicator_code, |target| &target.indicator_code),
        ("territory_code", sent.territory_code, |target| &target.territory_code),
        ("period", sent.period, |target| &target.period),
        ("currency_code", sent.currency_code, |target| &target.currency_code),
    ];
    // They may be sent back as they were read, and nothing else.
    let fixed = fixed.map(|(name, sent, is)| (name, fields.read(name, !sent.is_empty(), |_| Ok(sent)), is));
    let value = fields.required("value", &sent.value, value);
    let note = fields.optional_text("note", &sent.note, MAX_TEXT);
    let patch = move |before: &Target, indicator: &Indicator| {
        before.check_open()?;
        let mut wrong = Violations::default();
        for (name, sent, is) in fixed {
            if sent.is_some_and(|sent| sent != *is(before)) {
                wrong.push(Violation::new(format!("target.{name}"), Shared::Immutable).with("value", is(before)));
            }
        }
        if let Some(value) = value {
            let _ = wrong.keep(fitting("target.value", value, places(indicator, &before.currency_code)));
        }
        wrong.check()?;
        let after = before.worth(value.unwrap_or(before.value));
        Ok(Target { note: note.map_or_else(|| before.note.clone(), Option::unwrap_or_default), ..after })
    };
    let patch: Patch = Box::new(patch);
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// The value of a target.
fn value(field: &str, sent: &str) -> Result<Decimal, Violation> {
    bounded(field, sent, MAX_PLACES, Decimal::ZERO, Decimal::MAX)
}

/// Refuses a value with more places than its indicator has.
fn fitting(field: &str, value: Decimal, places: u32) -> Result<(), Violation> {
    if value.normalize().scale() > places {
        let expected = format!("a decimal number with at most {places} places");
        return Err(Violation::new(field, Shared::Format).with("value", value).with("expected", expected));
    }
    Ok(())
}

/// Reads why a target is opened again.
pub(super) fn why(sent: &str) -> Result<String, Violation> {
    text("reason", sent, 1, MAX_TEXT)
}

/// How a target is split: by the figures of some days, or by parts that are territory and percent or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `None` for the period of the target a year before.
    History(Option<(Date, Date)>),
    Share(Vec<(String, Decimal)>),
    Hand(Vec<(String, Decimal)>),
}

impl Method {
    /// The days whose figures a target is split by.
    pub(super) fn days(&self, period: &str) -> Option<(Date, Date)> {
        match self {
            Self::History(Some(days)) => Some(*days),
            Self::History(None) => Period::of(period)?.year_before().map(|before| (before.first, before.last)),
            Self::Share(_) | Self::Hand(_) => None,
        }
    }
}

/// Reads how a target is split.
pub(super) fn method(sent: Option<decompose_target_request::Method>) -> Result<Method, Violations> {
    use decompose_target_request::Method as Sent;
    let mut wrong = Violations::default();
    let method = match sent {
        None => return Err(Violation::required("method").into()),
        Some(Sent::History(history)) => wrong.keep(days(&history)).map(Method::History),
        Some(Sent::Share(shares)) => {
            let read = |field: &str, part: pb::TargetShare| {
                Ok((
                    code(&format!("{field}.territory_code"), &part.territory_code)?,
                    percent(&format!("{field}.percent"), &part.percent)?,
                ))
            };
            Some(Method::Share(list(&mut wrong, "share.parts", shares.parts, MAX_PARTS, read, territory)))
        }
        Some(Sent::Hand(parts)) => {
            let read = |field: &str, part: pb::TargetPart| {
                Ok((
                    code(&format!("{field}.territory_code"), &part.territory_code)?,
                    value(&format!("{field}.value"), &part.value)?,
                ))
            };
            Some(Method::Hand(list(&mut wrong, "hand.parts", parts.parts, MAX_PARTS, read, territory)))
        }
    };
    method.filter(|_| wrong.is_empty()).ok_or(wrong)
}

fn territory((code, _): &(String, Decimal)) -> String {
    code.clone()
}

fn days(history: &pb::TargetHistory) -> Result<Option<(Date, Date)>, Violation> {
    let from = day::read("history.from_date", &history.from_date)?;
    let to = day::read("history.to_date", &history.to_date)?;
    match (from, to) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Violation::required("history.from_date")),
        (Some(_), None) => Err(Violation::required("history.to_date")),
        (Some(from), Some(to)) if to < from => {
            let reversed = Violation::new("history.to_date", reason(ErrorReason::RangeReversed));
            Err(reversed.with("value", to).with("from", from))
        }
        (Some(from), Some(to)) => Ok(Some((from, to))),
    }
}

/// Refuses parts by hand with more places than their indicator has.
pub(super) fn check_places(parts: &[(String, Decimal)], places: u32) -> Result<(), Violations> {
    let mut wrong = Violations::default();
    for (index, (_, value)) in parts.iter().enumerate() {
        let _ = wrong.keep(fitting(&format!("hand.parts[{index}].value"), *value, places));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Reads what progress is listed for: the indicator and the period.
pub(super) fn listed(request: &pb::ListTargetProgressRequest) -> Result<(String, String), Violations> {
    let mut wrong = Violations::default();
    let indicator_code = wrong.keep(indicator::code("indicator_code", &request.indicator_code));
    let period = wrong.keep(period("period", &request.period));
    indicator_code.zip(period).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn history(from: &str, to: &str) -> Result<Method, Violations> {
        let (from_date, to_date) = (from.to_owned(), to.to_owned());
        method(Some(decompose_target_request::Method::History(pb::TargetHistory { from_date, to_date })))
    }

    #[test]
    fn history_is_some_days_or_a_year_before() {
        let year = (date!(2025 - 01 - 01), date!(2025 - 12 - 31));
        assert_eq!(history("", "").unwrap().days("2026"), Some(year));
        assert_eq!(history("2025-01-01", "2025-12-31").unwrap().days("2026-03"), Some(year));
        for (from, to, expected) in [
            ("2025-01-01", "", "REQUIRED"),
            ("", "2025-01-01", "REQUIRED"),
            ("2025-01-02", "2025-01-01", "RANGE_REVERSED"),
            ("2025-02-30", "2025-03-01", "FORMAT"),
        ] {
            assert_eq!(history(from, to).unwrap_err().into_inner()[0].reason.name(), expected, "{from} {to}");
        }
    }

    #[test]
    fn a_method_is_needed() {
        assert_eq!(method(None).unwrap_err().into_inner()[0].field, "method");
    }
}
