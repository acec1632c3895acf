//! Row changes as Debezium captures them, with columns that say what a document is.
//!
//! | value | becomes |
//! |---|---|
//! | an envelope with `op` `c`, `u` or `r`, bare or beneath `payload` | an upsert of the row `after` |
//! | an envelope with `op` `d` | a deletion of the row `before` |
//! | a bare row, as its `ExtractNewRecordState` leaves it | an upsert, or with `__deleted` a deletion |
//! | none | a deletion of the row that the key names |
//!
//! A row has no version that grows: one that was deleted and inserted anew may begin again. Changes of one
//! row share a partition, so that the place in the log orders them.

use serde_json::{Map, Value};

use super::EventError;
use super::shape::{Acl, Content, Event, Op};

/// What the columns of a row are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The document's id; a column of the key, too.
    pub id: String,
    /// The text.
    pub text: String,
    /// The MIME type of the texts.
    pub media_type: String,
    /// The title to show.
    pub title: Option<String>,
    /// Where a person finds the document.
    pub uri: Option<String>,
    /// Principals that may read it: a list, or a text that holds one as JSON.
    pub readers: Option<String>,
    /// Columns that become metadata of the same name.
    pub metadata: Vec<String>,
}

type Row = Map<String, Value>;

impl Columns {
    /// The id of the document that a message's key names.
    pub(super) fn id_of_key(&self, key: &[u8]) -> Result<String, EventError> {
        let key: Value = json("the message's key", key)?;
        let row = payload(&key).as_object();
        let row = row.ok_or_else(|| EventError::new("the message's key is no row"))?;
        self.id_of(row).map_err(|error| EventError::new(format!("the message's key: {}", error.detail)))
    }

    /// The event that a message's value is.
    pub(super) fn event(&self, value: &[u8]) -> Result<Event, EventError> {
        let value: Value = json("the message's value", value)?;
        let payload = payload(&value);
        let payload = payload
            .as_object()
            .ok_or_else(|| EventError::new("the message's value is no change of a row"))?;
        let Some(op) = payload.get("op").and_then(Value::as_str).filter(|_| is_envelope(payload)) else {
            let deleted =
                payload.get("__deleted").is_some_and(|flag| flag == "true" || *flag == Value::Bool(true));
            return if deleted { self.deletion(payload) } else { self.upsert(payload) };
        };
        match op {
            "c" | "u" | "r" => self.upsert(row(payload, "after")?),
            "d" => self.deletion(row(payload, "before")?),
            "t" => Err(EventError::new(
                "a truncated table: which documents went can't be told; rescan its source",
            )),
            op => Err(EventError::new(format!("op {:?} is not one of c, r, u, d and t", super::shorten(op)))),
        }
    }

    fn upsert(&self, row: &Row) -> Result<Event, EventError> {
        let text = match column(row, &self.text)? {
            Value::String(text) => text.clone(),
            // A row without a text is a document without one.
            Value::Null => String::new(),
            _ => return Err(EventError::new(format!("column {} is no text", self.text))),
        };
        let content = Content { text: Some(text), ..Content::of(&self.media_type) };
        let shown = |name: &Option<String>| {
            let value = name.as_ref().map(|name| column(row, name)).transpose()?;
            Ok(value.filter(|value| !value.is_null()).map(plain))
        };
        let metadata = self.metadata.iter().map(|name| Ok((name.clone(), column(row, name)?)));
        let metadata = metadata.collect::<Result<Vec<_>, EventError>>()?;
        let metadata = metadata.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Event {
            content: Some(content),
            acl: self.readers.as_ref().map(|name| readers(name, column(row, name)?)).transpose()?,
            title: shown(&self.title)?,
            uri: shown(&self.uri)?,
            metadata: Some(metadata.map(|(name, value)| (name, plain(value))).collect()),
            ..Event::new(Op::Upsert, self.id_of(row)?)
        })
    }

    fn deletion(&self, row: &Row) -> Result<Event, EventError> {
        Ok(Event::new(Op::Delete, self.id_of(row)?))
    }

    fn id_of(&self, row: &Row) -> Result<String, EventError> {
        match column(row, &self.id)? {
            value @ (Value::String(_) | Value::Number(_)) => Ok(plain(value)),
            _ => Err(EventError::new(format!("column {} is neither a text nor a number", self.id))),
        }
    }
}

/// What of a message stands beside its schema, where it was written with one.
fn payload(value: &Value) -> &Value {
    match value.get("payload") {
        Some(payload) if value.get("schema").is_some() => payload,
        _ => value,
    }
}

/// A row may have a column that is called `op`.
fn is_envelope(payload: &Row) -> bool {
    payload.contains_key("after") || payload.contains_key("before") || payload.contains_key("source")
}

fn row<'v>(payload: &'v Row, side: &str) -> Result<&'v Row, EventError> {
    let row = payload.get(side).and_then(Value::as_object);
    row.ok_or_else(|| EventError::new(format!("the change has no row {side:?}")))
}

fn column<'v>(row: &'v Row, name: &str) -> Result<&'v Value, EventError> {
    row.get(name).ok_or_else(|| EventError::new(format!("the row has no column {name}")))
}

/// A list of readers. One that is not there, or is something else, must not publish: nobody reads it then.
fn readers(name: &str, value: &Value) -> Result<Acl, EventError> {
    let wrong =
        || EventError::new(format!("column {name} is no list of principals, nor a text that holds one"));
    let parsed;
    let list = match value {
        Value::String(text) => {
            parsed = serde_json::from_str::<Value>(text).map_err(|_| wrong())?;
            parsed.as_array()
        }
        value => value.as_array(),
    };
    let one = |reader: &Value| reader.as_str().map(str::to_owned).ok_or_else(wrong);
    Ok(Acl::of_readers(list.ok_or_else(wrong)?.iter().map(one).collect::<Result<_, _>>()?))
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json(what: &str, bytes: &[u8]) -> Result<Value, EventError> {
    serde_json::from_slice(bytes).map_err(|error| EventError::new(format!("{what} is no JSON: {error}")))
}

#[cfg(test)]
mod tests;
