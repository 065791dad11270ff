//! Why opportunity-pipeline refuses.

use guanxi_grpc::Reason;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;

/// A reason that only opportunity-pipeline gives.
pub(crate) fn reason(reason: ErrorReason) -> Reason {
    Reason::of("guanxi.opportunity_pipeline.v1", reason.as_str_name())
}
