//! `alluvium status`: what the index holds and how fresh it is.

use std::path::Path;

use alluvium_index::Index;
use jiff::Timestamp;

use crate::cli::Format;
use crate::compose::{at_index, open_index, read_pipeline, retention};
use crate::daemon_health::{self, DaemonHealth};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{Maintenance, SourceStatus, StatusResult};
use crate::warnings;

pub(crate) async fn run(file: &Path, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let now = Timestamp::now();
    let due = index.due(&spec.index.path, &retention(&spec), now).await.map_err(|e| at_index(&spec, e))?;
    let daemon = Index::holder(&spec.index.path).and_then(|_| daemon_health::read(&spec.index.path, now));
    let result =
        StatusResult::of(index.status(now).await?, due, daemon, warnings::read(&spec, &spec.sources));
    output::result(format, &result, text)?;
    Ok(Exit::Done)
}

fn text(status: &StatusResult) -> String {
    let (live, documents) = (&status.live, &status.documents);
    let paused = if live.paused { ", paused" } else { "" };
    let mut lines = vec![
        format!("live       seq {}, epoch {}, generation {}{paused}", live.seq, live.epoch, live.generation),
        format!(
            "documents  {} indexed ({} stale), {} deleted, {} quarantined",
            documents.indexed, documents.stale, documents.deleted, documents.quarantined
        ),
        format!(
            "chunks     {} in {} fragments, {} versions{}",
            status.chunks,
            status.fragments,
            status.versions,
            words_only(status.chunks_words_only)
        ),
    ];
    lines.extend(status.sources.iter().map(source));
    lines.push(maintenance(&status.maintenance));
    lines.extend(status.daemon.iter().flat_map(daemon));
    lines.extend(warnings::lines(&status.warnings));
    lines.join("\n")
}

fn words_only(chunks: u64) -> String {
    match chunks {
        0 => String::new(),
        some => format!("; {some} that the model can't read: by words only"),
    }
}

/// What the daemon says of itself, and of the sources that something is wrong with.
fn daemon(daemon: &DaemonHealth) -> Vec<String> {
    let draining = if daemon.draining { ", ending" } else { "" };
    let (in_flight, committed, quarantined) =
        (daemon.in_flight_documents, daemon.committed, daemon.quarantined);
    let mut lines = vec![format!(
        "daemon     {in_flight} documents in flight, {committed} changes committed, {quarantined} quarantined{draining}"
    )];
    for source in &daemon.sources {
        if let Some(error) = &source.error {
            let again = source.retry_at.map(|at| format!(", again at {at:.0}")).unwrap_or_default();
            let (name, state, attempts) = (&source.name, source.state.as_str(), source.attempts);
            lines.push(format!("           {name} {state} ({attempts}{again}): {error}"));
        }
        if source.deletions_withheld > 0 {
            lines.push(format!(
                "           {}: {} deletions withheld",
                source.name, source.deletions_withheld
            ));
        }
    }
    lines
}

fn maintenance(maintenance: &Maintenance) -> String {
    let verdict = if maintenance.due { "due" } else { "not due" };
    format!(
        "upkeep     {verdict}: {} rows to index, {} fragments to merge, {} records to vacuum",
        maintenance.unindexed_rows, maintenance.small_fragments, maintenance.unretained_records
    )
}

fn source(source: &SourceStatus) -> String {
    let fresh = match (&source.watermark, source.freshness_seconds) {
        (Some(watermark), Some(seconds)) => format!("up to {watermark} ({seconds:.0} s ago)"),
        _ => "never read to its end".to_owned(),
    };
    let backlog = source.backlog.map(|backlog| format!(", {backlog} changes wait")).unwrap_or_default();
    format!("source     {}: {fresh}{backlog}", source.name)
}
