//! Quotes: from a draft through approval to the customer's answer.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_proto::product_catalog::v1::{AuthorityLevel, PriceQuoteLine};
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::rows;
use tonic::Code;

use crate::catalog;
use crate::support::{ACCOUNT, Service, deal, money, offer, refusal, with};

/// A draft that needs the authority of a province for its discount.
async fn dear(service: &Service, token: &str) -> Quote {
    let line = PriceQuoteLine { manual_discount_percent: "20".to_owned(), ..offer("CLOUD", 1) };
    let opportunity_id = service.opportunity(deal("大单", INSIDE)).await.unwrap().id;
    let quote =
        Quote { opportunity_id, lines: vec![line], discount_reason: "战略客户".to_owned(), ..Default::default() };
    service.quote(token, quote).await.unwrap()
}

#[tokio::test]
async fn a_quote_has_the_prices_of_the_catalog_and_what_they_come_to() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let concession = |text: &str, payer: ConcessionPayer, share: &str| Concession {
        text: text.to_owned(),
        cost: Some(money("100", "CNY")),
        payer: payer.into(),
        operator_share_percent: share.to_owned(),
    };
    let opportunity_id = service.opportunity(deal("邮箱上云", INSIDE)).await.unwrap().id;
    let quote = Quote {
        opportunity_id: opportunity_id.clone(),
        lines: vec![PriceQuoteLine { term_months: 24, ..offer("MAIL", 5) }, offer("CLOUD", 1)],
        concessions: vec![
            concession("路由器", ConcessionPayer::Operator, ""),
            concession("布线", ConcessionPayer::Shared, "50"),
            concession("培训", ConcessionPayer::Customer, ""),
        ],
        ..Default::default()
    };
    let quote = service.quote(&owner, quote).await.unwrap();
    assert_eq!((quote.state(), quote.version_number, quote.author.as_str()), (QuoteState::Draft, 1, "E1000"));
    // 24 months of 5 units at 10, and 1,000 once; it costs 6 a unit and month, and 400.
    assert_eq!(quote.contract_list_amount, Some(money("2200", "CNY")));
    assert_eq!(quote.contract_cost_amount, Some(money("1120", "CNY")));
    // (2,200 − 1,120 − 150) / 2,200.
    assert_eq!(quote.margin_percent, "42.27");
    assert_eq!((quote.required_level(), quote.catalog_version), (AuthorityLevel::Manager, catalog::VERSION));
    assert_eq!((quote.quoted_lines.len(), quote.totals.len(), quote.account_name.as_str()), (2, 2, "深圳样例公司"));

    let changed = Quote { id: quote.id.clone(), lines: vec![offer("CLOUD", 1)], ..Default::default() };
    let request = UpdateQuoteRequest { quote: Some(changed), ..Default::default() };
    let updated = service.quotes().update_quote(with(request, &owner)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!((updated.contract_net_amount, updated.concessions.len()), (Some(money("1000", "CNY")), 3));

    let request = ReviseQuoteRequest { id: quote.id.clone(), ..Default::default() };
    let revised = service.quotes().revise_quote(with(request, &owner)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!((revised.version_number, revised.state(), revised.lines), (2, QuoteState::Draft, updated.lines));
    let request = ListQuotesRequest { opportunity_id, with_total: true, ..Default::default() };
    let page = service.quotes().list_quotes(with(request, &owner)).await.unwrap().into_inner();
    assert_eq!((page.total, page.quotes.len()), (2, 2));
}

#[tokio::test]
async fn the_catalog_is_asked_on_the_callers_behalf_for_the_account_at_the_opportunitys_place() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let code = format!("OWN-{}", uuid::Uuid::now_v7());
    service.draft(&owner, INSIDE, vec![offer(&code, 1)]).await;
    let heard = catalog::heard(&code);
    assert_eq!((heard.authorization, heard.timeout), (format!("Bearer {owner}"), true));
    let profile = heard.profile;
    assert_eq!((profile.account_id.as_str(), profile.territory_code.as_str()), (ACCOUNT, INSIDE.county));
    assert_eq!((profile.tier, profile.industry_code.as_str()), (1, "I65"));
}

