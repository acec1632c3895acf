//! What the index knows of the documents of a batch: one look-up a table, by key.

use std::collections::HashMap;

use alluvium_core::ledger::TableRole;

use crate::error::Result;
use crate::filter::one_of;
use crate::plan::{DocumentFacts, Facts};
use crate::reader::standing;
use crate::rows::{self, PolicyRow, QuarantineRow};
use crate::tables::Tables;

/// Loads the facts that a plan is made over.
pub(crate) async fn facts(tables: &Tables, ids: &[&str]) -> Result<HashMap<String, Facts>> {
    let mut facts: HashMap<String, Facts> = HashMap::new();
    let documents = tables.get(TableRole::Documents)?;
    let batches = documents.rows(Some(&DocumentFacts::COLUMNS), Some(one_of("doc_id", ids))).await?;
    for row in rows::from_batches::<DocumentFacts>(documents.name(), &batches)? {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.document = Some(row);
    }
    let policy = tables.get(TableRole::Policy)?;
    let batches = policy.rows(None, Some(one_of("doc_id", ids))).await?;
    for row in rows::from_batches::<PolicyRow>(policy.name(), &batches)? {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.policy = Some(row);
    }
    let quarantine = tables.get(TableRole::Quarantine)?;
    let open = one_of("doc_id", ids).and(standing());
    for row in
        rows::from_batches::<QuarantineRow>(quarantine.name(), &quarantine.rows(None, Some(open)).await?)?
    {
        let entry = facts.entry(row.doc_id.clone()).or_default();
        entry.open.push(row);
    }
    Ok(facts)
}
