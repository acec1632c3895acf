//! The daemon that writes the index.
//!
//! It works in rounds. A round opens everything from the newest record and follows the sources until a
//! person steps in (rollback, resume, erase: the round's picture of the index is wrong then), until
//! something fails, or until a signal. What a round had in flight is not lost: the next one finds it in
//! the sources again. The writer's lock is held from the first round to the last.

use std::sync::Arc;
use std::time::Duration;

use alluvium_config::PipelineSpec;
use alluvium_core::extract::Extractor;
use alluvium_core::hash::Sha256;
use alluvium_extract::WorkerPool;
use alluvium_index::{ErrorKind, IndexError, Writer};
use alluvium_runtime::{FollowEnd, InFlight, NoProgress, Pipeline, RunError, SourceRun};
use tokio_util::sync::CancellationToken;

use super::health::Told;
use super::{Pause, wait};
use crate::cli::Role;
use crate::compose::{self, Shape, Start, at_index};
use crate::failure::{Exit, Failure};

/// How often a daemon that is paused, or stands by, looks whether it may go on.
const LOOK: Duration = Duration::from_millis(500);

/// Follows until a signal. Gives the documents that were too slow for it.
pub(super) async fn serve(
    spec: &PipelineSpec,
    role: Role,
    standby: bool,
    cancel: CancellationToken,
) -> Result<Vec<InFlight>, Failure> {
    let shape = Shape::open(spec)?;
    let extractor = compose::extractor(spec)?;
    extractor.probe().await.map_err(|e| Failure::from(RunError::Extractor(e.to_string())))?;
    if role == Role::Commit {
        compose::prepared_spec(spec, &shape.fingerprint)?;
    }
    let fingerprint = shape.fingerprint.pipeline(&extractor.components());
    let Some(writer) = open(spec, &shape, standby, &cancel).await? else { return Ok(Vec::new()) };
    Daemon { spec, role, shape, extractor, fingerprint, writer, cancel }.rounds().await
}

/// Opens the writer. An index of another generation is waited for: a person may promote ours, or put its
/// settings back. So is one that another process holds, where this one stands by. `None` when told to end
/// meanwhile.
async fn open(
    spec: &PipelineSpec,
    shape: &Shape,
    standby: bool,
    cancel: &CancellationToken,
) -> Result<Option<Writer>, Failure> {
    let mut told = false;
    loop {
        let opened =
            Writer::open(&spec.index.path, &spec.name, &shape.fingerprint, compose::options(spec)).await;
        match opened {
            Err(error) if error.kind() == ErrorKind::OtherGeneration => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "paused: this pipeline's generation is not the live one");
                }
            }
            Err(error) if standby && error.kind() == ErrorKind::Held => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(%error, "standing by");
                }
                if !wait(LOOK, cancel).await {
                    return Ok(None);
                }
                continue;
            }
            opened => return opened.map(Some).map_err(|e| at_index(spec, e)),
        }
        if !wait(Pause::MOST / 12, cancel).await {
            return Ok(None);
        }
    }
}

struct Daemon<'s> {
    spec: &'s PipelineSpec,
    role: Role,
    shape: Shape,
    extractor: Arc<WorkerPool>,
    fingerprint: Sha256,
    writer: Writer,
    cancel: CancellationToken,
}

