//! The circuit breaker of one bucket: whether what went wrong is the store's doing, in which case the source
//! waits, or one object's. No IO: the store is asked for an object, and where that fails for something that
//! tells of the bucket itself (the probe); what both came to is judged here.
//!
//! | The object | The probe answers | The probe is denied | The probe fails |
//! |---|---|---|---|
//! | is missing | refused | refused | open |
//! | is denied | refused | open | open |
//! | fails | waits, then refused | open | open |
//!
//! Closed: objects are asked for. Open: the source waits, and when it asks again the breaker is half open:
//! the probe goes first, and where it fails nothing else is asked for. An object that is read closes it.
//!
//! An object that keeps failing while the bucket answers is refused alone, so that it does not block its
//! neighbours for ever; but not many of them in a row: a store that reads none is broken, whatever it answers.

use std::collections::BTreeMap;

/// Objects that are refused alone with none read between them, at most.
const MOST_ALONE: u32 = 3;
/// Objects whose attempts are counted. A source meets few before it waits.
const MOST_COUNTED: usize = 64;

/// How asking for an object went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The store says that there is none.
    Missing,
    /// The store says that we may not.
    Denied,
    /// Anything else.
    Failed,
}

/// How asking for the bucket went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// It says what it holds.
    Answers,
    /// It says that we may not know.
    Denied,
    /// Anything else.
    Fails,
}

/// What becomes of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is refused, and the source goes on.
    Refuse,
    /// The source waits for the object, which failed as often in a row.
    WaitForObject(u32),
    /// The source waits for the store.
    WaitForStore,
}

/// The state of the breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    is_open: bool,
    /// An object is refused when it failed as often.
    attempts: u32,
    /// How often each failed while the bucket answered.
    failed: BTreeMap<String, u32>,
    /// Objects refused alone since one was read.
    alone: u32,
}

impl Breaker {
    pub(super) fn new(attempts: u32) -> Self {
        Self { is_open: false, attempts, failed: BTreeMap::new(), alone: 0 }
    }

    /// Whether the probe goes first.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// An object was read.
    pub(super) fn read(&mut self, key: &str) {
        self.is_open = false;
        self.alone = 0;
        self.failed.remove(key);
    }

    /// An object was not read.
    pub(super) fn judge(&mut self, key: &str, trouble: Trouble, probe: Probe) -> Verdict {
        let verdict = match (trouble, probe) {
            (Trouble::Missing, Probe::Answers | Probe::Denied) => Verdict::Refuse,
            (Trouble::Denied, Probe::Answers) => Verdict::Refuse,
            (Trouble::Failed, Probe::Answers) => self.count(key),
            _ => Verdict::WaitForStore,
        };
        self.is_open = verdict == Verdict::WaitForStore;
        if verdict == Verdict::Refuse {
            self.failed.remove(key);
        }
        verdict
    }

    fn count(&mut self, key: &str) -> Verdict {
        if self.failed.len() >= MOST_COUNTED && !self.failed.contains_key(key) {
            self.failed.clear();
        }
        let times = self.failed.entry(key.to_owned()).or_default();
        *times = times.saturating_add(1);
        if *times < self.attempts {
            return Verdict::WaitForObject(*times);
        }
        if self.alone >= MOST_ALONE {
            return Verdict::WaitForStore;
        }
        self.alone += 1;
        Verdict::Refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Refuse, WaitForObject, WaitForStore};

    #[test]
    fn what_is_the_objects_and_what_the_stores() {
        for (trouble, expected) in [
            (Trouble::Missing, [Refuse, Refuse, WaitForStore]),
            (Trouble::Denied, [Refuse, WaitForStore, WaitForStore]),
            (Trouble::Failed, [WaitForObject(1), WaitForStore, WaitForStore]),
        ] {
            for (probe, expected) in [Probe::Answers, Probe::Denied, Probe::Fails].into_iter().zip(expected) {
                let mut breaker = Breaker::new(5);
                assert_eq!(breaker.judge("a", trouble, probe), expected, "{trouble:?}, {probe:?}");
                assert_eq!(breaker.is_open(), expected == WaitForStore, "{trouble:?}, {probe:?}");
            }
        }
    }

    #[test]
    fn it_opens_with_a_failure_and_closes_with_a_read() {
        let mut breaker = Breaker::new(5);
        assert!(!breaker.is_open());
        for _ in 0..100 {
            assert_eq!(breaker.judge("a", Trouble::Failed, Probe::Fails), WaitForStore);
            assert!(breaker.is_open());
        }
        assert_eq!(
            breaker.judge("a", Trouble::Failed, Probe::Answers),
            WaitForObject(1),
            "the store's failures don't count"
        );
        assert!(!breaker.is_open());
        breaker.judge("a", Trouble::Denied, Probe::Denied);
        breaker.read("a");
        assert!(!breaker.is_open());
    }

    #[test]
    fn an_object_that_keeps_failing_is_refused_alone() {
        let mut breaker = Breaker::new(3);
        let fails = |breaker: &mut Breaker, key: &str| breaker.judge(key, Trouble::Failed, Probe::Answers);
        assert_eq!([0; 3].map(|_| fails(&mut breaker, "a")), [WaitForObject(1), WaitForObject(2), Refuse]);
        assert_eq!(fails(&mut breaker, "a"), WaitForObject(1), "and counted anew when it comes again");
        fails(&mut breaker, "b");
        breaker.read("a");
        assert_eq!(fails(&mut breaker, "b"), WaitForObject(2), "whatever others do");
    }

    #[test]
    fn not_many_are_refused_alone_in_a_row() {
        let mut breaker = Breaker::new(1);
        let fails = |breaker: &mut Breaker, key: &str| breaker.judge(key, Trouble::Failed, Probe::Answers);
        let verdicts = ["a", "b", "c", "d", "d"].map(|key| fails(&mut breaker, key));
        assert_eq!(verdicts, [Refuse, Refuse, Refuse, WaitForStore, WaitForStore]);
        breaker.read("e");
        assert_eq!(fails(&mut breaker, "d"), Refuse);
    }

    #[test]
    fn counting_is_bounded() {
        let mut breaker = Breaker::new(5);
        for key in 0..1000 {
            breaker.judge(&key.to_string(), Trouble::Failed, Probe::Answers);
            assert!(breaker.failed.len() <= MOST_COUNTED);
        }
    }
}
