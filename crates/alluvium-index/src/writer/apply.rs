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
use crate::located::Located;
use crate::plan::{Described, Plan};
use crate::rows::{self, ChunkRow, DocumentRow, version_text};
use crate::schema::key;
use crate::table::Staged;
use crate::tables::Tables;
use crate::task;

/// Writes a plan's rows. Nothing of it is published yet.
///
/// The rows of all tables go to storage side by side; then the tables are committed one after the other.
///
/// `located` may know where rows are that are replaced; others are searched by key.
pub(super) async fn apply(
    tables: &mut Tables,
    plan: Plan,
    located: &Located,
    dimension: usize,
) -> Result<()> {
    let staged = Box::pin(stage(tables, seeded(plan), located, dimension)).await?;
    let (chunks, documents, policy, quarantine) = staged;
    tables.set(TableRole::Chunks, chunks.commit().await?);
    fail_point!("commit::after-chunks");
    tables.set(TableRole::Documents, documents.commit().await?);
    fail_point!("commit::after-documents");
    tables.set(TableRole::Policy, policy.commit().await?);
    fail_point!("commit::after-policy");
    tables.set(TableRole::Quarantine, quarantine.commit().await?);
    fail_point!("commit::after-quarantine");
    Ok(())
}

async fn stage(
    tables: &Tables,
    plan: Plan,
    located: &Located,
    dimension: usize,
) -> Result<(Staged, Staged, Staged, Staged)> {
    let (moved, touched) =
        tokio::try_join!(moved(tables, &plan.relist, &plan.describe), touched(tables, &plan))?;
    let (moved, moved_from): (Vec<ChunkRow>, Vec<u64>) = moved.into_iter().unzip();
    let chunks: Vec<ChunkRow> = plan.chunks.into_iter().chain(moved).collect();
    let documents: Vec<DocumentRow> = plan.documents.into_iter().chain(touched).collect();
    let edited = keys(&documents, |d| &d.doc_id);
    let judged = keys(&plan.policies, |p| &p.doc_id);
    let items = keys(&plan.quarantine, |q| &q.id);
    let replace = |role| Replace { role, tables, located, dimension };
    let (chunks, documents, policy, quarantine) = tokio::join!(
        replace(TableRole::Chunks).stage(plan.remove, moved_from, chunks),
        replace(TableRole::Documents).stage(edited, Vec::new(), documents),
        replace(TableRole::Policy).stage(judged, Vec::new(), plan.policies),
        replace(TableRole::Quarantine).stage(items, Vec::new(), plan.quarantine),
    );
    Ok((chunks?, documents?, policy?, quarantine?))
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

/// Rows of one table that come in place of others.
struct Replace<'a> {
    role: TableRole,
    tables: &'a Tables,
    located: &'a Located,
    dimension: usize,
}

impl Replace<'_> {
    /// In place of those of `keys`, and of those at `addresses`.
    ///
    /// On a task of its own: making columns of rows takes a core, and tables have several. All of them are
    /// waited for, whatever becomes of the others, so that nothing is written after a commit has failed.
    async fn stage<R: Serialize + Send + Sync + 'static>(
        self,
        keys: Vec<String>,
        mut addresses: Vec<u64>,
        rows: Vec<R>,
    ) -> Result<Staged> {
        let Self { role, tables, located, dimension } = self;
        let table = tables.get(role)?.clone();
        let of_keys = located.of(role, table.version(), &keys);
        task::beside(format!("writing rows of table {}", table.name()), async move {
            let old = async {
                addresses.extend(match of_keys {
                    Some(known) => known,
                    None => table.addresses(one_of(key(role), &keys)).await?,
                });
                Ok(addresses)
            };
            // The rows go once they are columns.
            let new = move || match rows.is_empty() {
                true => Ok(None),
                false => rows::to_batch(role, dimension, &rows).map(Some),
            };
            table.stage(old, new).await
        })
        .await
    }
}

/// The chunk rows of documents whose access list changes or what is said around their text, as they will be,
/// and where they are until then. Their vectors move along.
async fn moved(
    tables: &Tables,
    relist: &[(String, Acl)],
    describe: &[(String, Described)],
) -> Result<Vec<(ChunkRow, u64)>> {
    if relist.is_empty() && describe.is_empty() {
        return Ok(Vec::new());
    }
    let acls = by_id(relist);
    let descriptions = by_id(describe);
    let ids: HashSet<&str> = acls.keys().chain(descriptions.keys()).copied().collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let table = tables.get(TableRole::Chunks)?;
    let batches = table.located_rows(None, one_of("doc_id", &ids)).await?;
    let mut rows: Vec<(ChunkRow, u64)> = rows::located_from_batches(table.name(), &batches)?;
    for (row, _) in &mut rows {
        if let Some(acl) = acls.get(row.doc_id.as_str()) {
            row.set_acl(acl);
        }
        if let Some(described) = descriptions.get(row.doc_id.as_str()) {
            row.title.clone_from(&described.title);
            row.uri.clone_from(&described.uri);
            row.metadata.clone_from(&described.metadata);
        }
    }
    Ok(rows)
}

fn by_id<T>(pairs: &[(String, T)]) -> HashMap<&str, &T> {
    pairs.iter().map(|(id, of)| (id.as_str(), of)).collect()
}

/// The rows of documents of which only the version moves, or what is said around their text.
async fn touched(tables: &Tables, plan: &Plan) -> Result<Vec<DocumentRow>> {
    if plan.touch.is_empty() && plan.describe.is_empty() {
        return Ok(Vec::new());
    }
    let versions: HashMap<&str, &Version> = by_id(&plan.touch);
    let descriptions = by_id(&plan.describe);
    let ids: HashSet<&str> = versions.keys().chain(descriptions.keys()).copied().collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let table = tables.get(TableRole::Documents)?;
    let batches = table.rows(None, Some(one_of("doc_id", &ids))).await?;
    let mut rows: Vec<DocumentRow> = rows::from_batches(table.name(), &batches)?;
    for row in &mut rows {
        if let Some(version) = versions.get(row.doc_id.as_str()) {
            row.version = version_text(version);
        }
        if let Some(described) = descriptions.get(row.doc_id.as_str()) {
            row.title.clone_from(&described.title);
            row.uri.clone_from(&described.uri);
            row.metadata.clone_from(&described.metadata);
        }
    }
    Ok(rows)
}
