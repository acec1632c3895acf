//! What the commit loop of a run that follows its sources keeps in mind: its deadlines, and what becomes
//! of a drain.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_core::commit::Publish;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::flight::InFlight;
use crate::health::{Health, HealthSnapshot, Published};
use crate::pipeline::{FollowEnd, FollowSettings};

/// How long a first change waits for company.
const LINGER: Duration = Duration::from_millis(50);
/// How long after the last commit a live change waits at most beside a backlog, which would fill every
/// commit and leave it waiting for an interval.
const LIVE: Duration = Duration::from_secs(1);

/// The daemon's part of the commit loop.
pub(crate) struct Following {
    settings: FollowSettings,
    health: Arc<dyn Health>,
    /// Asks for a drain.
    cancel: CancellationToken,
    /// The last commit, or the start.
    committed_at: Instant,
    published: Option<(Publish, Instant)>,
    report_at: Instant,
    drain: Option<Drain>,
}

/// A drain: first to its deadline, then over.
enum Drain {
    Until(Instant),
    /// What was in flight when its time was up, by number.
    Over(BTreeMap<u64, InFlight>),
}

impl Following {
    pub(crate) fn new(settings: FollowSettings, health: Arc<dyn Health>, cancel: CancellationToken) -> Self {
        let now = Instant::now();
        let report_at = now + settings.health_interval;
        Self { settings, health, cancel, committed_at: now, published: None, report_at, drain: None }
    }

    pub(crate) fn settings(&self) -> FollowSettings {
        self.settings
    }

    pub(crate) fn drain_token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// When progress alone is worth a commit.
    pub(crate) fn progress_at(&self) -> Instant {
        self.committed_at + self.settings.progress_interval
    }

    /// The next deadline.
    pub(crate) fn wake_at(&self) -> Instant {
        match self.drain {
            Some(Drain::Until(until)) => until.min(self.report_at),
            _ => self.report_at,
        }
    }

    /// When a change that is finished now must be committed: an interval after the last commit, and where
    /// that was long ago almost at once. So a change after a quiet time is searchable soon, and many
    /// changes still cost one commit an interval.
    pub(crate) fn due_at(&self, interval: Duration) -> Instant {
        (self.committed_at + interval).max(Instant::now() + LINGER.min(interval))
    }

    /// The same for a live change that came beside a backlog.
    pub(crate) fn live_due_at(&self, interval: Duration) -> Instant {
        self.due_at(interval.min(LIVE))
    }

    pub(crate) fn committed(&mut self, published: Option<&Publish>) {
        self.committed_at = Instant::now();
        if let Some(publish) = published {
            self.published = Some((publish.clone(), self.committed_at));
        }
    }

    pub(crate) fn published(&self) -> Option<Published> {
        let (publish, at) = self.published.as_ref()?;
        Some(Published { publish: publish.clone(), age: at.elapsed() })
    }

    pub(crate) fn is_report_due(&self) -> bool {
        Instant::now() >= self.report_at
    }

    pub(crate) fn report(&mut self, snapshot: &HealthSnapshot) {
        self.report_at = Instant::now() + self.settings.health_interval;
        self.health.report(snapshot);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    pub(crate) fn drain(&mut self) {
        self.drain = Some(Drain::Until(Instant::now() + self.settings.drain_timeout));
    }

    /// Whether the drain's deadline has just passed.
    pub(crate) fn is_drain_over(&self) -> bool {
        matches!(self.drain, Some(Drain::Until(until)) if Instant::now() >= until)
    }

    /// Whether what is left of the run is its last commit.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.drain, Some(Drain::Over(_)))
    }

    /// The drain is over, and this was in flight.
    pub(crate) fn abort(&mut self, in_flight: BTreeMap<u64, InFlight>) {
        self.drain = Some(Drain::Over(in_flight));
    }

    /// How the run ends, when these changes are finished for its last commit.
    pub(crate) fn end(&self, finished: &[u64]) -> FollowEnd {
        match &self.drain {
            None => FollowEnd::Ended,
            Some(Drain::Until(_)) => FollowEnd::Drained { slow: vec![] },
            Some(Drain::Over(in_flight)) => {
                let slow = in_flight.iter().filter(|(number, _)| !finished.contains(number));
                FollowEnd::Drained { slow: slow.map(|(_, slow)| slow.clone()).collect() }
            }
        }
    }
}
