//! A backfill beside a daemon: the daemon writes the index, so that it is asked to do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alluvium_config::{PipelineSpec, SourceSpec};
use alluvium_core::commit::Publish;
use alluvium_core::hash::Sha256;
use alluvium_core::id::Generation;
use alluvium_runtime::Report;
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Reprocess};
use crate::control::{self, BackfillRequest, Done};
use crate::failure::{Exit, Failure};
use crate::progress::Shown;
use crate::results::LiveShort;

/// What the daemon is to do.
pub(super) fn request(
    spec: &PipelineSpec,
    chosen: &[&SourceSpec],
    arguments: &cli::Backfill,
    fingerprint: Sha256,
) -> BackfillRequest {
    // Who names none may leave some to others.
    let all = chosen.len() == spec.sources.len() && arguments.source.is_none();
    let sources = if all { &[] } else { chosen };
    BackfillRequest {
        pipeline: spec.name.expose().clone(),
        fingerprint,
        config_hash: spec.config_hash(),
        sources: sources.iter().map(|source| source.name.expose().clone()).collect(),
        reprocess_all: arguments.reprocess == Reprocess::All,
        allow_deletes: arguments.allow_deletes,
    }
}

/// Whether a daemon does the work.
#[derive(Default)]
pub(super) struct Beside(Arc<AtomicBool>);

impl Beside {
    /// What a first signal does.
    pub(super) fn on_signal(&self) -> impl Fn() -> &'static str + Send + 'static {
        let beside = Arc::clone(&self.0);
        move || match beside.load(Ordering::Relaxed) {
            true => "no longer waiting for the daemon",
            false => "stopping: finished documents are being committed",
        }
    }

    /// Has the daemon do it, and waits; `None` where who holds the index is no daemon that can be asked.
    pub(super) async fn ask(
        &self,
        spec: &PipelineSpec,
        request: BackfillRequest,
        cancel: &CancellationToken,
    ) -> Result<Option<(Report, Option<LiveShort>)>, Failure> {
        self.0.store(true, Ordering::Relaxed);
        let asked = control::ask(&spec.index.path, request, || Box::new(Shown::start()));
        let done = cancel.run_until_cancelled(asked).await.unwrap_or_else(|| Err(left()))?;
        Ok(done.map(|done| (report(&done), done.release)))
    }
}

fn report(done: &Done) -> Report {
    let release = done.release.as_ref().filter(|_| done.published);
    let publish = |live: &LiveShort| {
        Some(Publish { seq: live.seq, generation: Generation::new(live.generation.clone()).ok()? })
    };
    Report {
        seen: done.seen,
        unchanged: done.unchanged,
        skipped: done.skipped.clone(),
        counts: done.counts,
        published: release.and_then(publish),
        braked: done.braked.iter().cloned().map(Into::into).collect(),
        interrupted: false,
    }
}

fn left() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "interrupted",
        "stopped waiting; the daemon goes on with the backfill by itself",
    )
    .next("`alluvium status` shows how it is; run the same command again to wait for another one")
}
