//! Accounts: the methods as a portal uses them.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::{Change, ListChangesRequest};
use guanxi_proto::r#type::v1::Money;
use guanxi_test_support::with_token;
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{Service, named, reason};

fn full(territory: &str) -> Account {
    Account {
        legal_name: "广东样例信息技术股份有限公司".to_owned(),
        short_name: "样例信息".to_owned(),
        aliases: vec!["Guangdong Sample Information Technology Co., Ltd.".to_owned(), "样例科技".to_owned()],
        credit_code: "91110000600037341L".to_owned(),
        external_ids: vec![
            ExternalId { system: "crm".to_owned(), value: "C-1".to_owned() },
            ExternalId { system: "boss".to_owned(), value: "280001".to_owned() },
        ],
        industry_code: "I65".to_owned(),
        territory_code: territory.to_owned(),
        address: "广东省深圳市南山区样例路 1 号".to_owned(),
        employee_count: Some(1_200),
        registered_capital: Some(Money { currency_code: "CNY".to_owned(), amount: "50000000.5".to_owned() }),
        tax_rank: Some(37),
        public_sector: false,
        legal_representative: "张三丰".to_owned(),
        source: "test".to_owned(),
        tags: vec!["重点".to_owned(), "上云".to_owned()],
        attributes: [("founded".to_owned(), "1999".to_owned())].into(),
        ..Default::default()
    }
}

fn by_id(id: &str) -> GetAccountRequest {
    GetAccountRequest { key: Some(get_account_request::Key::Id(id.to_owned())) }
}

