//! A folder as a source: a scan lists it and compares it with what the index knows. [`FilesystemSource`]
//! is one scan and ends; [`FilesystemFollow`] goes on with what changes.
//!
//! Invariants:
//! - A file is compared with what is known by its content, never by its time: equal size, mtime, ctime
//!   and inode stand for an equal hash only if both times were well in the past when that was recorded
//!   ([`stamp`]).
//! - Access is declared anew for every file at every scan. An access list that is there and can't be
//!   read hides the document; it never falls back to a wider list ([`sidecar`]).
//! - A document is deleted only if a listing that is complete where the document was lacks it, the brake
//!   allows it, and a last look does not find it ([`scan`]).
//! - Nothing outside the root is read: paths are opened beneath it and without following links; a link
//!   is resolved once, at listing, and only to a file within the root ([`root`]).
//! - What stays out, by name, by an ignore file or because it is ours, is out for listings, for parts of
//!   them and for deletions alike ([`apart`]).
//! - A list that applies to nothing hides whom it was likely meant for ([`misnamed`]).
//! - No file is lost silently: one whose name can't be an id is refused under an id of its own.
//!
//! A followed link takes the access list of the link's place, as a copy of the file there would.

mod apart;
mod dirty;
mod follow;
mod globs;
mod ignore;
mod judge;
mod known;
mod listing;
mod local_id;
mod look;
mod misnamed;
mod notices;
pub(crate) mod read;
mod revisions;
pub(crate) mod root;
mod scan;
mod scope;
mod sidecar;
pub(crate) mod stamp;
mod tree;
mod watch;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_core::access::Acl;
use alluvium_core::clock::Clock;
use alluvium_core::document::KnownDocument;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Room, Source, SourceBatch, SourceError};
use async_trait::async_trait;

pub use apart::place_of;
pub use follow::{FilesystemFollow, FollowSettings};
pub use notices::{Notices, Unheard, Warning};
use scan::Scan;
use scope::Scope;
pub use sidecar::{SidecarError, parse_sidecar};
use tree::Tree;

/// What is scanned.
#[derive(Debug, Clone)]
pub struct FilesystemSpec {
    /// The source's name.
    pub name: SourceName,
    /// The folder.
    pub root: PathBuf,
    /// Patterns of paths beneath the root, one of which must match ([`alluvium_core::pattern`]).
    pub include: Vec<String>,
    /// Patterns of paths beneath the root, none of which may match.
    pub exclude: Vec<String>,
    /// Whether files that nobody means ([`alluvium_core::unmeant`]) are documents, too.
    pub hidden: bool,
    /// Whether what `.gitignore` files name is left out; what `.alluviumignore` files name always is.
    pub gitignore: bool,
    /// Files and folders of our own, such as the index, which are never documents.
    pub apart: Vec<PathBuf>,
    /// The access list of files without a sidecar.
    pub default_acl: Option<Acl>,
    /// Larger files are refused, in bytes.
    pub max_file_size: u64,
    /// Takes the brake off.
    pub allow_deletes: bool,
    /// `key=value` pairs of every document.
    pub metadata: Vec<String>,
    /// Who hears what a person should know.
    pub notices: Arc<dyn Notices>,
}

/// Which documents are done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reprocess {
    /// Those that changed, or whose pipeline did.
    Changed,
    /// All.
    All,
}

/// One scan of a folder.
pub struct FilesystemSource {
    name: SourceName,
    /// Away while a blocking thread works with it; stays away if that was cancelled.
    work: Option<Box<Work>>,
    expected: Option<u64>,
}

struct Work {
    tree: Tree,
    scan: Scan,
}

impl FilesystemSource {
    /// Prepares a scan; nothing is read yet. `known` is what the index knows, by the id within the
    /// source; `checkpoint_position` counts the scans that are complete.
    pub fn scan(
        spec: FilesystemSpec,
        known: HashMap<String, KnownDocument>,
        pipeline_fingerprint: Sha256,
        reprocess: Reprocess,
        checkpoint_position: Option<u64>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let name = spec.name.clone();
        let tree = Tree::new(spec, known, pipeline_fingerprint, reprocess, checkpoint_position, clock)?;
        let scan = Scan::of(Scope::whole(), HashSet::new());
        Ok(Self { name, work: Some(Box::new(Work { tree, scan })), expected: None })
    }

    /// Lists the folder, after which [`Source::expected`] knows; the first [`Source::next`] does it
    /// otherwise.
    pub async fn list(&mut self) -> Result<(), SourceError> {
        self.blocking(|work| work.scan.list(&mut work.tree)).await
    }

    async fn blocking<T: Send + 'static>(
        &mut self,
        task: impl FnOnce(&mut Work) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let unavailable = |message: &str| SourceError::Unavailable {
            source_name: self.name.to_string(),
            message: message.to_owned(),
        };
        let mut work = self.work.take().ok_or_else(|| unavailable("the scan was interrupted"))?;
        let task = move || {
            let result = task(&mut work);
            (work, result)
        };
        let (work, result) = tokio::task::spawn_blocking(task)
            .await
            .map_err(|e| unavailable(&format!("the scan died: {e}")))?;
        self.expected = work.scan.expected();
        self.work = Some(work);
        result
    }
}

#[async_trait]
impl Source for FilesystemSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        self.blocking(move |work| work.scan.next(&mut work.tree, room)).await
    }

    fn expected(&self) -> Option<u64> {
        self.expected
    }
}

#[cfg(test)]
mod tests;
