//! One scan, as a state machine that is asked for batches: list, read what is there, delete what is
//! not, report the progress. All of it blocks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec::IntoIter;

use alluvium_core::access::Acl;
use alluvium_core::brake;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, Origin};
use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::clock::Clock;
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use alluvium_core::version::Version;
use jiff::Timestamp;

use super::globs::Globs;
use super::listing::{Listing, ReadDir, media_type, read_dir};
use super::local_id::lies_in;
use super::look::{Looked, Looker, POSITION};
use super::root::Root;
use super::sidecar::AccessLists;
use super::{FilesystemSpec, Reprocess};

/// The one partition of a scanned source.
const PARTITION: &str = "scan";
/// Files that one batch looks at, at most: unchanged ones fill no room, and progress should be seen.
const MOST_LOOKED_AT: u64 = 1024;
/// Bytes that one batch reads, at most, for the same reason.
const MOST_READ: u64 = 64 << 20;

pub(crate) struct Scan {
    spec: FilesystemSpec,
    globs: Globs,
    /// What the index knows and the listing has not shown yet; in the end, what is missing.
    known: HashMap<String, KnownDocument>,
    known_alive: u64,
    fingerprint: Sha256,
    reprocess: Reprocess,
    position: Option<u64>,
    clock: Arc<dyn Clock>,
    pub(super) read_dir: ReadDir,
    stage: Stage,
    /// A change that was made and did not fit into the last batch.
    carried: Option<DocumentChange>,
    expected: Option<u64>,
    listed: u64,
    skipped: u64,
    unlisted: Vec<PathBuf>,
    /// Whether something that is there was not looked at.
    incomplete: bool,
}

enum Stage {
    New,
    Reading { looker: Box<Looker>, entries: IntoIter<super::listing::Entry> },
    Deleting { started: Timestamp, ids: IntoIter<DocId> },
    Braked,
    Ended,
}

enum Step {
    Change(Box<DocumentChange>),
    Nothing,
    End(Option<CheckpointDelta>),
}

impl Scan {
    pub(crate) fn new(
        mut spec: FilesystemSpec,
        known: HashMap<String, KnownDocument>,
        fingerprint: Sha256,
        reprocess: Reprocess,
        position: Option<u64>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let broken = |message: String| SourceError::Broken { source_name: spec.name.to_string(), message };
        let globs = Globs::new(&spec.include, &spec.exclude).map_err(|e| broken(e.to_string()))?;
        let default = spec.default_acl.clone().map(Acl::canonical).transpose();
        spec.default_acl = default.map_err(|e| broken(format!("default_acl: {e}")))?;
        let known_alive = known.values().filter(|k| k.state != DocumentState::Deleted).count() as u64;
        Ok(Self {
            spec,
            globs,
            known,
            known_alive,
            fingerprint,
            reprocess,
            position,
            clock,
            read_dir,
            stage: Stage::New,
            carried: None,
            expected: None,
            listed: 0,
            skipped: 0,
            unlisted: Vec::new(),
            incomplete: false,
        })
    }

    pub(crate) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Lists the folder, once.
    pub(crate) fn list(&mut self) -> Result<(), SourceError> {
        if !matches!(self.stage, Stage::New) {
            return Ok(());
        }
        let started = self.clock.now();
        let broken = |e: std::io::Error| SourceError::Broken {
            source_name: self.spec.name.to_string(),
            message: format!("the root {} can't be listed: {e}", self.spec.root.display()),
        };
        let root = Root::open(&self.spec.root).map_err(broken)?;
        let listing = Listing::walk(&root, &self.globs, self.read_dir).map_err(broken)?;
        self.listed = listing.documents.len() as u64;
        self.expected = Some(self.listed);
        self.skipped = listing.skipped;
        self.incomplete = !listing.unlisted.is_empty();
        self.unlisted = listing.unlisted;
        let looker = Box::new(Looker {
            source: self.spec.name.clone(),
            root,
            access: AccessLists::new(listing.sidecars, self.spec.default_acl.clone()),
            max_file_size: self.spec.max_file_size,
            fingerprint: self.fingerprint.clone(),
            reprocess: self.reprocess,
            started,
        });
        self.stage = Stage::Reading { looker, entries: listing.documents.into_iter() };
        Ok(())
    }

