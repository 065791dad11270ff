//! Every published reason is provoked by a test, with the code that its comment promises.

use guanxi_proto::events::v1::FollowRequest;
use guanxi_test_support::contract::reasons::{self, Provoked};
use guanxi_test_support::contract::{Subject, identity, strain};
use guanxi_test_support::with_token;
use tonic::Code;

use crate::refused::World;
use crate::support::{Service, metadata, rows};
use crate::{bad_account, bad_assignment, bad_bytes, bad_import, bad_input};

/// Reasons that no test provokes, and why.
const NEVER: [(&str, &str); 2] =
    [("UNSPECIFIED", "is never sent"), ("CANCELLED", "is for the log: whoever gave up reads no answer")];
const LOST: (Code, &str) = (Code::DataLoss, "EVENTS_MISSING");

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
    provoked.refusals(&[LOST]);
    provoked
}

#[test]
fn every_published_reason_is_provoked_as_its_comment_says() {
    reasons::check(Service::PACKAGE, true, &provoked(), &NEVER);
}

#[tokio::test]
async fn a_feed_ends_where_events_are_missing() {
    let mut service = Service::with_tree().await;
    service.stop();
    let delete = "delete from client_registry.event where position in (3, 4)";
    rows(&mut service.database.admin().await, delete).await;
    service.restart();
    for tag in ["zh-CN", "en"] {
        let mut request = with_token(FollowRequest { after_position: 1, types: Vec::new() }, &service.admin);
        request.metadata_mut().insert("accept-language", tag.parse().unwrap());
        let mut stream = service.feed().follow(request).await.unwrap().into_inner();
        assert_eq!(stream.message().await.unwrap().unwrap().checked_position, 2, "what precedes them is good");
        let status = stream.message().await.unwrap_err();
        strain::check(&status, LOST, tag);
        assert_eq!(
            (metadata(&status, "after").unwrap(), metadata(&status, "found").unwrap()),
            ("2".into(), "5".into())
        );
    }
}
