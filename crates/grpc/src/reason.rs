//! Published reasons and the texts that the protos give them.

use std::collections::HashMap;
use std::sync::LazyLock;

use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_proto::errors::v1::ErrorReason;
use prost_reflect::Value;

use crate::Language;

/// A value of a published `ErrorReason` enum: what a machine matches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    domain: &'static str,
    value_name: &'static str,
}

impl Reason {
    /// A reason of a service's own enum: the package of the enum, and the name of the value as `as_str_name` gives it.
    #[must_use]
    pub const fn of(package: &'static str, value_name: &'static str) -> Self {
        Self { domain: package, value_name }
    }

    /// The package whose `ErrorReason` enum has the reason: `ErrorInfo.domain`.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        self.domain
    }

    /// The name that goes on the wire, without the prefix of the enum, for example `ETAG_MISMATCH`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.value_name.strip_prefix("ERROR_REASON_").unwrap_or(self.value_name)
    }

    /// The published text in a language, with `{name}` replaced from `values`.
    #[must_use]
    pub fn text(self, language: Language, values: &[(&'static str, String)]) -> String {
        let Some((zh, en)) = TEXTS.get(&(self.domain, self.value_name)) else { return self.name().to_owned() };
        let template = if language == Language::Chinese { zh } else { en };
        let mut text = template.clone();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

impl From<ErrorReason> for Reason {
    fn from(reason: ErrorReason) -> Self {
        Self::of("guanxi.errors.v1", reason.as_str_name())
    }
}

/// Chinese and English template by package and value name, read once from the descriptor set.
type Texts = HashMap<(&'static str, &'static str), (String, String)>;

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let mut texts = HashMap::new();
    let Some(extension) = DESCRIPTOR_POOL.get_extension_by_name("guanxi.errors.v1.text") else { return texts };
    for published in DESCRIPTOR_POOL.all_enums().filter(|published| published.name() == "ErrorReason") {
        let package: &'static str = published.package_name().to_owned().leak();
        for value in published.values() {
            let options = value.options();
            let text = options.get_extension(&extension);
            let Value::Message(text) = text.as_ref() else { continue };
            let part = |name| {
                text.get_field_by_name(name).and_then(|part| part.as_str().map(str::to_owned)).unwrap_or_default()
            };
            texts.insert((package, &*value.name().to_owned().leak()), (part("zh"), part("en")));
        }
    }
    texts
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_reason_reads_in_both_languages() {
        let enums: Vec<_> = DESCRIPTOR_POOL.all_enums().filter(|published| published.name() == "ErrorReason").collect();
        assert!(enums.len() >= 2);
        for value in enums.iter().flat_map(|published| published.values().collect::<Vec<_>>()) {
            let package = value.parent_enum().package_name().to_owned();
            let (zh, en) = &TEXTS[&(&*package.leak(), &*value.name().to_owned().leak())];
            assert!(!zh.is_empty() && !en.is_empty(), "{} has no text", value.full_name());
            let holes = |text: &str| {
                let mut names: Vec<String> = text
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split_once('}'))
                    .map(|(name, _)| name.to_owned())
                    .collect();
                names.sort();
                names
            };
            assert_eq!(holes(zh), holes(en), "{} says different things in its languages", value.full_name());
        }
    }

    #[test]
    fn values_fill_the_text() {
        let values = [("max", "20".to_owned()), ("length", "21".to_owned())];
        assert_eq!(
            Reason::from(ErrorReason::TooLong).text(Language::English, &values),
            "At most 20 characters, got 21."
        );
        assert_eq!(Reason::from(ErrorReason::TooLong).text(Language::Chinese, &values), "最多 20 个字符，现有 21 个。");
        assert_eq!(Reason::from(ErrorReason::TooLong).name(), "TOO_LONG");
    }
}
