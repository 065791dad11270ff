//! Between the wire and the model.

use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Refusal, Violation, Violations, etag, parse_id, timestamp};
use guanxi_proto::client_registry::v1 as registry;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::product_catalog::v1::{self as pb, ErrorReason, PriceChange, ReductionCause, UpdatePriceRequest};
use guanxi_resource::{Error, Update};
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::{Condition, Price, Reduction, Tier};
use super::patch::{self, Patch};
use crate::error::{precondition, reason};

pub(super) fn wire(price: &Price) -> pb::Price {
    let content = &price.content;
    let text = |amount: Option<Decimal>| amount.map(|amount| amount.to_string()).unwrap_or_default();
    pb::Price {
        id: price.id.to_string(),
        offering_code: price.offering_code.clone(),
        charge_kind: pb::ChargeKind::from(price.charge_kind).into(),
        model: pb::PriceModel::from(content.model).into(),
        currency_code: price.currency_code.clone(),
        amount: text(content.amount),
        tiers: content.tiers.iter().map(wire_tier).collect(),
        unit: content.unit.clone().unwrap_or_default(),
        floor_amount: text(content.floor),
        cost_amount: text(content.cost),
        reductions: content.reductions.iter().map(wire_reduction).collect(),
        valid_from_date: price.valid_from_date.to_string(),
        valid_to_date: price.valid_to_date.map(|end| end.to_string()).unwrap_or_default(),
        create_time: Some(timestamp(price.create_time)),
        update_time: Some(timestamp(price.update_time)),
        delete_time: price.delete_time.map(timestamp),
        etag: etag(price.version),
    }
}

fn wire_tier(tier: &Tier) -> pb::PriceTier {
    let to_quantity = tier.to.unwrap_or_default();
    pb::PriceTier { from_quantity: tier.from, to_quantity, amount: tier.amount.to_string() }
}

fn wire_reduction(reduction: &Reduction) -> pb::PriceReduction {
    let percent = reduction.percent.to_string();
    let wire = |cause: ReductionCause| pb::PriceReduction { cause: cause.into(), percent, ..Default::default() };
    match reduction.condition {
        Condition::Tier(tier) => {
            pb::PriceReduction { tier: registry::Tier::from(tier).into(), ..wire(ReductionCause::Tier) }
        }
        Condition::Term(months) => pb::PriceReduction { min_term_months: months, ..wire(ReductionCause::Term) },
        Condition::Volume(quantity) => pb::PriceReduction { min_quantity: quantity, ..wire(ReductionCause::Volume) },
    }
}

/// The event of a change.
pub(super) fn event(kind: &'static str, before: Option<&Price>, after: &Price) -> NewEvent {
    let change = PriceChange { before: before.map(wire), after: Some(wire(after)) };
    guanxi_resource::event_of_all(kind, after.id, after.version, &change)
}

/// A checked creation: a price that has no id yet.
pub(super) fn creation(sent: Option<pb::Price>, now: OffsetDateTime) -> Result<Price, Violations> {
    let sent = sent.ok_or_else(|| Violation::required("price"))?;
    let mut fields = Fields::of_creation("price");
    let patch = Patch::read(&mut fields, sent);
    patch.complete(fields.finish(Some(())), Price::blank(Uuid::nil(), now))
}

/// Reads an update: what a price becomes on a day, unless that is wrong beside the price as it is.
pub(super) fn update(
    request: UpdatePriceRequest,
    today: Date,
) -> Result<Update<impl FnOnce(&Price) -> Result<Price, Error>>, Violations> {
    let sent = request.price.ok_or_else(|| Violation::required("price"))?;
    let mut fields = Fields::of_update("price", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("price.id", &sent.id)), sent.etag.clone());
    let patch = Patch::read(&mut fields, sent);
    let patch = move |before: &Price| changed(before, &patch, today);
    fields.finish(id.map(|id| Update { id, etag, patch }))
}

/// What a patch makes of a price, where the price may become so.
pub(super) fn changed(before: &Price, patch: &Patch, today: Date) -> Result<Price, Error> {
    before.check_live()?;
    let after = patch.apply(before.clone());
    let mut violations = Violations::default();
    if after.offering_code != before.offering_code {
        let immutable = Violation::new("price.offering_code", Shared::Immutable);
        violations.push(immutable.with("value", &before.offering_code));
    }
    if after.charge_kind != before.charge_kind {
        let immutable = Violation::new("price.charge_kind", Shared::Immutable);
        violations.push(immutable.with("value", pb::ChargeKind::from(before.charge_kind).as_str_name()));
    }
    violations.extend(patch::check(&after));
    violations.check()?;
    before.check_change(&after, today)?;
    Ok(after)
}

/// The fields in which two versions of a price differ.
pub(super) fn differences(before: &Price, after: &Price) -> Vec<&'static str> {
    let (old, new) = (&*before.content, &*after.content);
    let fields = [
        ("model", old.model == new.model),
        ("currency_code", before.currency_code == after.currency_code),
        ("amount", old.amount == new.amount),
        ("tiers", old.tiers == new.tiers),
        ("unit", old.unit == new.unit),
        ("floor_amount", old.floor == new.floor),
        ("cost_amount", old.cost == new.cost),
        ("reductions", old.reductions == new.reductions),
        ("valid_to_date", before.valid_to_date == after.valid_to_date),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// That a price overlaps another one, of the field that says when it begins.
pub(super) fn overlaps(other: &Price) -> Violation {
    let overlaps = Violation::new("price.valid_from_date", reason(ErrorReason::PriceOverlaps));
    overlaps.with("from", other.valid_from_date)
}

/// The same of a price that comes back.
pub(super) fn comes_back_over(other: &Price) -> Refusal {
    precondition(ErrorReason::PriceOverlaps).with("from", other.valid_from_date)
}
