//! SQL of offerings.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::product_catalog::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::convert;
use super::model::{Content, Offering, Standing, Standings, State, Supply};
use crate::value::Key;

impl Noun for Offering {
    const NAME: &'static str = "offering";
    type Message = pb::Offering;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Offering {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after)
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        Ok(find(connection, Some(id), None).await?.pop())
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        lock(connection, Some(id), None).await
    }

    /// Saves a new draft, or everything that can change of one that is locked. It cannot touch a version that was published.
    async fn save(connection: &mut PgConnection, offering: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into product_catalog.offering (id, code, version_number, state, name_zh, name_en, category_codes, \
         specification_code, supply, valid_from_date, valid_to_date, prerequisite_offering_codes, successor_code, content, \
         version, create_time, update_time, publish_time, retire_time, delete_time) \
         select id, code, version_number, state, name_zh, name_en, category_codes, specification_code, supply, valid_from_date, \
         valid_to_date, prerequisite_offering_codes, successor_code, content, version, create_time, update_time, publish_time, \
         retire_time, delete_time \
         from jsonb_to_record($1) as new (id uuid, code text, version_number integer, state text, name_zh text, name_en text, \
         category_codes text[], specification_code text, supply text, valid_from_date date, valid_to_date date, \
         prerequisite_offering_codes text[], successor_code text, content jsonb, version bigint, create_time timestamptz, \
         update_time timestamptz, publish_time timestamptz, retire_time timestamptz, delete_time timestamptz) \
         on conflict (id) do update set state = excluded.state, name_zh = excluded.name_zh, name_en = excluded.name_en, \
         category_codes = excluded.category_codes, specification_code = excluded.specification_code, supply = excluded.supply, \
         valid_from_date = excluded.valid_from_date, valid_to_date = excluded.valid_to_date, \
         prerequisite_offering_codes = excluded.prerequisite_offering_codes, content = excluded.content, \
         version = excluded.version, update_time = excluded.update_time, publish_time = excluded.publish_time, \
         delete_time = excluded.delete_time \
         where offering.state = 'DRAFT' \
         returning id",
            Json(offering) as _,
        )
        .fetch_one(connection)
        .await;
        let error = |error| {
            Error::from(error).or_exists("offering_version_key", "offering", "code", &offering.code).or_exists(
                "offering_draft_key",
                "offering",
                "code",
                &offering.code,
            )
        };
        saved.map(|_id| ()).map_err(error)
    }
}

