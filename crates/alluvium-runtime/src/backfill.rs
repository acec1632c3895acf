//! A run over sources that end: every change they hold, once.

use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc};

use crate::budget::Budget;
use crate::commit::{CommitLoop, State};
use crate::embedders::Embedders;
use crate::error::RunError;
use crate::pipeline::{Pipeline, Report};
use crate::prepare::Preparer;
use crate::pull::{Shared, pull};

/// Events that wait for the commit loop; what they carry is bounded by the budget.
const EVENTS: usize = 1024;

/// Carries everything that the sources hold into the index.
///
/// Cancelled, it commits the documents that are finished, drops the others and reports that it was
/// interrupted. A failure does the same and is returned, unless committing is what failed.
pub async fn backfill(pipeline: Pipeline<'_>) -> Result<Report, RunError> {
    let shared = Arc::new(shared(&pipeline)?);
    // Whatever becomes of this future, no task outlives it for long.
    let _guard = shared.stop.clone().drop_guard();
    let (events, inbox) = mpsc::channel(EVENTS);
    let puller = tokio::spawn(pull(pipeline.sources, Arc::clone(&shared), events));
    let committing = CommitLoop {
        writer: &mut *pipeline.writer,
        settings: pipeline.settings,
        shared: Arc::clone(&shared),
        progress: pipeline.progress,
        state: State::default(),
    };
    let committed = committing.run(inbox).await;
    shared.stop.cancel();
    let pulled = puller.await;
    // A failed commit is the cause of whatever else then failed.
    let report = committed?;
    if let Some(error) = shared.failure() {
        return Err(error);
    }
    pulled.map_err(|e| RunError::Internal(format!("pulling from a source: {e}")))?;
    if report.published.is_some() && !report.interrupted {
        pipeline.writer.maintain().await?;
    }
    Ok(report)
}

fn shared(pipeline: &Pipeline<'_>) -> Result<Shared, RunError> {
    let settings = &pipeline.settings;
    let embedders = Embedders::start(&pipeline.model, settings.sessions)?;
    let preparer = Preparer {
        extractor: Arc::clone(&pipeline.extractor),
        chunker: Arc::clone(&pipeline.chunker),
        tokenizer: pipeline.model.tokenizer(),
        dimension: pipeline.model.identity().dimension,
        fingerprint: pipeline.fingerprint.clone(),
        extracting: Semaphore::new(settings.extract_parallel.max(1)),
        embedding: Semaphore::new(embedders.sessions() * 4),
        embedders,
    };
    Ok(Shared {
        preparer,
        lookup: Arc::clone(&pipeline.lookup),
        budget: Budget::new(settings.queue_bytes, settings.queue_documents),
        stop: pipeline.cancel.child_token(),
        failure: Mutex::new(None),
    })
}
