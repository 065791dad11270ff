//! A service of its own for each test, with what the other services would have told it.

use std::ops::{Deref, DerefMut};

use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::measurement_service_client::MeasurementServiceClient;
use guanxi_proto::kpi::v1::target_service_client::TargetServiceClient;
use guanxi_proto::kpi::v1::*;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::{Keys, Running, Served, Start, TestDatabase, rows};
pub(crate) use guanxi_test_support::{reason, violations};
use tonic::Status;
use tonic::transport::Channel;

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
    /// A service that knows territories, as if it had followed client-registry, and follows nobody.
    pub(crate) async fn start() -> Self {
        Self::start_by(serve).await
    }

    /// The same, started otherwise.
    pub(crate) async fn start_by(start: Start) -> Self {
        let database = TestDatabase::create(kpi::SCHEMA, &kpi::MIGRATOR).await;
        let mut owner = database.admin().await;
        for (code, above, level) in [
            ("CN", "", "HEADQUARTERS"),
            ("440000", "CN/", "PROVINCE"),
            (INSIDE.city, "CN/440000/", "CITY"),
            (INSIDE.county, "CN/440000/440300/", "COUNTY"),
            ("330000", "CN/", "PROVINCE"),
            (OUTSIDE.city, "CN/330000/", "CITY"),
            (OUTSIDE.county, "CN/330000/330100/", "COUNTY"),
        ] {
            let row = format!("'{code}', '{above}{code}/', '{level}'");
            rows(&mut owner, format!("insert into kpi.territory (code, path, level) values ({row})")).await;
        }
        Self(Served::new(database, Keys::new(), start))
    }

    pub(crate) fn indicators(&self) -> IndicatorServiceClient<Channel> {
        IndicatorServiceClient::new(self.channel.clone())
    }

    pub(crate) fn targets(&self) -> TargetServiceClient<Channel> {
        TargetServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn target(&self, target: Target) -> Result<Target, Status> {
        let request = CreateTargetRequest { target: Some(target), request_id: String::new() };
        Ok(self.targets().create_target(self.as_admin(request)).await?.into_inner().target.unwrap())
    }

    /// Splits a target by hand. Returns the parts.
    pub(crate) async fn decompose(&self, id: &str, parts: &[(&str, &str)]) -> Result<Vec<Target>, Status> {
        let part = |(territory, value): &(&str, &str)| TargetPart {
            territory_code: (*territory).to_owned(),
            value: (*value).to_owned(),
        };
        let hand = TargetParts { parts: parts.iter().map(part).collect() };
        let method = Some(decompose_target_request::Method::Hand(hand));
        let request = DecomposeTargetRequest { id: id.to_owned(), method, ..Default::default() };
        Ok(self.targets().decompose_target(self.as_admin(request)).await?.into_inner().parts)
    }

    pub(crate) fn measurements(&self) -> MeasurementServiceClient<Channel> {
        MeasurementServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn indicator(&self, indicator: Indicator) -> Result<Indicator, Status> {
        let request = CreateIndicatorRequest { indicator: Some(indicator), request_id: String::new() };
        Ok(self.indicators().create_indicator(self.as_admin(request)).await?.into_inner().indicator.unwrap())
    }
}

/// Starts a process' worth of service on the database of a URL.
pub(crate) fn serve(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let peers = guanxi_service::peers::Settings::default();
    let settings = kpi::Settings { service, peers, product_catalog: None, opportunity_pipeline: None };
    Running::start(async move |listener, stop| Ok(kpi::serve(&settings, Some(listener), stop).await?))
}

/// An indicator of the value that was lost.
pub(crate) fn indicator(code: &str) -> Indicator {
    Indicator {
        code: code.to_owned(),
        name: Some(LocalizedText { zh: "丢单金额".to_owned(), en: "Value lost".to_owned() }),
        formula: "lost_value".to_owned(),
        kind: IndicatorKind::Sum.into(),
        unit: IndicatorUnit::Money.into(),
        ..Default::default()
    }
}

/// A target of money in 2026.
pub(crate) fn target(indicator_code: &str, territory_code: &str, value: &str) -> Target {
    Target {
        indicator_code: indicator_code.to_owned(),
        territory_code: territory_code.to_owned(),
        period: "2026".to_owned(),
        currency_code: "CNY".to_owned(),
        value: value.to_owned(),
        ..Default::default()
    }
}

/// Fields and reasons as violations are compared.
pub(crate) fn named(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect()
}
