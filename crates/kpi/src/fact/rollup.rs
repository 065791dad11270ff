//! Sums of facts: by month for each key of each dimension, by day for the whole, and both for every level of the tree.

use guanxi_db::PgConnection;
use rust_decimal::Decimal;
use time::Date;

use super::Fact;

/// A dimension whose sums are kept. By account there are no sums: an account has few facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// The whole.
    Whole,
    Manager,
    Offering,
    Stage,
    Tier,
    Industry,
}

impl Kept {
    /// As it stands in the column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Manager => "MANAGER",
            Self::Offering => "OFFERING",
            Self::Stage => "STAGE",
            Self::Tier => "TIER",
            Self::Industry => "INDUSTRY",
        }
    }
}

/// What becomes of sums by facts that come and go. The statements that write it spread it over dimensions and levels, and take the rows in one
/// order.
#[derive(Default)]
pub(crate) struct Deltas {
    measures: Vec<String>,
    territories: Vec<String>,
    days: Vec<Date>,
    currencies: Vec<String>,
    managers: Vec<String>,
    stages: Vec<String>,
    tiers: Vec<String>,
    industries: Vec<String>,
    values: Vec<Decimal>,
    offerings: Offerings,
}

/// The parts of facts by offering: which fact, and its part.
#[derive(Default)]
struct Offerings {
    facts: Vec<i32>,
    codes: Vec<String>,
    values: Vec<Decimal>,
}

impl Deltas {
    /// A fact that counts so many times more from now on; below zero for one that counts less.
    pub(crate) fn add(&mut self, fact: &Fact, times: i32) {
        let times = Decimal::from(times);
        let attribution = &fact.attribution;
        self.measures.push(fact.measure.clone());
        self.territories.push(attribution.territory_code.clone());
        self.days.push(fact.day);
        self.currencies.push(fact.currency_code.clone());
        self.managers.push(attribution.manager_id.map(|id| id.to_string()).unwrap_or_default());
        self.stages.push(attribution.stage.clone());
        self.tiers.push(attribution.tier.clone());
        self.industries.push(attribution.industry_code.clone());
        self.values.push(fact.value * times);
        // Postgres counts from 1.
        let number = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        for (code, value) in &fact.offerings {
            self.offerings.facts.push(number);
            self.offerings.codes.push(code.clone());
            self.offerings.values.push(value * times);
        }
    }

    /// Writes them for the territories of the facts and everything above these. One that is not in the tree has nothing above it yet. The
    /// caller has the turn.
    pub(crate) async fn write(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.write_months(connection).await?;
        self.write_days(connection).await
    }

    async fn write_months(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query_scalar!(
            r#"with fact as (
                select *, date_trunc('month', day::timestamp)::date as month
                from unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::numeric[])
                    with ordinality as new (measure, territory_code, day, currency_code, manager, stage, tier, industry_code, value, number)
            ), part as (
                select measure, territory_code, month, currency_code, by.dimension, by.key, by.value
                from fact cross join lateral (values ('', '', value), ('MANAGER', manager, value), ('STAGE', stage, value),
                    ('TIER', tier, value), ('INDUSTRY', industry_code, value)) as by (dimension, key, value)
                union all
                select measure, territory_code, month, currency_code, 'OFFERING', offering.code, offering.value
                from unnest($10::integer[], $11::text[], $12::numeric[]) as offering (number, code, value) join fact using (number)
            ), own as (
                select measure, territory_code, month, currency_code, dimension, key, sum(value) as value from part
                group by 1, 2, 3, 4, 5, 6
            ), written as (
                insert into kpi.rollup_month (measure, territory_code, dimension, key, month, currency_code, value)
                select measure, above.code, dimension, key, month, currency_code, trim_scale(sum(value)) from own
                cross join lateral (
                    select unnest(string_to_array(rtrim(path, '/'), '/')) as code from kpi.territory where code = own.territory_code
                    union select own.territory_code
                ) as above
                group by 1, 2, 3, 4, 5, 6 having sum(value) <> 0 order by 1, 2, 3, 4, 5, 6
                on conflict (measure, territory_code, dimension, key, month, currency_code)
                do update set value = trim_scale(rollup_month.value + excluded.value) returning 1
            ) select count(*) as "count!" from written"#,
            &self.measures,
            &self.territories,
            &self.days,
            &self.currencies,
            &self.managers,
            &self.stages,
            &self.tiers,
            &self.industries,
            &self.values,
            &self.offerings.facts,
            &self.offerings.codes,
            &self.offerings.values,
        )
        .fetch_one(connection)
        .await?;
        Ok(())
    }

    async fn write_days(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query_scalar!(
            r#"with own as (
                select measure, territory_code, day, currency_code, sum(value) as value
                from unnest($1::text[], $2::text[], $3::date[], $4::text[], $5::numeric[])
                    as new (measure, territory_code, day, currency_code, value)
                group by 1, 2, 3, 4
            ), written as (
                insert into kpi.rollup_day (measure, territory_code, day, currency_code, value)
                select measure, above.code, day, currency_code, trim_scale(sum(value)) from own
                cross join lateral (
                    select unnest(string_to_array(rtrim(path, '/'), '/')) as code from kpi.territory where code = own.territory_code
                    union select own.territory_code
                ) as above
                group by 1, 2, 3, 4 having sum(value) <> 0 order by 1, 2, 3, 4
                on conflict (measure, territory_code, day, currency_code)
                do update set value = trim_scale(rollup_day.value + excluded.value) returning 1
            ) select count(*) as "count!" from written"#,
            &self.measures,
            &self.territories,
            &self.days,
            &self.currencies,
            &self.values,
        )
        .fetch_one(connection)
        .await?;
        Ok(())
    }
}

/// The first day of a month.
pub(crate) fn month_of(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}
