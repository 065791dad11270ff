//! The tree of territories, and what becomes of it.

use guanxi_proto::client_registry::v1::{Territory, TerritoryChange};
use guanxi_proto::r#type::v1::LocalizedText;

use super::feed::{Feed, Kept, early_uuid};
use super::random::Random;

const LEVELS: [&str; 5] = ["HEADQUARTERS", "PROVINCE", "CITY", "COUNTY", "GRID"];

/// Codes with the place of their level and the code of their parent, parents first. Those that begin with `LATE` come later, those that begin
/// with `EMPTY` go again.
fn plan() -> Vec<(String, usize, String)> {
    let mut plan = vec![("CN".to_owned(), 0, String::new())];
    for province in 1..=3 {
        let province = format!("P{province}");
        plan.push((province.clone(), 1, "CN".to_owned()));
        for city in 1..=3 {
            let city = format!("{province}C{city}");
            plan.push((city.clone(), 2, province.clone()));
            // Every level but the first may be skipped.
            plan.push((format!("{city}G"), 4, city.clone()));
            for county in 1..=2 {
                let county = format!("{city}D{county}");
                plan.push((county.clone(), 3, city.clone()));
                plan.push((format!("{county}G1"), 4, county.clone()));
            }
        }
    }
    for number in 1..=6 {
        plan.push((format!("LATE{number}"), 4, format!("P{}C{}D1", number % 3 + 1, number % 2 + 1)));
        plan.push((format!("EMPTY{number}"), 3, format!("P{}C{}", number % 3 + 1, number % 2 + 1)));
    }
    plan
}

/// The codes of all territories that there ever are.
pub(super) fn codes() -> Vec<String> {
    plan().into_iter().map(|(code, ..)| code).collect()
}

/// The territories that there are now.
pub(super) struct Territories {
    live: Vec<Kept<Territory>>,
    late: Vec<(String, usize, String)>,
}

impl Territories {
    /// Tells of everything that is there from the beginning.
    pub(super) fn new(feed: &mut Feed) -> Self {
        let (late, early): (Vec<_>, Vec<_>) = plan().into_iter().partition(|(code, ..)| code.starts_with("LATE"));
        let mut territories = Self { live: Vec::new(), late };
        for territory in early {
            feed.step();
            territories.create(feed, territory, "TerritoryService/CreateTerritory");
        }
        territories
    }

    /// One of them, never one that will go.
    pub(super) fn pick(&self, random: &mut Random) -> String {
        let codes: Vec<&String> = self.live.iter().map(|territory| &territory.now.code).collect();
        let stays: Vec<&String> = codes.into_iter().filter(|code| !code.starts_with("EMPTY")).collect();
        (*random.pick(&stays)).clone()
    }

    fn create(&mut self, feed: &mut Feed, (code, level, parent_code): (String, usize, String), method: &str) {
        let id = early_uuid(3, self.live.len() + self.late.len() * 1_000).to_string();
        let name = LocalizedText { zh: format!("{code}区"), en: code.clone() };
        let level = LEVELS[level].to_owned();
        let new = feed.create(Territory { id, code, name: Some(name), level, parent_code, ..Territory::default() });
        let change = TerritoryChange { before: None, after: Some(new.now.clone()) };
        feed.tell("territory.created", method, new.key(), &new.now.code, &change);
        self.live.push(new);
    }

    /// Creates one that comes late.
    pub(super) fn create_late(&mut self, feed: &mut Feed) {
        if let Some(territory) = self.late.pop() {
            self.create(feed, territory, "TerritoryService/ImportTerritories");
        }
    }

    pub(super) fn rename(&mut self, feed: &mut Feed, random: &mut Random) {
        let index = random.index(self.live.len());
        let territory = &mut self.live[index];
        let version = territory.version;
        let before = feed.change(territory, |territory| {
            territory.name = Some(LocalizedText { zh: format!("新{}{version}", territory.code), en: String::new() });
        });
        let change = TerritoryChange { before: Some(before), after: Some(territory.now.clone()) };
        feed.tell(
            "territory.updated",
            "TerritoryService/UpdateTerritory",
            territory.key(),
            &territory.now.code,
            &change,
        );
    }

    /// Puts one, with all below it, under another parent of any level above its own.
    pub(super) fn move_one(&mut self, feed: &mut Feed, random: &mut Random) {
        let rank = |territory: &Territory| LEVELS.iter().position(|level| *level == territory.level).unwrap();
        let index = random.index(self.live.len());
        let own = rank(&self.live[index].now);
        let stays = |parent: &Territory| !parent.code.starts_with("EMPTY");
        let parents: Vec<String> = self
            .live
            .iter()
            .filter(|parent| rank(&parent.now) < own && rank(&parent.now) + 2 >= own && stays(&parent.now))
            .map(|parent| parent.now.code.clone())
            .collect();
        let territory = &mut self.live[index];
        let parents: Vec<&String> = parents.iter().filter(|code| **code != territory.now.parent_code).collect();
        if parents.is_empty() {
            return;
        }
        let parent = (*random.pick(&parents)).clone();
        let before = feed.change(territory, |territory| territory.parent_code = parent);
        let change = TerritoryChange { before: Some(before), after: Some(territory.now.clone()) };
        feed.tell("territory.moved", "TerritoryService/MoveTerritory", territory.key(), &territory.now.code, &change);
    }

    /// Deletes one in which nothing lies.
    pub(super) fn delete(&mut self, feed: &mut Feed) {
        let Some(index) = self.live.iter().position(|territory| territory.now.code.starts_with("EMPTY")) else {
            return;
        };
        let gone = self.live.remove(index);
        let change = TerritoryChange { before: Some(gone.now.clone()), after: None };
        let key = (gone.id, gone.version + 1);
        feed.tell("territory.deleted", "TerritoryService/DeleteTerritory", key, &gone.now.code, &change);
    }
}
