//! SQL of bundles.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind as Type, Listing, Order};
use guanxi_proto::product_catalog::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Bundle, Content, Kind, State};
use crate::value::Key;

impl Noun for Bundle {
    const NAME: &'static str = "bundle";
    type Message = pb::Bundle;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Bundle {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        find(connection, Some(id), None).await
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked = sqlx::query_scalar!("select id from product_catalog.bundle where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, bundle: &Self) -> Result<(), Error> {
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
        let error = |error| Error::from(error).or_exists("bundle_code_key", "bundle", "code", &bundle.code);
        saved.map(|_id| ()).map_err(error)
    }
}

/// The bundle of an id or a code.
async fn find(connection: &mut PgConnection, id: Option<Uuid>, code: Option<&str>) -> Result<Option<Bundle>, Error> {
    let found = sqlx::query_as!(
        Bundle,
        r#"select id, code, name_zh, name_en, kind as "kind: Kind", state as "state: State", offering_codes, valid_from_date,
            valid_to_date, content as "content: Json<Content>", version, create_time, update_time, delete_time
        from product_catalog.bundle where id = $1 or code = $2"#,
        id,
        code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The bundle of a key, or the refusal that there is none.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Bundle, Error> {
    let (id, code, value) = key.parts();
    find(connection, id, code).await?.ok_or(Error::NotFound { resource: "bundle", value })
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
