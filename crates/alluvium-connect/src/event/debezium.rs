//! Row changes as Debezium captures them, with columns that say what a document is.
//!
//! | value | becomes |
//! |---|---|
//! | an envelope with `op` `c`, `u` or `r`, bare or beneath `payload` | an upsert of the row `after` |
//! | an envelope with `op` `d` | a deletion of the row `before`, or of the row that the key names |
//! | a bare row, as its `ExtractNewRecordState` leaves it | an upsert, or with `__deleted` a deletion |
//! | none | a deletion of the row that the key names |
//!
//! MongoDB's rows are texts of extended JSON. A column whose value was not logged ([`Unavailable`]) is as it was:
//! never its placeholder. Where that is the text, the change is one around a text that stays.
//!
//! A row has no version that grows: one that was deleted and inserted anew may begin again. Changes of one
//! row share a partition, so that the place in the log orders them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::EventError;
use super::shape::{Acl, Content, Event, Instead, Op};

mod mongo;
mod unavailable;

pub use unavailable::{UNAVAILABLE, Unavailable};

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
    /// What stands for a value that was not logged.
    pub unavailable: Unavailable,
}

type Row = Map<String, Value>;

/// What a person does about it.
const UNLOGGED: &str =
    "Debezium wrote its unavailable value; with REPLICA IDENTITY FULL every column is logged";

impl Columns {
    /// The id of the document that a message's key names.
    pub(super) fn id_of_key(&self, key: &[u8]) -> Result<String, EventError> {
        let key: Value = json("the message's key", key)?;
        let row = payload(&key).as_object();
        let row = row.ok_or_else(|| EventError::new("the message's key is no row"))?;
        // MongoDB's key has its document's `_id` as `id`, a text of extended JSON.
        let named = match (row.get(&self.id), row.get("id").and_then(Value::as_str)) {
            (None, Some(text)) if self.id == "_id" => self.text_of_id(&mongo::id(text)),
            _ => self.id_of(row),
        };
        named.map_err(|error| EventError::new(format!("the message's key: {}", error.detail)))
    }

    /// The event that a message's value is; `key` is the id that its key names.
    pub(super) fn event(&self, value: &[u8], key: &str) -> Result<Event, EventError> {
        let value: Value = json("the message's value", value)?;
        let payload = payload(&value);
        let payload = payload
            .as_object()
            .ok_or_else(|| EventError::new("the message's value is no change of a row"))?;
        let Some(op) = payload.get("op").and_then(Value::as_str).filter(|_| is_envelope(payload)) else {
            let deleted =
                payload.get("__deleted").is_some_and(|flag| flag == "true" || *flag == Value::Bool(true));
            return if deleted { self.deletion(payload, key) } else { self.upsert(payload) };
        };
        match op {
            "c" | "u" | "r" => self.upsert(row(payload, "after")?.as_ref()),
            // What was there before may not have been logged, or only in part.
            "d" => match payload.get("before") {
                None | Some(Value::Null) => Ok(Event::new(Op::Delete, key.to_owned())),
                Some(_) => self.deletion(row(payload, "before")?.as_ref(), key),
            },
            "t" => Err(EventError::new(
                "a truncated table: which documents went can't be told; rescan its source",
            )),
            op => Err(EventError::new(format!("op {:?} is not one of c, r, u, d and t", super::shorten(op)))),
        }
    }

    fn upsert(&self, row: &Row) -> Result<Event, EventError> {
        let text = column(row, &self.text)?;
        let text_is_left = self.unavailable.is_in(text);
        let content = match text {
            _ if text_is_left => None,
            Value::String(text) => Some(text.clone()),
            // A row without a text is a document without one.
            Value::Null => Some(String::new()),
            _ => return Err(EventError::new(format!("column {} is no text", self.text))),
        };
        let (pairs, left) = self.metadata_of(row)?;
        // A new text comes with all that is said around it: the index would have to mix two rows otherwise.
        let unlogged =
            content.as_ref().filter(|text| !text.is_empty()).and_then(|_| self.unlogged(row, &left));
        let readers = match &self.readers {
            Some(name) => Some(self.readers_of(name, column(row, name)?)?),
            None => None,
        };
        let content = content.filter(|_| unlogged.is_none());
        let missing = || format!("column {} was not logged ({UNLOGGED})", self.text);
        Ok(Event {
            content: content.map(|text| Content { text: Some(text), ..Content::of(&self.media_type) }),
            instead: match unlogged {
                Some(name) => Some(Instead::Refused(format!("column {name} was not logged ({UNLOGGED})"))),
                None => text_is_left.then(|| Instead::Left { metadata: left, missing: missing() }),
            },
            acl_left: readers == Some(None),
            acl: readers.flatten().map(Acl::of_readers),
            title: self.shown(row, self.title.as_deref())?,
            uri: self.shown(row, self.uri.as_deref())?,
            metadata: Some(pairs),
            ..Event::new(Op::Upsert, self.id_of(row)?)
        })
    }

