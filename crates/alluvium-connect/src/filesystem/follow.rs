//! A folder that is followed: a scan of the whole tree first, then of the parts that change, and of the
//! whole again at intervals.
//!
//! Invariants:
//! - A folder is watched before it is listed ([`watch`](super::watch)), so nothing falls between a scan
//!   and the events after it.
//! - What was said is known from then on, though the index lags behind: a document that is gone again
//!   before it was indexed is deleted.
//! - Only complete scans of the whole tree are progress.
//! - A scan of many files holds up no file that is saved meanwhile: such files are looked at ahead, a few
//!   between two of its batches, or while there is no room for those. They are left to the next scan all the
//!   same, which sees what is gone.
//! - Dropping [`Source::next`] loses nothing, whatever it was doing.
//!
//! A link is looked at when its target changes, as far as the last scan knew that it leads there; one
//! that led nowhere, or that leads through another link, waits for the scan of the whole tree.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alluvium_core::change::ContentChange;
use alluvium_core::clock::Clock;
use alluvium_core::document::KnownDocument;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Room, Source, SourceBatch, SourceError};
use async_trait::async_trait;
use tokio::time::Instant;

use super::dirty::{Lost, PATIENCE};
use super::listing::Kind;
use super::misnamed::Base;
use super::root::Root;
use super::scan::Scan;
use super::scope::Scope;
use super::sidecar::SUFFIX;
use super::tree::Tree;
use super::watch::{Heard, Watch};
use super::{FilesystemSpec, Reprocess};
use crate::offload::Offloaded;

/// Many deletions wait so many times `settle` for others.
const CONFIRM: u32 = 3;

/// Files that are looked at ahead of a scan in one batch, and those of a part that is no backlog.
const FEW: usize = 16;

/// How a folder is followed.
#[derive(Debug, Clone, Copy)]
pub struct FollowSettings {
    /// How long after a scan of the whole tree the next one begins; it finds what went unheard.
    pub reconcile_interval: Duration,
    /// How long a path must be left alone before it is looked at.
    pub settle: Duration,
}

/// A folder that is followed.
pub struct FilesystemFollow {
    name: SourceName,
    settings: FollowSettings,
    pub(super) heard: Arc<Heard>,
    work: Offloaded<Work, Result<Told, SourceError>>,
    /// Whether the present scan goes on.
    scanning: bool,
    /// Whether the last batch was one of files ahead of the scan: the scan has the next turn.
    was_ahead: bool,
    /// When the last scan of the whole tree ended; `None` asks for one at once.
    reconciled: Option<Instant>,
    expected: Option<u64>,
    /// When deletions that are held are looked at again.
    confirm_at: Option<Instant>,
}

/// What blocking threads work with.
struct Work {
    tree: Tree,
    scan: Option<Scan>,
    heard: Arc<Heard>,
    settings: FollowSettings,
    /// Whether the present scan is of a few paths only.
    few: bool,
    /// How many deletions the brake withheld when it was last reported; 0 when it is off.
    braked: u64,
    /// When documents were last found to be gone.
    deleted_at: Option<Instant>,
    /// Whether it was said that watching is impossible.
    warned: bool,
}

