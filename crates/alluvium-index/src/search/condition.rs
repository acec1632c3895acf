//! Conditions on hits: `KEY=VALUE`, and comparisons of times and numbers. A row without the value meets none.

use std::fmt;
use std::str::FromStr;

use datafusion_expr::{Expr, col, lit};

use crate::filter::{equals, holds, lacks};
use crate::search::moment::Moment;

/// Columns of text that a condition's key may name.
const TEXTS: [&str; 8] =
    ["source", "doc_id", "uri", "title", "media_type", "language", "classification", "tenant"];
/// Columns of times.
const TIMES: [&str; 4] = ["modified_at", "indexed_at", "event_time", "expires_at"];
/// Columns of numbers.
const NUMBERS: [&str; 6] = ["tokens", "chunk_index", "char_start", "char_end", "page_start", "page_end"];
/// Says that a key is one of `metadata`, also where a column has its name.
const METADATA: &str = "metadata.";

/// One condition. Its text never becomes SQL: a key is a known column's name or part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(On);

#[derive(Debug, Clone, PartialEq, Eq)]
enum On {
    Text { name: &'static str, is_equal: bool, value: String },
    Time { name: &'static str, comparison: Comparison, value: Moment },
    Number { name: &'static str, comparison: Comparison, value: i64 },
    Metadata { key: String, is_equal: bool, value: String },
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Why a condition can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// There is no comparison.
    #[error("the condition {0:?} is not KEY=VALUE, nor one of its kind such as KEY>=VALUE")]
    NoValue(String),
    /// There is nothing before the comparison.
    #[error("the condition {0:?} has no key")]
    NoKey(String),
    /// White space at an end of a key, or control characters in it: almost surely a mistake, and exact
    /// comparison would make it a silent one.
    #[error("the key of the condition {0:?} has white space at an end or a control character")]
    Blank(String),
    /// Text has no order that users would agree on.
    #[error("{key} is text, which is compared by = and != only; {}", ordered())]
    Unordered {
        /// The key.
        key: String,
    },
    /// Not a time.
    #[error(
        "{key} is a time, and {value:?} is none: write a day such as 2026-03-01, which means all of it in UTC, or a moment with its zone such as 2026-03-01T09:30:00Z"
    )]
    NoTime {
        /// The column.
        key: &'static str,
        /// What was written.
        value: String,
    },
    /// Not a number.
    #[error("{key} is a whole number, and {value:?} is none")]
    NoNumber {
        /// The column.
        key: &'static str,
        /// What was written.
        value: String,
    },
}

/// What can be compared by order, for messages.
fn ordered() -> String {
    format!(
        "times ({}) and numbers ({}) are compared by <, <=, > and >=, too",
        TIMES.join(", "),
        NUMBERS.join(", ")
    )
}

impl Condition {
    /// Reads `KEY=VALUE`, or the same with `!=`, `<`, `<=`, `>` or `>=`; the value is everything after the
    /// first comparison, and may be empty.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let own = || text.to_owned();
        let (key, comparison, value) = parts(text).ok_or_else(|| ConditionError::NoValue(own()))?;
        let metadata = key.strip_prefix(METADATA);
        let bare = metadata.unwrap_or(key);
        if bare.is_empty() {
            return Err(ConditionError::NoKey(own()));
        }
        if bare.trim() != bare || bare.chars().any(char::is_control) {
            return Err(ConditionError::Blank(own()));
        }
        let find =
            |names: &[&'static str]| names.iter().copied().find(|name| metadata.is_none() && *name == key);
        if let Some(name) = find(&TIMES) {
            let value = Moment::parse(value)
                .ok_or_else(|| ConditionError::NoTime { key: name, value: value.to_owned() })?;
            return Ok(Self(On::Time { name, comparison, value }));
        }
        if let Some(name) = find(&NUMBERS) {
            let value =
                value.parse().map_err(|_| ConditionError::NoNumber { key: name, value: value.to_owned() })?;
            return Ok(Self(On::Number { name, comparison, value }));
        }
        let is_equal = match comparison {
            Comparison::Equal => true,
            Comparison::Unequal => false,
            _ => return Err(ConditionError::Unordered { key: key.to_owned() }),
        };
        let value = value.to_owned();
        Ok(Self(match find(&TEXTS) {
            Some(name) => On::Text { name, is_equal, value },
            None => On::Metadata { key: bare.to_owned(), is_equal, value },
        }))
    }

    /// The condition as part of a filter.
    pub(crate) fn expression(&self) -> Expr {
        match &self.0 {
            On::Text { name, is_equal: true, value } => equals(name, value),
            On::Text { name, is_equal: false, value } => col(*name).not_eq(lit(value.clone())),
            On::Time { name, comparison, value } => value.compared(name, *comparison),
            On::Number { name, comparison, value } => comparison.of(col(*name), lit(*value)),
            On::Metadata { key, is_equal: true, value } => holds("metadata", &entry(key, value)),
            On::Metadata { key, is_equal: false, value } => lacks("metadata", &entry(key, value)),
        }
    }

