//! How cargo and our own binaries are called, so that every command shares one build.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::workspace::Workspace;

impl Workspace {
    /// Cargo, in the repository, with the environment that all builds share.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args);
        self.prepare(&mut command);
        command
    }

    /// A program by name or path, prepared.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args);
        self.prepare(&mut command);
        command
    }

    /// Any program, in the repository, with the environment that setup made for it.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.root).stdin(Stdio::null());
        // Cargo tells us about our own package; a build script that watches these variables (as
        // ring's does) would run again each time that cargo is called from here and from a shell.
        for (name, _) in env::vars_os() {
            if is_about_xtask(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .env("ALLUVIUM_HOME", self.tools())
            .env("PROTOC", self.protoc())
            .env("PATH", self.path());
    }

    /// The `protoc` that builds use: the environment's if it runs, else the one of setup.
    pub(crate) fn protoc(&self) -> PathBuf {
        env::var_os("PROTOC")
            .map(PathBuf::from)
            .filter(|protoc| runs(Command::new(protoc).arg("--version")))
            .unwrap_or_else(|| self.tools().join("bin").join("protoc"))
    }

    /// `PATH` with `.tools/bin` after everything else: what a machine has of its own comes first.
    fn path(&self) -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain([self.tools().join("bin")]);
        env::join_paths(folders).unwrap_or(path)
    }

    /// Takes the target folder for this clone until the result is dropped.
    ///
    /// Cargo knows sources by their times alone, so after another clone has built into the same
    /// folder it would take that clone's crates for ours: if one has, ours are forgotten there.
    pub(crate) fn take_target(&self) -> Result<File> {
        println!("target folder: {} ({})", self.target.display(), self.target_reason);
        fs::create_dir_all(&self.target).context("cannot create the target folder")?;
        let lock = File::create(self.target.join(".xtask.lock"))?;
        if lock.try_lock().is_err() {
            println!("waiting: another `cargo xtask` uses this target folder");
            lock.lock()?;
        }
        let marker = self.target.join(".xtask.clone");
        let ours = self.root.display().to_string();
        if fs::read_to_string(&marker).is_ok_and(|last| last != ours) {
            let members = self.members()?;
            forget_members(&self.target.join("debug").join(".fingerprint"), &members)?;
        }
        fs::write(&marker, ours)?;
        Ok(lock)
    }
}

impl Workspace {
    /// The names of the workspace's crates.
    fn members(&self) -> Result<Vec<String>> {
        let manifest = self.root.join("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
        Ok(metadata.packages.iter().map(|package| package.name.to_string()).collect())
    }
}

/// Cargo's words about the package that it runs, as opposed to about itself.
fn is_about_xtask(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

/// Removes what cargo remembers of these crates; dependencies stay.
fn forget_members(fingerprints: &Path, members: &[String]) -> Result<()> {
    let Ok(entries) = fs::read_dir(fingerprints) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // A folder is called `<crate>-<hash>`.
        let name = name.to_string_lossy();
        if name.rsplit_once('-').is_some_and(|(name, _)| members.iter().any(|member| member == name)) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a command can be started and succeeds; what it says is not shown.
pub(crate) fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command whose output goes to ours; fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and returns what it writes to stdout; fails, with its stderr, when it fails.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}): {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command line, with programs by their names.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        line.push(' ');
        line.push_str(&if argument.contains(' ') { format!("\"{argument}\"") } else { argument.into() });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workspaces_crates_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["alluvium-1a", "alluvium-core-2b", "xtask-3c", "lance-4d", "serde-5e"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let members = ["alluvium", "alluvium-core", "xtask"].map(String::from);
        forget_members(folder.path(), &members).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["lance-4d", "serde-5e"]);
        forget_members(&folder.path().join("none"), &members).unwrap();
    }

    #[test]
    fn variables_about_this_package_do_not_reach_children() {
        assert!(is_about_xtask("CARGO_PKG_NAME"));
        assert!(is_about_xtask("CARGO_MANIFEST_DIR"));
        assert!(!is_about_xtask("CARGO_HOME"));
        assert!(!is_about_xtask("CARGO_TARGET_DIR"));
    }

    #[test]
    fn a_failure_names_the_command_as_typed() {
        let error = run(Command::new("false").args(["a b", "c"])).unwrap_err();
        assert!(error.to_string().starts_with("`false \"a b\" c` failed"), "{error}");
    }
}
