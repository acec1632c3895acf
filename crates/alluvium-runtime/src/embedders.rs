//! The sessions of a model, each on a thread of its own, fed chunk by chunk from one bounded queue that
//! all documents share, so that one large document keeps all sessions busy.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use alluvium_core::embed::{EmbedError, Embedder, Model};
use alluvium_core::extract::Extracted;
use tokio::sync::{mpsc, oneshot};

use crate::error::RunError;

/// Jobs that wait for each session: enough that none ever waits for a job.
const WAITING: usize = 4;

/// An answer on its way.
pub(crate) type Answer = oneshot::Receiver<Result<Vec<f32>, EmbedError>>;

struct Job {
    document: Arc<Extracted>,
    span: Range<usize>,
    answer: oneshot::Sender<Result<Vec<f32>, EmbedError>>,
}

/// Running sessions. Dropping them ends the threads and waits for the chunk that each is at.
pub struct Embedders {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    embedded: Arc<AtomicU64>,
}

impl Embedders {
    /// Starts `sessions` threads. Each opens its session with its first chunk, so that a run that
    /// embeds nothing pays for none.
    pub fn start(model: &Arc<dyn Model>, sessions: usize) -> Result<Self, RunError> {
        let sessions = sessions.max(1);
        let (jobs, queue) = mpsc::channel(sessions * WAITING);
        let queue = Arc::new(Mutex::new(queue));
        let embedded = Arc::new(AtomicU64::new(0));
        let spawn = |n: usize| {
            let (model, queue, embedded) = (Arc::clone(model), Arc::clone(&queue), Arc::clone(&embedded));
            let builder = std::thread::Builder::new().name(format!("embed-{n}"));
            builder.spawn(move || work(&*model, &queue, &embedded))
        };
        let threads = (0..sessions).map(spawn).collect::<Result<Vec<_>, _>>();
        let threads = threads.map_err(|e| RunError::Internal(format!("no thread for a session: {e}")))?;
        Ok(Self { jobs: Some(jobs), threads, embedded })
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.threads.len()
    }

    /// Chunks embedded so far.
    pub fn embedded(&self) -> u64 {
        self.embedded.load(Ordering::Relaxed)
    }

    /// Queues one chunk; waits while the queue is full. Dropping the answer withdraws the chunk.
    pub(crate) async fn submit(
        &self,
        document: &Arc<Extracted>,
        span: Range<usize>,
    ) -> Result<Answer, RunError> {
        let (answer, receiver) = oneshot::channel();
        let job = Job { document: Arc::clone(document), span, answer };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        Ok(receiver)
    }
}

pub(crate) fn stopped() -> RunError {
    RunError::Internal("the embedding threads have ended".to_owned())
}

impl Drop for Embedders {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; its jobs were answered by their senders' drop.
            let _ = thread.join();
        }
    }
}

fn work(model: &dyn Model, queue: &Mutex<mpsc::Receiver<Job>>, embedded: &AtomicU64) {
    let mut session: Option<Box<dyn Embedder>> = None;
    loop {
        // The lock is held while waiting: the others wait for the lock instead of the queue.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { document, span, answer }) = job else { return };
        if answer.is_closed() {
            continue;
        }
        let result = embed(model, &mut session, document.text.get(span).unwrap_or(""));
        embedded.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
        // Before the answer: who gets the last one wants the text for itself.
        drop(document);
        let _ = answer.send(result);
    }
}

fn embed(
    model: &dyn Model,
    session: &mut Option<Box<dyn Embedder>>,
    text: &str,
) -> Result<Vec<f32>, EmbedError> {
    let open = match session {
        Some(open) => open,
        None => session.insert(model.session()?),
    };
    open.embed_document(text)
}
