//! What the index knows of the documents of a batch, and where: one look-up a table, by key.

use std::collections::HashMap;

use alluvium_core::ledger::TableRole;
use datafusion_expr::Expr;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::filter::one_of;
use crate::located::Located;
use crate::plan::{DocumentFacts, Facts};
use crate::reader::standing;
use crate::rows::{self, PolicyRow, QuarantineRow};
use crate::tables::Tables;
use crate::task;

/// Loads the facts that a plan is made over, and where the rows are that a plan would replace.
pub(crate) async fn facts(tables: &Tables, ids: &[&str]) -> Result<(HashMap<String, Facts>, Located)> {
    let documents =
        known::<DocumentFacts>(tables, TableRole::Documents, Some(&DocumentFacts::COLUMNS), of_ids(ids))?;
    let policies = known::<PolicyRow>(tables, TableRole::Policy, None, of_ids(ids))?;
    let items = known::<QuarantineRow>(tables, TableRole::Quarantine, None, of_ids(ids).and(standing()))?;
    let (documents, policies, items) = tokio::try_join!(documents, policies, items)?;
    let mut located = Located::default();
    let at = documents.iter().map(|(row, address)| (row.doc_id.as_str(), *address));
    located.remember(TableRole::Documents, tables.get(TableRole::Documents)?.version(), ids, at);
    let at = policies.iter().map(|(row, address)| (row.doc_id.as_str(), *address));
    located.remember(TableRole::Policy, tables.get(TableRole::Policy)?.version(), ids, at);
    let mut facts: HashMap<String, Facts> = HashMap::new();
    for (row, _) in documents {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.document = Some(row);
    }
    for (row, _) in policies {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.policy = Some(row);
    }
    for (row, _) in items {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.open.push(row);
    }
    Ok((facts, located))
}

fn of_ids(ids: &[&str]) -> Expr {
    one_of("doc_id", ids)
}

/// Rows with their addresses. On a task of its own: to plan a search for thousands of keys takes a core, and
/// there are several tables.
fn known<R: DeserializeOwned + Send + 'static>(
    tables: &Tables,
    role: TableRole,
    columns: Option<&'static [&'static str]>,
    filter: Expr,
) -> Result<impl Future<Output = Result<Vec<(R, u64)>>> + use<R>> {
    let table = tables.get(role)?.clone();
    Ok(task::beside(format!("reading table {}", table.name()), async move {
        rows::located_from_batches(table.name(), &table.located_rows(columns, filter).await?)
    }))
}
