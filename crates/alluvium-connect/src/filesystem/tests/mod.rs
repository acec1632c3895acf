//! A folder on disk, a map that stands for the index, and scans between them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod access;
mod changes;
mod deletes;
mod follow;
mod meant;
mod misnamed;
mod names;
mod parts;
mod random;
mod switched;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use alluvium_core::access::Acl;
use alluvium_core::brake::Brake;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::clock::Clock;
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Room, Source};
use jiff::{SignedDuration, Timestamp};

use super::listing::ReadDir;
use super::{FilesystemSource, FilesystemSpec, Notices, Reprocess, Unheard, Warning};
use crate::conformance::drain;

/// A clock that is ahead of the file system's.
struct Ahead(SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0
    }
}

/// The files, what an index would know of them, and how they are scanned.
struct World {
    folder: tempfile::TempDir,
    spec: FilesystemSpec,
    known: HashMap<String, KnownDocument>,
    fingerprint: Sha256,
    reprocess: Reprocess,
    position: Option<u64>,
    /// By default long after every file was written, so that stamps are settled.
    ahead: SignedDuration,
    room: Room,
    read_dir: Option<ReadDir>,
}

/// What one scan came to.
struct Outcome {
    changes: Vec<DocumentChange>,
    seen: u64,
    unchanged: u64,
    skipped: u64,
    batches: usize,
    braked: Option<Brake>,
    deltas: Vec<CheckpointDelta>,
}

impl Outcome {
    /// `id verb` of each change, in order.
    fn verbs(&self) -> Vec<String> {
        self.changes.iter().map(|c| format!("{} {}", c.doc_id.local(), verb(c))).collect()
    }

    /// The first reader of each document, or why there is none.
    fn readers(&self) -> BTreeMap<String, String> {
        let reader = |access: &AccessChange| match access {
            AccessChange::Declared { acl, .. } => acl.readers.first().cloned().unwrap_or_default(),
            AccessChange::Unreadable { refusal, .. } => refusal.cause.to_string(),
            AccessChange::Unsaid { .. } => "unsaid".to_owned(),
        };
        self.changes.iter().map(|c| (c.doc_id.local().to_owned(), reader(&c.access))).collect()
    }
}

/// What was told last.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Warning>>);

impl Notices for Heard {
    fn tell(&self, source: &SourceName, warnings: &[Warning]) {
        assert_eq!(source.as_str(), "docs");
        *self.0.lock().unwrap() = warnings.to_vec();
    }
}

impl Heard {
    fn subjects(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|warning| warning.subject.clone()).collect()
    }
}

fn verb(change: &DocumentChange) -> String {
    match &change.content {
        None => "acl".to_owned(),
        Some(ContentChange::Upsert(_)) => "upsert".to_owned(),
        Some(ContentChange::Delete { .. }) => "delete".to_owned(),
        Some(ContentChange::Refused { refusal, .. }) => refusal.cause.to_string(),
        Some(ContentChange::Prepared(_)) => "prepared".to_owned(),
    }
}

fn acl(reader: &str) -> Acl {
    Acl { readers: vec![reader.to_owned()], ..Acl::default() }
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = FilesystemSpec {
            name: SourceName::new("docs").unwrap(),
            root: folder.path().join("root"),
            include: vec!["**/*".to_owned()],
            exclude: Vec::new(),
            hidden: false,
            gitignore: false,
            apart: Vec::new(),
            default_acl: Some(acl("default")),
            max_file_size: 1000,
            allow_deletes: false,
            metadata: Vec::new(),
            notices: Arc::new(Unheard),
        };
        std::fs::create_dir(&spec.root).unwrap();
        let world = Self {
            folder,
            spec,
            known: HashMap::new(),
            fingerprint: Sha256::of("pipeline"),
            reprocess: Reprocess::Changed,
            position: None,
            ahead: SignedDuration::from_hours(1),
            room: Room { bytes: 1 << 20, changes: 1000 },
            read_dir: None,
        };
        files.iter().for_each(|(path, text)| world.write(path, text));
        world
    }

    /// Hears what is told of the source from now on.
    fn hear(&mut self) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        self.spec.notices = heard.clone();
        heard
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.spec.root.join(path)
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.path(path)).unwrap();
    }

    fn source(&self) -> FilesystemSource {
        let mut source = FilesystemSource::scan(
            self.spec.clone(),
            self.known.clone(),
            self.fingerprint.clone(),
            self.reprocess,
            self.position,
            Arc::new(Ahead(self.ahead)),
        )
        .unwrap();
        if let (Some(read_dir), Some(work)) = (self.read_dir, source.work.as_mut()) {
            work.tree.read_dir = read_dir;
        }
        source
    }

    /// Scans without the index learning of it.
    async fn look(&self) -> Outcome {
        let mut source = self.source();
        let batches = drain(&mut source, self.room).await.unwrap();
        let mut outcome = Outcome {
            changes: Vec::new(),
            seen: 0,
            unchanged: 0,
            skipped: 0,
            batches: batches.len(),
            braked: None,
            deltas: Vec::new(),
        };
        for batch in batches {
            assert!(outcome.deltas.is_empty(), "progress comes last");
            outcome.changes.extend(batch.changes);
            outcome.seen += batch.seen;
            outcome.unchanged += batch.unchanged;
            outcome.skipped += batch.skipped.total();
            outcome.braked = outcome.braked.or(batch.braked);
            outcome.deltas.extend(batch.deltas);
        }
        assert_eq!(source.expected(), Some(outcome.seen));
        outcome
    }

    /// Scans, and the index takes what comes.
    async fn scan(&mut self) -> Outcome {
        let outcome = self.look().await;
        outcome.changes.iter().for_each(|change| self.learn(change));
        self.position = outcome.deltas.first().map(|d| d.through).or(self.position);
        outcome
    }

    fn learn(&mut self, change: &DocumentChange) {
        let fresh = KnownDocument {
            state: DocumentState::Quarantined,
            content_hash: None,
            pipeline_fingerprint: self.fingerprint.clone(),
            stamp: None,
            acl_hash: None,
            erased: false,
        };
        let known = self.known.entry(change.doc_id.local().to_owned()).or_insert(fresh);
        match &change.access {
            AccessChange::Declared { acl, .. } => known.acl_hash = Some(acl.hash()),
            AccessChange::Unreadable { .. } => known.acl_hash = Some(Acl::nobody().hash()),
            AccessChange::Unsaid { .. } => {}
        }
        if change.content.is_some() {
            known.stamp = change.origin.stamp.clone();
            known.pipeline_fingerprint = self.fingerprint.clone();
        }
        match &change.content {
            Some(ContentChange::Upsert(upsert)) => {
                known.state = DocumentState::Indexed;
                known.content_hash = Some(upsert.hash.clone());
            }
            Some(ContentChange::Delete { .. }) => known.state = DocumentState::Deleted,
            Some(ContentChange::Refused { hash, .. }) => known.content_hash = hash.clone(),
            Some(ContentChange::Prepared(_)) | None => {}
        }
    }
}
