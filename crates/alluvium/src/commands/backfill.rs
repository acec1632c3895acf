//! `alluvium backfill`: every source of a pipeline into its index, once.

use std::sync::Arc;
use std::time::Instant;

use alluvium_config::{PipelineSpec, SourceSpec};
use alluvium_connect::filesystem::Reprocess;
use alluvium_core::extract::Extractor;
use alluvium_index::{ErrorKind, Writer};
use alluvium_runtime::{Pipeline, Report, RunError, SourceRun};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Format};
use crate::compose::{self, Shape, Start, at_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress::Shown;
use crate::results::{BackfillResult, ChunkCounts, DocumentCounts, LiveShort, SourceWarning};
use crate::signals::Signals;
use crate::warnings;

mod beside;

use beside::Beside;

pub(crate) async fn run(arguments: &cli::Backfill, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(&arguments.pipeline.pipeline)?;
    let chosen = chosen(&spec, arguments.source.as_deref())?;
    let (result, report) = bring_up_to_date(&spec, &chosen, arguments).await?;
    output::result(format, &result, |result| text(result, &report))?;
    verdict(&report)
}

/// Runs sources through the index, until they end or a signal comes.
pub(super) async fn bring_up_to_date(
    spec: &PipelineSpec,
    chosen: &[&SourceSpec],
    arguments: &cli::Backfill,
) -> Result<(BackfillResult, Report), Failure> {
    let started = Instant::now();
    let (cancel, beside) = (CancellationToken::new(), Beside::default());
    let signals = tokio::spawn(Signals::take()?.watch(cancel.clone(), beside.on_signal()));
    // The second signal ends the watch, and with it whatever is still going on.
    let outcome = tokio::select! {
        biased;
        outcome = Box::pin(load(spec, chosen, arguments, cancel, &beside)) => outcome?,
        _ = signals => return Err(interrupted("stopped at once")),
    };
    let (report, live) = outcome;
    let warnings = warnings::read(spec, chosen.iter().copied());
    Ok((result(&report, live, started.elapsed().as_secs_f64(), warnings), report))
}

fn chosen<'s>(spec: &'s PipelineSpec, name: Option<&str>) -> Result<Vec<&'s SourceSpec>, Failure> {
    let Some(name) = name else { return Ok(spec.sources.iter().collect()) };
    let source = spec.source(name).ok_or_else(|| {
        let names: Vec<&str> = spec.sources.iter().map(|source| source.name.written()).collect();
        Failure::new(Exit::Usage, "usage", format!("the pipeline has no source {name:?}"))
            .next(format!("name one of: {}", names.join(", ")))
    })?;
    Ok(vec![source])
}

/// Opens everything, the index last, and runs the sources through it.
async fn load(
    spec: &PipelineSpec,
    chosen: &[&SourceSpec],
    arguments: &cli::Backfill,
    cancel: CancellationToken,
    beside: &Beside,
) -> Result<(Report, Option<LiveShort>), Failure> {
    let shape = Shape::open(spec)?;
    let extractor = compose::extractor(spec)?;
    extractor.probe().await.map_err(|e| Failure::from(RunError::Extractor(e.to_string())))?;
    let fingerprint = shape.pipeline_fingerprint(extractor.components());
    let options = compose::options(spec);
    let opened = Writer::open(&spec.index.path, &spec.name, &shape.fingerprint, options).await;
    let mut writer = match opened {
        Err(held) if held.kind() == ErrorKind::Held => {
            let request = beside::request(spec, chosen, arguments, fingerprint);
            let done = beside.ask(spec, request, &cancel).await?;
            return done.ok_or_else(|| at_index(spec, held));
        }
        opened => opened.map_err(|e| at_index(spec, e))?,
    };
    writer.refuse_paused().map_err(|e| at_index(spec, e))?;
    let mut sources = Vec::new();
    let reprocess = match arguments.reprocess {
        cli::Reprocess::Changed => Reprocess::Changed,
        cli::Reprocess::All => Reprocess::All,
    };
    for source in chosen {
        let start = Start::of(spec, source, &writer, &fingerprint).await?;
        let record_first_scan = start.is_first();
        let start = Start { reprocess, allow_deletes: arguments.allow_deletes, ..start };
        sources.push(SourceRun { source: compose::source(source, start)?, record_first_scan, once: true });
    }
    let lookup = writer.lookup();
    let mut with_dead_letters = compose::with_dead_letters(spec, &mut writer)?;
    let report = alluvium_runtime::backfill(Pipeline {
        sources,
        extractor,
        chunker: shape.chunker,
        model: shape.model,
        lookup,
        writer: &mut with_dead_letters,
        fingerprint,
        hide_unreadable: spec.hide_unreadable(),
        settings: compose::settings(spec),
        progress: Arc::new(Shown::start()),
        cancel,
    })
    .await?;
    let live = writer.head().filter(|head| !head.tables.is_empty());
    let live = live.map(LiveShort::of);
    Ok((report, live))
}

