//! How every method of the process is called.
//!
//! A new method needs an entry in [`FIXTURES`]; the permission matrix fails without it. A new noun needs a [`Need`] as well: a
//! resource of it that every call gets for itself.

use std::sync::atomic::{AtomicU32, Ordering};

use guanxi_proto::product_catalog::v1::*;
use guanxi_test_support::contract::change::Answer;
use guanxi_test_support::contract::{Fixture, Outside, Place, Subject, fixture};
use serde_json::{Value as Json, json};

use crate::support::{Service, category, offering};
use crate::wire::{self, Caller};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The category that all offerings are in.
pub(crate) const OFFICE: &str = "OFFICE";

/// What has to be there before the call. Each call gets one of its own, so that it may change or delete it; the request gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing; the request gets a code that nobody has.
    Code,
    /// A live category with nothing in it.
    Category,
    /// A deleted category.
    DeletedCategory,
    /// A live specification that nothing names.
    Specification,
    /// A deleted specification.
    DeletedSpecification,
    /// A draft of an offering.
    Draft,
    /// A deleted draft of an offering.
    DeletedDraft,
    /// An offering on sale.
    Offering,
    /// An offering on sale; the request gets its code.
    OfferingCode,
    /// A category without a discount policy; the request gets its code.
    CategoryCode,
    /// A discount policy of a category.
    DiscountPolicy,
    /// A deleted discount policy.
    DeletedDiscountPolicy,
    /// A price that does not apply yet.
    Price,
    /// A deleted price.
    DeletedPrice,
    /// Two offerings on sale; the request gets what their codes begin with, which no bundle has for its own.
    Components,
    /// A draft of a bundle whose parts are on sale.
    DraftBundle,
    /// A deleted draft of a bundle.
    DeletedBundle,
    /// A bundle on sale.
    Bundle,
}

impl Need {
    pub(crate) async fn fresh(self, service: &Service) -> String {
        let code = format!("c{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let draft = async |code: &str| service.offering(offering(code)).await.unwrap().id;
        match self {
            Need::Code => code,
            Need::Category => service.category(&code, "").await.unwrap().id,
            Need::DeletedCategory => {
                let id = service.category(&code, "").await.unwrap().id;
                made(service, "CategoryService/DeleteCategory", json!({"id": id})).await
            }
            Need::Specification => service.specification(&code, Vec::new()).await.unwrap().id,
            Need::DeletedSpecification => {
                let id = service.specification(&code, Vec::new()).await.unwrap().id;
                made(service, "SpecificationService/DeleteSpecification", json!({"id": id})).await
            }
            Need::Draft => draft(&code).await,
            Need::DeletedDraft => {
                let id = draft(&code).await;
                made(service, "OfferingService/DeleteOffering", json!({"id": id})).await
            }
            Need::Offering => service.publish(&draft(&code).await).await.unwrap().id,
            Need::OfferingCode => service.publish(&draft(&code).await).await.unwrap().code,
            Need::CategoryCode => service.category(&code, "").await.unwrap().code,
            Need::DiscountPolicy => {
                service.category(&code, "").await.unwrap();
                made(service, "DiscountPolicyService/CreateDiscountPolicy", discount_policy(&code)).await
            }
            Need::DeletedDiscountPolicy => {
                let id = Box::pin(Need::DiscountPolicy.fresh(service)).await;
                made(service, "DiscountPolicyService/DeleteDiscountPolicy", json!({"id": id})).await
            }
            Need::Price => {
                draft(&code).await;
                made(service, "PriceService/CreatePrice", price(&code)).await
            }
            Need::DeletedPrice => {
                let id = Box::pin(Need::Price.fresh(service)).await;
                made(service, "PriceService/DeletePrice", json!({"id": id})).await
            }
            Need::Components => {
                for part in ["a", "b"] {
                    service.publish(&draft(&format!("{code}{part}")).await).await.unwrap();
                }
                code
            }
            Need::DraftBundle => {
                let code = Box::pin(Need::Components.fresh(service)).await;
                made(service, "BundleService/CreateBundle", bundle(&code)).await
            }
            Need::DeletedBundle => {
                let id = Box::pin(Need::DraftBundle.fresh(service)).await;
                made(service, "BundleService/DeleteBundle", json!({"id": id})).await
            }
            Need::Bundle => {
                let id = Box::pin(Need::DraftBundle.fresh(service)).await;
                made(service, "BundleService/PublishBundle", json!({"id": id})).await
            }
        }
    }
}

/// Changes something, and gives the id of what it is.
async fn made(service: &Service, method: &str, request: Json) -> String {
    let answers = wire::ask(service, Caller::with(&service.admin), &wire::method(method), &request).await;
    Answer::of(&answers.unwrap_or_else(|status| panic!("{method} {request}: {status:?}"))[0]).id
}

/// The request for a policy in which every level may grant more than the one below it.
fn discount_policy(category_code: &str) -> Json {
    let levels = ["MANAGER", "COUNTY", "CITY", "PROVINCE", "HEADQUARTERS"].into_iter().zip(1..);
    let authority = |(level, percent): (&str, i32)| json!({"level": format!("AUTHORITY_LEVEL_{level}"), "maxDiscountPercent": percent.to_string()});
    let authorities: Vec<Json> = levels.map(authority).collect();
    json!({"discountPolicy": {"categoryCode": category_code, "authorities": authorities, "reason": "薄利"}})
}

/// The request for a price that begins to apply when these tests are long forgotten.
fn price(offering_code: &str) -> Json {
    json!({"price": {
        "offeringCode": offering_code,
        "chargeKind": "CHARGE_KIND_MONTHLY",
        "model": "PRICE_MODEL_FLAT",
        "currencyCode": "CNY",
        "amount": "10",
        "validFromDate": "2099-01-01",
    }})
}

/// The request for a bundle of two offerings.
fn bundle(code: &str) -> Json {
    let components = ["a", "b"].map(|part| json!({"offeringCode": format!("{code}{part}"), "minQuantity": 1}));
    let kind = "BUNDLE_KIND_CUSTOM";
    json!({"bundle": {"code": code, "name": {"zh": "套餐"}, "kind": kind, "components": components, "discountPercent": "10"}})
}

impl Subject for Service {
    type Need = Need;

