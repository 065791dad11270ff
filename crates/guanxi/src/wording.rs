//! Import and export speak the operator's language: Chinese unless English is asked for.

pub(crate) use guanxi_grpc::Language;

/// Reads `--language` and `LANG`, for example `en`, `en_US.UTF-8`, `zh_CN.UTF-8`, `C`: what is not English is Chinese.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
pub(crate) fn language(text: &str) -> Result<Language, String> {
    let english = text.get(..2).is_some_and(|primary| primary.eq_ignore_ascii_case("en"));
    Ok(if english { Language::English } else { Language::Chinese })
}

/// One of two texts.
pub(crate) fn pick(language: Language, zh: impl Into<String>, en: impl Into<String>) -> String {
    match language {
        Language::Chinese => zh.into(),
        Language::English => en.into(),
    }
}

/// Why a command ends without having done its work, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure in the language of the operator.
    pub(crate) fn new(language: Language, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self(pick(language, zh, en))
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(language: Language, path: &std::path::Path, error: &std::io::Error) -> Self {
        let path = path.display();
        Self::new(language, format!("文件 {path} 无法读写：{error}"), format!("cannot read or write {path}: {error}"))
    }

    /// What a service answered, in the words that it chose for people.
    pub(crate) fn status(status: &tonic::Status) -> Self {
        use std::fmt::Write as _;

        use tonic_types::StatusExt as _;

        let details = status.get_error_details();
        let mut text =
            details.localized_message().map_or_else(|| status.message(), |message| &message.message).to_owned();
        for violation in details.bad_request().iter().flat_map(|wrong| &wrong.field_violations) {
            let words = violation.localized_message.as_ref().map_or(&violation.description, |message| &message.message);
            let _ = write!(text, "\n  {}: {words}", violation.field);
        }
        Self(text)
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::status(&status)
    }
}
