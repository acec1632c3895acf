//! Backfills that others ask of the daemon.
//!
//! A backfill is a round of its own. The round before it is ended gently, so that nothing is in flight any
//! more; then the chosen sources are read as a backfill alone would read them, from the newest record to
//! their ends, while the others are followed; and then all are followed again. So each source is read by one
//! reader at a time, and what an older listing says is committed before anything newer is read.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use alluvium_config::PipelineSpec;
use alluvium_core::commit::Counts;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::ledger::Record;
use alluvium_runtime::{Progress, Report, Snapshot};
use tokio::sync::{mpsc, watch};

use crate::cli::Role;
use crate::compose;
use crate::control::{Asked, BackfillRequest, Done, State, Ticket};
use crate::failure::{Exit, Failure};
use crate::results::LiveShort;

/// Backfills that wait, at most. Each has had a client, and clients may go.
const QUEUE: usize = 16;

/// What the daemon is, for the judgement of requests.
pub(super) struct Identity<'s> {
    pub(super) spec: &'s PipelineSpec,
    pub(super) role: Role,
    pub(super) fingerprint: Sha256,
    pub(super) config_hash: Sha256,
}

/// A backfill of these sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) sources: BTreeSet<SourceName>,
    pub(super) reprocess_all: bool,
    pub(super) allow_deletes: bool,
}

/// A backfill that was asked for.
struct Job {
    chosen: Chosen,
    clients: Arc<Clients>,
    /// What rounds did for it that somebody's publish has ended.
    before: Counts,
}

/// Who waits for a backfill.
struct Clients(watch::Sender<State>);

impl Progress for Clients {
    fn update(&self, snapshot: &Snapshot) {
        self.0.send_replace(State::At(*snapshot));
    }
}

/// Backfills that were asked for: one that the present round does, and those that wait.
pub(super) struct Delegated {
    inbox: Option<mpsc::Receiver<Asked>>,
    queue: VecDeque<Job>,
    current: Option<Job>,
}

impl Delegated {
    /// Those of an inbox; without one nothing ever comes.
    pub(super) fn of(inbox: Option<mpsc::Receiver<Asked>>) -> Self {
        Self { inbox, queue: VecDeque::new(), current: None }
    }

    /// Waits until one more is to be done. May be dropped.
    pub(super) async fn arrive(&mut self, identity: &Identity<'_>) {
        loop {
            let asked = match &mut self.inbox {
                Some(inbox) => inbox.recv().await,
                None => None,
            };
            let Some(asked) = asked else { return std::future::pending().await };
            if self.take(asked, identity) {
                return;
            }
        }
    }

    /// Whether one waits, and none is being done.
    pub(super) fn is_next(&self) -> bool {
        self.current.is_none() && !self.queue.is_empty()
    }

    /// Takes a request or refuses it.
    fn take(&mut self, asked: Asked, identity: &Identity<'_>) -> bool {
        let taken = admit(&asked.request, identity).and_then(|(chosen, note)| {
            let state = self.enter(chosen).ok_or_else(too_many)?;
            Ok(Ticket { note, state })
        });
        let is_taken = taken.is_ok();
        // A client that has gone meanwhile has asked all the same.
        let _ = asked.answer.send(taken);
        is_taken
    }

    /// One that waits already and is the same will do for both.
    fn enter(&mut self, chosen: Chosen) -> Option<watch::Receiver<State>> {
        if let Some(same) = self.queue.iter().find(|job| job.chosen == chosen) {
            return Some(same.clients.0.subscribe());
        }
        if self.queue.len() >= QUEUE {
            return None;
        }
        let (sender, state) = watch::channel(State::Waiting);
        self.queue.push_back(Job { chosen, clients: Arc::new(Clients(sender)), before: Counts::default() });
        Some(state)
    }

    /// Begins the next one, and says who is told how far it is.
    pub(super) fn begin(&mut self) -> Option<(Chosen, Arc<dyn Progress>)> {
        self.current = self.queue.pop_front();
        let job = self.current.as_ref()?;
        tracing::info!(sources = ?names(&job.chosen.sources), "a backfill was asked for");
        Some((job.chosen.clone(), Arc::clone(&job.clients) as Arc<dyn Progress>))
    }

    /// The present one is complete.
    pub(super) fn complete(&mut self, report: Report, head: Option<&Record>) {
        let Some(job) = self.current.take() else { return };
        let Report { seen, unchanged, skipped, counts, published, braked, interrupted: _ } = report;
        let mut total = job.before;
        total += counts;
        let done = Done {
            seen,
            unchanged,
            skipped,
            counts: total,
            braked: braked.into_iter().map(Into::into).collect(),
            published: published.is_some() || changes(&job.before),
            release: head.filter(|head| !head.tables.is_empty()).map(LiveShort::of),
        };
        tracing::info!(sources = ?names(&job.chosen.sources), "the backfill is complete");
        job.clients.0.send_replace(State::Ended(Ok(done)));
    }

