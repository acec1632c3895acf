//! Puts finished changes back in order, as far as order matters, and tells when progress may be recorded.
//!
//! Changes are numbered as they are pulled, over all sources. A finished change is let through when no
//! earlier change of its document is outstanding; a delta is ripe when no change that was pulled from its
//! source before it is. Nothing is remembered of a change that went on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::id::DocId;

/// Progress of a source, and whether it is worth a publish of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) delta: CheckpointDelta,
    pub(crate) first_scan: bool,
}

/// Adds progress to progress. An interval that goes on where another one ends becomes one with it, so
/// that a source which finds nothing new for days leaves one delta a partition, not one a batch.
pub(crate) fn add_progress(all: &mut Vec<Delta>, next: Delta) {
    let goes_on = |earlier: &&mut Delta| {
        let (earlier, next) = (&earlier.delta, &next.delta);
        Some(earlier.through) == next.after
            && earlier.partition == next.partition
            && earlier.source == next.source
    };
    match all.iter_mut().find(goes_on) {
        Some(earlier) => {
            earlier.delta.through = next.delta.through;
            earlier.delta.watermark = earlier.delta.watermark.max(next.delta.watermark);
            earlier.first_scan |= next.first_scan;
        }
        None => all.push(next),
    }
}

/// Outstanding changes, finished ones that wait for them, and progress that does.
pub(crate) struct Order<T> {
    next: u64,
    by_document: HashMap<DocId, VecDeque<Outstanding>>,
    aside: BTreeMap<u64, T>,
    lanes: BTreeMap<usize, Lane>,
}

struct Outstanding {
    number: u64,
    source: usize,
}

/// What is outstanding of one source.
#[derive(Default)]
struct Lane {
    outstanding: BTreeSet<u64>,
    unripe: VecDeque<(u64, Vec<Delta>)>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { next: 0, by_document: HashMap::new(), aside: BTreeMap::new(), lanes: BTreeMap::new() }
    }
}

impl<T> Order<T> {
    /// A batch was pulled from a source: its documents take the next numbers, in order, and progress
    /// follows them.
    pub(crate) fn pulled(&mut self, source: usize, documents: Vec<DocId>, deltas: Vec<Delta>) {
        let lane = self.lanes.entry(source).or_default();
        for document in documents {
            let number = self.next;
            self.next += 1;
            lane.outstanding.insert(number);
            self.by_document.entry(document).or_default().push_back(Outstanding { number, source });
        }
        if deltas.is_empty() {
            return;
        }
        match lane.unripe.back_mut() {
            // Nothing that came since is outstanding: both wait for the same changes.
            Some((end, waiting)) if lane.outstanding.range(*end..).next().is_none() => {
                deltas.into_iter().for_each(|delta| add_progress(waiting, delta));
            }
            _ => lane.unripe.push_back((self.next, deltas)),
        }
    }

    /// A change is finished. Gives what may go on now, in order.
    pub(crate) fn finished(&mut self, number: u64, document: &DocId, item: T) -> Vec<T> {
        self.aside.insert(number, item);
        let mut released = Vec::new();
        let Some(numbers) = self.by_document.get_mut(document) else { return released };
        while let Some(item) = numbers.front().and_then(|first| self.aside.remove(&first.number)) {
            if let Some(first) = numbers.pop_front()
                && let Some(lane) = self.lanes.get_mut(&first.source)
            {
                lane.outstanding.remove(&first.number);
            }
            released.push(item);
        }
        if numbers.is_empty() {
            self.by_document.remove(document);
        }
        released
    }

    /// Progress that waits for nothing any more.
    pub(crate) fn ripe(&mut self) -> Vec<Delta> {
        let mut ripe = Vec::new();
        for lane in self.lanes.values_mut() {
            let first_open = lane.outstanding.first().copied().unwrap_or(u64::MAX);
            while let Some((_, deltas)) = lane.unripe.pop_front_if(|(end, _)| *end <= first_open) {
                ripe.extend(deltas);
            }
        }
        ripe
    }

    /// Whether every change that was pulled from a source has gone on.
    pub(crate) fn is_idle(&self, source: usize) -> bool {
        self.lanes.get(&source).is_none_or(|lane| lane.outstanding.is_empty())
    }

    /// Whether every change that was pulled has gone on.
    pub(crate) fn is_complete(&self) -> bool {
        self.by_document.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alluvium_core::id::SourceName;

    use super::*;

    fn doc(local: &str) -> DocId {
        DocId::parse(format!("s/{local}")).unwrap()
    }

    fn delta(through: u64) -> Delta {
        let source = SourceName::new("s").unwrap();
        let partition = "0".to_owned();
        let delta = CheckpointDelta { source, partition, after: None, through, watermark: None };
        Delta { delta, first_scan: false }
    }

    fn after(after: u64, through: u64) -> Delta {
        let Delta { delta, first_scan } = delta(through);
        Delta { delta: CheckpointDelta { after: Some(after), ..delta }, first_scan }
    }

    #[test]
    fn changes_of_one_document_wait_for_each_other() {
        let mut order = Order::default();
        order.pulled(0, vec![doc("a"), doc("b")], vec![]);
        order.pulled(1, vec![doc("a"), doc("a")], vec![]);
        assert_eq!(order.finished(2, &doc("a"), 2), Vec::<u64>::new());
        assert_eq!(order.finished(1, &doc("b"), 1), [1]);
        assert_eq!(order.finished(0, &doc("a"), 0), [0, 2]);
        assert!(!order.is_complete());
        assert_eq!(order.finished(3, &doc("a"), 3), [3]);
        assert!(order.is_complete() && order.aside.is_empty());
        assert!(order.lanes.values().all(|lane| lane.outstanding.is_empty()));
    }

    #[test]
    fn progress_waits_for_what_was_pulled_before_it() {
        let mut order = Order::default();
        order.pulled(0, vec![], vec![delta(1)]);
        order.pulled(0, vec![doc("a"), doc("b")], vec![delta(2)]);
        order.pulled(0, vec![doc("c")], vec![delta(3)]);
        assert_eq!(order.ripe(), [delta(1)]);
        order.finished(2, &doc("c"), ());
        order.finished(1, &doc("b"), ());
        assert_eq!(order.ripe(), []);
        order.finished(0, &doc("a"), ());
        assert_eq!(order.ripe(), [delta(2), delta(3)]);
    }

    #[test]
    fn progress_does_not_wait_for_other_sources() {
        let mut order = Order::default();
        order.pulled(0, vec![doc("slow")], vec![delta(1)]);
        order.pulled(1, vec![doc("quick")], vec![delta(2)]);
        order.finished(1, &doc("quick"), ());
        assert_eq!(order.ripe(), [delta(2)]);
        order.finished(0, &doc("slow"), ());
        assert_eq!(order.ripe(), [delta(1)]);
    }

    #[test]
    fn progress_that_goes_on_is_one() {
        let mut all = vec![];
        for next in [delta(3), after(3, 4), after(4, 9), after(7, 8)] {
            add_progress(&mut all, next);
        }
        assert_eq!(all, [delta(9), after(7, 8)], "what does not fit is left for the index to refuse");
        let mut order = Order::default();
        order.pulled(0, vec![doc("a")], vec![delta(1)]);
        for n in 1..1000 {
            order.pulled(1, vec![doc("busy")], vec![]);
            order.pulled(0, vec![], vec![after(n, n + 1)]);
        }
        assert_eq!(order.lanes[&0].unripe.len(), 1, "idle batches leave nothing behind");
        order.finished(0, &doc("a"), ());
        assert_eq!(order.ripe(), [delta(1000)]);
    }
}
