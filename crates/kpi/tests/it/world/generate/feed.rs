//! What one service tells, in the order in which it happens.

use guanxi_events::NewEvent;
use guanxi_proto::client_registry::v1::{Account, AccountManager, Assignment, Territory};
use guanxi_proto::events::v1::Event;
use guanxi_proto::opportunity_pipeline::v1::{Opportunity, Pipeline, Quote};
use guanxi_proto::product_catalog::v1::Offering;
use prost::Name;
use prost_types::Timestamp;
use time::macros::{datetime, offset};
use time::{Date, Duration, OffsetDateTime};
use uuid::{Builder, Uuid};

use super::random::Random;

/// The first moment of every world.
const FIRST: OffsetDateTime = datetime!(2024-07-01 00:00 UTC);
/// How long a world lasts.
const SECONDS: i64 = 730 * 86_400;
/// Around these seconds of a day one of the days of UTC and of Asia/Shanghai ends.
const MIDNIGHTS: [i64; 2] = [0, 16 * 3_600];

/// The feed of a service while it grows.
pub(super) struct Feed {
    package: &'static str,
    times: std::vec::IntoIter<OffsetDateTime>,
    /// The time of what happens now.
    pub(super) now: OffsetDateTime,
    pub(super) events: Vec<Event>,
}

impl Feed {
    /// A feed in which about so many things happen, spread over the time of the world; every fourth right before or after a midnight.
    pub(super) fn new(package: &'static str, steps: usize, random: &mut Random) -> Self {
        let mut seconds: Vec<i64> = (0..steps)
            .map(|_| {
                let moment = random.between(0, SECONDS);
                if random.chance(75) {
                    return moment;
                }
                moment - moment % 86_400 + *random.pick(&MIDNIGHTS) + random.between(-1, 1)
            })
            .collect();
        seconds.sort_unstable();
        let times: Vec<_> = seconds.into_iter().map(|moment| FIRST + Duration::seconds(moment.max(0))).collect();
        Self { package, times: times.into_iter(), now: FIRST, events: Vec::new() }
    }

    /// Goes on to the next moment.
    pub(super) fn step(&mut self) {
        self.now = self.times.next().unwrap_or(self.now + Duration::MINUTE);
    }

    /// The day in Asia/Shanghai.
    pub(super) fn today(&self) -> Date {
        self.now.to_offset(offset!(+8)).date()
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp { seconds: self.now.unix_timestamp(), nanos: 0 }
    }

    /// Tells of something that happened by a method of the service, for example `AccountService/CreateAccount`.
    pub(super) fn tell(
        &mut self,
        kind: &str,
        method: &str,
        (id, version): (Uuid, i64),
        territory: &str,
        change: &impl Name,
    ) {
        let position = i64::try_from(self.events.len()).unwrap() + 1;
        let (noun, _) = kind.split_once('.').unwrap();
        let package = self.package;
        self.events.push(Event {
            position,
            id: uuid(self.now, position).to_string(),
            source: format!("guanxi/{}", package.replace('_', "-")),
            r#type: format!("guanxi.{package}.v1.{kind}"),
            subject: format!("{noun}/{id}"),
            version,
            time: Some(self.timestamp()),
            actor: "E0001".to_owned(),
            method: format!("guanxi.{package}.v1.{method}"),
            territory_code: territory.to_owned(),
            payload: Some(NewEvent::pack(change)),
            ..Event::default()
        });
    }

    /// Makes something new, with its first version.
    pub(super) fn create<T: Wire>(&self, mut now: T) -> Kept<T> {
        let created = self.timestamp();
        let id = now.created(created);
        now.stamp(created, 1);
        Kept { id, version: 1, now }
    }

    /// Changes something, and gives it as it was.
    pub(super) fn change<T: Wire>(&self, kept: &mut Kept<T>, change: impl FnOnce(&mut T)) -> T {
        let before = kept.now.clone();
        change(&mut kept.now);
        kept.version += 1;
        kept.now.stamp(self.timestamp(), kept.version);
        before
    }
}

/// An id of a moment.
pub(super) fn uuid(time: OffsetDateTime, number: i64) -> Uuid {
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&number.to_be_bytes());
    Builder::from_unix_timestamp_millis(u64::try_from(time.unix_timestamp()).unwrap() * 1_000, &rest).into_uuid()
}

/// An id of somebody or something that is known before it is told of.
pub(super) fn early_uuid(kind: i64, number: usize) -> Uuid {
    uuid(FIRST - Duration::days(kind), i64::try_from(number).unwrap())
}

/// A resource as it is now.
#[derive(Clone)]
pub(super) struct Kept<T> {
    pub(super) id: Uuid,
    pub(super) version: i64,
    pub(super) now: T,
}

impl<T> Kept<T> {
    /// What an event is about.
    pub(super) fn key(&self) -> (Uuid, i64) {
        (self.id, self.version)
    }
}

/// A resource on the wire.
pub(super) trait Wire: Clone {
    /// Notes when it was created, and gives its id.
    fn created(&mut self, time: Timestamp) -> Uuid;
    /// Notes that it changed.
    fn stamp(&mut self, time: Timestamp, version: i64);
}

macro_rules! wire {
    ($($noun:ty),+) => {
        $(impl Wire for $noun {
            fn created(&mut self, time: Timestamp) -> Uuid {
                self.create_time = Some(time);
                self.id.parse().unwrap()
            }

            fn stamp(&mut self, time: Timestamp, version: i64) {
                self.update_time = Some(time);
                self.etag = format!("\"{version}\"");
            }
        })+
    };
}

wire!(Account, AccountManager, Assignment, Territory, Offering, Opportunity, Pipeline, Quote);
