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
    reprocess: Reprocess,
) -> Verdict {
    let Some(known) = known.filter(|k| k.state != DocumentState::Deleted) else { return Verdict::Full };
    if reprocess == Reprocess::All || !same_content {
        return Verdict::Full;
    }
    match (same_access(known, access), known.state) {
        (true, _) => Verdict::Unchanged,
        (false, DocumentState::Indexed) => Verdict::Access,
        (false, _) => Verdict::Full,
    }
}

fn same_access(known: &KnownDocument, access: &AccessChange) -> bool {
    let nobody = || Acl::nobody().hash();
    let (now, before): (Sha256, Option<Sha256>) = match access {
        AccessChange::Declared { acl, .. } => (acl.hash(), known.acl_hash.clone()),
        // Without a policy nobody may read either, which is all that an unreadable list asks for.
        AccessChange::Unreadable(_) => (nobody(), Some(known.acl_hash.clone().unwrap_or_else(nobody))),
        AccessChange::Unsaid { .. } => return true,
    };
    before == Some(now)
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
        let bad = AccessChange::Unreadable(Refusal::new(Stage::Access, Cause::BadAccessList, ""));
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
                judge(Some(&known), same, &access, Reprocess::Changed),
                expected,
                "{known:?} {access:?}"
            );
            assert_eq!(judge(Some(&known), same, &access, Reprocess::All), Verdict::Full);
        }
        assert_eq!(judge(None, true, &declared("a"), Reprocess::Changed), Verdict::Full);
    }
}
