//! The command line. What was typed is parsed here, what it means is in `commands`, and how the pieces
//! of a pipeline fit together is in `compose`.

mod cli;
mod commands;
mod compose;
mod event;
mod failure;
mod logging;
mod output;
mod progress;
mod results;
mod signals;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::cli::{Cli, Command, Format};
use crate::failure::{Exit, Failure};

/// How long tasks that can't be cancelled may hold up the end of the process.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error),
    };
    // Before anything else: a worker has no threads, no logs and no business with either.
    if matches!(cli.command, Command::Worker) {
        return commands::worker::run();
    }
    logging::start();
    let exit = match serve(&cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.show(cli.format);
            failure.exit
        }
    };
    exit.into()
}

fn serve(cli: &Cli) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Failed, "runtime", format!("no threads: {e}")))?;
    let exit = runtime.block_on(commands::run(&cli.command, cli.format));
    runtime.shutdown_timeout(GRACE);
    exit
}

impl Format {
    /// What a wrong command line asked for, as far as that can be told.
    fn guess(arguments: impl Iterator<Item = String>) -> Self {
        let arguments: Vec<String> = arguments.collect();
        let apart = arguments.windows(2).any(|pair| pair == ["--format", "json"]);
        let joined = arguments.iter().any(|argument| argument == "--format=json");
        if apart || joined { Self::Json } else { Self::Text }
    }
}
