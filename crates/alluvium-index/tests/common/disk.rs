//! A disk that fails at its n-th step.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use alluvium_index::faults::{Fault, Faults, How, Step};

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;

/// A way to fail.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub errno: i32,
    pub how: How,
    /// From the n-th step on, until somebody mends it; or the n-th step alone.
    pub lasts: bool,
    pub counts: fn(Step, &str) -> bool,
}

pub fn writes(step: Step, _: &str) -> bool {
    matches!(step, Step::Write | Step::Rename | Step::Delete | Step::Sync)
}

pub fn table_writes(step: Step, path: &str) -> bool {
    step == Step::Write && !path.starts_with("ledger/")
}

pub fn reads(step: Step, _: &str) -> bool {
    matches!(step, Step::Read | Step::List)
}

pub const FULL: Way = Way { errno: ENOSPC, how: How::Undone, lasts: true, counts: writes };
pub const BROKEN: Way = Way { errno: EIO, how: How::Undone, lasts: false, counts: writes };
pub const LOST: Way = Way { errno: EIO, how: How::Done, lasts: false, counts: writes };
pub const TORN: Way = Way { errno: EIO, how: How::Torn, lasts: false, counts: table_writes };
pub const UNREADABLE: Way = Way { errno: EIO, how: How::Undone, lasts: true, counts: reads };

/// A disk that fails when it is told to.
pub struct Disk {
    _faults: Faults,
    armed: Arc<AtomicBool>,
    /// What it failed at first.
    failed: Arc<Mutex<Option<String>>>,
}

impl Disk {
    pub fn under(root: &Path, way: Way, nth: usize) -> Self {
        let (armed, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (seen, arm, first) = (AtomicUsize::new(0), armed.clone(), failed.clone());
        let judge = move |step: Step, path: &str| {
            if !arm.load(Ordering::SeqCst) || !(way.counts)(step, path) {
                return None;
            }
            let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
            let hit = if way.lasts { number >= nth } else { number == nth };
            hit.then(|| {
                first.lock().unwrap().get_or_insert_with(|| format!("{step:?} {path}"));
                Fault { how: way.how, errno: way.errno }
            })
        };
        Self { _faults: Faults::at(root, judge), armed, failed }
    }

    pub fn arm(&self, on: bool) {
        self.armed.store(on, Ordering::SeqCst);
    }

    pub fn failed(&self) -> Option<String> {
        self.failed.lock().unwrap().clone()
    }
}
