//! What an `include` or an `exclude` of a folder's source means, as globs of paths beneath the root.
//!
//! | written | means |
//! |---|---|
//! | `drafts`, `/drafts`, `./drafts` | the file or the folder of that name in the root, and all that is in it |
//! | `drafts/` | the folder, and all that is in it |
//! | `**/drafts` | those at every depth |
//! | `*.md`, `a/*.md` | files in that folder alone: a name with a wildcard stands for files |
//! | `draft*/` | folders of such names, and all that is in them |
//! | `.`, `/` | everything |
//!
//! A pattern that can match no file is an error; whether it does match one, only a scan can tell.

use crate::unmeant::is_unmeant;

/// A pattern that can match something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    globs: Vec<String>,
    unmeant: Option<String>,
}

/// Why a pattern can match no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is written.
    #[error("is empty, and matches no file")]
    Empty,
    /// `..` in it.
    #[error("leads out of the root by \"..\", and matches no file; patterns are of paths beneath the root")]
    LeavesRoot,
    /// A backslash before a letter or a digit.
    #[error("has a backslash where nothing needs one; folders are parted by \"/\"")]
    Backslash,
}

impl Pattern {
    /// Reads a pattern. Whether its globs are any, who builds them finds out.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        if is_parted_by_backslashes(text) {
            return Err(PatternError::Backslash);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") {
            return Err(PatternError::LeavesRoot);
        }
        let unmeant = parts.iter().find(|part| is_unmeant(example(part).as_bytes()));
        let unmeant = unmeant.map(|part| (*part).to_owned());
        let path = parts.join("/");
        let (itself, beneath) = (path.clone(), format!("{path}/**"));
        let globs = match parts.last() {
            None => vec!["**".to_owned()],
            Some(_) if text.ends_with('/') => vec![beneath],
            Some(last) if is_literal(last) => vec![itself, beneath],
            Some(_) => vec![itself],
        };
        Ok(Self { globs, unmeant })
    }

    /// Globs of paths relative to the root, one of which matches what the pattern means. `*` must not cross
    /// a slash.
    pub fn globs(&self) -> &[String] {
        &self.globs
    }

    /// The part of it that only such names match as are left out by default ([`is_unmeant`]).
    pub fn unmeant(&self) -> Option<&str> {
        self.unmeant.as_deref()
    }
}

/// A backslash takes away the meaning of the sign after it, and letters have none.
fn is_parted_by_backslashes(text: &str) -> bool {
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign == '\\' && signs.next().is_some_and(char::is_alphanumeric) {
            return true;
        }
    }
    false
}

/// Whether a part is the name of one thing, or of some.
fn is_literal(part: &str) -> bool {
    let mut signs = part.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => _ = signs.next(),
            '*' | '?' | '[' => return false,
            _ => {}
        }
    }
    true
}

/// A name that a part matches, as far as it has nothing but simple wildcards.
fn example(part: &str) -> String {
    let plain = !part.contains(['[', '{', '\\']) && part != "**";
    if plain { part.replace(['*', '?'], "x") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(text: &str) -> Vec<String> {
        Pattern::parse(text).unwrap().globs
    }

    #[test]
    fn names_mean_what_is_in_them() {
        for same in ["drafts", "/drafts", "./drafts", "//drafts", ".//drafts"] {
            assert_eq!(globs(same), ["drafts", "drafts/**"], "{same}");
        }
        assert_eq!(globs("drafts/"), ["drafts/**"]);
        assert_eq!(globs("a//./b/"), ["a/b/**"]);
        assert_eq!(globs("**/drafts"), ["**/drafts", "**/drafts/**"]);
        assert_eq!(globs("draft*/"), ["draft*/**"]);
        assert_eq!(globs("{a,b}"), ["{a,b}", "{a,b}/**"]);
        assert_eq!(globs(r"\[a\]"), [r"\[a\]", r"\[a\]/**"]);
        assert_eq!(globs("drafts "), ["drafts ", "drafts /**"]);
        assert_eq!((globs("."), globs("/")), (vec!["**".to_owned()], vec!["**".to_owned()]));
    }

    #[test]
    fn what_worked_means_what_it_did() {
        for same in ["**/*", "*.md", "**/*.md", "a/*", "a/**", "**", "*", "a/b?.md", "a/[xy]", "**/*~"] {
            assert_eq!(globs(same), [same], "{same}");
        }
    }

    #[test]
    fn what_matches_no_file_is_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse(" "), Err(PatternError::Empty));
        for out in ["..", "../docs", "a/../b", "a/.."] {
            assert_eq!(Pattern::parse(out), Err(PatternError::LeavesRoot), "{out}");
        }
        assert_eq!(Pattern::parse(r"a\b.md"), Err(PatternError::Backslash));
    }

    #[test]
    fn parts_that_only_unmeant_names_match() {
        let unmeant = |text| Pattern::parse(text).unwrap().unmeant;
        for (text, part) in
            [(".git/**", ".git"), ("**/.*", ".*"), ("**/*~", "*~"), ("a/~$*.docx", "~$*.docx")]
        {
            assert_eq!(unmeant(text).as_deref(), Some(part), "{text}");
        }
        for text in ["**/*", "*", "a.md", "**", "{.git,a}", "[.]a"] {
            assert_eq!(unmeant(text), None, "{text}");
        }
    }
}
