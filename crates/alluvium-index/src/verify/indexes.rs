//! What the indexes answer against what a scan saw: a posting that stayed behind would let somebody read,
//! a row that an index does not know would be found by nobody.

use std::collections::BTreeSet;

use alluvium_core::access::Principals;
use alluvium_core::ledger::TableRole;
use serde::Deserialize;

use super::documents::{Document, Seen};
use super::findings::{Check, Sink};
use super::{Look, scan};
use crate::error::Result;
use crate::filter::{one_of, readable_by};
use crate::schema::key;
use crate::storage;
use crate::table::Table;

/// Most principals whose rows are counted; of more, so many spread over all of them.
const MOST_PRINCIPALS: usize = 64;
/// Most names that these are chosen from.
const MOST_NAMES: usize = 100_000;
/// Documents that are looked up, spread over all of them.
const SAMPLE: usize = 256;

/// Notes names of principals.
pub(super) fn add<'n>(principals: &mut BTreeSet<String>, names: impl IntoIterator<Item = &'n String>) {
    for name in names {
        if principals.len() >= MOST_NAMES {
            return;
        }
        if !principals.contains(name) {
            principals.insert(name.clone());
        }
    }
}

/// Notes the principals of the oldest record, too: whoever lost all access since must find nothing. What
/// can't be read there is found elsewhere.
pub(super) async fn add_former(look: &Look<'_>, principals: &mut BTreeSet<String>) {
    #[derive(Deserialize)]
    struct Columns {
        acl_readers: Vec<String>,
    }
    let name = TableRole::Policy.table(&look.head.generation);
    let version = look.oldest.and_then(|record| record.tables.get(&name)).copied();
    let Some(version) = version.filter(|version| look.head.tables.get(&name) != Some(version)) else {
        return;
    };
    let session = storage::session(look.layout.root());
    let opened = Table::open(&name, &look.layout.table(&name), version, session).await;
    if let Ok(table) = opened {
        let note = |row: Columns| {
            add(principals, &row.acl_readers);
            Ok(())
        };
        if let Err(error) = scan::each(&table, &["acl_readers"], note).await {
            tracing::debug!(%error, version, "an old policy can't be read");
        }
    }
}

/// Those whose rows are counted.
pub(super) fn chosen(principals: BTreeSet<String>) -> Vec<Principals> {
    let step = principals.len().div_ceil(MOST_PRINCIPALS).max(1);
    principals.into_iter().step_by(step).filter_map(|name| Principals::new([name]).ok()).collect()
}

/// Asks the indexes as searches and commits do.
pub(super) async fn check(look: &Look<'_>, seen: &Seen, sink: &mut Sink) -> Result<()> {
    let chunks = look.tables.get(TableRole::Chunks)?;
    for (who, there) in seen.principals.iter().zip(&seen.admitted) {
        let found = chunks.count(Some(readable_by(who))).await?;
        if found != *there {
            let detail = format!("a search admits {found} rows of {}, there are {there}", chunks.name());
            sink.add(Check::IndexAccess, who.as_slice().join(", "), detail);
        }
    }
    keys(look, TableRole::Documents, seen, |document| document.document_rows, sink).await?;
    keys(look, TableRole::Policy, seen, |document| document.policy_rows, sink).await
}

/// Looks up a sample of documents; chunks are looked up document by document anyway.
async fn keys(
    look: &Look<'_>,
    role: TableRole,
    seen: &Seen,
    rows: impl Fn(&Document) -> u64,
    sink: &mut Sink,
) -> Result<()> {
    let table = look.tables.get(role)?;
    let step = seen.by_id.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<(&String, u64)> =
        seen.by_id.iter().step_by(step).map(|(id, document)| (id, rows(document))).collect();
    if sample.is_empty() {
        return Ok(());
    }
    let ids: Vec<&String> = sample.iter().map(|(id, _)| *id).collect();
    let there: u64 = sample.iter().map(|(_, rows)| rows).sum();
    let found = table.count(Some(one_of(key(role), &ids))).await?;
    if found != there {
        let detail = format!("a look-up of {} documents by doc_id finds {found} rows of {there}", ids.len());
        sink.add(Check::IndexKey, table.name(), detail);
    }
    Ok(())
}