impl Daemon<'_> {
    async fn rounds(mut self) -> Result<Vec<InFlight>, Failure> {
        let mut pause = Pause::new();
        tracing::info!(pipeline = %self.spec.name, index = self.spec.index.path.written(), "following");
        while self.until_resumed().await? {
            match Box::pin(self.round()).await {
                Ok(FollowEnd::Drained { slow }) => return Ok(slow),
                Ok(FollowEnd::Ended) => return Ok(Vec::new()),
                Ok(FollowEnd::Superseded) => {
                    tracing::info!("somebody else has published; starting over from the newest record");
                    pause.reset();
                }
                Err(failure) if self.cancel.is_cancelled() => return Err(failure),
                Err(failure) => {
                    if !pause.after(&failure, &self.cancel).await {
                        break;
                    }
                }
            }
            self.refuse_loss()?;
            self.renew().await?;
        }
        Ok(Vec::new())
    }

    /// A new round reads its sources again, and standard input can't be.
    fn refuse_loss(&self) -> Result<(), Failure> {
        let lost = self.spec.sources.iter().find(|source| source.kind.reads_stdin());
        lost.map_or(Ok(()), |source| {
            let message = format!(
                "source {} is standard input, and what was in flight of it when the round ended is lost",
                source.name
            );
            Err(Failure::new(Exit::Failed, "not_replayable", message)
                .next("start the daemon again, and send what came since the last publish once more"))
        })
    }

    /// Waits while a person has paused ingestion; false when told to end meanwhile.
    async fn until_resumed(&mut self) -> Result<bool, Failure> {
        let mut told = false;
        while let Some(head) = self.writer.head().filter(|head| head.paused) {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(seq = head.seq, "paused by a rollback; `alluvium resume` lets it go on");
            }
            if !wait(LOOK, &self.cancel).await {
                return Ok(false);
            }
            self.renew().await?;
        }
        if told {
            tracing::info!("resumed");
        }
        Ok(!self.cancel.is_cancelled())
    }

    /// Looks at the newest record. Storage that fails for a while is waited for.
    async fn renew(&mut self) -> Result<(), Failure> {
        let mut pause = Pause::FIRST;
        loop {
            match self.writer.renew().await {
                Ok(()) => return Ok(()),
                Err(error) if passing(&error) && wait(pause, &self.cancel).await => {
                    tracing::error!(%error, wait = ?pause, "the index can't be read; trying again");
                    pause = (pause * 2).min(Pause::MOST);
                }
                Err(error) => return Err(at_index(self.spec, error)),
            }
        }
    }

    /// What is read: beside preparers what these can't share, and what they have prepared.
    async fn sources(&self) -> Result<Vec<SourceRun>, Failure> {
        let alone = self.role == Role::All;
        let mut sources = Vec::new();
        for source in &self.spec.sources {
            let start = Start::of(self.spec, source, &self.writer, &self.fingerprint).await?;
            if !alone && compose::is_shared(source) {
                let again = compose::again_source(source, start)?;
                sources.extend(again.map(|source| SourceRun { source, record_first_scan: false }));
                continue;
            }
            let record_first_scan = start.is_first();
            let source = compose::following(self.spec, source, start)?;
            sources.push(SourceRun { source, record_first_scan });
        }
        if !alone {
            sources.push(self.prepared()?);
        }
        Ok(sources)
    }

    fn prepared(&self) -> Result<SourceRun, Failure> {
        let (source, positions) = (compose::prepared_name()?, self.writer.head());
        let positions = positions.and_then(|head| head.checkpoint.0.get(&source));
        let positions = positions.map(|checkpoint| checkpoint.partitions.clone()).unwrap_or_default();
        let record_first_scan = positions.is_empty();
        let source = compose::prepared_source(self.spec, &self.shape.fingerprint, positions)?;
        Ok(SourceRun { source, record_first_scan })
    }

    async fn round(&mut self) -> Result<FollowEnd, Failure> {
        let sources = self.sources().await?;
        let lookup = self.writer.lookup();
        let mut writer = compose::with_dead_letters(self.spec, &mut self.writer)?;
        let pipeline = Pipeline {
            sources,
            extractor: self.extractor.clone(),
            chunker: self.shape.chunker.clone(),
            model: self.shape.model.clone(),
            lookup,
            writer: &mut writer,
            fingerprint: self.fingerprint.clone(),
            settings: compose::settings(self.spec),
            progress: Arc::new(NoProgress),
            cancel: self.cancel.clone(),
        };
        let told = Arc::new(Told::new(Some(self.spec.index.path.expose().clone())));
        Ok(alluvium_runtime::follow(pipeline, super::follow_settings(self.spec), told).await?)
    }
}

/// Whether an error of the index may pass by itself.
fn passing(error: &IndexError) -> bool {
    matches!(error.kind(), ErrorKind::Storage | ErrorKind::OtherGeneration)
}
