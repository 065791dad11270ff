//! A service of its own for each test.

use std::ops::{Deref, DerefMut};

use guanxi_proto::events::v1::{Change, ListChangesRequest};
use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::offering_service_client::OfferingServiceClient;
use guanxi_proto::product_catalog::v1::specification_service_client::SpecificationServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::{Keys, Running, Served, TestDatabase, rows};
pub(crate) use guanxi_test_support::{reason, violations};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::{FieldViolation, StatusExt};

/// A running service with a small tree of territories. It stops when it is dropped.
pub(crate) struct Service(Served);

impl Deref for Service {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Served {
        &mut self.0
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let mut owner = database.admin().await;
        for (code, above) in [
            ("CN", ""),
            ("440000", "CN/"),
            (INSIDE.city, "CN/440000/"),
            (INSIDE.county, "CN/440000/440300/"),
            ("330000", "CN/"),
            (OUTSIDE.city, "CN/330000/"),
            (OUTSIDE.county, "CN/330000/330100/"),
        ] {
            let territory =
                format!("insert into product_catalog.territory (code, path) values ('{code}', '{above}{code}/')");
            rows(&mut owner, territory).await;
        }
        Self(Served::new(database, Keys::new(), serve))
    }

    pub(crate) fn categories(&self) -> CategoryServiceClient<Channel> {
        CategoryServiceClient::new(self.channel.clone())
    }

    pub(crate) fn specifications(&self) -> SpecificationServiceClient<Channel> {
        SpecificationServiceClient::new(self.channel.clone())
    }

    pub(crate) fn offerings(&self) -> OfferingServiceClient<Channel> {
        OfferingServiceClient::new(self.channel.clone())
    }

    /// What became of a resource, newest first.
    pub(crate) async fn history(&self, noun: &str, id: &str) -> Vec<Change> {
        let request = ListChangesRequest { subject: format!("{noun}/{id}"), ..Default::default() };
        self.changes().list_changes(self.as_admin(request)).await.unwrap().into_inner().changes
    }

    pub(crate) async fn category(&self, code: &str, parent_code: &str) -> Result<Category, Status> {
        let request = CreateCategoryRequest { category: Some(category(code, parent_code)), request_id: String::new() };
        Ok(self.categories().create_category(self.as_admin(request)).await?.into_inner().category.unwrap())
    }

    /// A draft of an offering, in the category OFFICE.
    pub(crate) async fn drafted(&self, code: &str) -> Offering {
        // Only the first one has to make the category.
        let _ = self.category("OFFICE", "").await;
        self.offering(offering(code)).await.unwrap()
    }

    /// An offering on sale.
    pub(crate) async fn sold(&self, code: &str) -> Offering {
        let draft = self.drafted(code).await;
        self.publish(&draft.id).await.unwrap()
    }

    pub(crate) async fn specification(
        &self,
        code: &str,
        characteristics: Vec<Characteristic>,
    ) -> Result<Specification, Status> {
        let name = Some(name(&format!("规格{code}"), ""));
        let specification = Specification { code: code.to_owned(), name, characteristics, ..Default::default() };
        let request = CreateSpecificationRequest { specification: Some(specification), request_id: String::new() };
        let created = self.specifications().create_specification(self.as_admin(request)).await?;
        Ok(created.into_inner().specification.unwrap())
    }

    pub(crate) async fn offering(&self, offering: Offering) -> Result<Offering, Status> {
        let request = CreateOfferingRequest { offering: Some(offering), request_id: String::new() };
        Ok(self.offerings().create_offering(self.as_admin(request)).await?.into_inner().offering.unwrap())
    }

