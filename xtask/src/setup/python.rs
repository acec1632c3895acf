//! A Python with LanceDB alone, for the tests of readers that know nothing of Alluvium.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::announce;
use super::stamp::Stamp;
use crate::cargo::{output_of, runs};
use crate::workspace::Workspace;

/// What is installed into the environment.
const PACKAGES: [&str; 2] = ["lancedb==0.40.0", "pyarrow==26.0.1"];

/// Makes `.tools/venv`, from whatever `python3` the machine has.
pub(super) fn ensure(workspace: &Workspace, stamp: &mut Stamp) -> Result<()> {
    let venv = workspace.tools().join("venv");
    let python = venv.join("bin").join("python");
    let mark = venv.join("packages.txt");
    let pin = PACKAGES.join(" ");
    // The interpreter is a link to the machine's, which may have been upgraded away.
    if stamp.holds(&mark, &pin) && runs(Command::new(&python).arg("--version")) {
        return Ok(());
    }
    announce("a Python environment with LanceDB for the reader tests (about half a minute)");
    if venv.exists() {
        fs::remove_dir_all(&venv)?;
    }
    create(&venv)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    output_of(install.arg("--only-binary=:all:").args(PACKAGES)).context("LanceDB for Python")?;
    fs::write(&mark, &pin)?;
    stamp.record(&mark, &pin)
}

fn create(venv: &std::path::Path) -> Result<()> {
    let output =
        Command::new("python3").args(["-m", "venv"]).arg(venv).output().context(
            "cannot run `python3`; install it: `apt-get install python3 python3-venv python3-pip`",
        )?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if said.contains("ensurepip") || said.contains("No module named venv") {
        bail!("`python3 -m venv` does not work; install it: `apt-get install python3-venv`");
    }
    bail!("`python3 -m venv` failed ({}): {}", output.status, said.trim())
}
