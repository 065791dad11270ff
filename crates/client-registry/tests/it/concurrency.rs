//! Many at once: one outcome per request, whole trees, nobody's change lost.

use std::collections::BTreeMap;
use std::time::Instant;

use guanxi_proto::client_registry::v1::*;
use guanxi_proto::imports::v1::{ImportMode, ImportOptions, ImportProgress};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;
use tokio_stream::iter;
use tonic::{Code, Status};

use crate::support::{Random, Service, named, number, reason, rows};

/// The outcomes of calls by their reason, `OK` for success.
fn count_reasons<T>(outcomes: &[Result<T, Status>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        let reason = outcome.as_ref().map_or_else(reason, |_| "OK".to_owned());
        *counts.entry(reason).or_default() += 1;
    }
    counts
}

fn assert_only<T>(what: &str, outcomes: &[Result<T, Status>], allowed: &[&str]) {
    let counts = count_reasons(outcomes);
    println!("{what}: {counts:?}");
    assert!(counts.keys().all(|reason| allowed.contains(&reason.as_str())), "{what}: {counts:?}");
    assert!(counts.contains_key("OK"), "{what}: {counts:?}");
}

async fn assert_none(admin: &mut PgConnection, what: &str, sql: &str) {
    let found = number(admin, format!("select count(*) from ({sql}) wrong")).await;
    assert_eq!(found, 0, "{what}");
}

/// Every path is its parent's path and the own code, and every account has the path of its territory.
async fn assert_territories(admin: &mut PgConnection) {
    assert_none(
        admin,
        "territories whose path or level does not follow from the parent's",
        "select from client_registry.territory child \
         join client_registry.territory_level child_level on child_level.code = child.level \
         left join client_registry.territory parent on parent.code = child.parent_code \
         left join client_registry.territory_level parent_level on parent_level.code = parent.level \
         where child.path <> coalesce(parent.path, '') || child.code || '/' or parent_level.rank >= child_level.rank",
    )
    .await;
    assert_none(
        admin,
        "accounts whose path is not their territory's",
        "select from client_registry.account join client_registry.territory on territory.code = account.territory_code \
         where account.territory_path <> territory.path",
    )
    .await;
    assert_none(
        admin,
        "territories that do not hang together",
        "with recursive reached as (select code from client_registry.territory where parent_code is null \
         union all select below.code from client_registry.territory below join reached on below.parent_code = reached.code) \
         select from client_registry.territory where code not in (select code from reached)",
    )
    .await;
}

/// The same for the hierarchy of accounts, which also has no deleted parent and at most ten levels.
async fn assert_hierarchy(admin: &mut PgConnection) {
    assert_none(
        admin,
        "accounts whose path does not follow from the parent's",
        "select from client_registry.account child left join client_registry.account parent on parent.id = child.parent_id \
         where child.tree_path <> coalesce(parent.tree_path, '') || child.id || '/' \
         or length(child.tree_path) > 370 or (parent.delete_time is not null and child.delete_time is null)",
    )
    .await;
}

/// Positions are dense, and versions of each resource too.
async fn assert_events(admin: &mut PgConnection) {
    assert_none(
        admin,
        "holes in the feed",
        "select from client_registry.event having count(*) <> (select position from client_registry.event_head) \
         or coalesce(max(position), 0) <> count(*)",
    )
    .await;
    assert_none(
        admin,
        "holes in the versions of a resource",
        "select from client_registry.event group by subject having max(version) <> count(*)",
    )
    .await;
    assert_none(
        admin,
        "accounts whose version is not that of their last event",
        "select from client_registry.account where version <> \
         (select max(version) from client_registry.event where subject = 'account/' || account.id)",
    )
    .await;
}

/// Runs calls at once and gives their outcomes.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = Result<T, Status>> + Send + 'static>,
) -> Vec<Result<T, Status>> {
    calls.into_iter().collect::<JoinSet<_>>().join_all().await
}

impl Service {
    fn create_call(
        &self,
        account: Account,
        request_id: &str,
    ) -> impl Future<Output = Result<CreateAccountResponse, Status>> + Send + use<> {
        let request = CreateAccountRequest { account: Some(account), request_id: request_id.to_owned() };
        let (mut client, request) = (self.accounts(), self.as_admin(request));
        async move { Ok(client.create_account(request).await?.into_inner()) }
    }

    fn update_call(
        &self,
        account: Account,
        fields: &[&str],
    ) -> impl Future<Output = Result<Account, Status>> + Send + use<> {
        let paths = fields.iter().map(ToString::to_string).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = UpdateAccountRequest { account: Some(account), update_mask, ..Default::default() };
        let (mut client, request) = (self.accounts(), self.as_admin(request));
        async move { Ok(client.update_account(request).await?.into_inner().account.unwrap()) }
    }

    fn move_call(
        &self,
        code: &str,
        parent_code: &str,
    ) -> impl Future<Output = Result<MoveTerritoryResponse, Status>> + Send + use<> {
        let request =
            MoveTerritoryRequest { code: code.to_owned(), parent_code: parent_code.to_owned(), ..Default::default() };
        let (mut client, request) = (self.territories(), self.as_admin(request));
        async move { Ok(client.move_territory(request).await?.into_inner()) }
    }

