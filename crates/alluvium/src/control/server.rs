//! The daemon's side of the socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alluvium_runtime::Snapshot;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lines::Lines;
use super::protocol::{self, Answer, BackfillRequest, Done, LONGEST_REQUEST, Request};
use super::socket::Listener;
use crate::failure::{Exit, Failure};

/// Clients at once.
const CLIENTS: usize = 16;
/// The usual patience with a client.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a client hears something.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long clients have to take their last answers when the daemon ends.
const GRACE: Duration = Duration::from_secs(2);

/// A request that waits for the daemon to take it.
pub(crate) struct Asked {
    pub(crate) request: BackfillRequest,
    /// Whether it is taken; where this is dropped, the daemon is ending.
    pub(crate) answer: oneshot::Sender<Result<Ticket, Failure>>,
}

/// A request that is taken.
pub(crate) struct Ticket {
    /// What a person should know.
    pub(crate) note: Option<String>,
    /// How it goes; where its sender is dropped before the end, the daemon is ending.
    pub(crate) state: watch::Receiver<State>,
}

/// How the work on a request goes.
#[derive(Debug, Clone)]
pub(crate) enum State {
    Waiting,
    At(Snapshot),
    Ended(Result<Done, Failure>),
}

/// The socket, and who speaks over it.
pub(crate) struct Control {
    accepting: JoinHandle<()>,
    clients: TaskTracker,
    ending: CancellationToken,
}

impl Control {
    /// Listens for the index at `root`, whose writer's lock this process holds. Gives what is asked.
    pub(crate) fn listen(root: &Path) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        Self::listen_with(root, PATIENCE)
    }

    fn listen_with(root: &Path, patience: Duration) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        let listener = Listener::bind(root)?;
        let (ask, asked) = mpsc::channel(CLIENTS);
        let (clients, ending) = (TaskTracker::new(), CancellationToken::new());
        let reception = Reception {
            ask,
            patience,
            clients: clients.clone(),
            ending: ending.clone(),
            seats: Arc::new(Semaphore::new(CLIENTS)),
        };
        let accepting = tokio::spawn(reception.accept(listener));
        Ok((Self { accepting, clients, ending }, asked))
    }

    /// Ends all conversations: those whose request is open are told so.
    pub(crate) async fn close(self) {
        self.ending.cancel();
        let _ = self.accepting.await;
        self.clients.close();
        let _ = timeout(GRACE, self.clients.wait()).await;
    }
}

/// Receives clients.
struct Reception {
    ask: mpsc::Sender<Asked>,
    /// How long a client may take to say what it wants, and to take an answer.
    patience: Duration,
    clients: TaskTracker,
    ending: CancellationToken,
    seats: Arc<Semaphore>,
}

impl Reception {
    async fn accept(self, socket: Listener) {
        while let Some(accepted) = self.ending.run_until_cancelled(socket.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => self.receive(stream),
                Err(error) => {
                    tracing::warn!(%error, "a client of the control socket can't be received");
                    let pause = tokio::time::sleep(self.patience);
                    self.ending.run_until_cancelled(pause).await;
                }
            }
        }
    }

    fn receive(&self, stream: UnixStream) {
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            // It fits into the buffer of a socket that is new.
            let _ = stream.try_write(&protocol::line(&Answer::Refused(busy().into())));
            return;
        };
        let (ask, ending, patience) = (self.ask.clone(), self.ending.clone(), self.patience);
        self.clients.spawn(async move {
            if let Err(error) = Conversation::with(stream, seat, patience).serve(ask, ending).await {
                tracing::debug!(%error, "a client of the control socket");
            }
        });
    }
}

/// With one client. Whatever ends it, the daemon's work goes on.
struct Conversation {
    heard: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    heartbeat: Interval,
    patience: Duration,
    _seat: OwnedSemaphorePermit,
}

