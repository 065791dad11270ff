//! SQL of pipelines.

use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_grpc::value::Key;
use guanxi_proto::opportunity_pipeline::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{Pipeline, Stage};

impl Noun for Pipeline {
    const NAME: &'static str = "pipeline";
    type Message = pb::Pipeline;

    fn territory_path(&self) -> Option<&str> {
        None
    }

    fn message(&self, _: &Sight) -> pb::Pipeline {
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
            sqlx::query_scalar!("select id from opportunity_pipeline.pipeline where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, pipeline: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into opportunity_pipeline.pipeline (id, code, name_zh, name_en, stages, version, create_time, update_time, delete_time) \
             select id, code, name_zh, name_en, stages, version, create_time, update_time, delete_time \
             from jsonb_to_record($1) as new (id uuid, code text, name_zh text, name_en text, stages jsonb, version bigint, \
             create_time timestamptz, update_time timestamptz, delete_time timestamptz) \
             on conflict (id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en, stages = excluded.stages, \
             version = excluded.version, update_time = excluded.update_time, delete_time = excluded.delete_time \
             returning id",
            Json(pipeline) as _,
        )
        .fetch_one(connection)
        .await;
        let error = |error| Error::from(error).or_exists("pipeline_code_key", "pipeline", "code", &pipeline.code);
        saved.map(|_id| ()).map_err(error)
    }
}

/// The pipeline of an id or a code.
pub(super) async fn find(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    code: Option<&str>,
) -> Result<Option<Pipeline>, Error> {
    let found = sqlx::query_as!(
        Pipeline,
        r#"select id, code, name_zh, name_en, stages as "stages: Json<Vec<Stage>>", version, create_time, update_time, delete_time
        from opportunity_pipeline.pipeline where id = $1 or code = $2"#,
        id,
        code,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The pipeline of a key, or the refusal that there is none.
pub(crate) async fn get(connection: &mut PgConnection, key: &Key) -> Result<Pipeline, Error> {
    let (id, code, value) = key.parts();
    find(connection, id, code).await?.ok_or(Error::NotFound { resource: "pipeline", value })
}

/// Which of some stages of a locked pipeline opportunities are in or were in, deleted ones included.
pub(super) async fn used(connection: &mut PgConnection, code: &str, stages: &[String]) -> Result<Vec<String>, Error> {
    let used = sqlx::query_scalar!(
        "select stage_code as \"stage_code!\" from opportunity_pipeline.opportunity \
         where pipeline_code = $1 and stage_code = any($2) \
         union \
         select stage_period.stage_code from opportunity_pipeline.opportunity \
         join opportunity_pipeline.stage_period on stage_period.opportunity_id = opportunity.id \
         where opportunity.pipeline_code = $1 and stage_period.stage_code = any($2)",
        code,
        stages,
    );
    Ok(used.fetch_all(connection).await?)
}

/// True where opportunities that are not deleted go through a locked pipeline.
pub(super) async fn in_use(connection: &mut PgConnection, code: &str) -> Result<bool, Error> {
    let in_use = sqlx::query_scalar!(
        "select exists (select from opportunity_pipeline.opportunity where pipeline_code = $1 and delete_time is null) \
         as \"in_use!\"",
        code,
    );
    Ok(in_use.fetch_one(connection).await?)
}

/// The live pipeline of a code, for something that goes through it: none of its stages is left out until the transaction ends.
pub(crate) async fn share(connection: &mut PgConnection, code: &str) -> Result<Pipeline, Error> {
    sqlx::query_scalar!("select id from opportunity_pipeline.pipeline where code = $1 for share", code)
        .fetch_optional(&mut *connection)
        .await?;
    let live = find(connection, None, Some(code)).await?.filter(|pipeline| pipeline.delete_time.is_none());
    live.ok_or_else(|| Error::not_found("pipeline", code))
}

/// The same of the live pipelines of some codes, for many things at once; what is not there is missing.
pub(crate) async fn share_all(connection: &mut PgConnection, codes: &[String]) -> Result<Vec<Pipeline>, Error> {
    sqlx::query_scalar!(
        "select id from opportunity_pipeline.pipeline where code = any($1) order by id for share",
        codes
    )
    .fetch_all(&mut *connection)
    .await?;
    let live = sqlx::query_as!(
        Pipeline,
        r#"select id, code, name_zh, name_en, stages as "stages: Json<Vec<Stage>>", version, create_time, update_time, delete_time
        from opportunity_pipeline.pipeline where code = any($1) and delete_time is null"#,
        codes,
    );
    Ok(live.fetch_all(connection).await?)
}

/// How pipelines are listed.
pub(super) static LISTING: Listing = Listing {
    name: "pipeline",
    columns: "id, code, name_zh, name_en, stages, version, create_time, update_time, delete_time",
    from: "opportunity_pipeline.pipeline",
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
    orders: &[
        Order { name: "code", key: Some("code"), descending: false },
        Order { name: "create_time", key: None, descending: true },
    ],
    default_page_size: 50,
    max_page_size: 1_000,
};
