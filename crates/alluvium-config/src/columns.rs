//! `[source.columns]`: what the columns of a captured row are.

use serde::Serialize;

use crate::error::ConfigError;
use crate::reader::{Reader, Text};
use crate::units::Reason;
use crate::value::Value;

const COLUMNS: &[&str] =
    &["id", "text", "media_type", "title", "uri", "readers", "metadata", "unavailable_value"];

const COLUMN: &str = "the name of a column";
const UNAVAILABLE: &str = "the connector's unavailable.value.placeholder";
const MEDIA_TYPE: &str = "\"text/plain\", \"text/markdown\" or \"text/html\"";

/// `[source.columns]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnSettings {
    /// Holds the document's id; a column of the key.
    pub id: Value<String>,
    /// Holds the text.
    pub text: Value<String>,
    /// The MIME type of the texts.
    pub media_type: String,
    /// Holds the title.
    pub title: Option<Value<String>>,
    /// Holds where a person finds the document.
    pub uri: Option<Value<String>>,
    /// Holds the principals that may read the document.
    pub readers: Option<Value<String>>,
    /// Become metadata.
    pub metadata: Vec<Value<String>>,
    /// What the connector writes for a column that was not logged, where that is not Debezium's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable_value: Option<Value<String>>,
}

pub(crate) fn parse_columns(source: &Reader<'_>) -> Result<ColumnSettings, ConfigError> {
    let table = source.table("columns")?;
    let table = table.ok_or_else(|| source.missing("columns", "a table that says what the columns are"))?;
    let path = source.path_of("columns");
    let reader = Reader::new(source.context(), &path, table);
    reader.check_keys(COLUMNS)?;
    let optional = |key| reader.text(key, COLUMN)?.map(|text| text.parse(column)).transpose();
    let metadata = reader.texts("metadata", COLUMN)?.unwrap_or_default();
    Ok(ColumnSettings {
        id: reader.required("id", COLUMN)?.parse(column)?,
        text: reader.required("text", COLUMN)?.parse(column)?,
        media_type: media_type(&reader)?,
        title: optional("title")?,
        uri: optional("uri")?,
        readers: optional("readers")?,
        unavailable_value: reader
            .text("unavailable_value", UNAVAILABLE)?
            .map(|text| text.parse(column))
            .transpose()?,
        metadata: metadata
            .into_iter()
            .map(|text: Text<'_>| text.parse(metadata_column))
            .collect::<Result<_, _>>()?,
    })
}

/// Of text only: a column of text holds no PDF.
fn media_type(reader: &Reader<'_>) -> Result<String, ConfigError> {
    let words = ["text/plain", "text/markdown", "text/html"].map(|word| (word, word));
    let given = reader.text("media_type", MEDIA_TYPE)?.map(|text| text.word(&words)).transpose()?;
    Ok(given.unwrap_or("text/plain").to_owned())
}

fn column(text: &str) -> Result<String, Reason> {
    match text {
        "" => Err("is empty".into()),
        text if text.chars().any(char::is_control) => Err("holds a control character".into()),
        text => Ok(text.to_owned()),
    }
}

/// It becomes the key of a pair.
fn metadata_column(text: &str) -> Result<String, Reason> {
    if text.contains('=') { Err("holds an equals sign".into()) } else { column(text) }
}
