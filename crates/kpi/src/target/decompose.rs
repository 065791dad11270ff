//! Splitting a target so that it adds up.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_grpc::{Violation, Violations};
use guanxi_proto::kpi::v1::ErrorReason;
use rust_decimal::{Decimal, RoundingStrategy};
use uuid::Uuid;

use super::model::Target;
use crate::error::reason;

/// Places to which weights are taken before they are reckoned with in whole numbers.
const WEIGHT_PLACES: u32 = 18;

/// The parts of a total in proportion to weights, each a multiple of the smallest unit of so many places; they add up to the total. What is left by rounding down goes, unit by
/// unit, to those that lose most by it, the first among equals. `None` where no weight is above zero.
pub(super) fn split(total: Decimal, weights: &[Decimal], places: u32) -> Option<Vec<Decimal>> {
    let weights: Vec<Decimal> = weights.iter().map(|weight| (*weight).max(Decimal::ZERO)).collect();
    let largest = weights.iter().max().copied().filter(|largest| !largest.is_zero())?;
    let weights: Vec<i128> = weights.iter().map(|weight| units(*weight / largest, WEIGHT_PLACES)).collect();
    let (sum, total) = (weights.iter().sum::<i128>(), units(total, places));
    let mut parts: Vec<i128> = weights.iter().map(|weight| total * weight / sum).collect();
    let left = usize::try_from(total - parts.iter().sum::<i128>()).unwrap_or_default();
    let mut by_loss: Vec<usize> = (0..weights.len()).collect();
    by_loss.sort_by_key(|index| std::cmp::Reverse(total * weights[*index] % sum));
    by_loss.into_iter().take(left).for_each(|index| parts[index] += 1);
    Some(parts.into_iter().map(|part| Decimal::from_i128_with_scale(part, places).normalize()).collect())
}

/// A number in units of its last place.
fn units(number: Decimal, places: u32) -> i128 {
    let mut rounded = number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(places);
    rounded.mantissa()
}

