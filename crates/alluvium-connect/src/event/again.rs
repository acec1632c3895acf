//! Events that a person wants to be tried again, from their quarantine items.

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::id::DocId;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use alluvium_core::version::Version;

use super::Filling;

/// Reads events that are wanted, as many as there is room for, and leaves the others in `wanted`; `read`
/// gives what an event says now. They are no progress. One that is not there any more is left out: its item
/// goes on waiting.
pub fn read_again(
    wanted: &mut Vec<Again>,
    room: Room,
    read: impl Fn(&Again) -> Result<Vec<DocumentChange>, SourceError>,
) -> Result<SourceBatch, SourceError> {
    let mut filling = Filling::new(room);
    while let Some(again) = wanted.last().filter(|_| !filling.is_full()) {
        let changes = match read(again) {
            // What was read so far goes first; the error is met again with the next pull.
            Err(_) if !filling.is_empty() => break,
            changes => changes?,
        };
        if changes.is_empty() {
            let Again { doc_id, position } = again;
            tracing::warn!(document = %doc_id, position, "the event to be tried again is not there any more");
        }
        if changes.into_iter().any(|change| filling.take(change).is_some()) {
            break;
        }
        wanted.pop();
    }
    Ok(filling.into_batch())
}

/// A change that was refused and is wanted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Its document.
    pub doc_id: DocId,
    /// The position that its origin had.
    pub position: String,
}

impl Again {
    /// What is to be done now that its event, whose own id and place are given, was read as `change`, or
    /// says nothing of any document. Where it was no event and is one now, what stood in for it goes.
    /// Nothing, where another event is there.
    pub fn answered_by(
        &self,
        change: Option<DocumentChange>,
        own_id: &DocId,
        log: Version,
    ) -> Vec<DocumentChange> {
        if change.as_ref().is_some_and(|change| change.doc_id == self.doc_id) {
            return change.into_iter().collect();
        }
        if *own_id != self.doc_id {
            return Vec::new();
        }
        let stand_in = DocumentChange {
            doc_id: self.doc_id.clone(),
            content: Some(ContentChange::Delete { version: log }),
            access: AccessChange::Unsaid { default: None },
            origin: change.as_ref().map(|change| change.origin.clone()).unwrap_or_default(),
        };
        change.into_iter().chain([stand_in]).collect()
    }
}
