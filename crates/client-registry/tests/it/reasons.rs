//! Every published reason is provoked by a test, with the code that its comment promises.

use guanxi_test_support::contract::reasons::{self, Provoked};
use guanxi_test_support::contract::{Subject, identity, strain};

use crate::refused::World;
use crate::support::Service;
use crate::{bad_account, bad_assignment, bad_bytes, bad_import, bad_input};

/// Reasons that no test provokes, and why.
const NEVER: [(&str, &str); 2] =
    [("UNSPECIFIED", "is never sent"), ("CANCELLED", "is for the log: whoever gave up reads no answer")];

/// What the tests expect, and therefore provoke.
fn provoked() -> Provoked {
    let mut provoked = Provoked::default();
    let world = World::of_words();
    provoked.cases(&bad_account::cases(&world));
    provoked.cases(&bad_assignment::cases(&world));
    provoked.cases(&bad_input::cases(&world));
    for reason in bad_import::cases(&world).iter().flat_map(bad_import::Case::reasons) {
        provoked.row(reason);
    }
    provoked.refusals(&bad_bytes::REASONS);
    provoked.refusals(&identity::REASONS);
    provoked.refusals(&strain::REASONS);
    provoked
}

#[test]
fn every_published_reason_is_provoked_as_its_comment_says() {
    reasons::check(Service::PACKAGE, true, &provoked(), &NEVER);
}
