//! What every proto of the product keeps to, beside what buf lint knows.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_proto::{DESCRIPTOR_POOL, DESCRIPTOR_SET};
use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

/// Lists without pages: what they list is bounded by what it is.
const WITHOUT_PAGES: [&str; 5] = [
    // The levels and the roles are a handful.
    "guanxi.client_registry.v1.TerritoryService.ListTerritoryLevels",
    "guanxi.auth.v1.IdentityService.ListRoles",
    // What the product counts, and what is brought in.
    "guanxi.kpi.v1.IndicatorService.ListMeasures",
    // At most 1,000, and few have ten.
    "guanxi.client_registry.v1.AccountService.ListAccountTierPeriods",
    // At most 1,000, and few have twenty.
    "guanxi.opportunity_pipeline.v1.OpportunityService.ListStagePeriods",
];

/// What the names of methods begin with that change nothing.
const READS: [&str; 13] = [
    "Get",
    "BatchGet",
    "List",
    "Search",
    "Find",
    "Suggest",
    "Export",
    "Follow",
    "WhoAmI",
    "PriceQuote",
    "Query",
    "Watch",
    "Explain",
];

/// Amounts without a currency of their own: a price names one for all of its rates.
const OF_ONE_CURRENCY: [&str; 2] = ["guanxi.product_catalog.v1.Price", "guanxi.product_catalog.v1.PriceTier"];

fn ours(name: &str) -> bool {
    name.starts_with("guanxi.")
}

fn methods() -> Vec<MethodDescriptor> {
    let services = DESCRIPTOR_POOL.services().filter(|service| ours(service.full_name()));
    services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

fn messages() -> Vec<MessageDescriptor> {
    DESCRIPTOR_POOL.all_messages().filter(|message| ours(message.full_name()) && !message.is_map_entry()).collect()
}

fn enums() -> Vec<EnumDescriptor> {
    DESCRIPTOR_POOL.all_enums().filter(|one| ours(one.full_name())).collect()
}

fn fields() -> Vec<FieldDescriptor> {
    messages().iter().flat_map(|message| message.fields().collect::<Vec<_>>()).collect()
}

/// Leading comments by file and path in it.
fn comments() -> BTreeMap<(String, Vec<i32>), String> {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let mut comments = BTreeMap::new();
    for file in set.file {
        for location in file.source_code_info.unwrap_or_default().location {
            if let Some(comment) = location.leading_comments {
                comments.insert((file.name.clone().unwrap(), location.path), comment);
            }
        }
    }
    comments
}

/// True where every method with the option answers the same however often it is called.
fn has_side_effects(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
    options.idempotency_level() != IdempotencyLevel::NoSideEffects
}

#[track_caller]
fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}: {wrong:#?}");
}

#[test]
fn everything_has_a_comment() {
    let comments = comments();
    let mut missing = Vec::new();
    let mut check = |file: &str, path: &[i32], name: &str| {
        let comment = comments.get(&(file.to_owned(), path.to_vec())).map_or("", |comment| comment.trim());
        if comment.len() < 4 || !comment.ends_with(['.', ')', ':']) {
            missing.push(format!("{name}: {comment:?}"));
        }
    };
    for service in DESCRIPTOR_POOL.services().filter(|service| ours(service.full_name())) {
        check(service.parent_file().name(), service.path(), service.full_name());
        for method in service.methods() {
            check(service.parent_file().name(), method.path(), method.full_name());
        }
    }
    for message in messages() {
        check(message.parent_file().name(), message.path(), message.full_name());
        for field in message.fields() {
            check(message.parent_file().name(), field.path(), field.full_name());
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            check(message.parent_file().name(), oneof.path(), oneof.full_name());
        }
    }
    for one in enums() {
        check(one.parent_file().name(), one.path(), one.full_name());
        for value in one.values() {
            check(one.parent_file().name(), value.path(), value.full_name());
        }
    }
    for extension in DESCRIPTOR_POOL.all_extensions().filter(|extension| ours(extension.full_name())) {
        check(extension.parent_file().name(), extension.path(), extension.full_name());
    }
    none(&missing, "no comment, or one that is no sentence");
}

