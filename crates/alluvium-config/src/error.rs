//! The one error of a pipeline file: where, what was expected, what was found, what mends it.

use std::fmt;

/// A pipeline file that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The key path, such as `source[1].include`; empty where the text is not TOML.
    pub key: String,
    /// What is wrong there.
    pub problem: Box<Problem>,
}

/// What is wrong at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The text is not TOML.
    Syntax(String),
    /// There is no such key.
    UnknownKey {
        /// The keys that could stand there.
        valid: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// A key that must be there is not.
    Missing {
        /// What should stand there.
        expected: String,
    },
    /// A value that can't be.
    Wrong {
        /// What should stand there.
        expected: String,
        /// What does; never the content of an environment variable.
        found: String,
        /// The word that was probably meant, where the value is one of a few.
        nearest: Option<String>,
    },
    /// The file is right by itself, and something outside of it says no.
    Rejected(String),
}

impl ConfigError {
    /// `file:line:column`.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    /// The error without its place.
    pub fn message(&self) -> String {
        if self.key.is_empty() { self.problem.to_string() } else { format!("{}: {}", self.key, self.problem) }
    }

    /// What to do about it, in one sentence.
    pub fn next(&self) -> String {
        match &*self.problem {
            Problem::Syntax(_) => format!("mend the TOML syntax in line {}", self.line),
            Problem::UnknownKey { nearest: Some(nearest), .. } => format!("rename the key to {nearest:?}"),
            Problem::UnknownKey { nearest: None, .. } => format!("remove {}", self.key),
            Problem::Missing { expected } => format!("add {}: {expected}", self.key),
            Problem::Wrong { expected, .. } => format!("set {} to {expected}", self.key),
            Problem::Rejected(_) => format!("change {}", self.key),
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => write!(f, "not valid TOML: {message}"),
            Self::UnknownKey { valid, nearest } => {
                write!(f, "unknown key; expected one of {}", valid.join(", "))?;
                did_you_mean(f, nearest.as_deref())
            }
            Self::Missing { expected } => write!(f, "missing; expected {expected}"),
            Self::Wrong { expected, found, nearest } => {
                write!(f, "expected {expected}, found {found}")?;
                did_you_mean(f, nearest.as_deref())
            }
            Self::Rejected(message) => f.write_str(message),
        }
    }
}

fn did_you_mean(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    nearest.map_or(Ok(()), |nearest| write!(f, "; did you mean {nearest:?}?"))
}

/// The word of `valid` that `word` was probably meant to be.
pub(crate) fn nearest(word: &str, valid: &[&str]) -> Option<String> {
    let word = word.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word, candidate);
    let best = valid.iter().copied().min_by_key(|candidate| distance(candidate))?;
    (distance(best) <= 1 + best.len() / 4).then(|| best.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_or_none() {
        let keys = ["name", "include", "exclude", "max_file_size"];
        assert_eq!(nearest("inclde", &keys).as_deref(), Some("include"));
        assert_eq!(nearest("Name", &keys).as_deref(), Some("name"));
        assert_eq!(nearest("max-file-size", &keys).as_deref(), Some("max_file_size"));
        assert_eq!(nearest("brokers", &keys), None);
    }
}
