//! Sets the tasks of a run going, and sees them off.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::acknowledge::Acknowledgements;
use crate::commit::{CommitLoop, Outcome, State};
use crate::error::RunError;
use crate::following::Following;
use crate::loading::Loading;
use crate::pipeline::{FollowEnd, Pipeline};
use crate::pull::pull;
use crate::shared::Shared;

/// Events that wait for the commit loop; what they carry is bounded by the budget.
const EVENTS: usize = 1024;

/// Runs a pipeline until its sources have ended, it is stopped, or something is broken. `stop` ends all
/// tasks, and is cancelled when this returns or is dropped.
pub(crate) async fn run(
    pipeline: &mut Pipeline<'_>,
    following: Option<Following>,
    stop: CancellationToken,
) -> Result<Outcome, RunError> {
    // Whatever becomes of this future, no task outlives it for long.
    let _guard = stop.clone().drop_guard();
    let settings = following.as_ref().map(Following::settings);
    let shared = Arc::new(Shared::new(pipeline, settings, stop.clone())?);
    let (events, inbox) = mpsc::channel(EVENTS);
    let sources = std::mem::take(&mut pipeline.sources);
    let acknowledge = Acknowledgements::of(&sources);
    let loading = Loading::of(&sources, following.is_some());
    let puller = tokio::spawn(pull(sources, Arc::clone(&shared), events));
    let committing = CommitLoop {
        writer: &mut *pipeline.writer,
        settings: pipeline.settings,
        shared: Arc::clone(&shared),
        progress: Arc::clone(&pipeline.progress),
        following,
        acknowledge,
        state: State::of(loading),
    };
    let committed = committing.run(inbox).await;
    stop.cancel();
    let pulled = puller.await;
    // A failed commit is the cause of whatever else then failed, and so is somebody else's publish.
    let outcome = committed?;
    if outcome.end == FollowEnd::Superseded {
        return Ok(outcome);
    }
    if let Some(error) = shared.failure() {
        return Err(error);
    }
    pulled.map_err(|e| RunError::Internal(format!("pulling from the sources: {e}")))?;
    Ok(outcome)
}
