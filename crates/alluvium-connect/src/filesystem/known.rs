//! What is known of the source's documents: what the index said at the start, and, where a source
//! follows, what it has said itself since.
//!
//! Invariants:
//! - `alive` counts the documents that are not deleted.
//! - A document is *missing* from a scan if it is alive, lies in the scan's scope, and the scan has not
//!   seen it. Being seen is a mark of the scan, so that no scan needs a list of its own.
//! - A *withheld* document is one whose deletion the brake held back. It is alive, and missing from every
//!   scan whatever its scope, until one sees it again or deletes it after all: so the brake judges all
//!   that is gone together, and lets go of the rest when enough is back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;

use super::local_id::id_forms;
use super::scope::Scope;

/// The documents, by their id within the source.
pub(crate) struct Known {
    documents: BTreeMap<String, Entry>,
    alive: u64,
    withheld: BTreeSet<String>,
    /// Whether what is withheld waits for another look, and not for a person.
    holding: bool,
    /// How many were alive before the deletions that are going on began.
    peak: u64,
    /// The present scan.
    scan: u64,
}

struct Entry {
    document: KnownDocument,
    /// The last scan that saw it.
    seen: u64,
}

impl Known {
    pub(crate) fn new(documents: HashMap<String, KnownDocument>) -> Self {
        let entry = |document| Entry { document, seen: 0 };
        let documents: BTreeMap<_, _> =
            documents.into_iter().map(|(local, document)| (local, entry(document))).collect();
        let alive = documents.values().filter(|e| is_alive(&e.document)).count() as u64;
        Self { documents, alive, withheld: BTreeSet::new(), holding: false, peak: alive, scan: 0 }
    }

    pub(crate) fn alive(&self) -> u64 {
        self.alive
    }

    pub(crate) fn is_withholding(&self) -> bool {
        !self.withheld.is_empty()
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.max(self.alive)
    }

    /// The deletions before this moment are judged no longer together with those to come.
    pub(crate) fn forget_peak(&mut self) {
        self.peak = self.alive;
    }

    /// A scan begins: nothing was seen yet.
    pub(crate) fn begin_scan(&mut self) {
        self.scan += 1;
    }

    pub(crate) fn get(&self, local: &str) -> Option<&KnownDocument> {
        self.documents.get(local).map(|entry| &entry.document)
    }

    /// The present scan has come upon a document.
    pub(crate) fn see(&mut self, local: &str) {
        if let Some(entry) = self.documents.get_mut(local) {
            entry.seen = self.scan;
            self.withheld.remove(local);
        }
    }

    /// It went while it was looked at.
    pub(crate) fn unsee(&mut self, local: &str) {
        if let Some(entry) = self.documents.get_mut(local) {
            entry.seen = 0;
        }
    }

    /// Living documents in the scope that the present scan has not seen, and what is withheld; sorted.
    /// Erased ones are left alone: no change of them would be taken.
    pub(crate) fn missing(&self, scope: &Scope) -> Vec<String> {
        let is_missing = |(local, entry): (&String, &Entry)| {
            let unseen = entry.seen != self.scan && is_alive(&entry.document);
            (unseen && !entry.document.erased).then(|| local.clone())
        };
        if scope.is_whole() {
            return self.documents.iter().filter_map(is_missing).collect();
        }
        let mut missing = self.withheld.clone();
        for form in scope.paths().flat_map(id_forms) {
            // What begins with `form/` lies before `form0`: the zero follows the slash.
            let beneath = format!("{form}/")..format!("{form}0");
            let itself = self.documents.get_key_value(&form);
            missing.extend(itself.into_iter().chain(self.documents.range(beneath)).filter_map(is_missing));
        }
        missing.into_iter().collect()
    }

    pub(crate) fn is_withheld(&self, local: &str) -> bool {
        self.withheld.contains(local)
    }

    /// The deletion of these waits for another look, and that of no others is held back.
    pub(crate) fn hold<'i>(&mut self, ids: impl IntoIterator<Item = &'i str>) {
        self.withhold(ids);
        self.holding = true;
    }

    /// Whether deletions wait for another look.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding
    }

    /// The brake held back the deletion of these, and of no others.
    pub(crate) fn withhold<'i>(&mut self, ids: impl IntoIterator<Item = &'i str>) {
        self.holding = false;
        self.withheld = ids.into_iter().map(str::to_owned).collect();
    }

    /// The file was read and found unchanged, and here is what stands for that now.
    pub(crate) fn restamp(&mut self, local: &str, stamp: String) {
        if let Some(entry) = self.documents.get_mut(local) {
            entry.document.stamp = Some(stamp);
        }
    }

    /// Takes a change that was said as if the index had it: it lags behind what is on its way.
    pub(crate) fn note(&mut self, change: &DocumentChange, fingerprint: &Sha256) {
        let local = change.doc_id.local();
        let was_alive = self.get(local).is_some_and(is_alive);
        if matches!(change.content, Some(ContentChange::Delete { .. })) {
            // A deleted document is no other than one never seen, and temporary files must not add up.
            self.documents.remove(local);
            self.withheld.remove(local);
            self.alive -= u64::from(was_alive);
            return;
        }
        let scan = self.scan;
        let fresh = || Entry { document: unknown(fingerprint), seen: scan };
        let entry = self.documents.entry(local.to_owned()).or_insert_with(fresh);
        apply(&mut entry.document, change, fingerprint);
        self.alive += u64::from(!was_alive);
        self.peak = self.peak.max(self.alive);
    }
}

