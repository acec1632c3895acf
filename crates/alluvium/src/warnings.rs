//! What a person should know of the sources, from the last look at each: written down beside the index, so
//! that `status` shows it whether or not anything runs. Nothing depends on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alluvium_config::{FilesystemSettings, PipelineSpec, SourceKind, SourceSpec};
use alluvium_connect::filesystem::{Notices, Warning};
use alluvium_core::id::SourceName;
use serde::{Deserialize, Serialize};

use crate::results::SourceWarning;

/// The file, in the index's folder.
const FILE: &str = "warnings.json";
/// The most that is read of it.
const MOST: u64 = 16 << 20;

/// What is written down.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    sources: BTreeMap<String, Vec<SourceWarning>>,
}

/// Writes it down, and says it in the log.
#[derive(Debug)]
pub(crate) struct WrittenDown {
    root: PathBuf,
    /// What must not be shown, and what is shown instead.
    hidden: Vec<(String, String)>,
}

/// One source at a time takes the file, changes it and puts it back.
static TURN: Mutex<()> = Mutex::new(());

impl WrittenDown {
    /// Beside the index of a pipeline, of one of its sources.
    pub(crate) fn of(spec: &PipelineSpec, source: &SourceSpec) -> Self {
        Self { root: spec.index.path.expose().clone(), hidden: hidden(source) }
    }
}

impl Notices for WrittenDown {
    fn tell(&self, source: &SourceName, warnings: &[Warning]) {
        let shown: Vec<_> = warnings.iter().map(|warning| shown(source, warning, &self.hidden)).collect();
        for warning in &shown {
            tracing::warn!(%source, "{}: {}; {}", warning.subject, warning.message, warning.next);
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = write(&self.root, source, shown) {
            tracing::debug!(%error, "what should be known of a source can't be written down");
        }
        drop(turn);
    }
}

/// Keeps it for who asks.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    warnings: Mutex<Vec<SourceWarning>>,
    hidden: Vec<(String, String)>,
}

impl Kept {
    /// Of one source.
    pub(crate) fn of(source: &SourceSpec) -> Self {
        Self { warnings: Mutex::default(), hidden: hidden(source) }
    }

    /// What was told last.
    pub(crate) fn take(&self) -> Vec<SourceWarning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Notices for Kept {
    fn tell(&self, source: &SourceName, warnings: &[Warning]) {
        let shown = warnings.iter().map(|warning| shown(source, warning, &self.hidden)).collect();
        *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// Patterns that hold the content of variables, and how the file has them.
fn hidden(source: &SourceSpec) -> Vec<(String, String)> {
    let SourceKind::Filesystem(FilesystemSettings { include, exclude, .. }) = &source.kind else {
        return Vec::new();
    };
    let hidden = include.iter().chain(exclude).filter(|pattern| pattern.is_interpolated());
    hidden.map(|pattern| (format!("{:?}", pattern.expose()), format!("{:?}", pattern.written()))).collect()
}

fn shown(source: &SourceName, warning: &Warning, hidden: &[(String, String)]) -> SourceWarning {
    let subject = hidden.iter().fold(warning.subject.clone(), |text, (from, to)| text.replace(from, to));
    SourceWarning {
        source: source.to_string(),
        code: warning.code.to_owned(),
        subject,
        message: warning.message.clone(),
        next: warning.next.clone(),
    }
}

fn write(root: &Path, source: &SourceName, warnings: Vec<SourceWarning>) -> std::io::Result<()> {
    let mut written = load(root);
    let before = if warnings.is_empty() {
        written.sources.remove(source.as_str()).unwrap_or_default()
    } else {
        written.sources.insert(source.to_string(), warnings.clone()).unwrap_or_default()
    };
    if before == warnings {
        return Ok(());
    }
    let whole = root.join(format!("{FILE}.new"));
    std::fs::write(&whole, serde_json::to_vec(&written)?)?;
    std::fs::rename(whole, root.join(FILE))
}

fn load(root: &Path) -> Written {
    let file = root.join(FILE);
    let small = file.metadata().is_ok_and(|metadata| metadata.len() <= MOST);
    let read = || serde_json::from_slice(&std::fs::read(&file).ok()?).ok();
    small.then(read).flatten().unwrap_or_default()
}

/// What is written down of these sources.
pub(crate) fn read<'s>(
    spec: &PipelineSpec,
    sources: impl IntoIterator<Item = &'s SourceSpec>,
) -> Vec<SourceWarning> {
    let mut written = load(spec.index.path.expose());
    let of = |source: &SourceSpec| written.sources.remove(source.name.as_str()).unwrap_or_default();
    sources.into_iter().flat_map(of).collect()
}

/// Lines for people.
pub(crate) fn lines(warnings: &[SourceWarning]) -> impl Iterator<Item = String> {
    warnings.iter().map(|warning| {
        let SourceWarning { source, subject, message, next, .. } = warning;
        format!("warning: {source}: {subject}: {message}; {next}").replace(char::is_control, " ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_last_is_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let tell = |source: &str, subjects: &[&str]| {
            let warning = |subject: &&str| Warning {
                code: "x",
                subject: format!("exclude {subject:?}"),
                message: String::new(),
                next: String::new(),
            };
            let hidden = vec![("\"secret\"".to_owned(), "\"${S}\"".to_owned())];
            let written = WrittenDown { root: dir.path().to_owned(), hidden };
            let warnings: Vec<_> = subjects.iter().map(warning).collect();
            written.tell(&SourceName::new(source).unwrap(), &warnings);
        };
        let found = || -> Vec<String> {
            load(dir.path())
                .sources
                .into_values()
                .flatten()
                .map(|w| format!("{} {}", w.source, w.subject))
                .collect()
        };
        tell("a", &[]);
        assert!(!dir.path().join(FILE).exists(), "nothing is nothing");
        tell("a", &["one", "secret"]);
        tell("b", &["two"]);
        assert_eq!(found(), ["a exclude \"one\"", "a exclude \"${S}\"", "b exclude \"two\""]);
        tell("a", &[]);
        assert_eq!(found(), ["b exclude \"two\""]);
    }
}
