//! `cargo xtask demo`: from a bare machine to searches in real documents.

use std::fs;
use std::io;
use std::path::Path;
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
    build(workspace, &[])?;
    // It starts from nothing each time, so that it always shows the same.
    forget(&workspace.root.join(".demo"))?;

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

/// Builds the program, and what else is named.
pub(crate) fn build(workspace: &Workspace, more: &[&str]) -> Result<()> {
    let _target = workspace.take_target()?;
    println!("\nbuilding (the first time about half an hour on two cores, then seconds)");
    run_command(&mut workspace.cargo(&[&["build", "--workspace"], more].concat()))
}

/// Removes what an earlier demo made.
pub(crate) fn forget(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Runs a command of the program after showing it.
fn alluvium(workspace: &Workspace, args: &[&str]) -> Result<()> {
    show(args);
    run_command(&mut workspace.program(workspace.binary("alluvium"), args))
}

/// Shows a command of the program as a user would type it.
pub(crate) fn show(args: &[&str]) {
    let typed: Vec<_> = args
        .iter()
        .map(|arg| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() })
        .collect();
    println!("\n$ alluvium {}", typed.join(" "));
}
