//! The fields of a resource that a request sets: all of a creation, those of the mask of an update (AIP-134).

use guanxi_proto::errors::v1::ErrorReason;
use prost_types::FieldMask;

use crate::{Violation, Violations, list, number, text};

/// Most paths of a mask.
const MAX_PATHS: usize = 100;

/// Reads one field after another and notes everything that is wrong with them. Each read returns `None` where the request
/// leaves the field alone or the value is wrong; [`Fields::finish`] tells the two apart.
#[derive(Debug)]
pub struct Fields {
    resource: &'static str,
    wanted: Wanted,
    names: Vec<&'static str>,
    violations: Violations,
}

#[derive(Debug)]
enum Wanted {
    All,
    Populated,
    Masked(Vec<String>),
}

impl Fields {
    /// Of a creation: every field. `resource` is its place in the request, for example `account`.
    #[must_use]
    pub fn of_creation(resource: &'static str) -> Self {
        Self { resource, wanted: Wanted::All, names: Vec::new(), violations: Violations::default() }
    }

    /// Of an update: the fields of the mask, all for `*`, or the populated ones where there is no mask. A path of the mask covers
    /// what lies below it.
    #[must_use]
    pub fn of_update(resource: &'static str, mask: Option<FieldMask>) -> Self {
        let mut fields = Self::of_creation(resource);
        fields.wanted = match mask.map(|mask| mask.paths).unwrap_or_default() {
            paths if paths.is_empty() => Wanted::Populated,
            paths if paths == ["*"] => Wanted::All,
            paths if paths.len() > MAX_PATHS => {
                let many = Violation::new("update_mask", ErrorReason::TooMany).with("max", MAX_PATHS);
                fields.violations.push(many.with("count", paths.len()));
                Wanted::Populated
            }
            paths => Wanted::Masked(paths),
        };
        fields
    }

    /// Notes the violation of what is read beside the fields, such as the id.
    pub fn keep<T>(&mut self, outcome: Result<T, Violation>) -> Option<T> {
        self.violations.keep(outcome)
    }

    /// A field. `read` gets its place in the request.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        populated: bool,
        read: impl FnOnce(&str) -> Result<T, Violation>,
    ) -> Option<T> {
        self.read_all(name, populated, |field, violations| violations.keep(read(field)))
    }

    /// A field with which several things can be wrong.
    pub fn read_all<T>(
        &mut self,
        name: &'static str,
        populated: bool,
        read: impl FnOnce(&str, &mut Violations) -> Option<T>,
    ) -> Option<T> {
        self.names.push(name);
        let wanted = match &self.wanted {
            Wanted::All => true,
            Wanted::Populated => populated,
            Wanted::Masked(paths) => paths.iter().any(|path| covers(path, name)),
        };
        if wanted { read(&format!("{}.{name}", self.resource), &mut self.violations) } else { None }
    }

    /// Something written as text that must be there; `read` refuses the empty text.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        value: &str,
        read: impl FnOnce(&str, &str) -> Result<T, Violation>,
    ) -> Option<T> {
        self.read(name, !value.is_empty(), |field| read(field, value))
    }

    /// Something written as text that may be missing: the inner `None`.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        value: &str,
        read: impl FnOnce(&str, &str) -> Result<T, Violation>,
    ) -> Option<Option<T>> {
        self.read(
            name,
            !value.is_empty(),
            |field| if value.is_empty() { Ok(None) } else { read(field, value).map(Some) },
        )
    }

    /// A text of at most `max` characters that may be missing.
    pub fn optional_text(&mut self, name: &'static str, value: &str, max: usize) -> Option<Option<String>> {
        self.read(
            name,
            !value.is_empty(),
            |field| Ok(Some(text(field, value, 0, max)?).filter(|text| !text.is_empty())),
        )
    }

    /// A number within bounds that may be missing.
    pub fn optional_number<N: PartialOrd + ToString + Copy>(
        &mut self,
        name: &'static str,
        value: Option<N>,
        min: N,
        max: N,
    ) -> Option<Option<N>> {
        self.read(name, value.is_some(), |field| value.map(|value| number(field, value, min, max)).transpose())
    }

    /// A list; see [`list`].
    pub fn list<T, U, K: Ord + ToString>(
        &mut self,
        name: &'static str,
        values: Vec<T>,
        max: usize,
        convert: impl Fn(&str, T) -> Result<U, Violation>,
        key: impl Fn(&U) -> K,
    ) -> Option<Vec<U>> {
        let populated = !values.is_empty();
        self.read_all(name, populated, |field, violations| Some(list(violations, field, values, max, convert, key)))
    }

    /// A list of at most `max` different texts of 1 to `length` characters.
    pub fn texts(&mut self, name: &'static str, values: Vec<String>, max: usize, length: usize) -> Option<Vec<String>> {
        self.list(name, values, max, |field, value| text(field, &value, 1, length), Clone::clone)
    }

    /// What was made of the fields, or everything that is wrong: with the mask, which may name only what was read, then with the
    /// fields in the order in which they were read. Without violations there must be a value.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Violations> {
        let mut violations = Violations::default();
        if let Wanted::Masked(paths) = &self.wanted {
            for path in paths.iter().filter(|path| !self.names.iter().any(|name| covers(path, name))) {
                let unknown = Violation::new("update_mask", ErrorReason::MaskPathUnknown).with("value", path);
                violations.push(unknown.with("expected", self.names.join(", ")));
            }
        }
        violations.extend(self.violations);
        match value {
            Some(value) if violations.is_empty() => Ok(value),
            _ => Err(violations),
        }
    }
}

