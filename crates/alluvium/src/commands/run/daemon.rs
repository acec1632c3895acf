//! The daemon that writes the index.
//!
//! It works in rounds. A round opens everything from the newest record and follows the sources until a
//! person steps in (rollback, resume, erase: the round's picture of the index is wrong then), until
//! something fails, or until a signal. What a round had in flight is not lost: the next one finds it in
//! the sources again. The writer's lock is held from the first round to the last.
//!
//! Others of this machine may ask it for a backfill, over the [`control`](crate::control) socket. That is a
//! round of its own ([`delegated`](super::delegated)).

use std::sync::Arc;
use std::time::Duration;

use alluvium_config::{PipelineSpec, SourceSpec};
use alluvium_connect::filesystem::Reprocess;
use alluvium_core::extract::Extractor;
use alluvium_extract::WorkerPool;
use alluvium_index::{ErrorKind, IndexError, Writer};
use alluvium_runtime::{FollowEnd, InFlight, NoProgress, Pipeline, RunError, SourceRun};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::delegated::{Chosen, Delegated, Identity};
use super::health::Told;
use super::{Pause, wait};
use crate::cli::Role;
use crate::compose::{self, Shape, Start, at_index};
use crate::control::{Asked, Control};
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
    let fingerprint = shape.pipeline_fingerprint(extractor.components());
    let Some(writer) = open(spec, &shape, standby, &cancel).await? else { return Ok(Vec::new()) };
    let (control, inbox) = listen(spec).unzip();
    let (config_hash, delegated) = (spec.config_hash(), Delegated::of(inbox));
    let identity = Identity { spec, role, fingerprint, config_hash };
    let outcome = Daemon { spec, shape, extractor, identity, writer, delegated, cancel }.rounds().await;
    if let Some(control) = control {
        control.close().await;
    }
    outcome
}

/// A daemon that can't be asked for anything does all else.
fn listen(spec: &PipelineSpec) -> Option<(Control, mpsc::Receiver<Asked>)> {
    let listening = Control::listen(&spec.index.path);
    listening
        .inspect_err(
            |error| tracing::warn!(%error, "there is no control socket: no backfill beside this daemon"),
        )
        .ok()
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
    shape: Shape,
    extractor: Arc<WorkerPool>,
    identity: Identity<'s>,
    writer: Writer,
    delegated: Delegated,
    cancel: CancellationToken,
}

