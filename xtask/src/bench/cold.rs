//! From a bare clone, with empty tools and an empty target folder, to the first search and on to all tests.

use std::time::Instant;

use anyhow::{Context, Result};

use super::report::Section;
use crate::cargo::run as run_command;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let clone = folder.path().join("alluvium");
    let from = workspace.root.to_string_lossy().into_owned();
    let to = clone.to_string_lossy().into_owned();
    run_command(&mut workspace.program("git", &["clone", "--quiet", &from, &to]))?;
    let mut body = "A fresh clone with empty `.tools/` and an empty target folder; cargo's, pip's and npm's own caches as they were.\n\n\
        | step | minutes |\n|---|---|\n"
        .to_owned();
    let start = Instant::now();
    let mut step = |name: &str, program: &str, args: &[&str]| -> Result<()> {
        let before = start.elapsed();
        let mut command = workspace.program(program, args);
        command.current_dir(&clone).env("CARGO_TARGET_DIR", folder.path().join("target"));
        command.env("ALLUVIUM_HOME", clone.join(".tools")).env("PROTOC", clone.join(".tools/bin/protoc"));
        run_command(&mut command).with_context(|| format!("the step «{name}» failed"))?;
        let minutes = (start.elapsed() - before).as_secs_f64() / 60.0;
        body.push_str(&format!("| {name} | {minutes:.1} |\n"));
        Ok(())
    };
    step("`cargo xtask setup`: build xtask, fetch tools, models, documents", "cargo", &["xtask", "setup"])?;
    step("build of everything", "cargo", &["build", "--workspace"])?;
    step("`cargo xtask demo`: backfill and searches", "cargo", &["xtask", "demo"])?;
    let first_search = start.elapsed().as_secs_f64() / 60.0;
    step("`cargo xtask test`: clippy, doc tests, the suite", "cargo", &["xtask", "test"])?;
    let with_tests = start.elapsed().as_secs_f64() / 60.0;
    body.push_str(&format!(
        "\nFirst search after {first_search:.1} minutes, all tests after {with_tests:.1}."
    ));
    Ok(Section { title: "Bare machine to first search", body })
}
