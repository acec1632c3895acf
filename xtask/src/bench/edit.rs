//! From an edit in one crate to the verdict of its tests.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::report::Section;
use crate::cargo::run as run_command;
use crate::setup::{self, Needs};
use crate::workspace::Workspace;

const CRATES: [&str; 5] =
    ["alluvium-core", "alluvium-config", "alluvium-extract", "alluvium-index", "alluvium-runtime"];

pub(super) fn run(workspace: &Workspace) -> Result<Section> {
    setup::run(workspace, Needs::Tests)?;
    let _target = workspace.take_target()?;
    build(workspace)?;
    let mut body = "Time of `cargo nextest run --workspace -E 'package(CRATE)'` after an edit of the crate's `lib.rs`, everything else built. \
        *build* is compiling and linking every crate that depends on it, *run* is its tests.\n\n\
        | crate | build, s | run, s |\n|---|---|---|\n"
        .to_owned();
    for name in CRATES {
        let (built, ran) = measure(workspace, name)?;
        body.push_str(&format!("| `{name}` | {:.1} | {:.1} |\n", built.as_secs_f64(), ran.as_secs_f64()));
    }
    Ok(Section { title: "Edit one crate, run its tests", body })
}

fn build(workspace: &Workspace) -> Result<()> {
    run_command(&mut workspace.cargo(&["nextest", "run", "--workspace", "--no-run"]))
}

fn measure(workspace: &Workspace, name: &str) -> Result<(Duration, Duration)> {
    let file = workspace.root.join("crates").join(name).join("src").join("lib.rs");
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    // The same bytes at a new time: cargo takes that for an edit.
    fs::write(&file, text)?;
    let start = Instant::now();
    build(workspace)?;
    let built = start.elapsed();
    let filter = format!("package({name})");
    run_command(&mut workspace.cargo(&["nextest", "run", "--workspace", "-E", &filter]))?;
    Ok((built, start.elapsed() - built))
}
