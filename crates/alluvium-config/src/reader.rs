//! Walks a parsed TOML document by hand, so that every error has a place, a key path, what was
//! expected and what was found.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use toml::de::{DeTable, DeValue};

use crate::env::{Lookup, interpolate};
use crate::error::{ConfigError, Problem, nearest};
use crate::places::{Places, join};
use crate::units::Reason;
use crate::value::Value;

/// What reading needs beside the tables.
pub(crate) struct Context<'a> {
    pub(crate) places: &'a Places,
    pub(crate) env: Lookup<'a>,
    /// Stands in for a table that the file leaves out, so that its defaults take the same way.
    pub(crate) empty: DeTable<'static>,
}

/// One table of the document.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    context: &'a Context<'a>,
    path: &'a str,
    table: &'a DeTable<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(context: &'a Context<'a>, path: &'a str, table: &'a DeTable<'a>) -> Self {
        Self { context, path, table }
    }

    /// The first key, in the order of the file, that is none of `valid`, is an error.
    pub(crate) fn check_keys(&self, valid: &[&str]) -> Result<(), ConfigError> {
        let unknown = self.table.keys().filter(|key| !valid.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let nearest = nearest(key.get_ref(), valid);
        let valid = valid.iter().map(|key| (*key).to_owned()).collect();
        Err(self.error(key.get_ref(), Problem::UnknownKey { valid, nearest }))
    }

    pub(crate) fn error(&self, key: &str, problem: Problem) -> ConfigError {
        self.context.places.error(&join(self.path, key), problem)
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        join(self.path, key)
    }

    pub(crate) fn missing(&self, key: &str, expected: &str) -> ConfigError {
        self.error(key, Problem::Missing { expected: expected.to_owned() })
    }

    fn wrong(&self, key: &str, expected: &str, found: impl fmt::Display) -> ConfigError {
        let (expected, found) = (expected.to_owned(), found.to_string());
        self.error(key, Problem::Wrong { expected, found, nearest: None })
    }

    fn get(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(key).map(|value| value.get_ref())
    }

    /// A string; `expected` says what it should be.
    pub(crate) fn text(&self, key: &str, expected: &'a str) -> Result<Option<Text<'a>>, ConfigError> {
        self.get(key).map(|value| self.text_of(join(self.path, key), value, expected)).transpose()
    }

    pub(crate) fn required(&self, key: &str, expected: &'a str) -> Result<Text<'a>, ConfigError> {
        self.text(key, expected)?.ok_or_else(|| self.missing(key, expected))
    }

    /// A list of strings.
    pub(crate) fn texts(&self, key: &str, item: &'a str) -> Result<Option<Vec<Text<'a>>>, ConfigError> {
        match self.get(key) {
            None => Ok(None),
            Some(DeValue::Array(items)) => {
                let path = join(self.path, key);
                let item = |(i, value): (usize, &'a toml::Spanned<DeValue<'a>>)| {
                    self.text_of(format!("{path}[{i}]"), value.get_ref(), item)
                };
                items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(self.wrong(key, "a list of strings", kind(other))),
        }
    }

    fn text_of(
        &self,
        path: String,
        value: &'a DeValue<'a>,
        expected: &'a str,
    ) -> Result<Text<'a>, ConfigError> {
        let wrong = |expected: String, found: String| {
            self.context.places.error(&path, Problem::Wrong { expected, found, nearest: None })
        };
        let DeValue::String(written) = value else { return Err(wrong(expected.to_owned(), kind(value))) };
        let text = interpolate(written, self.context.env).map_err(|e| wrong(e.expected, e.found))?;
        let places = self.context.places;
        Ok(Text { places, path, expected, written, value: text.value, hidden: text.hidden })
    }

    /// A whole number within `range`.
    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        match number.filter(|n| range.contains(n)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = range.into_inner();
                let expected = if least == most {
                    format!("the number {least}")
                } else {
                    format!("a whole number from {least} to {most}")
                };
                Err(self.wrong(key, &expected, kind(value)))
            }
        }
    }

    /// True or false.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.get(key) {
            None => Ok(None),
            Some(DeValue::Boolean(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(key, "true or false", kind(other))),
        }
    }

    /// A table, by what it holds; `None` where the file has none.
    pub(crate) fn table(&self, key: &str) -> Result<Option<&'a DeTable<'a>>, ConfigError> {
        match self.get(key) {
            None => Ok(None),
            Some(DeValue::Table(table)) => Ok(Some(table)),
            Some(other) => Err(self.wrong(key, "a table", kind(other))),
        }
    }

    /// The strings of a table that may have any keys, in the order of the file.
    pub(crate) fn entries(&self, expected: &'a str) -> Result<Vec<(&'a str, Text<'a>)>, ConfigError> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| key.span().start);
        let text = |(key, value): (&'a toml::Spanned<Cow<'a, str>>, &'a toml::Spanned<DeValue<'a>>)| {
            let path = join(self.path, key.get_ref());
            Ok((key.get_ref().as_ref(), self.text_of(path, value.get_ref(), expected)?))
        };
        entries.into_iter().map(text).collect()
    }

    /// The table `key` of the top level, read as empty where the file has none.
    pub(crate) fn section(&self, key: &'a str, valid: &[&str]) -> Result<Reader<'a>, ConfigError> {
        let table = self.table(key)?.unwrap_or(&self.context.empty);
        let reader = Reader::new(self.context, key, table);
        reader.check_keys(valid)?;
        Ok(reader)
    }

    /// The tables of an array of tables, each with its key path.
    pub(crate) fn tables(&self, key: &str) -> Result<Vec<(String, &'a DeTable<'a>)>, ConfigError> {
        let expected = format!("an array of tables: [[{key}]]");
        let Some(value) = self.get(key) else {
            return Err(self.missing(key, &format!("[[{key}]], at least one")));
        };
        let DeValue::Array(items) = value else { return Err(self.wrong(key, &expected, kind(value))) };
        if items.is_empty() {
            return Err(self.wrong(key, &expected, "an empty list"));
        }
        let path = join(self.path, key);
        let table = |(i, item): (usize, &'a toml::Spanned<DeValue<'a>>)| match item.get_ref() {
            DeValue::Table(table) => Ok((format!("{path}[{i}]"), table)),
            other => Err(self.wrong(key, &expected, format!("a list with {}", kind(other)))),
        };
        items.iter().enumerate().map(table).collect()
    }

    pub(crate) fn context(&self) -> &'a Context<'a> {
        self.context
    }
}

/// A string of the file after interpolation, still with its place.
pub(crate) struct Text<'a> {
    places: &'a Places,
    path: String,
    expected: &'a str,
    written: &'a str,
    value: String,
    hidden: bool,
}