    pub(crate) async fn publish(&self, id: &str) -> Result<Offering, Status> {
        let request = PublishOfferingRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.offerings().publish_offering(self.as_admin(request)).await?.into_inner().offering.unwrap())
    }

    pub(crate) async fn revise(&self, code: &str) -> Result<Offering, Status> {
        let request = ReviseOfferingRequest { code: code.to_owned(), ..Default::default() };
        Ok(self.offerings().revise_offering(self.as_admin(request)).await?.into_inner().offering.unwrap())
    }

    pub(crate) async fn retire(
        &self,
        key: retire_offering_request::Key,
        successor: &str,
    ) -> Result<Vec<Offering>, Status> {
        let request =
            RetireOfferingRequest { key: Some(key), successor_code: successor.to_owned(), ..Default::default() };
        Ok(self.offerings().retire_offering(self.as_admin(request)).await?.into_inner().offerings)
    }

    pub(crate) async fn delete_offering(&self, id: &str) -> Result<Offering, Status> {
        let request = DeleteOfferingRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.offerings().delete_offering(self.as_admin(request)).await?.into_inner().offering.unwrap())
    }

    pub(crate) async fn undelete_offering(&self, id: &str) -> Result<Offering, Status> {
        let request = UndeleteOfferingRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.offerings().undelete_offering(self.as_admin(request)).await?.into_inner().offering.unwrap())
    }

    pub(crate) async fn update_offering(
        &self,
        offering: Offering,
        paths: &[&str],
    ) -> Result<UpdateOfferingResponse, Status> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() });
        let offering = Some(Offering { etag: String::new(), ..offering });
        let request = UpdateOfferingRequest { offering, update_mask, request_id: String::new() };
        Ok(self.offerings().update_offering(self.as_admin(request)).await?.into_inner())
    }
}

/// Starts a process' worth of service on the database of a URL.
pub(crate) fn serve(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let settings = product_catalog::Settings { service, peers: guanxi_service::peers::Settings::default() };
    Running::start(async move |listener, stop| Ok(product_catalog::serve(&settings, Some(listener), stop).await?))
}

/// A name in both languages.
pub(crate) fn name(zh: &str, en: &str) -> LocalizedText {
    LocalizedText { zh: zh.to_owned(), en: en.to_owned() }
}

/// A category with everything that one must have.
pub(crate) fn category(code: &str, parent_code: &str) -> Category {
    let top = parent_code.is_empty();
    Category {
        code: code.to_owned(),
        name: Some(name(&format!("分类{code}"), "")),
        parent_code: parent_code.to_owned(),
        functional_class: if top { FunctionalClass::OfficeManagement.into() } else { 0 },
        strategic_class: if top { StrategicClass::Foundation.into() } else { 0 },
        ..Default::default()
    }
}

/// A characteristic of a kind, with nothing else.
pub(crate) fn characteristic(code: &str, kind: CharacteristicKind) -> Characteristic {
    Characteristic { code: code.to_owned(), name: Some(name(code, "")), kind: kind.into(), ..Default::default() }
}

/// An offering in the category OFFICE, with nothing else.
pub(crate) fn offering(code: &str) -> Offering {
    Offering {
        code: code.to_owned(),
        name: Some(name(&format!("产品{code}"), "")),
        category_codes: vec!["OFFICE".to_owned()],
        ..Default::default()
    }
}

/// An offering that needs others.
pub(crate) fn needing(code: &str, others: &[&str]) -> Offering {
    let prerequisite_offering_codes = others.iter().map(|&other| other.to_owned()).collect();
    Offering { prerequisite_offering_codes, ..offering(code) }
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

/// What a refusal says in the language that was asked for.
pub(crate) fn text(status: &Status) -> String {
    status.get_error_details().localized_message().unwrap().message.clone()
}

/// Field and text of every violation.
pub(crate) fn texts(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}")).field_violations;
    let text = |violation: &FieldViolation| violation.localized_message.clone().unwrap().message;
    violations.iter().map(|violation| (violation.field.clone(), text(violation))).collect()
}

/// The same request by somebody who reads Chinese.
pub(crate) fn in_chinese<T>(mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("accept-language", "zh-CN".parse().unwrap());
    request
}

/// The violations that are expected of fields of a message.
pub(crate) fn named(message: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(field, reason)| (format!("{message}.{field}"), (*reason).to_owned())).collect()
}
