//! What a log's messages are: the native change event, or something else that says what became of a
//! document.

use alluvium_core::change::DocumentChange;
use alluvium_core::hash::Sha256;
use alluvium_core::version::Version;

use super::cloudevents::{self, EventTypes};
use super::debezium::Columns;
use super::shape::{Event, Op};
use super::{EventError, EventRules, convert, native, notification};

/// What messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFormat {
    /// The native change event; the key is the document's id.
    DocumentChange,
    /// Row changes as Debezium captures them.
    Debezium(Box<Columns>),
    /// CloudEvents; the key is the document's id.
    CloudEvents(Box<EventTypes>),
    /// What S3 and its kin say of their objects; the key is `bucket/key`.
    BucketNotifications,
}

/// A message of a log.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Its key.
    pub key: &'m [u8],
    /// Its value.
    pub value: Option<&'m [u8]>,
    /// The names and values of its headers; `None` where they can't be read.
    pub headers: Option<&'m [(&'m str, &'m [u8])]>,
}

impl EventFormat {
    /// The change that a message says; `None` where it says nothing of any document's content. Its key and
    /// its value must name one document: only changes of one key come in order. Without a value the document
    /// is gone. Blocks where the content is a reference.
    pub fn change(
        &self,
        message: &Message<'_>,
        rules: &EventRules,
        log: Version,
        position: String,
    ) -> Result<Option<DocumentChange>, EventError> {
        let key = self.id_of_key(message.key)?;
        let Some(event) = self.event(message, &key)? else { return Ok(None) };
        let hash = Sha256::of(message.value.unwrap_or_default());
        let change = convert(event, hash, rules, log, position)?;
        if change.doc_id.local() != key {
            let [key, id] = [&key, change.doc_id.local()].map(super::shorten);
            let detail =
                format!("the message's key is {key:?}, and the event's id is {id:?}: they must be equal");
            return Err(EventError::new(detail));
        }
        Ok(Some(change))
    }

    fn event(&self, message: &Message<'_>, key: &str) -> Result<Option<Event>, EventError> {
        let event = match (self, message.value) {
            (Self::BucketNotifications, Some(value)) => return notification::event(value),
            (Self::DocumentChange, Some(value)) => native(value),
            (Self::Debezium(columns), Some(value)) => columns.event(value, key),
            (Self::CloudEvents(types), Some(_)) => types.event(message),
            (Self::CloudEvents(types), None) if cloudevents::has_attributes(message) => types.event(message),
            (_, None) => Ok(Event::new(Op::Delete, key.to_owned())),
        };
        event.map(Some)
    }

    fn id_of_key(&self, key: &[u8]) -> Result<String, EventError> {
        if let Self::Debezium(columns) = self {
            return columns.id_of_key(key);
        }
        match std::str::from_utf8(key) {
            Ok(key) => Ok(key.to_owned()),
            Err(_) => Err(EventError::new("the message's key is not UTF-8")),
        }
    }
}
