//! SQL of sums and of facts.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use rust_decimal::Decimal;
use time::Date;
use uuid::Uuid;

use super::By;
use super::span::Span;
use crate::fact::rollup::Kept;

/// A sum of one measure.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) measure: String,
    /// Key in the dimension that was asked for; empty where there was none.
    pub(super) key: String,
    /// The territory of a roll-up, or that of the facts.
    pub(super) territory_code: String,
    /// The month, where months were asked for.
    pub(super) month: Option<Date>,
    pub(super) currency_code: String,
    pub(super) value: Decimal,
}

/// Sums that roll-ups have.
pub(super) struct Rolled<'a> {
    pub(super) measures: &'a [String],
    pub(super) territory_codes: &'a [String],
    pub(super) dimension: Kept,
    /// Only this key of the dimension.
    pub(super) key: Option<&'a str>,
    pub(super) by_month: bool,
}

/// Sums of whole months.
pub(super) async fn months(
    connection: &mut PgConnection,
    rolled: &Rolled<'_>,
    (first, end): (Date, Date),
) -> Result<Vec<Sum>, sqlx::Error> {
    sqlx::query_as!(
        Sum,
        "select measure, key, territory_code, case when $7 then month end as month, currency_code, sum(value) as \"value!\" \
         from kpi.rollup_month where measure = any($1) and territory_code = any($2) and dimension = $3 \
         and ($4::text is null or key = $4) and month >= $5 and month < $6 group by 1, 2, 3, 4, 5",
        rolled.measures,
        rolled.territory_codes,
        rolled.dimension.column(),
        rolled.key,
        first,
        end,
        rolled.by_month,
    )
    .fetch_all(connection)
    .await
}

/// Sums of days of the whole.
pub(super) async fn days(
    connection: &mut PgConnection,
    rolled: &Rolled<'_>,
    days: &[(Date, Date)],
) -> Result<Vec<Sum>, sqlx::Error> {
    let (from, to): (Vec<Date>, Vec<Date>) = days.iter().copied().unzip();
    sqlx::query_as!(
        Sum,
        "select measure, '' as \"key!\", territory_code, case when $5 then date_trunc('month', day::timestamp)::date end as month, currency_code, \
         sum(value) as \"value!\" \
         from unnest($3::date[], $4::date[]) as span (first, last) join kpi.rollup_day on day between span.first and span.last \
         where measure = any($1) and territory_code = any($2) group by 1, 3, 4, 5",
        rolled.measures,
        rolled.territory_codes,
        &from,
        &to,
        rolled.by_month,
    )
    .fetch_all(connection)
    .await
}

/// Which facts count.
#[derive(Clone, Debug)]
pub(super) struct Counting<'a> {
    pub(super) measures: &'a [String],
    pub(super) within: Scope,
    /// Left out of `within`.
    pub(super) without: Scope,
    /// Only of this account manager.
    pub(super) manager_id: Option<Uuid>,
    /// Only what has these keys; by territory, what lies directly in it.
    pub(super) only: &'a [(By, String)],
}

impl Counting<'_> {
    /// The key that a dimension is narrowed to.
    fn only(&self, by: By) -> Option<&str> {
        self.only.iter().find(|(dimension, _)| *dimension == by).map(|(_, key)| key.as_str())
    }
}

/// A scope as two columns.
fn columns(scope: &Scope) -> (Vec<String>, Vec<String>) {
    scope.ranges().into_iter().unzip()
}

/// The days of a span as pairs, its months among them.
fn pairs(span: &Span) -> (Vec<Date>, Vec<Date>) {
    let months = Some(span.months).filter(|(first, end)| first < end);
    let months = months.and_then(|(first, end)| Some((first, end.previous_day()?)));
    months.into_iter().chain(span.days.iter().copied()).unzip()
}