    /// A tree of 61 territories; returns the codes with their ranks.
    async fn grow_tree(&self) -> Vec<String> {
        let levels = [
            ("CN", "HEADQUARTERS", 1),
            ("P", "PROVINCE", 4),
            ("C", "CITY", 12),
            ("D", "COUNTY", 20),
            ("G", "GRID", 24),
        ];
        let (mut random, mut above, mut codes) = (Random(61), vec![String::new()], Vec::new());
        for (prefix, level, count) in levels {
            let mut row = Vec::new();
            for number in 0..count {
                let code = if count == 1 { prefix.to_owned() } else { format!("{prefix}{number}") };
                self.territory(&code, level, &above[random.below(above.len())]).await.unwrap();
                row.push(code);
            }
            codes.extend(row.clone());
            above = row;
        }
        codes
    }
}

#[tokio::test]
async fn a_hundred_equal_creations_make_one_account_and_a_hundred_equal_answers() {
    let service = Service::with_tree().await;
    let mut admin = service.database.admin().await;
    for round in 0..3 {
        let request_id = uuid::Uuid::now_v7().to_string();
        let started = Instant::now();
        let answers =
            at_once((0..100).map(|_| service.create_call(named(&format!("样例{round}"), "440305"), &request_id))).await;
        println!("a hundred at once: {:?}", started.elapsed());
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| answer.account == answers[0].account));
        assert_eq!(answers.iter().filter(|answer| answer.position > 0).count(), 1, "one was the first");
        let found = number(
            &mut admin,
            format!("select count(*) from client_registry.account where legal_name = '样例{round}'"),
        )
        .await;
        assert_eq!(found, 1);
    }
    assert_events(&mut admin).await;

    let request_id = uuid::Uuid::now_v7().to_string();
    let requests = (0..40).map(|_| CreateTerritoryRequest {
        territory: Some(Territory {
            code: "440306".to_owned(),
            level: "COUNTY".to_owned(),
            name: Some(guanxi_proto::r#type::v1::LocalizedText { zh: "宝安区".to_owned(), en: String::new() }),
            parent_code: "440300".to_owned(),
            ..Default::default()
        }),
        request_id: request_id.clone(),
    });
    let answers = at_once(requests.map(|request| {
        let (mut client, request) = (service.territories(), service.as_admin(request));
        async move { Ok(client.create_territory(request).await?.into_inner().territory) }
    }));
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn random_moves_at_once_leave_a_tree_with_every_account_in_its_place() {
    let service = Service::start().await;
    let codes = service.grow_tree().await;
    let mut accounts = Vec::new();
    for (number, code) in codes.iter().enumerate() {
        accounts.push(service.account(named(&format!("企业{number}"), code)).await.unwrap());
    }
    let mut random = Random(1);
    let mut pick = || codes[1 + random.below(codes.len() - 1)].clone();
    let started = Instant::now();
    let moves: Vec<_> = (0..100).map(|_| service.move_call(&pick(), &pick())).collect();
    // Meanwhile accounts are created in territories that move, change, and go from one to another.
    let creates: Vec<_> =
        (0..100).map(|number| service.create_call(named(&format!("新企业{number}"), &pick()), "")).collect();
    let updates: Vec<_> = accounts
        .iter()
        .enumerate()
        .map(|(number, account)| {
            let account = Account {
                id: account.id.clone(),
                address: "地址".to_owned(),
                territory_code: pick(),
                ..Default::default()
            };
            service.update_call(account, if number % 2 == 0 { &["address"] } else { &["territory_code"] })
        })
        .collect();
    let (moves, creates, updates) = tokio::join!(at_once(moves), at_once(creates), at_once(updates));
    println!("in {:?}", started.elapsed());
    assert_only("moves", &moves, &["OK", "TERRITORY_CYCLE", "TERRITORY_LEVEL_NOT_BELOW_PARENT"]);
    assert_only("creations", &creates, &["OK"]);
    assert_only("updates", &updates, &["OK"]);
    let mut admin = service.database.admin().await;
    assert_territories(&mut admin).await;
    assert_events(&mut admin).await;

    // What the process believes of the tree is the tree, too: a scope at every node sees exactly its accounts.
    for row in rows(&mut admin, "select code, path from client_registry.territory").await {
        let (code, path): (String, String) = (row.get(0), row.get(1));
        let expected = number(
            &mut admin,
            format!("select count(*) from client_registry.account where starts_with(territory_path, '{path}')"),
        )
        .await;
        let request =
            ListAccountsRequest { territory_code: code, with_total: true, page_size: 1, ..Default::default() };
        let found = service.accounts().list_accounts(service.as_admin(request)).await.unwrap().into_inner();
        assert_eq!(found.total, expected);
    }
}

#[tokio::test]
async fn random_parents_at_once_leave_a_hierarchy() {
    let service = Service::with_tree().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(service.account(named(&format!("企业{number}"), "440305")).await.unwrap().id);
    }
    let mut random = Random(2);
    let mut pick = || ids[random.below(ids.len())].clone();
    let started = Instant::now();
    let moves: Vec<_> = (0..150)
        .map(|number| {
            let parent_account_id = if number % 10 == 0 { String::new() } else { pick() };
            service.update_call(Account { id: pick(), parent_account_id, ..Default::default() }, &["parent_account_id"])
        })
        .collect();
    let creates: Vec<_> = (0..60)
        .map(|number| {
            let account = Account { parent_account_id: pick(), ..named(&format!("子企业{number}"), "440305") };
            service.create_call(account, "")
        })
        .collect();
    let deletes: Vec<_> = (0..40)
        .map(|_| {
            let request = DeleteAccountRequest { id: pick(), ..Default::default() };
            let (mut client, request) = (service.accounts(), service.as_admin(request));
            async move { client.delete_account(request).await }
        })
        .collect();
    let (moves, creates, deletes) = tokio::join!(at_once(moves), at_once(creates), at_once(deletes));
    println!("in {:?}", started.elapsed());
    let refusals = ["OK", "ACCOUNT_CYCLE", "ACCOUNT_TREE_TOO_DEEP", "STATE_FORBIDS"];
    assert_only("moves", &moves, &refusals);
    assert_only("creations", &creates, &["OK", "ACCOUNT_TREE_TOO_DEEP", "STATE_FORBIDS"]);
    assert_only("deletions", &deletes, &["OK", "ACCOUNT_HAS_SUBSIDIARIES", "STATE_FORBIDS"]);
    let mut admin = service.database.admin().await;
    assert_hierarchy(&mut admin).await;
    assert_events(&mut admin).await;
}

