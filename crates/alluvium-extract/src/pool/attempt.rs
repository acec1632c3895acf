//! What came of one document in one worker.

use alluvium_core::change::MediaType;
use alluvium_core::extract::Extracted;
use alluvium_core::quarantine::Cause;

use super::{assemble, own_component};
use crate::outcome::{Failure, Meta, Piece};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The worker told it all.
    Done(Meta),
    /// The extractor refused; the worker lives.
    Failed(Failure),
    /// The worker died, was killed or broke the protocol.
    Died(Failure),
}

/// What came of one document in one worker: the pieces that arrived, and the end.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) pieces: Vec<Piece>,
    pub(super) end: End,
}

impl Attempt {
    /// Whether the worker is lost.
    pub(super) fn died(&self) -> bool {
        matches!(self.end, End::Died(_))
    }

    /// Whether its time was up.
    pub(super) fn timed_out(&self) -> bool {
        self.failure().is_some_and(|f| f.cause == Cause::Timeout)
    }

    /// Why it did not come to its end.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match &self.end {
            End::Done(_) => None,
            End::Failed(failure) | End::Died(failure) => Some(failure),
        }
    }

    /// The text of a format that comes in one piece.
    pub(super) fn into_text(self, media_type: MediaType) -> Result<Extracted, Failure> {
        let meta = match self.end {
            End::Done(meta) => meta,
            End::Failed(failure) | End::Died(failure) => return Err(failure),
        };
        let component = own_component(media_type);
        let piece = self.pieces.into_iter().next();
        match (piece, component) {
            (Some(piece), Some(component)) => Ok(assemble::whole(piece, meta, media_type, component)),
            _ => Err(Failure::new(Cause::Crashed, "the worker told the end before the text")),
        }
    }
}
