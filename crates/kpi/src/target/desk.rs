//! Changes of several targets at once: what follows from one, saved together with an event each.

use std::collections::BTreeMap;

use guanxi_db::{PgConnection, Transaction};
use guanxi_grpc::{Call, Refusal};
use guanxi_proto::kpi::v1::ErrorReason;
use guanxi_resource::{Deletable, Error, Resource, Resources};
use rust_decimal::Decimal;
use tonic::Code;
use uuid::Uuid;

use super::convert::{self, Method};
use super::decompose::{check_parts, follow, split};
use super::model::{Target, places};
use super::store;
use crate::error::reason;
use crate::figure::{self, By, Question};
use crate::indicator::{self, Indicator};

/// A target before and after; `None` for one that is new.
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) before: Option<Target>,
    pub(super) after: Target,
}

impl Step {
    pub(super) fn of(kind: &'static str, before: &Target, after: Target) -> Self {
        Self { kind, before: Some(before.clone()), after }
    }
}

/// Saves what changes, each with its next version and its event, and commits. Returns the position of the last event, 0 without any. `why` is told by each.
pub(super) async fn commit(
    resources: &Resources,
    call: &Call,
    mut transaction: Transaction,
    steps: &mut Vec<Step>,
    why: &str,
) -> Result<i64, Error> {
    steps.retain(|step| step.before.as_ref() != Some(&step.after));
    for step in steps.iter_mut().filter(|step| step.before.is_some()) {
        step.after.stamp().advance(call.now);
    }
    if !steps.is_empty() {
        let after: Vec<Target> = steps.iter().map(|step| step.after.clone()).collect();
        store::save(&mut transaction, &after).await?;
    }
    let event = |step: &Step| convert::event(step.kind, step.before.as_ref(), &step.after, why);
    resources.commit(transaction, call, steps.iter().map(event).collect()).await
}

/// The indicator of a target, unless it is deleted.
pub(super) async fn indicator_of(connection: &mut PgConnection, code: &str) -> Result<Indicator, Error> {
    let found = indicator::store::find(connection, None, Some(code)).await?;
    let indicator = found.ok_or_else(|| Error::not_found("indicator", code))?;
    indicator.check_live()?;
    Ok(indicator)
}

/// What becomes of everything below a target by one rule, with the target itself first.
pub(super) async fn with_below(
    connection: &mut PgConnection,
    kind: &'static str,
    (before, after): (&Target, Target),
    rule: impl Fn(&Target) -> Result<Target, Error>,
) -> Result<Vec<Step>, Error> {
    let mut steps = vec![Step::of(kind, before, after)];
    for target in store::below(connection, &[before.id]).await? {
        let after = rule(&target)?;
        steps.push(Step::of(kind, &target, after));
    }
    Ok(steps)
}

/// What follows, down the tree, from targets that have new values.
pub(super) async fn followed(
    connection: &mut PgConnection,
    changed: &[Target],
    places: u32,
) -> Result<Vec<Step>, Error> {
    let ids: Vec<Uuid> = changed.iter().map(|target| target.id).collect();
    let below = store::below(connection, &ids).await?;
    let before: BTreeMap<Uuid, &Target> = below.iter().map(|target| (target.id, target)).collect();
    let mut steps = Vec::new();
    for after in follow(changed, &below, places) {
        let Some(before) = before.get(&after.id) else { continue };
        before.check_open()?;
        steps.push(Step::of("target.updated", before, after));
    }
    Ok(steps)
}

/// A figure for each territory of a target's split, by code, over some days.
pub(super) async fn history(
    resources: &Resources,
    call: &Call,
    target: &Target,
    method: &Method,
) -> Result<BTreeMap<String, Decimal>, Error> {
    let Some((from, to)) = method.days(&target.period) else { return Ok(BTreeMap::new()) };
    let question = Question {
        indicator_code: target.indicator_code.clone(),
        by: By::Territory,
        territory_code: target.territory_code.clone(),
        territory_level: String::new(),
        from: Some(from),
        to: Some(to),
        currency_code: target.currency_code.clone(),
        only: Vec::new(),
    };
    let parts = resources.paths().right_below(&target.territory_path);
    let (_, figures) = figure::by_territory(resources, call, &question, parts).await?;
    let by_code = figures.into_iter().filter_map(|((code, _), figure)| Some((code, figure?)));
    let by_code: BTreeMap<String, Decimal> = by_code.collect();
    if by_code.values().all(|figure| *figure <= Decimal::ZERO) {
        let nothing = Refusal::new(Code::FailedPrecondition, reason(ErrorReason::TargetWithoutHistory));
        return Err(nothing.with("from", from).with("to", to).into());
    }
    Ok(by_code)
}

