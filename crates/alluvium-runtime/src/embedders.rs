//! The sessions of a model, each on a thread of its own, fed chunk by chunk from one bounded queue a lane
//! that all documents share, so that one large document keeps all sessions busy and holds up no other lane.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use alluvium_core::embed::{EmbedError, Embedder, Model};
use alluvium_core::extract::Extracted;
use tokio::sync::{Semaphore, oneshot};

use crate::error::RunError;
use crate::turns::{Lane, Queues};

/// Jobs that wait for each session: enough that none ever waits for a job.
const WAITING: usize = 4;

/// An answer on its way.
pub(crate) type Answer = oneshot::Receiver<Result<Vec<f32>, EmbedError>>;

struct Job {
    document: Arc<Extracted>,
    span: Range<usize>,
    answer: oneshot::Sender<Result<Vec<f32>, EmbedError>>,
}

/// What waits for the sessions, bounded in each lane.
struct Queue {
    jobs: Mutex<Jobs>,
    news: Condvar,
    live: Semaphore,
    bulk: Semaphore,
}

#[derive(Default)]
struct Jobs {
    waiting: Queues<(Lane, Job)>,
    /// Nothing more will come.
    closed: bool,
    /// Threads that work.
    workers: usize,
}

impl Queue {
    fn new(room: usize, workers: usize) -> Arc<Self> {
        Arc::new(Self {
            jobs: Mutex::new(Jobs { workers, ..Jobs::default() }),
            news: Condvar::new(),
            live: Semaphore::new(room),
            bulk: Semaphore::new(room),
        })
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, lane: Lane) -> &Semaphore {
        match lane {
            Lane::Live => &self.live,
            Lane::Bulk => &self.bulk,
        }
    }

    /// Waits while the lane is full.
    async fn push(&self, lane: Lane, job: Job) -> Result<(), RunError> {
        self.room(lane).acquire().await.map_err(|_| stopped())?.forget();
        let mut jobs = self.jobs();
        if jobs.workers == 0 {
            return Err(stopped());
        }
        jobs.waiting.push(lane, (lane, job));
        drop(jobs);
        self.news.notify_one();
        Ok(())
    }

    /// Waits for a job; `None` after the last one.
    fn pop(&self) -> Option<Job> {
        let mut jobs = self.jobs();
        loop {
            if let Some((lane, job)) = jobs.waiting.pop() {
                self.room(lane).add_permits(1);
                return Some(job);
            }
            if jobs.closed {
                return None;
            }
            jobs = self.news.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.jobs().closed = true;
        self.news.notify_all();
    }

    /// A thread ends. After the last one nothing is taken, and what waits is answered by its senders' drop.
    fn leave(&self) {
        let mut jobs = self.jobs();
        jobs.workers = jobs.workers.saturating_sub(1);
        if jobs.workers == 0 {
            jobs.waiting.clear();
            self.live.close();
            self.bulk.close();
        }
    }
}

/// A thread's part in the queue.
struct Worker(Arc<Queue>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Running sessions. Dropping them ends the threads and waits for the chunk that each is at.
pub struct Embedders {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    embedded: Arc<AtomicU64>,
}

impl Embedders {
    /// Starts `sessions` threads. Each opens its session with its first chunk, so that a run that
    /// embeds nothing pays for none.
    pub fn start(model: &Arc<dyn Model>, sessions: usize) -> Result<Self, RunError> {
        let sessions = sessions.max(1);
        let queue = Queue::new(sessions * WAITING, sessions);
        let embedded = Arc::new(AtomicU64::new(0));
        let spawn = |n: usize| {
            let (model, embedded) = (Arc::clone(model), Arc::clone(&embedded));
            let worker = Worker(Arc::clone(&queue));
            let builder = std::thread::Builder::new().name(format!("embed-{n}"));
            builder.spawn(move || work(&*model, &worker, &embedded))
        };
        let threads = (0..sessions).map(spawn).collect::<Result<Vec<_>, _>>();
        let threads = threads.map_err(|e| RunError::Internal(format!("no thread for a session: {e}")))?;
        Ok(Self { queue, threads, embedded })
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.threads.len()
    }

    /// Chunks embedded so far.
    pub fn embedded(&self) -> u64 {
        self.embedded.load(Ordering::Relaxed)
    }

    /// Queues one chunk; waits while its lane is full. Dropping the answer withdraws the chunk.
    pub(crate) async fn submit(
        &self,
        lane: Lane,
        document: &Arc<Extracted>,
        span: Range<usize>,
    ) -> Result<Answer, RunError> {
        let (answer, receiver) = oneshot::channel();
        let job = Job { document: Arc::clone(document), span, answer };
        self.queue.push(lane, job).await?;
        Ok(receiver)
    }
}

pub(crate) fn stopped() -> RunError {
    RunError::Internal("the embedding threads have ended".to_owned())
}

impl Drop for Embedders {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; its jobs were answered by their senders' drop.
            let _ = thread.join();
        }
    }
}

fn work(model: &dyn Model, worker: &Worker, embedded: &AtomicU64) {
    let mut session: Option<Box<dyn Embedder>> = None;
    while let Some(Job { document, span, answer }) = worker.0.pop() {
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
