//! What a caller sees of opportunities and of what hangs at them.

use guanxi_auth::permission::OPPORTUNITY_READ_ALL;
use guanxi_grpc::Call;
use guanxi_resource::{Resources, Sight};

/// What lies in the caller's territories; who may not see all of it sees what it owns or works on in a team.
pub(crate) fn of(resources: &Resources, call: &Call) -> Sight {
    Sight::of(call, "", resources.paths()).or_own(call, OPPORTUNITY_READ_ALL, resources.paths())
}
