//! Carrying out a plan: at most one Lance commit a table, in the order that the protocol fixes.

use std::collections::{HashMap, HashSet};

use alluvium_core::access::Acl;
use alluvium_core::ledger::TableRole;
use alluvium_core::version::Version;
use fail::fail_point;
use serde::Serialize;

use crate::error::Result;
use crate::fault::Fault;
use crate::filter::one_of;
use crate::plan::Plan;
use crate::rows::{self, ChunkRow, DocumentRow, version_text};
use crate::schema::key;
use crate::tables::Tables;

/// Writes a plan's rows. Nothing of it is published yet.
pub(super) async fn apply(tables: &mut Tables, plan: Plan, dimension: usize) -> Result<()> {
    let plan = seeded(plan);
    let moved = relisted(tables, &plan.relist).await?;
    let touched = touched(tables, &plan.touch).await?;
    let gone: Vec<String> =
        plan.remove.iter().cloned().chain(plan.relist.iter().map(|(id, _)| id.clone())).collect();
    let chunks: Vec<ChunkRow> = plan.chunks.into_iter().chain(moved).collect();
    replace(tables, TableRole::Chunks, dimension, &gone, &chunks).await?;
    fail_point!("commit::after-chunks");
    let documents: Vec<DocumentRow> = plan.documents.into_iter().chain(touched).collect();
    let ids = keys(&documents, |d| &d.doc_id);
    replace(tables, TableRole::Documents, dimension, &ids, &documents).await?;
    fail_point!("commit::after-documents");
    let ids = keys(&plan.policies, |p| &p.doc_id);
    replace(tables, TableRole::Policy, dimension, &ids, &plan.policies).await?;
    fail_point!("commit::after-policy");
    let ids = keys(&plan.quarantine, |q| &q.id);
    replace(tables, TableRole::Quarantine, dimension, &ids, &plan.quarantine).await?;
    fail_point!("commit::after-quarantine");
    Ok(())
}

/// The plan, but for what tests seed.
fn seeded(mut plan: Plan) -> Plan {
    if Fault::ChunksAreAppended.is_on() {
        plan.remove.clear();
    }
    if Fault::ListsAreNotCopied.is_on() {
        plan.relist.clear();
    }
    if Fault::DocumentsAreNotWritten.is_on() {
        plan.documents.clear();
    }
    if Fault::PoliciesAreNotWritten.is_on() {
        plan.policies.clear();
    }
    if Fault::QuarantineIsNotWritten.is_on() {
        plan.quarantine.clear();
    }
    plan
}

fn keys<R>(rows: &[R], key: impl Fn(&R) -> &String) -> Vec<String> {
    rows.iter().map(key).cloned().collect()
}

async fn replace<R: Serialize>(
    tables: &mut Tables,
    role: TableRole,
    dimension: usize,
    keys: &[String],
    rows: &[R],
) -> Result<()> {
    if keys.is_empty() && rows.is_empty() {
        return Ok(());
    }
    let filter = (!keys.is_empty()).then(|| one_of(key(role), keys));
    let new = if rows.is_empty() { None } else { Some(rows::to_batch(role, dimension, rows)?) };
    let replaced = tables.get(role)?.replace(filter, new).await?;
    tables.set(role, replaced);
    Ok(())
}

/// The chunk rows of documents whose access list changes, with the new list. Their vectors move along.
async fn relisted(tables: &Tables, relist: &[(String, Acl)]) -> Result<Vec<ChunkRow>> {
    if relist.is_empty() {
        return Ok(Vec::new());
    }
    let acls: HashMap<&str, &Acl> = relist.iter().map(|(id, acl)| (id.as_str(), acl)).collect();
    let ids: Vec<&str> = acls.keys().copied().collect();
    let table = tables.get(TableRole::Chunks)?;
    let batches = table.rows(None, Some(one_of("doc_id", &ids))).await?;
    let mut rows: Vec<ChunkRow> = rows::from_batches(table.name(), &batches)?;
    for row in &mut rows {
        if let Some(acl) = acls.get(row.doc_id.as_str()) {
            row.set_acl(acl);
        }
    }
    Ok(rows)
}

/// The rows of documents of which only the version moves.
async fn touched(tables: &Tables, touch: &[(String, Version)]) -> Result<Vec<DocumentRow>> {
    if touch.is_empty() {
        return Ok(Vec::new());
    }
    let versions: HashMap<&str, &Version> = touch.iter().map(|(id, v)| (id.as_str(), v)).collect();
    let ids: HashSet<&str> = versions.keys().copied().collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let table = tables.get(TableRole::Documents)?;
    let batches = table.rows(None, Some(one_of("doc_id", &ids))).await?;
    let mut rows: Vec<DocumentRow> = rows::from_batches(table.name(), &batches)?;
    for row in &mut rows {
        if let Some(version) = versions.get(row.doc_id.as_str()) {
            row.version = version_text(version);
        }
    }
    Ok(rows)
}
