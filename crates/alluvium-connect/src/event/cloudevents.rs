//! CloudEvents 1.0 over Kafka.
//!
//! | message | is |
//! |---|---|
//! | `content-type: application/cloudevents+json`, or a JSON object with `specversion` | the whole event, in structured mode |
//! | `ce_…` headers | its attributes, and the value its data, in binary mode |
//! | no value, and no such header | a deletion of the document that the key names |
//!
//! What an event means is its type's business ([`EventTypes`]). Extensions never carry an access list: who
//! may read a document is said by its policy, or by the native event.
//!
//! The SDK reads the JSON and the attributes. Its own reading of Kafka's messages is not used: it panics at
//! a header without a value.

use cloudevents::event::{ExtensionValue, SpecVersion};
use cloudevents::message::{self, BinaryDeserializer, BinarySerializer, MessageAttributeValue};
use cloudevents::{AttributesReader, Data};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::shape::{Content, Event, Op};
use super::{EventError, Message, native};

/// The type of events whose data is the native change event.
const NATIVE: &str = "alluvium.document_change.v1";
const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// What types of events mean, besides the native one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypes {
    /// The document `subject` has the data as its content.
    pub upsert: Vec<String>,
    /// The document `subject` is gone.
    pub delete: Vec<String>,
}

impl EventTypes {
    /// What the event in a message says.
    pub(super) fn event(&self, message: &Message<'_>) -> Result<Event, EventError> {
        let mut event = parse(message)?;
        check(&event)?;
        let named = |types: &[String]| types.iter().any(|one| one == event.ty());
        let mut said = if event.ty() == NATIVE {
            native_event(&mut event)?
        } else if named(&self.upsert) {
            let id = subject(&event)?;
            Event { content: Some(content(&mut event)?), ..Event::new(Op::Upsert, id) }
        } else if named(&self.delete) {
            Event::new(Op::Delete, subject(&event)?)
        } else {
            let detail = format!(
                "events of type {:?} have no meaning here; add the type to `upsert` or `delete` in the \
                 source's [source.cloudevents]",
                super::shorten(event.ty())
            );
            return Err(EventError::new(detail));
        };
        said.event_time = said.event_time.or_else(|| event.time().map(|time| time.to_rfc3339()));
        Ok(said)
    }
}

/// Whether a message has attributes of an event in its headers.
pub(super) fn has_attributes(message: &Message<'_>) -> bool {
    message.headers.is_none_or(|headers| headers.iter().any(|(name, _)| name.starts_with(PREFIX)))
}

fn parse(message: &Message<'_>) -> Result<cloudevents::Event, EventError> {
    let headers = message.headers;
    let headers = headers.ok_or_else(|| EventError::new("the name of one of its headers is not UTF-8"))?;
    // Of headers of one name the last counts, as Kafka's own clients have it.
    let kind = headers.iter().rfind(|(name, _)| *name == CONTENT_TYPE).map(|(_, value)| *value);
    let kind = String::from_utf8_lossy(kind.unwrap_or_default()).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    match message.value {
        Some(value) if kind == "application/cloudevents+json" => structured(object(value)?),
        Some(_) if kind.starts_with("application/cloudevents") => {
            let kind = super::shorten(kind);
            Err(EventError::new(format!("content-type {kind:?}: events come one by one, as JSON")))
        }
        Some(value) if !has_attributes(message) => {
            let event = object(value).ok().filter(|object| object.contains_key("specversion"));
            structured(event.ok_or_else(|| {
                let wanted = "content-type application/cloudevents+json, or ce_ headers, or `specversion`";
                EventError::new(format!("it is no CloudEvent: it has neither {wanted}"))
            })?)
        }
        value => BinaryDeserializer::into_event(Binary { headers, value }).map_err(wrong),
    }
}

fn wrong(error: impl std::fmt::Display) -> EventError {
    EventError::new(format!("it is no CloudEvent: {error}"))
}

fn object(value: &[u8]) -> Result<Map<String, Value>, EventError> {
    serde_json::from_slice(value).map_err(wrong)
}