impl Text<'_> {
    /// Makes a value of it. A reason that may quote the content is dropped where that is hidden.
    pub(crate) fn parse<T>(self, f: impl FnOnce(&str) -> Result<T, Reason>) -> Result<Value<T>, ConfigError> {
        match f(&self.value) {
            Ok(inner) => Ok(Value::new(inner, self.written.to_owned(), self.hidden)),
            Err(Reason::Owned(_)) if self.hidden => Err(self.wrong(None, None)),
            Err(reason) => Err(self.wrong(Some(&reason), None)),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(self, words: &[(&str, T)]) -> Result<T, ConfigError> {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == self.value) {
            return Ok(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let nearest = if self.hidden { None } else { nearest(&self.value, &names) };
        Err(self.wrong(None, nearest))
    }

    /// Whether it holds the content of an environment variable.
    pub(crate) fn is_interpolated(&self) -> bool {
        self.hidden
    }

    /// The string itself.
    pub(crate) fn plain(self) -> Value<String> {
        Value::new(self.value, self.written.to_owned(), self.hidden)
    }

    fn wrong(&self, reason: Option<&str>, nearest: Option<String>) -> ConfigError {
        let mut found = quote(self.written);
        if let Some(reason) = reason {
            found = format!("{found} ({reason})");
        }
        self.places.error(&self.path, Problem::Wrong { expected: self.expected.to_owned(), found, nearest })
    }
}

/// A string of the file in quotes, escaped and bounded.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or("")),
        None => format!("{text:?}"),
    }
}

/// What a value is, for people. Strings are shown as written, before interpolation.
fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", quote(text)),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
