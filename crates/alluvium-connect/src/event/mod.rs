//! Events → [`DocumentChange`], for every source that carries them: the native change event, and what else
//! a log's messages may be ([`EventFormat`]).
//!
//! Invariants:
//! - What is no event, or names no document, is an [`EventError`]; the source refuses it under an id of
//!   its own ([`EventError::refused`]). What names a document and can't be had otherwise (a media type
//!   that is not supported, a reference that leads nowhere) is a refused change of that document.
//! - An access list that is there and wrong hides the document; it never falls back to the default.
//! - Both halves of a change have the same version.
//! - Nothing in an event that others define is an access list, unless the pipeline file names it as one.
//! - A reference is read beneath the declared folders and buckets only ([`ContentRoots`]). While a folder or a
//!   store that may hold it can't be had, the event is neither taken nor refused: its source waits.

mod again;
mod cloudevents;
mod debezium;
mod filling;
mod format;
mod notification;
mod reference;
mod shape;

use std::path::PathBuf;

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, MediaType, Origin, Upsert};
use alluvium_core::document::{KeptContent, PreparedContent};
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, SourceName};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::source::SourceError;
use alluvium_core::version::{Version, VersionKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

pub use self::cloudevents::EventTypes;
use crate::bucket::Buckets;
pub use crate::bucket::{AccessKey, BucketSpec, Patience};
pub use again::{Again, read_again};
pub use debezium::{Columns, UNAVAILABLE, Unavailable};
pub use filling::Filling;
pub use format::{EventFormat, Message};
pub use reference::ContentRoots;
pub(crate) use reference::{Unread, refuse};
use shape::{Content, Event, Instead, Op};

/// What events are read with.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// The source.
    pub source: SourceName,
    /// The access list of documents that were never given one, canonical.
    pub default_acl: Option<Acl>,
    /// Where content may be read by reference.
    pub content_roots: ContentRoots,
    /// The most bytes of content.
    pub max_content: u64,
    /// What the messages of a log are. A line of a file is a native event.
    pub format: EventFormat,
}

impl EventRules {
    /// Rules with the access list in its canonical form.
    pub fn new(
        source: SourceName,
        default_acl: Option<Acl>,
        content_roots: Vec<PathBuf>,
        max_content: u64,
    ) -> Result<Self, SourceError> {
        let default_acl = default_acl.map(Acl::canonical).transpose();
        let default_acl = default_acl.map_err(|e| SourceError::Broken {
            source_name: source.to_string(),
            message: format!("default_acl: {e}"),
        })?;
        let content_roots = ContentRoots::new(content_roots);
        Ok(Self { source, default_acl, content_roots, max_content, format: EventFormat::DocumentChange })
    }

    /// The same with buckets that content may be read from, too.
    pub fn with_buckets(self, buckets: Vec<BucketSpec>, patience: Patience) -> Result<Self, SourceError> {
        if buckets.is_empty() {
            return Ok(self);
        }
        let buckets = Buckets::new(buckets, patience).map_err(|message| SourceError::Broken {
            source_name: self.source.to_string(),
            message: format!("content_bucket: {message}"),
        })?;
        Ok(Self { content_roots: self.content_roots.with_buckets(buckets), ..self })
    }

    /// The same for messages of another format.
    pub fn of_format(self, format: EventFormat) -> Self {
        Self { format, ..self }
    }
}

/// Bytes that are no change of a document, or not one yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct EventError {
    /// Why.
    pub cause: Cause,
    /// What exactly.
    pub detail: String,
    /// Where what it refers to lies can't be reached now: the event is good, and to be read again later.
    pub transient: bool,
}

impl EventError {
    /// Bytes that are no event.
    pub fn new(detail: impl Into<String>) -> Self {
        Self::of(Cause::BadEvent, detail)
    }

