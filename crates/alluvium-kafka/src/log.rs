//! Where each partition stands, as pure bookkeeping.
//!
//! A partition's name in the checkpoint is `topic/number`. Where its log was lost and starts anew below the
//! position, positions would go backwards: the next life of the partition has a name of its own,
//! `topic/number.1`, and versions of one life are not compared with those of another.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::id::SourceName;
use jiff::Timestamp;

use crate::client::Partitions;

/// A partition that the source has to do with.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Its name in the checkpoint, and the incarnation of the versions that its offsets give.
    pub(crate) incarnation: String,
    /// Which of its lives this is.
    life: u64,
    /// What the batches so far say is contained; `None` where nothing was ever said.
    reported: Option<u64>,
    /// The next offset to be read.
    pub(crate) next: u64,
    /// Where a backfill ends.
    pub(crate) end: Option<u64>,
    /// Whether it was ever placed: from then on `next` is where it stands.
    started: bool,
    /// Whether it is ours to read.
    pub(crate) assigned: bool,
    /// Whether it was not placed since it became ours.
    pub(crate) newly_assigned: bool,
    /// Whether its position was compared with the log. Messages from before are not believed.
    pub(crate) checked: bool,
    /// When it was last compared with the log's beginning.
    looked_into: Option<Instant>,
}

impl Partition {
    /// Whether no checkpoint knows it.
    pub(crate) fn is_new(&self) -> bool {
        self.reported.is_none()
    }

    /// Whether a backfill has read it.
    pub(crate) fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// The checkpoint's position, and where the log is: from where to read, or what is lost.
    pub(crate) fn judge(&self, low: u64, high: u64) -> Result<u64, Lost> {
        if self.reported.is_none() && !self.started {
            return Ok(low);
        }
        let at = self.next;
        if at < low {
            return Err(Lost::Removed { at, low });
        }
        if at > high { Err(Lost::Ahead { at, high }) } else { Ok(at) }
    }

    /// Gives up what is lost, and goes on with the log's first offset.
    pub(crate) fn give_up(&mut self, lost: &Lost, topic: &str, number: i32, low: u64) {
        if matches!(lost, Lost::Ahead { .. }) {
            self.life += 1;
            self.incarnation = name(topic, number, self.life);
            self.reported = None;
        }
        self.next = low;
    }

    /// It stands here, wherever it stood when it was last ours; `None` where nobody has read it.
    pub(crate) fn resume(&mut self, at: Option<u64>) {
        (self.reported, self.next, self.started) = (at, at.unwrap_or(0), false);
    }

    /// It is read from here on.
    pub(crate) fn place(&mut self, next: u64) {
        (self.next, self.started, self.checked, self.newly_assigned) = (next, true, true, false);
        self.look_into();
    }

    /// Whether messages of it are taken.
    pub(crate) fn is_read(&self) -> bool {
        self.assigned && self.checked
    }

    /// It was compared with the log's beginning just now.
    pub(crate) fn look_into(&mut self) {
        self.looked_into = Some(Instant::now());
    }

    pub(crate) fn looked_into(&self, within: Duration) -> bool {
        self.looked_into.is_some_and(|at| at.elapsed() < within)
    }
}

/// What the log does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The log begins after the position.
    Removed { at: u64, low: u64 },
    /// The log ends before the position.
    Ahead { at: u64, high: u64 },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { at, low } => write!(
                f,
                "the index has what came before offset {at}, and the log begins at {low}: {} offsets were \
                 removed unread",
                low - at
            ),
            Self::Ahead { at, high } => write!(
                f,
                "the index has what came before offset {at}, and the log ends at {high}: the topic was made \
                 anew or cut, and what is in it may be other messages than those that were read"
            ),
        }
    }
}

/// All partitions of a source.
#[derive(Debug)]
pub(crate) struct Log {
    source: SourceName,
    checkpoint: BTreeMap<String, u64>,
    topics: BTreeMap<String, BTreeMap<i32, Partition>>,
}

