//! SQL of categories.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::product_catalog::v1::{self as pb, ErrorReason};
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Category, FunctionalClass, StrategicClass};
use crate::error::precondition;
use crate::value::Key;

impl Noun for Category {
    const NAME: &'static str = "category";
    type Message = pb::Category;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Category {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        find(connection, Some(id), None).await
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked = sqlx::query_scalar!("select id from product_catalog.category where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, category: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into product_catalog.category (id, code, name_zh, name_en, parent_code, path, functional_class, strategic_class, \
         version, create_time, update_time, delete_time) \
         select id, code, name_zh, name_en, parent_code, path, functional_class, strategic_class, version, create_time, \
         update_time, delete_time \
         from jsonb_to_record($1) as new (id uuid, code text, name_zh text, name_en text, parent_code text, path text, \
         functional_class text, strategic_class text, version bigint, create_time timestamptz, update_time timestamptz, \
         delete_time timestamptz) \
         on conflict (id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, \
         functional_class = excluded.functional_class, strategic_class = excluded.strategic_class, version = excluded.version, \
         update_time = excluded.update_time, delete_time = excluded.delete_time \
         returning id",
            Json(category) as _,
        )
        .fetch_one(connection)
        .await;
        let error = |error| Error::from(error).or_exists("category_code_key", "category", "code", &category.code);
        saved.map(|_id| ()).map_err(error)
    }
}

/// The category of an id or a code.
async fn find(connection: &mut PgConnection, id: Option<Uuid>, code: Option<&str>) -> Result<Option<Category>, Error> {
    let found = sqlx::query_as!(
        Category,
        r#"select id, code, name_zh, name_en, parent_code, path, functional_class as "functional_class: FunctionalClass",
            strategic_class as "strategic_class: StrategicClass", version, create_time, update_time, delete_time
        from product_catalog.category where id = $1 or code = $2"#,
        id,
        code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The category of a key, or the refusal that there is none.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Category, Error> {
    let (id, code, value) = key.parts();
    find(connection, id, code).await?.ok_or(Error::NotFound { resource: "category", value })
}

/// Which of some codes live categories have, for whoever names them: none of these goes until the transaction ends.
pub(crate) async fn lock_live(connection: &mut PgConnection, codes: &[String]) -> Result<Vec<String>, Error> {
    let live = sqlx::query_scalar!(
        "select code from product_catalog.category where code = any($1) and delete_time is null order by code for share",
        codes,
    );
    Ok(live.fetch_all(connection).await?)
}

/// The category of a code is there, and nobody deletes it until the transaction ends.
pub(crate) async fn share(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    if lock_live(connection, &[code.to_owned()]).await?.is_empty() {
        return Err(Error::not_found("category", code));
    }
    Ok(())
}

/// The live category that another one is below; it does not go until the transaction ends.
pub(super) async fn lock_parent(connection: &mut PgConnection, code: &str) -> Result<Category, Error> {
    share(connection, code).await?;
    get(connection, &Key::Code(code.to_owned())).await
}

/// Refuses to delete a locked category that something live names. Whoever names it holds a shared lock on it.
pub(super) async fn check_empty(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    let named = sqlx::query_scalar!(
        "select exists (select from product_catalog.category where parent_code = $1 and delete_time is null) \
         or exists (select from product_catalog.offering where category_codes @> array[$1] and state <> 'RETIRED' \
             and delete_time is null) \
         or exists (select from product_catalog.discount_policy where category_code = $1 and delete_time is null) as \"named!\"",
        code,
    );
    if named.fetch_one(connection).await? {
        return Err(precondition(ErrorReason::CategoryNotEmpty).with("code", code).into());
    }
    Ok(())
}

/// How categories are listed. Their paths are those of their own tree, so a subtree is read as a scope is.
pub(super) static LISTING: Listing = Listing {
    name: "category",
    columns: "id, code, name_zh, name_en, parent_code, path, functional_class, strategic_class, version, create_time, update_time, \
         delete_time",
    from: "product_catalog.category",
    id: "id",
    path: Some("path"),
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "code", column: "code", kind: Kind::Text },
        Field { name: "name_zh", column: "name_zh", kind: Kind::Text },
        Field { name: "name_en", column: "name_en", kind: Kind::Text },
        Field { name: "parent_code", column: "parent_code", kind: Kind::Text },
        Field { name: "functional_class", column: "functional_class", kind: Kind::Enum(&FUNCTIONAL_CLASSES) },
        Field { name: "strategic_class", column: "strategic_class", kind: Kind::Enum(&STRATEGIC_CLASSES) },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
    ],
    orders: &[
        Order { name: "path", key: Some("path"), descending: false },
        Order { name: "code", key: Some("code"), descending: false },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};

const FUNCTIONAL_CLASSES: [(&str, &str); 4] = [
    ("FUNCTIONAL_CLASS_BASIC_COMMUNICATION", "BASIC_COMMUNICATION"),
    ("FUNCTIONAL_CLASS_OFFICE_MANAGEMENT", "OFFICE_MANAGEMENT"),
    ("FUNCTIONAL_CLASS_MARKETING_SERVICE", "MARKETING_SERVICE"),
    ("FUNCTIONAL_CLASS_PRODUCTION_CONTROL", "PRODUCTION_CONTROL"),
];

const STRATEGIC_CLASSES: [(&str, &str); 3] = [
    ("STRATEGIC_CLASS_FOUNDATION", "FOUNDATION"),
    ("STRATEGIC_CLASS_INDUSTRY_APPLICATION", "INDUSTRY_APPLICATION"),
    ("STRATEGIC_CLASS_STRATEGIC_INNOVATION", "STRATEGIC_INNOVATION"),
];