/// What one piece of blocking work came to.
struct Told {
    batch: Option<SourceBatch>,
    /// What the scan was, if it has ended.
    ended: Option<Covered>,
    expected: Option<u64>,
    /// Whether deletions wait for another look.
    holding: bool,
    /// Whether it was a look ahead of the scan, which is where it was.
    is_ahead: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Covered {
    Whole,
    Part,
}

/// What is to be done now.
enum Due {
    Continue,
    Whole,
    Part(Vec<PathBuf>, HashSet<PathBuf>),
    /// Files that are looked at ahead of the scan.
    Ahead(Vec<PathBuf>),
    Wait(Instant),
}

impl FilesystemFollow {
    /// Prepares to follow; nothing is read or watched yet. The arguments are those of
    /// [`FilesystemSource::scan`](super::FilesystemSource::scan). What this source has said counts as
    /// known for it; make a new one from the index whenever the index may not have taken it.
    pub fn new(
        spec: FilesystemSpec,
        known: HashMap<String, KnownDocument>,
        pipeline_fingerprint: Sha256,
        checkpoint_position: Option<u64>,
        clock: Arc<dyn Clock>,
        settings: FollowSettings,
    ) -> Result<Self, SourceError> {
        let name = spec.name.clone();
        let reprocess = Reprocess::Changed;
        let tree = Tree::new(spec, known, pipeline_fingerprint, reprocess, checkpoint_position, clock)?;
        let heard = Arc::new(Heard::default());
        let work = Work {
            tree,
            scan: None,
            heard: Arc::clone(&heard),
            settings,
            few: false,
            braked: 0,
            deleted_at: None,
            warned: false,
        };
        let work = Offloaded::new(work);
        let (reconciled, expected, confirm_at) = (None, None, None);
        let (scanning, was_ahead) = (false, false);
        Ok(Self { name, settings, heard, work, scanning, was_ahead, reconciled, expected, confirm_at })
    }

    fn due(&self) -> Due {
        let FollowSettings { reconcile_interval, settle } = self.settings;
        let now = Instant::now();
        if self.work.is_running() {
            return Due::Continue;
        }
        if self.scanning {
            let paths = if self.was_ahead { vec![] } else { self.heard.dirty().ahead(settle, now, FEW) };
            return if paths.is_empty() { Due::Continue } else { Due::Ahead(paths) };
        }
        let mut dirty = self.heard.dirty();
        let Some(reconciled) = self.reconciled else { return Due::Whole };
        // Losing track again and again must not mean scanning without end.
        let pause = if dirty.lost().is_some() { settle * PATIENCE } else { reconcile_interval };
        let whole_at = reconciled + pause.min(reconcile_interval);
        if whole_at <= now {
            return Due::Whole;
        }
        let ripe = dirty.take_ripe(settle, now);
        if ripe.is_empty() && self.confirm_at.is_none_or(|at| at > now) {
            let next = [Some(whole_at), dirty.ripe_at(settle), self.confirm_at].into_iter().flatten().min();
            return Due::Wait(next.unwrap_or(whole_at));
        }
        Due::Part(ripe, dirty.paths())
    }

    async fn work(&mut self, due: Due, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        let unavailable =
            |message: String| SourceError::Unavailable { source_name: self.name.to_string(), message };
        self.was_ahead = matches!(due, Due::Ahead(_));
        // If the future is dropped, the scan that it began goes on with the next call.
        self.scanning |= !self.was_ahead;
        let told = self.work.run(move |work| work.step(due, room)).await;
        let told = told.map_err(|e| unavailable(format!("the scan died: {e}")))?;
        let told = told.ok_or_else(|| unavailable("the scan died".to_owned()))?.inspect_err(|_| {
            self.scanning = false;
            self.reconciled = None;
        })?;
        self.expected = told.expected.or(self.expected);
        if told.is_ahead {
            return Ok(told.batch);
        }
        self.scanning = told.ended.is_none();
        if told.ended.is_some() {
            let confirm = self.settings.settle * CONFIRM;
            self.confirm_at = told.holding.then(|| Instant::now() + confirm);
        }
        if told.ended == Some(Covered::Whole) {
            self.reconciled = Some(Instant::now());
        }
        Ok(told.batch)
    }
}

#[async_trait]
impl Source for FilesystemFollow {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        loop {
            match self.due() {
                Due::Wait(until) => {
                    // Either may be dropped: the news stays with `heard`, and `due` looks there again.
                    tokio::select! {
                        () = self.heard.news.notified() => {}
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
                due => {
                    if let Some(batch) = self.work(due, room).await? {
                        return Ok(Some(batch));
                    }
                }
            }
        }
    }