#[tokio::test]
async fn within_the_authority_of_an_account_manager_a_quote_is_approved_at_once() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let draft = service.draft(&owner, INSIDE, vec![offer("MAIL", 1)]).await;
    let head = service.head().await;
    let approved = service.submit(&owner, &draft.id).await.unwrap();
    assert_eq!((approved.state(), approved.decision_level()), (QuoteState::Approved, AuthorityLevel::Manager));
    assert_eq!((approved.submitter.as_str(), approved.decider.as_str()), ("E1000", "E1000"));
    assert_eq!(service.head().await, head + 1, "submission and approval are one event");
    let accepted = AcceptQuoteRequest { id: draft.id, acceptance_reference: "PO-17".to_owned(), ..Default::default() };
    let accepted = service.quotes().accept_quote(with(accepted, &owner)).await.unwrap().into_inner().quote.unwrap();
    assert_eq!((accepted.state(), accepted.accept_date.is_empty()), (QuoteState::Accepted, false));
    assert_eq!((accepted.acceptance_reference.as_str(), accepted.catalog_version), ("PO-17", catalog::VERSION));
}

#[tokio::test]
async fn above_it_somebody_else_with_the_authority_decides() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let draft = dear(&service, &owner).await;
    let waiting = service.submit(&owner, &draft.id).await.unwrap();
    assert_eq!((waiting.state(), waiting.required_level()), (QuoteState::Waiting, AuthorityLevel::Province));
    let token = |subject: &str, role, territory: &str| service.keys.token(subject, &[(role, territory)]);
    for (token, reason) in [
        (token("E1000", Role::Director, "CN"), "OWN_REQUEST"),
        (token("E3000", Role::Approver, INSIDE.city), "AUTHORITY_TOO_LOW"),
        (token("E3000", Role::Director, INSIDE.county), "AUTHORITY_TOO_LOW"),
    ] {
        let refused = service.approve(&token, &waiting.id).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::PermissionDenied, reason.to_owned()));
        let reject = RejectQuoteRequest { id: waiting.id.clone(), reason: "不".to_owned(), ..Default::default() };
        let refused = service.quotes().reject_quote(with(reject, &token)).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::PermissionDenied, reason.to_owned()));
    }
    let province = token("E3000", Role::Approver, "440000");
    let approved = service.approve(&province, &waiting.id).await.unwrap();
    assert_eq!((approved.state(), approved.decider.as_str()), (QuoteState::Approved, "E3000"));
    assert_eq!(approved.decision_level(), AuthorityLevel::Province);
    let twice = service.approve(&province, &waiting.id).await.unwrap_err();
    assert_eq!(refusal(&twice), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
}

#[tokio::test]
async fn amounts_losses_and_flagships_need_the_level_of_the_policy() {
    let service = Service::start().await;
    let admin = &service.admin;
    let level = async |opportunity: Opportunity, quote: Quote| {
        let opportunity_id = service.opportunity(opportunity).await.unwrap().id;
        let quote = service.quote(admin, Quote { opportunity_id, ..quote }).await.unwrap();
        (quote.required_level(), quote.margin_percent)
    };
    let plain = Quote { lines: vec![offer("CLOUD", 1)], ..Default::default() };
    let servers = |quantity| Quote { lines: vec![offer("SERVER", quantity)], ..Default::default() };
    let concession = Concession {
        text: "整层机房".to_owned(),
        cost: Some(money("601", "CNY")),
        payer: ConcessionPayer::Operator.into(),
        ..Default::default()
    };
    let losing = Quote { concessions: vec![concession], ..plain.clone() };
    let unknown = Quote { lines: vec![offer("GOLD", 1)], ..Default::default() };
    let flagship = Opportunity { flagship: true, ..deal("精品", INSIDE) };
    assert_eq!(level(deal("一", INSIDE), plain.clone()).await, (AuthorityLevel::Manager, "60".to_owned()));
    assert_eq!(level(flagship, plain).await.0, AuthorityLevel::Province);
    assert_eq!(level(deal("二", INSIDE), losing).await, (AuthorityLevel::Province, "-0.1".to_owned()));
    assert_eq!(level(deal("三", INSIDE), servers(1)).await.0, AuthorityLevel::City);
    assert_eq!(level(deal("四", INSIDE), servers(4)).await.0, AuthorityLevel::Province);
    assert_eq!(level(deal("五", INSIDE), servers(20)).await.0, AuthorityLevel::Headquarters);
    assert_eq!(level(deal("六", INSIDE), unknown).await, (AuthorityLevel::City, String::new()));
}

