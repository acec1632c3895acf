//! `BENCHMARKS.md`: one section a measurement, rewritten when it is measured again.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use super::file_system;
use crate::cargo::output_of;
use crate::workspace::Workspace;

/// A measurement's place in the report.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its title, by which it is found again.
    pub(crate) title: &'static str,
    /// Markdown.
    pub(crate) body: String,
}

const HEAD: &str = "# Benchmarks\n\nWritten by `cargo xtask bench`. Machines are noisy: read ratios, not seconds. The program is built with the release profile, but where a section says otherwise.\n";

/// Prints a section and, if it is to be kept, puts it into the report in place of the one of the same title.
pub(crate) fn show(workspace: &Workspace, section: &Section, keep: bool) -> Result<()> {
    let path = workspace.root.join("BENCHMARKS.md");
    let text = format!("## {}\n\n{}\n\n{}\n", section.title, measured_on(workspace)?, section.body.trim());
    println!("\n{text}");
    if !keep {
        return Ok(());
    }
    let old = fs::read_to_string(&path).unwrap_or_else(|_| HEAD.to_owned());
    fs::write(&path, replace(&old, section.title, &text)).context("cannot write BENCHMARKS.md")
}

fn replace(report: &str, title: &str, text: &str) -> String {
    let heading = format!("## {title}\n");
    let (before, after) = match report.split_once(&heading) {
        Some((before, rest)) => (before, rest.find("\n## ").and_then(|at| rest.get(at + 1..)).unwrap_or("")),
        None => (report, ""),
    };
    let joined = format!("{}\n\n{text}\n{after}", before.trim_end());
    format!("{}\n", joined.trim_end())
}

fn measured_on(workspace: &Workspace) -> Result<String> {
    let commit = output_of(&mut workspace.program("git", &["rev-parse", "--short", "HEAD"]))?;
    let changed = output_of(&mut workspace.program("git", &["status", "--porcelain"]))?;
    let plus = if changed.trim().is_empty() { "" } else { " plus uncommitted changes" };
    let cores = available_parallelism().map_or(0, usize::from);
    let disk = file_system::of_temporary_files().map_or_else(String::new, |name| format!("; {name}"));
    let (commit, memory) = (commit.trim(), memory_gib());
    Ok(format!("Commit {commit}{plus}; {cores} cores, {}, {memory} GiB{disk}.", processor()))
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn memory_gib() -> u64 {
    let kib = field("/proc/meminfo", "MemTotal").and_then(|v| v.split(' ').next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| (kib + (1 << 19)) >> 20)
}

fn field(file: impl AsRef<Path>, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_its_last_self() {
        let one = replace("# B\n\nwords\n", "One", "## One\n\nfirst\n");
        let two = replace(&one, "Two", "## Two\n\nsecond\n");
        let again = replace(&two, "One", "## One\n\nthird\n");
        assert_eq!(again, "# B\n\nwords\n\n## One\n\nthird\n\n## Two\n\nsecond\n");
    }
}
