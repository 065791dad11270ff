//! A request id is claimed once, whoever comes at the same time and whatever becomes of the first.

use guanxi_db::{Claim, Database, RequestKey};
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Fixture;

fn key(request_id: Uuid) -> RequestKey {
    RequestKey { principal: "E0001".to_owned(), method: "test/Method", request_id, digest: [1; 32] }
}

/// A whole request: claims, and commits.
async fn request(database: &Database, key: &RequestKey, now: OffsetDateTime) -> (Claim, Uuid) {
    let resource = Uuid::now_v7();
    let mut transaction = database.begin().await.unwrap();
    let claim = transaction.claim(Some(key), resource, now).await.unwrap();
    transaction.commit().await.unwrap();
    (claim, resource)
}

#[tokio::test]
async fn of_a_hundred_claims_at_once_one_is_the_first() {
    let (fixture, now) = (Fixture::new().await, OffsetDateTime::now_utc());
    let request_id = Uuid::now_v7();
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let database = fixture.database.clone();
        requests.spawn(async move { request(&database, &key(request_id), now).await });
    }
    let outcomes = requests.join_all().await;
    let (first, repeats): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(claim, _)| *claim == Claim::First);
    assert_eq!((first.len(), repeats.len()), (1, 99));
    assert!(repeats.iter().all(|(claim, _)| *claim == Claim::Repeat(first[0].1)));
}

#[tokio::test]
async fn when_the_first_rolls_back_one_of_those_who_wait_is_the_first() {
    let (fixture, now) = (Fixture::new().await, OffsetDateTime::now_utc());
    let request_id = Uuid::now_v7();
    let mut first = fixture.database.begin().await.unwrap();
    assert_eq!(first.claim(Some(&key(request_id)), Uuid::now_v7(), now).await.unwrap(), Claim::First);
    let mut waiting = JoinSet::new();
    for _ in 0..5 {
        let database = fixture.database.clone();
        waiting.spawn(async move { request(&database, &key(request_id), now).await });
    }
    // They wait in the database for what becomes of the first.
    while fixture.activity().await.0 < 6 {}
    drop(first);
    let outcomes = waiting.join_all().await;
    let (firsts, repeats): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(claim, _)| *claim == Claim::First);
    assert_eq!((firsts.len(), repeats.len()), (1, 4));
    assert!(repeats.iter().all(|(claim, _)| *claim == Claim::Repeat(firsts[0].1)));
    fixture.settled().await;
}

#[tokio::test]
async fn an_id_counts_for_one_principal_and_method_and_seven_days() {
    let (fixture, now) = (Fixture::new().await, OffsetDateTime::now_utc());
    let known = key(Uuid::now_v7());
    let (claim, first) = request(&fixture.database, &known, now).await;
    assert_eq!(claim, Claim::First);
    let others = [
        (RequestKey { digest: [2; 32], ..known.clone() }, Claim::Reused),
        (RequestKey { principal: "E0002".to_owned(), ..known.clone() }, Claim::First),
        (RequestKey { method: "test/Other", ..known.clone() }, Claim::First),
        (RequestKey { request_id: Uuid::now_v7(), ..known.clone() }, Claim::First),
        (known.clone(), Claim::Repeat(first)),
    ];
    for (other, expected) in others {
        assert_eq!(request(&fixture.database, &other, now).await.0, expected, "{other:?}");
    }
    assert_eq!(request(&fixture.database, &known, now + Duration::days(7)).await.0, Claim::Repeat(first));
    let later = now + Duration::days(7) + Duration::seconds(1);
    let (claim, second) = request(&fixture.database, &known, later).await;
    assert_eq!(claim, Claim::First);
    assert_eq!(request(&fixture.database, &known, later).await.0, Claim::Repeat(second));
    // Forgetting takes the old ones and leaves the young.
    assert_eq!(fixture.database.forget_requests(later).await.unwrap(), 3);
    assert_eq!(request(&fixture.database, &known, later).await.0, Claim::Repeat(second));
}
