//! `cargo xtask test`: the whole suite, cheap and telling stages first.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cargo::{run as run_command, runs};
use crate::setup::{self, Needs};
use crate::workspace::Workspace;
use crate::{confine, one_build};

/// A stage's name and what it took.
type Times = Vec<(&'static str, Duration)>;

/// Sets up, then runs the stages until one fails.
pub(crate) fn run(workspace: &Workspace, nextest: &[String]) -> Result<()> {
    let mut times = Times::new();
    let result = stages(workspace, nextest, &mut times);
    println!();
    for (name, time) in &times {
        println!("{name:<14}{:>8.1} s", time.as_secs_f64());
    }
    let Err(error) = result else { return Ok(()) };
    let failed = times.last().map_or("setup", |(name, _)| name);
    bail!("{failed} failed: {error:#}")
}

/// nextest comes last so that its closing line is the last that a test runner writes: doc tests end
/// on a line for each crate, those without any included.
fn stages(workspace: &Workspace, nextest: &[String], times: &mut Times) -> Result<()> {
    let mut stage = |name: &'static str, work: &mut dyn FnMut() -> Result<()>| {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = work();
        times.push((name, start.elapsed()));
        result
    };
    let cargo = |args: &[&str]| run_command(&mut workspace.cargo(args));
    stage("setup", &mut || setup::run(workspace, Needs::Suite))?;
    stage("format", &mut || cargo(&["fmt", "--all", "--check"]))?;
    stage("dependencies", &mut || {
        confine::check(workspace)?;
        one_build::check(workspace)?;
        optional_checks(workspace)
    })?;
    let _target = workspace.take_target()?;
    stage("clippy", &mut || cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    stage("doc tests", &mut || cargo(&["test", "--doc", "--workspace"]))?;
    stage("tests", &mut || run_command(workspace.cargo(&["nextest", "run", "--workspace"]).args(nextest)))
}

/// Checks by tools that a machine may have: they repeat, wider, what is checked without them.
fn optional_checks(workspace: &Workspace) -> Result<()> {
    let deny = &["deny", "--version"];
    if runs(&mut workspace.cargo(deny)) {
        run_command(&mut workspace.cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    }
    Ok(())
}
