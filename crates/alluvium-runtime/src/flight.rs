//! Which documents are in flight, and where each of them is: for health, and to name what a drain leaves
//! behind. An entry lives exactly as long as its document is charged to the budget.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_core::id::DocId;
use alluvium_core::quarantine::Stage;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::budget::Held;
use crate::turns::{Lane, Place, Turns};

/// A change in flight: pulled, and not yet committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Its document.
    pub doc_id: DocId,
    /// Where it is. `None`: it waits, for its turn, for an earlier change of its document, or for the
    /// commit.
    pub stage: Option<Stage>,
    /// How long it has been there.
    pub in_stage: Duration,
    /// How long ago it was pulled.
    pub age: Duration,
}

impl fmt::Display for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, age) = (self.in_stage.as_secs(), self.age.as_secs());
        match self.stage {
            Some(stage) => write!(f, "{} ({stage} for {seconds} s, {age} s in all)", self.doc_id),
            None => write!(f, "{} (waiting for {seconds} s, {age} s in all)", self.doc_id),
        }
    }
}

struct Entry {
    doc_id: DocId,
    stage: Option<Stage>,
    entered: Instant,
    pulled: Instant,
    /// Cancelled where a live change waits for it.
    hurry: CancellationToken,
}

impl Entry {
    fn show(&self) -> InFlight {
        InFlight {
            doc_id: self.doc_id.clone(),
            stage: self.stage,
            in_stage: self.entered.elapsed(),
            age: self.pulled.elapsed(),
        }
    }
}

/// All changes in flight, by number and so by age.
#[derive(Default)]
pub(crate) struct Flights(Mutex<BTreeMap<u64, Entry>>);

impl Flights {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change sets out. What is in flight of the same document goes before it, so that it hurries where
    /// this one does.
    pub(crate) fn begin(
        self: &Arc<Self>,
        number: u64,
        doc_id: DocId,
        held: Held,
        counted: Counted,
    ) -> Flight {
        let now = Instant::now();
        let hurry = CancellationToken::new();
        let mut entries = self.entries();
        if counted.lane == Lane::Live {
            let before = entries.values().filter(|entry| entry.doc_id == doc_id);
            before.for_each(|entry| entry.hurry.cancel());
            hurry.cancel();
        }
        let entry = Entry { doc_id, stage: None, entered: now, pulled: now, hurry: hurry.clone() };
        entries.insert(number, entry);
        drop(entries);
        Flight { number, held, flights: Arc::clone(self), hurry, _counted: counted }
    }

    /// Whether any change goes in the lane of backlogs.
    pub(crate) fn has_backlog(&self) -> bool {
        self.entries().values().any(|entry| !entry.hurry.is_cancelled())
    }

    /// The change that was pulled first.
    pub(crate) fn oldest(&self) -> Option<InFlight> {
        self.entries().first_key_value().map(|(_, entry)| entry.show())
    }

    /// All of them, by number.
    pub(crate) fn all(&self) -> BTreeMap<u64, InFlight> {
        self.entries().iter().map(|(number, entry)| (*number, entry.show())).collect()
    }
}

/// Changes of one source in flight, by the lane in which they set out.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    live: AtomicUsize,
    bulk: AtomicUsize,
}

impl Outstanding {
    fn of(&self, lane: Lane) -> &AtomicUsize {
        match lane {
            Lane::Live => &self.live,
            Lane::Bulk => &self.bulk,
        }
    }

    pub(crate) fn count(&self, lane: Lane) -> usize {
        self.of(lane).load(Ordering::SeqCst)
    }

    /// One more sets out.
    pub(crate) fn begin(self: &Arc<Self>, lane: Lane) -> Counted {
        self.of(lane).fetch_add(1, Ordering::SeqCst);
        Counted { of: Arc::clone(self), lane }
    }
}

/// One of the changes that are counted, while it is in flight.
pub(crate) struct Counted {
    of: Arc<Outstanding>,
    lane: Lane,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.of.of(self.lane).fetch_sub(1, Ordering::SeqCst);
    }
}

/// One change's part of the budget and its entry, both given back when it is dropped.
pub(crate) struct Flight {
    number: u64,
    held: Held,
    flights: Arc<Flights>,
    hurry: CancellationToken,
    _counted: Counted,
}

impl Flight {
    /// The change's number in the order of pulling.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What it weighs.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.bytes()
    }

    /// It weighs this much now.
    pub(crate) fn resize(&mut self, bytes: u64) {
        self.held.resize(bytes);
    }

    /// The lane in which it goes: one of a backlog changes over where a live change waits for it.
    pub(crate) fn lane(&self) -> Lane {
        if self.hurry.is_cancelled() { Lane::Live } else { Lane::Bulk }
    }

    /// Waits until it goes in the live lane.
    pub(crate) async fn hurries(&self) {
        self.hurry.cancelled().await;
    }

    /// Waits for a place among its lane.
    pub(crate) async fn take_turn(&self, turns: &Arc<Turns>) -> Place {
        if self.lane() == Lane::Bulk {
            tokio::select! {
                biased;
                place = turns.take(Lane::Bulk) => return place,
                () = self.hurry.cancelled() => {}
            }
        }
        turns.take(Lane::Live).await
    }

    /// It is at this stage now, or waits.
    pub(crate) fn enter(&self, stage: Option<Stage>) {
        if let Some(entry) = self.flights.entries().get_mut(&self.number) {
            entry.stage = stage;
            entry.entered = Instant::now();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.entries().remove(&self.number);
    }
}
