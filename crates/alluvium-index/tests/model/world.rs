//! The real index, led through the steps beside the model, and compared with it after each.

mod compare;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::clock::SystemClock;
use alluvium_core::commit::{Batch, CommitError, IndexWriter};
use alluvium_core::document::Prepared;
use alluvium_core::id::{DocId, PipelineName, SourceName};
use alluvium_core::ledger::{Reason, Record, TableRole};
use alluvium_core::quarantine::{Cause, Stage};
use alluvium_core::retention::Retention;
use alluvium_index::{
    Durability, ErrorKind, Index, IndexError, Intervention, Options, QuarantineItem, Releases,
    RollbackOptions, SearchMode, Tuning, Writer, verify,
};
use arrow_array::RecordBatch;
use futures::TryStreamExt;
use jiff::Timestamp;
use lance::dataset::builder::DatasetBuilder;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::op::{DOCUMENTS, Edit, Event, EventChange, Op, PRINCIPALS, Source, points};
use super::oracle::{DEFAULT_LIST, Folder, Oracle, Row, id};
use super::source;
use crate::common::{Ask, fingerprint, sorted};

/// Records that change something and that are kept.
const KEPT: u64 = 5;

/// Why reality and the model differ.
pub type Differs = String;

pub struct World {
    folder: TempDir,
    oracle: Oracle,
    log: Vec<Event>,
    tree: Folder,
    writer: Option<Writer>,
    /// Events that were acknowledged to their source.
    acknowledged: usize,
    /// The record of a release.
    release: Option<(String, u64)>,
    /// Records below it are gone, but for the release.
    floor: u64,
    /// Whether the last process died before it could move the tags.
    died: bool,
    steps: usize,
    /// Records that were searched.
    searched: usize,
}

/// A world at rest.
struct Made {
    files: Vec<(PathBuf, Vec<u8>)>,
    oracle: Oracle,
    log: Vec<Event>,
    tree: Folder,
    acknowledged: usize,
}

/// Every file beneath a folder, by its path there.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = PathBuf::from(item.file_name());
        if item.file_type().unwrap().is_dir() {
            found.extend(files(&item.path()).into_iter().map(|(path, bytes)| (name.join(path), bytes)));
        } else {
            found.push((name, fs::read(item.path()).unwrap()));
        }
    }
    found
}

/// How a step of a process ended.
enum Outcome<T> {
    Done(T),
    Died,
}

/// Small sizes, so that little is enough to be maintained.
fn tuning() -> Tuning {
    Tuning {
        unindexed_fragments: 3,
        vacuum_records: 6,
        vacuum_most: 20,
        vector_index_rows: 8,
        session_records: 4,
        ..Tuning::DEFAULT
    }
}

/// Only the newest records are kept, and no reader's either: all readers here are quick.
fn options() -> Options {
    let retention = Retention { keep_for: Duration::ZERO, keep_last: KEPT, grace: Duration::ZERO };
    Options { durability: Durability::Process, clock: Arc::new(SystemClock), retention }
}

fn pipeline() -> PipelineName {
    PipelineName::new("handbook").unwrap()
}

fn partition() -> (SourceName, String) {
    (SourceName::new("events").unwrap(), "0".to_owned())
}

async fn open(root: &Path) -> Writer {
    let writer = Writer::open(root, &pipeline(), &fingerprint("model-a"), options()).await.unwrap();
    writer.tuned(tuning())
}

async fn intervention(root: &Path) -> Result<Intervention, IndexError> {
    Intervention::open(root, &pipeline(), options()).await
}

impl World {
    /// Nothing: no index, no events, no files.
    pub fn bare() -> Self {
        // In memory where there is such a place: nothing here is about what a disk does.
        let shared = Path::new("/dev/shm");
        let place = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        Self {
            folder: TempDir::new_in(place).unwrap(),
            oracle: Oracle::default(),
            log: Vec::new(),
            tree: Folder::new(),
            writer: None,
            acknowledged: 0,
            release: None,
            floor: 0,
            died: false,
            steps: 0,
            searched: 0,
        }
    }

