//! Why product-catalog refuses.

use guanxi_grpc::{Reason, Refusal, Violation, Violations};
use guanxi_proto::product_catalog::v1::ErrorReason;
use tonic::Code;

/// A reason that only product-catalog gives.
pub(crate) fn reason(reason: ErrorReason) -> Reason {
    Reason::of("guanxi.product_catalog.v1", reason.as_str_name())
}

/// A refusal for a reason that only product-catalog gives.
pub(crate) fn precondition(own: ErrorReason) -> Refusal {
    Refusal::new(Code::FailedPrecondition, reason(own))
}

/// The refusal to publish what is not ready: it says which fields are wrong, its details each value.
pub(crate) fn not_publishable(wrong: Violations) -> Refusal {
    // `offering.category_codes[0]` → `category_codes`.
    let field = |violation: &Violation| {
        let field = violation.field.split_once('.').map_or(violation.field.as_str(), |(_, field)| field);
        field.split('[').next().unwrap_or(field).to_owned()
    };
    let mut fields: Vec<String> = wrong.clone().into_inner().iter().map(field).collect();
    fields.dedup();
    precondition(ErrorReason::NotPublishable).with("missing", fields.join(", ")).naming(wrong)
}
