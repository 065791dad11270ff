//! SQL of the figures.
//!
//! Each statement has the same condition of what the caller sees, written out because it is checked as it stands: the live opportunities of
//! the pipeline (`$1`) and of the owner (`$2`); where the caller sees only what it works on (`$3`), those around which it sees everything
//! (`$4`, `$5`); what lies in the territories asked for (`$6`, `$7`).

use std::sync::LazyLock;

use guanxi_db::PgConnection;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_resource::Error;
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

use super::model::{BoardCell, ForecastRow, FunnelStage, Months};
use crate::opportunity::COLUMNS;
use crate::pipeline::Stage;

/// Of which opportunities, as statements take it.
pub(super) struct Seen {
    pub(super) pipeline_code: String,
    pub(super) owner_id: Option<Uuid>,
    /// Whoever it is sees outside the ranges of `all` only what it works on; `None` for everything.
    pub(super) subject: Option<String>,
    pub(super) all: Ranges,
    /// What is asked for.
    pub(super) within: Ranges,
}

/// Half-open ranges of paths, disjoint: lower and upper bounds.
#[derive(Default)]
pub(super) struct Ranges {
    pub(super) lows: Vec<String>,
    pub(super) highs: Vec<String>,
}

impl Ranges {
    pub(super) fn of(ranges: Vec<(String, String)>) -> Self {
        let (lows, highs) = ranges.into_iter().unzip();
        Self { lows, highs }
    }
}

/// What is in each stage, by the order of the stages, then by currency; nothing where there is no such pipeline.
pub(super) async fn board(connection: &mut PgConnection, seen: &Seen) -> Result<Vec<BoardCell>, Error> {
    let cells = sqlx::query_as!(
        BoardCell,
        r#"select stage as "stage!: Json<Stage>", seen.currency_code as "currency_code?",
                count(*) filter (where seen.state <> 'SUSPENDED') as "opportunity_count!",
                count(*) filter (where seen.state = 'SUSPENDED') as "suspended_count!",
                count(seen.value) filter (where seen.state <> 'SUSPENDED') as "valued_count!",
                sum(seen.value) filter (where seen.state <> 'SUSPENDED') as value,
                sum(seen.value * case
                    when stage ->> 'kind' = 'OPEN' and seen.probability_percent is not null then seen.probability_percent
                    else (stage ->> 'probability_percent')::integer
                end) filter (where seen.state <> 'SUSPENDED') as weighted_percent
            from opportunity_pipeline.pipeline
            cross join jsonb_array_elements(pipeline.stages) with ordinality as each (stage, place)
            left join (
                select opportunity.stage_code, opportunity.state, opportunity.currency_code, opportunity.probability_percent,
                    coalesce(opportunity.amount, opportunity.list_amount) as value
                from opportunity_pipeline.opportunity
                where opportunity.pipeline_code = $1 and opportunity.delete_time is null
                and ($2::uuid is null or opportunity.owner_id = $2)
                and ($3::text is null or $3 = any(opportunity.seen_by) or exists (
                    select from unnest($4::text[], $5::text[]) as range (low, high)
                    where opportunity.territory_path >= low and opportunity.territory_path < high))
                and exists (
                    select from unnest($6::text[], $7::text[]) as range (low, high)
                    where opportunity.territory_path >= low and opportunity.territory_path < high)
            ) as seen on seen.stage_code = stage ->> 'code'
            where pipeline.code = $1
            group by place, stage, seen.currency_code
            order by place, seen.currency_code"#,
        seen.pipeline_code,
        seen.owner_id,
        seen.subject.as_deref(),
        &seen.all.lows,
        &seen.all.highs,
        &seen.within.lows,
        &seen.within.highs,
    );
    Ok(cells.fetch_all(connection).await?)
}

/// How opportunities went through each stage that they entered between two days, by the order of the stages; nothing where there is no
/// such pipeline.
pub(super) async fn funnel(
    connection: &mut PgConnection,
    seen: &Seen,
    from: Option<Date>,
    to: Option<Date>,
) -> Result<Vec<FunnelStage>, Error> {
    let stages = sqlx::query_as!(
        FunnelStage,
        r#"with stage as (
                select stage, place, stage ->> 'code' as code, stage ->> 'kind' as kind
                from opportunity_pipeline.pipeline
                cross join jsonb_array_elements(pipeline.stages) with ordinality as each (stage, place)
                where pipeline.code = $1
            ), period as (
                select stage_period.opportunity_id, stage_period.number, stage_period.stage_code, stage_period.enter_date,
                    stage_period.leave_date - stage_period.enter_date as days,
                    lead(stage_period.stage_code) over (partition by stage_period.opportunity_id order by stage_period.number) as next_code
                from opportunity_pipeline.opportunity
                join opportunity_pipeline.stage_period on stage_period.opportunity_id = opportunity.id
                where opportunity.pipeline_code = $1 and opportunity.delete_time is null
                and ($2::uuid is null or opportunity.owner_id = $2)
                and ($3::text is null or $3 = any(opportunity.seen_by) or exists (
                    select from unnest($4::text[], $5::text[]) as range (low, high)
                    where opportunity.territory_path >= low and opportunity.territory_path < high))
                and exists (
                    select from unnest($6::text[], $7::text[]) as range (low, high)
                    where opportunity.territory_path >= low and opportunity.territory_path < high)
            ), entered as (
                select stage_code, days, next_code,
                    number = max(number) over (partition by opportunity_id, stage_code) as latest
                from period
                where ($8::date is null or enter_date >= $8) and ($9::date is null or enter_date <= $9)
            )
            select stage.stage as "stage!: Json<Stage>",
                count(*) filter (where latest) as "entered_count!",
                count(*) filter (where latest and following.place > stage.place and following.kind <> 'LOST') as "advanced_count!",
                count(*) filter (where latest and following.place > stage.place and following.kind = 'LOST') as "lost_count!",
                count(*) filter (where latest and following.place <= stage.place) as "returned_count!",
                count(*) filter (where latest and next_code is null) as "remaining_count!",
                count(days) as "finished_count!",
                avg(days) as mean_days,
                percentile_cont(0.5) within group (order by days)::numeric as median_days
            from stage
            left join entered on entered.stage_code = stage.code
            left join stage as following on following.code = entered.next_code
            group by stage.place, stage.stage
            order by stage.place"#,
        seen.pipeline_code,
        seen.owner_id,
        seen.subject.as_deref(),
        &seen.all.lows,
        &seen.all.highs,
        &seen.within.lows,
        &seen.within.highs,
        from,
        to,
    );
    Ok(stages.fetch_all(connection).await?)
}

