//! Processes that a test does something to while they run.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Run;

/// The longest that a test waits for anything: much longer than it takes on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until something is there.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "the one place that polls, under a deadline")]
pub(crate) fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "no {what} within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process that runs; dropping it kills it.
pub(crate) struct Process {
    line: String,
    child: Option<Child>,
}

impl Process {
    /// Starts a command. What it says must fit into a pipe until [`Process::end`] reads it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { line, child: Some(command.spawn().unwrap()) }
    }

    /// Starts a command that writes what it logs to a file in its folder: nobody reads a pipe of a process
    /// that is to be killed.
    pub(crate) fn start_logged(program: &Command, log: &str) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec \"$0\" \"$@\" 2>>{log}"));
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(program.get_current_dir().unwrap());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Self::start(&mut command)
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child().try_wait().unwrap().is_some()
    }

    /// Sends a signal, such as `INT`. One that comes too late is none.
    pub(crate) fn signal(&mut self, name: &str) {
        let pid = self.child().id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).output().unwrap();
        assert!(sent.status.success() || self.is_over(), "{sent:?}");
    }

    /// Waits until it hears SIGTERM, which one that has just started simply dies of, or is over.
    pub(crate) fn until_it_hears(&mut self) {
        const TERM: u64 = 1 << 14;
        let status = format!("/proc/{}/status", self.child().id());
        poll("handler of SIGTERM", || {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
            let hears = u64::from_str_radix(caught.trim(), 16).unwrap() & TERM != 0;
            (hears || self.is_over()).then_some(())
        });
    }

    /// Closes its stdin, waits for its end, and says how that was.
    pub(crate) fn end(mut self) -> Run {
        let child = self.child.take().unwrap();
        Run::from_output(self.line.clone(), child.wait_with_output().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be over already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
