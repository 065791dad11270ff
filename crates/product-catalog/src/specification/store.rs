//! SQL of specifications.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::product_catalog::v1::{self as pb, ErrorReason};
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Characteristic, Specification};
use crate::error::precondition;
use crate::value::Key;

impl Noun for Specification {
    const NAME: &'static str = "specification";
    type Message = pb::Specification;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Specification {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        find(connection, Some(id), None).await
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked =
            sqlx::query_scalar!("select id from product_catalog.specification where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, specification: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into product_catalog.specification (id, code, name_zh, name_en, characteristics, version, create_time, \
         update_time, delete_time) \
         select id, code, name_zh, name_en, characteristics, version, create_time, update_time, delete_time \
         from jsonb_to_record($1) as new (id uuid, code text, name_zh text, name_en text, characteristics jsonb, version bigint, \
         create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
         on conflict (id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, \
         characteristics = excluded.characteristics, version = excluded.version, update_time = excluded.update_time, \
         delete_time = excluded.delete_time \
         returning id",
            Json(specification) as _,
        )
        .fetch_one(connection)
        .await;
        let taken = |error: sqlx::Error| {
            Error::from(error).or_exists("specification_code_key", "specification", "code", &specification.code)
        };
        saved.map(|_id| ()).map_err(taken)
    }
}

/// The specification of an id or a code.
async fn find(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    code: Option<&str>,
) -> Result<Option<Specification>, Error> {
    let found = sqlx::query_as!(
        Specification,
        r#"select id, code, name_zh, name_en, characteristics as "characteristics: Json<Vec<Characteristic>>", version,
            create_time, update_time, delete_time
        from product_catalog.specification where id = $1 or code = $2"#,
        id,
        code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The specification of a key, or the refusal that there is none.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Specification, Error> {
    let (id, code, value) = key.parts();
    find(connection, id, code).await?.ok_or(Error::NotFound { resource: "specification", value })
}

/// What can be configured by a live specification, for whoever names it: it does not change until the transaction ends.
pub(crate) async fn lock_live(connection: &mut PgConnection, code: &str) -> Result<Option<Vec<Characteristic>>, Error> {
    let live = sqlx::query_scalar!(
        r#"select characteristics as "characteristics: Json<Vec<Characteristic>>"
        from product_catalog.specification where code = $1 and delete_time is null for share"#,
        code,
    );
    Ok(live.fetch_optional(connection).await?.map(|characteristics| characteristics.0))
}

/// Refuses to delete a locked specification that an offering names. Whoever names it holds a shared lock on it.
pub(super) async fn check_unneeded(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    let needed_by = sqlx::query_scalar!(
        "select code from product_catalog.offering where specification_code = $1 and state <> 'RETIRED' \
         and delete_time is null order by code limit 1",
        code,
    );
    match needed_by.fetch_optional(connection).await? {
        Some(needed_by) => Err(precondition(ErrorReason::StillNeeded).with("needed_by", needed_by).into()),
        None => Ok(()),
    }
}

/// How specifications are listed.
pub(super) static LISTING: Listing = Listing {
    name: "specification",
    columns: "id, code, name_zh, name_en, characteristics, version, create_time, update_time, delete_time",
    from: "product_catalog.specification",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "code", column: "code", kind: Kind::Text },
        Field { name: "name_zh", column: "name_zh", kind: Kind::Text },
        Field { name: "name_en", column: "name_en", kind: Kind::Text },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "code", key: Some("code"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};
