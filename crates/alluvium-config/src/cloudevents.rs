//! `[source.cloudevents]`: what the types of events mean.

use serde::Serialize;

use crate::error::{ConfigError, Problem};
use crate::reader::{Reader, Text, quote};
use crate::units::Reason;
use crate::value::Value;

pub(crate) const CLOUDEVENTS: &[&str] = &["upsert", "delete"];

const TYPE: &str = "a type of events that has no other meaning yet, such as \"com.example.page.saved\"";
/// Its data is the native change event.
const NATIVE: &str = "alluvium.document_change.v1";

/// `[source.cloudevents]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CloudEventSettings {
    /// Types of events whose data is the content of the document `subject`.
    pub upsert: Vec<Value<String>>,
    /// Types of events by which the document `subject` is gone.
    pub delete: Vec<Value<String>>,
}

/// Without the table, native change events alone have a meaning.
pub(crate) fn parse_cloudevents(source: &Reader<'_>) -> Result<CloudEventSettings, ConfigError> {
    let Some(table) = source.table("cloudevents")? else { return Ok(CloudEventSettings::default()) };
    let path = source.path_of("cloudevents");
    let reader = Reader::new(source.context(), &path, table);
    reader.check_keys(CLOUDEVENTS)?;
    let upsert = parse_types(&reader, "upsert", &[])?;
    let delete = parse_types(&reader, "delete", &upsert)?;
    Ok(CloudEventSettings { upsert, delete })
}

/// Types, none of which is given twice or among `others`.
fn parse_types(
    reader: &Reader<'_>,
    key: &str,
    others: &[Value<String>],
) -> Result<Vec<Value<String>>, ConfigError> {
    let texts = reader.texts(key, TYPE)?.unwrap_or_default();
    let types = texts.into_iter().map(|text: Text<'_>| text.parse(event_type));
    let types = types.collect::<Result<Vec<_>, _>>()?;
    for (i, one) in types.iter().enumerate() {
        if types.iter().take(i).chain(others).any(|other| **other == **one) {
            let found = format!("{} twice", quote(one.written()));
            let problem = Problem::Wrong { expected: TYPE.to_owned(), found, nearest: None };
            return Err(reader.error(key, problem));
        }
    }
    Ok(types)
}

fn event_type(text: &str) -> Result<String, Reason> {
    match text {
        "" => Err("is empty".into()),
        NATIVE => Err("is the native change event, which needs no mention".into()),
        text if text.chars().any(char::is_control) => Err("holds a control character".into()),
        text => Ok(text.to_owned()),
    }
}
