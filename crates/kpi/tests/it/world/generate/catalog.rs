//! What product-catalog tells: offerings in versions.

use guanxi_proto::events::v1::Event;
use guanxi_proto::product_catalog::v1::{Offering, OfferingChange, OfferingState};
use guanxi_proto::r#type::v1::LocalizedText;

use super::Cast;
use super::feed::{Feed, Kept, uuid};
use super::random::Random;

pub(super) fn feed(random: &mut Random, cast: &Cast) -> Vec<Event> {
    let codes = &cast.offerings[..cast.offerings.len() - 1];
    let mut feed = Feed::new("product_catalog", 14 * codes.len(), random);
    let mut versions: Vec<Kept<Offering>> = Vec::new();
    for code in codes {
        feed.step();
        draft(&mut feed, &mut versions, code);
        alter(&mut feed, &mut versions, (0, "published"), random, publish);
    }
    for _ in 0..12 * codes.len() {
        feed.step();
        match random.between(0, 9) {
            0..=2 => {
                let code = random.pick(codes);
                draft(&mut feed, &mut versions, code);
            }
            3..=4 => alter(&mut feed, &mut versions, (0, "published"), random, publish),
            5..=6 => alter(&mut feed, &mut versions, (0, "updated"), random, |offering, _| {
                offering.name = Some(LocalizedText { zh: format!("{}新名", offering.code), en: String::new() });
            }),
            7 => alter(&mut feed, &mut versions, (1, "retired"), random, |offering, now| {
                offering.state = OfferingState::Retired.into();
                offering.retire_time = Some(now);
            }),
            8 => alter(&mut feed, &mut versions, (0, "deleted"), random, |offering, now| {
                offering.delete_time = Some(now);
            }),
            _ => alter(&mut feed, &mut versions, (2, "undeleted"), random, |offering, _| offering.delete_time = None),
        }
    }
    feed.events
}

fn publish(offering: &mut Offering, now: prost_types::Timestamp) {
    offering.state = OfferingState::Published.into();
    offering.publish_time = Some(now);
}

/// A draft of the next version of a code, under a name of its own.
fn draft(feed: &mut Feed, versions: &mut Vec<Kept<Offering>>, code: &String) {
    let earlier = versions.iter().filter(|version| version.now.code == *code).count();
    let version_number = i32::try_from(earlier).unwrap() + 1;
    let new = feed.create(Offering {
        id: uuid(feed.now, i64::try_from(versions.len()).unwrap()).to_string(),
        code: code.clone(),
        version_number,
        state: OfferingState::Draft.into(),
        name: Some(LocalizedText { zh: format!("{code}第{version_number}版"), en: code.clone() }),
        ..Offering::default()
    });
    tell(feed, "created", None, &new);
    versions.push(new);
}

/// Changes a version that is a draft (0), published (1) or deleted (2), if there is one.
fn alter(
    feed: &mut Feed,
    versions: &mut [Kept<Offering>],
    (wanted, what): (u8, &str),
    random: &mut Random,
    change: impl FnOnce(&mut Offering, prost_types::Timestamp),
) {
    let stands = |offering: &Offering| match (offering.delete_time, offering.state()) {
        (Some(_), _) => 2,
        (None, OfferingState::Published) => 1,
        (None, OfferingState::Draft) => 0,
        _ => 3,
    };
    let mut fits: Vec<&mut Kept<Offering>> = versions.iter_mut().filter(|each| stands(&each.now) == wanted).collect();
    if fits.is_empty() {
        return;
    }
    let index = random.index(fits.len());
    let (version, now) = (&mut *fits[index], feed.timestamp());
    let before = feed.change(version, |offering| change(offering, now));
    tell(feed, what, Some(before), version);
}

fn tell(feed: &mut Feed, what: &str, before: Option<Offering>, version: &Kept<Offering>) {
    let method = match what {
        "created" => "OfferingService/CreateOffering",
        "published" => "OfferingService/PublishOffering",
        "updated" => "OfferingService/UpdateOffering",
        "retired" => "OfferingService/RetireOffering",
        "deleted" => "OfferingService/DeleteOffering",
        _ => "OfferingService/UndeleteOffering",
    };
    let change = OfferingChange { before, after: Some(version.now.clone()) };
    feed.tell(&format!("offering.{what}"), method, version.key(), "", &change);
}