    /// The key of the metadata that it is about; `None` where it is about a column.
    pub(crate) fn metadata_key(&self) -> Option<&str> {
        match &self.0 {
            On::Metadata { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether rows that lack the key meet it.
    pub(crate) fn is_met_by_absence(&self) -> bool {
        matches!(self.0, On::Metadata { is_equal: false, .. })
    }

    /// Every key that is a column.
    pub(crate) fn columns() -> impl Iterator<Item = &'static str> {
        TEXTS.into_iter().chain(TIMES).chain(NUMBERS)
    }
}

fn entry(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

/// Key, comparison and value.
fn parts(text: &str) -> Option<(&str, Comparison, &str)> {
    let at = text.find(['=', '<', '>'])?;
    let (key, rest) = text.split_at(at);
    for (sign, comparison) in [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ] {
        if let Some(value) = rest.strip_prefix(sign) {
            return Some((key, comparison, value));
        }
    }
    let value = rest.strip_prefix('=')?;
    match key.strip_suffix('!') {
        Some(key) => Some((key, Comparison::Unequal, value)),
        None => Some((key, Comparison::Equal, value)),
    }
}

impl Comparison {
    /// One expression compared with another.
    pub(crate) fn of(self, left: Expr, right: Expr) -> Expr {
        match self {
            Self::Equal => left.eq(right),
            Self::Unequal => left.not_eq(right),
            Self::Less => left.lt(right),
            Self::AtMost => left.lt_eq(right),
            Self::Greater => left.gt(right),
            Self::AtLeast => left.gt_eq(right),
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
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
        let sign = |is_equal: &bool| if *is_equal { "=" } else { "!=" };
        match &self.0 {
            On::Text { name, is_equal, value } => write!(f, "{name}{}{value}", sign(is_equal)),
            On::Time { name, comparison, value } => write!(f, "{name}{}{value}", comparison.sign()),
            On::Number { name, comparison, value } => write!(f, "{name}{}{value}", comparison.sign()),
            On::Metadata { key, is_equal, value } => write!(f, "{METADATA}{key}{}{value}", sign(is_equal)),
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
        assert_eq!(shown("team!=people"), "metadata.team!=people");
        assert_eq!(shown("metadata.title=x"), "metadata.title=x");
        assert_eq!(shown("metadata.tokens=x"), "metadata.tokens=x");
        assert_eq!(shown("acl_readers=group:a"), "metadata.acl_readers=group:a", "no way to the list");
        assert_eq!(shown("x' OR 1=1 --"), "metadata.x' OR 1=1 --");
        assert_eq!(shown("title=a>=b"), "title=a>=b");
        for column in TEXTS {
            let text = format!("{column}=v");
            assert_eq!(shown(&text), text);
        }
        for sign in ["=", "!=", "<", "<=", ">", ">="] {
            for (column, value) in
                TIMES.map(|c| (c, "2026-03-01")).into_iter().chain(NUMBERS.map(|c| (c, "7")))
            {
                let text = format!("{column}{sign}{value}");
                assert_eq!(shown(&text), text);
            }
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        assert!(matches!(Condition::parse("team"), Err(ConditionError::NoValue(_))));
        for text in ["=people", "metadata.=people", "=", "!=x", ">=1", "<"] {
            assert!(matches!(Condition::parse(text), Err(ConditionError::NoKey(_))), "{text}");
        }
        for text in
            [" team=x", "team =x", "metadata. team=x", "a\u{0}b=x", "tokens >= 3", "modified_at < 2026-01-01"]
        {
            assert!(matches!(Condition::parse(text), Err(ConditionError::Blank(_))), "{text}");
        }
        for text in ["title>a", "metadata.year>=2020", "year<2020", "doc_id<=x"] {
            assert!(matches!(Condition::parse(text), Err(ConditionError::Unordered { .. })), "{text}");
        }
        for value in ["2026", "2026-03", "2026-13-01", "yesterday", "", "1700000000", "2026-03-01T10:00:00"] {
            for column in TIMES {
                let refused = Condition::parse(&format!("{column}={value}")).unwrap_err();
                assert!(refused.to_string().contains("2026-03-01T09:30:00Z"), "{refused}");
            }
        }
        for value in ["", "x", "1.5", "9223372036854775808", "0x1"] {
            assert!(matches!(
                Condition::parse(&format!("tokens>{value}")),
                Err(ConditionError::NoNumber { .. })
            ));
        }
    }
}
