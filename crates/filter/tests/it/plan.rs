//! A page reads what it shows and little more, wherever in a big range it is.

use guanxi_filter::{Page, PageRequest};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::thing::{THINGS, Thing, table};

/// 120,000 rows in two provinces, of which the second matters.
const ROWS: &str = r"
insert into thing (id, path, name)
select md5('id' || n)::uuid, format('%s/%s/%s/', 21 + n % 2, n % 7, n % 700), 'name ' || md5('name' || n)
from generate_series(1, 120000) n;
vacuum analyze thing;
";

async fn text(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Explains the one prepared statement that pages come from, and gives the plan and the buffers that it reads.
async fn explain(connection: &mut PgConnection, values: &str) -> (String, u32) {
    let names = text(connection, "select name from pg_prepared_statements where statement like '%page_id%'").await;
    assert_eq!(names.len(), 1);
    let explain = format!("explain (analyze, buffers, timing off) execute \"{}\" ({values})", names[0]);
    let lines = text(connection, &explain).await;
    let buffers = lines.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared ")).unwrap();
    let counts = buffers.split([' ', ',']).filter_map(|part| part.split_once('='));
    (lines.join("\n"), counts.map(|(_, count)| count.parse::<u32>().unwrap()).sum())
}

async fn page(connection: &mut PgConnection, page_size: i32, page_token: &str) -> Page<Thing> {
    let request = PageRequest { page_size, page_token, ..Default::default() };
    let ranges = [("22/".to_owned(), "220".to_owned())];
    THINGS.query(&request).unwrap().fetch(connection, &ranges).await.unwrap()
}

#[tokio::test]
async fn a_page_in_the_middle_of_a_big_range_reads_few_buffers() {
    let (mut connection, _) = table(8, 0).await;
    for sql in ROWS.split_inclusive(";\n") {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let mut last = page(&mut connection, 5_000, "").await;
    for _ in 0..5 {
        last = page(&mut connection, 5_000, &last.next_page_token).await;
    }
    let row = last.rows.last().unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        text(&mut connection, &format!("set plan_cache_mode = {mode}")).await;
        let first = "'220', '22/', '00000000-0000-0000-0000-000000000000', 51".to_owned();
        for values in [first, format!("'220', '{}', '{}', 51", row.path, row.id)] {
            let (plan, buffers) = explain(&mut connection, &values).await;
            assert!(plan.contains("Index Scan using thing_path") && !plan.contains("Sort"), "{plan}");
            // 51 rows on as many pages of the table, and the way down the index.
            assert!(buffers < 70, "{buffers} buffers\n{plan}");
        }
    }
}