    /// The present one has failed; whether there was one.
    pub(super) fn fail(&mut self, failure: &Failure) -> bool {
        let Some(job) = self.current.take() else { return false };
        tracing::warn!(error = failure.message(), "the backfill failed; following goes on");
        job.clients.0.send_replace(State::Ended(Err(failure.clone())));
        true
    }

    /// Somebody has published in the middle of the present one: it is done again, over what is there now.
    pub(super) fn again(&mut self) {
        let Some(mut job) = self.current.take() else { return };
        if let State::At(snapshot) = &*job.clients.0.borrow() {
            // What was found unchanged will be found so again.
            job.before += Counts { unchanged: 0, ..snapshot.counts };
        }
        self.queue.push_front(job);
    }

    /// None can be done now. Those that wait are told so, and those that have just come.
    pub(super) fn refuse_all(&mut self, failure: &Failure) {
        for job in self.queue.drain(..) {
            job.clients.0.send_replace(State::Ended(Err(failure.clone())));
        }
        while let Some(Ok(asked)) = self.inbox.as_mut().map(mpsc::Receiver::try_recv) {
            let _ = asked.answer.send(Err(failure.clone()));
        }
    }
}

fn changes(counts: &Counts) -> bool {
    counts.indexed + counts.access + counts.deleted + counts.quarantined > 0
}

fn names(sources: &BTreeSet<SourceName>) -> Vec<&str> {
    sources.iter().map(SourceName::as_str).collect()
}

/// What a request comes to, and what its client should know; or why it can't be done.
fn admit(request: &BackfillRequest, identity: &Identity<'_>) -> Result<(Chosen, Option<String>), Failure> {
    let Identity { spec, role, fingerprint, config_hash } = identity;
    if request.pipeline != *spec.name.expose() {
        return Err(other_pipeline(request, spec));
    }
    if request.fingerprint != *fingerprint || request.config_hash != *config_hash {
        return Err(other_settings());
    }
    if let Some(source) = spec.sources.iter().find(|source| source.kind.reads_stdin()) {
        return Err(reads_stdin(source.name.as_str()));
    }
    let (mut sources, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for source in &spec.sources {
        let name = source.name.expose();
        if !request.sources.is_empty() && !request.sources.contains(name) {
            continue;
        }
        let is_shared = *role == Role::Commit && compose::is_shared(source);
        if is_shared { &mut shared } else { &mut sources }.insert(name.clone());
    }
    let by_name = !request.sources.is_empty();
    // Where nothing is to be read nothing would ever be complete. The settings are the same, so that it is no
    // client of ours that asks so.
    if sources.len() + shared.len() < request.sources.len() || sources.is_empty() && shared.is_empty() {
        return Err(other_settings());
    }
    if !shared.is_empty() && (by_name || sources.is_empty()) {
        return Err(read_by_preparers(&shared));
    }
    let note = format!("left out, for preparers read it: {}", names(&shared).join(", "));
    let (reprocess_all, allow_deletes) = (request.reprocess_all, request.allow_deletes);
    Ok((Chosen { sources, reprocess_all, allow_deletes }, (!shared.is_empty()).then_some(note)))
}

fn other_pipeline(request: &BackfillRequest, spec: &PipelineSpec) -> Failure {
    let (found, expected) = (spec.name.written(), request.pipeline.as_str());
    let message = format!("a daemon of the pipeline {found:?} writes the index, this is {expected:?}");
    Failure::new(Exit::Usage, "other_pipeline", message)
        .at(spec.index.path.written())
        .next("give index.uri another folder")
}

fn other_settings() -> Failure {
    let message = "the daemon that writes the index follows the pipeline with other settings";
    Failure::new(Exit::Usage, "other_settings", message).next(
        "start the daemon again with this pipeline file and this program, then run the same command again",
    )
}

fn reads_stdin(source: &str) -> Failure {
    let message =
        format!("the daemon reads standard input for source {source}, which a backfill would interrupt");
    Failure::new(Exit::Failed, "not_replayable", message)
        .next("wait until its input has ended, then run the same command again")
}

fn read_by_preparers(shared: &BTreeSet<SourceName>) -> Failure {
    let message =
        format!("preparers read {}, and not the committer that writes the index", names(shared).join(", "));
    Failure::new(Exit::Failed, "read_by_preparers", message)
        .next("they read all that comes by themselves; to have it read again, roll back")
}

fn too_many() -> Failure {
    Failure::new(Exit::Held, "daemon_busy", format!("{QUEUE} other backfills wait for the daemon"))
        .next("run the same command again when they have ended")
}

#[cfg(test)]
mod tests;
