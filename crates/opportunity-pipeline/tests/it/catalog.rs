//! A stand-in for product-catalog, at the other end of the network: it prices by rules that each test can reckon with.
//!
//! MAIL costs 10 CNY a month and unit (cost 6), CLOUD 1,000 CNY once (cost 400), SERVER 600,000 CNY once and unit (cost 100,000), GOLD the same
//! at an unknown cost. A code that begins with RETIRED is not sold any more, and one that begins with GATED is answered when the test says so.
//! A test that changes a price sets that of a code of its own. Discounts by hand need levels as the default policy says.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock, Mutex};

use guanxi_proto::product_catalog::v1::pricing_service_server::{PricingService, PricingServiceServer};
use guanxi_proto::product_catalog::v1::*;
use guanxi_proto::r#type::v1::Money;
use guanxi_test_support::Running;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// The version of the catalog that everything is priced by.
pub(crate) const VERSION: i64 = 7;

static STAND_IN: LazyLock<Running> = LazyLock::new(|| {
    Running::start(async move |listener, stop| {
        let connections = TcpListenerStream::new(listener);
        let server = Server::builder().add_service(PricingServiceServer::new(Catalog));
        Ok(server.serve_with_incoming_shutdown(connections, stop).await?)
    })
});

/// Accepts connections by its backlog, and says nothing.
static SILENT: LazyLock<TcpListener> = LazyLock::new(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());

static AMOUNTS: LazyLock<Mutex<HashMap<String, &'static str>>> = LazyLock::new(Mutex::default);
static GATES: LazyLock<Mutex<HashMap<String, Gate>>> = LazyLock::new(Mutex::default);
static HEARD: LazyLock<Mutex<HashMap<String, Heard>>> = LazyLock::new(Mutex::default);

/// Where the stand-in listens.
pub(crate) fn address() -> SocketAddr {
    STAND_IN.address
}

/// Where somebody listens who never answers.
pub(crate) fn silent() -> SocketAddr {
    SILENT.local_addr().unwrap()
}

/// Where nobody listens.
pub(crate) fn nowhere() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Sets what one unit of an offering costs once.
pub(crate) fn set_price(code: &str, amount: &'static str) {
    AMOUNTS.lock().unwrap().insert(code.to_owned(), amount);
}

/// The two ends of a call that waits.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// The gate of a code.
    pub(crate) fn of(code: &str) -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        let mut gates = GATES.lock().unwrap();
        gates.entry(code.to_owned()).or_insert_with(|| Self { arrived: closed(), open: closed() }).clone()
    }

    /// Waits until somebody asks for the code.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one call through.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

/// How an offering was asked for last.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) authorization: String,
    pub(crate) timeout: bool,
    pub(crate) profile: AccountProfile,
}

/// How an offering was asked for last.
pub(crate) fn heard(code: &str) -> Heard {
    HEARD.lock().unwrap()[code].clone()
}

struct Catalog;

#[tonic::async_trait]
impl PricingService for Catalog {
    async fn price_quote(&self, request: Request<PriceQuoteRequest>) -> Result<Response<PriceQuoteResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        for line in &asked.lines {
            note(&line.offering_code, &metadata, &asked);
            if line.offering_code.starts_with("GATED") {
                let gate = Gate::of(&line.offering_code);
                gate.arrived.add_permits(1);
                gate.open.acquire().await.unwrap().forget();
            }
        }
        Ok(Response::new(answer(&asked, metadata.get("accept-language").is_some_and(|language| language == "en"))))
    }

    async fn get_catalog_version(
        &self,
        _: Request<GetCatalogVersionRequest>,
    ) -> Result<Response<GetCatalogVersionResponse>, Status> {
        Ok(Response::new(GetCatalogVersionResponse { catalog_version: VERSION }))
    }
}

fn note(code: &str, metadata: &MetadataMap, asked: &PriceQuoteRequest) {
    let heard = Heard {
        authorization: metadata.get("authorization").unwrap().to_str().unwrap().to_owned(),
        timeout: metadata.contains_key("grpc-timeout"),
        profile: asked.profile.clone().unwrap(),
    };
    HEARD.lock().unwrap().insert(code.to_owned(), heard);
}

