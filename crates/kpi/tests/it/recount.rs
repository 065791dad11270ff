//! Every figure equals a recount that shares no code with it, whatever order the feeds come in, and whatever is killed.

use std::collections::BTreeSet;

use guanxi_proto::kpi::v1::{FigureDimension, FigureQuestion};
use rust_decimal::Decimal;
use time::{Date, Duration};

use crate::following::Following;
use crate::world::generate::World;
use crate::world::recount::{By, Figures, Question, Recount, indicators};

/// Numbers that follow from a seed: xorshift (Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}

fn dimension(by: Option<By>) -> FigureDimension {
    match by {
        None => FigureDimension::Unspecified,
        Some(By::Territory) => FigureDimension::Territory,
        Some(By::Manager) => FigureDimension::Manager,
        Some(By::Account) => FigureDimension::Account,
        Some(By::Offering) => FigureDimension::Offering,
        Some(By::Stage) => FigureDimension::Stage,
        Some(By::Tier) => FigureDimension::Tier,
        Some(By::Industry) => FigureDimension::Industry,
        Some(By::Month) => FigureDimension::Month,
        Some(By::Quarter) => FigureDimension::Quarter,
        Some(By::Year) => FigureDimension::Year,
    }
}

fn asked(question: &Question) -> FigureQuestion {
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    FigureQuestion {
        indicator_code: question.indicator.to_owned(),
        by: dimension(question.by).into(),
        territory_code: question.territory.clone().unwrap_or_default(),
        from_date: day(question.from),
        to_date: day(question.to),
        ..Default::default()
    }
}

async fn answered(kpi: &Following, question: &Question) -> Figures {
    let figures = kpi.figures(asked(question)).await.into_iter();
    figures.map(|figure| ((figure.key, figure.currency_code), figure.value.parse::<Decimal>().ok())).collect()
}

/// What two answers differ in, a line each: found, and recounted.
fn differing(found: &Figures, expected: &Figures) -> Vec<String> {
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let text = |figures: &Figures, key: &(String, String)| match figures.get(key) {
        Some(Some(value)) => value.to_string(),
        Some(None) => "no value".to_owned(),
        None => "no row".to_owned(),
    };
    let differs = keys.into_iter().filter(|key| found.get(key) != expected.get(key));
    differs.map(|key| format!("{key:?}: {} instead of {}", text(found, key), text(expected, key))).collect()
}

/// Asks everything once without a range, and many questions at random, and compares.
async fn compare(kpi: &Following, world: &World, chance: &mut Chance, questions: usize) {
    let (recount, today) = (Recount::of(world), guanxi_grpc::day::of(guanxi_grpc::now()));
    let territories: Vec<String> = recount.territories().cloned().collect();
    let every_by: Vec<Option<By>> = By::ALL.into_iter().map(Some).chain([None]).collect();
    let mut all: Vec<Question> = Vec::new();
    for indicator in indicators() {
        let whole = |by: &Option<By>| Question { indicator, by: *by, territory: None, from: None, to: None };
        all.extend(every_by.iter().map(whole));
    }
    let indicators: Vec<&'static str> = indicators().collect();
    for _ in 0..questions {
        let first = today - Duration::days(i64::try_from(chance.below(900)).unwrap());
        let last = first + Duration::days(i64::try_from(chance.below(400)).unwrap());
        let month = |day: Date| day.replace_day(1).unwrap();
        let (from, to) = match chance.below(5) {
            0 => (Some(first), Some(last)),
            1 => (Some(month(first)), Some(month(last + Duration::days(40)) - Duration::DAY)),
            2 => (None, Some(first)),
            3 => (Some(first), None),
            _ => (None, None),
        };
        let territory = (chance.below(3) > 0).then(|| chance.pick(&territories).clone());
        all.push(Question {
            indicator: indicators[chance.below(indicators.len())],
            by: *chance.pick(&every_by),
            territory,
            from,
            to,
        });
    }
    let mut wrong = Vec::new();
    for question in all {
        let (found, expected) = (answered(kpi, &question).await, recount.answer(&question, today));
        let differing = differing(&found, &expected);
        if let Some(first) = differing.first() {
            wrong.push(format!("{question:?}: {} rows, {first}", differing.len()));
        }
    }
    assert!(wrong.is_empty(), "{} questions: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

#[tokio::test]
async fn every_figure_equals_a_recount() {
    let world = World::new(1, 300);
    let mut kpi = Following::prepare(&world).await;
    kpi.start();
    for feed in &kpi.feeds {
        feed.release_all();
    }
    kpi.catch_up().await;
    compare(&kpi, &world, &mut Chance(88_172_645_463_325_252), 400).await;
}

#[tokio::test]
async fn no_order_and_no_kill_makes_another_figure() {
    for seed in [2, 3] {
        let world = World::new(seed, 150);
        let lengths = [world.registry.len(), world.catalog.len(), world.pipeline.len()];
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ seed);
        let mut kpi = Following::prepare(&world).await;
        let mut released = [0; 3];
        while released != lengths {
            let source = chance.below(3);
            let further = 1 + chance.below(lengths[source] / 6 + 1);
            released[source] = (released[source] + further).min(lengths[source]);
            kpi.feeds[source].release(released[source]);
            match chance.below(5) {
                0 => kpi.kill(),
                1 => kpi.feeds[source].cut(),
                _ => kpi.start(),
            }
        }
        kpi.start();
        let beside = kpi.another();
        kpi.catch_up().await;
        compare(&kpi, &world, &mut chance, 100).await;
        beside.end();

        // Another one gets everything at once, each feed wholly before the next, opportunities first.
        let mut last = Following::prepare(&world).await;
        last.start();
        for source in [2, 0, 1] {
            last.feeds[source].release_all();
            last.catch_up().await;
        }
        let (one, other) = (kpi.derived().await, last.derived().await);
        let only = |these: &[(String, String)], those: &[(String, String)]| -> Vec<(String, String)> {
            these.iter().filter(|row| !those.contains(row)).take(5).cloned().collect()
        };
        assert!(one == other, "seed {seed}: {:#?} {:#?}", only(&one, &other), only(&other, &one));
    }
}
