//! Which documents are in flight, and where each of them is: for health, and to name what a drain leaves
//! behind. An entry lives exactly as long as its document is charged to the budget.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_core::id::DocId;
use alluvium_core::quarantine::Stage;
use tokio::time::Instant;

use crate::budget::Held;

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

    /// A change sets out.
    pub(crate) fn begin(self: &Arc<Self>, number: u64, doc_id: DocId, held: Held) -> Flight {
        let now = Instant::now();
        self.entries().insert(number, Entry { doc_id, stage: None, entered: now, pulled: now });
        Flight { number, held, flights: Arc::clone(self) }
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

/// One change's part of the budget and its entry, both given back when it is dropped.
pub(crate) struct Flight {
    number: u64,
    held: Held,
    flights: Arc<Flights>,
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
