//! Documents, policies and chunks by id: each once, each with its others, and every copy of an access
//! list as its policy says.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alluvium_core::access::{Acl, Principals};
use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::TableRole;
use serde::Deserialize;

use super::findings::{Check, Sink};
use super::scan::each;
use super::{Look, indexes};
use crate::error::Result;
use crate::rows::{self, PolicyRow};
use crate::schema::field_refs;

/// What the scans saw, by document id.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) by_id: BTreeMap<String, Document>,
    /// Principals whose rows are counted, in order.
    pub(super) principals: Vec<Principals>,
    /// Of each, the chunk rows whose copies admit it.
    pub(super) admitted: Vec<u64>,
}

/// What is known of one id.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) document_rows: u64,
    pub(super) indexed: bool,
    quarantined: bool,
    pub(super) policy_rows: u64,
    /// Hash of the policy's access list.
    list: Option<Sha256>,
    deleted: bool,
    erased: bool,
    pub(super) chunks: u64,
    /// A copy of its access list was found to differ.
    miscopied: bool,
}

#[derive(Deserialize)]
struct StateRow {
    doc_id: String,
    state: String,
}

#[derive(Deserialize)]
struct CopyRow {
    chunk_id: String,
    doc_id: String,
    acl_readers: Vec<String>,
    acl_denied: Vec<String>,
    classification: Option<String>,
    tenant: Option<String>,
}

/// Scans the three tables once each.
pub(super) async fn check(look: &Look<'_>, sink: &mut Sink) -> Result<Seen> {
    let mut seen = Seen::default();
    documents(look, &mut seen, sink).await?;
    let mut principals = policies(look, &mut seen, sink).await?;
    indexes::add_former(look, &mut principals).await;
    seen.principals = indexes::chosen(principals);
    seen.admitted = vec![0; seen.principals.len()];
    sink.checked.principals = seen.principals.len() as u64;
    chunks(look, &mut seen, sink).await?;
    for (id, document) in &seen.by_id {
        document.judge(id, sink);
    }
    Ok(seen)
}

async fn documents(look: &Look<'_>, seen: &mut Seen, sink: &mut Sink) -> Result<()> {
    let table = look.tables.get(TableRole::Documents)?;
    each(table, &["doc_id", "state"], |row: StateRow| {
        sink.checked.documents += 1;
        let state = rows::state(table.name(), &row.state)?;
        let document = seen.by_id.entry(row.doc_id).or_default();
        document.document_rows += 1;
        document.indexed |= state == DocumentState::Indexed;
        document.quarantined |= state == DocumentState::Quarantined;
        Ok(())
    })
    .await
}

/// Gives every principal that a policy names, up to a bound.
async fn policies(look: &Look<'_>, seen: &mut Seen, sink: &mut Sink) -> Result<BTreeSet<String>> {
    let table = look.tables.get(TableRole::Policy)?;
    let columns: Vec<String> = field_refs(TableRole::Policy, 0).iter().map(|f| f.name().clone()).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut principals = BTreeSet::new();
    each(table, &columns, |row: PolicyRow| {
        sink.checked.policies += 1;
        let policy = row.policy()?;
        let list = policy.acl.hash();
        if row.acl_hash != list.as_str() {
            let detail = "acl_hash is not the hash of the access list beside it";
            sink.add(Check::PolicyHash, &row.doc_id, detail);
        }
        indexes::add(&mut principals, policy.acl.readers.iter().chain(&policy.acl.denied));
        let document = seen.by_id.entry(row.doc_id).or_default();
        document.policy_rows += 1;
        document.list = Some(list);
        document.deleted |= policy.deleted.is_some();
        document.erased |= policy.is_erased();
        Ok(())
    })
    .await?;
    Ok(principals)
}

async fn chunks(look: &Look<'_>, seen: &mut Seen, sink: &mut Sink) -> Result<()> {
    let table = look.tables.get(TableRole::Chunks)?;
    let columns = ["chunk_id", "doc_id", "acl_readers", "acl_denied", "classification", "tenant"];
    let mut ids: HashSet<u64> = HashSet::new();
    let mut last: Option<Copied> = None;
    each(table, &columns, |row: CopyRow| {
        sink.checked.chunks += 1;
        if !ids.insert(short(&row.chunk_id)) {
            sink.add(Check::DuplicateChunk, &row.chunk_id, format!("has two rows; document {}", row.doc_id));
        }
        let CopyRow { acl_readers, acl_denied, classification, tenant, .. } = row;
        let acl = Acl { readers: acl_readers, denied: acl_denied, classification, tenant };
        // Neighbours mostly share one list.
        let copied = match last.take().filter(|copied| copied.acl == acl) {
            Some(copied) => copied,
            None => Copied::new(acl, &seen.principals),
        };
        for place in &copied.admits {
            if let Some(count) = seen.admitted.get_mut(*place) {
                *count += 1;
            }
        }
        let document = seen.by_id.entry(row.doc_id.clone()).or_default();
        document.chunks += 1;
        let served = document.indexed && !document.deleted && !document.erased;
        if served && !document.miscopied && document.list.as_ref().is_some_and(|list| *list != copied.hash) {
            document.miscopied = true;
            let detail = format!("chunk {} is under another access list than its policy", row.chunk_id);
            sink.add(Check::AccessCopy, &row.doc_id, detail);
        }
        last = Some(copied);
        Ok(())
    })
    .await
}

/// An access list of chunk rows, with what is asked of it.
struct Copied {
    acl: Acl,
    hash: Sha256,
    /// The places of the principals that it admits.
    admits: Vec<usize>,
}

impl Copied {
    fn new(acl: Acl, principals: &[Principals]) -> Self {
        let admits = principals.iter().enumerate().filter(|(_, who)| acl.admits(who));
        Self { hash: acl.hash(), admits: admits.map(|(place, _)| place).collect(), acl }
    }
}

/// Sixty-four bits of a chunk's id, which is a hash: enough to tell millions apart.
fn short(chunk_id: &str) -> u64 {
    let digits = chunk_id.get(..16).unwrap_or(chunk_id);
    u64::from_str_radix(digits, 16).unwrap_or_else(|_| {
        let hash = Sha256::of(chunk_id);
        u64::from_str_radix(hash.short(16), 16).unwrap_or(0)
    })
}

impl Document {
    fn judge(&self, id: &str, sink: &mut Sink) {
        for (rows, check, what) in [
            (self.document_rows, Check::DuplicateDocument, "rows"),
            (self.policy_rows, Check::DuplicatePolicy, "policies"),
        ] {
            if rows > 1 {
                sink.add(check, id, format!("has {rows} {what}"));
            }
        }
        let served = || {
            let state = if self.indexed { "its row says indexed, and it has" } else { "it has" };
            format!("{state} {} chunks", self.chunks)
        };
        if self.erased && (self.indexed || self.chunks > 0) {
            sink.add(Check::ErasedServed, id, served());
        } else if self.deleted && (self.indexed || self.chunks > 0) {
            sink.add(Check::DeletedServed, id, served());
        } else if !self.indexed && self.chunks > 0 {
            let row = if self.document_rows == 0 { "no document row" } else { "a row that is not indexed" };
            sink.add(Check::OrphanChunk, id, format!("{} chunks and {row}", self.chunks));
        }
        // Content that was refused for want of a list has none.
        if self.document_rows > 0 && !self.quarantined && self.policy_rows == 0 {
            sink.add(Check::PolicyMissing, id, "has no policy");
        }
    }
}
