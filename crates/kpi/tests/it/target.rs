//! Targets: what is refused, how they are split, and what a lock holds.

use guanxi_auth::Role;
use guanxi_proto::kpi::v1::decompose_target_request::Method;
use guanxi_proto::kpi::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::{rows, with_token};
use tonic::{Code, Status};

use crate::support::{Service, indicator, named, reason, target, violations};

fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), reason(&status))
}

fn failed(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

impl Service {
    async fn split(&self, id: &str, method: Method) -> Result<Vec<Target>, Status> {
        let request = DecomposeTargetRequest { id: id.to_owned(), method: Some(method), ..Default::default() };
        Ok(self.targets().decompose_target(self.as_admin(request)).await?.into_inner().parts)
    }

    async fn set_value(&self, id: &str, value: &str) -> Result<Target, Status> {
        let target = Target { id: id.to_owned(), value: value.to_owned(), ..Default::default() };
        let request = UpdateTargetRequest { target: Some(target), ..Default::default() };
        Ok(self.targets().update_target(self.as_admin(request)).await?.into_inner().target.unwrap())
    }

    async fn lock(&self, id: &str) -> Result<Target, Status> {
        let request = LockTargetRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.targets().lock_target(self.as_admin(request)).await?.into_inner().target.unwrap())
    }

    async fn unlock(&self, token: &str, id: &str) -> Result<Target, Status> {
        let request = UnlockTargetRequest { id: id.to_owned(), reason: "调整".to_owned(), ..Default::default() };
        Ok(self.targets().unlock_target(with_token(request, token)).await?.into_inner().target.unwrap())
    }

    async fn delete(&self, id: &str) -> Result<Target, Status> {
        let request = DeleteTargetRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.targets().delete_target(self.as_admin(request)).await?.into_inner().target.unwrap())
    }

    async fn read(&self, id: &str) -> Target {
        let request = self.as_admin(GetTargetRequest { id: id.to_owned() });
        self.targets().get_target(request).await.unwrap().into_inner().target.unwrap()
    }

    /// A target of the country, split over the provinces and the cities.
    async fn tree(&self, value: &str, halves: [&str; 2]) -> [Target; 3] {
        let country = self.target(target("won-value", "CN", value)).await.unwrap();
        let parts = self.decompose(&country.id, &[("330000", halves[0]), ("440000", halves[1])]).await.unwrap();
        let city = self.decompose(&parts[1].id, &[(INSIDE.city, halves[1])]).await.unwrap().remove(0);
        [country, self.read(&parts[1].id).await, city]
    }
}

fn shares(parts: &[(&str, &str)]) -> Method {
    let part = |(territory, percent): &(&str, &str)| TargetShare {
        territory_code: (*territory).to_owned(),
        percent: (*percent).to_owned(),
    };
    Method::Share(TargetShares { parts: parts.iter().map(part).collect() })
}

#[tokio::test]
async fn a_target_that_cannot_be_is_refused_with_all_that_is_wrong() {
    let service = Service::start().await;
    let city = || target("won-value", INSIDE.city, "100");
    for (sent, expected) in [
        (Target { period: "2026-13".to_owned(), ..city() }, vec![("target.period", "PERIOD_UNKNOWN")]),
        (Target { currency_code: String::new(), ..city() }, vec![("target.currency_code", "TARGET_CURRENCY_UNFIT")]),
        (target("opportunities-won", INSIDE.city, "1"), vec![("target.currency_code", "TARGET_CURRENCY_UNFIT")]),
        (Target { currency_code: "XXX".to_owned(), ..city() }, vec![("target.currency_code", "UNKNOWN_VALUE")]),
        (Target { value: "1.005".to_owned(), ..city() }, vec![("target.value", "FORMAT")]),
        (
            Target { value: "-1".to_owned(), period: String::new(), ..city() },
            vec![("target.period", "REQUIRED"), ("target.value", "OUT_OF_RANGE")],
        ),
    ] {
        let status = service.target(sent).await.unwrap_err();
        assert_eq!((status.code(), violations(&status)), (Code::InvalidArgument, named(&expected)));
    }
    let not_found = (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned());
    assert_eq!(refused(service.target(target("nothing", INSIDE.city, "1")).await), not_found);
    assert_eq!(refused(service.target(target("won-value", "999999", "1")).await), not_found);

    service.target(city()).await.unwrap();
    let exists = (Code::AlreadyExists, "RESOURCE_EXISTS".to_owned());
    assert_eq!(refused(service.target(Target { value: "7".to_owned(), ..city() }).await), exists);
    service.target(Target { currency_code: "USD".to_owned(), ..city() }).await.unwrap();

    let id = service.indicator(indicator("mine")).await.unwrap().id;
    let mine = service.target(target("mine", INSIDE.city, "5")).await.unwrap();
    let request = DeleteIndicatorRequest { id, ..Default::default() };
    service.indicators().delete_indicator(service.as_admin(request)).await.unwrap();
    assert_eq!(refused(service.target(target("mine", INSIDE.county, "5")).await), failed("STATE_FORBIDS"));
    assert_eq!(refused(service.set_value(&mine.id, "6").await), failed("STATE_FORBIDS"));
}