fn answer(asked: &PriceQuoteRequest, english: bool) -> PriceQuoteResponse {
    let lines: Vec<QuotedLine> = asked.lines.iter().map(|line| quoted(line, &asked.currency_code, english)).collect();
    let mut sums: BTreeMap<i32, [f64; 3]> = BTreeMap::new();
    for charge in lines.iter().flat_map(|line| &line.charges) {
        let sum = sums.entry(charge.charge_kind).or_default();
        let amounts = [&charge.list_amount, &charge.net_amount, &charge.cost_amount];
        for (sum, amount) in sum.iter_mut().zip(amounts) {
            *sum += amount.as_ref().map_or(0.0, |amount| amount.amount.parse().unwrap());
        }
    }
    let total = |(charge_kind, [list, net, cost]): (i32, [f64; 3])| ChargeTotal {
        charge_kind,
        list_amount: Some(money(list, &asked.currency_code)),
        net_amount: Some(money(net, &asked.currency_code)),
        cost_amount: Some(money(cost, &asked.currency_code)),
        margin_percent: "12.34".to_owned(),
    };
    PriceQuoteResponse {
        allowed: lines.iter().all(|line| line.allowed),
        required_level: lines.iter().map(|line| line.required_level).max().unwrap(),
        totals: sums.into_iter().map(total).collect(),
        lines,
        catalog_version: VERSION,
        date: guanxi_grpc::day::of(guanxi_grpc::now()).to_string(),
    }
}

fn quoted(line: &PriceQuoteLine, currency_code: &str, english: bool) -> QuotedLine {
    let discount: f64 = line.manual_discount_percent.parse().unwrap_or_default();
    let level = [5.0, 10.0, 15.0, 25.0, 40.0].iter().position(|most| discount <= *most);
    let said = if english { "It is not sold any more." } else { "已停售。" };
    let retired = line.offering_code.starts_with("RETIRED").then_some("OFFERING_RETIRED");
    let refusals: Vec<LineRefusal> = retired
        .into_iter()
        .chain(level.is_none().then_some("ABOVE_EVERY_AUTHORITY"))
        .map(|reason| LineRefusal { reason: reason.to_owned(), value: String::new(), message: said.to_owned() })
        .collect();
    let (kind, list, cost) = price(line);
    let charge = Charge {
        charge_kind: kind.into(),
        list_amount: Some(money(list, currency_code)),
        net_amount: Some(money(list * (100.0 - discount) / 100.0, currency_code)),
        cost_amount: cost.map(|cost| money(cost, currency_code)),
        floor_amount: Some(money(1.0, currency_code)),
        margin_percent: "12.34".to_owned(),
        ..Default::default()
    };
    QuotedLine {
        offering_code: line.offering_code.clone(),
        version_number: 1,
        allowed: refusals.is_empty(),
        charges: if refusals.is_empty() { vec![charge] } else { Vec::new() },
        required_level: if refusals.is_empty() { i32::try_from(level.unwrap()).unwrap() + 1 } else { 0 },
        refusals,
    }
}

/// The kind of charge, the list amount and the cost of a line.
#[expect(clippy::cast_precision_loss, reason = "quantities of tests are small")]
fn price(line: &PriceQuoteLine) -> (ChargeKind, f64, Option<f64>) {
    let quantity = line.quantity as f64;
    if let Some(amount) = AMOUNTS.lock().unwrap().get(&line.offering_code) {
        return (ChargeKind::OneTime, amount.parse::<f64>().unwrap() * quantity, Some(1.0));
    }
    match line.offering_code.as_str() {
        "CLOUD" => (ChargeKind::OneTime, 1_000.0, Some(400.0)),
        "SERVER" => (ChargeKind::OneTime, 600_000.0 * quantity, Some(100_000.0 * quantity)),
        "GOLD" => (ChargeKind::OneTime, 600_000.0 * quantity, None),
        _ => (ChargeKind::Monthly, 10.0 * quantity, Some(6.0 * quantity)),
    }
}

fn money(amount: f64, currency_code: &str) -> Money {
    Money { currency_code: currency_code.to_owned(), amount: format!("{amount:.2}") }
}