    /// An index that holds every document. It is made once and copied; its files are kept in memory, since
    /// nobody takes away the folder of what lives as long as the process.
    pub async fn settled() -> Self {
        static MADE: OnceCell<Made> = OnceCell::const_new();
        let made = MADE.get_or_init(|| async {
            let mut world = Self::bare();
            for document in 0..DOCUMENTS {
                let change = EventChange::Upsert { text: document, list: Some(document) };
                world.log.push(Event { document, version: 2, change });
                world.edit(&Edit::Write { document, text: document });
            }
            world.ingest(usize::MAX / 2).await.unwrap();
            world.scan().await.unwrap();
            world.compare().await.unwrap();
            world.writer = None;
            Made {
                files: files(world.root()),
                oracle: world.oracle,
                log: world.log,
                tree: world.tree,
                acknowledged: world.acknowledged,
            }
        });
        let made = made.await;
        let world = Self {
            oracle: made.oracle.clone(),
            log: made.log.clone(),
            tree: made.tree.clone(),
            acknowledged: made.acknowledged,
            ..Self::bare()
        };
        for (path, bytes) in &made.files {
            let place = world.root().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, bytes).unwrap();
        }
        world
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    pub async fn step(&mut self, op: &Op) -> Result<(), Differs> {
        self.steps += 1;
        match op {
            Op::Die { point, nth, during } => {
                let point = points()[*point];
                fail::cfg(point, &format!("{nth}*off->panic")).unwrap();
                let result = Box::pin(self.act(during)).await;
                fail::remove(point);
                result?;
            }
            op => Box::pin(self.act(op)).await?,
        }
        self.compare().await
    }

    async fn act(&mut self, op: &Op) -> Result<(), Differs> {
        match op {
            Op::Events { new, ingest, careless } => {
                self.log.extend(new.iter().cloned());
                if *careless {
                    self.commit_without_looking().await?;
                }
                self.ingest(*ingest).await
            }
            Op::Files { edits, scan } => {
                edits.iter().for_each(|edit| self.edit(edit));
                if *scan { self.scan().await } else { Ok(()) }
            }
            Op::Erase { source, document } => self.erase(&id(*source, *document)).await,
            Op::Unerase { source, document } => self.unerase(&id(*source, *document)).await,
            Op::Maintain => self.maintain().await,
            Op::Restart => {
                self.writer = None;
                Ok(())
            }
            Op::Release => self.name_release().await,
            Op::DropRelease => self.drop_release().await,
            Op::Rollback { back, restore_deleted, keep_offsets, pause } => {
                self.roll_back(*back, *restore_deleted, *keep_offsets, *pause).await
            }
            Op::Resume => self.resume().await,
            Op::Retry => self.retry().await,
            Op::Drop { source, document } => self.drop_item(&id(*source, *document)).await,
            Op::Die { .. } => Ok(()),
        }
    }

    /// The writer of the process, which follows what others published.
    async fn writer(&mut self) -> Writer {
        match self.writer.take() {
            None => open(self.root()).await,
            Some(mut writer) => {
                if writer.superseded().await.unwrap() {
                    writer.renew().await.unwrap();
                }
                writer
            }
        }
    }

