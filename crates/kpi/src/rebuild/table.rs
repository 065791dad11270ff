//! The tables that are compared, row by row in the order of their keys, each row as text: numbers without idle zeros.

use futures_util::stream::BoxStream;
use guanxi_db::PgConnection;

/// A row as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What it is found by; sorts as text.
    pub(super) key: Vec<String>,
    pub(super) value: String,
}

/// A table of what kpi derives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Territory,
    Name,
    Stage,
    Subject,
    Fact,
    RollupMonth,
    RollupDay,
}

/// All of them, from what is told to what follows from it.
pub(super) const ALL: [Table; 7] =
    [Table::Territory, Table::Name, Table::Stage, Table::Subject, Table::Fact, Table::RollupMonth, Table::RollupDay];

impl Table {
    /// As it is called in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Territory => "territory",
            Self::Name => "name",
            Self::Stage => "stage",
            Self::Subject => "subject",
            Self::Fact => "fact",
            Self::RollupMonth => "rollup_month",
            Self::RollupDay => "rollup_day",
        }
    }

    /// Its rows. A sum of nothing is as good as none.
    pub(super) fn rows(self, connection: &mut PgConnection) -> BoxStream<'_, Result<Row, sqlx::Error>> {
        match self {
            Self::Territory => sqlx::query_as!(
                Row,
                "select array[code] as \"key!\", path || ' ' || level as \"value!\" from kpi.territory order by code",
            )
            .fetch(connection),
            Self::Name => sqlx::query_as!(
                Row,
                "select array[dimension, key] as \"key!\", jsonb_build_array(name_zh, name_en, rank)::text as \"value!\" \
                 from kpi.name order by dimension collate \"C\", key",
            )
            .fetch(connection),
            Self::Stage => sqlx::query_as!(
                Row,
                "select array[key] as \"key!\", probability_percent || ' % as of ' || position as \"value!\" \
                 from kpi.stage order by key",
            )
            .fetch(connection),
            Self::Subject => sqlx::query_as!(
                Row,
                "select array[id::text] as \"key!\", jsonb_build_array(position, pipeline_code, known)::text as \"value!\" \
                 from kpi.subject order by id",
            )
            .fetch(connection),
            Self::Fact => sqlx::query_as!(
                Row,
                "select array[noun || '/' || subject_id, lpad((digest::numeric + 9223372036854775808)::text, 20, '0')] as \"key!\", jsonb_build_array( \
                 measure, day, territory_code, manager_id, account_id, stage, tier, industry_code, currency_code, trim_scale(value), \
                 offering_codes, array(select trim_scale(part) from unnest(offering_values) with ordinality as parts (part, place) \
                 order by place), times)::text as \"value!\" from kpi.fact order by noun collate \"C\", subject_id, digest",
            )
            .fetch(connection),
            Self::RollupMonth => sqlx::query_as!(
                Row,
                "select array[measure, territory_code, dimension, key, month::text, currency_code] as \"key!\", \
                 trim_scale(value)::text as \"value!\" from kpi.rollup_month where value <> 0 \
                 order by measure, territory_code, dimension, key, month, currency_code",
            )
            .fetch(connection),
            Self::RollupDay => sqlx::query_as!(
                Row,
                "select array[measure, territory_code, day::text, currency_code] as \"key!\", trim_scale(value)::text as \"value!\" \
                 from kpi.rollup_day where value <> 0 order by measure, territory_code, day, currency_code",
            )
            .fetch(connection),
        }
    }
}
