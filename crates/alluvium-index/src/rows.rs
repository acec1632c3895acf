//! Rows of the four tables as plain structs, and their way to and from Arrow.

use alluvium_core::access::Acl;
use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::TableRole;
use alluvium_core::policy::{Erasure, Policy, Tombstone};
use alluvium_core::quarantine::{Cause, Stage};
use alluvium_core::version::Version;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use jiff::Timestamp;
use lance::dataset::ROW_ID;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};
use crate::schema::field_refs;

/// A row of `chunks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChunkRow {
    pub(crate) chunk_id: String,
    pub(crate) doc_id: String,
    pub(crate) doc_version: String,
    pub(crate) source: String,
    pub(crate) uri: String,
    pub(crate) title: String,
    pub(crate) media_type: String,
    pub(crate) language: Option<String>,
    pub(crate) text: String,
    pub(crate) vector: Vec<f32>,
    pub(crate) content_hash: String,
    pub(crate) text_hash: String,
    pub(crate) chunk_hash: String,
    pub(crate) chunk_index: i64,
    pub(crate) tokens: i64,
    pub(crate) char_start: i64,
    pub(crate) char_end: i64,
    pub(crate) page_start: Option<i64>,
    pub(crate) page_end: Option<i64>,
    pub(crate) heading_path: Vec<String>,
    pub(crate) extractor: String,
    pub(crate) chunker: String,
    pub(crate) model: String,
    pub(crate) pipeline: String,
    pub(crate) pipeline_fingerprint: String,
    pub(crate) position: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) acl_readers: Vec<String>,
    pub(crate) acl_denied: Vec<String>,
    pub(crate) classification: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) metadata: Vec<String>,
    pub(crate) event_time: Option<i64>,
    pub(crate) modified_at: Option<i64>,
    pub(crate) indexed_at: i64,
    pub(crate) expires_at: Option<i64>,
}

impl ChunkRow {
    /// Copies an access list onto the row.
    pub(crate) fn set_acl(&mut self, acl: &Acl) {
        self.acl_readers.clone_from(&acl.readers);
        self.acl_denied.clone_from(&acl.denied);
        self.classification.clone_from(&acl.classification);
        self.tenant.clone_from(&acl.tenant);
    }
}

/// A row of `documents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentRow {
    pub(crate) doc_id: String,
    pub(crate) source: String,
    pub(crate) uri: String,
    pub(crate) title: String,
    pub(crate) media_type: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) version: String,
    pub(crate) content_hash: Option<String>,
    pub(crate) text_hash: Option<String>,
    pub(crate) pipeline_fingerprint: String,
    pub(crate) extractor: Option<String>,
    pub(crate) chunker: Option<String>,
    pub(crate) state: String,
    pub(crate) partial: Option<String>,
    pub(crate) stamp: Option<String>,
    pub(crate) position: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) bytes: i64,
    pub(crate) chunk_count: i64,
    pub(crate) token_count: i64,
    pub(crate) text: Option<String>,
    pub(crate) page_starts: Vec<i64>,
    pub(crate) metadata: Vec<String>,
    pub(crate) event_time: Option<i64>,
    pub(crate) modified_at: Option<i64>,
    pub(crate) indexed_at: i64,
    /// What extraction replaced and left out, as JSON; null where that is nothing, and in tables from before.
    #[serde(default)]
    pub(crate) notes: Option<String>,
}

impl DocumentRow {
    /// Whether its source said that there is nothing to say any more.
    pub(crate) fn is_withdrawn(&self) -> bool {
        is_withdrawn(&self.state, self.text_hash.as_deref())
    }
}

/// Whether an item of this stage and cause is of content that its source holds now in place of what is served.
/// What a rollback holds back is not served by a person's decision, and of two contents of one version the
/// first is the good one.
pub(crate) fn is_of_newer_content(stage: &str, cause: &str) -> bool {
    let others = [Cause::RolledBack, Cause::VersionConflict].map(|cause| cause.to_string());
    stage != Stage::Access.to_string() && !others.iter().any(|other| other == cause)
}