/// How a target is to be split.
pub(super) struct Split<'a> {
    pub(super) indicator: &'a Indicator,
    pub(super) method: &'a Method,
    /// Figures by territory, where it is split by them.
    pub(super) history: &'a BTreeMap<String, Decimal>,
    /// Paths of the territories right below, by code.
    pub(super) right_below: &'a BTreeMap<String, String>,
}

impl Split<'_> {
    /// The value of each territory right below; they add up to the target.
    pub(super) fn values(&self, target: &Target) -> Result<Vec<(String, Decimal)>, Error> {
        let refusal = |why: ErrorReason| Refusal::new(Code::FailedPrecondition, reason(why));
        if self.right_below.is_empty() {
            let nothing = refusal(ErrorReason::TargetWithoutParts);
            return Err(nothing.with("territory_code", &target.territory_code).into());
        }
        let places = places(self.indicator, &target.currency_code);
        let codes = self.right_below.keys().cloned().collect();
        let weights = match self.method {
            Method::Hand(parts) => {
                convert::check_places(parts, places)?;
                check_parts("hand.parts", parts, &codes, target.value)?;
                return Ok(parts.clone());
            }
            Method::Share(parts) => {
                check_parts("share.parts", parts, &codes, Decimal::ONE_HUNDRED)?;
                parts.clone()
            }
            Method::History(_) => {
                let figure = |code: String| {
                    let figure = self.history.get(&code).copied().unwrap_or_default();
                    (code, figure)
                };
                codes.into_iter().map(figure).collect()
            }
        };
        let (codes, weights): (Vec<String>, Vec<Decimal>) = weights.into_iter().unzip();
        // Territories may have moved since their figures were read.
        let values = split(target.value, &weights, places).ok_or_else(|| Error::from(Refusal::unavailable()))?;
        Ok(codes.into_iter().zip(values).collect())
    }
}

/// What splitting a target changes: its parts, those that are none any more, and what is below them.
pub(super) async fn decomposed(
    transaction: &mut Transaction,
    call: &Call,
    target: &Target,
    split: &Split<'_>,
) -> Result<Vec<Step>, Error> {
    let values = split.values(target)?;
    let codes: Vec<String> = values.iter().map(|(code, _)| code.clone()).collect();
    let there = store::beside(transaction, target, &codes).await?;
    let after = Target { decompose_time: Some(call.now), ..target.clone() };
    let mut steps = vec![Step::of("target.decomposed", target, after)];
    for (code, value) in values {
        steps.push(match there.iter().find(|part| part.territory_code == code) {
            Some(part) => adopted(target, part, value)?,
            None => made(call, target, (&code, split.right_below.get(&code)), value),
        });
    }
    for stray in store::parts(transaction, target.id).await? {
        if !codes.contains(&stray.territory_code) {
            stray.check_open()?;
            steps.push(Step::of("target.updated", &stray, Target { parent_target_id: None, ..stray.clone() }));
        }
    }
    let worth_more = |step: &Step| step.before.as_ref().is_some_and(|before| before.value != step.after.value);
    let changed: Vec<Target> = steps.iter().filter(|step| worth_more(step)).map(|step| step.after.clone()).collect();
    steps.extend(followed(transaction, &changed, places(split.indicator, &target.currency_code)).await?);
    Ok(steps)
}

/// A target that is there becomes a part of another one.
fn adopted(parent: &Target, part: &Target, value: Decimal) -> Result<Step, Error> {
    part.check_open()?;
    if part.parent_target_id != Some(parent.id) {
        part.check_no_parent()?;
    }
    let after = Target { parent_target_id: Some(parent.id), ..part.worth(value) };
    Ok(Step::of("target.updated", part, after))
}

/// A new part of a target.
fn made(call: &Call, parent: &Target, (code, path): (&str, Option<&String>), value: Decimal) -> Step {
    let after = Target {
        id: guanxi_db::new_id(call.now),
        territory_code: code.to_owned(),
        territory_path: path.cloned().unwrap_or_default(),
        value,
        note: String::new(),
        parent_target_id: Some(parent.id),
        locked: false,
        decompose_time: None,
        version_number: 1,
        version: 1,
        create_time: call.now,
        update_time: call.now,
        ..parent.clone()
    };
    Step { kind: "target.created", before: None, after }
}
