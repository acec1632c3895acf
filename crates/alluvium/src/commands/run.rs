//! `alluvium run`: the daemon. It follows the sources of a pipeline until it is told to end.
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
use alluvium_runtime::{
    FollowEnd, FollowSettings, Health, HealthSnapshot, InFlight, NoProgress, Pipeline, RunError,
    SourceHealth, SourceRun,
};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Format};
use crate::compose::{self, Shape, Start, at_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::RunResult;
use crate::signals::{Ending, Signals};

/// How often a paused daemon looks whether it may go on.
const LOOK: Duration = Duration::from_millis(500);
/// The wait after a round that failed: doubled each time up to the most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MOST_WAIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: &cli::Run, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(&arguments.pipeline.pipeline)?;
    let cancel = CancellationToken::new();
    let signals = Signals::take()?;
    let ending = signals.ending();
    let watch = tokio::spawn(signals.watch(cancel.clone(), "stopping: what is in flight may finish"));
    let outcome = tokio::select! {
        biased;
        outcome = Box::pin(serve(&spec, cancel)) => outcome?,
        _ = watch => return Err(Failure::new(Exit::Interrupted, "interrupted", "stopped at once")
            .next("start it again: it goes on from the last publish")),
    };
    let slow: Vec<String> = outcome.iter().map(|document| document.doc_id.to_string()).collect();
    output::result(format, &RunResult { slow }, text)?;
    Ok(match ending.get() {
        Some(Ending::Interrupted) => Exit::Interrupted,
        _ => Exit::Done,
    })
}

fn text(result: &RunResult) -> String {
    match result.slow.as_slice() {
        [] => "stopped; everything in flight is committed".to_owned(),
        slow => format!("stopped; not finished in time, and taken up at the next start: {}", slow.join(", ")),
    }
}

/// Follows until a signal. Gives the documents that were too slow for it.
async fn serve(spec: &PipelineSpec, cancel: CancellationToken) -> Result<Vec<InFlight>, Failure> {
    let shape = Shape::open(spec)?;
    let extractor = compose::extractor(spec)?;
    extractor.probe().await.map_err(|e| Failure::from(RunError::Extractor(e.to_string())))?;
    let fingerprint = shape.fingerprint.pipeline(&extractor.components());
    let Some(writer) = open(spec, &shape, &cancel).await? else { return Ok(Vec::new()) };
    Daemon { spec, shape, extractor, fingerprint, writer, cancel }.rounds().await
}

/// Opens the writer. An index of another generation is waited for: a person may promote ours, or put its
/// settings back. `None` when told to end meanwhile.
async fn open(
    spec: &PipelineSpec,
    shape: &Shape,
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
            opened => return opened.map(Some).map_err(|e| at_index(spec, e)),
        }
        if !wait(MOST_WAIT / 12, cancel).await {
            return Ok(None);
        }
    }
}

/// Waits; false when told to end meanwhile.
async fn wait(time: Duration, cancel: &CancellationToken) -> bool {
    cancel.run_until_cancelled(tokio::time::sleep(time)).await.is_some()
}

struct Daemon<'s> {
    spec: &'s PipelineSpec,
    shape: Shape,
    extractor: Arc<WorkerPool>,
    fingerprint: Sha256,
    writer: Writer,
    cancel: CancellationToken,
}

impl Daemon<'_> {
    async fn rounds(mut self) -> Result<Vec<InFlight>, Failure> {
        let mut pause = FIRST_WAIT;
        tracing::info!(pipeline = %self.spec.name, index = self.spec.index.path.written(), "following");
        while self.until_resumed().await? {
            match Box::pin(self.round()).await {
                Ok(FollowEnd::Drained { slow }) => return Ok(slow),
                Ok(FollowEnd::Ended) => return Ok(Vec::new()),
                Ok(FollowEnd::Superseded) => {
                    tracing::info!("somebody else has published; starting over from the newest record");
                    pause = FIRST_WAIT;
                }
                Err(failure) if self.cancel.is_cancelled() => return Err(failure),
                Err(failure) => {
                    tracing::error!(error = failure.message(), wait = ?pause, "a round failed; trying again");
                    if !wait(pause, &self.cancel).await {
                        break;
                    }
                    pause = (pause * 2).min(MOST_WAIT);
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
        let mut pause = FIRST_WAIT;
        loop {
            match self.writer.renew().await {
                Ok(()) => return Ok(()),
                Err(error) if passing(&error) && wait(pause, &self.cancel).await => {
                    tracing::error!(%error, wait = ?pause, "the index can't be read; trying again");
                    pause = (pause * 2).min(MOST_WAIT);
                }
                Err(error) => return Err(at_index(self.spec, error)),
            }
        }
    }

    async fn round(&mut self) -> Result<FollowEnd, Failure> {
        let mut sources = Vec::new();
        for source in &self.spec.sources {
            let start = Start::of(self.spec, source, &self.writer, &self.fingerprint).await?;
            let record_first_scan = start.is_first();
            let source = compose::following(self.spec, source, start)?;
            sources.push(SourceRun { source, record_first_scan });
        }
        let lookup = self.writer.lookup();
        let pipeline = Pipeline {
            sources,
            extractor: self.extractor.clone(),
            chunker: self.shape.chunker.clone(),
            model: self.shape.model.clone(),
            lookup,
            writer: &mut self.writer,
            fingerprint: self.fingerprint.clone(),
            settings: compose::settings(self.spec),
            progress: Arc::new(NoProgress),
            cancel: self.cancel.clone(),
        };
        let settings =
            FollowSettings { drain_timeout: self.spec.run.drain_timeout, ..FollowSettings::default() };
        Ok(alluvium_runtime::follow(pipeline, settings, Arc::new(HealthLine)).await?)
    }
}

/// Whether an error of the index may pass by itself.
fn passing(error: &IndexError) -> bool {
    matches!(error.kind(), ErrorKind::Storage | ErrorKind::OtherGeneration)
}

fn source_line(source: &SourceHealth) -> String {
    let braked = source.braked.as_ref().map(|brake| format!(", {} deletions withheld", brake.0.missing));
    let braked = braked.unwrap_or_default();
    format!("{} {} ({} seen{braked})", source.name, source.state, source.seen)
}

/// Health as one line of the log.
struct HealthLine;

impl Health for HealthLine {
    fn report(&self, health: &HealthSnapshot) {
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
}
