//! `alluvium schema`: the contracts that others write and read against.

use crate::cli::Contract;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::output;

pub(crate) fn run(of: Contract) -> Result<Exit, Failure> {
    let schema = match of {
        Contract::Config => alluvium_config::json_schema(),
        Contract::Events => event::json_schema().to_value(),
        Contract::Index => alluvium_index::schema_json(),
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|e| Failure::new(Exit::Failed, "internal", format!("a schema is not JSON: {e}")))?;
    output::stdout(&text)?;
    Ok(Exit::Done)
}
