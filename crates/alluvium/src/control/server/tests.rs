//! Conversations over a real socket.

use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::super::{client, protocol, socket};
use super::*;
use alluvium_core::commit::Counts;
use alluvium_core::hash::Sha256;
use alluvium_core::id::PipelineName;
use alluvium_core::skipped::Skipped;
use alluvium_runtime::NoProgress;

struct Daemon {
    folder: TempDir,
    control: Control,
    asked: mpsc::Receiver<Asked>,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (control, asked) = Control::listen(folder.path()).unwrap();
        Self { folder, control, asked }
    }

    async fn connect(&self) -> UnixStream {
        socket::connect(self.folder.path()).await.unwrap()
    }

    /// Asks as the program does.
    fn client(&self) -> JoinHandle<Result<Option<Done>, Failure>> {
        let root = self.folder.path().to_owned();
        tokio::spawn(async move { client::ask(&root, request(), || Box::new(NoProgress)).await })
    }

    /// Takes the next request.
    async fn take(&mut self) -> watch::Sender<State> {
        let asked = self.asked.recv().await.unwrap();
        assert_eq!(asked.request, request());
        let (sender, state) = watch::channel(State::Waiting);
        assert!(asked.answer.send(Ok(Ticket { note: None, state })).is_ok());
        sender
    }
}

fn request() -> BackfillRequest {
    BackfillRequest {
        pipeline: PipelineName::new("handbook").unwrap(),
        fingerprint: Sha256::of("fingerprint"),
        config_hash: Sha256::of("settings"),
        sources: vec![],
        reprocess_all: false,
        allow_deletes: false,
    }
}

fn done(seen: u64) -> Done {
    let (counts, braked) = (Counts::default(), vec![]);
    Done { seen, unchanged: 0, skipped: Skipped::default(), counts, braked, published: false, release: None }
}

/// What the other side says until it closes.
async fn said(mut stream: UnixStream) -> String {
    let mut said = Vec::new();
    // One whose words were not all read hears so after the answer.
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_request_is_taken_and_its_end_is_told() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    let state = daemon.take().await;
    state.send_replace(State::At(Snapshot { seen: 3, ..Snapshot::default() }));
    state.send_replace(State::Ended(Ok(done(7))));
    assert_eq!(client.await.unwrap().unwrap(), Some(done(7)));
    let client = daemon.client();
    let failure = Failure::new(Exit::Usage, "other_settings", "no");
    let _ = daemon.asked.recv().await.unwrap().answer.send(Err(failure));
    let failure = client.await.unwrap().unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::Usage, "other_settings"));
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_reaches_nobody() {
    let mut daemon = Daemon::start();
    let good = String::from_utf8(protocol::line(&Request::Backfill(request()))).unwrap();
    let long = vec![b'x'; 4 * LONGEST_REQUEST];
    for (bytes, expected) in [
        (b"\0\xff garbage\n".as_slice(), "no object of JSON"),
        (good.replace("v1", "v9").as_bytes(), "alluvium.control.v9"),
        (good.replace("backfill", "halt").as_bytes(), "unknown variant `halt`"),
        (&long, "a line of more than"),
    ] {
        let mut stream = daemon.connect().await;
        let _ = stream.write_all(bytes).await;
        let said = said(stream).await;
        assert!(said.contains("\"refused\"") && said.contains(expected), "{said}");
    }
    let mut half = daemon.connect().await;
    half.write_all(&good.as_bytes()[..good.len() / 2]).await.unwrap();
    half.shutdown().await.unwrap();
    assert!(said(half).await.contains("the last line has no end"));
    let client = daemon.client();
    drop(daemon.take().await);
    assert_eq!(client.await.unwrap().unwrap_err().code, "daemon_ended", "the next is served");
}

#[tokio::test]
async fn silent_clients_take_seats_and_nothing_else() {
    let mut daemon = Daemon::start();
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        silent.push(daemon.connect().await);
    }
    let refused = said(daemon.connect().await).await;
    assert!(refused.contains("daemon_busy"), "{refused}");
    let failure = daemon.client().await.unwrap().unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::Held, "daemon_busy"));
    silent.pop();
    let state = loop {
        // The seat is free once its conversation has noticed.
        let client = daemon.client();
        tokio::select! {
            state = daemon.take() => {
                state.send_replace(State::Ended(Ok(done(1))));
                break client.await.unwrap();
            }
            () = async { while !client.is_finished() { tokio::task::yield_now().await; } } => {}
        }
    };
    assert_eq!(state.unwrap(), Some(done(1)));
}

#[tokio::test]
async fn a_client_that_says_nothing_loses_its_seat() {
    let folder = tempfile::tempdir().unwrap();
    let _listening = Control::listen_with(folder.path(), Duration::from_millis(10)).unwrap();
    assert_eq!(said(socket::connect(folder.path()).await.unwrap()).await, "");
}

#[tokio::test]
async fn a_client_that_goes_leaves_the_work_alone_and_the_end_of_the_daemon_is_told() {
    let mut daemon = Daemon::start();
    let client = daemon.client();
    let state = daemon.take().await;
    client.abort();
    let _ = client.await;
    while state.receiver_count() > 0 {
        tokio::task::yield_now().await;
    }
    state.send_replace(State::Ended(Ok(done(1))));
    let (taken, waiting, silent) = (daemon.client(), daemon.client(), daemon.connect().await);
    let state = daemon.take().await;
    let asked = daemon.asked.recv().await.unwrap();
    drop((state, asked));
    let folder = daemon.folder.path().to_owned();
    daemon.control.close().await;
    for client in [taken, waiting] {
        assert_eq!(client.await.unwrap().unwrap_err().code, "daemon_ended");
    }
    assert_eq!(said(silent).await, "");
    assert_eq!(
        client::ask(&folder, request(), || Box::new(NoProgress)).await.unwrap(),
        None,
        "nobody is there"
    );
}
