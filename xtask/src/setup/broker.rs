//! A Kafka-compatible broker, for the tests of the Kafka source.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::announce;
use crate::cargo::{output_of, run, runs};
use crate::workspace::Workspace;

/// Names the broker's program, where it is neither on `PATH` nor the one that setup builds.
const VARIABLE: &str = "ALLUVIUM_BROKER";
const NAME: &str = "nisshi";
const VERSION: &str = "0.8.1";
/// The first minor version of Rust that compiles it; the one that this project is pinned to does not.
const LEAST: (u32, u32) = (1, 96);

/// The broker's program, once setup has found it.
pub(crate) fn program() -> OsString {
    env::var_os(VARIABLE).unwrap_or_else(|| NAME.into())
}

/// Finds a broker, or puts one into `.tools/bin`: one that another clone has built, or one that is built now
/// where a toolchain that is new enough is installed.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    if let Some(named) = env::var_os(VARIABLE).map(PathBuf::from) {
        if runs(Command::new(&named).arg("--version")) {
            return Ok(());
        }
        bail!("{VARIABLE} names {}, which does not run", named.display());
    }
    // On `PATH`, at whose end `.tools/bin` is.
    if runs(&mut workspace.program(NAME, &["--version"])) {
        return Ok(());
    }
    // Beside the builds, so that it outlives this clone.
    let folder = workspace.target.join(format!("{NAME}-{VERSION}"));
    let program = folder.join("bin").join(NAME);
    if !runs(Command::new(&program).arg("--version")) {
        build(workspace, &folder)?;
    }
    let ours = workspace.tools().join("bin");
    fs::create_dir_all(&ours)?;
    fs::copy(&program, ours.join(NAME)).with_context(|| format!("cannot copy {}", program.display()))?;
    Ok(())
}

/// Builds it into a folder, with the newest toolchain that is installed.
fn build(workspace: &Workspace, folder: &Path) -> Result<()> {
    let listed = output_of(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let versions = listed.lines().filter_map(|line| {
        let name = line.split_whitespace().next()?;
        let rustc = output_of(Command::new("rustc").args([&format!("+{name}"), "--version"])).ok()?;
        Some((name.to_owned(), version(&rustc)?))
    });
    let Some(toolchain) = newest(versions) else {
        let (major, minor) = LEAST;
        bail!(
            "there is no Kafka broker, and no toolchain that could build one: it takes Rust {major}.{minor}. \
             Install one (`rustup toolchain install stable`) and run `cargo xtask setup --broker` again, \
             build it elsewhere (`{}`), or set {VARIABLE} to its program",
            install("stable").join(" ")
        );
    };
    announce(&format!("{NAME}, a broker for the Kafka tests, built by {toolchain} (about 11 minutes, once)"));
    let arguments = install(&toolchain);
    let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let mut install = workspace.program("cargo", &arguments);
    // Another toolchain's build must not meet ours.
    install.env_remove("CARGO_TARGET_DIR").env_remove("RUSTUP_TOOLCHAIN");
    for compiler in ["RUSTC", "RUSTDOC", "CARGO"] {
        install.env_remove(compiler);
    }
    run(install.arg("--root").arg(folder))
        .with_context(|| format!("a broker that is built elsewhere can be named by {VARIABLE}"))
}

/// The command that builds it.
fn install(toolchain: &str) -> Vec<String> {
    let line = format!(
        "cargo +{toolchain} install {NAME} --version {VERSION} --locked --no-default-features \
         --features dynostore,libsql"
    );
    line.split_whitespace().map(str::to_owned).collect()
}

/// The newest of these toolchains that is new enough. Of equal ones the one that is a release.
fn newest(toolchains: impl Iterator<Item = (String, (u32, u32))>) -> Option<String> {
    let enough = toolchains.filter(|(_, version)| *version >= LEAST);
    let newest = enough.max_by_key(|(name, version)| (*version, !name.starts_with("nightly")));
    newest.map(|(name, _)| name)
}

/// The version that `rustc --version` names.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("rustc ")?.split(['.', '-', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_toolchain_that_is_new_enough() {
        assert_eq!(version("rustc 1.97.0-nightly (abc 2026-05-01)\n"), Some((1, 97)));
        assert_eq!(version("error: toolchain is not installed"), None);
        let newest = |names: &[(&str, (u32, u32))]| {
            newest(names.iter().map(|(name, version)| ((*name).to_owned(), *version)))
        };
        assert_eq!(newest(&[("stable", (1, 95)), ("1.90", (1, 90))]), None);
        let all = [("nightly", (1, 97)), ("stable", (1, 95)), ("1.96", (1, 96))];
        assert_eq!(newest(&all).as_deref(), Some("nightly"));
        assert_eq!(newest(&[("nightly", (1, 97)), ("beta", (1, 97))]).as_deref(), Some("beta"));
    }
}
