//! Everything that opportunity-pipeline copies, changing at random.

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{
    Account, AccountManager, AccountManagerChannel, CreateAccountManagerRequest, CreateAccountRequest,
    DeleteAccountManagerRequest, DeleteAccountRequest, DepartAccountManagerRequest, ExternalId,
    ReinstateAccountManagerRequest, SetAccountTierRequest, UndeleteAccountManagerRequest, UndeleteAccountRequest,
    UpdateAccountManagerRequest, UpdateAccountRequest,
};
use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::offering_service_client::OfferingServiceClient;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::{
    Category, ChargeKind, CreateCategoryRequest, CreateOfferingRequest, CreatePriceRequest, DeleteOfferingRequest,
    DeletePriceRequest, FunctionalClass, Offering, Price, PriceModel, PriceTier, PublishOfferingRequest,
    RetireOfferingRequest, ReviseOfferingRequest, StrategicClass, UndeleteOfferingRequest, UndeletePriceRequest,
    UpdateOfferingRequest, UpdatePriceRequest, retire_offering_request,
};
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::with_token;
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use crate::cluster::{Cluster, Planner};
use crate::random::Random;

/// Cities that move between the provinces.
const CITIES: [&str; 4] = ["4401", "4403", "3301", "1101"];
const PROVINCES: [&str; 3] = ["44", "33", "11"];

/// What is there to change.
pub(crate) struct Market {
    planner: Planner,
    token: String,
    random: Random,
    accounts: AccountServiceClient<Channel>,
    managers: AccountManagerServiceClient<Channel>,
    offerings: OfferingServiceClient<Channel>,
    prices: PriceServiceClient<Channel>,
    account_ids: Vec<String>,
    manager_ids: Vec<String>,
    offering_codes: Vec<String>,
    draft_ids: Vec<String>,
    price_ids: Vec<String>,
}

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() }
}

fn named(zh: String) -> LocalizedText {
    LocalizedText { zh, en: String::new() }
}

/// The answer, unless the resource is not in a state for the change.
fn unless_refused<T>(outcome: Result<Response<T>, Status>) -> Option<T> {
    match outcome {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound) => None,
        Err(status) => panic!("{status:?}"),
    }
}

impl Market {
    /// Plants the tree, and the category of all offerings.
    pub(crate) async fn open(cluster: &Cluster) -> Self {
        let (planner, token) = (cluster.planner(), cluster.token(Role::Administrator, "*"));
        Self::tree(&planner).await;
        let category = Category {
            code: "LINE".to_owned(),
            name: Some(named("专线".to_owned())),
            functional_class: FunctionalClass::BasicCommunication.into(),
            strategic_class: StrategicClass::Foundation.into(),
            ..Default::default()
        };
        let request = CreateCategoryRequest { category: Some(category), request_id: String::new() };
        let mut categories = CategoryServiceClient::new(cluster.catalog.channel());
        categories.create_category(with_token(request, &token)).await.unwrap();
        Self {
            planner,
            token,
            random: Random(23),
            accounts: AccountServiceClient::new(cluster.registry.channel()),
            managers: AccountManagerServiceClient::new(cluster.registry.channel()),
            offerings: OfferingServiceClient::new(cluster.catalog.channel()),
            prices: PriceServiceClient::new(cluster.catalog.channel()),
            account_ids: Vec::new(),
            manager_ids: Vec::new(),
            offering_codes: Vec::new(),
            draft_ids: Vec::new(),
            price_ids: Vec::new(),
        }
    }

    /// Plants provinces with cities.
    pub(crate) async fn tree(planner: &Planner) {
        planner.create("CN", "HEADQUARTERS", "").await.unwrap();
        for province in PROVINCES {
            planner.create(province, "PROVINCE", "CN").await.unwrap();
        }
        for city in CITIES {
            planner.create(city, "CITY", &city[..2]).await.unwrap();
        }
    }

    /// Puts something on sale for an amount in CNY a month.
    pub(crate) async fn offer(&mut self, code: &str, amount: &str) {
        let (code, category_codes) = (code.to_owned(), vec!["LINE".to_owned()]);
        let name = Some(named("互联网专线".to_owned()));
        let offering = Offering { code: code.clone(), name, category_codes, ..Default::default() };
        let request = CreateOfferingRequest { offering: Some(offering), request_id: String::new() };
        let created = self.offerings.create_offering(self.ask(request)).await.unwrap().into_inner();
        let request = PublishOfferingRequest { id: created.offering.unwrap().id, ..Default::default() };
        self.offerings.publish_offering(self.ask(request)).await.unwrap();
        let price = Price {
            offering_code: code,
            charge_kind: ChargeKind::Monthly.into(),
            model: PriceModel::PerUnit.into(),
            currency_code: "CNY".to_owned(),
            amount: amount.to_owned(),
            valid_from_date: "2020-01-01".to_owned(),
            ..Default::default()
        };
        let request = CreatePriceRequest { price: Some(price), request_id: String::new() };
        self.prices.create_price(self.ask(request)).await.unwrap();
    }

