//! An OTLP collector that keeps what it is sent.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, NumberDataPoint, ResourceMetrics, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};

/// A collector on a port of its own, for as long as the test's runtime lives.
pub struct Collector {
    /// Its address, as `--otlp-endpoint` takes it.
    pub url: String,
    received: Received,
}

#[derive(Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<ResourceSpans>>>,
    metrics: Arc<Mutex<Vec<ResourceMetrics>>>,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let server = Server::builder()
            .add_service(TraceServiceServer::new(received.clone()))
            .add_service(MetricsServiceServer::new(received.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Self { url, received }
    }

    /// Every span that arrived.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let received = self.received.spans.lock().unwrap();
        received.iter().flat_map(|each| &each.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The attributes of the process that sent the first spans.
    #[must_use]
    pub fn resource(&self) -> Vec<KeyValue> {
        self.received.spans.lock().unwrap()[0].resource.clone().unwrap().attributes
    }

    /// The points of a histogram, as they arrived last.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Vec<HistogramDataPoint> {
        match self.metric(name) {
            Data::Histogram(data) => data.data_points,
            other => panic!("not a histogram: {other:?}"),
        }
    }

    /// Values and attributes of a gauge or counter, as they arrived last.
    #[must_use]
    pub fn numbers(&self, name: &str) -> Vec<(i64, Vec<KeyValue>)> {
        let points = match self.metric(name) {
            Data::Gauge(data) => data.data_points,
            Data::Sum(data) => data.data_points,
            other => panic!("not numbers: {other:?}"),
        };
        points.into_iter().map(|point| (integer(&point), point.attributes)).collect()
    }

    /// True once a metric has arrived.
    #[must_use]
    pub fn has_metric(&self, name: &str) -> bool {
        let received = self.received.metrics.lock().unwrap();
        received
            .iter()
            .flat_map(|each| &each.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .any(|metric| metric.name == name)
    }

    fn metric(&self, name: &str) -> Data {
        let received = self.received.metrics.lock().unwrap();
        let mut metrics = received.iter().flat_map(|each| &each.scope_metrics).flat_map(|scope| &scope.metrics);
        metrics.rfind(|metric| metric.name == name).unwrap().data.clone().unwrap()
    }
}

/// The value of a text attribute; empty if it is missing.
#[must_use]
pub fn text<'a>(attributes: &'a [KeyValue], name: &str) -> &'a str {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text,
        _ => "",
    }
}

fn integer(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => value,
        other => panic!("not an integer: {other:?}"),
    }
}

#[async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.spans.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(Response::new(<_>::default()))
    }
}

#[async_trait]
impl MetricsService for Received {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().unwrap().extend(request.into_inner().resource_metrics);
        Ok(Response::new(<_>::default()))
    }
}