    async fn next_live(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        loop {
            let (settle, is_running) = (self.settings.settle, self.work.is_running());
            let most = if is_running { 0 } else { FEW.min(room.changes) };
            let (paths, ripe_at) = {
                let mut dirty = self.heard.dirty();
                (dirty.ahead(settle, Instant::now(), most), dirty.ahead_at(settle))
            };
            if paths.is_empty() && !is_running {
                // Either may be dropped, as above.
                tokio::select! {
                    () = self.heard.news.notified() => {}
                    () = tokio::time::sleep_until(ripe_at.unwrap_or_else(Instant::now)), if ripe_at.is_some() => {}
                }
            } else if let Some(batch) = self.work(Due::Ahead(paths), room).await? {
                return Ok(Some(batch));
            }
        }
    }

    fn expected(&self) -> Option<u64> {
        self.expected
    }
}

impl Work {
    fn step(&mut self, due: Due, room: Room) -> Result<Told, SourceError> {
        let result = self.try_step(due, room);
        if result.is_err() {
            // The root that comes back may be another one.
            self.scan = None;
            self.tree.watch = None;
        }
        result
    }

    fn try_step(&mut self, due: Due, room: Room) -> Result<Told, SourceError> {
        match due {
            Due::Whole => self.begin_whole()?,
            Due::Part(ripe, deferred) => self.begin_part(ripe, deferred)?,
            Due::Ahead(paths) => return self.look_ahead(paths, room),
            Due::Continue | Due::Wait(_) => {}
        }
        let Some(scan) = &mut self.scan else {
            let ended = Some(Covered::Part);
            return Ok(Told { batch: None, ended, expected: None, holding: false, is_ahead: false });
        };
        let covered = if scan.is_whole() { Covered::Whole } else { Covered::Part };
        let expected = scan.expected().filter(|_| covered == Covered::Whole);
        let batch = scan.next(&mut self.tree, room)?;
        let ended = scan.has_ended().then_some(covered);
        let batch = batch.map(|batch| SourceBatch { live: self.few, ..self.say(batch) });
        if ended.is_some() {
            self.end();
        }
        let silent = |batch: &SourceBatch| {
            batch.changes.is_empty() && batch.deltas.is_empty() && batch.braked.is_none()
        };
        let batch = batch.filter(|batch| covered == Covered::Whole || !silent(batch));
        Ok(Told { batch, ended, expected, holding: self.tree.known.is_holding(), is_ahead: false })
    }

    /// One batch of files; what does not fit in is left to the next scan.
    fn look_ahead(&mut self, paths: Vec<PathBuf>, room: Room) -> Result<Told, SourceError> {
        let links: Vec<PathBuf> = paths.iter().flat_map(|path| self.tree.links.to(path)).cloned().collect();
        let root = Root::open(&self.tree.spec.root).ok();
        let files = paths.into_iter().chain(links).filter_map(|path| self.as_file(root.as_ref()?, path));
        let mut scan = Scan::ahead_of_another(Scope::of(files));
        let batch = scan.next(&mut self.tree, room)?.filter(|batch| !batch.changes.is_empty());
        let batch = batch.map(|batch| SourceBatch { live: true, ..self.say(batch) });
        Ok(Told { batch, ended: None, expected: None, holding: false, is_ahead: true })
    }

    /// What of a path can be looked at by itself. A folder may hold any number of files, and only a scan tells
    /// what a link that may have been switched leads to, or for whom a list with a wrong name was meant.
    fn as_file(&self, root: &Root, path: PathBuf) -> Option<PathBuf> {
        let full = self.tree.spec.root.join(&path);
        let listed = (self.tree.read_dir)(full.parent()?).ok()?;
        let is_there = |name: &OsStr| listed.iter().any(|(other, _)| other == name);
        let may_be_list = |(name, _): &(OsString, Kind)| {
            let subject = name.as_bytes().strip_suffix(SUFFIX.as_bytes()).map(OsStr::from_bytes);
            Base::of(name).is_some() && !subject.is_some_and(is_there)
        };
        let is_left = self.tree.revisions.concern(&path)
            || root.links_folder(&path)
            || self.tree.may_misname(root, &path)
            || listed.iter().any(may_be_list);
        (full.is_file() && !is_left).then(|| self.tree.revisions.known_as(&path).unwrap_or(path))
    }

