//! Calls that change the catalog, which belongs to the whole operator.

use guanxi_grpc::{Call, Refusal};
use guanxi_proto::product_catalog::v1::ErrorReason;
use guanxi_resource::{Error, Resources};
use tonic::{Code, Request};

use crate::error::reason;

/// Opens a call that changes the catalog: its caller must have the permission for every root of the tree.
pub(crate) fn open<T>(resources: &Resources, request: Request<T>) -> Result<(Call, T), Error> {
    let (call, request) = Call::open(request)?;
    if resources.holds_everywhere(&call) {
        return Ok((call, request));
    }
    Err(Refusal::new(Code::PermissionDenied, reason(ErrorReason::CatalogIsOperatorWide)).into())
}
