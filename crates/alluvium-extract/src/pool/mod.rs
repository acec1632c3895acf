//! The pool of workers, and what the rest of Alluvium sees of extraction.
//!
//! Invariants:
//! - a hostile document costs one worker process at most one deadline per engine, and nothing else;
//! - every wait has a deadline: start, request and reply count towards one clock;
//! - what a worker says is checked: sizes, UTF-8, normalization, offsets;
//! - a worker that died or broke the protocol is never used again, and a verdict against a document never
//!   comes from a worker that an earlier document may have worn out.

mod assemble;
mod attempt;
mod ladder;
mod memory;
mod process;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use alluvium_core::change::MediaType;
use alluvium_core::extract::{Component, ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::hash::Sha256;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::limits::Limits;
use crate::outcome::Failure;
use crate::pdf::PdfEngineName;
use crate::protocol::Request;
use crate::protocol::Sandbox;
use crate::{html, markdown, plain, sniff};
use attempt::Attempt;
use memory::CrashMemory;
use process::Worker;

/// How to start a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// A program whose `main` calls [`crate::worker_main`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What a pool is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// How to start a worker.
    pub command: WorkerCommand,
    /// How many documents are extracted at one time.
    pub workers: usize,
    /// What one document may cost.
    pub limits: Limits,
    /// PDF engines in the order in which they are tried.
    pub engines: Vec<PdfEngineName>,
    /// Documents after which a worker is replaced.
    pub recycle: u32,
    /// What readers do not see is text like all else.
    pub keeps_hidden: bool,
}

impl PoolConfig {
    /// Two workers with default limits and every engine.
    pub fn new(command: WorkerCommand) -> Self {
        let engines = PdfEngineName::ALL.to_vec();
        Self { command, workers: 2, limits: Limits::default(), engines, recycle: 200, keeps_hidden: false }
    }
}

/// Extracts documents in sandboxed worker processes.
pub struct WorkerPool {
    config: PoolConfig,
    room: Semaphore,
    idle: Mutex<Vec<Worker>>,
    crashes: Mutex<CrashMemory>,
}

impl WorkerPool {
    /// A pool; workers start when they are needed. No engine at all means every engine.
    pub fn new(mut config: PoolConfig) -> Self {
        if config.engines.is_empty() {
            config.engines = PdfEngineName::ALL.to_vec();
        }
        config.workers = config.workers.max(1);
        let room = Semaphore::new(config.workers);
        Self { config, room, idle: Mutex::default(), crashes: Mutex::default() }
    }

    /// Starts a worker and says what protects the system from it, so that a worker that can't run is
    /// known before the first document.
    pub async fn probe(&self) -> Result<Sandbox, ExtractError> {
        let worker = Worker::start(&self.config).await?;
        let sandbox = worker.sandbox().clone();
        self.put_back(worker);
        Ok(sandbox)
    }

    /// One attempt at a document by one engine, each verdict by a worker that is fresh or not at fault.
    async fn attempt(&self, request: &Request, bytes: &[u8]) -> Result<Attempt, ExtractError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut worker) = idle {
            let attempt = worker.extract(&self.config.limits, request, bytes).await;
            if !attempt.died() {
                self.put_back(worker);
                return Ok(attempt);
            }
            drop(worker);
            if attempt.timed_out() {
                return Ok(attempt);
            }
        }
        let mut worker = Worker::start(&self.config).await?;
        let attempt = worker.extract(&self.config.limits, request, bytes).await;
        if !attempt.died() {
            self.put_back(worker);
        }
        Ok(attempt)
    }

    fn put_back(&self, worker: Worker) {
        if worker.documents() < self.config.recycle {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    async fn extract_document(&self, request: &ExtractRequest) -> Result<Extracted, ExtractError> {
        let bytes = &request.bytes;
        if bytes.len() as u64 > self.config.limits.input {
            let detail = format!("{} bytes; at most {} are read", bytes.len(), self.config.limits.input);
            return Err(refused(Failure::new(Cause::TooLarge, detail)));
        }
        let media_type = sniff::media_type(request.media_type, bytes).map_err(refused)?;
        let hash = Sha256::of(bytes);
        if let Some(refusal) = self.crashes.lock().unwrap_or_else(PoisonError::into_inner).refusal(&hash) {
            return Err(ExtractError::Refused(refusal));
        }
        let result = match media_type {
            MediaType::Pdf => self.climb(bytes).await,
            _ => self.read_text(media_type, request).await,
        };
        result.map_err(|error| match error {
            Error::Unavailable(error) => error,
            Error::Failed { failure, deaths } => {
                let refusal = Refusal::new(Stage::Extract, failure.cause, failure.detail);
                let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
                crashes.record(&hash, deaths, &refusal);
                ExtractError::Refused(refusal)
            }
        })
    }

    async fn read_text(&self, media_type: MediaType, asked: &ExtractRequest) -> Result<Extracted, Error> {
        let request = Request::Extract {
            media_type,
            // The engine is for PDFs; a request for another format ignores it.
            engine: PdfEngineName::Pdfboss,
            charset: asked.charset.clone(),
            keeps_hidden: self.config.keeps_hidden,
        };
        let attempt = self.attempt(&request, &asked.bytes).await.map_err(Error::Unavailable)?;
        let deaths = u32::from(attempt.died());
        attempt.into_text(media_type).map_err(|failure| Error::Failed { failure, deaths })
    }
}

/// Why a document has no text.
enum Error {
    Unavailable(ExtractError),
    Failed { failure: Failure, deaths: u32 },
}

fn refused(failure: Failure) -> ExtractError {
    ExtractError::Refused(Refusal::new(Stage::Extract, failure.cause, failure.detail))
}

/// The extractor's own part of a format, with the version of its rules.
fn own_component(media_type: MediaType) -> Option<Component> {
    match media_type {
        MediaType::Pdf => None,
        MediaType::Html => Some(Component::new("html", html::VERSION)),
        MediaType::Xhtml => {
            Some(Component::new("xhtml", format!("{}.{}", html::xhtml::VERSION, html::VERSION)))
        }
        MediaType::Markdown => Some(Component::new("markdown", markdown::VERSION)),
        MediaType::Plain => Some(Component::new("plain", plain::VERSION)),
    }
}

fn engine_component(engine: PdfEngineName) -> Component {
    Component::new(engine.as_str(), engine.version())
}

#[async_trait]
impl Extractor for WorkerPool {
    fn components(&self) -> Vec<Component> {
        let own = [MediaType::Html, MediaType::Xhtml, MediaType::Markdown, MediaType::Plain];
        let own = own.into_iter().filter_map(own_component);
        let text = Component::new("text", alluvium_core::text::VERSION);
        let hidden = self.config.keeps_hidden.then(|| Component::new("hidden", "keep"));
        let engines = self.config.engines.iter().map(|engine| engine_component(*engine));
        engines.chain(own).chain([text]).chain(hidden).collect()
    }

    async fn extract(&self, request: ExtractRequest) -> Result<Extracted, ExtractError> {
        let _room = self
            .room
            .acquire()
            .await
            .map_err(|_| ExtractError::Unavailable("the pool is closed".to_owned()))?;
        self.extract_document(&request).await
    }
}
