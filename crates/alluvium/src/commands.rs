//! The commands, one file each.

mod backfill;
mod completions;
mod erase;
mod explain;
mod maintain;
mod models;
mod quarantine;
mod releases;
mod resume;
mod rollback;
mod run;
mod schema;
mod search;
mod status;
mod validate;
mod verify;
pub(crate) mod worker;

use crate::cli::{Command, Format};
use crate::failure::{Exit, Failure};

/// Runs a command and says how it ended.
pub(crate) async fn run(command: &Command, format: Format) -> Result<Exit, Failure> {
    match command {
        Command::Validate(arguments) => validate::run(&arguments.pipeline, format),
        Command::Backfill(arguments) => backfill::run(arguments, format).await,
        Command::Run(arguments) => run::run(arguments, format).await,
        Command::Search(arguments) => search::run(arguments, format).await,
        Command::Status(arguments) => status::run(&arguments.pipeline, format).await,
        Command::Maintain(arguments) => maintain::run(&arguments.pipeline, format).await,
        Command::Explain(arguments) => explain::run(arguments, format).await,
        Command::Releases(command) => releases::run(command, format).await,
        Command::Rollback(arguments) => rollback::run(arguments, format).await,
        Command::Resume(arguments) => resume::run(&arguments.pipeline, format).await,
        Command::Erase(arguments) => erase::run(arguments, format).await,
        Command::Quarantine(command) => quarantine::run(command, format).await,
        Command::Verify(arguments) => verify::run(arguments, format).await,
        Command::Models(command) => models::run(command, format),
        Command::Completions(arguments) => completions::run(arguments.shell),
        Command::Schema(arguments) => schema::run(arguments.of),
        // A worker is started by `main`, before there are threads.
        Command::Worker => Ok(Exit::Failed),
    }
}