    fn begin_whole(&mut self) -> Result<(), SourceError> {
        let lost = {
            let mut dirty = self.heard.dirty();
            let lost = dirty.lost();
            dirty.clear();
            lost
        };
        let root = self.tree.spec.root.canonicalize().ok();
        let watched = self.tree.watch.as_ref().map(Watch::root);
        if lost == Some(Lost::Watch) || watched != root.as_deref() {
            self.tree.watch = None;
        }
        if let (None, Some(root)) = (&self.tree.watch, root) {
            self.tree.watch = self.start_watch(root);
        }
        self.few = false;
        self.begin(Scan::of(Scope::whole(), HashSet::new()))
    }

    fn start_watch(&mut self, root: PathBuf) -> Option<Watch> {
        let watch = Watch::start(root, &self.tree.spec.root, Arc::clone(&self.heard));
        let error = match watch {
            Ok(watch) => return Some(watch),
            Err(error) => error,
        };
        if !std::mem::replace(&mut self.warned, true) {
            let mend = "changes are found by the scan every run.reconcile_interval; where the limit of \
                        watchers is reached, raise fs.inotify.max_user_instances with sysctl";
            tracing::warn!(source = %self.tree.spec.name, %error, "the folder can't be watched: {mend}");
        }
        None
    }

    fn begin_part(&mut self, ripe: Vec<PathBuf>, deferred: HashSet<PathBuf>) -> Result<(), SourceError> {
        let together = self.settings.settle * PATIENCE;
        if self.deleted_at.is_none_or(|at| at.elapsed() > together) {
            self.tree.known.forget_peak();
        }
        let root = Root::open(&self.tree.spec.root).ok();
        let switched = |path: &PathBuf| {
            let links_folder = |root: &Root| root.links_folder(path);
            self.tree.revisions.concern(path) || root.as_ref().is_some_and(links_folder)
        };
        if ripe.iter().any(switched) {
            return self.begin_whole();
        }
        let links: Vec<PathBuf> = ripe.iter().flat_map(|path| self.tree.links.to(path)).cloned().collect();
        let as_known = |path: PathBuf| self.tree.revisions.known_as(&path).unwrap_or(path);
        let ripe: Vec<PathBuf> = ripe.into_iter().map(as_known).collect();
        let lists = root.iter().flat_map(|root| ripe.iter().filter(|path| self.tree.may_misname(root, path)));
        let folders: Vec<PathBuf> = lists.filter_map(|path| path.parent()).map(Path::to_owned).collect();
        let few = ripe.len() <= FEW && folders.is_empty();
        let scope = Scope::of(ripe.iter().cloned().chain(links).chain(folders));
        if scope.is_whole() {
            return self.begin_whole();
        }
        let deferred = deferred.into_iter().map(as_known).collect();
        self.few = few;
        self.begin(Scan::of(scope, deferred))
    }

    fn begin(&mut self, mut scan: Scan) -> Result<(), SourceError> {
        let listed = scan.list(&mut self.tree);
        self.scan = Some(scan);
        listed.map_err(|error| match error {
            // A root that is gone may come back, and deletes nothing meanwhile.
            SourceError::Broken { source_name, message } => SourceError::Unavailable { source_name, message },
            other => other,
        })
    }

    /// What is said counts as known; a brake is said once, and again when more or less is withheld.
    fn say(&mut self, mut batch: SourceBatch) -> SourceBatch {
        batch.changes.iter().for_each(|change| self.tree.known.note(change, &self.tree.fingerprint));
        let mut contents = batch.changes.iter().map(|change| &change.content);
        if contents.any(|content| matches!(content, Some(ContentChange::Delete { .. }))) {
            self.deleted_at = Some(Instant::now());
        }
        if let Some(brake) = &batch.braked
            && std::mem::replace(&mut self.braked, brake.0.missing) == brake.0.missing
        {
            batch.braked = None;
        }
        batch
    }

    fn end(&mut self) {
        self.scan = None;
        if !self.tree.known.is_withholding() {
            self.braked = 0;
        }
    }
}
