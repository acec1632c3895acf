//! Puts finished changes back in order, as far as order matters, and tells when progress may be recorded.
//!
//! Changes are numbered as they are pulled. A finished change is let through when no earlier change of
//! its document is outstanding; a delta is ripe when no change pulled before it is.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::id::DocId;

/// Progress of a source, and whether it is worth a publish of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) delta: CheckpointDelta,
    pub(crate) first_scan: bool,
}

/// Outstanding changes, finished ones that wait for them, and progress that does.
pub(crate) struct Order<T> {
    next: u64,
    outstanding: BTreeSet<u64>,
    by_document: HashMap<DocId, VecDeque<u64>>,
    aside: BTreeMap<u64, T>,
    unripe: VecDeque<(u64, Vec<Delta>)>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            next: 0,
            outstanding: BTreeSet::new(),
            by_document: HashMap::new(),
            aside: BTreeMap::new(),
            unripe: VecDeque::new(),
        }
    }
}

impl<T> Order<T> {
    /// A batch was pulled: its documents take the next numbers, in order, and progress follows them.
    pub(crate) fn pulled(&mut self, documents: Vec<DocId>, deltas: Vec<Delta>) {
        for document in documents {
            self.outstanding.insert(self.next);
            self.by_document.entry(document).or_default().push_back(self.next);
            self.next += 1;
        }
        if !deltas.is_empty() {
            self.unripe.push_back((self.next, deltas));
        }
    }

    /// A change is finished. Gives what may go on now, in order.
    pub(crate) fn finished(&mut self, number: u64, document: &DocId, item: T) -> Vec<T> {
        self.aside.insert(number, item);
        let mut released = Vec::new();
        let Some(numbers) = self.by_document.get_mut(document) else { return released };
        while let Some(item) = numbers.front().and_then(|first| self.aside.remove(first)) {
            if let Some(first) = numbers.pop_front() {
                self.outstanding.remove(&first);
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
        let first_open = self.outstanding.first().copied().unwrap_or(u64::MAX);
        let mut ripe = Vec::new();
        while let Some((_, deltas)) = self.unripe.pop_front_if(|(end, _)| *end <= first_open) {
            ripe.extend(deltas);
        }
        ripe
    }

    /// Whether every change that was pulled has gone on.
    pub(crate) fn is_complete(&self) -> bool {
        self.outstanding.is_empty()
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

    #[test]
    fn changes_of_one_document_wait_for_each_other() {
        let mut order = Order::default();
        order.pulled(vec![doc("a"), doc("b"), doc("a"), doc("a")], vec![]);
        assert_eq!(order.finished(2, &doc("a"), 2), Vec::<u64>::new());
        assert_eq!(order.finished(1, &doc("b"), 1), [1]);
        assert_eq!(order.finished(0, &doc("a"), 0), [0, 2]);
        assert_eq!(order.finished(3, &doc("a"), 3), [3]);
        assert!(order.is_complete() && order.by_document.is_empty() && order.aside.is_empty());
    }

    #[test]
    fn progress_waits_for_what_was_pulled_before_it() {
        let mut order = Order::default();
        order.pulled(vec![], vec![delta(1)]);
        order.pulled(vec![doc("a"), doc("b")], vec![delta(2)]);
        order.pulled(vec![doc("c")], vec![delta(3)]);
        assert_eq!(order.ripe(), [delta(1)]);
        order.finished(2, &doc("c"), ());
        order.finished(1, &doc("b"), ());
        assert_eq!(order.ripe(), []);
        order.finished(0, &doc("a"), ());
        assert_eq!(order.ripe(), [delta(2), delta(3)]);
    }
}
