//! Which paths have changed since they were looked at, and when it is time to look. Pure: it is told the
//! time.
//!
//! Invariants:
//! - A path is ripe when nothing touched it for `settle`, or [`PATIENCE`] times that after it was first
//!   touched: what is written without end is looked at now and then.
//! - There are at most [`MOST_PATHS`]; more of them are one scan of the whole tree.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// How many paths are kept apart.
const MOST_PATHS: usize = 10_000;
/// How many times `settle` a path is waited for at most.
pub(crate) const PATIENCE: u32 = 10;

/// The paths, and whether that is all.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    paths: BTreeMap<PathBuf, Touch>,
    lost: Option<Lost>,
}

/// Why the paths do not tell everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lost {
    /// Changes were too many, or went unheard.
    Events,
    /// The watch itself may be on something that is no longer the root.
    Watch,
}

#[derive(Debug)]
struct Touch {
    first: Instant,
    last: Instant,
    /// It was looked at since, ahead of the scan that will look at it.
    ahead: bool,
}

impl Touch {
    fn ripe_at(&self, settle: Duration) -> Instant {
        (self.last + settle).min(self.first + settle * PATIENCE)
    }
}

impl Dirty {
    /// Something happened at a path.
    pub(crate) fn touch(&mut self, path: PathBuf, now: Instant) {
        if let Some(touch) = self.paths.get_mut(&path) {
            touch.last = now;
            touch.ahead = false;
        } else if self.paths.len() >= MOST_PATHS {
            self.lose(Lost::Events);
        } else if self.lost.is_none() {
            self.paths.insert(path, Touch { first: now, last: now, ahead: false });
        }
    }

    /// The paths are not all: only a scan of the whole tree tells.
    pub(crate) fn lose(&mut self, lost: Lost) {
        self.paths.clear();
        self.lost = self.lost.max(Some(lost));
    }

    pub(crate) fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// A scan of the whole tree begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the next path is ripe.
    pub(crate) fn ripe_at(&self, settle: Duration) -> Option<Instant> {
        self.paths.values().map(|touch| touch.ripe_at(settle)).min()
    }

    /// Takes the paths that are ripe.
    pub(crate) fn take_ripe(&mut self, settle: Duration, now: Instant) -> Vec<PathBuf> {
        self.paths.extract_if(.., |_, touch| touch.ripe_at(settle) <= now).map(|(path, _)| path).collect()
    }

    /// When the next path is ripe that was not given ahead.
    pub(crate) fn ahead_at(&self, settle: Duration) -> Option<Instant> {
        self.paths.values().filter(|touch| !touch.ahead).map(|touch| touch.ripe_at(settle)).min()
    }

    /// Some of the paths that are ripe, each once until it is touched again. They stay: who looks at them
    /// ahead looks for what is there, not for what is gone.
    pub(crate) fn ahead(&mut self, settle: Duration, now: Instant, most: usize) -> Vec<PathBuf> {
        let ripe = self.paths.iter_mut().filter(|(_, touch)| !touch.ahead && touch.ripe_at(settle) <= now);
        let given = ripe.take(most).map(|(path, touch)| {
            touch.ahead = true;
            path.clone()
        });
        given.collect()
    }

    /// The paths that are not ripe.
    pub(crate) fn paths(&self) -> HashSet<PathBuf> {
        self.paths.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(100);

    #[test]
    fn a_path_ripens_when_it_is_left_alone() {
        let start = Instant::now();
        let at = |tenths: u32| start + SETTLE * tenths / 10;
        let mut dirty = Dirty::default();
        dirty.touch("a".into(), at(0));
        dirty.touch("b".into(), at(2));
        dirty.touch("a".into(), at(5));
        assert_eq!(dirty.ripe_at(SETTLE), Some(at(12)));
        assert!(dirty.take_ripe(SETTLE, at(11)).is_empty());
        assert_eq!(dirty.take_ripe(SETTLE, at(12)), [PathBuf::from("b")]);
        assert_eq!(dirty.take_ripe(SETTLE, at(15)), [PathBuf::from("a")]);
        assert_eq!(dirty.ripe_at(SETTLE), None);
    }

    #[test]
    fn what_is_ripe_is_given_ahead_once_and_stays() {
        let start = Instant::now();
        let mut dirty = Dirty::default();
        ["a", "b", "c"].iter().for_each(|path| dirty.touch(path.into(), start));
        let ripe = start + SETTLE;
        assert!(dirty.ahead(SETTLE, start, 9).is_empty());
        assert_eq!(dirty.ahead(SETTLE, ripe, 2), [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(dirty.ahead_at(SETTLE), Some(ripe));
        assert_eq!(dirty.ahead(SETTLE, ripe, 2), [PathBuf::from("c")]);
        assert_eq!((dirty.ahead(SETTLE, ripe, 2).len(), dirty.ahead_at(SETTLE)), (0, None));
        dirty.touch("b".into(), ripe);
        assert_eq!(dirty.ahead_at(SETTLE), Some(ripe + SETTLE));
        assert_eq!(dirty.ahead(SETTLE, ripe + SETTLE, 9), [PathBuf::from("b")]);
        assert_eq!(dirty.take_ripe(SETTLE, ripe + SETTLE).len(), 3);
    }

    #[test]
    fn what_is_never_left_alone_ripens_too() {
        let start = Instant::now();
        let mut dirty = Dirty::default();
        for half in 0..20 {
            let now = start + SETTLE * half / 2;
            dirty.touch("log.txt".into(), now);
            assert!(dirty.take_ripe(SETTLE, now).is_empty(), "{half}");
        }
        assert_eq!(dirty.take_ripe(SETTLE, start + SETTLE * PATIENCE).len(), 1);
    }

    #[test]
    fn too_many_paths_are_the_whole_tree() {
        let now = Instant::now();
        let mut dirty = Dirty::default();
        (0..MOST_PATHS).for_each(|i| dirty.touch(i.to_string().into(), now));
        dirty.touch("0".into(), now);
        assert_eq!((dirty.paths.len(), dirty.lost()), (MOST_PATHS, None));
        dirty.touch("one more".into(), now);
        assert_eq!((dirty.paths.len(), dirty.lost()), (0, Some(Lost::Events)));
        dirty.touch("a".into(), now);
        dirty.lose(Lost::Watch);
        dirty.lose(Lost::Events);
        assert_eq!((dirty.paths.len(), dirty.lost()), (0, Some(Lost::Watch)));
        dirty.clear();
        assert_eq!(dirty.lost(), None);
    }
}