#[tokio::test]
async fn what_is_fixed_stays_and_each_value_is_a_version() {
    let service = Service::start().await;
    let made = service.target(target("won-value", INSIDE.city, "100")).await.unwrap();
    let sent = Target { value: "120.50".to_owned(), note: "调整".to_owned(), ..made.clone() };
    let request = UpdateTargetRequest { target: Some(sent), ..Default::default() };
    let changed =
        service.targets().update_target(service.as_admin(request)).await.unwrap().into_inner().target.unwrap();
    assert_eq!((changed.value.as_str(), changed.version_number, changed.note.as_str()), ("120.5", 2, "调整"));
    let moved = Target { period: "2027".to_owned(), etag: String::new(), ..changed };
    let request = UpdateTargetRequest { target: Some(moved), ..Default::default() };
    let status = service.targets().update_target(service.as_admin(request)).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("target.period", "IMMUTABLE")]));
}

#[tokio::test]
async fn a_split_that_does_not_add_up_is_refused() {
    let service = Service::start().await;
    let country = service.target(target("won-value", "CN", "100")).await.unwrap();
    let status = service.decompose(&country.id, &[("440000", "60"), ("330100", "30")]).await.unwrap_err();
    let expected = [
        ("hand.parts[1].territory_code", "TARGET_PART_UNFIT"),
        ("hand.parts", "TARGET_PART_MISSING"),
        ("hand.parts", "TARGET_NOT_ADDING_UP"),
    ];
    assert_eq!(violations(&status), named(&expected));
    let status = service.split(&country.id, shares(&[("440000", "60"), ("330000", "39.99")])).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("share.parts", "TARGET_NOT_ADDING_UP")]));
    let twice = shares(&[("440000", "50"), ("440000", "50")]);
    let status = service.split(&country.id, twice).await.unwrap_err();
    assert_eq!(violations(&status), named(&[("share.parts[1]", "DUPLICATE")]));
    let before = Method::History(TargetHistory::default());
    assert_eq!(refused(service.split(&country.id, before).await), failed("TARGET_WITHOUT_HISTORY"));

    let lowest = service.target(target("won-value", INSIDE.county, "1")).await.unwrap();
    assert_eq!(refused(service.decompose(&lowest.id, &[]).await), failed("TARGET_WITHOUT_PARTS"));
    let rate = Target { currency_code: String::new(), ..target("win-rate", "CN", "0.4") };
    let rate = service.target(rate).await.unwrap();
    let halves = [("440000", "0.2"), ("330000", "0.2")];
    assert_eq!(refused(service.decompose(&rate.id, &halves).await), failed("TARGET_NOT_DIVISIBLE"));
}

