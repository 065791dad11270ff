//! SQL of targets.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guanxi_auth::subtree_end;
use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_proto::kpi::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::Target;

impl Noun for Target {
    const NAME: &'static str = "target";
    type Message = pb::Target;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn message(&self, _: &Sight) -> pb::Target {
        convert::wire(self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after, "")
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        let found = sqlx::query_as!(
            Target,
            "select id, indicator_code, territory_code, territory_path, period, currency_code, value, note, parent_target_id, locked, \
             decompose_time, version_number, version, create_time, update_time, delete_time from kpi.target where id = $1",
            id,
        );
        Ok(found.fetch_optional(connection).await?)
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked = sqlx::query_scalar!("select id from kpi.target where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, target: &Self) -> Result<(), Error> {
        save(connection, std::slice::from_ref(target)).await
    }
}

/// Saves new targets, and everything that can change of those that are there; where they lie changes with the tree alone.
pub(super) async fn save(connection: &mut PgConnection, targets: &[Target]) -> Result<(), Error> {
    let saved = sqlx::query_scalar!(
        "insert into kpi.target (id, indicator_code, territory_code, territory_path, period, currency_code, value, note, \
         parent_target_id, locked, decompose_time, version_number, version, create_time, update_time, delete_time) \
         select id, indicator_code, territory_code, territory_path, period, currency_code, value, note, \
         parent_target_id, locked, decompose_time, version_number, version, create_time, update_time, delete_time \
         from jsonb_to_recordset($1) as new (id uuid, indicator_code text, territory_code text, territory_path text, period text, \
         currency_code text, value numeric, note text, parent_target_id uuid, locked boolean, decompose_time timestamptz, version_number integer, version bigint, \
         create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
         on conflict (id) do update set value = excluded.value, note = excluded.note, parent_target_id = excluded.parent_target_id, \
         locked = excluded.locked, decompose_time = excluded.decompose_time, version_number = excluded.version_number, version = excluded.version, \
         update_time = excluded.update_time, delete_time = excluded.delete_time returning id",
        Json(targets) as _,
    )
    .fetch_all(connection)
    .await;
    // Only one target is saved where another may have its place.
    let place = targets.first().map(|it| [&*it.indicator_code, &it.territory_code, &it.period, &it.currency_code]);
    let place = place.map(|place| place.join(" ").trim_end().to_owned()).unwrap_or_default();
    let fields = "indicator_code, territory_code, period, currency_code";
    let error = |error| Error::from(error).or_exists("target_place_key", "target", fields, &place);
    saved.map(|_ids| ()).map_err(error)
}

/// Lets nobody else change targets until the transaction ends: what adds up is many rows.
pub(super) async fn take_turn(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query_scalar!("select noun from kpi.turn where noun = 'target' for update").fetch_one(connection).await?;
    Ok(())
}

/// Keeps a territory where it is until the transaction ends. Returns its path.
pub(super) async fn lock_territory(connection: &mut PgConnection, code: &str) -> Result<String, Error> {
    let path = sqlx::query_scalar!("select path from kpi.territory where code = $1 for share", code);
    path.fetch_optional(connection).await?.ok_or_else(|| Error::not_found("territory", code))
}

/// Keeps the territories right below a path where they are until the transaction ends. Returns their paths by code.
pub(super) async fn lock_right_below(
    connection: &mut PgConnection,
    path: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let rows = sqlx::query!("select code, path from kpi.territory where path = $1 || code || '/' for share", path);
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.code, row.path)).collect())
}

/// The live targets of the same indicator, period and currency as one, in some territories.
pub(super) async fn beside(
    connection: &mut PgConnection,
    target: &Target,
    territory_codes: &[String],
) -> Result<Vec<Target>, Error> {
    let found = sqlx::query_as!(
        Target,
        "select id, indicator_code, territory_code, territory_path, period, currency_code, value, note, parent_target_id, locked, \
         decompose_time, version_number, version, create_time, update_time, delete_time from kpi.target \
         where indicator_code = $1 and period = $2 and currency_code = $3 and territory_code = any($4) and delete_time is null",
        target.indicator_code,
        target.period,
        target.currency_code,
        territory_codes,
    );
    Ok(found.fetch_all(connection).await?)
}

/// The live targets that one was decomposed into, by territory.
pub(super) async fn parts(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Target>, Error> {
    let found = sqlx::query_as!(
        Target,
        "select id, indicator_code, territory_code, territory_path, period, currency_code, value, note, parent_target_id, locked, \
         decompose_time, version_number, version, create_time, update_time, delete_time from kpi.target \
         where parent_target_id = $1 and delete_time is null order by territory_code",
        id,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Everything live that some targets were decomposed into, down the tree.
pub(super) async fn below(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Target>, Error> {
    let found = sqlx::query_as!(
        Target,
        r#"with recursive below as (
            select * from kpi.target where parent_target_id = any($1) and delete_time is null
            union all
            select part.* from below join kpi.target part on part.parent_target_id = below.id where part.delete_time is null
        )
        select id as "id!", indicator_code as "indicator_code!", territory_code as "territory_code!", territory_path as "territory_path!",
            period as "period!", currency_code as "currency_code!", value as "value!", note as "note!", parent_target_id,
            locked as "locked!", decompose_time, version_number as "version_number!", version as "version!", create_time as "create_time!",
            update_time as "update_time!", delete_time
        from below order by territory_path, id"#,
        ids,
    );
    Ok(found.fetch_all(connection).await?)
}

/// Gives the targets of a subtree their new paths.
pub(crate) fn re_path<'c>(
    connection: &'c mut PgConnection,
    old: &'c str,
    new: &'c str,
) -> BoxFuture<'c, Result<(), guanxi_db::Error>> {
    async move {
        sqlx::query!(
            "update kpi.target set territory_path = $3 || substr(territory_path, length($1) + 1) \
             where territory_path >= $1 and territory_path < $2",
            old,
            subtree_end(old),
            new,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
    .boxed()
}
