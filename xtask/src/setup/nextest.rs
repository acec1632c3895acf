//! The test runner.

use anyhow::{Context, Result};

use super::announce;
use crate::cargo::{run, runs};
use crate::workspace::Workspace;

/// The version that is built where none is installed; any that is installed will do.
const VERSION: &str = "0.9.143";

/// Builds cargo-nextest into `.tools/bin` where the machine has none.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    if runs(&mut workspace.cargo(&["nextest", "--version"])) {
        return Ok(());
    }
    announce("cargo-nextest, which runs the tests, built from source (about five minutes, once)");
    let tools = workspace.tools();
    let mut install =
        workspace.cargo(&["install", "cargo-nextest", "--version", VERSION, "--locked", "--root"]);
    run(install.arg(&tools)).context("cargo-nextest can also be installed by hand")
}
