//! One worker process, seen from outside.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alluvium_core::extract::ExtractError;
use alluvium_core::quarantine::Cause;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PoolConfig;
use super::assemble::is_sound;
use super::attempt::{Attempt, End};
use crate::limits::Limits;
use crate::outcome::{Failure, Meta, Piece};
use crate::protocol::{self, Reply, Request, Sandbox};

/// How long a fresh worker may take to say that it is ready.
const START: Duration = Duration::from_secs(20);
/// How long a dead worker may take to be reaped.
const REAP: Duration = Duration::from_secs(5);
/// How much of a worker's stderr is kept.
const STDERR: usize = 4096;

/// A running worker. Dropping it kills it and all that it may have started.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    sandbox: Sandbox,
    documents: u32,
}

impl Worker {
    /// Starts a worker and waits until it has hardened itself.
    pub(super) async fn start(config: &PoolConfig) -> Result<Self, ExtractError> {
        let program = config.command.program.display();
        let unavailable = |what: String| ExtractError::Unavailable(format!("worker {program}: {what}"));
        let mut worker = Self::spawn(config).map_err(|e| unavailable(e.to_string()))?;
        match timeout(START, worker.handshake(&config.limits)).await {
            Ok(Ok(sandbox)) => {
                worker.sandbox = sandbox;
                Ok(worker)
            }
            Ok(Err(e)) => {
                let said = worker.end().await.1;
                Err(unavailable(format!("it does not start ({e}); it said: {}", said.trim())))
            }
            Err(_) => Err(unavailable(format!("it does not start within {} s", START.as_secs()))),
        }
    }

    fn spawn(config: &PoolConfig) -> io::Result<Self> {
        let mut child = Command::new(&config.command.program)
            .args(&config.command.args)
            // A worker needs nothing from the environment, secrets least of all.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut pipe = child.stderr.take().ok_or_else(missing)?;
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let tail = Arc::clone(&stderr);
        // Ends with the pipe, that is with the worker.
        let listener = tokio::spawn(async move {
            let mut part = [0; 1024];
            while let Ok(read @ 1..) = pipe.read(&mut part).await {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(part.get(..read).unwrap_or_default());
                let surplus = tail.len().saturating_sub(STDERR);
                tail.drain(..surplus);
            }
        });
        Ok(Self { child, stdin, stdout, stderr, listener, sandbox: Sandbox::default(), documents: 0 })
    }

    /// What protects the system from this worker.
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Documents that it has been given.
    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    async fn handshake(&mut self, limits: &Limits) -> io::Result<Sandbox> {
        self.say(&Request::Start { limits: limits.clone() }, &[]).await?;
        match self.hear(0).await? {
            (Reply::Ready { sandbox }, _) => Ok(sandbox),
            _ => Err(protocol_broken()),
        }
    }

    /// One document, within the deadline. After an attempt that died the worker is of no more use.
    pub(super) async fn extract(&mut self, limits: &Limits, request: &Request, bytes: &[u8]) -> Attempt {
        self.documents += 1;
        let mut pieces = Vec::new();
        let exchange = timeout(limits.wall, self.exchange(limits, request, bytes, &mut pieces)).await;
        let end = match exchange {
            Ok(Ok(end)) => end,
            Ok(Err(e)) => End::Died(self.autopsy(&e).await),
            Err(_) => {
                self.end().await;
                End::Died(Failure::new(
                    Cause::Timeout,
                    format!("no end after {} s", limits.wall.as_secs_f32()),
                ))
            }
        };
        Attempt { pieces, end }
    }