fn is_alive(document: &KnownDocument) -> bool {
    document.state != DocumentState::Deleted
}

fn unknown(fingerprint: &Sha256) -> KnownDocument {
    KnownDocument {
        state: DocumentState::Quarantined,
        content_hash: None,
        pipeline_fingerprint: fingerprint.clone(),
        stamp: None,
        acl_hash: None,
        erased: false,
    }
}

/// What the index will know once it has taken a change that deletes nothing.
fn apply(document: &mut KnownDocument, change: &DocumentChange, fingerprint: &Sha256) {
    let never_listed =
        matches!(change.access, AccessChange::Unsaid { default: None }) && document.acl_hash.is_none();
    let hidden = never_listed || matches!(change.access, AccessChange::Unreadable { .. });
    match &change.access {
        AccessChange::Declared { acl, .. } => document.acl_hash = Some(acl.hash()),
        AccessChange::Unreadable { .. } => document.acl_hash = Some(Acl::nobody().hash()),
        AccessChange::Unsaid { .. } => {}
    }
    // An access-only change with a stamp has found the content to be the known one.
    if change.content.is_some() || change.origin.stamp.is_some() {
        document.stamp.clone_from(&change.origin.stamp);
    }
    match &change.content {
        Some(ContentChange::Upsert(upsert)) => {
            // Without a list it may be quarantined as a whole, and then the list alone would not do.
            if !hidden {
                document.state = DocumentState::Indexed;
            } else if document.state == DocumentState::Deleted {
                document.state = DocumentState::Quarantined;
            }
            document.content_hash = Some(upsert.hash.clone());
            document.pipeline_fingerprint = fingerprint.clone();
        }
        Some(ContentChange::Refused { hash, .. }) => {
            if document.state == DocumentState::Deleted {
                document.state = DocumentState::Quarantined;
            }
            document.content_hash.clone_from(hash);
            document.pipeline_fingerprint = fingerprint.clone();
        }
        // Nothing prepared comes out of a folder.
        Some(ContentChange::Delete { .. } | ContentChange::Prepared(_)) | None => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;

    use super::*;

    fn known(ids: &[&str]) -> Known {
        let document = KnownDocument { state: DocumentState::Indexed, ..unknown(&Sha256::of("pipeline")) };
        Known::new(ids.iter().map(|id| ((*id).to_owned(), document.clone())).collect())
    }

    #[test]
    fn what_is_missing_lies_in_the_scope_and_was_not_seen() {
        let mut known = known(&["a", "a b", "a!", "a.md", "a/x", "a/y/z", "a0", "./a/%FF", "./b/%FF", "b"]);
        known.begin_scan();
        known.see("a/x");
        known.see("b");
        let scope = |path: &str| Scope::of([PathBuf::from(path)]);
        assert_eq!(known.missing(&scope("a")), ["./a/%FF", "a", "a/y/z"]);
        assert_eq!(known.missing(&scope("a/y/z")), ["a/y/z"]);
        assert!(known.missing(&scope("b")) == ["./b/%FF"] && known.missing(&Scope::of([])).is_empty());
        assert_eq!(known.missing(&Scope::whole()).len(), 8);
        known.unsee("a/x");
        assert_eq!(known.missing(&scope("a/x")), ["a/x"]);
        known.begin_scan();
        assert_eq!(known.missing(&Scope::whole()).len(), 10);
    }

    #[test]
    fn what_is_withheld_is_missing_everywhere_until_it_is_seen() {
        let mut known = known(&["a", "b", "c/d"]);
        known.begin_scan();
        known.withhold(["a", "b"]);
        known.begin_scan();
        let scope = Scope::of([PathBuf::from("c")]);
        assert_eq!(known.missing(&scope), ["a", "b", "c/d"]);
        known.see("a");
        assert_eq!(known.missing(&scope), ["b", "c/d"]);
        known.see("b");
        assert!(!known.is_withholding() && known.alive() == 3);
    }
}