    /// Makes so many changes.
    pub(crate) async fn trade(&mut self, changes: usize) {
        for _ in 0..changes {
            match self.random.below(9) {
                0 => self.relocate().await,
                1..3 => self.change_account().await,
                3..5 => self.change_manager().await,
                5..7 => self.change_offering().await,
                _ => self.change_price().await,
            }
        }
    }

    fn ask<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.token)
    }

    fn one_of(&mut self, of: fn(&Self) -> &Vec<String>) -> String {
        let index = self.random.below(of(self).len());
        of(self)[index].clone()
    }

    fn city(&mut self) -> String {
        CITIES[self.random.below(CITIES.len())].to_owned()
    }

    fn word(&mut self) -> String {
        format!("X{:x}", self.random.below(usize::MAX))
    }

    async fn relocate(&mut self) {
        let (city, province) = (self.city(), PROVINCES[self.random.below(PROVINCES.len())]);
        self.planner.relocate(&city, province).await.unwrap();
    }

    async fn change_account(&mut self) {
        let what = if self.account_ids.len() < 5 { 0 } else { self.random.below(8) };
        // Few values, so that they go from one account to another.
        let external = ExternalId { system: "boss".to_owned(), value: self.random.below(12).to_string() };
        let account = Account {
            legal_name: format!("样例{}有限公司", self.word()),
            territory_code: self.city(),
            industry_code: ["I65", "J66", ""][self.random.below(3)].to_owned(),
            external_ids: if self.random.below(2) == 0 { vec![external] } else { Vec::new() },
            ..Default::default()
        };
        if what < 2 {
            let request = CreateAccountRequest { account: Some(account), request_id: String::new() };
            let created = unless_refused(self.accounts.create_account(self.ask(request)).await);
            self.account_ids.extend(created.and_then(|answer| answer.account).map(|account| account.id));
            return;
        }
        let id = self.one_of(|market| &market.account_ids);
        match what {
            2 => {
                let request = DeleteAccountRequest { id, ..Default::default() };
                unless_refused(self.accounts.delete_account(self.ask(request)).await);
            }
            3 => {
                let request = UndeleteAccountRequest { id, ..Default::default() };
                unless_refused(self.accounts.undelete_account(self.ask(request)).await);
            }
            4 => {
                let tier = 1 + i32::try_from(self.random.below(3)).unwrap();
                let request = SetAccountTierRequest { id, tier, reason: "定级".to_owned(), ..Default::default() };
                unless_refused(self.accounts.set_account_tier(self.ask(request)).await);
            }
            _ => {
                let update_mask = Some(mask(&["legal_name", "industry_code", "external_ids"]));
                let account = Some(Account { id, ..account });
                let request = UpdateAccountRequest { account, update_mask, request_id: String::new() };
                unless_refused(self.accounts.update_account(self.ask(request)).await);
            }
        }
    }

    async fn change_manager(&mut self) {
        let what = if self.manager_ids.len() < 5 { 0 } else { self.random.below(6) };
        let manager = AccountManager {
            employee_number: self.word(),
            name: "王芳".to_owned(),
            territory_code: self.city(),
            channel: AccountManagerChannel::Field.into(),
            ..Default::default()
        };
        if what == 0 {
            let request = CreateAccountManagerRequest { account_manager: Some(manager), request_id: String::new() };
            let created = self.managers.create_account_manager(self.ask(request)).await.unwrap().into_inner();
            self.manager_ids.extend(created.account_manager.map(|manager| manager.id));
            return;
        }
        let (id, reason) = (self.one_of(|market| &market.manager_ids), "调动".to_owned());
        match what {
            1 => {
                let request = DepartAccountManagerRequest { id, reason, ..Default::default() };
                unless_refused(self.managers.depart_account_manager(self.ask(request)).await);
            }
            2 => {
                let request = ReinstateAccountManagerRequest { id, reason, ..Default::default() };
                unless_refused(self.managers.reinstate_account_manager(self.ask(request)).await);
            }
            3 => {
                let request = DeleteAccountManagerRequest { id, ..Default::default() };
                unless_refused(self.managers.delete_account_manager(self.ask(request)).await);
            }
            4 => {
                let request = UndeleteAccountManagerRequest { id, ..Default::default() };
                unless_refused(self.managers.undelete_account_manager(self.ask(request)).await);
            }
            _ => {
                let account_manager = Some(AccountManager { id, ..manager });
                let update_mask = Some(mask(&["territory_code"]));
                let request = UpdateAccountManagerRequest { account_manager, update_mask, request_id: String::new() };
                unless_refused(self.managers.update_account_manager(self.ask(request)).await);
            }
        }
    }

    async fn change_offering(&mut self) {
        let what = if self.offering_codes.len() < 4 { 0 } else { self.random.below(7) };
        let name = Some(named(format!("产品{}", self.word())));
        if what == 0 {
            let (code, category_codes) = (self.word(), vec!["LINE".to_owned()]);
            let offering = Offering { code: code.clone(), name, category_codes, ..Default::default() };
            let request = CreateOfferingRequest { offering: Some(offering), request_id: String::new() };
            let created = self.offerings.create_offering(self.ask(request)).await.unwrap().into_inner();
            self.offering_codes.push(code);
            self.draft_ids.extend(created.offering.map(|offering| offering.id));
            return;
        }
        let id = self.one_of(|market| &market.draft_ids);
        let code = self.one_of(|market| &market.offering_codes);
        match what {
            1 => {
                let request = ReviseOfferingRequest { code, ..Default::default() };
                let revised = unless_refused(self.offerings.revise_offering(self.ask(request)).await);
                self.draft_ids.extend(revised.and_then(|answer| answer.offering).map(|offering| offering.id));
            }
            2 => {
                let key = Some(retire_offering_request::Key::Code(code));
                let request = RetireOfferingRequest { key, ..Default::default() };
                unless_refused(self.offerings.retire_offering(self.ask(request)).await);
            }
            3 => {
                let request = DeleteOfferingRequest { id, ..Default::default() };
                unless_refused(self.offerings.delete_offering(self.ask(request)).await);
            }
            4 => {
                let request = UndeleteOfferingRequest { id, ..Default::default() };
                unless_refused(self.offerings.undelete_offering(self.ask(request)).await);
            }
            5 => {
                let offering = Some(Offering { id, name, ..Default::default() });
                let request =
                    UpdateOfferingRequest { offering, update_mask: Some(mask(&["name"])), request_id: String::new() };
                unless_refused(self.offerings.update_offering(self.ask(request)).await);
            }
            _ => {
                let request = PublishOfferingRequest { id, ..Default::default() };
                unless_refused(self.offerings.publish_offering(self.ask(request)).await);
            }
        }
    }

    async fn change_price(&mut self) {
        let what = if self.price_ids.len() < 5 || self.offering_codes.is_empty() { 0 } else { self.random.below(6) };
        if self.offering_codes.is_empty() {
            return;
        }
        let amount = format!("{}.{:02}", self.random.below(10_000), self.random.below(100));
        if what < 2 {
            let price = self.price(&amount);
            let request = CreatePriceRequest { price: Some(price), request_id: String::new() };
            let outcome = self.prices.create_price(self.ask(request)).await;
            // Prices that overlap are no business of this test.
            let created = outcome.ok().and_then(|answer| answer.into_inner().price);
            self.price_ids.extend(created.map(|price| price.id));
            return;
        }
        let id = self.one_of(|market| &market.price_ids);
        match what {
            2 => {
                let request = DeletePriceRequest { id, ..Default::default() };
                unless_refused(self.prices.delete_price(self.ask(request)).await);
            }
            3 => {
                let request = UndeletePriceRequest { id, ..Default::default() };
                unless_refused(self.prices.undelete_price(self.ask(request)).await);
            }
            4 => {
                let price = Some(Price { id, valid_to_date: "2099-01-01".to_owned(), ..Default::default() });
                let update_mask = Some(mask(&["valid_to_date"]));
                let request = UpdatePriceRequest { price, update_mask, request_id: String::new() };
                let _ = self.prices.update_price(self.ask(request)).await;
            }
            _ => {
                let price = Some(Price { id, amount, ..Default::default() });
                let request =
                    UpdatePriceRequest { price, update_mask: Some(mask(&["amount"])), request_id: String::new() };
                // A price in tiers has no amount of its own.
                let _ = self.prices.update_price(self.ask(request)).await;
            }
        }
    }

    /// A price of any model, in force or not yet.
    fn price(&mut self, amount: &str) -> Price {
        let models = [PriceModel::Flat, PriceModel::PerUnit, PriceModel::PerMember, PriceModel::Stairstep];
        let kinds = [ChargeKind::OneTime, ChargeKind::Monthly, ChargeKind::Yearly, ChargeKind::Usage];
        let (model, charge_kind) = (models[self.random.below(4)], kinds[self.random.below(4)]);
        let in_tiers = model == PriceModel::Stairstep;
        let tier = |from_quantity, to_quantity| PriceTier { from_quantity, to_quantity, amount: amount.to_owned() };
        Price {
            offering_code: self.one_of(|market| &market.offering_codes),
            charge_kind: charge_kind.into(),
            model: model.into(),
            currency_code: "CNY".to_owned(),
            tiers: if in_tiers { vec![tier(1, 10), tier(11, 0)] } else { Vec::new() },
            amount: if in_tiers { String::new() } else { amount.to_owned() },
            unit: if charge_kind == ChargeKind::Usage { "MB".to_owned() } else { String::new() },
            valid_from_date: ["2020-01-01", "2098-01-01"][self.random.below(2)].to_owned(),
            ..Default::default()
        }
    }
}
