//! SQL of prices.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::product_catalog::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{ChargeKind, Content, Price};
use crate::offering;

impl Noun for Price {
    const NAME: &'static str = "price";
    type Message = pb::Price;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Price {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Price,
            r#"select id, offering_code, charge_kind as "charge_kind: ChargeKind", currency_code, content as "content: Json<Content>",
            valid_from_date, valid_to_date, version, create_time, update_time, delete_time
        from product_catalog.price where id = $1"#,
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    /// Whoever changes a price locks its offering.
    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let price = Self::find(connection, id).await?.ok_or_else(|| Error::not_found(Self::NAME, id))?;
        offering::lock_offerings(connection, &[price.offering_code]).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, price: &Self) -> Result<(), Error> {
        save_all(connection, std::slice::from_ref(price)).await
    }
}

/// The live prices of some offerings, which the caller has locked.
pub(super) async fn of_offerings(connection: &mut PgConnection, codes: &[String]) -> Result<Vec<Price>, Error> {
    let found = sqlx::query_as!(
        Price,
        r#"select id, offering_code, charge_kind as "charge_kind: ChargeKind", currency_code, content as "content: Json<Content>",
            valid_from_date, valid_to_date, version, create_time, update_time, delete_time
        from product_catalog.price where offering_code = any($1) and delete_time is null"#,
        codes,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Saves new prices, and everything that can change of those whose offerings are locked.
pub(super) async fn save_all(connection: &mut PgConnection, prices: &[Price]) -> Result<(), Error> {
    sqlx::query_scalar!(
        "insert into product_catalog.price (id, offering_code, charge_kind, currency_code, content, valid_from_date, valid_to_date, \
         list_key, version, create_time, update_time, delete_time) \
         select id, offering_code, charge_kind, currency_code, content, valid_from_date, valid_to_date, \
         offering_code || ' ' || to_char(valid_from_date, 'YYYY-MM-DD'), version, create_time, update_time, delete_time \
         from jsonb_to_recordset($1) as new (id uuid, offering_code text, charge_kind text, currency_code text, content jsonb, \
         valid_from_date date, valid_to_date date, version bigint, create_time timestamptz, update_time timestamptz, \
         delete_time timestamptz) \
         on conflict (id) do update set currency_code = excluded.currency_code, content = excluded.content, \
         valid_from_date = excluded.valid_from_date, valid_to_date = excluded.valid_to_date, list_key = excluded.list_key, \
         version = excluded.version, update_time = excluded.update_time, delete_time = excluded.delete_time \
         returning id",
        Json(prices) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// How prices are listed.
pub(super) static LISTING: Listing = Listing {
    name: "price",
    columns: "id, offering_code, charge_kind, currency_code, content, valid_from_date, valid_to_date, version, create_time, \
         update_time, delete_time",
    from: "product_catalog.price",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "offering_code", column: "offering_code", kind: Kind::Text },
        Field { name: "charge_kind", column: "charge_kind", kind: Kind::Enum(&CHARGE_KINDS) },
        Field { name: "currency_code", column: "currency_code", kind: Kind::Text },
        Field { name: "valid_from_date", column: "valid_from_date", kind: Kind::Day },
        Field { name: "valid_to_date", column: "valid_to_date", kind: Kind::Day },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "offering", key: Some("list_key"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

const CHARGE_KINDS: [(&str, &str); 4] = [
    ("CHARGE_KIND_ONE_TIME", "ONE_TIME"),
    ("CHARGE_KIND_MONTHLY", "MONTHLY"),
    ("CHARGE_KIND_YEARLY", "YEARLY"),
    ("CHARGE_KIND_USAGE", "USAGE"),
];
