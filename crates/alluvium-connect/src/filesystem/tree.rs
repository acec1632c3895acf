//! What outlives a scan: the settings, what is known, and how far the source has come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_core::access::Acl;
use alluvium_core::clock::Clock;
use alluvium_core::document::KnownDocument;
use alluvium_core::hash::Sha256;
use alluvium_core::source::SourceError;

use super::globs::Globs;
use super::known::Known;
use super::listing::{Entry, Kind, ReadDir, read_dir};
use super::misnamed::{Base, Misnamed};
use super::notices::{self, Warning};
use super::revisions::Revisions;
use super::root::Root;
use super::sidecar::{sidecars_of, subject_of};
use super::watch::Watch;
use super::{FilesystemSpec, Reprocess};

/// A source's folder between its scans.
pub(crate) struct Tree {
    pub(crate) spec: FilesystemSpec,
    pub(crate) globs: Globs,
    pub(crate) known: Known,
    pub(crate) fingerprint: Sha256,
    pub(crate) reprocess: Reprocess,
    /// How many scans of the whole tree are complete.
    pub(crate) position: Option<u64>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) read_dir: ReadDir,
    /// Watches what is listed; a source that follows sets it.
    pub(crate) watch: Option<Watch>,
    pub(crate) links: Links,
    pub(crate) revisions: Revisions,
    pub(crate) misnamed: Misnamed,
    /// What the last complete scan found of patterns and rules.
    pub(crate) of_patterns: Vec<Warning>,
    /// What was told last.
    told: Option<Vec<Warning>>,
}

impl Tree {
    pub(crate) fn new(
        mut spec: FilesystemSpec,
        known: HashMap<String, KnownDocument>,
        fingerprint: Sha256,
        reprocess: Reprocess,
        position: Option<u64>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let broken = |message| SourceError::Broken { source_name: spec.name.to_string(), message };
        let globs = Globs::new(&spec.include, &spec.exclude).map_err(broken)?;
        let default = spec.default_acl.clone().map(Acl::canonical).transpose();
        spec.default_acl = default.map_err(|e| broken(format!("default_acl: {e}")))?;
        spec.metadata.sort_unstable();
        Ok(Self {
            spec,
            globs,
            known: Known::new(known),
            fingerprint,
            reprocess,
            position,
            clock,
            read_dir,
            watch: None,
            links: Links::default(),
            revisions: Revisions::default(),
            misnamed: Misnamed::default(),
            of_patterns: Vec::new(),
            told: None,
        })
    }

    /// Forgets what a scan of the whole tree finds anew.
    pub(crate) fn forget(&mut self) {
        self.links.clear();
        self.revisions.clear();
        self.misnamed.clear();
    }

    /// Whether what happened at `path` may concern lists that apply to nothing, so that its folder must be
    /// listed to tell: a name that looks like a list's and is none, or the coming or going of what a list
    /// is named after.
    pub(crate) fn may_misname(&self, root: &Root, path: &Path) -> bool {
        let Some(name) = path.file_name() else { return false };
        let there = |path: &Path| matches!(root.kind(&self.revisions.real(path)), Ok(Some(kind)) if kind != Kind::Folder);
        let own = sidecars_of(path)
            .next()
            .is_some_and(|own| there(&own) && !there(path) || self.misnamed.contains(&own));
        let orphan = Base::of(name).is_some() && !subject_of(path).is_some_and(|subject| there(&subject));
        own || orphan || self.misnamed.contains(path)
    }

    /// Tells what a person should know, where that is news.
    pub(crate) fn tell(&mut self) {
        let mut warnings = notices::of_lists(&self.misnamed);
        warnings.extend(self.of_patterns.iter().cloned());
        if self.told.as_ref() != Some(&warnings) {
            self.spec.notices.tell(&self.spec.name, &warnings);
            self.told = Some(warnings);
        }
    }
}

/// Which links lead to a file, so that they are looked at when it changes. A link that led nowhere when
/// it was listed is not among them; the next scan of the whole tree finds it.
#[derive(Default)]
pub(crate) struct Links(BTreeMap<PathBuf, BTreeSet<PathBuf>>);

impl Links {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn note(&mut self, entry: &Entry) {
        if let Some(target) = entry.target.as_ref().filter(|_| entry.is_link) {
            self.0.entry(target.clone()).or_default().insert(entry.path.clone());
        }
    }

    /// The links that lead to `path` or to something beneath it.
    pub(crate) fn to(&self, path: &Path) -> impl Iterator<Item = &PathBuf> {
        let beneath = self.0.range(path.to_owned()..).take_while(move |(target, _)| target.starts_with(path));
        beneath.flat_map(|(_, links)| links)
    }
}
