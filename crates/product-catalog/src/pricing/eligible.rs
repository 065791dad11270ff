//! Who may buy an offering, where and with what.

use guanxi_proto::product_catalog::v1::{Eligibility, ErrorReason, Offering};

use super::quote::Profile;

/// Every reason why an account may not buy an offering, besides its price and its configuration. `with` are the offerings of the quote.
pub(super) fn refusals(offering: &Offering, profile: &Profile, with: &[&str]) -> Vec<(ErrorReason, String)> {
    let mut refusals = Vec::new();
    if !available(offering, profile) {
        refusals.push((ErrorReason::NotAvailableHere, profile.territory_code.clone()));
    }
    let conditions = offering.eligibility.as_ref().map(|eligibility| unmet(eligibility, profile)).unwrap_or_default();
    refusals.extend(conditions.into_iter().map(|condition| (ErrorReason::NotEligible, condition.to_owned())));
    let has = |code: &&String| profile.held.contains(code) || with.contains(&code.as_str());
    let missing = offering.prerequisite_offering_codes.iter().filter(|code| !has(code));
    refusals.extend(missing.map(|code| (ErrorReason::PrerequisiteMissing, code.clone())));
    let excluded = offering.excluded_offering_codes.iter().filter(has);
    refusals.extend(excluded.map(|code| (ErrorReason::Excluded, code.clone())));
    refusals
}

/// True where the offering is sold at the account's place. A path is the codes from the root, each followed by `/`.
fn available(offering: &Offering, profile: &Profile) -> bool {
    let mut above = profile.territory_path.split_terminator('/');
    offering.available_territory_codes.is_empty()
        || above.any(|code| offering.available_territory_codes.iter().any(|available| available == code))
}

/// Names of the conditions that an account does not meet.
fn unmet(eligibility: &Eligibility, profile: &Profile) -> Vec<&'static str> {
    let one_of = |values: &[i32], value: i32| values.is_empty() || values.contains(&value);
    let industries = &eligibility.industry_codes;
    let held = |code: &String| profile.held.contains(code);
    let met = [
        ("tier", one_of(&eligibility.tiers, profile.tier)),
        ("value_class", one_of(&eligibility.value_classes, profile.value_class)),
        (
            "industry_code",
            industries.is_empty() || industries.iter().any(|code| profile.industry_code.starts_with(code.as_str())),
        ),
        (
            "member_count",
            profile.member_count >= eligibility.min_member_count
                && (eligibility.max_member_count == 0 || profile.member_count <= eligibility.max_member_count),
        ),
        ("held_offering_codes", eligibility.held_offering_codes.iter().all(held)),
        ("account_ids", eligibility.account_ids.is_empty() || eligibility.account_ids.contains(&profile.account_id)),
        ("lacking_offering_codes", !eligibility.lacking_offering_codes.iter().any(held)),
    ];
    met.into_iter().filter(|(_, met)| !met).map(|(name, _)| name).collect()
}
