//! The native change event, as a schema. What reads events is the sources' business; this is the
//! contract that producers write against.

#![allow(dead_code, reason = "fields are read by the derived schema")]

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// One change of one document: the value of a Kafka message, a line of a JSONL source, the body of a
/// push.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "alluvium.document_change.v1")]
pub(crate) struct DocumentChange {
    /// The version of this shape.
    schema: EventSchema,
    /// What is to be done.
    op: Op,
    /// The document's id within its source; the key of a Kafka message.
    #[schemars(length(min = 1, max = 4031), pattern(r"^[^\p{Cc}]+$"))]
    id: String,
    /// Grows within a document. Without it, the position in the log counts.
    version: Option<u64>,
    /// The content; an `upsert` has one, and no other change has.
    content: Option<Content>,
    /// The access list. Without it, what is known stays, and a new document takes the source's default.
    acl: Option<Acl>,
    /// When the change happened.
    #[schemars(extend("format" = "date-time"))]
    event_time: Option<String>,
    /// The title to show.
    title: Option<String>,
    /// Where a person finds the document.
    uri: Option<String>,
    /// `key=value` pairs to filter by.
    metadata: Option<BTreeMap<String, String>>,
}

/// The version of the shape.
#[derive(JsonSchema)]
enum EventSchema {
    #[serde(rename = "alluvium.document_change.v1")]
    V1,
}

/// What is to be done.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Op {
    /// The document has this content now.
    Upsert,
    /// The document is gone.
    Delete,
    /// Only its access list changes.
    Acl,
}

/// Content, in one of three ways.
#[derive(JsonSchema)]
#[serde(untagged)]
enum Content {
    /// As text.
    Text(TextContent),
    /// As bytes.
    Base64(Base64Content),
    /// By reference.
    Uri(UriContent),
}

/// Content as text.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct TextContent {
    /// The text.
    text: String,
    /// Its MIME type.
    media_type: String,
}

/// Content as bytes.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Base64Content {
    /// The bytes, in standard base64.
    #[schemars(extend("contentEncoding" = "base64"))]
    base64: String,
    /// Their MIME type.
    media_type: String,
}

/// Content by reference.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct UriContent {
    /// Where the bytes are, in a folder or a bucket that the source declares: a path, `file://…`, or
    /// `s3://bucket/key` with percent escapes.
    uri: String,
    /// Their MIME type.
    media_type: String,
}

/// Who may read.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Acl {
    /// Principals that may. Nobody, when empty.
    readers: Vec<String>,
    /// Principals that may not, whatever else they are.
    #[serde(default)]
    denied: Vec<String>,
    /// The tenant that the document belongs to.
    tenant: Option<String>,
    /// A label such as `internal`.
    classification: Option<String>,
}

/// The JSON Schema of the event.
pub(crate) fn json_schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<DocumentChange>()
}
