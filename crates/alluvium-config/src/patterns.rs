//! `include` and `exclude`: patterns that can match something.

use std::path::Path;

use alluvium_core::pattern::Pattern;
use globset::GlobBuilder;

use crate::error::{ConfigError, Problem};
use crate::reader::{Reader, Text};
use crate::units::Reason;
use crate::value::Value;

const GLOB: &str = "a glob such as \"**/*.md\"";
/// The end of an access list's name; no such file is ever a document.
const SIDECAR: &str = ".acl.toml";

/// What is included; everything where the file does not say.
pub(crate) fn parse_include(
    reader: &Reader<'_>,
    root: &Value<std::path::PathBuf>,
    hidden: bool,
) -> Result<Vec<Value<String>>, ConfigError> {
    let Some(texts) = reader.texts("include", GLOB)? else {
        return Ok(vec![Value::new("**/*".to_owned(), "**/*".to_owned(), false)]);
    };
    if texts.is_empty() {
        let found = "an empty list, which includes nothing".to_owned();
        let expected = "at least one glob".to_owned();
        return Err(reader.error("include", Problem::Wrong { expected, found, nearest: None }));
    }
    let check = |text: &str| {
        let pattern = checked(text, root)?;
        if let Some(part) = pattern.unmeant().filter(|_| !hidden) {
            return Err(Reason::Owned(format!(
                "matches no file: names such as {part} are left out; hidden = true brings them back"
            )));
        }
        if text.ends_with(SIDECAR) {
            return Err(Reason::Borrowed("matches no document: an access list is none"));
        }
        Ok(text.to_owned())
    };
    texts.into_iter().map(|text: Text<'_>| text.parse(check)).collect()
}

/// What is excluded.
pub(crate) fn parse_exclude(
    reader: &Reader<'_>,
    root: &Value<std::path::PathBuf>,
) -> Result<Vec<Value<String>>, ConfigError> {
    let texts = reader.texts("exclude", GLOB)?.unwrap_or_default();
    let check = |text: &str| checked(text, root).map(|_| text.to_owned());
    texts.into_iter().map(|text: Text<'_>| text.parse(check)).collect()
}

fn checked(text: &str, root: &Path) -> Result<Pattern, Reason> {
    let pattern = Pattern::parse(text).map_err(|e| Reason::Owned(e.to_string()))?;
    if text.starts_with('/') && Path::new(text).starts_with(root) {
        return Err(Reason::Borrowed("is a path of this machine; patterns are of paths beneath the root"));
    }
    for glob in pattern.globs() {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        built.map_err(|e| Reason::Owned(e.kind().to_string()))?;
    }
    Ok(pattern)
}
