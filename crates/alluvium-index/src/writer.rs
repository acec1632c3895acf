//! The committer: one per index, claimed at its first write.
//!
//! A commit builds on the tables of its own last record, never on "latest", and its steps come in this
//! order: chunks, documents, policy, quarantine, sync, ledger, tags. Readers see it with the ledger record
//! and not before; a crash anywhere leaves them on the record before, and the next claim discards the
//! rest.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, RwLock};

use alluvium_core::checkpoint::Checkpoint;
use alluvium_core::clock::Clock;
use alluvium_core::commit::{Batch, CommitError, Committed, IndexWriter, Publish, VectorLookup};
use alluvium_core::document::Prepared;
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::fold::fold;
use alluvium_core::id::{Generation, PipelineName};
use alluvium_core::ledger::{Reason, Record, Writer as WriterId};
use alluvium_core::retention::Retention;
use async_trait::async_trait;
use fail::fail_point;
use lance::session::Session;
use uuid::Uuid;

use crate::claim::{Claim, check_owner};
use crate::error::{IndexError, Result};
use crate::fault::Fault;
use crate::guarded::facts;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::located::Located;
use crate::lock::Lock;
use crate::lookup::Lookup;
use crate::maintain::Training;
use crate::plan::{self, Context, Plan};
use crate::reader::Index;
use crate::storage::{self, Durability};
use crate::tables::Tables;
use crate::tuning::Tuning;
use maintenance::Patience;

mod apply;
mod erase;
mod fence;
mod maintenance;
mod quarantine;
mod rollback;
mod tags;
mod upkeep;
mod vacuum;

pub use rollback::{Rollback, RollbackOptions, RollbackPlan};
pub use upkeep::{Upkeep, UpkeepReport, UpkeepTable, UpkeepTask, Work};

/// How a writer works.
#[derive(Clone)]
pub struct Options {
    /// What a publish survives.
    pub durability: Durability,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What of the past a vacuum keeps. Interventions don't vacuum.
    pub retention: Retention,
}

/// The committer of an index. It holds the lock for as long as it lives.
pub struct Writer {
    layout: Layout,
    ledger: Ledger,
    session: Arc<Session>,
    /// The record at which the session was new.
    session_since: u64,
    id: WriterId,
    pipeline: PipelineName,
    fingerprint: GenerationFingerprint,
    generation: Generation,
    options: Options,
    tuning: Tuning,
    head: Option<Record>,
    claimed: bool,
    /// A vector index that is being built beside the commits since the last claim.
    training: Option<Training>,
    /// The record at which it was last looked whether a vacuum is due.
    vacuum_looked: u64,
    /// The tables of `head`; shared with look-ups, which follow every publish.
    tables: Arc<RwLock<Option<Tables>>>,
    hold: Hold,
}

/// The lock that a writer lives under.
enum Hold {
    /// The writer's own: one committer an index.
    Writer { _lock: Lock },
    /// The turn, for one intervention of a person: it fences whoever writes.
    Turn { _lock: Lock },
}

/// What a record says beyond the versions of its tables.
struct Draft {
    reason: Reason,
    checkpoint: Checkpoint,
    paused: bool,
    rolled_back_to: Option<u64>,
    /// The floor never falls: that of the record before, if that is higher.
    floor: u64,
}

impl Draft {
    /// A record over `head` that changes nothing but its tables.
    fn over(head: &Record, reason: Reason) -> Self {
        let (checkpoint, paused, floor) = (head.checkpoint.clone(), head.paused, head.floor);
        Self { reason, checkpoint, paused, rolled_back_to: None, floor }
    }
}

impl Writer {
    /// Takes the lock and reads the head. Nothing is written before the first commit.
    pub async fn open(
        root: &Path,
        pipeline: &PipelineName,
        fingerprint: &GenerationFingerprint,
        options: Options,
    ) -> Result<Self> {
        let layout = Layout::new(root);
        let lock = Lock::take(&layout, &host(), options.clock.now())?;
        Self::start(layout, pipeline, fingerprint, options, Hold::Writer { _lock: lock }).await
    }

