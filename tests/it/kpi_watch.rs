//! Figures that are watched.

use std::time::{Duration, Instant};

use guanxi_auth::Role;
use guanxi_proto::kpi::v1::FigureDimension::{Territory, Unspecified};
use guanxi_proto::kpi::v1::indicator_service_client::IndicatorServiceClient;
use guanxi_proto::kpi::v1::{FigureQuestion, WatchIndicatorRequest, WatchIndicatorResponse};
use guanxi_test_support::with_token;
use tonic::{Code, Streaming};

use crate::agency::{Known, question};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(20);

impl Known {
    async fn watch(&self, territory: &str, question: FigureQuestion) -> Watcher {
        self.agency.settle(&self.agency.cluster.kpi).await;
        let token = self.agency.cluster.token(Role::Supervisor, territory);
        let request = WatchIndicatorRequest { question: Some(question) };
        let mut indicators = IndicatorServiceClient::new(self.agency.cluster.kpi.channel());
        Watcher(indicators.watch_indicator(with_token(request, &token)).await.unwrap().into_inner())
    }
}

struct Watcher(Streaming<WatchIndicatorResponse>);

impl Watcher {
    /// Keys and values of the next answer.
    async fn next(&mut self) -> Vec<(String, String)> {
        let answer = tokio::time::timeout(SOON, self.0.message()).await.unwrap().unwrap().unwrap();
        answer.figures.into_iter().map(|figure| (figure.key, figure.value)).collect()
    }

    async fn assert_next(&mut self, expected: &[(&str, &str)]) {
        let next = self.next().await;
        let next: Vec<_> = next.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(next, expected);
    }

    /// Reads on until an answer is as expected; what comes before it is an answer of its moment.
    async fn await_next(&mut self, expected: &[(&str, &str)]) {
        loop {
            let next = self.next().await;
            let next: Vec<_> = next.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            if next == expected {
                return;
            }
            // What is not that of its moment makes a rest that is less than nothing.
            assert!(next.iter().all(|(_, value)| !value.starts_with('-')), "{next:?}");
        }
    }
}

#[tokio::test]
async fn watchers_hear_of_what_changes_for_them() {
    let known = Known::open().await;
    let (agency, deals) = (&known.agency, &known.deals);
    let mut here = known.watch("44", question("won-value", Unspecified)).await;
    let mut there = known.watch("33", question("won-value", Unspecified)).await;
    here.assert_next(&[("", "1800")]).await;
    there.assert_next(&[("", "700")]).await;

    agency.win(&deals[2], "3000").await.unwrap();
    let changed = Instant::now();
    here.assert_next(&[("", "4800")]).await;
    assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    // Had the other one been told something meanwhile, that would come first.
    agency.settle(&agency.cluster.kpi).await;
    agency.delete(&deals[4]).await.unwrap();
    there.assert_next(&[]).await;
    agency.undelete(&deals[4]).await.unwrap();
    there.assert_next(&[("", "700")]).await;
    agency.settle(&agency.cluster.kpi).await;
    agency.win(&deals[3], "").await.unwrap();
    here.assert_next(&[("", "7200")]).await;

    agency.cluster.kpi.signal("-TERM");
    for Watcher(stream) in [&mut here, &mut there] {
        let end = tokio::time::timeout(SOON, stream.message()).await.unwrap();
        assert!(
            matches!(&end, Ok(None)) || end.as_ref().is_err_and(|status| status.code() == Code::Unavailable),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn watchers_hear_of_territories_that_move() {
    let known = Known::open().await;
    let mut province = known.watch("44", question("opportunities-opened", Territory)).await;
    let mut city = known.watch("4403", question("opportunities-opened", Unspecified)).await;
    province.assert_next(&[("4401", "2"), ("4403", "2")]).await;
    city.assert_next(&[("", "2")]).await;
    for (to, seen) in [("33", [("4401", "2")].as_slice()), ("44", &[("4401", "2"), ("4403", "2")])] {
        known.agency.cluster.planner().relocate("4403", to).await.unwrap();
        province.await_next(seen).await;
    }
    known.agency.deal("", &known.managers[0], "100").await;
    city.await_next(&[("", "3")]).await;
    province.await_next(&[("4401", "2"), ("4403", "3")]).await;
}
