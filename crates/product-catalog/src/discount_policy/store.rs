//! SQL of discount policies.

use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_resource::Error;
use sqlx::types::Json;
use uuid::Uuid;

use super::model::{Content, DiscountPolicy, Key};

/// The policy of a key.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<DiscountPolicy, Error> {
    let (id, category_code, value) = match key {
        Key::Id(id) => (Some(*id), None, id.to_string()),
        Key::CategoryCode(code) => (None, Some(code), code.clone()),
    };
    let found = sqlx::query_as!(
        DiscountPolicy,
        r#"select id, category_code, content as "content: Json<Content>", version, create_time, update_time, delete_time
        from product_catalog.discount_policy where id = $1 or category_code = $2"#,
        id,
        category_code,
    );
    found.fetch_optional(connection).await?.ok_or(Error::NotFound { resource: "discount_policy", value })
}

/// The policy of an id for a change of it.
pub(super) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<DiscountPolicy, Error> {
    sqlx::query_scalar!("select id from product_catalog.discount_policy where id = $1 for no key update", id)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, &Key::Id(id)).await
}

/// Saves a new policy, or everything that can change of one that is locked.
pub(super) async fn save(connection: &mut PgConnection, policy: &DiscountPolicy) -> Result<(), Error> {
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
    match saved.map_err(guanxi_db::Error::from) {
        Err(error) if error.constraint() == Some("discount_policy_category_code_key") => {
            let value = policy.category_code.clone();
            Err(Error::Exists { resource: "discount_policy", field: "category_code", value })
        }
        saved => Ok(saved.map(|_id| ())?),
    }
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
