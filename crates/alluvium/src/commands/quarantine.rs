//! `alluvium quarantine`: changes that were refused, and what is to become of them.

use std::path::Path;

use alluvium_index::{Index, QuarantineItem};

use super::backfill;
use crate::cli::{self, Format, Quarantine};
use crate::compose::{at_index, intervention, open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{
    QuarantineDropResult, QuarantineListResult, QuarantineRetryResult, QuarantineShowResult,
};

pub(crate) async fn run(command: &Quarantine, format: Format) -> Result<Exit, Failure> {
    match command {
        Quarantine::List(arguments) => list(&arguments.pipeline, format).await,
        Quarantine::Show(arguments) => show(arguments, format).await,
        Quarantine::Retry(arguments) => retry(arguments, format).await,
        Quarantine::Drop(arguments) => drop(arguments, format).await,
    }
}

async fn list(file: &Path, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let items = index.quarantine().await?;
    // The sentence for people is no part of the result for programs.
    let text = list_text(&items);
    let items = items.into_iter().map(Into::into).collect();
    output::result(format, &QuarantineListResult { items }, |_| text)?;
    Ok(Exit::Done)
}

fn list_text(items: &[QuarantineItem]) -> String {
    if items.is_empty() {
        return "nothing is quarantined".to_owned();
    }
    let blocks = items.iter().map(|item| {
        let attempts = if item.attempts == 1 { String::new() } else { format!(", {} times", item.attempts) };
        format!(
            "{}  {}\n  {} ({}): {}\n  {}  since {}{attempts}",
            item.id, item.doc_id, item.cause, item.stage, item.detail, item.uri, item.entered_at
        )
    });
    blocks.collect::<Vec<_>>().join("\n")
}

async fn show(arguments: &cli::QuarantineItem, format: Format) -> Result<Exit, Failure> {
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let Some(item) = index.quarantine_item(&arguments.id).await? else {
        let failure = Failure::new(Exit::Failed, "not_found", format!("there is no item {:?}", arguments.id));
        return Err(failure.at(spec.index.path.written()).next("take an id from `alluvium quarantine list`"));
    };
    output::result(format, &QuarantineShowResult::from(item), show_text)?;
    Ok(Exit::Done)
}

fn show_text(shown: &QuarantineShowResult) -> String {
    let item = &shown.item;
    let state = match (shown.dropped, shown.resolved_at, shown.retry_seq) {
        (true, ..) => "dropped".to_owned(),
        (_, Some(at), _) => format!("resolved {at}"),
        (.., Some(seq)) => format!("to be tried again, since seq {seq}"),
        _ => "waits".to_owned(),
    };
    let kept = shown.bytes.map_or("its source has the bytes".to_owned(), |n| format!("{n} bytes are kept"));
    let hash = shown.content_hash.as_deref().unwrap_or("unknown");
    [
        format!("item      {}  {state}", item.id),
        format!("document  {}", item.doc_id),
        format!("cause     {} ({}): {}", item.cause, item.stage, shown.detail),
        format!("origin    {} at {}", item.source, item.position),
        format!("content   {}  sha256 {hash}, {kept}", shown.uri),
        format!("since     {} (seq {}), {} attempts", item.entered_at, shown.entered_seq, item.attempts),
    ]
    .join("\n")
}

/// Marks the items; where nobody else writes the index, the sources are read at once.
async fn retry(arguments: &cli::QuarantineRetry, format: Format) -> Result<Exit, Failure> {
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let retried = intervention(&spec, file).await?.retry(arguments.id.as_deref()).await;
    let documents = retried.map_err(|e| at_index(&spec, e))?;
    let daemon = Index::holder(&spec.index.path);
    if documents.is_empty() || daemon.is_some() {
        let text = match daemon {
            _ if documents.is_empty() => "nothing waits in quarantine".to_owned(),
            Some(holder) => format!("{} changes are tried again by {holder}", documents.len()),
            None => String::new(),
        };
        output::result(format, &QuarantineRetryResult { documents, run: None }, |_| text)?;
        return Ok(Exit::Done);
    }
    let concerned = |source: &&alluvium_config::SourceSpec| {
        let of_source =
            |id: &String| id.split_once('/').is_some_and(|(name, _)| name == source.name.as_str());
        documents.iter().any(of_source)
    };
    let sources: Vec<_> = spec.sources.iter().filter(concerned).collect();
    let (run, report) =
        backfill::bring_up_to_date(&spec, &sources, &cli::Backfill::plain(&arguments.pipeline)).await?;
    let text = backfill::text(&run, &report);
    output::result(format, &QuarantineRetryResult { documents, run: Some(run) }, |_| text)?;
    backfill::verdict(&report)
}

async fn drop(arguments: &cli::QuarantineItem, format: Format) -> Result<Exit, Failure> {
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let dropped = intervention(&spec, file).await?.drop_item(&arguments.id).await;
    dropped.map_err(|e| at_index(&spec, e))?;
    let result = QuarantineDropResult { dropped: arguments.id.clone() };
    output::result(format, &result, |r| format!("{} is dropped: its content is not tried again", r.dropped))?;
    Ok(Exit::Done)
}