/// Sums of facts, by month where that is asked for. Without `by` they have no key.
pub(super) async fn facts(
    connection: &mut PgConnection,
    counting: &Counting<'_>,
    span: &Span,
    (by, by_month): (By, bool),
) -> Result<Vec<Sum>, sqlx::Error> {
    let ((lows, highs), (not_lows, not_highs)) = (columns(&counting.within), columns(&counting.without));
    let (from, to) = pairs(span);
    sqlx::query_as!(
        Sum,
        r#"select measure as "measure!",
            case $8 when 'MANAGER' then coalesce(manager_id::text, '') when 'ACCOUNT' then coalesce(account_id::text, '')
                when 'OFFERING' then part.offering_code when 'STAGE' then stage when 'TIER' then tier
                when 'INDUSTRY' then industry_code else '' end as "key!",
            case when $8 = 'TERRITORY' then territory_code else '' end as "territory_code!",
            case when $9 then date_trunc('month', day::timestamp)::date end as month, currency_code as "currency_code!", sum(part.value) as "value!"
        from kpi.counted join kpi.territory on territory.code = territory_code
        cross join lateral (
            select '' as offering_code, counted.value * times as value where $8 <> 'OFFERING' and $13::text is null
            union all
            select offering_code, part_value * times from unnest(offering_codes, offering_values) as part (offering_code, part_value)
            where ($8 = 'OFFERING' or $13::text is not null) and ($13::text is null or offering_code = $13)
        ) as part
        where measure = any($1)
        and exists (select from unnest($2::text[], $3::text[]) as seen (low, high) where path >= low and path < high)
        and not exists (select from unnest($4::text[], $5::text[]) as hidden (low, high) where path >= low and path < high)
        and exists (select from unnest($6::date[], $7::date[]) as span (first, last) where day between span.first and span.last)
        and ($10::uuid is null or manager_id = $10)
        and ($11::text is null or coalesce(manager_id::text, '') = $11) and ($12::text is null or coalesce(account_id::text, '') = $12)
        and ($14::text is null or stage = $14) and ($15::text is null or tier = $15) and ($16::text is null or industry_code = $16)
        and ($17::text is null or territory_code = $17)
        group by 1, 2, 3, 4, 5"#,
        counting.measures,
        &lows,
        &highs,
        &not_lows,
        &not_highs,
        &from,
        &to,
        by.column(),
        by_month,
        counting.manager_id,
        counting.only(By::Manager),
        counting.only(By::Account),
        counting.only(By::Offering),
        counting.only(By::Stage),
        counting.only(By::Tier),
        counting.only(By::Industry),
        counting.only(By::Territory),
    )
    .fetch_all(connection)
    .await
}

/// A fact as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) measure: String,
    pub(super) subject: String,
    pub(super) digest: i64,
    pub(super) day: Date,
    pub(super) territory_code: String,
    pub(super) manager_id: Option<Uuid>,
    pub(super) account_id: Option<Uuid>,
    pub(super) value: Decimal,
    pub(super) currency_code: String,
}

/// Where a page of facts ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) day: Date,
    pub(super) subject: String,
    pub(super) measure: String,
    pub(super) digest: i64,
    pub(super) territory_code: String,
    pub(super) manager_id: String,
    pub(super) account_id: String,
}

/// Facts that count, the newest first: those behind `after`.
pub(super) async fn page(
    connection: &mut PgConnection,
    counting: &Counting<'_>,
    span: &Span,
    (after, limit): (Option<&Ended>, i64),
) -> Result<Vec<Shown>, sqlx::Error> {
    let ((lows, highs), (not_lows, not_highs)) = (columns(&counting.within), columns(&counting.without));
    let (from, to) = pairs(span);
    sqlx::query_as!(
        Shown,
        r#"select measure as "measure!", subject as "subject!", digest as "digest!", day as "day!", territory_code as "territory_code!",
            manager_id, account_id, part.value as "value!", currency_code as "currency_code!"
        from kpi.counted join kpi.territory on territory.code = territory_code
        cross join lateral (
            select counted.value * times as value where $11::text is null
            union all
            select part_value * times from unnest(offering_codes, offering_values) as part (offering_code, part_value) where offering_code = $11
        ) as part
        where measure = any($1)
        and exists (select from unnest($2::text[], $3::text[]) as seen (low, high) where path >= low and path < high)
        and not exists (select from unnest($4::text[], $5::text[]) as hidden (low, high) where path >= low and path < high)
        and exists (select from unnest($6::date[], $7::date[]) as span (first, last) where day between span.first and span.last)
        and ($8::uuid is null or manager_id = $8)
        and ($9::text is null or coalesce(manager_id::text, '') = $9) and ($10::text is null or coalesce(account_id::text, '') = $10)
        and ($12::text is null or stage = $12) and ($13::text is null or tier = $13) and ($14::text is null or industry_code = $14)
        and ($15::text is null or territory_code = $15)
        and ($16::date is null or day < $16 or (day = $16 and
            (subject, measure, digest, territory_code, coalesce(manager_id::text, ''), coalesce(account_id::text, '')) > ($17, $18, $19, $20, $21, $22)))
        order by day desc, subject, measure, digest, territory_code, coalesce(manager_id::text, ''), coalesce(account_id::text, '')
        limit $23"#,
        counting.measures,
        &lows,
        &highs,
        &not_lows,
        &not_highs,
        &from,
        &to,
        counting.manager_id,
        counting.only(By::Manager),
        counting.only(By::Account),
        counting.only(By::Offering),
        counting.only(By::Stage),
        counting.only(By::Tier),
        counting.only(By::Industry),
        counting.only(By::Territory),
        after.map(|after| after.day),
        after.map(|after| after.subject.as_str()),
        after.map(|after| after.measure.as_str()),
        after.map(|after| after.digest),
        after.map(|after| after.territory_code.as_str()),
        after.map(|after| after.manager_id.as_str()),
        after.map(|after| after.account_id.as_str()),
        limit,
    )
    .fetch_all(connection)
    .await
}

/// What people call the parts with some keys.
pub(super) async fn names(
    connection: &mut PgConnection,
    dimension: &str,
    keys: &[String],
) -> Result<Vec<(String, String, Option<String>)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select key, name_zh, name_en from kpi.name where dimension = $1 and key = any($2)",
        dimension,
        keys,
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.key, row.name_zh, row.name_en)).collect())
}
