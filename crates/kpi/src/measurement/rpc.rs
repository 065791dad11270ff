//! The method.

use guanxi_grpc::Call;
use guanxi_proto::kpi::v1::measurement_service_server::MeasurementService;
use guanxi_proto::kpi::v1::{ImportMeasurementsRequest, ImportMeasurementsResponse};
use guanxi_resource::Resources;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Takes measurements in.
#[derive(Clone)]
pub(crate) struct MeasurementRpc {
    pub(super) resources: Resources,
}

impl MeasurementRpc {
    pub(crate) fn new(resources: Resources) -> Self {
        Self { resources }
    }
}

#[tonic::async_trait]
impl MeasurementService for MeasurementRpc {
    type ImportMeasurementsStream = ReceiverStream<Result<ImportMeasurementsResponse, Status>>;

    async fn import_measurements(
        &self,
        request: Request<Streaming<ImportMeasurementsRequest>>,
    ) -> Result<Response<Self::ImportMeasurementsStream>, Status> {
        let (call, stream) = Call::open(request)?;
        Ok(Response::new(guanxi_resource::import(self.resources.clone(), self.clone(), &call, stream)))
    }
}