    /// Bytes that can't be had for another cause.
    pub fn of(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), transient: false }
    }

    /// What a source says of an event that is to be read again later; the error itself otherwise.
    pub fn for_good(self, source: &SourceName) -> Result<Self, SourceError> {
        if self.transient {
            return Err(SourceError::Unavailable { source_name: source.to_string(), message: self.detail });
        }
        Ok(self)
    }

    /// The refusal of the event at `log`, under an id that no document has. Nobody may read that.
    pub fn refused(
        self,
        doc_id: DocId,
        log: Version,
        position: String,
        hash: Option<Sha256>,
    ) -> DocumentChange {
        let refusal = Refusal::new(Stage::Read, self.cause, self.detail);
        DocumentChange {
            doc_id,
            content: Some(ContentChange::Refused { version: log, refusal, hash }),
            access: AccessChange::Unsaid { default: Some(Acl::nobody()) },
            origin: Origin { position, ..Origin::default() },
        }
    }
}

/// Reads one event. `log` is its place in the source's log, which is its version where it gives none;
/// `position` is that place for people and for the quarantine. Reads a file or an object where the content is
/// a reference, so it blocks.
pub fn parse_event(
    bytes: &[u8],
    rules: &EventRules,
    log: Version,
    position: String,
) -> Result<DocumentChange, EventError> {
    convert(native(bytes)?, Sha256::of(bytes), rules, log, position)
}

fn native(bytes: &[u8]) -> Result<Event, EventError> {
    serde_json::from_slice(bytes).map_err(|e| EventError::new(e.to_string()))
}

/// The change that an event says; `hash` is that of the bytes that it was read from.
fn convert(
    event: Event,
    hash: Sha256,
    rules: &EventRules,
    log: Version,
    position: String,
) -> Result<DocumentChange, EventError> {
    let doc_id = doc_id(&event.id, rules)?;
    check(&event)?;
    let version = event.version.map_or(log, producer);
    let event_time = event.event_time.as_deref().map(time).transpose()?;
    let metadata = metadata(&event)?;
    let access = match event.acl_left {
        // A document that has no list must not take the default: its own is not known.
        true => AccessChange::Unsaid { default: None },
        false => access(event.acl, &version, rules, event.op),
    };
    let content = match (event.op, event.content) {
        (Op::Upsert, None) => event.instead.map(|instead| match instead {
            Instead::Left { metadata: left, missing } => {
                let (title, uri) = (event.title, event.uri);
                let kept = KeptContent { version, title, uri, metadata, left, missing };
                ContentChange::Prepared(Box::new(PreparedContent::Kept(Box::new(kept))))
            }
            Instead::Refused(detail) => {
                let refusal = Refusal::new(Stage::Read, Cause::BadEvent, detail);
                ContentChange::Refused { version, refusal, hash: Some(hash) }
            }
        }),
        (Op::Upsert, Some(content)) => Some(match load(content, rules) {
            Ok(Loaded { bytes, media_type, charset }) => ContentChange::Upsert(Box::new(Upsert {
                version,
                hash: Sha256::of(&bytes),
                bytes,
                media_type,
                charset,
                title: event.title,
                uri: event.uri.unwrap_or_else(|| doc_id.as_str().to_owned()),
                modified_at: event_time,
                metadata,
            })),
            Err(Unread::Away(detail)) => {
                return Err(EventError { transient: true, ..EventError::of(Cause::Unreadable, detail) });
            }
            Err(Unread::Refused(refusal)) => {
                // The event's own hash: the same event refused again is the same item.
                ContentChange::Refused { version, refusal, hash: Some(hash) }
            }
        }),
        (Op::Delete, _) => Some(ContentChange::Delete { version }),
        (Op::Acl, _) => None,
    };
    Ok(DocumentChange {
        doc_id,
        content,
        access,
        origin: Origin { position, event_time, ..Origin::default() },
    })
}

/// The id under which an event that names no document is refused. Relative paths never start so, and other
/// ids hardly.
pub fn event_id(source: &SourceName, incarnation: &str, place: u64) -> Result<DocId, SourceError> {
    DocId::new(source, &format!("./event/{incarnation}/{place}"))
        .map_err(|e| SourceError::Broken { source_name: source.to_string(), message: format!("an id {e}") })
}

fn doc_id(id: &str, rules: &EventRules) -> Result<DocId, EventError> {
    DocId::new(&rules.source, id).map_err(|e| EventError::new(format!("the id {:?} {e}", shorten(id))))
}

