//! Conditions on hits: `KEY=VALUE`, compared exactly.

use std::fmt;
use std::str::FromStr;

use datafusion_expr::Expr;

use crate::filter::{equals, holds};

/// Columns that a condition's key may name. Any other key is one of `metadata`.
const COLUMNS: [&str; 8] =
    ["source", "doc_id", "uri", "title", "media_type", "language", "classification", "tenant"];
/// Says that a key is one of `metadata`, also where a column has its name.
const METADATA: &str = "metadata.";

/// One condition. Its text never becomes SQL: a key is a known column's name or part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(On);

#[derive(Debug, Clone, PartialEq, Eq)]
enum On {
    Column { name: &'static str, value: String },
    Metadata { entry: String },
}

/// Why a condition can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// There is no equals sign.
    #[error("the condition {0:?} is not KEY=VALUE")]
    NoValue(String),
    /// There is nothing before the equals sign.
    #[error("the condition {0:?} has no key")]
    NoKey(String),
    /// White space at an end of a key, or control characters in it: almost surely a mistake, and exact
    /// comparison would make it a silent one.
    #[error("the key of the condition {0:?} has white space at an end or a control character")]
    Blank(String),
}

impl Condition {
    /// Reads `KEY=VALUE`; the value is everything after the first equals sign, and may be empty.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let own = || text.to_owned();
        let (key, value) = text.split_once('=').ok_or_else(|| ConditionError::NoValue(own()))?;
        let metadata = key.strip_prefix(METADATA);
        let bare = metadata.unwrap_or(key);
        if bare.is_empty() {
            return Err(ConditionError::NoKey(own()));
        }
        if bare.trim() != bare || bare.chars().any(char::is_control) {
            return Err(ConditionError::Blank(own()));
        }
        let column = COLUMNS.into_iter().find(|column| metadata.is_none() && *column == key);
        Ok(Self(match column {
            Some(name) => On::Column { name, value: value.to_owned() },
            None => On::Metadata { entry: format!("{bare}={value}") },
        }))
    }

    /// The condition as part of a filter.
    pub(crate) fn expression(&self) -> Expr {
        match &self.0 {
            On::Column { name, value } => equals(name, value),
            On::Metadata { entry } => holds("metadata", entry),
        }
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        Self::parse(text)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            On::Column { name, value } => write!(f, "{name}={value}"),
            On::Metadata { entry } => write!(f, "{METADATA}{entry}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Condition::parse(text).unwrap().to_string()
    }

    #[test]
    fn keys_are_columns_or_metadata() {
        assert_eq!(shown("title=a = b"), "title=a = b");
        assert_eq!(shown("tenant="), "tenant=");
        assert_eq!(shown("team=people"), "metadata.team=people");
        assert_eq!(shown("metadata.title=x"), "metadata.title=x");
        assert_eq!(shown("acl_readers=group:a"), "metadata.acl_readers=group:a", "no way to the list");
        assert_eq!(shown("x' OR 1=1 --"), "metadata.x' OR 1=1 --");
        for column in COLUMNS {
            let text = format!("{column}=v");
            assert_eq!(shown(&text), text);
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        assert!(matches!(Condition::parse("team"), Err(ConditionError::NoValue(_))));
        for text in ["=people", "metadata.=people", "="] {
            assert!(matches!(Condition::parse(text), Err(ConditionError::NoKey(_))), "{text}");
        }
        for text in [" team=x", "team =x", "metadata. team=x", "a\u{0}b=x"] {
            assert!(matches!(Condition::parse(text), Err(ConditionError::Blank(_))), "{text}");
        }
    }
}