/// What is won and expected, by month, part of the tree and currency. The part of a range is its root, where `roots` names one for it, else
/// what lies right below the lower bound, and `territory_code` for what lies in nothing below it.
pub(super) async fn forecast(
    connection: &mut PgConnection,
    seen: &Seen,
    months: Months,
    roots: &[Option<String>],
    territory_code: &str,
) -> Result<Vec<ForecastRow>, Error> {
    let rows = sqlx::query_as!(
        ForecastRow,
        r#"select to_char(day, 'YYYY-MM') as month, part as territory_code, currency_code,
                count(*) as "opportunity_count!",
                coalesce(sum(value) filter (where category = 'WON'), 0) as "won!",
                coalesce(sum(value) filter (where category = 'COMMIT'), 0) as "commit!",
                coalesce(sum(value) filter (where category = 'BEST_CASE'), 0) as "best_case!",
                coalesce(sum(value) filter (where category = 'PIPELINE'), 0) as "pipeline!",
                coalesce(sum(value * percent), 0) as "weighted_percent!"
            from (
                select case opportunity.state when 'WON' then opportunity.close_date else opportunity.expected_close_date end as day,
                    coalesce(range.root,
                        nullif(split_part(substr(opportunity.territory_path, length(range.low) + 1), '/', 1), ''), $11) as part,
                    case when coalesce(opportunity.amount, opportunity.list_amount) is not null then opportunity.currency_code end
                        as currency_code,
                    coalesce(opportunity.amount, opportunity.list_amount) as value,
                    case opportunity.state when 'WON' then 'WON'
                        else coalesce(opportunity.forecast_category, stage ->> 'forecast_category') end as category,
                    case opportunity.state when 'WON' then 100
                        else coalesce(opportunity.probability_percent, (stage ->> 'probability_percent')::integer) end as percent
                from unnest($6::text[], $7::text[], $8::text[]) as range (low, high, root)
                join opportunity_pipeline.opportunity
                    on opportunity.territory_path >= range.low and opportunity.territory_path < range.high
                join opportunity_pipeline.pipeline on pipeline.code = opportunity.pipeline_code
                join jsonb_array_elements(pipeline.stages) as stage on stage ->> 'code' = opportunity.stage_code
                where opportunity.pipeline_code = $1 and opportunity.delete_time is null
                and ($2::uuid is null or opportunity.owner_id = $2)
                and ($3::text is null or $3 = any(opportunity.seen_by) or exists (
                    select from unnest($4::text[], $5::text[]) as range (low, high)
                    where opportunity.territory_path >= low and opportunity.territory_path < high))
                    and opportunity.state in ('OPEN', 'WON')
            ) as seen
            where category <> 'OMITTED' and (day is null or day between $9 and $10)
            group by month, part, currency_code
            order by month, part, currency_code"#,
        seen.pipeline_code,
        seen.owner_id,
        seen.subject.as_deref(),
        &seen.all.lows,
        &seen.all.highs,
        &seen.within.lows,
        &seen.within.highs,
        roots as _,
        months.from,
        months.to,
        territory_code,
    );
    Ok(rows.fetch_all(connection).await?)
}

static STALLED_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!("{COLUMNS}, stage_period.stage_code as period_stage_code, stage_period.enter_date as period_enter_date")
});

/// How times in open stages are listed, with their opportunities. Whoever asks leaves one time of an opportunity at most: that of one day.
pub(super) static LISTING: LazyLock<Listing> = LazyLock::new(|| Listing {
    name: "stalled_opportunity",
    columns: &STALLED_COLUMNS,
    from: "opportunity_pipeline.opportunity \
         join opportunity_pipeline.stage_period on stage_period.opportunity_id = opportunity.id \
         join opportunity_pipeline.pipeline on pipeline.code = opportunity.pipeline_code \
         join jsonb_array_elements(pipeline.stages) as stage \
         on stage ->> 'code' = stage_period.stage_code and stage ->> 'kind' = 'OPEN' \
         left join opportunity_pipeline.account on account.id = opportunity.account_id",
    id: "opportunity.id",
    path: Some("opportunity.territory_path"),
    live: Some("opportunity.delete_time is null"),
    fields: &[
        Field { name: "enter_date", column: "stage_period.enter_date", kind: Kind::Day },
        Field { name: "leave_date", column: "stage_period.leave_date", kind: Kind::Day },
        Field { name: "leave_time", column: "stage_period.leave_time", kind: Kind::Instant },
    ],
    orders: &[Order {
        name: "enter_date",
        key: Some("to_char(stage_period.enter_date, 'YYYY-MM-DD') collate \"C\""),
        descending: false,
    }],
    default_page_size: 50,
    max_page_size: 1_000,
});
