//! A Kafka-compatible broker, for the tests of the Kafka source.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::announce;
use super::server::Server;
use crate::cargo::output_of;
use crate::workspace::Workspace;

const BROKER: Server = Server { name: "nisshi", version: "0.8.1", variable: "ALLUVIUM_BROKER" };
/// The first minor version of Rust that compiles it; the one that this project is pinned to does not.
const LEAST: (u32, u32) = (1, 96);

/// The broker's program, once setup has found it.
pub(crate) fn program() -> OsString {
    BROKER.program()
}

/// Finds a broker, or builds one where a toolchain that is new enough is installed.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    BROKER.ensure(workspace, |folder| build(workspace, folder))
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
             build it elsewhere (`{}`), or set {} to its program",
            install("stable").join(" "),
            BROKER.variable
        );
    };
    let name = BROKER.name;
    announce(&format!("{name}, a broker for the Kafka tests, built by {toolchain} (about 11 minutes, once)"));
    let arguments = install(&toolchain);
    let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let mut install = workspace.program("cargo", &arguments);
    // Another toolchain's.
    for variable in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO"] {
        install.env_remove(variable);
    }
    BROKER.install(&mut install, folder)
}

/// The command that builds it.
fn install(toolchain: &str) -> Vec<String> {
    let Server { name, version, .. } = BROKER;
    let line = format!(
        "cargo +{toolchain} install {name} --version {version} --locked --no-default-features \
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
