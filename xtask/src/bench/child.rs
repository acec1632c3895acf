//! The program as a child process: started, watched, ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::corpus::Corpus;
use super::program::{binary, last_line};
use crate::cargo::run as run_command;
use crate::pause::pause;
use crate::workspace::Workspace;

/// How often a process is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// How long a daemon may take to finish what it has in flight.
const DRAIN: Duration = Duration::from_secs(60);

/// Memory of a process and of the largest of its workers, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Memory {
    pub(super) process: u64,
    pub(super) worker: u64,
}

impl Memory {
    fn max(self, other: Self) -> Self {
        Self { process: self.process.max(other.process), worker: self.worker.max(other.worker) }
    }
}

/// A running command of the program. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Starts `alluvium COMMAND PIPELINE`.
    pub(super) fn start(workspace: &Workspace, command: &str, corpus: &Corpus) -> Result<Self> {
        let (output, log) = (corpus.path("output.json"), corpus.path("log.txt"));
        let args = [command, corpus.pipeline(), "--format", "json"];
        let mut started = workspace.program(binary(workspace, "alluvium"), &args);
        started.stdout(File::create(&output)?).stderr(File::create(&log)?);
        let child = started.spawn().context("cannot start alluvium")?;
        Ok(Self { child, output, log })
    }

    /// Resident memory.
    pub(super) fn resident(&mut self) -> Result<Memory> {
        self.must_run()?;
        memory(self.child.id(), "VmRSS").context("the process says nothing of its memory")
    }

    /// Waits for the end. Gives the result, and the peaks of resident memory.
    pub(super) fn finish(mut self) -> Result<(Value, Memory)> {
        let mut peak = Memory::default();
        loop {
            // The kernel keeps the peak, so only the last moments of a process can be missed.
            peak = memory(self.child.id(), "VmHWM").map_or(peak, |now| peak.max(now));
            if let Some(status) = self.child.try_wait()? {
                return Ok((self.result(status)?, peak));
            }
            pause(LOOK);
        }
    }

    /// Asks it to finish what it has in flight, and waits for that.
    pub(super) fn terminate(mut self, workspace: &Workspace) -> Result<Value> {
        self.must_run()?;
        let id = self.child.id().to_string();
        run_command(&mut workspace.program("kill", &["-TERM", &id]))?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return self.result(status);
            }
            ensure!(asked.elapsed() < DRAIN, "the daemon does not end{}", self.said());
            pause(LOOK);
        }
    }

    fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("alluvium has ended ({status}){}", self.said()),
            None => Ok(()),
        }
    }

    fn result(&self, status: ExitStatus) -> Result<Value> {
        ensure!(status.success(), "alluvium failed ({status}){}", self.said());
        last_line(&fs::read_to_string(&self.output)?)
    }

    /// The end of its log.
    pub(super) fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default();
        format!(":\n{}", last.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A figure of `/proc/…/status` for a process and the largest of its workers.
fn memory(process: u32, figure: &str) -> Option<Memory> {
    let workers = children(process).into_iter().filter(|child| is_worker(*child));
    let worker = workers.filter_map(|worker| status(worker, figure)).max();
    Some(Memory { process: status(process, figure)?, worker: worker.unwrap_or(0) })
}

/// In KiB; `None` once the process has ended.
fn status(process: u32, figure: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether a child has become what it was started for: before that it shows its parent's memory.
fn is_worker(process: u32) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"worker")
}

fn children(process: u32) -> Vec<u32> {
    let threads = Path::new("/proc").join(process.to_string()).join("task");
    let Ok(threads) = fs::read_dir(threads) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let ids = |list: String| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>();
    lists.flat_map(ids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_workers_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("worker"), "").unwrap();
        let mut start = std::process::Command::new("tail");
        let mut child = start.args(["worker", "-f"]).current_dir(folder.path()).spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        // The parent goes on before its child has its own command line.
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_worker(child.id()) {
            assert!(Instant::now() < deadline, "it never became what it was started for");
            pause(LOOK);
        }
        assert!(!is_worker(std::process::id()));
        let memory = memory(std::process::id(), "VmHWM").unwrap();
        assert!(memory.process > 0 && memory.worker > 0, "{memory:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(status(child.id(), "VmHWM"), None);
    }
}