/// Refuses parts that are not the territories right below, each once, or that do not add up to what is expected. Parts are territory and value.
pub(super) fn check_parts(
    field: &str,
    parts: &[(String, Decimal)],
    right_below: &BTreeSet<String>,
    expected: Decimal,
) -> Result<(), Violations> {
    let mut wrong = Violations::default();
    for (index, (code, _)) in parts.iter().enumerate().filter(|(_, (code, _))| !right_below.contains(code)) {
        let unfit = Violation::new(format!("{field}[{index}].territory_code"), reason(ErrorReason::TargetPartUnfit));
        wrong.push(unfit.with("value", code));
    }
    for code in right_below.iter().filter(|code| parts.iter().all(|(part, _)| part != *code)) {
        wrong.push(Violation::new(field, reason(ErrorReason::TargetPartMissing)).with("value", code));
    }
    let sum: Decimal = parts.iter().map(|(_, value)| value).sum();
    if sum != expected {
        let not_adding_up = Violation::new(field, reason(ErrorReason::TargetNotAddingUp));
        wrong.push(not_adding_up.with("sum", sum.normalize()).with("expected", expected.normalize()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// What becomes of everything below some targets that have new values: their parts follow in proportion to the values that they have, equally where all of
/// them are zero. `below` are the targets below in any order; what keeps its value is left out.
pub(super) fn follow(changed: &[Target], below: &[Target], places: u32) -> Vec<Target> {
    let mut parts_of: BTreeMap<Uuid, Vec<&Target>> = BTreeMap::new();
    for part in below {
        parts_of.entry(part.parent_target_id.unwrap_or_default()).or_default().push(part);
    }
    for parts in parts_of.values_mut() {
        parts.sort_by(|one, other| one.territory_code.cmp(&other.territory_code));
    }
    let (mut waiting, mut followed) = (changed.to_vec(), Vec::new());
    while let Some(parent) = waiting.pop() {
        let parts = parts_of.remove(&parent.id).unwrap_or_default();
        let weights: Vec<Decimal> = parts.iter().map(|part| part.value).collect();
        let equal = vec![Decimal::ONE; parts.len()];
        let values = split(parent.value, &weights, places).or_else(|| split(parent.value, &equal, places));
        for (part, value) in parts.into_iter().zip(values.unwrap_or_default()) {
            let after = part.worth(value);
            if after.value != part.value {
                followed.push(after.clone());
                waiting.push(after);
            }
        }
    }
    followed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::tests::target;
    use super::*;

    fn decimals(values: &[&str]) -> Vec<Decimal> {
        values.iter().map(|value| value.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_left_goes_to_those_that_lose_most() {
        let split = |total: i64, weights: &[&str], places| split(Decimal::from(total), &decimals(weights), places);
        assert_eq!(split(100, &["1", "1", "1"], 2), Some(decimals(&["33.34", "33.33", "33.33"])));
        assert_eq!(split(10, &["5", "3", "2"], 0), Some(decimals(&["5", "3", "2"])));
        assert_eq!(split(2, &["0.2", "0.3", "0.5"], 0), Some(decimals(&["0", "1", "1"])));
        assert_eq!(split(7, &["-5", "0", "1"], 0), Some(decimals(&["0", "0", "7"])));
        assert_eq!(split(0, &["1", "2"], 2), Some(decimals(&["0", "0"])));
        assert_eq!(split(7, &["0", "-1"], 0), None);
        assert_eq!(split(7, &[], 0), None);
    }

    #[test]
    fn parts_that_are_wrong_are_all_named() {
        let right_below = BTreeSet::from(["A".to_owned(), "B".to_owned()]);
        let parts = [("A".to_owned(), Decimal::ONE), ("C".to_owned(), Decimal::ONE)];
        let wrong = check_parts("hand.parts", &parts, &right_below, Decimal::TEN).unwrap_err().into_inner();
        let named: Vec<_> = wrong.iter().map(|wrong| (wrong.field.as_str(), wrong.reason.name())).collect();
        let expected = [
            ("hand.parts[1].territory_code", "TARGET_PART_UNFIT"),
            ("hand.parts", "TARGET_PART_MISSING"),
            ("hand.parts", "TARGET_NOT_ADDING_UP"),
        ];
        assert_eq!(named, expected);
        assert_eq!(wrong[2].values, [("sum", "2".to_owned()), ("expected", "10".to_owned())]);
    }

    /// Parents of the targets 2, 3, … of a tree below target 1, and a value for each of those that have no parts.
    fn trees() -> impl Strategy<Value = Vec<(usize, i64)>> {
        prop::collection::vec((0..1_000_usize, 0..1_000_000_i64), 1..60)
    }

    /// A tree that adds up: the values of the leaves are given.
    fn tree(shape: &[(usize, i64)]) -> Vec<Target> {
        let mut targets = vec![target(0)];
        for (index, (parent, value)) in shape.iter().enumerate() {
            let id = Uuid::from_u128(u128::try_from(index).unwrap() + 2);
            let parent_target_id = Some(targets[parent % targets.len()].id);
            let territory_code = format!("T{index}");
            targets.push(Target { id, parent_target_id, territory_code, value: Decimal::new(*value, 2), ..target(0) });
        }
        for index in (0..targets.len()).rev() {
            let parts: Vec<Decimal> = parts(&targets, targets[index].id);
            if !parts.is_empty() {
                targets[index].value = parts.iter().sum();
            }
        }
        targets
    }

    fn parts(targets: &[Target], id: Uuid) -> Vec<Decimal> {
        targets.iter().filter(|part| part.parent_target_id == Some(id)).map(|part| part.value).collect()
    }

    proptest! {
        #[test]
        fn parts_add_up(total in 0..1_000_000_000_000_000_i64, weights in prop::collection::vec(-5..i64::MAX, 1..40), places in 0..5_u32) {
            let total = Decimal::new(total, places);
            let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
            prop_assume!(weights.iter().any(|weight| *weight > Decimal::ZERO));
            let parts = split(total, &weights, places).unwrap();
            prop_assert_eq!(parts.iter().sum::<Decimal>(), total);
            let (unit, sum) = (Decimal::new(1, places), weights.iter().map(|weight| (*weight).max(Decimal::ZERO)).sum::<Decimal>());
            for (part, weight) in parts.iter().zip(&weights) {
                let fair = total * ((*weight).max(Decimal::ZERO) / sum);
                prop_assert!((*part - fair).abs() < unit + unit / Decimal::TEN, "{} is far from {}", part, fair);
                prop_assert!(part.scale() <= places && !part.is_sign_negative());
            }
        }

        #[test]
        fn a_tree_adds_up_after_any_new_value(shape in trees(), value in 0..1_000_000_000_i64) {
            let mut targets = tree(&shape);
            let root = targets[0].worth(Decimal::new(value, 2));
            let below = targets.split_off(1);
            let followed = follow(std::slice::from_ref(&root), &below, 2);
            let after = |target: Target| followed.iter().find(|one| one.id == target.id).cloned().unwrap_or(target);
            let after: Vec<Target> = std::iter::once(root).chain(below.into_iter().map(after)).collect();
            for parent in &after {
                let parts = parts(&after, parent.id);
                prop_assert!(parts.is_empty() || parts.iter().sum::<Decimal>() == parent.value);
            }
        }
    }
}
