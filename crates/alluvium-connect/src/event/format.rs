//! What a log's messages are: the native change event, or something else that says what became of a
//! document.

use alluvium_core::change::DocumentChange;
use alluvium_core::hash::Sha256;
use alluvium_core::version::Version;

use super::debezium::Columns;
use super::{EventError, EventRules, convert, deletion, native};

/// What messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFormat {
    /// The native change event; the key is the document's id.
    DocumentChange,
    /// Row changes as Debezium captures them.
    Debezium(Box<Columns>),
}

impl EventFormat {
    /// The change that a message says. Its key and its value must name one document: only changes of one key
    /// come in order. Without a value the document is gone. Blocks where the content is a reference.
    pub fn change(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        rules: &EventRules,
        log: Version,
        position: String,
    ) -> Result<DocumentChange, EventError> {
        let key = self.id_of_key(key)?;
        let Some(value) = value else {
            return deletion(&key, rules, log, position);
        };
        let event = match self {
            Self::DocumentChange => native(value)?,
            Self::Debezium(columns) => columns.event(value)?,
        };
        let change = convert(event, Sha256::of(value), rules, log, position)?;
        if change.doc_id.local() != key {
            let [key, id] = [&key, change.doc_id.local()].map(super::shorten);
            let detail =
                format!("the message's key is {key:?}, and the event's id is {id:?}: they must be equal");
            return Err(EventError::new(detail));
        }
        Ok(change)
    }

    fn id_of_key(&self, key: &[u8]) -> Result<String, EventError> {
        match self {
            Self::DocumentChange => match std::str::from_utf8(key) {
                Ok(key) => Ok(key.to_owned()),
                Err(_) => Err(EventError::new("the message's key is not UTF-8")),
            },
            Self::Debezium(columns) => columns.id_of_key(key),
        }
    }
}
