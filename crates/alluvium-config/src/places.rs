//! Where each key of a file stands, so that any error about a key path finds its line, also long after
//! parsing. Holds positions and key names only, never values.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::{ConfigError, Problem};

/// The places of all keys of one file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Places {
    file: String,
    keys: BTreeMap<String, (usize, usize)>,
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Places").field(&self.file).finish()
    }
}

/// `key` beneath the key path `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

impl Places {
    pub(crate) fn collect(file: &Path, text: &str, table: &DeTable<'_>) -> Self {
        let mut places = Self { file: file.display().to_string(), keys: BTreeMap::new() };
        places.add_table(&Lines::of(text), "", table);
        places
    }

    fn add_table(&mut self, lines: &Lines<'_>, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.keys.insert(path.clone(), lines.at(key.span().start));
            self.add_value(lines, &path, value.get_ref());
        }
    }

    fn add_value(&mut self, lines: &Lines<'_>, path: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.add_table(lines, path, table),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.keys.insert(path.clone(), lines.at(item.span().start));
                    self.add_value(lines, &path, item.get_ref());
                }
            }
            _ => {}
        }
    }

    /// An error at a key; a key that is not in the file is looked for where it would belong.
    pub(crate) fn error(&self, key: &str, problem: Problem) -> ConfigError {
        let (line, column) = self.find(key);
        ConfigError { file: self.file.clone(), line, column, key: key.to_owned(), problem: Box::new(problem) }
    }

    fn find(&self, key: &str) -> (usize, usize) {
        let mut path = key;
        loop {
            if let Some(place) = self.keys.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(parent) => path = parent,
                None => return (1, 1),
            }
        }
    }

    /// The error of a text that is not TOML.
    pub(crate) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
        let (line, column) = Lines::of(text).at(error.span().map_or(0, |span| span.start));
        // Only the message: the error's own `Display` would quote the line.
        let problem = Box::new(Problem::Syntax(error.message().replace('\n', ", ")));
        ConfigError { file: file.display().to_string(), line, column, key: String::new(), problem }
    }
}

/// Byte offsets → line and column.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { text, starts }
    }

    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        (line, column)
    }
}
