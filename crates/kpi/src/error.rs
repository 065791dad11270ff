//! Why kpi refuses.

use guanxi_grpc::Reason;
use guanxi_proto::kpi::v1::ErrorReason;

/// A reason that only kpi gives.
pub(crate) fn reason(reason: ErrorReason) -> Reason {
    Reason::of("guanxi.kpi.v1", reason.as_str_name())
}
