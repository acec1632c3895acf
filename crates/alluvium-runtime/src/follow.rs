//! A run over sources that go on: every change as it comes, for months.

use std::sync::Arc;

use alluvium_core::commit::CommitError;
use tokio_util::sync::CancellationToken;

use crate::error::RunError;
use crate::following::Following;
use crate::health::Health;
use crate::pipeline::{FollowEnd, FollowSettings, Pipeline};
use crate::topology;

/// Carries changes from the sources into the index as they come, until all sources have ended, those that
/// are read once have, the pipeline's `cancel` asks for a drain, or somebody else publishes.
///
/// A failure ends the run after what was finished is committed, and is returned, unless committing is what
/// failed: a failed commit ends it at once, and the caller opens the index anew. A writer that is fenced
/// is no failure but [`FollowEnd::Superseded`]. Dropping the future ends the run at once, wherever it is;
/// readers see nothing of what was not published, and the sources give it again.
pub async fn follow(
    mut pipeline: Pipeline<'_>,
    settings: FollowSettings,
    health: Arc<dyn Health>,
) -> Result<FollowEnd, RunError> {
    let following = Following::new(settings, health, pipeline.cancel.clone());
    let run = topology::run(&mut pipeline, Some(following), CancellationToken::new());
    match Box::pin(run).await {
        Ok(outcome) => Ok(outcome.end),
        Err(RunError::Commit(CommitError::Fenced(by))) => {
            tracing::info!(%by, "fenced");
            Ok(FollowEnd::Superseded)
        }
        Err(error) => Err(error),
    }
}
