//! Between the wire and the model.

use guanxi_auth::Scope;
use guanxi_events::NewEvent;
use guanxi_grpc::{UpdateMask, Violation, Violations, etag, text, timestamp};
use guanxi_proto::client_registry::v1::{self as pb, MoveTerritoryRequest, TerritoryChange, UpdateTerritoryRequest};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::r#type::v1::LocalizedText;
use time::OffsetDateTime;

use super::model::{Levels, NewTerritory, Territory};
use crate::error::Error;
use crate::registry::place;

const MAX_CODE: usize = 32;
const MAX_NAME: usize = 100;

/// A code of a territory.
pub(crate) fn code(field: &str, value: &str) -> Result<String, Violation> {
    if value.is_empty() {
        return Err(Violation::new(field, ErrorReason::Required));
    }
    if value.len() > MAX_CODE || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Violation::new(field, ErrorReason::Format)
            .with("value", value)
            .with("expected", "1 to 32 letters, digits and _"));
    }
    Ok(value.to_owned())
}

/// Everything wrong with a territory at once; `prefix` is its place in the request.
pub(super) fn new_territory(prefix: &str, territory: Option<pb::Territory>) -> Result<NewTerritory, Violations> {
    let Some(territory) = territory else { return Err(required(prefix)) };
    let mut violations = Violations::default();
    let name = territory.name.unwrap_or_default();
    let code_ = violations.keep(code(&format!("{prefix}.code"), &territory.code));
    let name_zh = violations.keep(text(&format!("{prefix}.name.zh"), &name.zh, 1, MAX_NAME));
    let name_en = violations.keep(text(&format!("{prefix}.name.en"), &name.en, 0, MAX_NAME));
    let level = violations.keep(code(&format!("{prefix}.level"), &territory.level));
    let parent_code = match territory.parent_code.as_str() {
        "" => Some(None),
        parent => violations.keep(code(&format!("{prefix}.parent_code"), parent)).map(Some),
    };
    match (code_, name_zh, name_en, level, parent_code) {
        (Some(code), Some(name_zh), Some(name_en), Some(level), Some(parent_code)) => {
            Ok(NewTerritory { code, name_zh, name_en: filled(name_en), level, parent_code })
        }
        _ => Err(violations),
    }
}

/// A checked update of a name.
pub(super) struct Renaming {
    pub(super) code: String,
    pub(super) etag: String,
    zh: Option<String>,
    en: Option<String>,
}

impl TryFrom<UpdateTerritoryRequest> for Renaming {
    type Error = Violations;

    fn try_from(request: UpdateTerritoryRequest) -> Result<Self, Violations> {
        let Some(territory) = request.territory else { return Err(required("territory")) };
        let mut violations = Violations::default();
        let mask = UpdateMask::parse(request.update_mask, &["name", "name.zh", "name.en"], &mut violations);
        let name = territory.name.unwrap_or_default();
        let changes = |part: &str, value: &str| mask.changes("name", false) || mask.changes(part, !value.is_empty());
        let code = violations.keep(code("territory.code", &territory.code));
        let zh = if changes("name.zh", &name.zh) { violations.keep(text("territory.name.zh", &name.zh, 1, MAX_NAME)) } else { None };
        let en = if changes("name.en", &name.en) { violations.keep(text("territory.name.en", &name.en, 0, MAX_NAME)) } else { None };
        match code {
            Some(code) if violations.is_empty() => Ok(Self { code, etag: territory.etag, zh, en }),
            _ => Err(violations),
        }
    }
}

impl Renaming {
    /// The territory with its new names; `None` where they are the ones that it has.
    pub(super) fn apply(self, before: &Territory, now: OffsetDateTime) -> Option<Territory> {
        let zh = self.zh.unwrap_or_else(|| before.name_zh.clone());
        let en = self.en.map_or_else(|| before.name_en.clone(), filled);
        (zh != before.name_zh || en != before.name_en).then(|| before.renamed(zh, en, now))
    }
}