/// Whether a row's source said that there is nothing to say any more: the row is that of the empty text. A
/// refusal that says nothing of a text leaves none.
pub(crate) fn is_withdrawn(state: &str, text_hash: Option<&str>) -> bool {
    state == DocumentState::Quarantined.as_str() && text_hash == Some(Sha256::of("").as_str())
}

/// A row of `policy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyRow {
    pub(crate) doc_id: String,
    pub(crate) source: String,
    pub(crate) acl_readers: Vec<String>,
    pub(crate) acl_denied: Vec<String>,
    pub(crate) classification: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) acl_hash: String,
    pub(crate) acl_version: String,
    pub(crate) deleted_seq: Option<i64>,
    pub(crate) deleted_version: Option<String>,
    pub(crate) erased_seq: Option<i64>,
    pub(crate) erasure_undone_seq: Option<i64>,
    pub(crate) erased_version: Option<String>,
    pub(crate) changed_seq: i64,
    pub(crate) changed_at: i64,
}

/// A row of `quarantine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuarantineRow {
    pub(crate) id: String,
    pub(crate) doc_id: String,
    pub(crate) source: String,
    pub(crate) position: String,
    pub(crate) stage: String,
    pub(crate) cause: String,
    pub(crate) detail: String,
    pub(crate) uri: String,
    pub(crate) media_type: Option<String>,
    pub(crate) content_hash: Option<String>,
    pub(crate) pipeline_fingerprint: String,
    pub(crate) stamp: Option<String>,
    pub(crate) version: String,
    #[serde(with = "serde_bytes_or_null", default)]
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) entered_at: i64,
    pub(crate) entered_seq: i64,
    pub(crate) attempts: i64,
    /// When a person asked to try it again, until that was done.
    pub(crate) retry_seq: Option<i64>,
    /// A person decided to do without it; the same content is not tried again.
    pub(crate) dropped: bool,
    pub(crate) resolved_at: Option<i64>,
    pub(crate) resolved_seq: Option<i64>,
}

/// Bytes as a binary column: serde's own form of `Vec<u8>` is a list of numbers.
mod serde_bytes_or_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => s.serialize_bytes(bytes),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<Vec<u8>>::deserialize(d)
    }
}

/// Rows of `role` as one Arrow batch.
pub(crate) fn to_batch<R: Serialize>(role: TableRole, dimension: usize, rows: &[R]) -> Result<RecordBatch> {
    serde_arrow::to_record_batch(&field_refs(role, dimension), &rows)
        .map_err(|e| IndexError::Shape { table: format!("{role:?}"), message: e.message().to_owned() })
}

/// Rows out of Arrow batches; columns that the row lacks are passed over.
pub(crate) fn from_batches<R: DeserializeOwned>(table: &str, batches: &[RecordBatch]) -> Result<Vec<R>> {
    let mut rows = Vec::new();
    for batch in batches.iter().filter(|b| b.num_rows() > 0) {
        let read: Vec<R> = serde_arrow::from_record_batch(batch)
            .map_err(|e| IndexError::Shape { table: table.to_owned(), message: e.message().to_owned() })?;
        rows.extend(read);
    }
    Ok(rows)
}

/// The same, each row with its address.
pub(crate) fn located_from_batches<R: DeserializeOwned>(
    table: &str,
    batches: &[RecordBatch],
) -> Result<Vec<(R, u64)>> {
    let (rows, addresses) = (from_batches::<R>(table, batches)?, addresses(table, batches)?);
    if rows.len() != addresses.len() {
        let message = format!("{} rows have {} addresses", rows.len(), addresses.len());
        return Err(IndexError::Shape { table: table.to_owned(), message });
    }
    Ok(rows.into_iter().zip(addresses).collect())
}

/// The addresses of rows that were read with them. Row ids are addresses: no table of ours has stable ones.
pub(crate) fn addresses(table: &str, batches: &[RecordBatch]) -> Result<Vec<u64>> {
    let mut addresses = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(ROW_ID).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let column = column.filter(|column| column.null_count() == 0).ok_or_else(|| IndexError::Shape {
            table: table.to_owned(),
            message: "was read without the addresses of its rows".to_owned(),
        })?;
        addresses.extend(column.values());
    }
    Ok(addresses)
}