#[test]
fn comments_of_methods_name_reasons_that_there_are() {
    let comments = comments();
    let published: BTreeSet<String> = enums()
        .iter()
        .filter(|one| one.name() == "ErrorReason")
        .flat_map(|one| {
            one.values().map(|value| value.name().trim_start_matches("ERROR_REASON_").to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let mut wrong = Vec::new();
    for method in methods() {
        let file = method.parent_service().parent_file().name().to_owned();
        let comment = &comments[&(file, method.path().to_vec())];
        let bounded = WITHOUT_PAGES.contains(&method.full_name()) && method.input().fields().len() == 0;
        let Some((_, errors)) = comment.split_once("Errors:") else {
            if !bounded {
                wrong.push(format!("{} does not name its errors", method.full_name()));
            }
            continue;
        };
        let words = errors.split(|character: char| !character.is_ascii_uppercase() && character != '_');
        for reason in words.filter(|word| word.len() > 3 && !["PROSPECT", "ACTIVE", "PRIMARY"].contains(word)) {
            if !published.contains(reason) {
                wrong.push(format!("{} names {reason}", method.full_name()));
            }
        }
        // Whoever changes something, and whoever takes a request apart, can refuse a field of it.
        if method.input().fields().len() > 0 && !errors.contains("FIELDS_INVALID") && !errors.contains("as ") {
            wrong.push(format!("{} does not name FIELDS_INVALID", method.full_name()));
        }
    }
    none(&wrong, "errors in comments");
}

#[test]
fn every_method_has_a_request_and_a_response_of_its_own() {
    let mut wrong = Vec::new();
    let mut used = BTreeMap::<String, usize>::new();
    for method in methods() {
        let package = method.parent_service().package_name().to_owned();
        for (message, suffix) in [(method.input(), "Request"), (method.output(), "Response")] {
            if message.full_name() != format!("{package}.{}{suffix}", method.name()) {
                wrong.push(format!("{} has {}", method.full_name(), message.full_name()));
            }
            *used.entry(message.full_name().to_owned()).or_default() += 1;
        }
    }
    wrong.extend(
        used.into_iter().filter(|(_, count)| *count > 1).map(|(message, _)| format!("{message} is used twice")),
    );
    none(&wrong, "requests and responses");
}

#[test]
fn methods_have_the_fields_of_their_kind() {
    let text = |message: &MessageDescriptor, field: &str| {
        message.get_field_by_name(field).is_some_and(|field| field.kind() == Kind::String)
    };
    let mut wrong = Vec::new();
    let mut needs = |method: &MethodDescriptor, holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{} has no {what}", method.full_name()));
        }
    };
    for method in methods() {
        let (request, response) = (method.input(), method.output());
        let is_pb = |field: &FieldDescriptor, name: &str| {
            field.kind().as_message().is_some_and(|message| message.full_name() == name)
        };
        if method.name().starts_with("List") && !WITHOUT_PAGES.contains(&method.full_name()) {
            needs(
                &method,
                request.get_field_by_name("page_size").is_some_and(|field| field.kind() == Kind::Int32),
                "page_size",
            );
            needs(&method, text(&request, "page_token"), "page_token");
            needs(&method, text(&response, "next_page_token"), "next_page_token");
        }
        if has_side_effects(&method) && !method.is_client_streaming() {
            needs(&method, text(&request, "request_id"), "request_id");
            needs(
                &method,
                response.get_field_by_name("position").is_some_and(|field| field.kind() == Kind::Int64),
                "position in its response",
            );
            // What makes a resource has read none.
            if !["Create", "Open", "Transfer"].iter().any(|verb| method.name().starts_with(verb)) {
                let nested = request
                    .fields()
                    .any(|field| field.kind().as_message().is_some_and(|message| text(message, "etag")));
                needs(&method, nested || text(&request, "etag"), "etag");
            }
        }
        if method.name().starts_with("Update") {
            let mask = request
                .get_field_by_name("update_mask")
                .is_some_and(|field| is_pb(&field, "google.protobuf.FieldMask"));
            needs(&method, mask, "update_mask");
        }
        if has_side_effects(&method) && method.is_client_streaming() {
            let options = request.get_field_by_name("options").and_then(|field| field.kind().as_message().cloned());
            needs(&method, options.is_some_and(|options| text(&options, "import_id")), "options with an import_id");
        }
        let reads = READS.iter().any(|verb| method.name().starts_with(verb));
        needs(&method, reads != has_side_effects(&method), "idempotency_level that fits its name");
    }
    none(&wrong, "fields of methods");
}

#[test]
fn names_follow_the_conventions() {
    let mut wrong = Vec::new();
    for file in DESCRIPTOR_POOL.files().filter(|file| ours(file.package_name())) {
        let folder = file.package_name().replace('.', "/");
        if !file.name().starts_with(&format!("{folder}/")) || file.package_name().rsplit('.').next() != Some("v1") {
            wrong.push(format!("{} has the package {}", file.name(), file.package_name()));
        }
        for import in file.dependencies() {
            if !import.name().starts_with("google/protobuf/") && !import.name().starts_with("guanxi/") {
                wrong.push(format!("{} imports {}", file.name(), import.name()));
            }
        }
    }
    for service in
        DESCRIPTOR_POOL.services().filter(|service| ours(service.full_name()) && !service.name().ends_with("Service"))
    {
        wrong.push(service.full_name().to_owned());
    }
    for one in enums() {
        let prefix = screaming(one.name());
        for value in one.values() {
            let fits = if value.number() == 0 {
                value.name() == format!("{prefix}UNSPECIFIED")
            } else {
                value.name().starts_with(&prefix)
            };
            if !fits {
                wrong.push(format!("{} is {}", value.full_name(), value.number()));
            }
        }
    }
    none(&wrong, "names");
}

/// `AccountState` → `ACCOUNT_STATE_`.
fn screaming(name: &str) -> String {
    let mut prefix = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(character.to_ascii_uppercase());
    }
    prefix + "_"
}

