//! Answers that show many things: the catalog is the same for every reader, and nobody learns of territories that are not his.

use guanxi_auth::{MethodRules, ROLES};
use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_test_support::contract::shown::{self, Text};
use guanxi_test_support::contract::{INSIDE, Subject};
use serde_json::{Value as Json, json};

use crate::fixtures::{Need, OFFICE};
use crate::support::Service;
use crate::wire;

/// Codes of territories that a caller of 440300 does not see, and that nothing in this catalog names.
const CODES_OUTSIDE: [&str; 5] = ["CN", "440000", "330000", "330100", "330106"];

/// A catalog with something in every state.
struct World {
    service: Service,
    needs: Vec<(Need, String)>,
}

impl World {
    async fn start() -> Self {
        let service = <Service as Subject>::start().await;
        let mut needs = Vec::new();
        for need in [
            Need::Category,
            Need::DeletedCategory,
            Need::Specification,
            Need::DeletedSpecification,
            Need::Draft,
            Need::DeletedDraft,
            Need::Offering,
            Need::DiscountPolicy,
            Need::DeletedDiscountPolicy,
            Need::Price,
            Need::DeletedPrice,
            Need::Bundle,
            Need::DeletedBundle,
        ] {
            needs.push((need, need.fresh(&service).await));
        }
        Self { service, needs }
    }

    /// Everything that a read may be asked for.
    fn requests(&self) -> Vec<(&'static str, Vec<Json>)> {
        let id = |need: Need| self.needs.iter().find(|(known, _)| *known == need).map_or("", |(_, id)| id.as_str());
        let gets = |live: Need, gone: Need| vec![json!({"id": id(live)}), json!({"id": id(gone)})];
        let lists =
            || vec![json!({"showDeleted": true, "withTotal": true}), json!({"showDeleted": true, "pageSize": 1})];
        let quote = json!({
            "profile": {"territoryCode": INSIDE.county},
            "lines": [{"offeringCode": "none", "quantity": 1}],
        });
        let history = |noun: &str, need: Need| json!({"subject": format!("{noun}/{}", id(need)), "pageSize": 1});
        vec![
            ("CategoryService/GetCategory", gets(Need::Category, Need::DeletedCategory)),
            ("CategoryService/ListCategories", [lists(), vec![json!({"underCode": OFFICE})]].concat()),
            ("SpecificationService/GetSpecification", gets(Need::Specification, Need::DeletedSpecification)),
            ("SpecificationService/ListSpecifications", lists()),
            ("OfferingService/GetOffering", gets(Need::Draft, Need::DeletedDraft)),
            ("OfferingService/ListOfferings", [lists(), vec![json!({"filter": "state = PUBLISHED"})]].concat()),
            ("DiscountPolicyService/GetDiscountPolicy", gets(Need::DiscountPolicy, Need::DeletedDiscountPolicy)),
            ("DiscountPolicyService/ListDiscountPolicies", lists()),
            ("PriceService/GetPrice", gets(Need::Price, Need::DeletedPrice)),
            ("PriceService/ListPrices", lists()),
            // Only for the whole operator, who may see everything.
            ("PriceService/ImportPrices", Vec::new()),
            ("BundleService/GetBundle", gets(Need::Bundle, Need::DeletedBundle)),
            ("BundleService/ListBundles", lists()),
            ("PricingService/PriceQuote", vec![quote]),
            ("PricingService/GetCatalogVersion", vec![json!({})]),
            ("EventFeedService/Follow", vec![json!({}), json!({"types": ["guanxi.product_catalog.v1.offering.*"]})]),
            ("EventFeedService/GetFeedHead", vec![json!({})]),
            (
                "ChangeService/ListChanges",
                vec![
                    history("category", Need::DeletedCategory),
                    history("specification", Need::DeletedSpecification),
                    history("offering", Need::Offering),
                    history("discount_policy", Need::DeletedDiscountPolicy),
                    history("price", Need::DeletedPrice),
                    history("bundle", Need::Bundle),
                ],
            ),
            ("IdentityService/WhoAmI", vec![json!({})]),
            ("IdentityService/ListRoles", vec![json!({})]),
        ]
    }
}

/// The code of a territory that stands in a text.
fn told(text: &Text<'_>) -> Option<String> {
    let mut words = text.text.split(|character: char| !character.is_ascii_alphanumeric());
    words.find(|word| CODES_OUTSIDE.contains(word)).map(str::to_owned)
}

#[tokio::test]
async fn no_answer_tells_of_territories_outside() {
    let world = World::start().await;
    shown::look_through::<Service>(&world.service, INSIDE.city, &world.requests(), told).await;
}

#[tokio::test]
async fn every_reader_sees_the_whole_catalog_wherever_he_is() {
    let world = World::start().await;
    let rules = MethodRules::from_descriptors(&DESCRIPTOR_POOL).unwrap();
    // Who somebody is says where.
    for (name, requests) in world.requests().iter().filter(|(name, _)| !name.ends_with("WhoAmI")) {
        let permission = rules.get(&wire::path(&wire::method(name))).unwrap().permission;
        for entry in ROLES.iter().filter(|entry| permission.is_none_or(|permission| entry.role.may(permission))) {
            let everywhere = world.service.token(entry.role, "*");
            let here = world.service.token(entry.role, INSIDE.county);
            for request in requests {
                let context = format!("{name} {request} as {}", entry.name);
                let all = shown::pages(&world.service, &everywhere, name, request).await;
                let seen = shown::pages(&world.service, &here, name, request).await;
                assert_eq!(without_tokens(&seen), without_tokens(&all), "{context}");
            }
        }
    }
}

/// The pages without what says where the next one begins, which is sealed for its caller.
fn without_tokens(pages: &[prost_reflect::DynamicMessage]) -> Vec<Json> {
    let mut pages: Vec<Json> = pages.iter().map(|page| serde_json::to_value(page).unwrap()).collect();
    for page in &mut pages {
        page.as_object_mut().unwrap().remove("nextPageToken");
    }
    pages
}
