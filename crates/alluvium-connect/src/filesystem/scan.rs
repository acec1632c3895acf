//! A scan of the tree or of a part of it, as a state machine that is asked for batches: list, read what
//! is there, delete what is not, report the progress. All of it blocks.
//!
//! A scan of the whole tree is the scan whose scope is the root; only that one is progress.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use alluvium_core::access::Acl;
use alluvium_core::brake;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, Origin};
use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::document::DocumentState;
use alluvium_core::id::DocId;
use alluvium_core::skipped::Skipped;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use alluvium_core::version::Version;
use jiff::Timestamp;

use super::apart::Apart;
use super::judge::ListHashes;
use super::listing::{Entry, Walk, media_type};
use super::local_id::lies_at;
use super::look::{Looked, Looker, POSITION};
use super::notices;
use super::root::Root;
use super::scope::Scope;
use super::sidecar::AccessLists;
use super::tree::Tree;
use super::watch::Watch;

/// The one partition of a scanned source.
const PARTITION: &str = "scan";
/// More deletions than these at once may be the beginning of more: they are held until a later look at the
/// tree finds no others, so that the brake judges a tree that goes as one.
const MANY: usize = 20;
/// Files that one batch looks at, at most: unchanged ones fill no room, and progress should be seen.
const MOST_LOOKED_AT: u64 = 1024;
/// How often a scan begins again because its folder became another one.
const MOST_AGAIN: u32 = 3;
/// Bytes that one batch reads, at most, for the same reason.
const MOST_READ: u64 = 64 << 20;

pub(crate) struct Scan {
    scope: Scope,
    /// Files that somebody is still writing; they are looked at in their own time.
    deferred: HashSet<PathBuf>,
    stage: Stage,
    /// A change that was made and did not fit into the last batch.
    carried: Option<DocumentChange>,
    /// What there is to look at, what is skipped included.
    expected: Option<u64>,
    listed: u64,
    /// Documents that were alive when the scan began.
    alive: u64,
    /// Documents that were found and were not among those.
    fresh: u64,
    skipped: Skipped,
    unlisted: Vec<PathBuf>,
    /// Whether something that is there was not looked at.
    incomplete: bool,
    /// How often it began again.
    again: u32,
    /// It looks at what is there ahead of another scan, whose marks it leaves alone, and ends there.
    ahead: bool,
}

enum Stage {
    New,
    Reading {
        looker: Box<Looker>,
        apart: Box<Apart>,
        entries: IntoIter<Entry>,
    },
    Deleting {
        started: Timestamp,
        ids: IntoIter<DocId>,
    },
    /// Deletions are held back, by the brake or until another look.
    Withheld,
    Ended,
}

enum Step {
    Change(Box<DocumentChange>),
    Nothing,
    End(Option<CheckpointDelta>),
}

impl Scan {
    pub(crate) fn of(scope: Scope, deferred: HashSet<PathBuf>) -> Self {
        Self {
            scope,
            deferred,
            stage: Stage::New,
            carried: None,
            expected: None,
            listed: 0,
            alive: 0,
            fresh: 0,
            skipped: Skipped::default(),
            unlisted: Vec::new(),
            incomplete: false,
            again: 0,
            ahead: false,
        }
    }

    /// One that looks at what is there in the scope while another scan goes on, and finds nothing gone.
    pub(crate) fn ahead_of_another(scope: Scope) -> Self {
        Self { ahead: true, ..Self::of(scope, HashSet::new()) }
    }