fn result(
    report: &Report,
    release: Option<LiveShort>,
    seconds: f64,
    warnings: Vec<SourceWarning>,
) -> BackfillResult {
    let counts = &report.counts;
    BackfillResult {
        documents: DocumentCounts {
            seen: report.seen,
            indexed: counts.indexed,
            unchanged: report.unchanged + counts.unchanged,
            deleted: counts.deleted,
            quarantined: counts.quarantined,
            skipped: report.skipped.total(),
            skipped_by_type: report.skipped.by_type().clone(),
        },
        chunks: ChunkCounts {
            written: counts.chunks_written,
            reused: counts.chunks_reused,
            embedded: counts.chunks_embedded,
            words_only: counts.chunks_words_only,
        },
        seconds,
        release,
        published: report.published.is_some(),
        warnings,
    }
}

pub(super) fn text(result: &BackfillResult, report: &Report) -> String {
    let (documents, chunks) = (&result.documents, &result.chunks);
    let release = match (&result.release, result.published) {
        (Some(live), true) => format!("published seq {}, generation {}", live.seq, live.generation),
        (Some(live), false) => format!("nothing to publish: live is still seq {}", live.seq),
        (None, _) => "nothing published".to_owned(),
    };
    let words_only = match chunks.words_only {
        0 => String::new(),
        some => format!(
            ", {some} by words only: the model can't read them; one that reads their language finds them by \
             meaning, too"
        ),
    };
    let counted = format!(
        "{} documents seen in {:.1} s: {} indexed, {} unchanged, {} access changed, {} deleted, \
         {} quarantined, {}\n{} chunks written: {} embedded, {} reused{words_only}\n{release}",
        documents.seen,
        result.seconds,
        documents.indexed,
        documents.unchanged,
        report.counts.access,
        documents.deleted,
        documents.quarantined,
        skipped_text(documents),
        chunks.written,
        chunks.embedded,
        chunks.reused,
    );
    std::iter::once(counted).chain(warnings::lines(&result.warnings)).collect::<Vec<_>>().join("\n")
}

/// How many were passed over, and of which types.
fn skipped_text(documents: &DocumentCounts) -> String {
    let types = documents.skipped_by_type.iter().map(|(kind, count)| format!("{count} {kind}"));
    let types = types.collect::<Vec<_>>().join(", ");
    if types.is_empty() { "0 skipped".to_owned() } else { format!("{} skipped ({types})", documents.skipped) }
}

/// How the run ended: an interruption says more than the brake, and that more than a quarantine.
pub(super) fn verdict(report: &Report) -> Result<Exit, Failure> {
    if report.interrupted {
        return Err(interrupted("finished documents are committed, the others are not"));
    }
    if let Some((source, brake)) = report.braked.first() {
        let failure = Failure::new(Exit::Failed, "mass_delete_brake", brake).at(format!("source {source}"));
        return Err(failure.next("check the source; if the documents are meant to go, use --allow-deletes"));
    }
    Ok(if report.counts.quarantined > 0 { Exit::Quarantined } else { Exit::Done })
}

fn interrupted(message: &str) -> Failure {
    Failure::new(Exit::Interrupted, "interrupted", message).next("run the same command again to go on")
}

#[cfg(test)]
mod tests {
    use alluvium_core::brake::{Brake, Listing};
    use alluvium_core::commit::Counts;
    use alluvium_core::id::SourceName;

    use super::*;

    #[test]
    fn the_end_of_a_run_by_rank() {
        let exit = |report: &Report| verdict(report).unwrap_or_else(|failure| failure.exit);
        let mut report = Report::default();
        assert_eq!(exit(&report), Exit::Done);
        report.counts = Counts { quarantined: 1, ..Counts::default() };
        assert_eq!(exit(&report), Exit::Quarantined);
        let brake = Brake(Listing { listed: 0, known: 1, missing: 1 });
        report.braked.push((SourceName::new("docs").unwrap(), brake));
        assert_eq!(exit(&report), Exit::Failed);
        report.interrupted = true;
        assert_eq!(exit(&report), Exit::Interrupted);
    }
}
