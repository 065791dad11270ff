//! SQL of bundles.

use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind as Type, Listing, Order};
use guanxi_resource::Error;
use sqlx::types::Json;
use uuid::Uuid;

use super::model::{Bundle, Content, Kind, State};
use crate::value::Key;

/// The bundle of a key.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Bundle, Error> {
    let (id, code, value) = key.parts();
    let found = sqlx::query_as!(
        Bundle,
        r#"select id, code, name_zh, name_en, kind as "kind: Kind", state as "state: State", offering_codes, valid_from_date,
            valid_to_date, content as "content: Json<Content>", version, create_time, update_time, delete_time
        from product_catalog.bundle where id = $1 or code = $2"#,
        id,
        code,
    );
    found.fetch_optional(connection).await?.ok_or(Error::NotFound { resource: "bundle", value })
}

/// The bundle of an id for a change of it.
pub(super) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Bundle, Error> {
    sqlx::query_scalar!("select id from product_catalog.bundle where id = $1 for no key update", id)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, &Key::Id(id)).await
}

/// Saves a new bundle, or everything that can change of one that is locked.
pub(super) async fn save(connection: &mut PgConnection, bundle: &Bundle) -> Result<(), Error> {
    let saved = sqlx::query_scalar!(
        "insert into product_catalog.bundle (id, code, name_zh, name_en, kind, state, offering_codes, valid_from_date, valid_to_date, \
         content, version, create_time, update_time, delete_time) \
         select id, code, name_zh, name_en, kind, state, offering_codes, valid_from_date, valid_to_date, content, version, create_time, \
         update_time, delete_time \
         from jsonb_to_record($1) as new (id uuid, code text, name_zh text, name_en text, kind text, state text, offering_codes text[], \
         valid_from_date date, valid_to_date date, content jsonb, version bigint, create_time timestamptz, update_time timestamptz, \
         delete_time timestamptz) \
         on conflict (id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind, \
         state = excluded.state, offering_codes = excluded.offering_codes, valid_from_date = excluded.valid_from_date, \
         valid_to_date = excluded.valid_to_date, content = excluded.content, version = excluded.version, \
         update_time = excluded.update_time, delete_time = excluded.delete_time \
         returning id",
        Json(bundle) as _,
    )
    .fetch_one(connection)
    .await;
    match saved.map_err(guanxi_db::Error::from) {
        Err(error) if error.constraint() == Some("bundle_code_key") => {
            Err(Error::Exists { resource: "bundle", field: "code", value: bundle.code.clone() })
        }
        saved => Ok(saved.map(|_id| ())?),
    }
}

/// How bundles are listed.
pub(super) static LISTING: Listing = Listing {
    name: "bundle",
    columns: "id, code, name_zh, name_en, kind, state, offering_codes, valid_from_date, valid_to_date, content, version, \
         create_time, update_time, delete_time",
    from: "product_catalog.bundle",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "code", column: "code", kind: Type::Text },
        Field { name: "name_zh", column: "name_zh", kind: Type::Text },
        Field { name: "name_en", column: "name_en", kind: Type::Text },
        Field { name: "kind", column: "kind", kind: Type::Enum(&KINDS) },
        Field { name: "state", column: "state", kind: Type::Enum(&STATES) },
        Field { name: "offering_codes", column: "offering_codes", kind: Type::TextList },
        Field { name: "valid_from_date", column: "valid_from_date", kind: Type::Day },
        Field { name: "valid_to_date", column: "valid_to_date", kind: Type::Day },
        Field { name: "create_time", column: "create_time", kind: Type::Instant },
        Field { name: "update_time", column: "update_time", kind: Type::Instant },
    ],
    orders: &[Order { name: "code", key: Some("code"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

const KINDS: [(&str, &str); 3] = [
    ("BUNDLE_KIND_MOBILE_FIXED", "MOBILE_FIXED"),
    ("BUNDLE_KIND_TERMINAL_TARIFF_APPLICATION", "TERMINAL_TARIFF_APPLICATION"),
    ("BUNDLE_KIND_CUSTOM", "CUSTOM"),
];

const STATES: [(&str, &str); 3] =
    [("BUNDLE_STATE_DRAFT", "DRAFT"), ("BUNDLE_STATE_PUBLISHED", "PUBLISHED"), ("BUNDLE_STATE_RETIRED", "RETIRED")];
