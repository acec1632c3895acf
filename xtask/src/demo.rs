//! `cargo xtask demo`: from a bare machine to searches in real documents.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo::run as run_command;
use crate::setup::{self, Needs};
use crate::workspace::Workspace;

const PIPELINE: &str = "pipelines/demo.toml";

/// What is searched for, and as whom. The two principals of a query see different answers to it.
const SEARCHES: &[(&str, &str)] = &[
    ("business class flights and hotel limit", "group:staff"),
    ("business class flights and hotel limit", "group:executives"),
    ("reorganisation: will the Inverness workshop close, how many positions", "group:staff"),
    ("reorganisation: will the Inverness workshop close, how many positions", "group:board"),
    ("why did stations stop reporting in February", "group:staff"),
    ("why did stations stop reporting in February", "group:engineering"),
];

/// Sets up, builds, indexes and searches; stops at the first step that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let start = Instant::now();
    setup::run(workspace, Needs::Demo)?;
    {
        let _target = workspace.take_target()?;
        println!("\nbuilding (the first time about half an hour on two cores, then seconds)");
        run_command(&mut workspace.cargo(&["build", "--workspace"]))?;
    }
    forget_last_index(workspace)?;

    alluvium(workspace, &["backfill", PIPELINE])?;
    for (query, principal) in SEARCHES {
        alluvium(workspace, &["search", PIPELINE, query, "--as", principal, "--limit", "3"])?;
    }
    alluvium(workspace, &["status", PIPELINE])?;
    println!(
        "\nThat took {:.0} s. To go on by hand:\n  export ALLUVIUM_HOME={}\n  {} --help",
        start.elapsed().as_secs_f64(),
        workspace.tools().display(),
        workspace.binary("alluvium").display()
    );
    Ok(())
}

/// The demo starts from nothing each time, so that it always shows the same.
fn forget_last_index(workspace: &Workspace) -> Result<()> {
    match fs::remove_dir_all(workspace.root.join(".demo")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("cannot remove .demo"),
        _ => Ok(()),
    }
}

/// Shows a command as a user would type it, and runs it.
fn alluvium(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let typed: Vec<_> = args
        .iter()
        .map(|arg| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() })
        .collect();
    println!("\n$ alluvium {}", typed.join(" "));
    let mut command = Command::new(workspace.binary("alluvium"));
    command.args(args);
    workspace.prepare(&mut command);
    run_command(&mut command)
}
