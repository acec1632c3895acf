//! What a daemon writes down of itself beside its index, for `status` to show while it runs.

use std::path::{Path, PathBuf};

use alluvium_runtime::{HealthSnapshot, SourceHealth, SourceState};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The file, in the index's folder.
const FILE: &str = "health.json";
/// An older one is of a daemon that is not there any more.
const STALE: SignedDuration = SignedDuration::from_secs(60);
/// The most that is read of it.
const MOST: u64 = 1 << 20;

/// How the process that follows the sources is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct DaemonHealth {
    /// When it said so.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) at: Timestamp,
    pub(crate) sources: Vec<SourceReport>,
    /// Documents that are pulled and not yet committed.
    pub(crate) in_flight_documents: usize,
    /// Changes committed since it started, or since somebody else last published.
    pub(crate) committed: u64,
    /// Of those, the ones that were refused.
    pub(crate) quarantined: u64,
    /// It was told to end.
    pub(crate) draining: bool,
}

/// How one source is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceReport {
    pub(crate) name: String,
    pub(crate) state: State,
    /// Why it could not answer, the last time; it is asked again until it does, and nothing of it is refused
    /// meanwhile.
    pub(crate) error: Option<String>,
    /// How often in a row it could not.
    pub(crate) attempts: u32,
    /// When it is asked again.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub(crate) retry_at: Option<Timestamp>,
    /// Documents that it looked at.
    pub(crate) seen: u64,
    /// Deletions that its last listing would have made, and the brake withheld.
    pub(crate) deletions_withheld: u64,
}

/// What a source is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// There is no room for more of it.
    Waiting,
    /// It is asked for more, and may have none.
    Pulling,
    /// It could not answer and is asked again, ever less often.
    Retrying,
    /// There is nothing more to come.
    Ended,
}

impl State {
    /// The word of the interface.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pulling => "pulling",
            Self::Retrying => "retrying",
            Self::Ended => "ended",
        }
    }
}

impl DaemonHealth {
    pub(crate) fn of(health: &HealthSnapshot, at: Timestamp) -> Self {
        Self {
            at,
            sources: health.sources.iter().map(|source| SourceReport::of(source, at)).collect(),
            in_flight_documents: health.in_flight_documents,
            committed: health.committed,
            quarantined: health.quarantined,
            draining: health.draining,
        }
    }
}

impl SourceReport {
    fn of(source: &SourceHealth, at: Timestamp) -> Self {
        let (state, error, attempts) = match &source.state {
            SourceState::Waiting => (State::Waiting, None, 0),
            SourceState::Pulling => (State::Pulling, None, 0),
            SourceState::Retrying { error, attempts } => (State::Retrying, Some(error.clone()), *attempts),
            SourceState::Ended => (State::Ended, None, 0),
        };
        let deletions_withheld = source.braked.map_or(0, |brake| brake.0.missing);
        Self {
            name: source.name.to_string(),
            state,
            error,
            attempts,
            retry_at: source.retry_in.and_then(|wait| at.checked_add(wait).ok()),
            seen: source.seen,
            deletions_withheld,
        }
    }
}

/// Writes it down, in one step.
pub(crate) fn write(root: &Path, health: &DaemonHealth) -> std::io::Result<()> {
    let (file, whole) = (path(root), root.join(format!("{FILE}.new")));
    std::fs::write(&whole, serde_json::to_vec(health)?)?;
    std::fs::rename(whole, file)
}

/// What was written down last, if that was just now: who writes the index may be another process, and no
/// daemon.
pub(crate) fn read(root: &Path, now: Timestamp) -> Option<DaemonHealth> {
    let file = path(root);
    if file.metadata().ok()?.len() > MOST {
        return None;
    }
    let health: DaemonHealth = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (now.duration_since(health.at) < STALE).then_some(health)
}

fn path(root: &Path) -> PathBuf {
    root.join(FILE)
}
