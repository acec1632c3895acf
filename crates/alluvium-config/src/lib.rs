//! Pipeline files: `pipelines/*.toml` → [`PipelineSpec`].
//!
//! Invariants:
//! - Parsing is pure. The caller hands in the text, the file's path and a lookup of environment
//!   variables; nothing here touches a disk, a clock or a network.
//! - Every error names file, line, column and key path, what was expected and what was found.
//! - What came out of an environment variable is never printed: not by `Debug` or `Display` of the
//!   spec, not by an error, not by the serialized form. All of them show the `${NAME}` of the file.
//! - The JSON Schema ([`json_schema`]) accepts what the parser accepts, as far as a schema can say it.
//!
//! Deliberately absent: what only the world can tell (does the root exist, does the model's limit allow
//! `chunk.max_tokens`). Whoever finds out reports it with [`PipelineSpec::at_key`].

mod bucket;
mod cloudevents;
mod columns;
mod env;
mod error;
mod host;
mod kafka;
mod parse;
mod patterns;
mod places;
mod reader;
mod schema;
mod secret;
mod source;
mod spec;
mod units;
mod uri;
mod value;

pub use bucket::{AccessKeySettings, BucketSettings};
pub use cloudevents::CloudEventSettings;
pub use columns::ColumnSettings;
pub use error::{ConfigError, Problem};
pub use kafka::{
    ConnectionSettings, CredentialSettings, EventFormat, IdentitySettings, KafkaSettings, OffsetLost,
    PreparedSettings, RegistrySettings, SaslMechanism, SaslSettings, TlsSettings,
};
pub use schema::json_schema;
pub use source::{FilesystemSettings, JsonlInput, JsonlSettings, OnUnreadable, SourceKind, SourceSpec};
pub use spec::{
    ChunkSpec, CommitSpec, Durability, EmbedSpec, ExtractSpec, Hidden, IndexSpec, ModelSpec, PdfEngine,
    PipelineSpec, RunSpec,
};
pub use value::Value;
