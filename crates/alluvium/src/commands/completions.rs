//! `alluvium completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::output;

pub(crate) fn run(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "alluvium", &mut script);
    output::stdout(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
