//! SQL of indicators.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind as FieldKind, Listing, Order};
use guanxi_grpc::value::Key;
use guanxi_proto::kpi::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Direction, Indicator, Kind, Unit};

impl Noun for Indicator {
    const NAME: &'static str = "indicator";
    type Message = pb::Indicator;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Indicator {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        find(connection, Some(id), None).await
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked = sqlx::query_scalar!("select id from kpi.indicator where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, indicator: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into kpi.indicator (id, code, name_zh, name_en, formula, kind, unit, direction, decimal_places, owner, description, \
             version_number, measure_codes, shipped, version, create_time, update_time, delete_time) \
             select id, code, name_zh, name_en, formula, kind, unit, direction, decimal_places, owner, description, \
             version_number, measure_codes, shipped, version, create_time, update_time, delete_time \
             from jsonb_to_record($1) as new (id uuid, code text, name_zh text, name_en text, formula text, kind text, unit text, \
             direction text, decimal_places integer, owner text, description text, version_number integer, measure_codes text[], \
             shipped boolean, version bigint, create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
             on conflict (id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, formula = excluded.formula, \
             kind = excluded.kind, unit = excluded.unit, direction = excluded.direction, decimal_places = excluded.decimal_places, \
             owner = excluded.owner, description = excluded.description, version_number = excluded.version_number, \
             measure_codes = excluded.measure_codes, version = excluded.version, update_time = excluded.update_time, \
             delete_time = excluded.delete_time returning id",
            Json(indicator) as _,
        )
        .fetch_one(connection)
        .await;
        let error = |error| Error::from(error).or_exists("indicator_code_key", "indicator", "code", &indicator.code);
        saved.map(|_id| ()).map_err(error)
    }
}

/// The indicator of an id or a code.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    code: Option<&str>,
) -> Result<Option<Indicator>, Error> {
    let found = sqlx::query_as!(
        Indicator,
        r#"select id, code, name_zh, name_en, formula, kind as "kind: Kind", unit as "unit: Unit", direction as "direction: Direction",
            decimal_places, owner, description, version_number, measure_codes, shipped, version, create_time, update_time, delete_time
        from kpi.indicator where id = $1 or code = $2"#,
        id,
        code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The indicator of a key, or the refusal that there is none.
pub(super) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Indicator, Error> {
    let (id, code, value) = key.parts();
    find(connection, id, code).await?.ok_or(Error::NotFound { resource: "indicator", value })
}

/// The live indicator of a code, or the refusal that there is none.
pub(crate) async fn live(connection: &mut PgConnection, code: &str) -> Result<Indicator, Error> {
    let found = find(connection, None, Some(code)).await?.filter(|indicator| indicator.delete_time.is_none());
    found.ok_or_else(|| Error::not_found("indicator", code))
}

/// Which codes are taken, by whatever.
pub(super) async fn codes(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!("select code from kpi.indicator").fetch_all(connection).await?)
}

/// How indicators are listed.
pub(super) static LISTING: Listing = Listing {
    name: "indicator",
    columns: "id, code, name_zh, name_en, formula, kind, unit, direction, decimal_places, owner, description, version_number, \
              measure_codes, shipped, version, create_time, update_time, delete_time",
    from: "kpi.indicator",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "code", column: "code", kind: FieldKind::Text },
        Field { name: "name_zh", column: "name_zh", kind: FieldKind::Text },
        Field { name: "name_en", column: "name_en", kind: FieldKind::Text },
        Field { name: "measure_codes", column: "measure_codes", kind: FieldKind::TextList },
        Field { name: "shipped", column: "shipped", kind: FieldKind::Boolean },
        Field { name: "create_time", column: "create_time", kind: FieldKind::Instant },
        Field { name: "update_time", column: "update_time", kind: FieldKind::Instant },
    ],
    orders: &[
        Order { name: "code", key: Some("code"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};
