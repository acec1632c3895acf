//! Quarantine items: each once, and none that contradicts itself.

use std::collections::HashSet;

use alluvium_core::id::DocId;
use alluvium_core::ledger::TableRole;
use serde::Deserialize;

use super::Look;
use super::findings::{Check, Sink};
use super::scan::each;
use crate::error::Result;
use crate::rows::seq_i64;

#[derive(Deserialize)]
struct Item {
    id: String,
    doc_id: String,
    source: String,
    entered_seq: i64,
    retry_seq: Option<i64>,
    dropped: bool,
    resolved_at: Option<i64>,
    resolved_seq: Option<i64>,
}

const COLUMNS: [&str; 8] =
    ["id", "doc_id", "source", "entered_seq", "retry_seq", "dropped", "resolved_at", "resolved_seq"];

pub(super) async fn check(look: &Look<'_>, sink: &mut Sink) -> Result<()> {
    let table = look.tables.get(TableRole::Quarantine)?;
    let newest = seq_i64(look.head.seq);
    let mut ids = HashSet::new();
    each(table, &COLUMNS, |item: Item| {
        sink.checked.quarantine += 1;
        if let Some(trouble) = item.trouble(newest) {
            sink.add(Check::QuarantineInconsistent, &item.id, format!("of {}: {trouble}", item.doc_id));
        }
        if let Some(id) = ids.replace(item.id) {
            sink.add(Check::DuplicateQuarantine, id, format!("has two rows; document {}", item.doc_id));
        }
        Ok(())
    })
    .await
}

impl Item {
    fn trouble(&self, newest: i64) -> Option<&'static str> {
        let source = DocId::parse(self.doc_id.as_str()).ok().map(|id| id.source() == self.source);
        let future = |seq: Option<i64>| seq.is_some_and(|seq| seq > newest);
        let troubles = [
            (source != Some(true), "its document is not of its source"),
            (self.resolved_at.is_some() != self.resolved_seq.is_some(), "it is half resolved"),
            (self.dropped && self.resolved_seq.is_none(), "it is dropped and still waits"),
            (self.retry_seq.is_some() && self.resolved_seq.is_some(), "it is resolved and to be tried again"),
            (
                future(Some(self.entered_seq)) || future(self.resolved_seq) || future(self.retry_seq),
                "it names a record that is still to come",
            ),
        ];
        troubles.into_iter().find(|(is_so, _)| *is_so).map(|(_, trouble)| trouble)
    }
}