/// A deletion needs nobody's leave: an id without policy gets one that lets nobody in.
fn deleted_default(rules: &EventRules) -> Option<Acl> {
    rules.default_acl.clone().or_else(|| Some(Acl::nobody()))
}

/// What the shape alone does not say.
fn check(event: &Event) -> Result<(), EventError> {
    let wrong = match (event.op, &event.content, &event.acl) {
        (Op::Upsert, None, _) if event.instead.is_none() => "an upsert has `content`",
        (Op::Delete, Some(_), _) => "a delete has no `content`",
        (Op::Acl, Some(_), _) => "an acl change has no `content`",
        (Op::Acl, None, None) => "an acl change has `acl`",
        _ => return Ok(()),
    };
    Err(EventError::new(wrong))
}

fn producer(value: u64) -> Version {
    Version { incarnation: String::new(), kind: VersionKind::Producer, value }
}

fn time(text: &str) -> Result<Timestamp, EventError> {
    text.parse().map_err(|e| EventError::new(format!("event_time {:?}: {e}", shorten(text))))
}

/// Sorted `key=value` pairs. A key with an equals sign would be read back as another one.
fn metadata(event: &Event) -> Result<Vec<String>, EventError> {
    let pairs = event.metadata.iter().flatten();
    let pair = |(key, value): (&String, &String)| {
        if key.is_empty() || key.contains('=') || key.chars().chain(value.chars()).any(char::is_control) {
            return Err(EventError::new(format!(
                "metadata {:?}: keys are not empty and hold no \"=\", and there are no control characters",
                shorten(key)
            )));
        }
        Ok(format!("{key}={value}"))
    };
    let mut pairs = pairs.map(pair).collect::<Result<Vec<_>, _>>()?;
    pairs.sort_unstable();
    Ok(pairs)
}

fn access(acl: Option<shape::Acl>, version: &Version, rules: &EventRules, op: Op) -> AccessChange {
    let Some(acl) = acl else {
        let default = if op == Op::Delete { deleted_default(rules) } else { rules.default_acl.clone() };
        return AccessChange::Unsaid { default };
    };
    match Acl::from(acl).canonical() {
        Ok(acl) => AccessChange::Declared { version: version.clone(), acl },
        Err(e) => AccessChange::Unreadable {
            version: version.clone(),
            refusal: Refusal::new(Stage::Access, Cause::BadAccessList, e),
        },
    }
}

/// Content as it was sent or lies where it was referred to.
struct Loaded {
    bytes: Vec<u8>,
    media_type: MediaType,
    charset: Option<String>,
}

fn load(content: Content, rules: &EventRules) -> Result<Loaded, Unread> {
    // What came as characters has none: it is UTF-8 here.
    let charset = MediaType::charset_of_mime(&content.media_type).filter(|_| content.text.is_none());
    let media_type = MediaType::of_mime(&content.media_type).ok_or_else(|| {
        let given = shorten(&content.media_type);
        let supported = "application/pdf, application/xhtml+xml, text/html, text/markdown and text/plain";
        refuse(Cause::BadEvent, format!("media_type {given:?} is not supported; supported are {supported}"))
    })?;
    let max = rules.max_content;
    let too_large = || refuse(Cause::TooLarge, format!("the content has more than {max} bytes"));
    let given = content.bytes.or(content.text.map(String::into_bytes));
    let bytes = match (given, content.base64, content.uri) {
        (Some(bytes), None, None) => bytes,
        (None, Some(text), None) => {
            // Four characters make three bytes, so this bounds the memory before it is taken.
            if text.len() as u64 / 4 * 3 > max.saturating_add(3) {
                return Err(too_large());
            }
            STANDARD.decode(text).map_err(|e| refuse(Cause::BadEvent, format!("content.base64: {e}")))?
        }
        (None, None, Some(uri)) => rules.content_roots.read(&uri, max)?,
        _ => {
            let detail = "content holds exactly one of `text`, `base64` and `uri`".to_owned();
            return Err(refuse(Cause::BadEvent, detail));
        }
    };
    if bytes.len() as u64 > max { Err(too_large()) } else { Ok(Loaded { bytes, media_type, charset }) }
}

/// The start of a text that somebody else made, for a message.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod mutated;
#[cfg(test)]
mod tests;