    const PACKAGE: &'static str = "guanxi.product_catalog.v1";
    const FIXTURES: &'static [Fixture<Need>] = FIXTURES;
    const CREATES: &'static str = "CategoryService/CreateCategory";
    const RIGHTS: &'static [(&'static str, &'static str)] = &[
        ("bundle", "INSERT SELECT UPDATE"),
        ("category", "INSERT SELECT UPDATE"),
        ("discount_policy", "INSERT SELECT UPDATE"),
        ("event", "INSERT SELECT"),
        ("event_head", "SELECT UPDATE"),
        ("followed", "INSERT SELECT UPDATE"),
        ("import", "INSERT SELECT UPDATE"),
        ("offering", "INSERT SELECT UPDATE"),
        ("price", "INSERT SELECT UPDATE"),
        ("publishing", "SELECT UPDATE"),
        ("request", "DELETE INSERT SELECT UPDATE"),
        ("specification", "INSERT SELECT UPDATE"),
        ("territory", "DELETE INSERT SELECT UPDATE"),
    ];

    async fn start() -> Self {
        let service = Self::start().await;
        let request = CreateCategoryRequest { category: Some(category(OFFICE, "")), request_id: String::new() };
        service.categories().create_category(service.as_admin(request)).await.unwrap();
        service
    }

    async fn fresh(&self, need: Need, _: Place) -> String {
        need.fresh(self).await
    }
}

/// The catalog is one for all: who may read it reads all of it, who may change it may so for the whole tree.
const SAME: Outside = Outside::Same;
const OPERATOR_WIDE: Outside = Outside::RootOnly("CATALOG_IS_OPERATOR_WIDE");

