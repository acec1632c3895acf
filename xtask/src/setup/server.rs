//! Servers that tests need, each built once where the machine has none.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{run, runs};
use crate::workspace::Workspace;

/// A server.
pub(super) struct Server {
    /// Its program, and the package that it is in.
    pub(super) name: &'static str,
    /// The version that is built where there is none.
    pub(super) version: &'static str,
    /// The variable that names the program, where it is neither on `PATH` nor the one that setup builds.
    pub(super) variable: &'static str,
}

impl Server {
    /// The program, once setup has found it.
    pub(super) fn program(&self) -> OsString {
        env::var_os(self.variable).unwrap_or_else(|| self.name.into())
    }

    /// Finds it, or puts one into `.tools/bin`: one that another clone has built, or one that is built now
    /// into the folder that `build` is given.
    pub(super) fn ensure(&self, workspace: &Workspace, build: impl Fn(&Path) -> Result<()>) -> Result<()> {
        let Self { name, version, variable } = self;
        if let Some(named) = env::var_os(variable).map(PathBuf::from) {
            if runs(Command::new(&named).arg("--version")) {
                return Ok(());
            }
            bail!("{variable} names {}, which does not run", named.display());
        }
        // On `PATH`, at whose end `.tools/bin` is.
        if runs(&mut workspace.program(name, &["--version"])) {
            return Ok(());
        }
        // Beside the builds, so that it outlives this clone.
        let folder = workspace.target.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name);
        if !runs(Command::new(&program).arg("--version")) {
            build(&folder)?;
        }
        let ours = workspace.tools().join("bin");
        fs::create_dir_all(&ours)?;
        fs::copy(&program, ours.join(name)).with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(())
    }

    /// Lets `cargo` build it into a folder. Its build must not meet ours.
    pub(super) fn install(&self, cargo: &mut Command, folder: &Path) -> Result<()> {
        cargo.env_remove("CARGO_TARGET_DIR").arg("--root").arg(folder);
        run(cargo).with_context(|| format!("one that is built elsewhere can be named by {}", self.variable))
    }
}
