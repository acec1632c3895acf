//! What every source must hold, whatever it reads. Tests of a source drain it through [`drain`].

use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::source::{Room, Source, SourceBatch, SourceError};

/// A source that breaks a promise of the seam, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// The source returned an error.
    #[error(transparent)]
    Failed(#[from] SourceError),
    /// The source broke a promise.
    #[error("{0}")]
    Broke(&'static str),
}

/// Asks a source that ends for everything, and checks each batch.
pub async fn drain(source: &mut dyn Source, room: Room) -> Result<Vec<SourceBatch>, Breach> {
    let mut batches = Vec::new();
    while let Some(batch) = source.next(room).await? {
        check(source, room, &batch)?;
        batches.push(batch);
    }
    let holds = [
        (source.next(room).await?.is_none(), "a source that has ended went on"),
        (source.expected().is_some(), "a source that has ended does not know how much there was"),
    ];
    judge(&holds)?;
    Ok(batches)
}

fn check(source: &dyn Source, room: Room, batch: &SourceBatch) -> Result<(), Breach> {
    let bytes: u64 = batch.changes.iter().map(DocumentChange::content_bytes).sum();
    let single = batch.changes.len() == 1;
    let name = source.name();
    let deletes = batch.changes.iter().any(|c| matches!(c.content, Some(ContentChange::Delete { .. })));
    judge(&[
        (batch.changes.len() <= room.changes.max(1), "more changes than there is room for"),
        (bytes <= room.bytes || single, "more bytes than there is room for"),
        (batch.changes.iter().all(|c| c.doc_id.source() == name.as_str()), "an id of another source"),
        (batch.deltas.iter().all(|d| d.source == *name), "progress of another source"),
        (batch.unchanged <= batch.seen, "more documents unchanged than seen"),
        (
            batch.braked.is_none() || (!deletes && batch.deltas.is_empty()),
            "a braked batch deletes or progresses",
        ),
    ])
}

fn judge(promises: &[(bool, &'static str)]) -> Result<(), Breach> {
    promises.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(Breach::Broke(what)))
}

/// What a source of events said of a document, in short: `id=text`, or `id` and what became of it. `?` stands
/// for an event that names no document.
pub fn verb(change: &DocumentChange) -> String {
    let id = change.doc_id.local();
    match &change.content {
        Some(ContentChange::Upsert(upsert)) => format!("{id}={}", String::from_utf8_lossy(&upsert.bytes)),
        Some(ContentChange::Delete { .. }) => format!("{id} delete"),
        Some(ContentChange::Prepared(_)) => format!("{id} prepared"),
        Some(ContentChange::Refused { refusal, .. }) if id.starts_with("./event/") => {
            format!("? {}", refusal.cause)
        }
        Some(ContentChange::Refused { refusal, .. }) => format!("{id} {}", refusal.cause),
        None => format!("{id} acl"),
    }
}