    async fn exchange(
        &mut self,
        limits: &Limits,
        request: &Request,
        bytes: &[u8],
        pieces: &mut Vec<Piece>,
    ) -> io::Result<End> {
        self.say(request, bytes).await?;
        let (mut room, mut headings) = (limits.output, limits.headings as usize);
        loop {
            let (reply, body) = self.hear(room).await?;
            match reply {
                Reply::Piece(mut piece) => {
                    room -= body.len() as u64;
                    piece.text = String::from_utf8(body).map_err(|_| protocol_broken())?;
                    piece.failed = piece.failed.map(bounded);
                    headings = headings.checked_sub(piece.headings.len()).ok_or_else(protocol_broken)?;
                    if pieces.len() >= limits.pages.max(1) as usize || !is_sound(&piece) {
                        return Err(protocol_broken());
                    }
                    pieces.push(piece);
                }
                Reply::Done(meta) => {
                    return Ok(End::Done(Meta { partial: meta.partial.map(bounded), ..meta }));
                }
                Reply::Failed(failure) => {
                    let failure = Failure::new(failure.cause, failure.detail);
                    // A panic may have left anything behind: such a worker is not used again.
                    let crashed = failure.cause == Cause::Crashed;
                    return Ok(if crashed { End::Died(failure) } else { End::Failed(failure) });
                }
                Reply::Ready { .. } => return Err(protocol_broken()),
            }
        }
    }

    async fn say(&mut self, request: &Request, body: &[u8]) -> io::Result<()> {
        self.stdin.write_all(&protocol::encode(request, body)?).await?;
        self.stdin.write_all(body).await?;
        self.stdin.flush().await
    }

    async fn hear(&mut self, max_body: u64) -> io::Result<(Reply, Vec<u8>)> {
        let mut prefix = [0; 12];
        self.stdout.read_exact(&mut prefix).await?;
        let (header, body) = protocol::parse_prefix(prefix, max_body)?;
        let (mut header, mut body) = (vec![0; header], vec![0; body]);
        self.stdout.read_exact(&mut header).await?;
        self.stdout.read_exact(&mut body).await?;
        Ok((protocol::decode(&header)?, body))
    }

    /// Why the worker is dead, or why it had to be killed.
    async fn autopsy(&mut self, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::InvalidData {
            self.end().await;
            return Failure::new(Cause::Crashed, format!("the worker broke the protocol: {error}"));
        }
        let status = timeout(REAP, self.child.wait()).await;
        let (_, said) = self.end().await;
        match status {
            Ok(Ok(status)) => cause_of_death(status, &said),
            _ => Failure::new(Cause::Crashed, format!("the worker closed its pipes: {error}")),
        }
    }

    /// Kills the worker's process group, reaps it, and returns what it last said.
    async fn end(&mut self) -> (Option<ExitStatus>, String) {
        self.kill_group();
        let status = timeout(REAP, self.child.wait()).await.ok().and_then(Result::ok);
        // Its last words are still on their way.
        let _ = timeout(REAP, &mut self.listener).await;
        let said = self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (status, String::from_utf8_lossy(&said).into_owned())
    }

    fn kill_group(&self) {
        // `id` is `None` once the worker is reaped: its number may be another's by then.
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // Gone already is just as well.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill_group();
        self.listener.abort();
    }
}

/// What a worker says for people, no longer than they read.
fn bounded(said: String) -> String {
    said.chars().take(300).collect()
}

fn protocol_broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame makes no sense")
}

/// What killed a worker that nobody killed from here.
fn cause_of_death(status: ExitStatus, said: &str) -> Failure {
    use std::os::unix::process::ExitStatusExt;
    let line = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
    let signal = status.signal().and_then(Signal::from_named_raw);
    if said.contains("memory allocation of") || said.contains("out of memory") {
        let line = said.lines().find(|l| l.contains("memory")).unwrap_or(line);
        return Failure::new(Cause::OutOfMemory, line.trim());
    }
    if said.contains("has overflowed its stack") {
        return Failure::new(Cause::Crashed, "stack overflow");
    }
    match signal {
        Some(Signal::XCPU) => Failure::new(Cause::Timeout, "out of CPU time"),
        // Not from this pool: the kernel's out-of-memory killer, or a person.
        Some(Signal::KILL) => Failure::new(Cause::OutOfMemory, "killed by the system, likely for memory"),
        _ => Failure::new(Cause::Crashed, format!("the worker died ({status}): {line}")),
    }
}