#[tokio::test]
async fn who_may_decide_sees_what_waits_for_him() {
    let service = Service::start().await;
    let (owner, supporter) = (service.manager("E1000"), service.supporter());
    let province = service.submit(&owner, &dear(&service, &owner).await.id).await.unwrap();
    let city = service.draft(&owner, INSIDE, vec![offer("SERVER", 1)]).await;
    let city = service.submit(&owner, &city.id).await.unwrap();
    let small = service.draft(&supporter, INSIDE, vec![offer("MAIL", 1)]).await;
    let small = service.submit(&supporter, &small.id).await.unwrap();
    let outside = service.draft(&supporter, OUTSIDE, vec![offer("MAIL", 1)]).await;
    let outside = service.submit(&supporter, &outside.id).await.unwrap();
    let waiting = async |subject: &str, grants: &[(Role, &str)]| {
        let request = ListQuotesWaitingRequest { with_total: true, ..Default::default() };
        let token = service.keys.token(subject, grants);
        let page = service.quotes().list_quotes_waiting(with(request, &token)).await.unwrap().into_inner();
        assert_eq!(page.total, i64::try_from(page.quotes.len()).unwrap());
        page.quotes.into_iter().map(|quote| quote.id).collect::<Vec<_>>()
    };
    let of = |quotes: &[&Quote]| quotes.iter().map(|quote| quote.id.clone()).collect::<Vec<_>>();
    assert_eq!(waiting("E3000", &[(Role::Approver, "440000")]).await, of(&[&province, &city, &small]));
    assert_eq!(waiting("E3000", &[(Role::Supervisor, INSIDE.city)]).await, of(&[&city, &small]));
    // An authority in one place is none in another.
    let mixed = [(Role::Approver, "440000"), (Role::AccountManager, "330000")];
    assert_eq!(waiting("E3000", &mixed).await, of(&[&province, &city, &small]));
    assert_eq!(waiting("E2000", &[(Role::AccountManager, "330000")]).await, of(&[&outside]));
    assert_eq!(waiting("E1000", &[(Role::Director, "CN")]).await, of(&[&outside, &small]));
    assert_eq!(waiting("E1001", &[(Role::Director, "440000")]).await, of(&[&province, &city]));
}

#[tokio::test]
async fn two_who_decide_at_the_same_moment_make_one_decision() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let waiting = service.submit(&owner, &dear(&service, &owner).await.id).await.unwrap();
    let head = service.head().await;
    let tokens: Vec<String> =
        (0..20).map(|number| service.keys.token(&format!("E30{number:02}"), &[(Role::Approver, "CN")])).collect();
    let decide = async |token: &String| service.approve(token, &waiting.id).await;
    let outcomes = futures_util::future::join_all(tokens.iter().map(decide)).await;
    let (approved, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(approved.len(), 1);
    for refused in refused {
        assert_eq!(refusal(&refused.unwrap_err()), (Code::FailedPrecondition, "STATE_FORBIDS".to_owned()));
    }
    assert_eq!(service.head().await, head + 1);
}