/// An entry for every method that the process serves.
pub(crate) const FIXTURES: &[Fixture<Need>] = &[
    fixture("CategoryService/CreateCategory", Need::Code, OPERATOR_WIDE, |_, code| {
        let (functional, strategic) = ("FUNCTIONAL_CLASS_OFFICE_MANAGEMENT", "STRATEGIC_CLASS_FOUNDATION");
        let classes =
            json!({"code": code, "name": {"zh": "新"}, "functionalClass": functional, "strategicClass": strategic});
        json!({ "category": classes })
    }),
    fixture("CategoryService/GetCategory", Need::Category, SAME, |_, id| json!({"id": id})),
    fixture("CategoryService/ListCategories", Need::Category, SAME, |_, _| json!({})),
    fixture(
        "CategoryService/UpdateCategory",
        Need::Category,
        OPERATOR_WIDE,
        |_, id| json!({"category": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("CategoryService/DeleteCategory", Need::Category, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("CategoryService/UndeleteCategory", Need::DeletedCategory, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture(
        "SpecificationService/CreateSpecification",
        Need::Code,
        OPERATOR_WIDE,
        |_, code| json!({"specification": {"code": code, "name": {"zh": "新"}}}),
    ),
    fixture("SpecificationService/GetSpecification", Need::Specification, SAME, |_, id| json!({"id": id})),
    fixture("SpecificationService/ListSpecifications", Need::Specification, SAME, |_, _| json!({})),
    fixture(
        "SpecificationService/UpdateSpecification",
        Need::Specification,
        OPERATOR_WIDE,
        |_, id| json!({"specification": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("SpecificationService/DeleteSpecification", Need::Specification, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture(
        "SpecificationService/UndeleteSpecification",
        Need::DeletedSpecification,
        OPERATOR_WIDE,
        |_, id| json!({"id": id}),
    ),
    fixture(
        "OfferingService/CreateOffering",
        Need::Code,
        OPERATOR_WIDE,
        |_, code| json!({"offering": {"code": code, "name": {"zh": "新"}, "categoryCodes": [OFFICE]}}),
    ),
    fixture("OfferingService/GetOffering", Need::Offering, SAME, |_, id| json!({"id": id})),
    fixture("OfferingService/ListOfferings", Need::Offering, SAME, |_, _| json!({})),
    fixture(
        "OfferingService/UpdateOffering",
        Need::Draft,
        OPERATOR_WIDE,
        |_, id| json!({"offering": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("OfferingService/ReviseOffering", Need::OfferingCode, OPERATOR_WIDE, |_, code| json!({"code": code})),
    fixture("OfferingService/PublishOffering", Need::Draft, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("OfferingService/RetireOffering", Need::Offering, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("OfferingService/DeleteOffering", Need::Draft, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("OfferingService/UndeleteOffering", Need::DeletedDraft, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("DiscountPolicyService/CreateDiscountPolicy", Need::CategoryCode, OPERATOR_WIDE, |_, code| {
        discount_policy(code)
    }),
    fixture("DiscountPolicyService/GetDiscountPolicy", Need::DiscountPolicy, SAME, |_, id| json!({"id": id})),
    fixture("DiscountPolicyService/ListDiscountPolicies", Need::DiscountPolicy, SAME, |_, _| json!({})),
    fixture(
        "DiscountPolicyService/UpdateDiscountPolicy",
        Need::DiscountPolicy,
        OPERATOR_WIDE,
        |_, id| json!({"discountPolicy": {"id": id, "reason": "新政策"}}),
    ),
    fixture(
        "DiscountPolicyService/DeleteDiscountPolicy",
        Need::DiscountPolicy,
        OPERATOR_WIDE,
        |_, id| json!({"id": id}),
    ),
    fixture(
        "DiscountPolicyService/UndeleteDiscountPolicy",
        Need::DeletedDiscountPolicy,
        OPERATOR_WIDE,
        |_, id| json!({"id": id}),
    ),
    fixture("PriceService/CreatePrice", Need::OfferingCode, OPERATOR_WIDE, |_, code| price(code)),
    fixture("PriceService/GetPrice", Need::Price, SAME, |_, id| json!({"id": id})),
    fixture("PriceService/ListPrices", Need::Price, SAME, |_, _| json!({})),
    fixture(
        "PriceService/UpdatePrice",
        Need::Price,
        OPERATOR_WIDE,
        |_, id| json!({"price": {"id": id, "amount": "12"}}),
    ),
    fixture("PriceService/DeletePrice", Need::Price, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("PriceService/UndeletePrice", Need::DeletedPrice, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("PriceService/ImportPrices", Need::OfferingCode, OPERATOR_WIDE, |_, code| {
        let row = json!({"rowNumber": 1, "price": price(code)["price"]});
        json!({"options": {"importId": uuid::Uuid::now_v7()}, "rows": [row]})
    }),
    fixture("BundleService/CreateBundle", Need::Components, OPERATOR_WIDE, |_, code| bundle(code)),
    fixture("BundleService/GetBundle", Need::Bundle, SAME, |_, id| json!({"id": id})),
    fixture("BundleService/ListBundles", Need::Bundle, SAME, |_, _| json!({})),
    fixture(
        "BundleService/UpdateBundle",
        Need::DraftBundle,
        OPERATOR_WIDE,
        |_, id| json!({"bundle": {"id": id, "name": {"zh": "改名"}}}),
    ),
    fixture("BundleService/PublishBundle", Need::DraftBundle, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("BundleService/RetireBundle", Need::Bundle, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("BundleService/DeleteBundle", Need::DraftBundle, OPERATOR_WIDE, |_, id| json!({"id": id})),
    fixture("BundleService/UndeleteBundle", Need::DeletedBundle, OPERATOR_WIDE, |_, id| json!({"id": id})),
    // The account lies in a territory, which the caller has to see.
    fixture("PricingService/PriceQuote", Need::OfferingCode, Outside::NotFound, |place, code| {
        let line = json!({"offeringCode": code, "quantity": 1});
        json!({"profile": {"territoryCode": place.city}, "lines": [line]})
    }),
    fixture("PricingService/GetCatalogVersion", Need::Code, SAME, |_, _| json!({})),
    fixture("EventFeedService/Follow", Need::Code, SAME, |_, _| json!({})),
    fixture("EventFeedService/GetFeedHead", Need::Code, SAME, |_, _| json!({})),
    fixture("ChangeService/ListChanges", Need::Category, SAME, |_, id| json!({"subject": format!("category/{id}")})),
    fixture("IdentityService/WhoAmI", Need::Code, SAME, |_, _| json!({})),
    fixture("IdentityService/ListRoles", Need::Code, SAME, |_, _| json!({})),
];