#[test]
fn fields_have_the_types_that_their_names_say() {
    let mut wrong = Vec::new();
    for field in fields() {
        let (name, kind) = (field.name(), field.kind());
        let message = kind.as_message().map(|message| message.full_name().to_owned());
        let is_text = kind == Kind::String;
        let fits = match name {
            _ if name.ends_with("_time") || name == "time" => message.as_deref() == Some("google.protobuf.Timestamp"),
            _ if name.ends_with("_date")
                || name.ends_with("_id")
                || name == "id"
                || name.ends_with("_code")
                || name == "etag" =>
            {
                is_text
            }
            _ if name.ends_with("external_id") => message.is_some(),
            "external_ids" => message.is_some(),
            _ if name.ends_with("_ids") => is_text && field.is_list(),
            "state" => kind.as_enum().is_some_and(|state| state.name().ends_with("State")),
            "display_name" => message.as_deref() == Some("guanxi.type.v1.LocalizedText"),
            _ if name.starts_with("is_") => false,
            _ if name.ends_with("_count") => matches!(kind, Kind::Int32 | Kind::Int64),
            _ => !matches!(
                kind,
                Kind::Float
                    | Kind::Fixed32
                    | Kind::Fixed64
                    | Kind::Sfixed32
                    | Kind::Sfixed64
                    | Kind::Uint32
                    | Kind::Uint64
            ),
        };
        let fits = fits || (name.ends_with("external_id") && message.is_some());
        let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !fits || !snake {
            wrong.push(format!("{} is {kind:?}", field.full_name()));
        }
    }
    none(&wrong, "types of fields");
}

#[test]
fn fields_of_money_are_money_and_personal_fields_are_texts() {
    let extension = DESCRIPTOR_POOL.get_extension_by_name("guanxi.auth.v1.personal").unwrap();
    let mut personal = Vec::new();
    let mut wrong = Vec::new();
    for field in fields() {
        let is_personal = field.options().get_extension(&extension).as_bool() == Some(true);
        if is_personal {
            personal.push(field.full_name().to_owned());
        }
        if is_personal && field.kind() != Kind::String {
            wrong.push(format!("{} is personal and no text", field.full_name()));
        }
        let amount = ["capital", "amount", "price", "fee", "revenue"].iter().any(|word| field.name().ends_with(word));
        let is_money = field.kind().as_message().is_some_and(|message| message.full_name() == "guanxi.type.v1.Money");
        let has_currency = OF_ONE_CURRENCY.contains(&field.parent_message().full_name());
        let of_price = field.kind().as_message().is_some_and(|message| message.full_name().ends_with(".Price"));
        if amount && !is_money && !has_currency && !of_price && field.full_name() != "guanxi.type.v1.Money.amount" {
            wrong.push(format!("{} is no Money", field.full_name()));
        }
        // A person is known by these words; whoever adds such a field thinks of the option.
        let person = ["representative", "person", "phone", "mobile", "email", "contact_name", "id_card"]
            .iter()
            .any(|word| field.name().contains(word));
        // No number of a person fits 32 bits.
        if person && field.kind() != Kind::Int32 && !is_personal && field.name() != "changed_personal_fields" {
            wrong.push(format!("{} is about a person and not marked personal", field.full_name()));
        }
    }
    none(&wrong, "money and persons");
    assert!(!personal.is_empty());
}

/// Values in braces, in order of their names.
fn holes(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn reasons_are_said_in_both_languages() {
    let extension = DESCRIPTOR_POOL.get_extension_by_name("guanxi.errors.v1.text").unwrap();
    let reasons =
        enums().into_iter().filter(|one| one.name() == "ErrorReason").flat_map(|one| one.values().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for reason in reasons {
        let said = reason.options().get_extension(&extension).into_owned();
        let part = |language: &str| {
            let text =
                said.as_message().and_then(|said| said.get_field_by_name(language).map(|text| text.into_owned()));
            text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (zh, en) = (part("zh"), part("en"));
        // A suggestion ends like a sentence itself.
        let fits = zh.ends_with(['。', '}']) && en.ends_with(['.', '}']) && en.is_ascii() && holes(&zh) == holes(&en);
        if !fits {
            wrong.push(format!("{}: {zh:?}, {en:?}", reason.full_name()));
        }
    }
    none(&wrong, "texts of reasons");
}