#[tokio::test]
async fn versions_made_at_the_same_moment_get_numbers_of_their_own() {
    let service = Service::start().await;
    let draft = service.draft(&service.admin, INSIDE, vec![offer("MAIL", 1)]).await;
    let revise = async |_| {
        let request = ReviseQuoteRequest { id: draft.id.clone(), ..Default::default() };
        let revised = service.quotes().revise_quote(service.as_admin(request)).await.unwrap().into_inner();
        revised.quote.unwrap().version_number
    };
    let mut numbers = futures_util::future::join_all((0..10).map(revise)).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (2..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_nobody_answered_expires_once_in_the_name_of_the_service() {
    let mut service = Service::start().await;
    let owner = service.manager("E1000");
    let approved = service.draft(&owner, INSIDE, vec![offer("MAIL", 1)]).await;
    let approved = service.submit(&owner, &approved.id).await.unwrap();
    let waiting = service.submit(&owner, &dear(&service, &owner).await.id).await.unwrap();
    let draft = service.draft(&owner, INSIDE, vec![offer("MAIL", 1)]).await;
    let mut database = service.database.admin().await;
    rows(&mut database, "update opportunity_pipeline.quote set valid_until_date = '2020-01-01'").await;
    let late = service.accept(&owner, &approved.id).await.unwrap_err();
    assert_eq!(refusal(&late), (Code::FailedPrecondition, "QUOTE_EXPIRED".to_owned()));
    let late = service.submit(&owner, &draft.id).await.unwrap_err();
    assert_eq!(refusal(&late), (Code::FailedPrecondition, "QUOTE_EXPIRED".to_owned()));
    let late = service.approve(&service.admin, &waiting.id).await.unwrap_err();
    assert_eq!(refusal(&late), (Code::FailedPrecondition, "QUOTE_EXPIRED".to_owned()));

    let head = service.head().await;
    service.restart();
    let other = service.another(8);
    let kind = "guanxi.opportunity_pipeline.v1.quote.expired";
    let mut stream = service.follow(&service.admin, head, &[kind]).await.unwrap();
    let mut expired = Vec::new();
    while expired.len() < 2 {
        expired.extend(stream.message().await.unwrap().unwrap().event);
    }
    assert!(expired.iter().all(|event| event.actor == "service:opportunity-pipeline"), "{expired:?}");
    let told = service.quote_of(&approved.id).await;
    assert_eq!((told.state(), told.reason.contains("2020-01-01")), (QuoteState::Expired, true));
    assert_eq!(service.quote_of(&waiting.id).await.state(), QuoteState::Expired);
    assert_eq!(service.quote_of(&draft.id).await.state(), QuoteState::Draft);
    // The other replica was at it too, and each expired once.
    other.end();
    assert_eq!(service.head().await, head + 2);
}

#[tokio::test]
async fn a_proposal_tells_the_customer_everything_but_what_is_our_own() {
    let service = Service::start().await;
    let owner = service.manager("E1000");
    let opportunity_id = service.opportunity(deal("邮箱上云", INSIDE)).await.unwrap().id;
    let concession = Concession {
        text: "路由器 | 两台".to_owned(),
        cost: Some(money("4321", "CNY")),
        payer: ConcessionPayer::Operator.into(),
        ..Default::default()
    };
    let quote = Quote {
        opportunity_id,
        lines: vec![offer("MAIL", 5)],
        concessions: vec![concession],
        solution: "先迁移，后上云。".to_owned(),
        terms: "月结。".to_owned(),
        ..Default::default()
    };
    let quote = service.quote(&owner, quote).await.unwrap();
    let proposal = async |language: &'static str| {
        let mut request = with(GetQuoteProposalRequest { id: quote.id.clone() }, &owner);
        request.metadata_mut().insert("accept-language", language.parse().unwrap());
        service.quotes().get_quote_proposal(request).await.unwrap().into_inner().markdown
    };
    let (zh, en) = (proposal("zh-CN").await, proposal("en").await);
    for part in [
        "# 报价方案 · 深圳样例公司",
        "先迁移，后上云。",
        "产品MAIL (MAIL)",
        "| 5 |",
        "CNY 50.00",
        "CNY 600",
        "路由器 \\| 两台",
        "月结。",
        "未经批准",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    assert!(en.contains("# Proposal") && en.contains("Not approved") && en.contains(&quote.valid_until_date), "{en}");
    for own in ["4321", "360", "12.34", "30.00", "-640"] {
        assert!(!zh.contains(own) && !en.contains(own), "{own}: {zh}");
    }
}
