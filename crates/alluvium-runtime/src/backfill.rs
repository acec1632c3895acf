//! A run over sources that end: every change they hold, once.

use crate::error::RunError;
use crate::pipeline::{Pipeline, Report};
use crate::topology;

/// Carries everything that the sources hold into the index.
///
/// Cancelled, it commits the documents that are finished, drops the others and reports that it was
/// interrupted. A failure does the same and is returned, unless committing is what failed.
pub async fn backfill(mut pipeline: Pipeline<'_>) -> Result<Report, RunError> {
    let stop = pipeline.cancel.child_token();
    let report = topology::run(&mut pipeline, None, stop).await?.report;
    if report.published.is_some() && !report.interrupted {
        pipeline.writer.maintain().await?;
    }
    Ok(report)
}