async fn changes(service: &Service, id: &str) -> Vec<Change> {
    let request = ListChangesRequest { subject: format!("account/{id}"), ..Default::default() };
    service.changes().list_changes(service.as_admin(request)).await.unwrap().into_inner().changes
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_keys_as_it_was_sent() {
    let service = Service::with_tree().await;
    let sent = full("440305");
    let created = service.account(sent.clone()).await.unwrap();
    let mut external_ids = sent.external_ids.clone();
    external_ids.reverse();
    let expected = Account {
        id: created.id.clone(),
        state: AccountState::Prospect.into(),
        create_time: created.create_time,
        update_time: created.update_time,
        etag: "\"1\"".to_owned(),
        external_ids,
        ..sent
    };
    assert_eq!(created, expected);
    for key in [
        get_account_request::Key::Id(created.id.clone()),
        get_account_request::Key::CreditCode("91110000600037341L".to_owned()),
        get_account_request::Key::ExternalId(ExternalId { system: "boss".to_owned(), value: "280001".to_owned() }),
    ] {
        let found =
            service.accounts().get_account(service.as_admin(GetAccountRequest { key: Some(key) })).await.unwrap();
        assert_eq!(found.into_inner().account.as_ref(), Some(&created));
    }
    let taken = service.account(Account { external_ids: Vec::new(), ..full("440305") }).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let service = Service::with_tree().await;
    let created = service.account(full("440305")).await.unwrap();
    let update = |account: Account, paths: &[&str]| {
        let update_mask =
            (!paths.is_empty()).then(|| FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let request = UpdateAccountRequest { account: Some(account), update_mask, request_id: String::new() };
        let mut client = service.accounts();
        let request = service.as_admin(request);
        async move { client.update_account(request).await.map(tonic::Response::into_inner) }
    };
    let sent =
        Account {
            id: created.id.clone(), short_name: String::new(), address: "新址".to_owned(), ..Default::default()
        };
    let masked = update(sent.clone(), &["short_name"]).await.unwrap().account.unwrap();
    assert_eq!((masked.short_name.as_str(), masked.address.as_str()), ("", created.address.as_str()));
    let populated = update(sent, &[]).await.unwrap().account.unwrap();
    assert_eq!((populated.address.as_str(), populated.etag.as_str()), ("新址", "\"3\""));

    let stale =
        Account { id: created.id.clone(), address: "x".to_owned(), etag: created.etag.clone(), ..Default::default() };
    let refused = update(stale, &[]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let same = Account { id: created.id.clone(), address: "新址".to_owned(), ..Default::default() };
    let unchanged = update(same, &[]).await.unwrap();
    assert_eq!((unchanged.position, unchanged.account.unwrap().etag.as_str()), (0, "\"3\""));

    let log = changes(&service, &created.id).await;
    let newest = &log[0];
    assert_eq!((log.len(), newest.version, newest.actor.as_str()), (3, 3, "E0001"));
    assert_eq!(newest.method, "guanxi.client_registry.v1.AccountService/UpdateAccount");
    let field = &newest.fields[0];
    assert_eq!((newest.fields.len(), field.field.as_str(), field.after.as_str()), (1, "address", "\"新址\""));
}

#[tokio::test]
async fn a_hierarchy_moves_with_its_parent_and_knows_its_provinces() {
    let service = Service::with_tree().await;
    let parented = |name: &str, territory: &str, parent: &Account| Account {
        parent_account_id: parent.id.clone(),
        ..named(name, territory)
    };
    let group = service.account(named("样例集团", "440000")).await.unwrap();
    let company = service.account(parented("样例公司", "440305", &group)).await.unwrap();
    let branch = service.account(parented("样例分公司", "330100", &company)).await.unwrap();
    let tree = |id: String, token: String| {
        let mut client = service.accounts();
        async move { client.get_account_tree(with_token(GetAccountTreeRequest { id }, &token)).await.unwrap().into_inner() }
    };
    let names = |tree: &GetAccountTreeResponse| {
        tree.nodes
            .iter()
            .map(|node| (node.depth, node.account.as_ref().unwrap().legal_name.clone()))
            .collect::<Vec<_>>()
    };
    let whole = tree(branch.id.clone(), service.admin.clone()).await;
    assert_eq!(names(&whole), [(0, "样例集团".to_owned()), (1, "样例公司".to_owned()), (2, "样例分公司".to_owned())]);
    assert!(whole.cross_province && !whole.truncated);
    let narrow = tree(company.id.clone(), service.token(Role::Supervisor, "440300")).await;
    assert_eq!(names(&narrow), [(0, "样例公司".to_owned())]);
    assert!(!narrow.cross_province && narrow.nodes[0].account.as_ref().unwrap().parent_account_id.is_empty());

    let other = service.account(named("另一集团", "330000")).await.unwrap();
    let moved = Account { id: company.id.clone(), parent_account_id: other.id.clone(), ..Default::default() };
    let request = UpdateAccountRequest { account: Some(moved), ..Default::default() };
    service.accounts().update_account(service.as_admin(request)).await.unwrap();
    let whole = tree(other.id.clone(), service.admin.clone()).await;
    assert_eq!(names(&whole), [(0, "另一集团".to_owned()), (1, "样例公司".to_owned()), (2, "样例分公司".to_owned())]);
    let cycle = Account { id: other.id, parent_account_id: branch.id, ..Default::default() };
    let request = UpdateAccountRequest { account: Some(cycle), ..Default::default() };
    let refused = service.accounts().update_account(service.as_admin(request)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ACCOUNT_CYCLE"));
}

#[tokio::test]
async fn a_tier_has_a_history_with_reasons() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    let set = |tier: Tier, reason: &str, start_date: &str| {
        let request = SetAccountTierRequest {
            id: account.id.clone(),
            tier: tier.into(),
            reason: reason.to_owned(),
            start_date: start_date.to_owned(),
            ..Default::default()
        };
        let (mut client, request) = (service.accounts(), service.as_admin(request));
        async move { client.set_account_tier(request).await.map(tonic::Response::into_inner) }
    };
    set(Tier::C, "新客户", "2026-01-01").await.unwrap();
    let answer = set(Tier::A, "全省纳税百强", "2026-03-01").await.unwrap();
    assert_eq!(answer.account.unwrap().tier(), Tier::A);
    assert_eq!(set(Tier::A, "再说一次", "").await.unwrap().position, 0);
    assert_eq!(set(Tier::B, "早于现期", "2026-02-01").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(set(Tier::B, "将来", "2999-01-01").await.unwrap_err().code(), Code::InvalidArgument);
    let request = ListAccountTierPeriodsRequest { account_id: account.id.clone() };
    let periods =
        service.accounts().list_account_tier_periods(service.as_admin(request)).await.unwrap().into_inner().periods;
    let seen: Vec<_> =
        periods.iter().map(|period| (period.tier(), period.start_date.as_str(), period.end_date.as_str())).collect();
    assert_eq!(seen, [(Tier::A, "2026-03-01", ""), (Tier::C, "2026-01-01", "2026-02-28")]);
    assert_eq!(periods[0].evaluator, "E0001");
    assert_eq!(changes(&service, &account.id).await[0].reason, "全省纳税百强");
}

#[tokio::test]
async fn a_deleted_account_is_hidden_until_it_comes_back() {
    let service = Service::with_tree().await;
    let account = service.account(named("样例", "440305")).await.unwrap();
    let (assignment, _) = service.activate(&account).await;
    service.close(&assignment.id).await.unwrap();
    let delete = DeleteAccountRequest { id: account.id.clone(), ..Default::default() };
    let deleted =
        service.accounts().delete_account(service.as_admin(delete)).await.unwrap().into_inner().account.unwrap();
    assert_eq!(deleted.state(), AccountState::Deleted);
    let listed = |show_deleted: bool| {
        let request = ListAccountsRequest { show_deleted, with_total: true, ..Default::default() };
        let (mut client, request) = (service.accounts(), service.as_admin(request));
        async move { client.list_accounts(request).await.unwrap().into_inner().total }
    };
    assert_eq!((listed(false).await, listed(true).await), (0, 1));
    let found = service.accounts().get_account(service.as_admin(by_id(&account.id))).await.unwrap().into_inner();
    assert_eq!(found.account.unwrap().state(), AccountState::Deleted);
    let undelete = UndeleteAccountRequest { id: account.id.clone(), ..Default::default() };
    let back =
        service.accounts().undelete_account(service.as_admin(undelete)).await.unwrap().into_inner().account.unwrap();
    assert_eq!((back.state(), back.delete_time), (AccountState::Active, None));
    let kinds: Vec<_> = changes(&service, &account.id).await.into_iter().map(|change| change.r#type).collect();
    let expected = ["undeleted", "deleted", "activated", "created"]
        .map(|verb| format!("guanxi.client_registry.v1.account.{verb}"));
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_list_is_filtered_ordered_and_paged() {
    let service = Service::with_tree().await;
    for (index, territory) in ["440305", "330100", "440300", "440305"].into_iter().enumerate() {
        let tags = if index % 2 == 0 { vec!["重点".to_owned()] } else { Vec::new() };
        let account = Account {
            employee_count: Some(10 * i64::try_from(index).unwrap()),
            tags,
            ..named(&format!("样例{index}"), territory)
        };
        service.account(account).await.unwrap();
    }
    let list = |request: ListAccountsRequest| {
        let (mut client, request) = (service.accounts(), service.as_admin(request));
        async move { client.list_accounts(request).await.unwrap().into_inner() }
    };
    let names = |answer: &ListAccountsResponse| {
        answer.accounts.iter().map(|account| account.legal_name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&list(ListAccountsRequest::default()).await), ["样例1", "样例2", "样例0", "样例3"]);
    let newest = ListAccountsRequest { order_by: "create_time desc".to_owned(), ..Default::default() };
    assert_eq!(names(&list(newest).await), ["样例3", "样例2", "样例1", "样例0"]);
    let filtered = ListAccountsRequest {
        filter: "tags:\"重点\" AND employee_count >= 10 AND state = PROSPECT".to_owned(),
        territory_code: "440000".to_owned(),
        ..Default::default()
    };
    assert_eq!(names(&list(filtered).await), ["样例2"]);
    let mut page = ListAccountsRequest { page_size: 1, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let answer = list(page.clone()).await;
        seen.extend(names(&answer));
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    assert_eq!(seen, ["样例1", "样例2", "样例0", "样例3"]);
}

#[tokio::test]
async fn a_batch_keeps_the_order_asked_for() {
    let service = Service::with_tree().await;
    let one = service.account(named("一", "440305")).await.unwrap();
    let two = service.account(named("二", "330100")).await.unwrap();
    let ids = vec![two.id.clone(), uuid::Uuid::nil().to_string(), one.id.clone()];
    let request = BatchGetAccountsRequest { ids: ids.clone() };
    let answer = service.accounts().batch_get_accounts(service.as_admin(request.clone())).await.unwrap().into_inner();
    assert_eq!(answer.accounts, [two.clone(), one.clone()]);
    assert_eq!(answer.missing_ids, [ids[1].clone()]);
    let narrow = service.token(Role::Supervisor, "440000");
    let answer = service.accounts().batch_get_accounts(with_token(request, &narrow)).await.unwrap().into_inner();
    assert_eq!((answer.accounts, answer.missing_ids), (vec![one], vec![two.id, ids[1].clone()]));
}