impl Log {
    /// With the source's positions in the checkpoint.
    pub(crate) fn new(source: SourceName, checkpoint: BTreeMap<String, u64>) -> Self {
        Self { source, checkpoint, topics: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, topic: &str, number: i32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.get_mut(&number)
    }

    /// The name of a partition's newest life, also of one that is not ours.
    pub(crate) fn incarnation(&self, topic: &str, number: i32) -> String {
        let known = self.topics.get(topic).and_then(|partitions| partitions.get(&number));
        let named = known.map(|partition| partition.incarnation.clone());
        named.unwrap_or_else(|| name(topic, number, newest_life(&self.checkpoint, topic, number).0))
    }

    /// A partition is ours, and is to be checked.
    pub(crate) fn assign(&mut self, topic: &str, number: i32) -> &mut Partition {
        let partitions = self.topics.entry(topic.to_owned()).or_default();
        let partition = partitions.entry(number).or_insert_with(|| {
            let (life, reported) = newest_life(&self.checkpoint, topic, number);
            let next = reported.unwrap_or(0);
            let incarnation = name(topic, number, life);
            Partition {
                incarnation,
                life,
                reported,
                next,
                end: None,
                started: false,
                assigned: false,
                newly_assigned: true,
                checked: false,
                looked_into: None,
            }
        });
        (partition.assigned, partition.newly_assigned, partition.checked) = (true, true, false);
        partition
    }

    /// A partition is not ours any more. Its position stays, for when it comes back.
    pub(crate) fn revoke(&mut self, topic: &str, number: i32) {
        if let Some(partition) = self.get(topic, number) {
            partition.assigned = false;
        }
    }

    /// Ours, by topic and number.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = (&str, i32, &Partition)> {
        self.all().filter(|(_, _, partition)| partition.assigned)
    }

    fn all(&self) -> impl Iterator<Item = (&str, i32, &Partition)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(number, partition)| (topic.as_str(), *number, partition))
        })
    }

    /// Ours, and not yet compared with the log.
    pub(crate) fn unchecked(&self) -> Partitions {
        let unchecked = self.assigned().filter(|(_, _, partition)| !partition.checked);
        unchecked.map(|(topic, number, _)| (topic.to_owned(), number)).collect()
    }

    /// All of ours are to be compared with the log again.
    pub(crate) fn doubt(&mut self) {
        self.topics.values_mut().flat_map(BTreeMap::values_mut).for_each(|p| p.checked = false);
    }

    /// The partition of a name in the checkpoint.
    pub(crate) fn named(&self, incarnation: &str) -> Option<(&str, i32, &Partition)> {
        self.all().find(|(_, _, partition)| partition.incarnation == incarnation)
    }

    /// Whether there is progress that no batch has reported.
    pub(crate) fn has_news(&self) -> bool {
        let mut all = self.topics.values().flat_map(BTreeMap::values);
        all.any(Partition::has_news)
    }

    /// Progress since it was last asked for. With a watermark, every partition of ours says so, also those
    /// that did not move.
    pub(crate) fn report(&mut self, watermark: Option<Timestamp>) -> Vec<CheckpointDelta> {
        let source = self.source.clone();
        let all = self.topics.values_mut().flat_map(BTreeMap::values_mut);
        let moved = all.filter(|p| p.has_news() || (watermark.is_some() && p.is_read()));
        moved
            .map(|partition| CheckpointDelta {
                source: source.clone(),
                partition: partition.incarnation.clone(),
                after: partition.reported.replace(partition.next),
                through: partition.next,
                watermark,
            })
            .collect()
    }
}

impl Partition {
    /// One that was never compared with the log has nothing to say.
    fn has_news(&self) -> bool {
        self.checked && self.reported != Some(self.next)
    }
}

fn name(topic: &str, number: i32, life: u64) -> String {
    if life == 0 { format!("{topic}/{number}") } else { format!("{topic}/{number}.{life}") }
}

/// The newest life of a partition that the checkpoint knows, and its position.
fn newest_life(checkpoint: &BTreeMap<String, u64>, topic: &str, number: i32) -> (u64, Option<u64>) {
    let first = name(topic, number, 0);
    let life = |partition: &String| match partition.strip_prefix(first.as_str())? {
        "" => Some(0),
        rest => rest.strip_prefix('.')?.parse::<u64>().ok(),
    };
    let newest = checkpoint.keys().filter_map(life).max().unwrap_or(0);
    (newest, checkpoint.get(&name(topic, number, newest)).copied())
}

#[cfg(test)]
mod tests;
