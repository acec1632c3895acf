//! `alluvium erase`: a document goes for good, or its id may be used again.

use alluvium_core::id::DocId;

use crate::cli::{self, Format};
use crate::compose::{at_index, intervention, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::EraseResult;

pub(crate) async fn run(arguments: &cli::Erase, format: Format) -> Result<Exit, Failure> {
    let document = DocId::parse(arguments.doc.as_str()).map_err(|e| {
        Failure::new(Exit::Usage, "usage", format!("--doc: {:?} {e}", arguments.doc))
            .next("name a document as the hits of `search` do: SOURCE/ID")
    })?;
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let mut intervention = intervention(&spec, file).await?;
    let outcome = match arguments.undo {
        false => intervention.erase(&document).await,
        true => intervention.unerase(&document).await,
    };
    let seq = outcome.map_err(|e| at_index(&spec, e))?;
    let result = EraseResult { doc_id: document.to_string(), seq, erased: !arguments.undo };
    output::result(format, &result, text)?;
    Ok(Exit::Done)
}

fn text(result: &EraseResult) -> String {
    let (id, seq) = (&result.doc_id, result.seq);
    match result.erased {
        true => {
            format!("{id} is erased with seq {seq}: no search finds it, and its source can't bring it back")
        }
        false => format!("{id} may be indexed again, from seq {seq} on; what was erased does not come back"),
    }
}