/// A time as the tables hold it.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time out of the tables; one that no calendar knows reads as the epoch.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A sequence number as the tables hold it.
pub(crate) fn seq_i64(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A version as the tables hold it.
pub(crate) fn version_text(version: &Version) -> String {
    serde_json::to_string(version).unwrap_or_default()
}

/// The version of an access list as the table of policies holds it: with what is not known by the list alone.
#[derive(Serialize, Deserialize)]
struct AclVersion {
    #[serde(flatten)]
    version: Version,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unreadable: bool,
}

fn acl_version_text(policy: &Policy) -> String {
    let version = AclVersion { version: policy.acl_version.clone(), unreadable: policy.acl_unreadable };
    serde_json::to_string(&version).unwrap_or_default()
}

fn bad(table: &str, what: &str, value: &str) -> IndexError {
    IndexError::Shape { table: table.to_owned(), message: format!("{what} {value:?} can't be read") }
}

/// A version out of the tables.
pub(crate) fn version(table: &str, text: &str) -> Result<Version> {
    serde_json::from_str(text).map_err(|_| bad(table, "the version", text))
}

/// A hash out of the tables.
pub(crate) fn hash(table: &str, text: &str) -> Result<Sha256> {
    Sha256::try_from(text.to_owned()).map_err(|_| bad(table, "the hash", text))
}

/// A state out of the tables.
pub(crate) fn state(table: &str, text: &str) -> Result<DocumentState> {
    DocumentState::parse(text).ok_or_else(|| bad(table, "the state", text))
}

impl PolicyRow {
    /// The row of a policy as `seq` leaves it.
    pub(crate) fn of(doc_id: &str, source: &str, policy: &Policy, seq: u64, now: i64) -> Self {
        let (deleted, erased) = (policy.deleted.as_ref(), policy.erased.as_ref());
        Self {
            doc_id: doc_id.to_owned(),
            source: source.to_owned(),
            acl_readers: policy.acl.readers.clone(),
            acl_denied: policy.acl.denied.clone(),
            classification: policy.acl.classification.clone(),
            tenant: policy.acl.tenant.clone(),
            acl_hash: policy.acl.hash().into(),
            acl_version: acl_version_text(policy),
            deleted_seq: deleted.map(|t| seq_i64(t.seq)),
            deleted_version: deleted.map(|t| version_text(&t.version)),
            erased_seq: erased.map(|e| seq_i64(e.seq)),
            erasure_undone_seq: erased.and_then(|e| e.undone_seq).map(seq_i64),
            erased_version: erased.map(|e| version_text(&e.version)),
            changed_seq: seq_i64(seq),
            changed_at: now,
        }
    }

    /// The policy that the row holds.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let deleted = match (self.deleted_seq, &self.deleted_version) {
            (Some(seq), Some(text)) => {
                Some(Tombstone { seq: seq.unsigned_abs(), version: version("policy", text)? })
            }
            _ => None,
        };
        let erased_version =
            self.erased_version.as_deref().map(|text| version("policy", text)).transpose()?;
        let erased = self.erased_seq.map(|seq| Erasure {
            seq: seq.unsigned_abs(),
            undone_seq: self.erasure_undone_seq.map(i64::unsigned_abs),
            version: erased_version.unwrap_or_else(Version::observed),
        });
        let listed: AclVersion = serde_json::from_str(&self.acl_version)
            .map_err(|_| bad("policy", "the version", &self.acl_version))?;
        Ok(Policy {
            acl: Acl {
                readers: self.acl_readers.clone(),
                denied: self.acl_denied.clone(),
                tenant: self.tenant.clone(),
                classification: self.classification.clone(),
            },
            acl_version: listed.version,
            acl_unreadable: listed.unreadable,
            deleted,
            erased,
        })
    }
}
