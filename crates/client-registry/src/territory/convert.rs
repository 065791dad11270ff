//! Between the wire and the model.

use guanxi_auth::Scope;
use guanxi_events::NewEvent;
use guanxi_grpc::{Fields, Violation, Violations, etag, text, timestamp};
use guanxi_proto::client_registry::v1::{self as pb, MoveTerritoryRequest, TerritoryChange, UpdateTerritoryRequest};
use guanxi_proto::errors::v1::ErrorReason;
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_resource::{Error, place};

use super::model::{Levels, NewTerritory, Territory};

const MAX_CODE: usize = 32;
const MAX_NAME: usize = 100;

/// A code of a territory.
pub(crate) fn code(field: &str, value: &str) -> Result<String, Violation> {
    if value.is_empty() {
        return Err(Violation::required(field));
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
    let territory = territory.ok_or_else(|| Violation::required(prefix))?;
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
        (Some(code), Some(name_zh), Some(name_en), Some(level), Some(parent_code)) => Ok(NewTerritory {
            code,
            name_zh,
            name_en: Some(name_en).filter(|name| !name.is_empty()),
            level,
            parent_code,
        }),
        _ => Err(violations),
    }
}

/// A checked update of a name.
pub(super) struct Renaming {
    pub(super) code: String,
    pub(super) etag: String,
    name_zh: Option<String>,
    #[expect(clippy::option_option, reason = "left alone, emptied and filled are three things")]
    name_en: Option<Option<String>>,
}

impl TryFrom<UpdateTerritoryRequest> for Renaming {
    type Error = Violations;

    fn try_from(request: UpdateTerritoryRequest) -> Result<Self, Violations> {
        let territory = request.territory.ok_or_else(|| Violation::required("territory"))?;
        let mut fields = Fields::of_update("territory", request.update_mask);
        let code = fields.keep(code("territory.code", &territory.code));
        let name = territory.name.unwrap_or_default();
        let name_zh = fields.required("name.zh", &name.zh, |field, value| text(field, value, 1, MAX_NAME));
        let name_en = fields.optional_text("name.en", &name.en, MAX_NAME);
        fields.finish(code.map(|code| Self { code, etag: territory.etag, name_zh, name_en }))
    }
}

impl Renaming {
    /// The territory with its new names.
    pub(super) fn apply(self, before: Territory) -> Territory {
        Territory {
            name_zh: self.name_zh.unwrap_or(before.name_zh),
            name_en: self.name_en.unwrap_or(before.name_en),
            ..before
        }
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
    if scope.is_everything() { Ok(()) } else { Err(Violation::required(format!("{prefix}.parent_code"))) }
}

/// Everything wrong with a move at once.
pub(super) fn check_move(request: &MoveTerritoryRequest) -> Result<(), Violations> {
    let mut violations = Violations::default();
    violations.keep(code("code", &request.code));
    violations.keep(code("parent_code", &request.parent_code));
    if violations.is_empty() { Ok(()) } else { Err(violations) }
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

/// The event of a change that leaves a territory.
pub(super) fn event(kind: &'static str, before: Option<&Territory>, after: &Territory) -> NewEvent {
    let moved = before.filter(|before| before.parent_code != after.parent_code);
    NewEvent {
        previous_territory: moved.and_then(|before| {
            let above = before.path.strip_suffix(&format!("{}/", before.code))?;
            Some(place(before.parent_code.as_deref()?, above))
        }),
        ..event_of(kind, after, after.version, before, Some(after))
    }
}

/// The event of a deletion, which counts as a version of its own.
pub(super) fn deletion(before: &Territory) -> NewEvent {
    event_of("territory.deleted", before, before.version + 1, Some(before), None)
}

fn event_of(
    kind: &'static str,
    subject: &Territory,
    version: i64,
    before: Option<&Territory>,
    after: Option<&Territory>,
) -> NewEvent {
    let mention = |field, side: Option<&Territory>| side.and_then(|side| Some((field, side.parent_code.clone()?)));
    let change = TerritoryChange { before: before.map(recorded), after: after.map(recorded) };
    NewEvent {
        mentions: mention("before.parent_code", before)
            .into_iter()
            .chain(mention("after.parent_code", after))
            .collect(),
        ..guanxi_resource::event(kind, subject.id, version, None, place(&subject.code, &subject.path), &change)
    }
}
