//! `alluvium maintain`: all maintenance at once, by hand.

use std::path::Path;
use std::time::Instant;

use alluvium_config::PipelineSpec;
use alluvium_index::Upkeep;
use tokio_util::sync::CancellationToken;

use crate::cli::Format;
use crate::compose::{at_index, open_index, options, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{MaintainResult, MaintainTable};
use crate::signals::Signals;

pub(crate) async fn run(file: &Path, format: Format) -> Result<Exit, Failure> {
    let started = Instant::now();
    let spec = read_pipeline(file)?;
    open_index(&spec, file).await?;
    let cancel = CancellationToken::new();
    let watch =
        tokio::spawn(Signals::take()?.watch(cancel.clone(), || "stopping: what has begun is being finished"));
    let opened = Upkeep::open(&spec.index.path, &spec.name, options(&spec)).await;
    let mut upkeep = opened.map_err(|e| at_index(&spec, e))?;
    // The second signal ends the watch. What is cut off then is discarded by the next claim, or finished
    // by the next vacuum.
    let interrupted = tokio::select! {
        biased;
        outcome = Box::pin(work(&spec, &mut upkeep, &cancel)) => outcome?,
        _ = watch => return Err(Failure::new(Exit::Interrupted, "interrupted", "stopped at once")
            .next("run the same command again to go on")),
    };
    let result = MaintainResult::of(upkeep.report(), started.elapsed().as_secs_f64(), interrupted);
    output::result(format, &result, text)?;
    Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
}

/// Works until nothing is left; true where a signal came first.
async fn work(spec: &PipelineSpec, upkeep: &mut Upkeep, cancel: &CancellationToken) -> Result<bool, Failure> {
    while let Some(work) = upkeep.next().await.map_err(|e| at_index(spec, e))? {
        if cancel.is_cancelled() {
            return Ok(true);
        }
        output::stderr(&work.to_string());
        upkeep.perform(work).await.map_err(|e| at_index(spec, e))?;
    }
    Ok(false)
}

fn text(result: &MaintainResult) -> String {
    let versions: u64 = result.tables.iter().map(|table| table.versions_removed).sum();
    let anything = result.published || result.records_removed > 0 || versions > 0;
    let mut lines: Vec<String> = result.tables.iter().filter_map(table).collect();
    if result.records_removed > 0 {
        lines.push(format!("{} old records removed", result.records_removed));
    }
    if result.floor > 1 {
        lines.push(format!("every record from seq {} on can be gone back to", result.floor));
    }
    lines.push(match (result.interrupted, anything) {
        (true, _) => "stopped before the end; run it again to go on".to_owned(),
        (false, true) => format!("done in {:.1} s, live is seq {}", result.seconds, result.live.seq),
        (false, false) => format!("nothing to do: live is still seq {}", result.live.seq),
    });
    lines.join("\n")
}

/// What was done for a table; nothing where nothing was.
fn table(table: &MaintainTable) -> Option<String> {
    let mut done = Vec::new();
    let (before, after) = (table.fragments.before, table.fragments.after);
    if before != after {
        done.push(format!("{before} fragments are {after}"));
    }
    if !table.indexes_built.is_empty() {
        done.push(format!("indexes up to date: {}", table.indexes_built.join(", ")));
    }
    if table.versions_removed > 0 {
        let mebibytes = table.bytes_freed as f64 / (1 << 20) as f64;
        done.push(format!("{} old versions removed, {mebibytes:.1} MiB freed", table.versions_removed));
    }
    (!done.is_empty()).then(|| format!("{}: {}", table.name, done.join("; ")))
}
