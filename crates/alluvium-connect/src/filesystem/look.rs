//! Looking at one file: its id, its access list, whether it changed, and the change if it did.

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, Origin, Upsert};
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, NameError, SourceName};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::source::SourceError;
use alluvium_core::version::Version;
use jiff::Timestamp;

use super::Reprocess;
use super::judge::{ListHashes, Verdict, judge};
use super::listing::Entry;
use super::local_id::{doc_id, file_uri};
use super::read::{Outcome, read};
use super::root::Root;
use super::sidecar::AccessLists;
use super::stamp::{FileStat, refused_stamp};

/// The position of every change of a scan.
pub(crate) const POSITION: &str = "scan";

/// What it takes to look at files.
pub(crate) struct Looker {
    pub(crate) source: SourceName,
    pub(crate) root: Root,
    pub(crate) access: AccessLists,
    pub(crate) lists: ListHashes,
    pub(crate) max_file_size: u64,
    pub(crate) metadata: Vec<String>,
    pub(crate) fingerprint: Sha256,
    pub(crate) reprocess: Reprocess,
    /// When the scan began.
    pub(crate) started: Timestamp,
}

/// What a look at a file came to.
pub(crate) enum Looked {
    /// With the stamp that says so next time, where the file had to be read to tell.
    Unchanged(Option<String>),
    Change(Box<DocumentChange>),
    Vanished,
}

impl Looker {
    /// A file's id, and why its path itself can't be it.
    pub(crate) fn id(&self, entry: &Entry) -> Result<(DocId, Option<String>), SourceError> {
        doc_id(&self.source, &entry.path).map_err(|e| self.broken(&e))
    }

    /// The id of a document that the index knows.
    pub(crate) fn known_id(&self, local: &str) -> Result<DocId, SourceError> {
        DocId::new(&self.source, local).map_err(|e| self.broken(&e))
    }

    fn broken(&self, error: &NameError) -> SourceError {
        SourceError::Broken { source_name: self.source.to_string(), message: format!("an id {error}") }
    }

    /// Looks at a file; `read_bytes` counts what had to be read for it.
    pub(crate) fn look(
        &mut self,
        entry: &Entry,
        id: &DocId,
        trouble: Option<String>,
        known: Option<&KnownDocument>,
        read_bytes: &mut u64,
    ) -> Looked {
        // Nothing of it would be taken.
        if known.is_some_and(|known| known.erased) {
            return Looked::Unchanged(None);
        }
        let access = self.access.of(&self.root, &entry.path);
        if trouble.is_none()
            && let Some(known) = known
            && let Ok(stat) = self.root.stat(entry.real())
            && self.stands(known, &stat)
        {
            match judge(Some(known), true, &access, &mut self.lists, self.reprocess) {
                Verdict::Unchanged => return Looked::Unchanged(None),
                Verdict::Access => {
                    let stamp = known.stamp.clone();
                    return Looked::Change(Box::new(change(id, None, access, stamp)));
                }
                Verdict::Full => {}
            }
        }
        let outcome = match trouble {
            None => read(&self.root, entry.real(), self.max_file_size),
            Some(detail) => {
                let refusal = Refusal::new(Stage::Read, Cause::BadId, detail);
                Outcome::Refused { refusal, stat: self.root.stat(entry.real()).ok() }
            }
        };
        match outcome {
            Outcome::Vanished => Looked::Vanished,
            Outcome::Refused { refusal, stat } => self.refused(id, known, access, refusal, stat.as_ref()),
            Outcome::Read { bytes, stat, steady } => {
                *read_bytes += bytes.len() as u64;
                self.read(entry, id, known, access, bytes, (stat, steady))
            }
        }
    }

    /// Whether the file's stamp alone says that its content is the known one.
    fn stands(&self, known: &KnownDocument, stat: &FileStat) -> bool {
        known.state != DocumentState::Deleted
            && self.same_pipeline(known)
            && known.content_hash.is_some()
            && stat.size <= self.max_file_size
            && known.stamp.as_deref().is_some_and(|stamp| stat.same_content(stamp))
    }

    fn same_pipeline(&self, known: &KnownDocument) -> bool {
        known.pipeline_fingerprint == self.fingerprint
    }

    fn read(
        &mut self,
        entry: &Entry,
        id: &DocId,
        known: Option<&KnownDocument>,
        access: AccessChange,
        bytes: Vec<u8>,
        (stat, steady): (FileStat, bool),
    ) -> Looked {
        let hash = Sha256::of(&bytes);
        // A file that would not hold still gets no stamp: the next scan reads it again.
        let stamp = steady.then(|| stat.content_stamp(self.started.as_nanosecond()));
        let same = known.is_some_and(|k| k.content_hash.as_ref() == Some(&hash) && self.same_pipeline(k));
        let content = match judge(known, same, &access, &mut self.lists, self.reprocess) {
            Verdict::Unchanged => return Looked::Unchanged(stamp),
            Verdict::Access => None,
            Verdict::Full => Some(ContentChange::Upsert(Box::new(Upsert {
                version: Version::observed(),
                bytes,
                hash,
                media_type: entry.media_type,
                charset: None,
                title: None,
                uri: file_uri(&self.root.named().join(&entry.path)),
                modified_at: stat.modified_at(),
                metadata: self.metadata.clone(),
            }))),
        };
        Looked::Change(Box::new(change(id, content, access, stamp)))
    }

    /// Content that can't be had is the same if the same refusal was recorded of the same file.
    fn refused(
        &mut self,
        id: &DocId,
        known: Option<&KnownDocument>,
        access: AccessChange,
        refusal: Refusal,
        stat: Option<&FileStat>,
    ) -> Looked {
        let stamp = refused_stamp(refusal.cause, stat);
        let same = known.is_some_and(|k| k.stamp.as_deref() == Some(stamp.as_str()));
        let content = match judge(known, same, &access, &mut self.lists, self.reprocess) {
            Verdict::Unchanged => return Looked::Unchanged(None),
            Verdict::Access => None,
            Verdict::Full => {
                Some(ContentChange::Refused { version: Version::observed(), refusal, hash: None })
            }
        };
        Looked::Change(Box::new(change(id, content, access, Some(stamp))))
    }
}

fn change(
    doc_id: &DocId,
    content: Option<ContentChange>,
    access: AccessChange,
    stamp: Option<String>,
) -> DocumentChange {
    let origin = Origin { position: POSITION.to_owned(), stamp, ..Origin::default() };
    DocumentChange { doc_id: doc_id.clone(), content, access, origin }
}