#[tokio::test]
async fn a_new_value_goes_down_the_tree_and_a_part_has_none_of_its_own() {
    let service = Service::start().await;
    let [country, province, city] = service.tree("100", ["40", "60"]).await;
    assert_eq!((&city.parent_target_id, &city.value), (&province.id, &"60".to_owned()));
    assert_eq!(refused(service.set_value(&province.id, "70").await), failed("TARGET_HAS_PARENT"));
    assert_eq!(refused(service.delete(&province.id).await), failed("TARGET_HAS_PARENT"));
    service.set_value(&country.id, "0.05").await.unwrap();
    let values = [service.read(&province.id).await, service.read(&city.id).await].map(|target| target.value);
    assert_eq!(values, ["0.03", "0.03"]);
    let parts = service.split(&country.id, shares(&[("330000", "50"), ("440000", "50")])).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>(), ["0.03", "0.02"]);
    assert_eq!(service.read(&city.id).await.value, "0.02");

    service.delete(&country.id).await.unwrap();
    assert_eq!(service.read(&city.id).await.state(), TargetState::Deleted);
    let undelete = async |id: &str| {
        let request = UndeleteTargetRequest { id: id.to_owned(), ..Default::default() };
        service.targets().undelete_target(service.as_admin(request)).await
    };
    assert_eq!(refused(undelete(&city.id).await), failed("TARGET_HAS_PARENT"));
    undelete(&country.id).await.unwrap();
    assert_eq!(service.read(&province.id).await.state(), TargetState::Deleted);
    let again = service.decompose(&country.id, &[("330000", "0.05"), ("440000", "0")]).await.unwrap();
    assert_eq!(again.len(), 2);
}

#[tokio::test]
async fn a_lock_holds_below_and_is_opened_from_above() {
    let service = Service::start().await;
    let [country, province, city] = service.tree("100", ["40", "60"]).await;
    service.lock(&province.id).await.unwrap();
    assert_eq!(service.read(&city.id).await.state(), TargetState::Locked);
    assert_eq!(refused(service.lock(&province.id).await), failed("STATE_FORBIDS"));
    let locked = failed("TARGET_LOCKED");
    assert_eq!(refused(service.decompose(&province.id, &[(INSIDE.city, "60")]).await), locked);
    assert_eq!(refused(service.decompose(&country.id, &[("330000", "50"), ("440000", "50")]).await), locked);
    assert_eq!(refused(service.set_value(&country.id, "200").await), locked);
    assert_eq!(refused(service.delete(&country.id).await), locked);
    assert_eq!(refused(service.unlock(&service.admin, &city.id).await), locked);

    let measured = service.token(Role::Administrator, "440000");
    let forbidden = (Code::PermissionDenied, "TARGET_UNLOCK_FROM_ABOVE".to_owned());
    assert_eq!(refused(service.unlock(&measured, &province.id).await), forbidden);
    assert_eq!(service.read(&province.id).await.value, "60", "nothing of it was done");
    service.unlock(&service.admin, &province.id).await.unwrap();
    assert_eq!(service.read(&city.id).await.state(), TargetState::Open);
    service.lock(&city.id).await.unwrap();
    service.unlock(&measured, &city.id).await.unwrap();
}

#[tokio::test]
async fn splits_at_once_come_one_after_the_other() {
    let service = Service::start().await;
    let [country, _, city] = service.tree("100", ["40", "60"]).await;
    let splits = (0..12).map(|round: i32| {
        let (service, id) = (&service, &country.id);
        async move {
            let (one, other) = (round.to_string(), (100 - round).to_string());
            match round % 3 {
                0 => service.set_value(id, "100").await.map(|_| ()),
                _ => service.decompose(id, &[("330000", &one), ("440000", &other)]).await.map(|_| ()),
            }
        }
    });
    let lock = service.lock(&city.id);
    let (outcomes, locked) = futures_util::future::join(futures_util::future::join_all(splits), lock).await;
    locked.unwrap();
    for outcome in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&outcome), "TARGET_LOCKED");
    }
    let mut owner = service.database.admin().await;
    let sums = "select count(*)::bigint from kpi.target parent where exists (select from kpi.target part where part.parent_target_id = parent.id) \
        and value <> (select sum(value) from kpi.target part where part.parent_target_id = parent.id)";
    let wrong: i64 = sqlx::Row::get(&rows(&mut owner, sums.to_owned()).await[0], 0);
    assert_eq!(wrong, 0);
}
