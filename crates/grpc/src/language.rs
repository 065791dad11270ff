//! The language of a call's texts.

use http::HeaderMap;

tokio::task_local! {
    static LANGUAGE: Language;
}

/// A language of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// zh-CN, the default.
    Chinese,
    /// en.
    English,
}

impl Language {
    /// The language that the caller prefers by `accept-language` (RFC 9110, section 12.5.4).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let preferences = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (Language::Chinese, 0.0);
        for preference in preferences.split(',') {
            let (tag, quality) = preference.split_once(";q=").unwrap_or((preference, "1"));
            let quality: f32 = quality.trim().parse().unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "zh" => Language::Chinese,
                "en" => Language::English,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }

    /// Runs a future whose refusals are in this language.
    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        LANGUAGE.scope(self, future)
    }
}

/// The language of the call that the current task serves.
#[must_use]
pub fn language() -> Language {
    LANGUAGE.try_with(|language| *language).unwrap_or(Language::Chinese)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_wins() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("accept-language", text.parse().unwrap());
            Language::of(&headers)
        };
        assert_eq!(of("en"), Language::English);
        assert_eq!(of("fr, en-GB;q=0.8, zh-CN;q=0.9"), Language::Chinese);
        assert_eq!(of("zh;q=0.1,en;q=0.2"), Language::English);
        assert_eq!(of("fr"), Language::Chinese);
        assert_eq!(Language::of(&HeaderMap::new()), Language::Chinese);
    }
}