    pub(crate) fn expected(&self) -> Option<u64> {
        self.expected
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.scope.is_whole()
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Lists the scope, once. The only error is that of the root.
    pub(crate) fn list(&mut self, tree: &mut Tree) -> Result<(), SourceError> {
        if !matches!(self.stage, Stage::New) {
            return Ok(());
        }
        let started = tree.clock.now();
        let (name, place) = (tree.spec.name.to_string(), tree.spec.root.clone());
        let broken = |e: std::io::Error| SourceError::Broken {
            source_name: name.clone(),
            message: format!("the root {} can't be listed: {e}", place.display()),
        };
        let root = Root::open(&tree.spec.root).map_err(broken)?;
        let mut apart = Apart::new(&tree.spec, &root).map_err(broken)?;
        if self.is_whole() {
            tree.forget();
        }
        let mut on_folder =
            |folder: &Path| tree.watch.iter_mut().for_each(|watch: &mut Watch| watch.add(folder));
        let mut walk = Walk {
            root: &root,
            globs: &tree.globs,
            apart: &mut apart,
            revisions: &mut tree.revisions,
            misnamed: &mut tree.misnamed,
            read_dir: tree.read_dir,
            on_folder: &mut on_folder,
        };
        let listing = walk.list(&self.scope).map_err(broken)?;
        if !self.ahead {
            tree.known.begin_scan();
        }
        listing.documents.iter().for_each(|entry| tree.links.note(entry));
        self.alive = tree.known.alive();
        self.listed = listing.documents.len() as u64;
        self.expected = Some(self.listed + listing.skipped.total());
        self.skipped = listing.skipped;
        self.incomplete = !listing.unlisted.is_empty();
        if self.is_whole() && !self.incomplete {
            tree.of_patterns = notices::of_patterns(&tree.globs, &listing.hits);
            tree.of_patterns.extend(notices::of_ignores(&apart.ignores));
        }
        tree.tell();
        self.unlisted = listing.unlisted;
        let looker = Box::new(Looker {
            source: tree.spec.name.clone(),
            root,
            access: AccessLists::new(listing.sidecars, tree.misnamed.clone(), tree.spec.default_acl.clone()),
            lists: ListHashes::default(),
            max_file_size: tree.spec.max_file_size,
            metadata: tree.spec.metadata.clone(),
            fingerprint: tree.fingerprint.clone(),
            reprocess: tree.reprocess,
            started,
        });
        let apart = Box::new(apart);
        self.stage = Stage::Reading { looker, apart, entries: listing.documents.into_iter() };
        Ok(())
    }

    pub(crate) fn next(&mut self, tree: &mut Tree, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        self.list(tree)?;
        if self.has_ended() {
            return Ok(None);
        }
        let mut batch = SourceBatch { skipped: std::mem::take(&mut self.skipped), ..SourceBatch::default() };
        let skipped = batch.skipped.total();
        batch.seen = skipped;
        let (mut bytes, mut read) = (0, 0);
        while batch.changes.len() < room.changes.max(1)
            && batch.seen - skipped < MOST_LOOKED_AT
            && read < MOST_READ
        {
            let change = match self.carried.take() {
                Some(change) => change,
                None => match self.step(tree, &mut batch, &mut read)? {
                    Step::Change(change) => *change,
                    Step::Nothing => continue,
                    Step::End(delta) => {
                        batch.deltas.extend(delta);
                        self.stage = Stage::Ended;
                        return Ok(Some(batch));
                    }
                },
            };
            let size = change.content_bytes();
            if !batch.changes.is_empty() && bytes + size > room.bytes {
                self.carried = Some(change);
                break;
            }
            bytes += size;
            batch.changes.push(change);
        }
        Ok(Some(batch))
    }

    fn step(
        &mut self,
        tree: &mut Tree,
        batch: &mut SourceBatch,
        read: &mut u64,
    ) -> Result<Step, SourceError> {
        match &mut self.stage {
            Stage::Reading { looker, entries, .. } => {
                let Some(entry) = entries.next() else {
                    if self.ahead {
                        return Ok(Step::End(None));
                    }
                    self.begin_deleting(tree, batch)?;
                    return Ok(Step::Nothing);
                };
                let (id, trouble) = looker.id(&entry)?;
                tree.known.see(id.local());
                if self.deferred.contains(&entry.path) {
                    return Ok(Step::Nothing);
                }
                batch.seen += 1;
                let known = tree.known.get(id.local());
                let fresh = known.is_none_or(|known| known.state == DocumentState::Deleted);
                self.fresh += u64::from(fresh);
                match looker.look(&entry, &id, trouble, known, read) {
                    Looked::Unchanged(stamp) => {
                        batch.unchanged += 1;
                        if let Some(stamp) = stamp {
                            tree.known.restamp(id.local(), stamp);
                        }
                    }
                    Looked::Vanished => {
                        batch.seen -= 1;
                        self.expected = self.expected.map(|expected| expected.saturating_sub(1));
                        self.fresh -= u64::from(fresh);
                        self.listed -= 1;
                        tree.known.unsee(id.local());
                    }
                    Looked::Change(change) => return Ok(Step::Change(change)),
                }
                Ok(Step::Nothing)
            }
            Stage::Deleting { started, ids } => match ids.next() {
                Some(id) => Ok(Step::Change(Box::new(deletion(id)))),
                None => {
                    let watermark = (!self.incomplete).then_some(*started);
                    Ok(Step::End(self.is_whole().then(|| progress(tree, watermark))))
                }
            },
            Stage::Withheld | Stage::New | Stage::Ended => Ok(Step::End(None)),
        }
    }

    /// What is known in the scope and was not seen is gone, unless the place where it was could not be
    /// listed, or it is there after all. The brake judges over all of it before the first deletion.
    fn begin_deleting(&mut self, tree: &mut Tree, batch: &mut SourceBatch) -> Result<(), SourceError> {
        let Stage::Reading { looker, apart, .. } = &mut self.stage else { return Ok(()) };
        let leads = |link: &Path, folder: &Path| looker.root.resolve(link).is_ok_and(|real| real == folder);
        if !looker.root.stands() || !tree.revisions.stand(leads) {
            return self.begin_again(tree);
        }
        let (mut ids, mut protected) = (Vec::new(), 0);
        for local in tree.known.missing(&self.scope) {
            let path = Path::new(&local);
            if self.unlisted.iter().any(|folder| lies_at(&local, folder)) {
                protected += 1;
            } else if is_there(tree, looker, apart, path) {
                // A part is scanned because something was heard, and so will be what came now.
                if self.scope.is_whole() {
                    let what = "a document came while its folder was listed; the next scan looks at it";
                    tracing::warn!(path = local, "{what}");
                }
                protected += 1;
                self.incomplete = true;
            } else {
                ids.push(looker.known_id(&local)?);
            }
        }
        let started = looker.started;
        if !self.is_whole() && ids.len() > MANY && ids.iter().any(|id| !tree.known.is_withheld(id.local())) {
            tree.known.hold(ids.iter().map(DocId::local));
            self.stage = Stage::Withheld;
            return Ok(());
        }
        let listing = self.judged(tree, ids.len() as u64, protected);
        self.stage = match brake::judge(listing, tree.spec.allow_deletes) {
            Ok(()) => {
                tree.known.withhold([]);
                Stage::Deleting { started, ids: ids.into_iter() }
            }
            Err(brake) => {
                tree.known.withhold(ids.iter().map(DocId::local));
                batch.braked = Some(brake);
                Stage::Withheld
            }
        };
        Ok(())
    }

    /// The root, or a folder in it that goes by the name of a link, was switched to another while it was
    /// listed and read, so that what is missing may only be missing there.
    fn begin_again(&mut self, tree: &mut Tree) -> Result<(), SourceError> {
        self.again += 1;
        if !self.is_whole() || self.again > MOST_AGAIN {
            let what = "a folder was switched while it was read; nothing is deleted before a later look";
            tracing::info!(source = %tree.spec.name, "{what}");
            self.stage = Stage::Withheld;
            return Ok(());
        }
        (self.stage, self.fresh) = (Stage::New, 0);
        self.list(tree).map_err(|error| match error {
            // It is between two folders.
            SourceError::Broken { source_name, message } => SourceError::Unavailable { source_name, message },
            other => other,
        })
    }

    /// What the brake is shown. A part of the tree is judged as if all of it had been listed: everything
    /// else is there, and deletions that go on are one with those before them.
    fn judged(&self, tree: &Tree, missing: u64, protected: u64) -> brake::Listing {
        if self.is_whole() {
            return brake::Listing { listed: self.listed, known: self.alive - protected, missing };
        }
        let listed = (self.alive + self.fresh).saturating_sub(missing);
        brake::Listing { listed, known: self.alive.max(tree.known.peak()), missing }
    }
}

/// Whether a document that the scan has not seen is there all the same.
fn is_there(tree: &Tree, looker: &Looker, apart: &mut Apart, path: &Path) -> bool {
    tree.globs.admit(path)
        && media_type(path).is_some()
        && looker.root.holds_file(&tree.revisions.real(path))
        && !tree.revisions.hold_at(path)
        && !tree.misnamed.contains(path)
        && !apart.holds_at(&looker.root, &tree.revisions, path, false).unwrap_or(false)
}

/// One more scan of the whole tree is complete.
fn progress(tree: &mut Tree, watermark: Option<Timestamp>) -> CheckpointDelta {
    let after = tree.position;
    let through = after.map_or(1, |position| position.saturating_add(1));
    tree.position = Some(through);
    CheckpointDelta {
        source: tree.spec.name.clone(),
        partition: PARTITION.to_owned(),
        after,
        through,
        watermark,
    }
}

fn deletion(doc_id: DocId) -> DocumentChange {
    DocumentChange {
        doc_id,
        content: Some(ContentChange::Delete { version: Version::observed() }),
        // A known policy stays. One that never had a policy (its list could not be read) gets none that
        // lets anybody in.
        access: AccessChange::Unsaid { default: Some(Acl::nobody()) },
        origin: Origin { position: POSITION.to_owned(), ..Origin::default() },
    }
}
