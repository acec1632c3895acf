//! How far each source has been read, as an algebra of checked intervals.
//!
//! A checkpoint maps source → partition → position. A delta moves one partition over the half-open
//! interval `(after, through]`. Applying it has these outcomes:
//!
//! | the partition stands at | outcome |
//! |---|---|
//! | `after` | moves to `through` |
//! | beyond `after` | [`CheckpointError::Overlap`]; nothing changes |
//! | before `after` | [`CheckpointError::Gap`]; nothing changes |

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::SourceName;

/// The positions of all sources that a ledger record contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub BTreeMap<SourceName, SourceCheckpoint>);

/// The position of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCheckpoint {
    /// Partition → the last position that is contained. A scanned source has one partition, `scan`,
    /// whose position counts completed scans.
    pub partitions: BTreeMap<String, u64>,
    /// All that happened in the source before this moment is contained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
}

/// Progress in one partition: everything after `after`, through `through`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointDelta {
    /// The source.
    pub source: SourceName,
    /// The partition.
    pub partition: String,
    /// The position that progress started from; `None` is the very start.
    pub after: Option<u64>,
    /// The last position that is contained now.
    pub through: u64,
    /// The new watermark, where there is one.
    pub watermark: Option<Timestamp>,
}

/// Why a delta does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Some of it is contained already.
    #[error(
        "{source_name}/{partition} stands at {at}, the delta starts after {after}: it would be applied twice"
    )]
    Overlap {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
        /// Where the partition stands.
        at: String,
        /// Where the delta starts.
        after: String,
    },
    /// Something between is missing.
    #[error(
        "{source_name}/{partition} stands at {at}, the delta starts after {after}: something between is missing"
    )]
    Gap {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
        /// Where the partition stands.
        at: String,
        /// Where the delta starts.
        after: String,
    },
    /// The delta goes backwards.
    #[error("{source_name}/{partition}: a delta goes backwards")]
    Backwards {
        /// The source.
        source_name: String,
        /// The partition.
        partition: String,
    },
}

impl Checkpoint {
    /// Where a partition stands.
    pub fn position(&self, source: &SourceName, partition: &str) -> Option<u64> {
        self.0.get(source)?.partitions.get(partition).copied()
    }

    /// A source's watermark.
    pub fn watermark(&self, source: &SourceName) -> Option<Timestamp> {
        self.0.get(source)?.watermark
    }

    /// The checkpoint as it can be believed at `now`: a watermark that lies ahead came from a clock that
    /// did, and would make a source look fresh for as long.
    pub fn believed_at(&self, now: Timestamp) -> Self {
        let mut believed = self.clone();
        for source in believed.0.values_mut() {
            source.watermark = source.watermark.filter(|watermark| *watermark <= now);
        }
        believed
    }

    /// The checkpoint after all of `deltas`, or the first misfit, and then nothing has changed.
    pub fn apply(&self, deltas: &[CheckpointDelta]) -> Result<Self, CheckpointError> {
        let mut next = self.clone();
        for delta in deltas {
            next.apply_one(delta)?;
        }
        Ok(next)
    }

    fn apply_one(&mut self, delta: &CheckpointDelta) -> Result<(), CheckpointError> {
        let (source_name, partition) = (delta.source.to_string(), delta.partition.clone());
        if delta.after.is_some_and(|after| after > delta.through) {
            return Err(CheckpointError::Backwards { source_name, partition });
        }
        let at = self.position(&delta.source, &delta.partition);
        // `None` sorts before every position, which is exactly the start.
        if at != delta.after {
            let (at_text, after) = (show(at), show(delta.after));
            return Err(if at > delta.after {
                CheckpointError::Overlap { source_name, partition, at: at_text, after }
            } else {
                CheckpointError::Gap { source_name, partition, at: at_text, after }
            });
        }
        let entry = self.0.entry(delta.source.clone()).or_default();
        entry.partitions.insert(partition, delta.through);
        entry.watermark = entry.watermark.max(delta.watermark);
        Ok(())
    }
}

fn show(position: Option<u64>) -> String {
    position.map_or_else(|| "the start".to_owned(), |p| p.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(after: Option<u64>, through: u64) -> CheckpointDelta {
        let source = SourceName::new("s").unwrap();
        CheckpointDelta { source, partition: "0".to_owned(), after, through, watermark: None }
    }

    #[test]
    fn deltas_join_end_to_end() {
        let one = Checkpoint::default().apply(&[delta(None, 3), delta(Some(3), 7)]).unwrap();
        assert_eq!(one.position(&SourceName::new("s").unwrap(), "0"), Some(7));
        assert_eq!(one.apply(&[delta(Some(7), 7)]), Ok(one.clone()), "an empty interval moves nothing");
    }

    #[test]
    fn a_misfit_is_named_and_changes_nothing() {
        let one = Checkpoint::default().apply(&[delta(None, 3)]).unwrap();
        assert!(matches!(one.apply(&[delta(Some(2), 9)]), Err(CheckpointError::Overlap { .. })));
        assert!(matches!(one.apply(&[delta(None, 9)]), Err(CheckpointError::Overlap { .. })));
        assert!(matches!(one.apply(&[delta(Some(4), 9)]), Err(CheckpointError::Gap { .. })));
        assert!(matches!(one.apply(&[delta(Some(9), 4)]), Err(CheckpointError::Backwards { .. })));
    }

    #[test]
    fn a_watermark_ahead_of_the_clock_gives_way() {
        let source = SourceName::new("s").unwrap();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let marked =
            |through, seconds| CheckpointDelta { watermark: Some(at(seconds)), ..delta(None, through) };
        let ahead = Checkpoint::default().apply(&[marked(3, 900)]).unwrap();
        let next = CheckpointDelta { after: Some(3), ..marked(4, 100) };
        let after = |now| ahead.believed_at(at(now)).apply(std::slice::from_ref(&next)).unwrap();
        assert_eq!(after(100).watermark(&source), Some(at(100)));
        assert_eq!(after(900).watermark(&source), Some(at(900)), "otherwise the latest counts");
        assert_eq!(after(100).position(&source, "0"), Some(4));
    }
}
