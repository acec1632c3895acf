//! The program that is measured: built with the release profile, as people run it, and its results read.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Size;
use crate::cargo::{output_of, run as run_command};
use crate::setup::{self, Needs};
use crate::workspace::Workspace;

/// Sets up and builds, or takes what is there.
pub(super) fn ready(workspace: &Workspace, needs: Needs, size: &Size) -> Result<()> {
    setup::run(workspace, needs)?;
    if size.no_build {
        println!("measuring {} as it is", binary(workspace, "alluvium").display());
        return Ok(());
    }
    let _target = workspace.take_target()?;
    run_command(&mut workspace.cargo(&["build", "--release", "--workspace", "--bins", "--examples"]))
}

/// A binary that is measured.
pub(super) fn binary(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target.join("release").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Runs the program that measures the index alone, and gives its figures.
pub(super) fn measure_index(workspace: &Workspace, args: &[&str]) -> Result<Value> {
    json_of(workspace, &binary(workspace, "examples/measure"), args)
}

/// Runs a command of the program, with `--format json`, and gives its result.
pub(super) fn alluvium(workspace: &Workspace, args: &[&str]) -> Result<Value> {
    json_of(workspace, &binary(workspace, "alluvium"), &[args, &["--format", "json"]].concat())
}

/// Runs a script of this folder with the Python that has LanceDB, and gives its result.
pub(super) fn python(workspace: &Workspace, script: &str, args: &[&str]) -> Result<Value> {
    let script = workspace.root.join("xtask").join("src").join("bench").join(script);
    let script = script.to_string_lossy().into_owned();
    let python = workspace.tools().join("venv").join("bin").join("python");
    json_of(workspace, &python, &[&["-W", "ignore", &script], args].concat())
}

/// The JSON that a program's last line is.
pub(super) fn json_of(workspace: &Workspace, program: &Path, args: &[&str]) -> Result<Value> {
    last_line(&output_of(&mut workspace.program(program, args))?)
}

pub(super) fn last_line(output: &str) -> Result<Value> {
    let last = output.trim().lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("not JSON: {last}"))
}

/// A number within a result.
pub(super) fn figure(value: &Value, pointer: &str) -> Result<f64> {
    value.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no figure {pointer} in {value}"))
}

/// Numbers within a result.
pub(super) fn figures(value: &Value, pointer: &str) -> Result<Vec<f64>> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    let list = list.with_context(|| format!("no figures {pointer} in {value}"))?;
    Ok(list.iter().filter_map(Value::as_f64).collect())
}
