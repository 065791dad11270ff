//! A lease that is dropped takes its statement along and brings its connection back.

use std::time::{Duration, Instant};

use guanxi_db::{Database, Error};
use sqlx::Connection;
use tokio::task::JoinSet;

use crate::Fixture;

/// A number that went to the server and back, after a pause.
async fn echo(database: &Database, number: i64, pause: f64) -> Result<i64, Error> {
    let mut connection = database.connection().await?;
    let query = sqlx::query_scalar("select $1 from pg_sleep($2)").bind(number).bind(pause);
    let echo = query.fetch_one(&mut *connection).await?;
    connection.release();
    Ok(echo)
}

/// Two rows in one transaction.
async fn insert_pair(database: &Database, number: i64, pause: f64) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    for pause in [pause, 0.0] {
        let query = sqlx::query("insert into guanxi_test.pair (number) select $1 from pg_sleep($2)");
        query.bind(number).bind(pause).execute(&mut **transaction).await?;
    }
    transaction.commit().await
}

/// Two hundred calls at once get what they asked for.
async fn assert_good(fixture: &Fixture) {
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let database = fixture.database.clone();
        calls.spawn(async move { (number, echo(&database, number, 0.0).await.unwrap()) });
    }
    assert!(calls.join_all().await.into_iter().all(|(asked, got)| asked == got));
    fixture.settled().await;
    assert!(fixture.activity().await.1 <= 9, "8 connections and one for cancelling: {:?}", fixture.activity().await);
}

#[tokio::test]
async fn an_abandoned_statement_ends_and_its_connection_is_good_again() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let database = fixture.database.clone();
            calls.spawn(
                async move { tokio::time::timeout(Duration::from_millis(50), echo(&database, number, 30.0)).await },
            );
        }
        assert!(
            calls.join_all().await.iter().all(Result::is_err),
            "all were abandoned, most while they waited for a lease"
        );
        let abandoned = Instant::now();
        fixture.settled().await;
        println!("everything back after {:?}", abandoned.elapsed());
        assert!(abandoned.elapsed() < Duration::from_secs(2));
        assert_good(&fixture).await;
    }
}

#[tokio::test]
async fn calls_abandoned_at_any_moment_leave_neither_wrong_answers_nor_halves() {
    let fixture = Fixture::new().await;
    let (mut answered, mut abandoned, mut committed) = (0, 0, Vec::new());
    for round in 0..20 {
        let mut calls = JoinSet::new();
        for number in round * 100..(round + 1) * 100 {
            let database = fixture.database.clone();
            // Up to 10 ms of work, and a caller who waits up to 150 ms from the start of a burst of 100 calls.
            let pause = f64::from(u8::try_from(number % 7).unwrap()) / 600.0;
            let patience = Duration::from_micros(u64::try_from(number * 7919 % 150_000).unwrap());
            calls.spawn(async move {
                let call = async {
                    if number % 2 == 0 {
                        insert_pair(&database, number, pause).await.map(|()| None)
                    } else {
                        echo(&database, number, pause).await.map(Some)
                    }
                };
                (number, tokio::time::timeout(patience, call).await)
            });
        }
        for (number, outcome) in calls.join_all().await {
            match outcome {
                Err(_elapsed) => abandoned += 1,
                Ok(Ok(None)) => committed.push(number),
                Ok(Ok(Some(echo))) => {
                    assert_eq!(echo, number, "the answer of another call");
                    answered += 1;
                }
                Ok(Err(error)) => panic!("call {number}: {error:?}"),
            }
        }
    }
    println!("{answered} answered, {} committed, {abandoned} abandoned", committed.len());
    assert!(answered > 20 && committed.len() > 20 && abandoned > 200);
    assert_good(&fixture).await;
    let pairs: Vec<(i64, i64)> = sqlx::query_as("select number, count(*) from guanxi_test.pair group by number")
        .fetch_all(&mut fixture.server.admin().await)
        .await
        .unwrap();
    assert!(pairs.iter().all(|(_, rows)| *rows == 2), "a transaction is whole or not there");
    assert!(committed.iter().all(|number| pairs.contains(&(*number, 2))), "what was answered is there");
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back_and_its_locks_go() {
    let fixture = Fixture::new().await;
    for number in 0..20 {
        let mut transaction = fixture.database.begin().await.unwrap();
        sqlx::query("lock table guanxi_test.pair").execute(&mut **transaction).await.unwrap();
        sqlx::query("insert into guanxi_test.pair (number) values ($1)")
            .bind(number)
            .execute(&mut **transaction)
            .await
            .unwrap();
    }
    fixture.settled().await;
    let rows: i64 = sqlx::query_scalar("select count(*) from guanxi_test.pair")
        .fetch_one(&mut fixture.server.admin().await)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    assert_good(&fixture).await;
}

#[tokio::test]
async fn killed_connections_are_replaced() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        assert_good(&fixture).await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and usename = 'guanxi_test_service'",
        )
        .fetch_all(&mut fixture.server.admin().await)
        .await
        .unwrap();
        // At most one call meets each dead connection, and it is told to come again.
        let mut failed = 0;
        for number in 0..50 {
            match echo(&fixture.database, number, 0.0).await {
                Ok(echo) => assert_eq!(echo, number),
                Err(Error::Unavailable(_)) => failed += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!((1..=8).contains(&failed), "{failed} calls failed");
        // Dropped statements are still cancelled, although the connection for that was killed too.
        let abandoned = Instant::now();
        tokio::time::timeout(Duration::from_millis(20), echo(&fixture.database, 0, 30.0)).await.unwrap_err();
        fixture.settled().await;
        assert!(abandoned.elapsed() < Duration::from_secs(2), "{:?}", abandoned.elapsed());
    }
}

#[tokio::test]
async fn a_backend_killed_under_a_statement_is_said_to_be_unavailable() {
    let fixture = Fixture::new().await;
    let (database, mut admin) = (fixture.database.clone(), fixture.server.admin().await);
    let call = tokio::spawn(async move { echo(&database, 1, 30.0).await });
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
    while sqlx::query(kill).fetch_all(&mut admin).await.unwrap().is_empty() {}
    assert!(matches!(call.await.unwrap(), Err(Error::Unavailable(_))));
    admin.close().await.unwrap();
    assert_good(&fixture).await;
}