    /// The first column of those around the text that was not logged.
    fn unlogged(&self, row: &Row, left: &[String]) -> Option<String> {
        let around = [&self.title, &self.uri].into_iter().flatten();
        let unlogged = |name: &&String| row.get(*name).is_some_and(|value| self.unavailable.is_in(value));
        around.chain(left).find(unlogged).cloned()
    }

    fn shown(&self, row: &Row, name: Option<&str>) -> Result<Option<String>, EventError> {
        let Some(name) = name else { return Ok(None) };
        let value = column(row, name)?;
        let is_said = !value.is_null() && !self.unavailable.is_in(value);
        Ok(is_said.then(|| plain(value)))
    }

    /// The pairs of a row, and the columns of which it says nothing.
    fn metadata_of(&self, row: &Row) -> Result<(BTreeMap<String, String>, Vec<String>), EventError> {
        let (mut pairs, mut left) = (BTreeMap::new(), Vec::new());
        for name in &self.metadata {
            match column(row, name)? {
                Value::Null => {}
                value if self.unavailable.is_in(value) => left.push(name.clone()),
                value => drop(pairs.insert(name.clone(), plain(value))),
            }
        }
        Ok((pairs, left))
    }

    /// The principals of a column; `None` where it is as it was. One that is not there, or is something else,
    /// must not publish: nobody reads it then.
    fn readers_of(&self, name: &str, value: &Value) -> Result<Option<Vec<String>>, EventError> {
        let wrong =
            || EventError::new(format!("column {name} is no list of principals, nor a text that holds one"));
        if self.unavailable.is_in(value) {
            return Ok(None);
        }
        let parsed = value.as_str().map(serde_json::from_str::<Value>).transpose().map_err(|_| wrong())?;
        let list = parsed.as_ref().unwrap_or(value);
        if self.unavailable.is_in(list) {
            return Ok(None);
        }
        let one = |reader: &Value| reader.as_str().map(str::to_owned).ok_or_else(wrong);
        list.as_array().ok_or_else(wrong)?.iter().map(one).collect::<Result<_, _>>().map(Some)
    }

    fn deletion(&self, row: &Row, key: &str) -> Result<Event, EventError> {
        let id = if row.contains_key(&self.id) { self.id_of(row)? } else { key.to_owned() };
        Ok(Event::new(Op::Delete, id))
    }

    fn id_of(&self, row: &Row) -> Result<String, EventError> {
        self.text_of_id(column(row, &self.id)?)
    }

    fn text_of_id(&self, id: &Value) -> Result<String, EventError> {
        match id {
            value if self.unavailable.is_in(value) => {
                Err(EventError::new(format!("column {} was not logged ({UNLOGGED})", self.id)))
            }
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

fn row<'v>(payload: &'v Row, side: &str) -> Result<Cow<'v, Row>, EventError> {
    match payload.get(side) {
        Some(Value::Object(row)) => Ok(Cow::Borrowed(row)),
        Some(Value::String(text)) => mongo::row(side, text).map(Cow::Owned),
        _ if payload.contains_key("updateDescription") => Err(EventError::new(format!(
            "the change has no row {side:?} but what was updated in it: set the connector's capture.mode to \
             change_streams_update_full"
        ))),
        _ => Err(EventError::new(format!("the change has no row {side:?}"))),
    }
}

fn column<'v>(row: &'v Row, name: &str) -> Result<&'v Value, EventError> {
    row.get(name).ok_or_else(|| EventError::new(format!("the row has no column {name}")))
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