/// Refuses a level that there is not.
pub(super) fn check_level(prefix: &str, level: &str, levels: &Levels) -> Result<(), Violation> {
    if levels.0.contains_key(level) {
        return Ok(());
    }
    let mut known: Vec<_> = levels.0.iter().map(|(code, rank)| (rank, code.as_str())).collect();
    known.sort_unstable();
    let known: Vec<&str> = known.into_iter().map(|(_, code)| code).collect();
    Err(Violation::new(format!("{prefix}.level"), ErrorReason::UnknownValue)
        .with("value", level)
        .with("expected", known.join(", ")))
}

/// Refuses a code that a deleted territory had.
pub(super) fn check_code(code: &str, retired: &[String]) -> Result<(), Error> {
    if retired.iter().any(|retired| retired == code) {
        return Err(Error::Exists { resource: "territory", field: "code", value: code.to_owned() });
    }
    Ok(())
}

/// A root is for those who see the whole tree; for the others a parent is required.
pub(super) fn check_root(prefix: &str, scope: &Scope) -> Result<(), Violation> {
    if scope.is_everything() {
        Ok(())
    } else {
        Err(Violation::new(format!("{prefix}.parent_code"), ErrorReason::Required))
    }
}

/// Everything wrong with a move at once.
pub(super) fn check_move(request: &MoveTerritoryRequest) -> Result<(), Violations> {
    let mut violations = Violations::default();
    violations.keep(code("code", &request.code));
    violations.keep(code("parent_code", &request.parent_code));
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn required(field: &str) -> Violations {
    let mut violations = Violations::default();
    violations.push(Violation::new(field, ErrorReason::Required));
    violations
}

fn filled(value: String) -> Option<String> {
    Some(value).filter(|value| !value.is_empty())
}

/// A territory as a scope sees it: nothing above its topmost visible node shows.
pub(super) fn territory(territory: &Territory, scope: &Scope) -> pb::Territory {
    let path = scope.visible_path(&territory.path).to_owned();
    let parent_hidden = path == format!("{}/", territory.code);
    let parent_code = territory.parent_code.clone().filter(|_| !parent_hidden).unwrap_or_default();
    pb::Territory { path, parent_code, ..recorded(territory) }
}

/// A territory as events record it: without a path, which changes with every move above it.
fn recorded(territory: &Territory) -> pb::Territory {
    pb::Territory {
        id: territory.id.to_string(),
        code: territory.code.clone(),
        name: Some(LocalizedText { zh: territory.name_zh.clone(), en: territory.name_en.clone().unwrap_or_default() }),
        level: territory.level.clone(),
        parent_code: territory.parent_code.clone().unwrap_or_default(),
        path: String::new(),
        create_time: Some(timestamp(territory.create_time)),
        update_time: Some(timestamp(territory.update_time)),
        etag: etag(territory.version),
    }
}

/// The event of a change; a deletion counts as a version of its own.
pub(super) fn event(kind: &'static str, before: Option<&Territory>, after: Option<&Territory>) -> Option<NewEvent> {
    let subject = after.or(before)?;
    let version = if after.is_some() { subject.version } else { subject.version + 1 };
    let moved = before.zip(after).filter(|(before, after)| before.parent_code != after.parent_code).map(|(before, _)| before);
    let mention = |field, side: Option<&Territory>| side.and_then(|side| Some((field, side.parent_code.clone()?)));
    let change = TerritoryChange { before: before.map(recorded), after: after.map(recorded) };
    Some(NewEvent {
        kind,
        noun: "territory",
        id: subject.id,
        version,
        territory: Some(place(&subject.code, &subject.path)),
        previous_territory: moved.and_then(|before| {
            let above = before.path.strip_suffix(&format!("{}/", before.code))?;
            Some(place(before.parent_code.as_deref()?, above))
        }),
        mentions: mention("before.parent_code", before).into_iter().chain(mention("after.parent_code", after)).collect(),
        payload: NewEvent::pack(&change),
    })
}