impl Conversation {
    fn with(stream: UnixStream, seat: OwnedSemaphorePermit, patience: Duration) -> Self {
        let (reader, writer) = stream.into_split();
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { heard: Lines::new(reader, LONGEST_REQUEST), writer, heartbeat, patience, _seat: seat }
    }

    async fn serve(mut self, ask: mpsc::Sender<Asked>, ending: CancellationToken) -> io::Result<()> {
        let heard = timeout(self.patience, self.heard.next());
        let Some(heard) = ending.run_until_cancelled(heard).await else { return Ok(()) };
        let request = match heard? {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => protocol::parse(&line),
            Err(error) => Err(error.to_string()),
        };
        let answer = match request {
            Ok(Request::Backfill(request)) => match self.backfill(request, ask).await? {
                Some(Ok(done)) => Answer::Done(done),
                Some(Err(failure)) => Answer::Refused(failure.into()),
                None => return Ok(()),
            },
            Err(error) => Answer::Refused(not_understood(&error).into()),
        };
        self.say(&answer).await
    }

    /// How a backfill ends; `None` where the client has gone.
    async fn backfill(
        &mut self,
        request: BackfillRequest,
        ask: mpsc::Sender<Asked>,
    ) -> io::Result<Option<Result<Done, Failure>>> {
        if self.has_gone().await {
            return Ok(None);
        }
        let (answer, taken) = oneshot::channel();
        if ask.try_send(Asked { request, answer }).is_err() {
            return Ok(Some(Err(ends())));
        }
        drop(ask);
        let Some(taken) = self.meanwhile(taken, || Answer::Waiting).await? else { return Ok(None) };
        let Ticket { note, mut state } = match taken.unwrap_or_else(|_| Err(ends())) {
            Ok(ticket) => ticket,
            Err(failure) => return Ok(Some(Err(failure))),
        };
        if let Some(text) = note {
            self.say(&Answer::Note { text }).await?;
        }
        let now = state.clone();
        let progress = || match &*now.borrow() {
            State::At(snapshot) => Answer::Progress((*snapshot).into()),
            State::Waiting | State::Ended(_) => Answer::Waiting,
        };
        let ended = async {
            match state.wait_for(|state| matches!(state, State::Ended(_))).await.as_deref() {
                Ok(State::Ended(ended)) => ended.clone(),
                _ => Err(ends()),
            }
        };
        self.meanwhile(ended, progress).await
    }

    /// Waits for something, and says how it goes meanwhile; `None` where the client goes before.
    async fn meanwhile<T>(
        &mut self,
        wanted: impl Future<Output = T>,
        mut now: impl FnMut() -> Answer,
    ) -> io::Result<Option<T>> {
        let mut wanted = std::pin::pin!(wanted);
        loop {
            tokio::select! {
                biased;
                came = &mut wanted => return Ok(Some(came)),
                // It has nothing more to say, so that whatever comes is its end.
                _ = self.heard.next() => return Ok(None),
                _ = self.heartbeat.tick() => {}
            }
            self.say(&now()).await?;
        }
    }

    /// Whether the client did not wait: what it asked for long ago may not be meant any more.
    async fn has_gone(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.heard.next() => true,
            () = std::future::ready(()) => false,
        }
    }

    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        timeout(self.patience, self.writer.write_all(&protocol::line(answer))).await?
    }
}

fn busy() -> Failure {
    Failure::new(Exit::Held, "daemon_busy", "the daemon serves as many clients as it can")
        .next("wait for another backfill to end, then run the same command again")
}

fn ends() -> Failure {
    Failure::new(Exit::Failed, "daemon_ended", "the daemon was told to end before the backfill was complete")
        .next("run the same command again: what is finished is not done anew")
}

fn not_understood(error: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_understood",
        format!("the daemon does not understand the request: {error}"),
    )
    .next("use the same version of the program as the daemon, or start the daemon again with this one")
}

#[cfg(test)]
mod tests;
