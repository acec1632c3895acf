//! How a command ends, and what is said when it does not end well: what, where, and what to do next.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use alluvium_config::ConfigError;
use alluvium_core::commit::CommitError;
use alluvium_core::embed::EmbedError;
use alluvium_core::source::SourceError;
use alluvium_index::{ErrorKind, IndexError};
use alluvium_models::ModelError;
use alluvium_runtime::RunError;

use crate::cli::Format;
use crate::output;
use crate::results::{ErrorBody, ErrorResult};

/// The exit codes of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Failed, or refused by the brake.
    Failed,
    /// Usage or configuration; another model's or another pipeline's index.
    Usage,
    /// Finished, and documents were quarantined in this run.
    Quarantined,
    /// Fenced, or the index is held by another.
    Held,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    const ALL: [Self; 6] =
        [Self::Done, Self::Failed, Self::Usage, Self::Quarantined, Self::Held, Self::Interrupted];

    /// As a number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Quarantined => 3,
            Self::Held => 4,
            Self::Interrupted => 130,
        }
    }

    /// That of a number.
    pub(crate) fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error, ready to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) place: Option<String>,
    pub(crate) next: String,
}

impl Failure {
    /// A failure.
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Display) -> Self {
        Self { exit, code: code.into(), message: message.to_string(), place: None, next: String::new() }
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Where: a file, a place in it, an index.
    pub(crate) fn at(mut self, place: impl Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// The same of a path.
    pub(crate) fn at_path(self, path: &Path) -> Self {
        self.at(path.display())
    }

    /// What to do about it, as a sentence.
    pub(crate) fn next(mut self, next: impl Display) -> Self {
        self.next = sentence(&next.to_string());
        self
    }

    /// Writes it to stderr.
    pub(crate) fn show(&self, format: Format) {
        output::stderr(&match format {
            Format::Json => self.json(),
            Format::Text => self.text(),
        });
    }

    fn json(&self) -> String {
        let place = self.place.as_deref();
        let error = ErrorBody { code: &self.code, message: &self.message, place, next: &self.next };
        serde_json::to_string(&ErrorResult { error }).unwrap_or_default()
    }

    fn text(&self) -> String {
        let place = self.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let next = if self.next.is_empty() { String::new() } else { format!("\n  next: {}", self.next) };
        format!("error: {place}{}{next}", self.message)
    }
}

/// With a capital letter at its beginning and a full stop at its end. A command or a key stays as it is typed.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), characters.as_str())
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, "config", error.message()).at(error.place()).next(error.next())
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let exit = match error {
            ModelError::UnknownModel { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        let failure = Self::new(exit, error.code(), &error).next(error.next());
        match error.path() {
            Some(path) => failure.at_path(path),
            None => failure,
        }
    }
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Self {
        match &error {
            EmbedError::TooLong { .. } => {
                Self::new(Exit::Usage, "query_too_long", &error).next("ask in fewer words")
            }
            EmbedError::Unavailable(_) => Self::new(Exit::Failed, "model_unavailable", &error)
                .next("run `alluvium models verify`, then `alluvium models fetch`"),
            EmbedError::Failed(_) | EmbedError::BadVector(_) | EmbedError::Stopped => {
                Self::new(Exit::Failed, "embedding_failed", &error).next("try another text or another model")
            }
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        let (exit, code) = match error.kind() {
            ErrorKind::Held => (Exit::Held, "index_held"),
            ErrorKind::Fenced => (Exit::Held, "fenced"),
            ErrorKind::OtherPipeline => (Exit::Usage, "other_pipeline"),
            ErrorKind::OtherGeneration => (Exit::Usage, "other_generation"),
            ErrorKind::Storage => (Exit::Failed, "storage"),
            ErrorKind::Corrupt => (Exit::Failed, "index_corrupt"),
            ErrorKind::NotFound => (Exit::Failed, "not_found"),
            ErrorKind::Request => (Exit::Usage, "usage"),
            ErrorKind::Exists => (Exit::Failed, "exists"),
            ErrorKind::Erased => (Exit::Failed, "erased"),
            ErrorKind::BadName => (Exit::Usage, "usage"),
            ErrorKind::Paused => (Exit::Failed, "paused"),
            ErrorKind::AlreadyLive => (Exit::Failed, "already_live"),
        };
        Self::new(exit, code, &error).next(error.next())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let again = "run the same command again: what is finished is not done anew";
        match error {
            RunError::Model(error) => error.into(),
            RunError::Commit(CommitError::Fenced(_)) => {
                Self::new(Exit::Held, "fenced", &error).next(ErrorKind::Fenced.next())
            }
            RunError::Commit(CommitError::Paused(_)) => {
                Self::new(Exit::Failed, "paused", &error).next(ErrorKind::Paused.next())
            }
            RunError::Commit(CommitError::Storage(_)) => {
                Self::new(Exit::Failed, "storage", &error).next(format!("check the disk, then {again}"))
            }
            RunError::Commit(CommitError::Inconsistent(_)) => {
                Self::new(Exit::Failed, "index_corrupt", &error).next(ErrorKind::Corrupt.next())
            }
            RunError::Source(SourceError::Broken { .. }) => Self::new(Exit::Failed, "source_broken", &error)
                .next(format!("mend the source, then {again}")),
            RunError::Source(SourceError::Unavailable { .. }) => {
                Self::new(Exit::Failed, "source_unavailable", &error).next(again)
            }
            RunError::Extractor(_) => Self::new(Exit::Failed, "extractor_unavailable", &error).next(again),
            RunError::Internal(_) => Self::new(Exit::Failed, "internal", &error).next(again),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_json_with_every_key() {
        let failure = Failure::new(Exit::Usage, "config", "a\nb").at("f:1:2").next("mend it");
        let json = r#"{"error":{"code":"config","message":"a\nb","where":"f:1:2","next":"Mend it."}}"#;
        assert_eq!(failure.json(), json);
        assert_eq!(failure.text(), "error: f:1:2: a\nb\n  next: Mend it.");
        assert!(Failure::new(Exit::Failed, "x", "y").json().contains(r#""where":null"#));
    }

    #[test]
    fn what_to_do_next_is_a_sentence() {
        for (said, shown) in [
            ("run `alluvium resume`", "Run `alluvium resume`."),
            ("check the name", "Check the name."),
            ("`a` or `b`; then c", "`a` or `b`; then c."),
            ("Is it there?", "Is it there?"),
            ("", ""),
        ] {
            assert_eq!(Failure::new(Exit::Failed, "x", "y").next(said).next, shown);
        }
    }

    #[test]
    fn a_held_index_and_a_fence_are_exit_code_four() {
        let fenced = RunError::Commit(CommitError::Fenced("x".to_owned()));
        assert_eq!(Failure::from(fenced).exit, Exit::Held);
        let held = IndexError::Held { root: "i".to_owned(), holder: "h".to_owned() };
        assert_eq!(Failure::from(held).exit, Exit::Held);
    }
}
