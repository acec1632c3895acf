//! `alluvium resume`: ingestion goes on.

use std::path::Path;

use crate::cli::Format;
use crate::compose::{at_index, intervention, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::ResumeResult;

pub(crate) async fn run(file: &Path, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(file)?;
    let seq = intervention(&spec, file).await?.resume().await.map_err(|e| at_index(&spec, e))?;
    let result = ResumeResult { resumed: seq.is_some(), seq };
    output::result(format, &result, text)?;
    Ok(Exit::Done)
}

fn text(result: &ResumeResult) -> String {
    match result.seq {
        Some(seq) => format!("resumed with seq {seq}: a running daemon goes on, or run `alluvium backfill`"),
        None => "the index was not paused".to_owned(),
    }
}
