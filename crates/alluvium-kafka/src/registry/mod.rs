//! Messages that are framed for a schema registry: a zero byte, four bytes of a schema's id, and what was
//! written with that schema. They become the JSON text that the event formats read.
//!
//! Invariants:
//! - Only the registry's own word that it does not know a schema, a schema that can't be used, and bytes that
//!   do not fit theirs refuse a message. Whatever else keeps a schema from us is the source's to wait for.
//! - What a message or an answer of the registry may cost is bounded: in bytes, in depth and in time. Kept
//!   schemas are, too, and refusals of schemas are forgotten soon.
//!
//! Known to be weak: how long a JSON Schema takes to check and how deep that goes is the schema's say. Who may
//! register one is trusted not to stop us.

mod avro;
mod client;
mod json;
mod schema;
mod schemas;

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use alluvium_connect::event::EventError;
use alluvium_core::quarantine::Cause;
use schema_registry_converter::schema_registry_common::{BytesResult, get_bytes_result};

use client::Client;
use schemas::Schemas;

/// A registry of schemas, as Confluent's answers.
#[derive(Debug, Clone)]
pub struct SchemaRegistrySpec {
    /// Where it answers, tried in turn.
    pub urls: Vec<String>,
    /// Who we are to it.
    pub credentials: Option<RegistryCredentials>,
    /// Certificates (PEM) that vouch for that of the registry; the system's without.
    pub ca: Option<PathBuf>,
    /// Whether keys are framed, too.
    pub keys: bool,
}

/// Name and password for a registry.
#[derive(Clone)]
pub struct RegistryCredentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for RegistryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryCredentials").finish_non_exhaustive()
    }
}

/// Why a message can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// The registry does not say: it is asked again later.
    Away(String),
    /// It can't be read at all.
    Refused(String),
    /// As JSON it is larger than an event may be.
    TooLarge,
}

/// Takes framed keys and values apart.
pub(crate) struct Registry {
    keys: bool,
    /// The most bytes of JSON.
    most: u64,
    schemas: RefCell<Schemas>,
}

impl Registry {
    /// Nothing is connected yet.
    pub(crate) fn new(spec: SchemaRegistrySpec, most: u64) -> Result<Self, String> {
        let keys = spec.keys;
        Ok(Self { keys, most, schemas: RefCell::new(Schemas::new(Client::new(spec)?)) })
    }

    /// The key as formats read it: a text is the text itself.
    pub(crate) fn key(&self, key: &[u8]) -> Result<Vec<u8>, EventError> {
        if !self.keys {
            return Ok(key.to_vec());
        }
        let json = self.unframed("key", key)?;
        Ok(serde_json::from_slice::<String>(&json).map(String::into_bytes).unwrap_or(json))
    }

    /// The value as formats read it.
    pub(crate) fn value(&self, value: &[u8]) -> Result<Vec<u8>, EventError> {
        self.unframed("value", value)
    }

    fn unframed(&self, what: &str, bytes: &[u8]) -> Result<Vec<u8>, EventError> {
        let (id, payload) = match get_bytes_result(Some(bytes)) {
            BytesResult::Valid(id, payload) => (id, payload),
            BytesResult::Null | BytesResult::Invalid(_) => {
                let detail = "is not framed for a schema registry: a zero byte and four of a schema's id";
                return Err(EventError::new(format!("the message's {what} {detail}")));
            }
        };
        let schema = self.schemas.borrow_mut().get(id);
        schema.and_then(|schema| schema.json(payload, self.most)).map_err(|trouble| match trouble {
            Trouble::Away(detail) => {
                let detail = format!("schema {id}: {detail}");
                EventError { transient: true, ..EventError::of(Cause::Unreadable, detail) }
            }
            Trouble::Refused(detail) => {
                EventError::new(format!("the message's {what}, schema {id}: {}", shorten(&detail)))
            }
            Trouble::TooLarge => {
                let detail = format!("the message's {what} as JSON; max_event_size is {}", self.most);
                EventError::of(Cause::TooLarge, detail)
            }
        })
    }
}

/// The start of a text that somebody else made, for a message.
fn shorten(text: &str) -> String {
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests;
