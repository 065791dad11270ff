//! SQL of discount policies.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::product_catalog::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Content, DiscountPolicy};
use crate::value::Key;

impl Noun for DiscountPolicy {
    const NAME: &'static str = "discount_policy";
    type Message = pb::DiscountPolicy;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::DiscountPolicy {
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
            sqlx::query_scalar!("select id from product_catalog.discount_policy where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, policy: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into product_catalog.discount_policy (id, category_code, content, version, create_time, update_time, delete_time) \
         select id, category_code, content, version, create_time, update_time, delete_time \
         from jsonb_to_record($1) as new (id uuid, category_code text, content jsonb, version bigint, create_time timestamptz, \
         update_time timestamptz, delete_time timestamptz) \
         on conflict (id) do update set content = excluded.content, version = excluded.version, \
         update_time = excluded.update_time, delete_time = excluded.delete_time \
         returning id",
            Json(policy) as _,
        )
        .fetch_one(connection)
        .await;
        let constraint = "discount_policy_category_code_key";
        let error =
            |error| Error::from(error).or_exists(constraint, "discount_policy", "category_code", &policy.category_code);
        saved.map(|_id| ()).map_err(error)
    }
}

/// The policy of an id or of the code of its category.
pub(super) async fn find(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    category_code: Option<&str>,
) -> Result<Option<DiscountPolicy>, Error> {
    let found = sqlx::query_as!(
        DiscountPolicy,
        r#"select id, category_code, content as "content: Json<Content>", version, create_time, update_time, delete_time
        from product_catalog.discount_policy where id = $1 or category_code = $2"#,
        id,
        category_code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The policy of a key, or the refusal that there is none.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<DiscountPolicy, Error> {
    let (id, category_code, value) = key.parts();
    find(connection, id, category_code).await?.ok_or(Error::NotFound { resource: "discount_policy", value })
}

/// How discount policies are listed.
pub(super) static LISTING: Listing = Listing {
    name: "discount_policy",
    columns: "id, category_code, content, version, create_time, update_time, delete_time",
    from: "product_catalog.discount_policy",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "category_code", column: "category_code", kind: Kind::Text },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "category_code", key: Some("category_code"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};
