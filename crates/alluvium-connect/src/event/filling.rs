//! A batch that takes changes as long as there is room.

use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::source::{Room, SourceBatch};

/// The type that events are counted under which leave contents as they are.
const EVENT: &str = "event";

/// A batch that takes changes as long as there is room.
#[derive(Debug)]
pub struct Filling {
    batch: SourceBatch,
    room: Room,
    taken: usize,
    bytes: u64,
}

impl Filling {
    /// An empty batch.
    pub fn new(room: Room) -> Self {
        Self { batch: SourceBatch::default(), room, taken: 0, bytes: 0 }
    }

    /// Whether there is no room for another change.
    pub fn is_full(&self) -> bool {
        self.taken >= self.room.changes.max(1) || self.bytes >= self.room.bytes.max(1)
    }

    /// Whether it took none yet.
    pub fn is_empty(&self) -> bool {
        self.batch.changes.is_empty()
    }

    /// Takes a change, or gives it back where it does not fit; a first one always does.
    pub fn take(&mut self, change: DocumentChange) -> Option<DocumentChange> {
        let size = change.content_bytes();
        if !self.batch.changes.is_empty() && self.bytes + size > self.room.bytes {
            return Some(change);
        }
        self.bytes += size;
        self.taken += 1;
        let is_deletion = matches!(change.content, Some(ContentChange::Delete { .. }));
        self.batch.seen += u64::from(!is_deletion);
        self.batch.changes.push(change);
        None
    }

    /// Takes note of an event that says nothing of any document's content.
    pub fn skip(&mut self) {
        self.taken += 1;
        self.batch.seen += 1;
        self.batch.skipped.add(EVENT);
    }

    /// The batch.
    pub fn into_batch(self) -> SourceBatch {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_counted_and_does_not_come_without_end() {
        let mut filling = Filling::new(Room { bytes: 100, changes: 2 });
        filling.skip();
        assert!(!filling.is_full() && filling.is_empty());
        filling.skip();
        assert!(filling.is_full());
        let batch = filling.into_batch();
        assert_eq!((batch.seen, batch.skipped.total(), batch.changes.len()), (2, 2, 0));
    }
}