    /// A writer for one intervention of a person, beside whoever else writes: its claim fences them, and
    /// the turn keeps them from claiming back before it is dropped. The index must be there.
    pub(crate) async fn intervene(root: &Path, pipeline: &PipelineName, options: Options) -> Result<Self> {
        let layout = Layout::new(root);
        if !layout.has_ledger()? {
            return Err(no_index(root));
        }
        let lock = Lock::turn(&layout, &host(), &*options.clock).await?;
        let fingerprint = live_fingerprint(&layout).await?;
        Self::start(layout, pipeline, &fingerprint, options, Hold::Turn { _lock: lock }).await
    }

    /// The writer of an index as it is, whatever its model. The index must be there.
    async fn keep(root: &Path, pipeline: &PipelineName, options: Options) -> Result<Self> {
        let layout = Layout::new(root);
        if !layout.has_ledger()? {
            return Err(no_index(root));
        }
        let lock = Lock::take(&layout, &host(), options.clock.now())?;
        let fingerprint = live_fingerprint(&layout).await?;
        Self::start(layout, pipeline, &fingerprint, options, Hold::Writer { _lock: lock }).await
    }

    async fn start(
        layout: Layout,
        pipeline: &PipelineName,
        fingerprint: &GenerationFingerprint,
        options: Options,
        hold: Hold,
    ) -> Result<Self> {
        let ledger = Ledger::open_durable(&layout, options.durability)?;
        let generation = fingerprint.generation().map_err(|e| IndexError::Storage {
            action: "naming the generation".to_owned(),
            message: e.to_string(),
        })?;
        let session = storage::session(layout.root());
        let mut writer = Self {
            layout,
            ledger,
            session,
            session_since: 0,
            id: WriterId {
                nonce: String::new(),
                host: host(),
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            pipeline: pipeline.clone(),
            fingerprint: fingerprint.clone(),
            generation,
            options,
            tuning: Tuning::default(),
            head: None,
            claimed: false,
            training: None,
            vacuum_looked: 0,
            tables: Arc::default(),
            hold,
        };
        writer.renew().await?;
        Ok(writer)
    }

    /// Starts over from the newest record, whoever wrote it: unclaimed, and as a writer with another
    /// nonce, so that nothing of before is taken for one's own.
    pub async fn renew(&mut self) -> Result<()> {
        self.claimed = false;
        self.id.nonce = Uuid::new_v4().to_string();
        let head = self.ledger.head().await?;
        self.refuse_shrunk(head.as_ref())?;
        let mut tables = None;
        if let Some(head) = &head {
            check_owner(&self.layout, head, &self.pipeline, &self.fingerprint, &self.generation)?;
            if !head.tables.is_empty() {
                tables = Some(Tables::open(&self.layout, head, &self.session).await?);
            }
        }
        *self.tables.write().unwrap_or_else(std::sync::PoisonError::into_inner) = tables;
        self.head = head;
        self.tag_head().await;
        Ok(())
    }

    /// The same writer with other sizes.
    pub fn tuned(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// The newest record; `None` before the first publish.
    pub fn head(&self) -> Option<&Record> {
        self.head.as_ref()
    }

    /// Look-ups that follow this writer's publishes.
    pub fn lookup(&self) -> Arc<dyn VectorLookup> {
        Arc::new(Lookup::new(self.tables.clone()))
    }

    /// A reader at this writer's newest record; `None` before the first publish.
    pub fn index(&self) -> Option<Index> {
        let head = self.head.clone()?;
        Some(Index::new(head, self.tables()?))
    }

    fn tables(&self) -> Option<Tables> {
        self.tables.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn set_tables(&self, tables: Tables) {
        *self.tables.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(tables);
    }

    /// The record and tables to build on, claimed.
    async fn claimed(&mut self) -> Result<(Record, Tables)> {
        if self.claimed
            && let (Some(head), Some(tables)) = (self.head.clone(), self.tables())
        {
            return Ok((head, tables));
        }
        let _turn = match &self.hold {
            Hold::Writer { .. } => Some(Lock::turn(&self.layout, &self.id.host, &*self.options.clock).await?),
            Hold::Turn { .. } => None,
        };
        self.refresh_head().await?;
        let claim = Claim {
            layout: &self.layout,
            ledger: &self.ledger,
            session: &self.session,
            writer: &self.id,
            pipeline: &self.pipeline,
            fingerprint: &self.fingerprint,
            generation: &self.generation,
            durability: self.options.durability,
            now: self.options.clock.now(),
        };
        // A restore parts what is being built from the table that it is for.
        self.training = None;
        let (record, tables) = claim.run(self.head.as_ref()).await?;
        self.head = Some(record.clone());
        self.set_tables(tables.clone());
        self.claimed = true;
        self.tag_head().await;
        Ok((record, tables))
    }

    /// The head may have moved: by our own publish whose answer was lost, or by somebody who fenced us.
    async fn refresh_head(&mut self) -> Result<()> {
        let found = self.ledger.head().await?;
        let known = self.head.as_ref().map_or(0, |h| h.seq);
        self.refuse_shrunk(found.as_ref())?;
        if let Some(other) = found.as_ref().filter(|f| f.seq > known && f.writer.nonce != self.id.nonce) {
            return Err(IndexError::fenced_by(&self.ledger.epoch_start(other.clone(), known).await?));
        }
        self.head = found;
        Ok(())
    }

    /// A ledger never gets shorter. One that did is another one, such as the empty folder beneath a mount
    /// that is gone, and building on it would make a second index.
    fn refuse_shrunk(&self, found: Option<&Record>) -> Result<()> {
        match &self.head {
            Some(head) if found.is_none_or(|found| found.seq < head.seq) => Err(IndexError::Storage {
                action: format!("reading the ledger of {}", self.layout.root().display()),
                message: format!("record {} was there and is not any more; is the volume mounted?", head.seq),
            }),
            _ => Ok(()),
        }
    }

    async fn plan(&self, batch: Vec<Prepared>) -> Result<(Plan, Located)> {
        let folded = fold(if Fault::FoldTakesTheLast.is_on() { only_the_last(batch) } else { batch });
        let ids: Vec<&str> = folded.changes.iter().map(|c| c.doc_id.as_str()).collect();
        let (facts, located) = match self.tables() {
            Some(tables) if !ids.is_empty() => facts(&tables, &ids).await?,
            _ => Default::default(),
        };
        Ok((plan::plan(folded, &facts, &self.context())?, located))
    }

    /// The sequence number is that of the record that will publish the plan.
    fn context(&self) -> Context {
        let head = self.head.as_ref().map_or(0, |h| h.seq);
        let model = &self.fingerprint.model;
        Context {
            seq: head + 1,
            now: crate::rows::micros(self.options.clock.now()),
            pipeline: self.pipeline.to_string(),
            model: format!("{}@{}", model.name, model.revision),
        }
    }

    async fn try_commit(&mut self, batch: Batch) -> Result<Committed> {
        let Batch { changes, deltas } = batch;
        let has_progress = !deltas.is_empty();
        if !self.claimed {
            // What changes nothing claims nothing.
            let (plan, _) = self.plan(changes.clone()).await?;
            if plan.is_empty() && !has_progress {
                return Ok(Committed { counts: plan.counts, published: None });
            }
            self.refuse_paused()?;
            self.claimed().await?;
        }
        // Over what is claimed, which may be a publish of one's own whose answer was lost.
        let (mut plan, located) = self.plan(changes).await?;
        if plan.is_empty() && !has_progress {
            return Ok(Committed { counts: plan.counts, published: None });
        }
        self.refuse_paused()?;
        let (head, mut tables) = self.claimed().await?;
        let counts = std::mem::take(&mut plan.counts);
        apply::apply(&mut tables, plan, &located, self.fingerprint.model.dimension).await?;
        let deltas = if Fault::RecordForgetsProgress.is_on() { Vec::new() } else { deltas };
        let checkpoint = head.checkpoint.believed_at(self.options.clock.now()).apply(&deltas)?;
        let draft = Draft { checkpoint, ..Draft::over(&head, Reason::Commit) };
        let published = self.publish(&head, tables, draft).await?;
        Ok(Committed { counts, published: Some(published) })
    }

    /// Refuses while a person has paused ingestion.
    pub fn refuse_paused(&self) -> Result<()> {
        match &self.head {
            Some(head) if head.paused => Err(IndexError::Paused {
                root: self.layout.root().display().to_string(),
                seq: head.seq,
                since: head.created_at,
            }),
            _ => Ok(()),
        }
    }

    /// Makes the new table versions durable, names them in a record that is durable too, moves the tags.
    async fn publish(&mut self, head: &Record, tables: Tables, draft: Draft) -> Result<Publish> {
        let record = Record {
            seq: head.seq + 1,
            reason: draft.reason,
            created_at: self.options.clock.now(),
            tables: tables.versions(&self.generation),
            checkpoint: draft.checkpoint,
            paused: draft.paused,
            rolled_back_to: draft.rolled_back_to,
            floor: draft.floor.max(head.floor),
            ..head.clone()
        };
        storage::sync(self.layout.root(), self.options.durability).await?;
        fail_point!("commit::before-record");
        if !Fault::AcknowledgesBeforeRecord.is_on() {
            self.ledger.put(&record).await?;
        }
        fail_point!("commit::after-record");
        let published = Publish { seq: record.seq, generation: self.generation.clone() };
        self.head = Some(record);
        self.set_tables(tables);
        self.tag_head().await;
        fail_point!("commit::after-tags");
        Ok(published)
    }
}

/// What tests seed instead of folding.
fn only_the_last(batch: Vec<Prepared>) -> Vec<Prepared> {
    let by_id = batch.into_iter().map(|change| (change.doc_id.as_str().to_owned(), change));
    by_id.collect::<HashMap<_, _>>().into_values().collect()
}

fn no_index(root: &Path) -> IndexError {
    IndexError::NotFound(format!("there is no index at {}", root.display()))
}

async fn live_fingerprint(layout: &Layout) -> Result<GenerationFingerprint> {
    let head = Ledger::open(layout)?.head().await?.filter(|head| !head.tables.is_empty());
    Ok(head.ok_or_else(|| no_index(layout.root()))?.fingerprint)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[async_trait]
impl IndexWriter for Writer {
    async fn commit(&mut self, batch: Batch) -> std::result::Result<Committed, CommitError> {
        // Progress that does not fit is refused before anything is written.
        let checkpoint = self.head.as_ref().map(|h| h.checkpoint.clone()).unwrap_or_default();
        checkpoint.apply(&batch.deltas).map_err(IndexError::from)?;
        let committed = self.commit_undisturbed(batch).await?;
        if committed.published.is_some() {
            self.maintain_undisturbed(Patience::Bounded).await?;
        }
        Ok(committed)
    }

    async fn maintain(&mut self) -> std::result::Result<(), CommitError> {
        Ok(self.maintain_undisturbed(Patience::UntilTrained).await?)
    }

    async fn tend(&mut self) -> std::result::Result<(), CommitError> {
        Ok(self.tend_undisturbed().await?)
    }

    async fn superseded(&self) -> std::result::Result<bool, CommitError> {
        let next = self.head.as_ref().map_or(0, |h| h.seq) + 1;
        Ok(self.ledger.holds(next).await?)
    }
}