/// True where a path of a mask means the field, or the message that it is in.
fn covers(path: &str, name: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields that were read, and what is wrong.
    fn read(mut fields: Fields) -> Result<Vec<&'static str>, Vec<(String, &'static str)>> {
        let mut found = Vec::new();
        found.extend(fields.required("code", "", |field, value| text(field, value, 1, 9)).map(|_| "code"));
        found.extend(fields.optional("name.zh", "移动", |field, value| text(field, value, 1, 9)).map(|_| "name.zh"));
        found.extend(fields.optional_text("name.en", "", 9).map(|_| "name.en"));
        found.extend(fields.optional_number("rank", Some(0), 1, 5).map(|_| "rank"));
        fields
            .finish(Some(found))
            .map_err(|wrong| wrong.into_inner().into_iter().map(|wrong| (wrong.field, wrong.reason.name())).collect())
    }

    fn masked(paths: &[&str]) -> Fields {
        Fields::of_update("thing", Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }))
    }

    #[test]
    fn a_creation_reads_everything_and_an_update_what_it_names() {
        let wrong = |field: &str, reason| (field.to_owned(), reason);
        let everything = Err(vec![wrong("thing.code", "REQUIRED"), wrong("thing.rank", "OUT_OF_RANGE")]);
        assert_eq!(read(Fields::of_creation("thing")), everything);
        assert_eq!(read(masked(&["*"])), everything);
        assert_eq!(read(masked(&["name"])), Ok(vec!["name.zh", "name.en"]));
        assert_eq!(read(masked(&["name.en"])), Ok(vec!["name.en"]));
        assert_eq!(read(Fields::of_update("thing", None)), Err(vec![wrong("thing.rank", "OUT_OF_RANGE")]));
    }

    #[test]
    fn a_mask_names_what_cannot_be_changed() {
        let wrong: Vec<_> =
            ["state", "nam", "name.zh.x"].iter().map(|_| ("update_mask".to_owned(), "MASK_PATH_UNKNOWN")).collect();
        assert_eq!(read(masked(&["state", "nam", "name.zh.x", "name.zh"])), Err(wrong));
    }
}
