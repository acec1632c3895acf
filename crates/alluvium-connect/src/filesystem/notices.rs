//! What a person should know of a source, beside its documents: nothing fails by it, and nobody would see it.

use std::fmt;

use alluvium_core::id::SourceName;

use super::globs::{Globs, Hits};
use super::ignore::Ignores;
use super::misnamed::Misnamed;

/// More of them are not told apart.
const MOST: usize = 1000;

/// One such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A stable word.
    pub code: &'static str,
    /// The file beneath the root, or the pattern.
    pub subject: String,
    /// What is the matter.
    pub message: String,
    /// What mends it.
    pub next: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.subject, self.message, self.next)
    }
}

/// Who hears of them. Each time all that there are of a source are told, also that there are none.
pub trait Notices: fmt::Debug + Send + Sync {
    /// Takes what is told in place of what was told of the source before. Must not block for long.
    fn tell(&self, source: &SourceName, warnings: &[Warning]);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unheard;

impl Notices for Unheard {
    fn tell(&self, _: &SourceName, _: &[Warning]) {}
}

/// Patterns that matched nothing.
pub(crate) fn of_patterns(globs: &Globs, hits: &Hits) -> Vec<Warning> {
    let warning = |(key, text): (&str, &str)| Warning {
        code: "unmatched_pattern",
        subject: format!("{key} {text:?}"),
        message: "it matched no file".to_owned(),
        next: "mend it or take it out; a folder's name or a pattern that ends with / means all that is in \
               the folder, **/ before it the same at every depth"
            .to_owned(),
    };
    globs.unmatched(hits).map(warning).collect()
}

/// Lines of ignore files that say nothing.
pub(crate) fn of_ignores(ignores: &Ignores) -> Vec<Warning> {
    let warning = |(path, trouble): &(std::path::PathBuf, String)| Warning {
        code: "bad_ignore_rule",
        subject: path.display().to_string(),
        message: format!("the line {trouble}, and leaves nothing out"),
        next: "mend the line".to_owned(),
    };
    ignores.bad.iter().map(warning).collect()
}

/// Access lists that apply to nothing.
pub(crate) fn of_lists(misnamed: &Misnamed) -> Vec<Warning> {
    let all = misnamed.all().take(MOST).map(|(path, meant)| match meant {
        Some(meant) => Warning {
            code: "unused_access_list",
            subject: path.display().to_string(),
            message:
                "it is the access list of nothing, and whom it was likely meant for is served to nobody \
                      without a list of its own"
                    .to_owned(),
            next: format!("rename it to {}, or remove it", meant.display()),
        },
        None => Warning {
            code: "unused_access_list",
            subject: path.display().to_string(),
            message: "it is the access list of nothing, and nothing beside it has such a name".to_owned(),
            next: "remove it, or give it the name of its document and .acl.toml".to_owned(),
        },
    });
    all.collect()
}
