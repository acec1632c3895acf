//! The event as it is written. Keys that are not here are errors: a misspelt `acl` must not publish.

use std::collections::BTreeMap;

use alluvium_core::access;
use serde::Deserialize;

/// One change of one document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    /// The version of this shape.
    #[serde(rename = "schema")]
    pub(super) _schema: EventSchema,
    /// What is to be done.
    pub(super) op: Op,
    /// The document's id within its source.
    pub(super) id: String,
    /// Grows within a document.
    pub(super) version: Option<u64>,
    /// The content; an `upsert` has one, and no other change has.
    pub(super) content: Option<Content>,
    /// The access list.
    pub(super) acl: Option<Acl>,
    /// When the change happened.
    pub(super) event_time: Option<String>,
    /// The title to show.
    pub(super) title: Option<String>,
    /// Where a person finds the document.
    pub(super) uri: Option<String>,
    /// `key=value` pairs to filter by.
    pub(super) metadata: Option<BTreeMap<String, String>>,
    /// What an upsert has instead of content; no key of the event.
    #[serde(skip)]
    pub(super) instead: Option<Instead>,
    /// The access list is as it was; no key of the event.
    #[serde(skip)]
    pub(super) acl_left: bool,
}

/// What an upsert has instead of content.
pub(super) enum Instead {
    /// The text is as it was.
    Left {
        /// Keys of the metadata that are as they were, too.
        metadata: Vec<String>,
        /// What the change does not hold, for people.
        missing: String,
    },
    /// The content can't be taken, for this reason. The access list can.
    Refused(String),
}

impl Event {
    /// A change that says no more.
    pub(super) fn new(op: Op, id: String) -> Self {
        Self {
            _schema: EventSchema::V1,
            op,
            id,
            version: None,
            content: None,
            acl: None,
            event_time: None,
            title: None,
            uri: None,
            metadata: None,
            instead: None,
            acl_left: false,
        }
    }
}

/// The version of the shape.
#[derive(Deserialize)]
pub(super) enum EventSchema {
    #[serde(rename = "alluvium.document_change.v1")]
    V1,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    /// The document has this content now.
    Upsert,
    /// The document is gone.
    Delete,
    /// Only its access list changes.
    Acl,
}

/// Content, in exactly one of three ways. (As an untagged enum its errors would name no key.)
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// The text.
    pub(super) text: Option<String>,
    /// The bytes, in standard base64.
    pub(super) base64: Option<String>,
    /// Where the bytes are.
    pub(super) uri: Option<String>,
    /// The bytes as they came; no key of the event.
    #[serde(skip)]
    pub(super) bytes: Option<Vec<u8>>,
    /// The MIME type.
    pub(super) media_type: String,
}

impl Content {
    /// Content that is still to be given in one way.
    pub(super) fn of(media_type: impl Into<String>) -> Self {
        Self { text: None, base64: None, uri: None, bytes: None, media_type: media_type.into() }
    }
}

/// Who may read. A list without readers is more likely a slip than a wish; `[]` says that nobody may.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acl {
    readers: Vec<String>,
    #[serde(default)]
    denied: Vec<String>,
    tenant: Option<String>,
    classification: Option<String>,
}

impl Acl {
    pub(super) fn of_readers(readers: Vec<String>) -> Self {
        Self { readers, denied: Vec::new(), tenant: None, classification: None }
    }
}

impl From<Acl> for access::Acl {
    fn from(acl: Acl) -> Self {
        let Acl { readers, denied, tenant, classification } = acl;
        Self { readers, denied, tenant, classification }
    }
}
