//! A service of its own for each test.

use guanxi_auth::Role;
use guanxi_proto::events::v1::change_service_client::ChangeServiceClient;
use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::specification_service_client::SpecificationServiceClient;
use guanxi_proto::product_catalog::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, TestDatabase, with_token};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::{FieldViolation, StatusExt};

/// A running service with the territories CN, 440000 and 330000. It stops when it is dropped.
pub(crate) struct Service {
    _database: TestDatabase,
    pub(crate) keys: Keys,
    pub(crate) channel: Channel,
    pub(crate) admin: String,
    _stop: oneshot::Sender<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let mut admin = database.admin().await;
        sqlx::raw_sql(
            "insert into product_catalog.territory (code, path) \
             values ('CN', 'CN/'), ('440000', 'CN/440000/'), ('330000', 'CN/330000/')",
        )
        .execute(&mut admin)
        .await
        .unwrap();
        let keys = Keys::new();
        let (channel, stop) = serve(&database, &keys).await;
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        Self { _database: database, keys, channel, admin, _stop: stop }
    }

    pub(crate) fn as_admin<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    pub(crate) fn categories(&self) -> CategoryServiceClient<Channel> {
        CategoryServiceClient::new(self.channel.clone())
    }

    pub(crate) fn specifications(&self) -> SpecificationServiceClient<Channel> {
        SpecificationServiceClient::new(self.channel.clone())
    }

    pub(crate) fn changes(&self) -> ChangeServiceClient<Channel> {
        ChangeServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn category(&self, code: &str, parent_code: &str) -> Result<Category, Status> {
        let request = CreateCategoryRequest { category: Some(category(code, parent_code)), request_id: String::new() };
        Ok(self.categories().create_category(self.as_admin(request)).await?.into_inner().category.unwrap())
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
}

async fn serve(database: &TestDatabase, keys: &Keys) -> (Channel, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { listen: address, jwks: keys.jwks(), max_calls: 512, max_streams: 200 },
        database: guanxi_db::Settings {
            database_url: database.service_url(),
            owner_database_url: None,
            database_connections: 8,
        },
        cluster: "test".to_owned(),
    };
    let settings = product_catalog::Settings { service };
    let (stop, stopped) = oneshot::channel::<()>();
    // A thread and a runtime of its own, as a process has.
    let listener = listener.into_std().unwrap();
    std::thread::spawn(move || {
        let outcome = guanxi_grpc::block_on(async {
            let stopped = async {
                let _ = stopped.await;
            };
            Ok(product_catalog::serve(&settings, Some(TcpListener::from_std(listener)?), stopped).await?)
        });
        outcome.map_err(|error| error.to_string()).unwrap();
    });
    (Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy(), stop)
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

/// The reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}")).reason.clone()
}

/// What a refusal says in the language that was asked for.
pub(crate) fn text(status: &Status) -> String {
    status.get_error_details().localized_message().unwrap().message.clone()
}

/// Field and reason of every violation.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}")).field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.reason.clone())).collect()
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