#[tokio::test]
async fn of_updates_with_one_etag_one_wins() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    for round in 0..10 {
        let current = service.update_call(
            Account { id: account.id.clone(), address: format!("{round}"), ..Default::default() },
            &["address"],
        );
        let etag = current.await.unwrap().etag;
        let outcomes = at_once((0..8).map(|number| {
            let account = Account {
                id: account.id.clone(),
                etag: etag.clone(),
                address: format!("{round}/{number}"),
                ..Default::default()
            };
            service.update_call(account, &["address"])
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for status in lost.into_iter().map(Result::unwrap_err) {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
        }
    }
    assert_events(&mut service.database.admin().await).await;
}

/// Imports accounts with these ids in another system, a hundred rows at a time.
async fn import(service: &Service, source: &str, values: Vec<usize>) -> Result<Vec<ImportProgress>, Status> {
    let rows: Vec<_> = values
        .iter()
        .zip(1..)
        .map(|(value, row_number)| ImportAccountRow {
            row_number,
            account: Some(Box::new(Account {
                external_ids: vec![ExternalId { system: "boss".to_owned(), value: value.to_string() }],
                source: source.to_owned(),
                ..named(&format!("企业{value}"), "440305")
            })),
            parent_external_id: None,
        })
        .collect();
    let options =
        ImportOptions { import_id: uuid::Uuid::now_v7().to_string(), mode: ImportMode::Update.into(), dry_run: false };
    let messages: Vec<_> = rows
        .chunks(100)
        .enumerate()
        .map(|(number, rows)| ImportAccountsRequest {
            options: (number == 0).then(|| options.clone()),
            rows: rows.to_vec(),
        })
        .collect();
    let mut answers = service.accounts().import_accounts(service.as_admin(iter(messages))).await?.into_inner();
    let mut progress = Vec::new();
    while let Some(answer) = answers.message().await? {
        progress.push(answer.progress.unwrap());
    }
    Ok(progress)
}

#[tokio::test]
async fn imports_of_overlapping_files_leave_one_account_per_key() {
    let service = Service::with_tree().await;
    // One file forwards, one backwards, one from the middle: their rows are inserted in different orders.
    let files = [(0..600).collect::<Vec<_>>(), (0..600).rev().collect(), (300..900).collect()];
    let imports = files.iter().zip(["a", "b", "c"]).map(|(values, source)| import(&service, source, values.clone()));
    let mut created = 0;
    for progress in futures(imports).await {
        let progress = progress.unwrap();
        assert_eq!(progress.len(), 6);
        for message in progress {
            assert_eq!(message.rejected_rows, []);
            assert_eq!(message.created_count + message.updated_count + message.unchanged_count, 100);
            created += message.created_count;
        }
    }
    assert_eq!(created, 900);
    let mut admin = service.database.admin().await;
    assert_eq!(number(&mut admin, "select count(*) from client_registry.account").await, 900);
    assert_none(
        &mut admin,
        "accounts without their key",
        "select from client_registry.account where not exists (select from client_registry.account_external_id key \
         where key.account_id = account.id and legal_name = '企业' || key.value)",
    )
    .await;
    assert_events(&mut admin).await;
}

/// Awaits three futures together.
async fn futures<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> [T; 3] {
    let [one, two, three] = futures.collect::<Vec<_>>().try_into().unwrap_or_else(|_| unreachable!());
    let outcome = tokio::join!(one, two, three);
    [outcome.0, outcome.1, outcome.2]
}
