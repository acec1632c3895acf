//! The decision on one file: pure, over what is known and what was seen.

use alluvium_core::access::Acl;
use alluvium_core::change::AccessChange;
use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::hash::Sha256;

use super::Reprocess;

/// What a file's change consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Unchanged,
    /// Access only.
    Access,
    /// Content and access.
    Full,
}

/// Judges a file. `same_content` says that its content, or the refusal of it, is the one last seen
/// (under the same pipeline, where that matters).
///
/// | known | content | access | verdict |
/// |---|---|---|---|
/// | no, or deleted | | | full |
/// | yes | other | | full |
/// | yes | same | same | unchanged |
/// | indexed | same | other | access only |
/// | quarantined | same | other | full: the list may be what it lacked |
pub(crate) fn judge(
    known: Option<&KnownDocument>,
    same_content: bool,
    access: &AccessChange,
    lists: &mut ListHashes,
    reprocess: Reprocess,
) -> Verdict {
    let Some(known) = known.filter(|k| k.state != DocumentState::Deleted) else { return Verdict::Full };
    if reprocess == Reprocess::All || !same_content {
        return Verdict::Full;
    }
    match (same_access(known, access, lists), known.state) {
        (true, _) => Verdict::Unchanged,
        (false, DocumentState::Indexed) => Verdict::Access,
        (false, _) => Verdict::Full,
    }
}

fn same_access(known: &KnownDocument, access: &AccessChange, lists: &mut ListHashes) -> bool {
    match (access, &known.acl_hash) {
        (AccessChange::Declared { acl, .. }, before) => before.as_ref() == Some(lists.of(acl)),
        // Without a policy nobody may read either, which is all that an unreadable list asks for.
        (AccessChange::Unreadable { .. }, None) | (AccessChange::Unsaid { .. }, _) => true,
        (AccessChange::Unreadable { .. }, Some(before)) => before == lists.of(&Acl::nobody()),
    }
}

/// Hashes of access lists. Neighbours mostly share one list, so the last one is remembered.
#[derive(Debug, Default)]
pub(crate) struct ListHashes {
    last: Option<(Acl, Sha256)>,
}

impl ListHashes {
    fn of(&mut self, acl: &Acl) -> &Sha256 {
        let last = self.last.take().filter(|(known, _)| known == acl);
        &self.last.insert(last.unwrap_or_else(|| (acl.clone(), acl.hash()))).1
    }
}

#[cfg(test)]
mod tests {
    use alluvium_core::quarantine::{Cause, Refusal, Stage};
    use alluvium_core::version::Version;

    use super::*;

    fn acl(reader: &str) -> Acl {
        Acl { readers: vec![reader.to_owned()], ..Acl::default() }
    }

    fn known(state: DocumentState, acl_hash: Option<Sha256>) -> KnownDocument {
        KnownDocument {
            state,
            content_hash: None,
            pipeline_fingerprint: Sha256::of("p"),
            stamp: None,
            acl_hash,
            erased: false,
        }
    }

    #[test]
    fn the_table() {
        use DocumentState::{Deleted, Indexed, Quarantined};
        let declared = |reader| AccessChange::Declared { version: Version::observed(), acl: acl(reader) };
        let bad = AccessChange::Unreadable {
            version: Version::observed(),
            refusal: Refusal::new(Stage::Access, Cause::BadAccessList, ""),
        };
        let lists = &mut ListHashes::default();
        let a = Some(acl("a").hash());
        let nobody = Some(Acl::nobody().hash());
        let cases = [
            (Indexed, &a, true, declared("a"), Verdict::Unchanged),
            (Indexed, &a, true, declared("b"), Verdict::Access),
            (Indexed, &a, false, declared("a"), Verdict::Full),
            (Indexed, &a, true, bad.clone(), Verdict::Access),
            (Indexed, &nobody, true, bad.clone(), Verdict::Unchanged),
            (Quarantined, &a, true, declared("a"), Verdict::Unchanged),
            (Quarantined, &a, true, declared("b"), Verdict::Full),
            (Quarantined, &None, true, bad.clone(), Verdict::Unchanged),
            (Quarantined, &None, true, declared("a"), Verdict::Full),
            (Deleted, &a, true, declared("a"), Verdict::Full),
        ];
        for (state, hash, same, access, expected) in cases {
            let known = known(state, hash.clone());
            assert_eq!(
                judge(Some(&known), same, &access, lists, Reprocess::Changed),
                expected,
                "{known:?} {access:?}"
            );
            assert_eq!(judge(Some(&known), same, &access, lists, Reprocess::All), Verdict::Full);
        }
        assert_eq!(judge(None, true, &declared("a"), lists, Reprocess::Changed), Verdict::Full);
    }
}