/// An attribute, or data, that is null is one that is not there.
fn structured(mut event: Map<String, Value>) -> Result<cloudevents::Event, EventError> {
    event.retain(|_, value| !value.is_null());
    cloudevents::Event::deserialize(Value::Object(event)).map_err(wrong)
}

/// A message in binary mode.
struct Binary<'m> {
    headers: &'m [(&'m str, &'m [u8])],
    value: Option<&'m [u8]>,
}

impl BinaryDeserializer for Binary<'_> {
    fn deserialize_binary<R: Sized, V: BinarySerializer<R>>(self, visitor: V) -> message::Result<R> {
        let other = |source| message::Error::Other { source: Box::new(source) };
        let text = |value: &[u8]| std::str::from_utf8(value).map(str::to_owned).map_err(other);
        let version = self.headers.iter().rfind(|(name, _)| *name == "ce_specversion");
        let version = text(version.map(|(_, value)| *value).unwrap_or_default())?;
        let version = SpecVersion::try_from(version.as_str())?;
        let attributes = version.attribute_names();
        let mut visitor = visitor.set_spec_version(version)?;
        for (name, value) in self.headers {
            let name = match name.strip_prefix(PREFIX) {
                Some("specversion") => continue,
                Some(name) => name,
                None if *name == CONTENT_TYPE => "datacontenttype",
                None => continue,
            };
            let value = MessageAttributeValue::String(text(value)?);
            visitor = if attributes.contains(&name) {
                visitor.set_attribute(name, value)?
            } else {
                visitor.set_extension(name, value)?
            };
        }
        match self.value {
            Some(value) => visitor.end_with_data(value.to_vec()),
            None => visitor.end(),
        }
    }
}

/// What the SDK does not look at.
fn check(event: &cloudevents::Event) -> Result<(), EventError> {
    if event.specversion() != SpecVersion::V10 {
        let version = event.specversion();
        return Err(EventError::new(format!("specversion {version} is not supported; supported is 1.0")));
    }
    let attributes = [("id", event.id()), ("source", event.source()), ("type", event.ty())];
    match attributes.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(wrong(format!("{name} is empty"))),
        None => Ok(()),
    }
}

fn native_event(event: &mut cloudevents::Event) -> Result<Event, EventError> {
    match event.take_data().2 {
        Some(Data::Json(data)) => serde_json::from_value(data).map_err(|e| EventError::new(e.to_string())),
        Some(Data::String(data)) => native(data.as_bytes()),
        Some(Data::Binary(data)) => native(&data),
        None => Err(EventError::new(format!("an event of type {NATIVE} has data: the change event"))),
    }
}

fn subject(event: &cloudevents::Event) -> Result<String, EventError> {
    let subject = event.subject().map(str::to_owned);
    subject.ok_or_else(|| {
        let kind = super::shorten(event.ty());
        EventError::new(format!("an event of type {kind:?} has a subject: the document's id"))
    })
}

/// The data; where there is none, what `dataref` refers to.
fn content(event: &mut cloudevents::Event) -> Result<Content, EventError> {
    let reference = match event.extension("dataref") {
        Some(ExtensionValue::String(uri)) => Some(uri.clone()),
        _ => None,
    };
    let (media_type, _, data) = event.take_data();
    // Data of a structured event is JSON unless it says otherwise.
    let unsaid = if matches!(data, Some(Data::Json(_))) { "application/json" } else { "" };
    let content = Content::of(media_type.unwrap_or_else(|| unsaid.to_owned()));
    match (data, reference) {
        // Where a producer can't leave a value out, it sends an empty one.
        (None, Some(uri)) => Ok(Content { uri: Some(uri), ..content }),
        (Some(Data::Binary(data)), Some(uri)) if data.is_empty() => Ok(Content { uri: Some(uri), ..content }),
        (Some(data), _) => Ok(Content { bytes: Some(Vec::try_from(data).map_err(wrong)?), ..content }),
        (None, None) => {
            let kind = super::shorten(event.ty());
            Err(EventError::new(format!("an event of type {kind:?} has data, or a dataref to it")))
        }
    }
}

#[cfg(test)]
mod tests;
