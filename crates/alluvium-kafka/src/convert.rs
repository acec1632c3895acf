//! A message → a change. No message is lost: one that is no event is refused under an id of its own.

use alluvium_connect::event::{EventError, EventRules, event_id};
use alluvium_core::change::DocumentChange;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::quarantine::Cause;
use alluvium_core::source::SourceError;
use alluvium_core::version::{Version, VersionKind};
use jiff::Timestamp;
use rdkafka::Message;

use crate::registry::Registry;

/// A message and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'m> {
    pub(crate) topic: &'m str,
    pub(crate) partition: i32,
    pub(crate) offset: u64,
    /// The partition's life.
    pub(crate) incarnation: &'m str,
    pub(crate) key: Option<&'m [u8]>,
    pub(crate) value: Option<&'m [u8]>,
    pub(crate) time: Option<Timestamp>,
}

impl<'m> Received<'m> {
    pub(crate) fn of(message: &'m impl Message, incarnation: &'m str) -> Self {
        let time = message.timestamp().to_millis();
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: offset(message),
            incarnation,
            key: message.key(),
            value: message.payload(),
            time: time.and_then(|time| Timestamp::from_millisecond(time).ok()),
        }
    }

    /// The version that a message has by its place.
    pub(crate) fn log_version(&self) -> Version {
        Version { incarnation: self.incarnation.to_owned(), kind: VersionKind::Log, value: self.offset }
    }

    /// Its refusal, under an id of its own.
    pub(crate) fn refused(
        &self,
        error: EventError,
        source: &SourceName,
        hash: Option<Sha256>,
    ) -> Result<DocumentChange, SourceError> {
        let Self { topic, partition, offset, .. } = self;
        let detail = format!("topic {topic}, partition {partition}, offset {offset}: {}", error.detail);
        let id = event_id(source, self.incarnation, *offset)?;
        Ok(EventError { detail, ..error }.refused(id, self.log_version(), self.position(), hash))
    }

    /// The place, for people and for the quarantine.
    pub(crate) fn position(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// A message's offset; none is negative.
pub(crate) fn offset(message: &impl Message) -> u64 {
    u64::try_from(message.offset()).unwrap_or(0)
}

/// What events are read with.
pub(crate) struct Reading {
    pub(crate) rules: EventRules,
    /// What takes messages out of their frames, where they have some.
    pub(crate) registry: Option<Registry>,
}

/// The change of an event. After an error the message is to be read again.
pub(crate) fn event_change(message: &Received<'_>, reading: &Reading) -> Result<DocumentChange, SourceError> {
    let rules = &reading.rules;
    match read(message, reading) {
        Ok(mut change) => {
            change.origin.event_time = change.origin.event_time.or(message.time);
            Ok(change)
        }
        Err(error) => {
            let error = error.for_good(&rules.source)?;
            let hash = message.value.filter(|_| error.cause != Cause::TooLarge).map(Sha256::of);
            message.refused(error, &rules.source, hash)
        }
    }
}

fn read(message: &Received<'_>, Reading { rules, registry }: &Reading) -> Result<DocumentChange, EventError> {
    let size = message.value.map_or(0, <[u8]>::len) as u64;
    if size > rules.max_content {
        let detail = format!("{size} bytes; max_event_size is {}", rules.max_content);
        return Err(EventError::of(Cause::TooLarge, detail));
    }
    let key = message.key.ok_or_else(|| {
        EventError::new("the message has no key; it must be the id of the document that the event changes")
    })?;
    let Some(registry) = registry else {
        return rules.format.change(key, message.value, rules, message.log_version(), message.position());
    };
    let key = registry.key(key)?;
    let value = message.value.map(|value| registry.value(value)).transpose()?;
    rules.format.change(&key, value.as_deref(), rules, message.log_version(), message.position())
}

#[cfg(test)]
mod tests;
