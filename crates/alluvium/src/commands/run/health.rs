//! How a daemon is doing: a line of its log once a minute, and a file beside the index for `status`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alluvium_runtime::{Health, HealthSnapshot, SourceHealth};
use jiff::Timestamp;

use crate::daemon_health::{self, DaemonHealth};

/// How often health is asked for, and so how old the file may be.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);
/// How often it is worth a line.
const LINE: Duration = Duration::from_secs(60);

pub(super) struct Told {
    /// The index, where this process writes it.
    root: Option<PathBuf>,
    /// When the next line is due.
    line_at: Mutex<Instant>,
}

impl Told {
    /// Of a process that writes the index at `root`, or none.
    pub(super) fn new(root: Option<PathBuf>) -> Self {
        Self { root, line_at: Mutex::new(Instant::now() + LINE) }
    }

    fn is_line_due(&self) -> bool {
        let mut line_at = self.line_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = Instant::now() >= *line_at;
        if due {
            *line_at = Instant::now() + LINE;
        }
        due
    }
}

impl Health for Told {
    fn report(&self, health: &HealthSnapshot) {
        if let Some(root) = &self.root {
            let written = daemon_health::write(root, &DaemonHealth::of(health, Timestamp::now()));
            if let Err(error) = written {
                tracing::debug!(%error, "the health of this process can't be written down");
            }
        }
        if self.is_line_due() {
            log(health);
        }
    }
}

fn log(health: &HealthSnapshot) {
    let sources: Vec<String> = health.sources.iter().map(source_line).collect();
    let oldest = health.oldest.as_ref().map(|o| format!(", oldest {o}")).unwrap_or_default();
    let published = health.published.as_ref();
    let published = published.map_or("nothing published yet".to_owned(), |p| {
        format!("seq {} published {} s ago", p.publish.seq, p.age.as_secs())
    });
    tracing::info!(
        "health: {published}; {} committed, {} quarantined, {} chunks embedded; \
         {} in flight ({} MiB{oldest}), {} wait for the commit; {}",
        health.committed,
        health.quarantined,
        health.embedded,
        health.in_flight_documents,
        health.in_flight_bytes >> 20,
        health.pending,
        sources.join(", "),
    );
}

fn source_line(source: &SourceHealth) -> String {
    let braked = source.braked.as_ref().map(|brake| format!(", {} deletions withheld", brake.0.missing));
    let braked = braked.unwrap_or_default();
    format!("{} {} ({} seen{braked})", source.name, source.state, source.seen)
}