    pub(crate) fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        self.list()?;
        if matches!(self.stage, Stage::Ended) {
            return Ok(None);
        }
        let mut batch = SourceBatch { skipped: std::mem::take(&mut self.skipped), ..SourceBatch::default() };
        let (mut bytes, mut read) = (0, 0);
        while batch.changes.len() < room.changes.max(1) && batch.seen < MOST_LOOKED_AT && read < MOST_READ {
            let change = match self.carried.take() {
                Some(change) => change,
                None => match self.step(&mut batch, &mut read)? {
                    Step::Change(change) => *change,
                    Step::Nothing => continue,
                    Step::End(delta) => {
                        batch.deltas.extend(delta);
                        self.stage = Stage::Ended;
                        return Ok(Some(batch));
                    }
                },
            };
            let size = content_bytes(&change);
            if !batch.changes.is_empty() && bytes + size > room.bytes {
                self.carried = Some(change);
                break;
            }
            bytes += size;
            batch.changes.push(change);
        }
        Ok(Some(batch))
    }

    fn step(&mut self, batch: &mut SourceBatch, read: &mut u64) -> Result<Step, SourceError> {
        match &mut self.stage {
            Stage::Reading { looker, entries } => {
                let Some(entry) = entries.next() else {
                    self.begin_deleting(batch)?;
                    return Ok(Step::Nothing);
                };
                batch.seen += 1;
                let (id, trouble) = looker.id(&entry)?;
                let known = self.known.remove(id.local());
                match looker.look(&entry, &id, trouble, known.as_ref(), read) {
                    Looked::Unchanged => batch.unchanged += 1,
                    Looked::Vanished => {
                        self.listed -= 1;
                        self.known.extend(known.map(|known| (id.local().to_owned(), known)));
                    }
                    Looked::Change(change) => return Ok(Step::Change(change)),
                }
                Ok(Step::Nothing)
            }
            Stage::Deleting { started, ids } => match ids.next() {
                Some(id) => Ok(Step::Change(Box::new(deletion(id)))),
                None => {
                    let watermark = (!self.incomplete).then_some(*started);
                    Ok(Step::End(Some(self.progress(watermark))))
                }
            },
            Stage::Braked | Stage::New | Stage::Ended => Ok(Step::End(None)),
        }
    }

    /// What is known and was not seen is gone, unless the place where it was could not be listed, or it
    /// is there after all. The brake judges over all of it before the first deletion.
    fn begin_deleting(&mut self, batch: &mut SourceBatch) -> Result<(), SourceError> {
        let Stage::Reading { looker, .. } = &self.stage else { return Ok(()) };
        let (mut ids, mut protected) = (Vec::new(), 0);
        for (local, known) in self.known.drain() {
            if known.erased || known.state == DocumentState::Deleted {
                continue;
            }
            let path = Path::new(&local);
            if self.unlisted.iter().any(|folder| lies_in(&local, folder)) {
                protected += 1;
            } else if self.globs.admit(path) && media_type(path).is_some() && looker.root.holds_file(path) {
                tracing::warn!(
                    path = local,
                    "a document came while its folder was listed; the next scan looks at it"
                );
                protected += 1;
                self.incomplete = true;
            } else {
                ids.push(looker.known_id(&local)?);
            }
        }
        ids.sort_unstable();
        let known = self.known_alive - protected;
        let listing = brake::Listing { listed: self.listed, known, missing: ids.len() as u64 };
        self.stage = match brake::judge(listing, self.spec.allow_deletes) {
            Ok(()) => Stage::Deleting { started: looker.started, ids: ids.into_iter() },
            Err(brake) => {
                batch.braked = Some(brake);
                Stage::Braked
            }
        };
        Ok(())
    }

    fn progress(&self, watermark: Option<Timestamp>) -> CheckpointDelta {
        CheckpointDelta {
            source: self.spec.name.clone(),
            partition: PARTITION.to_owned(),
            after: self.position,
            through: self.position.map_or(1, |position| position.saturating_add(1)),
            watermark,
        }
    }
}

fn content_bytes(change: &DocumentChange) -> u64 {
    match &change.content {
        Some(ContentChange::Upsert(upsert)) => upsert.bytes.len() as u64,
        _ => 0,
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
