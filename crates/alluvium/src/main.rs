//! The command line. What was typed is parsed here, what it means is in `commands`, and how the pieces
//! of a pipeline fit together is in `compose`.

mod cli;
mod commands;
mod compose;
mod control;
mod daemon_health;
mod event;
mod failure;
mod logging;
mod output;
mod progress;
mod results;
mod signals;
mod warnings;

use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};
use std::time::Duration;

use clap::Parser;

use crate::cli::{Cli, Command, Format};
use crate::failure::{Exit, Failure};

/// Lance works in many threads at once, and glibc keeps what each of them has freed: a backfill of twenty
/// thousand documents peaked at one and a half times the memory of one of a thousand. How much it keeps is
/// set in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    if let Some(error) = without_telemetry() {
        error.show(cli.format);
        return error.exit.into();
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

/// Becomes the same program with ONNX Runtime's telemetry switched off by its environment variable: the
/// library reads it as it is loaded, and writes an id of the machine into the user's home before its own
/// switch can be reached. A process can't safely change its environment, so it starts over. Comes back
/// only where that is done already, or can't be done.
fn without_telemetry() -> Option<Failure> {
    const SWITCH: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(SWITCH).is_some() {
        return None;
    }
    let error = match std::env::current_exe() {
        Ok(program) => Process::new(program).args(std::env::args_os().skip(1)).env(SWITCH, "1").exec(),
        Err(error) => error,
    };
    let message = format!("the program can't start itself without telemetry: {error}");
    Some(Failure::new(Exit::Failed, "start", message).next(format!("set {SWITCH}=1")))
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
