//! Events that a person wants to be tried again, from their quarantine items.

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::id::DocId;
use alluvium_core::version::Version;

/// A change that was refused and is wanted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Its document.
    pub doc_id: DocId,
    /// The position that its origin had.
    pub position: String,
}

impl Again {
    /// What is to be done now that its event, whose own id and place are given, was read as `change`. Where
    /// it was no event and is one now, what stood in for it goes. Nothing, where another event is there.
    pub fn answered_by(&self, change: DocumentChange, own_id: &DocId, log: Version) -> Vec<DocumentChange> {
        if change.doc_id == self.doc_id {
            return vec![change];
        }
        if *own_id != self.doc_id {
            return Vec::new();
        }
        let stand_in = DocumentChange {
            doc_id: self.doc_id.clone(),
            content: Some(ContentChange::Delete { version: log }),
            access: AccessChange::Unsaid { default: None },
            origin: change.origin.clone(),
        };
        vec![change, stand_in]
    }
}