/// The version of an id, or all versions of a code by their numbers, deleted ones included.
async fn find(connection: &mut PgConnection, id: Option<Uuid>, code: Option<&str>) -> Result<Vec<Offering>, Error> {
    let found = sqlx::query_as!(
        Offering,
        r#"select id, code, version_number, state as "state: State", name_zh, name_en, category_codes, specification_code,
            supply as "supply: Supply", valid_from_date, valid_to_date, prerequisite_offering_codes, successor_code,
            content as "content: Json<Content>", version, create_time, update_time, publish_time, retire_time, delete_time
        from product_catalog.offering where id = $1 or code = $2 order by version_number"#,
        id,
        code,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Locks the version of an id, or all versions of a code, for a change of them.
async fn lock(connection: &mut PgConnection, id: Option<Uuid>, code: Option<&str>) -> Result<(), Error> {
    let locked = sqlx::query_scalar!(
        "select id from product_catalog.offering where id = $1 or code = $2 order by id for no key update",
        id,
        code,
    );
    locked.fetch_all(connection).await?;
    Ok(())
}

/// The version of an id, or all versions of a code by their numbers, deleted ones included; at least one.
pub(super) async fn versions(connection: &mut PgConnection, key: &Key) -> Result<Vec<Offering>, Error> {
    let (id, code, value) = key.parts();
    let found = find(connection, id, code).await?;
    if found.is_empty() { Err(Error::NotFound { resource: "offering", value }) } else { Ok(found) }
}

/// The version of an id, or all live versions of a code, for a change of them. A version that is added meanwhile is seen.
pub(super) async fn lock_versions(connection: &mut PgConnection, key: &Key) -> Result<Vec<Offering>, Error> {
    let (id, code, value) = key.parts();
    lock(connection, id, code).await?;
    let mut found = find(connection, id, code).await?;
    found.retain(|version| id.is_some() || version.delete_time.is_none());
    if found.is_empty() { Err(Error::NotFound { resource: "offering", value }) } else { Ok(found) }
}

/// Waits for every other change that decides what is sold. It comes before the locks of offerings.
pub(super) async fn lock_publishing(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query_scalar!("select id from product_catalog.publishing where id = 1 for update")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// The number of the next version of a code.
pub(super) async fn next_number(connection: &mut PgConnection, code: &str) -> Result<i32, Error> {
    let next = sqlx::query_scalar!(
        "select coalesce(max(version_number), 0) + 1 as \"next!\" from product_catalog.offering where code = $1",
        code,
    );
    Ok(next.fetch_one(connection).await?)
}

/// Which of some codes belong to an offering with a live version in one of the states.
pub(super) async fn existing(
    connection: &mut PgConnection,
    codes: &[String],
    states: &[&str],
) -> Result<Vec<String>, Error> {
    let states: Vec<String> = states.iter().map(|&state| state.to_owned()).collect();
    let existing = sqlx::query_scalar!(
        "select distinct code from product_catalog.offering \
         where code = any($1) and state = any($2) and delete_time is null",
        codes,
        &states,
    );
    Ok(existing.fetch_all(connection).await?)
}

/// Whether an offering would need itself, if it needed these beside what the published ones need.
pub(super) async fn needs_itself(
    connection: &mut PgConnection,
    code: &str,
    prerequisites: &[String],
) -> Result<bool, Error> {
    let circle = sqlx::query_scalar!(
        "with recursive needed (code) as ( \
             select unnest($2::text[]) \
             union \
             select unnest(offering.prerequisite_offering_codes) \
             from needed join product_catalog.offering on offering.code = needed.code and offering.state = 'PUBLISHED' \
         ) \
         select exists (select from needed where code = $1) as \"circle!\"",
        code,
        prerequisites,
    );
    Ok(circle.fetch_one(connection).await?)
}

/// The code of something published that needs an offering of which these versions go and no other one in one of the states stays:
/// an offering, or a bundle, which needs its parts.
pub(super) async fn needed_by(
    connection: &mut PgConnection,
    code: &str,
    going: &[Uuid],
    staying: &[&str],
) -> Result<Option<String>, Error> {
    let staying: Vec<String> = staying.iter().map(|&state| state.to_owned()).collect();
    let needed_by = sqlx::query_scalar!(
        "select needing.code as \"code!\" from ( \
             select code from product_catalog.offering \
             where state = 'PUBLISHED' and prerequisite_offering_codes @> array[$1::text] \
             union all \
             select code from product_catalog.bundle where state = 'PUBLISHED' and offering_codes @> array[$1::text] \
         ) as needing \
         where not exists (select from product_catalog.offering as other where other.code = $1 and other.state = any($3) \
             and other.delete_time is null and other.id <> all($2)) \
         order by needing.code limit 1",
        code,
        going,
        &staying,
    );
    Ok(needed_by.fetch_optional(connection).await?)
}

/// The offering of a code is there, and it and its prices are the caller's until the transaction ends.
pub(crate) async fn lock_offering(connection: &mut PgConnection, code: &str) -> Result<(), Error> {
    match lock_offerings(connection, &[code.to_owned()]).await?.get(code) {
        None | Some(Standing::Deleted) => Err(Error::not_found("offering", code)),
        Some(Standing::Unsold | Standing::OnSale) => Ok(()),
    }
}

/// Locks offerings, and with them their prices: neither changes but by the caller until the transaction ends.
pub(crate) async fn lock_offerings(connection: &mut PgConnection, codes: &[String]) -> Result<Standings, Error> {
    let versions = sqlx::query!(
        r#"select code, state, delete_time is not null as "deleted!"
        from product_catalog.offering where code = any($1) order by id for no key update"#,
        codes,
    );
    let mut standings = Standings::new();
    for version in versions.fetch_all(connection).await? {
        let standing = match version.state.as_str() {
            _ if version.deleted => Standing::Deleted,
            "PUBLISHED" => Standing::OnSale,
            _ => Standing::Unsold,
        };
        let known = standings.entry(version.code).or_insert(standing);
        *known = standing.max(*known);
    }
    Ok(standings)
}

/// Saves new offerings.
pub(super) async fn insert(connection: &mut PgConnection, offerings: &[Offering]) -> Result<(), Error> {
    sqlx::query_scalar!(
        "insert into product_catalog.offering (id, code, version_number, state, name_zh, name_en, category_codes, \
         specification_code, supply, valid_from_date, valid_to_date, prerequisite_offering_codes, successor_code, content, \
         version, create_time, update_time, publish_time, retire_time, delete_time) \
         select id, code, version_number, state, name_zh, name_en, category_codes, specification_code, supply, valid_from_date, \
         valid_to_date, prerequisite_offering_codes, successor_code, content, version, create_time, update_time, publish_time, \
         retire_time, delete_time \
         from jsonb_to_recordset($1) as new (id uuid, code text, version_number integer, state text, name_zh text, name_en text, \
         category_codes text[], specification_code text, supply text, valid_from_date date, valid_to_date date, \
         prerequisite_offering_codes text[], successor_code text, content jsonb, version bigint, create_time timestamptz, \
         update_time timestamptz, publish_time timestamptz, retire_time timestamptz, delete_time timestamptz) \
         returning id",
        Json(offerings) as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Retires locked versions: nothing else of a published one ever changes.
pub(super) async fn retire(
    connection: &mut PgConnection,
    ids: &[Uuid],
    successor_code: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query_scalar!(
        "update product_catalog.offering set state = 'RETIRED', successor_code = $2, retire_time = $3, update_time = $3, \
         version = version + 1 where id = any($1) and state = 'PUBLISHED' returning id",
        ids,
        successor_code,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// How versions are listed. Ids ascend with the numbers of the versions of a code.
pub(super) static LISTING: Listing = Listing {
    name: "offering",
    columns: "id, code, version_number, state, name_zh, name_en, category_codes, specification_code, supply, valid_from_date, \
         valid_to_date, prerequisite_offering_codes, successor_code, content, version, create_time, update_time, publish_time, \
         retire_time, delete_time",
    from: "product_catalog.offering",
    id: "id",
    path: None,
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "code", column: "code", kind: Kind::Text },
        Field { name: "version_number", column: "version_number", kind: Kind::Integer },
        Field { name: "state", column: "state", kind: Kind::Enum(&STATES) },
        Field { name: "name_zh", column: "name_zh", kind: Kind::Text },
        Field { name: "name_en", column: "name_en", kind: Kind::Text },
        Field { name: "category_codes", column: "category_codes", kind: Kind::TextList },
        Field { name: "specification_code", column: "specification_code", kind: Kind::Text },
        Field { name: "supply", column: "supply", kind: Kind::Enum(&SUPPLIES) },
        Field { name: "partner_name", column: "(content ->> 'partner_name')", kind: Kind::Text },
        Field { name: "group_payment", column: "(content ->> 'group_payment')::boolean", kind: Kind::Boolean },
        Field { name: "valid_from_date", column: "valid_from_date", kind: Kind::Day },
        Field { name: "valid_to_date", column: "valid_to_date", kind: Kind::Day },
        Field { name: "prerequisite_offering_codes", column: "prerequisite_offering_codes", kind: Kind::TextList },
        Field { name: "successor_code", column: "successor_code", kind: Kind::Text },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
        Field { name: "publish_time", column: "publish_time", kind: Kind::Instant },
        Field { name: "retire_time", column: "retire_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "code", key: Some("code"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

const STATES: [(&str, &str); 3] = [
    ("OFFERING_STATE_DRAFT", "DRAFT"),
    ("OFFERING_STATE_PUBLISHED", "PUBLISHED"),
    ("OFFERING_STATE_RETIRED", "RETIRED"),
];

const SUPPLIES: [(&str, &str); 3] = [
    ("OFFERING_SUPPLY_OWN", "OWN"),
    ("OFFERING_SUPPLY_PARTNER", "PARTNER"),
    ("OFFERING_SUPPLY_SYSTEM_INTEGRATION", "SYSTEM_INTEGRATION"),
];
