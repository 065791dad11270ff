//! Territories that come, move and go take their sums along.

use std::collections::HashSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_service::territories::Placement;

use super::store;

/// Takes the sums of each territory from what it lay in, and gives them to what it lies in now. Sums are kept by code, so what lies below a
/// territory needs nothing.
pub(crate) fn restate<'c>(
    connection: &'c mut PgConnection,
    placements: &'c [Placement],
) -> BoxFuture<'c, Result<(), FollowError>> {
    async move {
        store::take_turn(connection).await?;
        let codes: Vec<String> = placements.iter().map(|placement| placement.code.clone()).collect();
        let known = sqlx::query_scalar!(
            "select distinct territory_code as \"territory_code!\" from kpi.rollup_month where territory_code = any($1)",
            &codes,
        );
        let mut counting: HashSet<String> = known.fetch_all(&mut *connection).await?.into_iter().collect();
        for placement in placements.iter().filter(|placement| placement.before != placement.after) {
            if !counting.contains(&placement.code) {
                continue;
            }
            let (left, entered) = (above(placement.before.as_deref()), above(placement.after.as_deref()));
            let (left, entered) = (without(&left, &entered), without(&entered, &left));
            add(connection, &placement.code, &left, -1).await?;
            add(connection, &placement.code, &entered, 1).await?;
            counting.extend(entered);
        }
        Ok(())
    }
    .boxed()
}

/// The codes above a territory by its path.
fn above(path: Option<&str>) -> Vec<String> {
    let mut codes: Vec<String> = path.unwrap_or_default().split_terminator('/').map(str::to_owned).collect();
    codes.pop();
    codes
}

fn without(codes: &[String], others: &[String]) -> Vec<String> {
    codes.iter().filter(|code| !others.contains(code)).cloned().collect()
}

/// Adds the sums of a territory, times a sign, to those of others.
async fn add(connection: &mut PgConnection, code: &str, to: &[String], sign: i32) -> Result<(), sqlx::Error> {
    if to.is_empty() {
        return Ok(());
    }
    sqlx::query_scalar!(
        "insert into kpi.rollup_month (measure, territory_code, dimension, key, month, currency_code, value) \
         select measure, above.code, dimension, key, month, currency_code, value * $3::integer \
         from kpi.rollup_month cross join unnest($2::text[]) as above (code) where territory_code = $1 \
         order by measure, above.code, dimension, key, month, currency_code \
         on conflict (measure, territory_code, dimension, key, month, currency_code) \
         do update set value = trim_scale(rollup_month.value + excluded.value) returning 1 as \"one!\"",
        code,
        to,
        sign,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        "insert into kpi.rollup_day (measure, territory_code, day, currency_code, value) \
         select measure, above.code, day, currency_code, value * $3::integer \
         from kpi.rollup_day cross join unnest($2::text[]) as above (code) where territory_code = $1 \
         order by measure, above.code, day, currency_code \
         on conflict (measure, territory_code, day, currency_code) do update set value = trim_scale(rollup_day.value + excluded.value) \
         returning 1 as \"one!\"",
        code,
        to,
        sign,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_above_changes() {
        let (old, new) = (above(Some("CN/44/4403/")), above(Some("CN/33/4403/")));
        assert_eq!((without(&old, &new), without(&new, &old)), (vec!["44".to_owned()], vec!["33".to_owned()]));
        assert_eq!((above(None), above(Some("CN/"))), (vec![], vec![]));
    }
}
