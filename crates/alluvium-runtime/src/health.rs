//! How a run that follows its sources is doing, for one line in a log.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_core::brake::Brake;
use alluvium_core::commit::Publish;
use alluvium_core::id::SourceName;
use tokio::time::Instant;

use crate::flight::InFlight;

/// How a run is doing. Counts are since its start; times are how long ago.
#[derive(Debug, Clone)]
pub struct HealthSnapshot {
    /// Each source, in the order of the pipeline.
    pub sources: Vec<SourceHealth>,
    /// Documents in flight: pulled, and not yet committed.
    pub in_flight_documents: usize,
    /// What they weigh.
    pub in_flight_bytes: u64,
    /// Of those, the ones that are finished and wait for the commit.
    pub pending: usize,
    /// The one that was pulled first.
    pub oldest: Option<InFlight>,
    /// Changes committed.
    pub committed: u64,
    /// Changes refused.
    pub quarantined: u64,
    /// Chunks embedded.
    pub embedded: u64,
    /// The last publish.
    pub published: Option<Published>,
    /// Pulling has stopped, and what is in flight may finish.
    pub draining: bool,
}

/// A publish, and how long ago it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The publish.
    pub publish: Publish,
    /// How long ago.
    pub age: Duration,
}

/// How one source is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHealth {
    /// Its name.
    pub name: SourceName,
    /// What it is about.
    pub state: SourceState,
    /// Documents that it looked at.
    pub seen: u64,
    /// How long ago its last batch came.
    pub last_batch: Option<Duration>,
    /// In what time it is asked again, where it could not answer.
    pub retry_in: Option<Duration>,
    /// Its last complete listing withheld deletions.
    pub braked: Option<Brake>,
}

/// What a source is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// It is not asked: there is no room.
    Waiting,
    /// It is asked for its next batch; one that has nothing to say stays here.
    Pulling,
    /// It could not answer, and is asked again after a while.
    Retrying {
        /// Why, the last time.
        error: String,
        /// How often in a row.
        attempts: u32,
    },
    /// It has ended, or the run stopped pulling.
    Ended,
}

impl fmt::Display for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting"),
            Self::Pulling => f.write_str("pulling"),
            Self::Retrying { error, attempts } => write!(f, "retrying after {attempts}: {error}"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

/// Is told how a run is doing, at an interval and at its end.
pub trait Health: Send + Sync {
    /// Takes note; quickly, for the run waits.
    fn report(&self, snapshot: &HealthSnapshot);
}

/// What the pull tasks note of their sources.
pub(crate) struct Watch(Mutex<Vec<Watched>>);

/// What is noted of one source. Its size does not depend on how long the run lasts.
pub(crate) struct Watched {
    name: SourceName,
    pub(crate) state: SourceState,
    pub(crate) seen: u64,
    pub(crate) last_batch: Option<Instant>,
    /// When it is asked again, where it could not answer.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) braked: Option<Brake>,
}

impl Watch {
    pub(crate) fn new(names: impl Iterator<Item = SourceName>) -> Self {
        let watched = |name| Watched {
            name,
            state: SourceState::Waiting,
            seen: 0,
            last_batch: None,
            retry_at: None,
            braked: None,
        };
        Self(Mutex::new(names.map(watched).collect()))
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something of the source at `index`.
    pub(crate) fn note(&self, index: usize, note: impl FnOnce(&mut Watched)) {
        if let Some(watched) = self.watched().get_mut(index) {
            note(watched);
        }
    }

    /// All sources.
    pub(crate) fn sources(&self) -> Vec<SourceHealth> {
        let show = |watched: &Watched| SourceHealth {
            name: watched.name.clone(),
            state: watched.state.clone(),
            seen: watched.seen,
            last_batch: watched.last_batch.map(|at| at.elapsed()),
            retry_in: watched.retry_at.map(|at| at.saturating_duration_since(Instant::now())),
            braked: watched.braked,
        };
        self.watched().iter().map(show).collect()
    }
}