    /// Lets the process do something that it may die of. `reason` is that of the record which makes it so.
    async fn process<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
        reason: Reason,
    ) -> (Outcome<T>, Option<u64>) {
        let before = self.head().await.map_or(0, |head| head.seq);
        let ended = tokio::spawn(work).await;
        let record = self.record_since(before, reason).await;
        let outcome = match ended {
            Ok(result) => {
                self.died &= record.is_none();
                Outcome::Done(result)
            }
            Err(died) => {
                let payload = died.into_panic();
                let text = payload.downcast_ref::<String>().map_or("?", String::as_str);
                assert!(text.starts_with("failpoint "), "{text}");
                self.died = true;
                Outcome::Died
            }
        };
        (outcome, record)
    }

    /// The newest records, the newest first. None of them is opened.
    async fn newest(&self, most: usize) -> Vec<Record> {
        if !self.root().join("ledger").is_dir() {
            return vec![];
        }
        Releases::open(self.root()).unwrap().history(most).await.unwrap()
    }

    async fn head(&self) -> Option<Record> {
        self.newest(1).await.into_iter().find(|record| !record.tables.is_empty())
    }

    /// The record with that reason that was published after another. One process publishes few.
    async fn record_since(&self, before: u64, reason: Reason) -> Option<u64> {
        let newest = self.newest(8).await;
        newest.iter().find(|r| r.seq > before && r.reason == reason).map(|r| r.seq)
    }

    /// A commit; gives whether it is in the ledger now.
    async fn commit(
        &mut self,
        changes: Vec<Prepared>,
        deltas: Vec<CheckpointDelta>,
    ) -> Result<bool, Differs> {
        if changes.is_empty() && deltas.is_empty() {
            return Ok(true);
        }
        let mut writer = self.writer().await;
        let work = async move {
            let result = writer.commit(Batch { changes, deltas }).await;
            (writer, result)
        };
        let (outcome, record) = self.process(work, Reason::Commit).await;
        match outcome {
            Outcome::Died => Ok(record.is_some()),
            Outcome::Done((writer, result)) => {
                self.writer = Some(writer);
                match result {
                    Ok(_) => Ok(true),
                    Err(CommitError::Paused(_)) if self.oracle.paused && record.is_none() => Ok(false),
                    Err(e) => Err(format!("a commit failed: {e}")),
                }
            }
        }
    }

    /// A writer that doesn't look must be fenced where somebody has published since.
    async fn commit_without_looking(&mut self) -> Result<(), Differs> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if !writer.superseded().await.unwrap() || writer.head().is_some_and(|head| head.paused) {
            return Ok(());
        }
        let intruder = Event {
            document: 0,
            version: 1_000,
            change: EventChange::Upsert { text: 0, list: Some(DEFAULT_LIST) },
        };
        let batch = Batch { changes: vec![source::event(&intruder, 0)], deltas: vec![] };
        match writer.commit(batch).await {
            Err(CommitError::Fenced(_)) => Ok(()),
            other => Err(format!("a writer that was superseded committed: {other:?}")),
        }
    }

    async fn ingest(&mut self, most: usize) -> Result<(), Differs> {
        let from = self.oracle.position;
        let to = self.log.len().min(from.saturating_add(most));
        if from == to {
            return Ok(());
        }
        let events = self.log[from..to].to_vec();
        let changes = events.iter().enumerate().map(|(i, e)| source::event(e, from + i)).collect();
        let (source, partition) = partition();
        let after = from.checked_sub(1).map(|p| p as u64);
        let delta = CheckpointDelta { source, partition, after, through: to as u64 - 1, watermark: None };
        if self.commit(changes, vec![delta]).await? {
            events.iter().for_each(|event| self.oracle.event(event));
            if self.writer.is_some() {
                self.acknowledged = to;
            }
        }
        Ok(())
    }

    /// What a person wants again is read from where it stands in the log. Files are looked at by the next
    /// scan.
    async fn read_again(&mut self) -> Result<(), Differs> {
        let Some(index) = Index::open(self.root()).await.unwrap() else { return Ok(()) };
        let wanted = index.wanted_again(&partition().0).await.unwrap();
        let at: BTreeSet<usize> = wanted.iter().map(|item| item.position.parse().unwrap()).collect();
        let events: Vec<Event> = at.iter().map(|at| source::mended(&self.log[*at])).collect();
        let changes = at.into_iter().zip(&events).map(|(at, event)| source::event(event, at)).collect();
        if self.commit(changes, vec![]).await? {
            events.iter().for_each(|event| self.oracle.take(event));
        }
        Ok(())
    }

    fn edit(&mut self, edit: &Edit) {
        let file = |document: u8| id(Source::Files, document);
        match edit {
            Edit::Write { document, text } => {
                self.tree.entry(file(*document)).or_insert((*text, DEFAULT_LIST)).0 = *text;
            }
            Edit::List { document, list } => {
                self.tree.entry(file(*document)).and_modify(|file| file.1 = *list);
            }
            Edit::Remove { document } => drop(self.tree.remove(&file(*document))),
            Edit::Rename { from, to } => {
                if let Some(moved) = self.tree.remove(&file(*from)) {
                    self.tree.insert(file(*to), moved);
                }
            }
        }
    }

    async fn scan(&mut self) -> Result<(), Differs> {
        let source = SourceName::new("files").unwrap();
        let known = match Index::open(self.root()).await.unwrap() {
            Some(index) => index.known(&source).await.unwrap(),
            None => Default::default(),
        };
        let changes = source::scan(&self.tree, &known);
        if self.commit(changes, vec![]).await? && !self.oracle.paused {
            self.oracle.scan(&self.tree);
        }
        Ok(())
    }

    /// A person's intervention, in a process of its own; gives the record that it published.
    async fn intervene<T, F>(
        &mut self,
        reason: Reason,
        work: impl FnOnce(Intervention) -> F,
    ) -> Result<(Option<Result<T, IndexError>>, Option<u64>), Differs>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, IndexError>> + Send + 'static,
    {
        match intervention(self.root()).await {
            Err(e) if e.kind() == ErrorKind::NotFound && self.head().await.is_none() => Ok((None, None)),
            Err(e) => Err(format!("an intervention can't open the index: {e}")),
            Ok(intervention) => {
                let work = work(intervention);
                let (outcome, record) = self.process(work, reason).await;
                Ok(match outcome {
                    Outcome::Done(result) => (Some(result), record),
                    Outcome::Died => (None, record),
                })
            }
        }
    }

    async fn erase(&mut self, id: &str) -> Result<(), Differs> {
        let document = DocId::parse(id).unwrap();
        let erase = |mut i: Intervention| async move { i.erase(&document).await };
        let (result, record) = self.intervene(Reason::Erase, erase).await?;
        let may = self.oracle.can_erase(id);
        agree("erase", may, &result)?;
        if let Some(seq) = record {
            self.oracle.erase(id, seq);
        }
        Ok(())
    }

    async fn unerase(&mut self, id: &str) -> Result<(), Differs> {
        let document = DocId::parse(id).unwrap();
        let unerase = |mut i: Intervention| async move { i.unerase(&document).await };
        let (result, record) = self.intervene(Reason::Unerase, unerase).await?;
        agree("unerase", self.oracle.can_unerase(id), &result)?;
        if record.is_some() {
            self.oracle.unerase(id);
        }
        Ok(())
    }

    async fn maintain(&mut self) -> Result<(), Differs> {
        let mut writer = self.writer().await;
        let work = async move {
            writer.maintain().await.unwrap();
            writer
        };
        if let (Outcome::Done(writer), _) = self.process(work, Reason::Maintenance).await {
            self.writer = Some(writer);
        }
        Ok(())
    }

    async fn name_release(&mut self) -> Result<(), Differs> {
        if let (Some(head), None) = (self.head().await, &self.release) {
            let name = format!("release-{}", self.steps);
            let releases = Releases::open(self.root()).unwrap();
            releases.create(&name, head.seq, Timestamp::now()).await.unwrap();
            self.release = Some((name, head.seq));
        }
        Ok(())
    }

    async fn drop_release(&mut self) -> Result<(), Differs> {
        if let Some((name, _)) = self.release.take() {
            Releases::open(self.root()).unwrap().drop(&name).await.unwrap();
        }
        Ok(())
    }

    async fn roll_back(
        &mut self,
        back: usize,
        restore_deleted: bool,
        keep_offsets: bool,
        pause: bool,
    ) -> Result<(), Differs> {
        let head = self.head().await.map(|head| head.seq);
        let Some(to) = self.oracle.records().into_iter().filter(|seq| Some(*seq) != head).nth(back - 1)
        else {
            return Ok(());
        };
        let options = RollbackOptions { to, restore_deleted, keep_offsets, pause };
        let work = |mut i: Intervention| async move { i.rollback(&options).await };
        let (result, record) = self.intervene(Reason::Rollback, work).await?;
        agree("rollback", self.is_kept(to), &result)?;
        if record.is_some() {
            self.oracle.roll_back(to, restore_deleted, keep_offsets, pause);
            self.acknowledged = self.acknowledged.min(self.oracle.position);
        }
        Ok(())
    }

    /// Whether a vacuum has left a record alone.
    fn is_kept(&self, seq: u64) -> bool {
        seq >= self.floor || self.release.as_ref().is_some_and(|(_, released)| *released == seq)
    }

    async fn resume(&mut self) -> Result<(), Differs> {
        let (result, record) =
            self.intervene(Reason::Resume, |mut i: Intervention| async move { i.resume().await }).await?;
        if let Some(Ok(resumed)) = &result
            && resumed.is_some() != self.oracle.paused
        {
            return Err(format!("resume gives {resumed:?}, paused is {}", self.oracle.paused));
        }
        if record.is_some() {
            self.oracle.paused = false;
        }
        Ok(())
    }

    async fn retry(&mut self) -> Result<(), Differs> {
        let retry = |mut i: Intervention| async move { i.retry(None).await };
        let (result, record) = self.intervene(Reason::Quarantine, retry).await?;
        agree("retry", true, &result)?;
        if record.is_some() {
            self.oracle.retry();
        }
        if self.oracle.paused { Ok(()) } else { self.read_again().await }
    }

    /// The first item of a document's content, if any waits.
    async fn drop_item(&mut self, id: &str) -> Result<(), Differs> {
        let index = Index::open(self.root()).await.unwrap();
        let waiting = match &index {
            Some(index) => index.quarantine().await.unwrap(),
            None => vec![],
        };
        let is_its = |item: &QuarantineItem| item.doc_id == id && item.stage != Stage::Access.to_string();
        let item = waiting.into_iter().find(is_its);
        let kept = [Cause::RolledBack, Cause::VersionConflict].map(|cause| cause.to_string());
        let refused = item.as_ref().filter(|item| !kept.contains(&item.cause));
        let refused = refused.map(|item| self.log[item.position.parse::<usize>().unwrap()].version);
        let item = item.map(|item| item.id);
        let may = item.is_some();
        let item = item.unwrap_or_else(|| "none".to_owned());
        let drop = |mut i: Intervention| async move { i.drop_item(&item).await };
        let (result, record) = self.intervene(Reason::Quarantine, drop).await?;
        agree("drop", may, &result)?;
        if record.is_some() {
            self.oracle.do_without(id, refused);
        }
        Ok(())
    }

    /// In the end all that waits is taken, and the index is what the sources say.
    pub async fn end(&mut self) -> Result<(), Differs> {
        if self.oracle.paused {
            self.resume().await?;
        }
        for document in 0..DOCUMENTS {
            for source in [Source::Events, Source::Files] {
                if self.oracle.can_unerase(&id(source, document)) && document == 0 {
                    self.unerase(&id(source, document)).await?;
                }
            }
        }
        self.read_again().await?;
        self.ingest(usize::MAX / 2).await?;
        self.scan().await?;
        self.steps += 1;
        self.compare().await?;
        self.verify().await
    }
}

/// What a person may do succeeds, and nothing else.
fn agree<T>(what: &str, may: bool, result: &Option<Result<T, IndexError>>) -> Result<(), Differs> {
    match result {
        None => Ok(()),
        Some(Ok(_)) if may => Ok(()),
        Some(Err(e)) if !may && matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Erased) => Ok(()),
        Some(Ok(_)) => Err(format!("{what} succeeded")),
        Some(Err(e)) => Err(format!("{what} failed: {e}")),
    }
}