impl Daemon<'_> {
    async fn rounds(mut self) -> Result<Vec<InFlight>, Failure> {
        let mut pause = Pause::new();
        tracing::info!(pipeline = %self.spec.name, index = self.spec.index.path.written(), "following");
        while self.until_resumed().await? {
            match Box::pin(self.round()).await {
                Ok(FollowEnd::Loaded { report, slow }) => {
                    self.delegated.complete(*report, self.writer.head());
                    if self.cancel.is_cancelled() {
                        return Ok(slow);
                    }
                    continue;
                }
                Ok(FollowEnd::Drained { slow }) if self.cancel.is_cancelled() => return Ok(slow),
                // For the sake of a backfill. The head is our own, and is known.
                Ok(FollowEnd::Drained { .. }) => continue,
                Ok(FollowEnd::Ended) => return Ok(Vec::new()),
                Ok(FollowEnd::Superseded) => {
                    tracing::info!("somebody else has published; starting over from the newest record");
                    self.delegated.again();
                    pause.reset();
                }
                Err(failure) if self.cancel.is_cancelled() => return Err(failure),
                Err(failure) => {
                    // Where a backfill was asked for, its sources are as likely to be what is wrong.
                    if !self.delegated.fail(&failure) && !self.wait_after(&failure, &mut pause).await {
                        break;
                    }
                }
            }
            self.refuse_loss()?;
            self.renew().await?;
        }
        Ok(Vec::new())
    }

    /// Waits after a failure, but not while somebody asks for a backfill; false when told to end meanwhile.
    async fn wait_after(&mut self, failure: &Failure, pause: &mut Pause) -> bool {
        if self.delegated.is_next() {
            return true;
        }
        tokio::select! {
            goes_on = pause.after(failure, &self.cancel) => goes_on,
            () = self.delegated.arrive(&self.identity) => true,
        }
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
            if let Err(paused) = self.writer.refuse_paused() {
                self.delegated.refuse_all(&at_index(self.spec, paused));
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

    /// What is read: beside preparers what these can't share, and what they have prepared. What is chosen is
    /// read once.
    async fn sources(&self, chosen: Option<&Chosen>) -> Result<Vec<SourceRun>, Failure> {
        let alone = self.identity.role == Role::All;
        let mut sources = Vec::new();
        for source in &self.spec.sources {
            let start = Start::of(self.spec, source, &self.writer, &self.identity.fingerprint).await?;
            if !alone && compose::is_shared(source) {
                let again = compose::again_source(source, start)?;
                sources.extend(again.map(|source| SourceRun {
                    source,
                    record_first_scan: false,
                    once: false,
                }));
                continue;
            }
            sources.push(self.source(source, start, chosen)?);
        }
        if !alone {
            sources.push(self.prepared()?);
        }
        Ok(sources)
    }

    fn source(
        &self,
        source: &SourceSpec,
        start: Start,
        chosen: Option<&Chosen>,
    ) -> Result<SourceRun, Failure> {
        let record_first_scan = start.is_first();
        let Some(chosen) = chosen.filter(|chosen| chosen.sources.contains(source.name.expose())) else {
            let source = compose::following(self.spec, source, start)?;
            return Ok(SourceRun { source, record_first_scan, once: false });
        };
        let reprocess = if chosen.reprocess_all { Reprocess::All } else { Reprocess::Changed };
        let start = Start { reprocess, allow_deletes: chosen.allow_deletes, ..start };
        Ok(SourceRun { source: compose::source(source, start)?, record_first_scan, once: true })
    }

    fn prepared(&self) -> Result<SourceRun, Failure> {
        let (source, positions) = (compose::prepared_name()?, self.writer.head());
        let positions = positions.and_then(|head| head.checkpoint.0.get(&source));
        let positions = positions.map(|checkpoint| checkpoint.partitions.clone()).unwrap_or_default();
        let record_first_scan = positions.is_empty();
        let source = compose::prepared_source(self.spec, &self.shape.fingerprint, positions)?;
        Ok(SourceRun { source, record_first_scan, once: false })
    }

    async fn round(&mut self) -> Result<FollowEnd, Failure> {
        let (chosen, progress) = self.delegated.begin().unzip();
        let sources = self.sources(chosen.as_ref()).await?;
        let end = self.cancel.child_token();
        let lookup = self.writer.lookup();
        let mut writer = compose::with_dead_letters(self.spec, &mut self.writer)?;
        let pipeline = Pipeline {
            sources,
            extractor: self.extractor.clone(),
            chunker: self.shape.chunker.clone(),
            model: self.shape.model.clone(),
            lookup,
            writer: &mut writer,
            fingerprint: self.identity.fingerprint.clone(),
            hide_unreadable: self.spec.hide_unreadable(),
            settings: compose::settings(self.spec),
            progress: progress.unwrap_or_else(|| Arc::new(NoProgress)),
            cancel: end.clone(),
        };
        let told = Arc::new(Told::new(Some(self.spec.index.path.expose().clone())));
        let follow = alluvium_runtime::follow(pipeline, super::follow_settings(self.spec), told);
        let mut follow = std::pin::pin!(follow);
        loop {
            if self.delegated.is_next() {
                end.cancel();
            }
            tokio::select! {
                biased;
                ended = &mut follow => return Ok(ended?),
                () = self.delegated.arrive(&self.identity) => {}
            }
        }
    }
}

/// Whether an error of the index may pass by itself.
fn passing(error: &IndexError) -> bool {
    matches!(error.kind(), ErrorKind::Storage | ErrorKind::OtherGeneration)
}
