//! `cargo xtask setup`: what a bare machine lacks, into `.tools/`.
//!
//! Each step first asks whether there is anything to do. Files are compared with what a stamp
//! remembers of them (size and time), so that a run with nothing to do hashes nothing.

mod broker;
mod documents;
mod nextest;
mod protoc;
mod python;
mod server;
mod stamp;
mod store;

pub(crate) use broker::program as broker_program;

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use alluvium_models::{Fetcher, ModelSpec, registry, runtime};
use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::setup::stamp::Stamp;
use crate::workspace::Workspace;

const STAGING_PREFIX: &str = ".setup-";

/// What is going to be done, and so how much must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// To build and run.
    Demo,
    /// To run the tests as well, but for those that need a server.
    Tests,
    /// To run those that need a broker, too, and what else needs one.
    Broker,
    /// To run all of them.
    Suite,
}

/// Brings what is missing.
pub(crate) fn run(workspace: &Workspace, needs: Needs) -> Result<()> {
    let start = Instant::now();
    let tools = workspace.tools();
    fs::create_dir_all(&tools).context("cannot create .tools")?;
    let _lock = lock(&tools)?;
    let mut stamp = Stamp::load(&tools);
    protoc::ensure(workspace, &mut stamp)?;
    runtime_library(workspace, &mut stamp)?;
    models(workspace, &mut stamp)?;
    documents::ensure(workspace, &mut stamp)?;
    if needs != Needs::Demo {
        nextest::ensure(workspace)?;
        python::ensure(workspace, &mut stamp)?;
    }
    if matches!(needs, Needs::Broker | Needs::Suite) {
        broker::ensure(workspace)?;
    }
    if needs == Needs::Suite {
        store::ensure(workspace)?;
    }
    println!("setup: everything is in {} ({:.1} s)", tools.display(), start.elapsed().as_secs_f64());
    Ok(())
}

/// One setup at a time. Staging folders that are found under the lock were left by a killed one.
fn lock(tools: &Path) -> Result<File> {
    let lock = File::create(tools.join(".setup.lock"))?;
    lock.lock()?;
    for entry in fs::read_dir(tools)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(lock)
}

/// A new folder in `.tools` that goes when it is dropped.
fn staging(tools: &Path) -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(tools)?)
}

/// Says that a step begins, what it does and how long that takes.
fn announce(step: &str) {
    println!("setup: {step}");
}

/// A line within a step.
fn detail(line: &str) {
    println!("       {line}");
}

fn runtime_library(workspace: &Workspace, stamp: &mut Stamp) -> Result<()> {
    let home = workspace.home();
    let library = home.runtime_library();
    // Where no build is pinned, the fetcher says so, or takes what a person put there.
    let sha256 = runtime().map_or("", |spec| spec.sha256);
    if stamp.holds(&library, sha256) {
        return Ok(());
    }
    announce("ONNX Runtime, which runs the models (some seconds)");
    Fetcher::new(&home, &detail).runtime()?;
    stamp.record(&library, sha256)
}

fn models(workspace: &Workspace, stamp: &mut Stamp) -> Result<()> {
    let home = workspace.home();
    let files = |model: &ModelSpec| {
        let folder = home.model_dir(model.name);
        model.artifacts.iter().map(move |artifact| (folder.join(artifact.file), artifact.sha256))
    };
    let missing: Vec<&ModelSpec> = registry()
        .iter()
        .filter(|model| files(model).any(|(path, sha256)| !stamp.holds(&path, sha256)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|model| model.name).collect();
    announce(&format!("embedding models {} (about half a minute)", names.join(", ")));
    Fetcher::new(&home, &detail).models(&missing)?;
    for (path, sha256) in missing.into_iter().flat_map(files) {
        stamp.record(&path, sha256)?;
    }
    Ok(())
}
