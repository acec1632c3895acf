//! `alluvium quarantine`: changes that were refused and wait.

use alluvium_index::QuarantineItem;

use crate::cli::{Format, Quarantine};
use crate::compose::{open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::QuarantineListResult;

pub(crate) async fn run(command: &Quarantine, format: Format) -> Result<Exit, Failure> {
    let Quarantine::List(arguments) = command;
    let spec = read_pipeline(&arguments.pipeline)?;
    let index = open_index(&spec, &arguments.pipeline).await?;
    let items = index.quarantine().await?;
    // The sentence for people is no part of the result for programs.
    let text = text(&items);
    let items = items.into_iter().map(Into::into).collect();
    output::result(format, &QuarantineListResult { items }, |_| text)?;
    Ok(Exit::Done)
}

fn text(items: &[QuarantineItem]) -> String {
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
