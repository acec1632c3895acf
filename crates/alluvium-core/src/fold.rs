//! Folding a batch to one change a document, so that a commit replaces each document's rows once. What
//! is committed is what the changes would have made one by one.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::change::AccessChange;
use crate::document::{Prepared, PreparedContent};
use crate::guard::conflict;
use crate::id::DocId;
use crate::quarantine::{Refusal, Stage};
use crate::version::Version;

/// A batch with one change a document.
#[derive(Debug, Default)]
pub struct Folded {
    /// The changes, in the order of first appearance.
    pub changes: Vec<Prepared>,
    /// Changes that are refused beside one that goes on: the batch holds content for their document that
    /// must be served, and they must not be lost.
    pub refused: Vec<(Prepared, Refusal)>,
    /// The document of each change that came to nothing, because another of the batch says more. Deletions are
    /// left out: a count of documents that were looked at has none of them.
    pub superseded: Vec<DocId>,
}

/// Folds changes, in the order in which they came. Each half folds alone: the later one wins unless its
/// version is known to be older, or is the same over something else.
pub fn fold(changes: Vec<Prepared>) -> Folded {
    let mut folded = Folded::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut looked_at: HashMap<DocId, usize> = HashMap::new();
    for change in changes {
        if !is_deletion(&change) {
            *looked_at.entry(change.doc_id.clone()).or_default() += 1;
        }
        let place = places.get(change.doc_id.as_str()).copied();
        match place.and_then(|i| folded.changes.get_mut(i)) {
            Some(earlier) => merge(earlier, change, &mut folded.refused),
            None => {
                places.insert(change.doc_id.as_str().to_owned(), folded.changes.len());
                folded.changes.push(change);
            }
        }
    }
    folded.superseded = superseded(looked_at, &folded);
    folded
}

/// What was looked at more often than it goes on.
fn superseded(mut looked_at: HashMap<DocId, usize>, folded: &Folded) -> Vec<DocId> {
    let beside = folded.refused.iter().map(|(change, _)| change);
    for change in folded.changes.iter().chain(beside).filter(|change| !is_deletion(change)) {
        if let Some(count) = looked_at.get_mut(&change.doc_id) {
            *count = count.saturating_sub(1);
        }
    }
    looked_at.into_iter().flat_map(|(id, count)| std::iter::repeat_n(id, count)).collect()
}

fn is_deletion(change: &Prepared) -> bool {
    matches!(change.content, PreparedContent::Deleted { .. })
}

/// Which of two halves goes on.
enum Winner {
    Earlier,
    Later,
    /// The earlier one, and the later one is refused.
    EarlierAgainst(Refusal),
    /// The later one, and the earlier one stays refused.
    LaterBeside(Refusal),
    /// The earlier one, with what the later one says around its text.
    Described,
    /// The later one, with what the earlier one says around its text.
    LaterDescribed,
    /// The later one, which takes nothing back of the deletion before it.
    LaterAfterDeletion(Version),
}

fn merge(earlier: &mut Prepared, mut later: Prepared, refused: &mut Vec<(Prepared, Refusal)>) {
    match content_winner(&later.content, &earlier.content) {
        Winner::Earlier => {}
        Winner::EarlierAgainst(refusal) => refused.push((content_of(&mut later), refusal)),
        Winner::Described => {
            if let (PreparedContent::Indexed(content), PreparedContent::Kept(kept)) =
                (&mut earlier.content, &later.content)
            {
                kept.describe(content);
            }
        }
        Winner::LaterDescribed => {
            let kept = std::mem::replace(&mut earlier.content, content_of(&mut later).content);
            if let (PreparedContent::Indexed(content), PreparedContent::Kept(kept)) =
                (&mut earlier.content, &kept)
            {
                kept.describe(content);
            }
        }
        Winner::LaterAfterDeletion(version) => {
            let Prepared { content, origin, .. } = content_of(&mut later);
            (earlier.content, earlier.origin) = (content, origin);
            if let PreparedContent::Refused(refused) = &mut earlier.content {
                refused.deleted = Some(version);
            }
        }
        winner => {
            if let Winner::LaterBeside(refusal) = winner {
                refused.push((content_of(earlier), refusal));
            }
            let Prepared { content, origin, .. } = content_of(&mut later);
            refused
                .retain(|(change, _)| change.doc_id != earlier.doc_id || !mends(&content, &change.content));
            (earlier.content, earlier.origin) = (content, origin);
        }
    }
    match access_winner(&later.access, &earlier.access) {
        Winner::Earlier => {}
        Winner::EarlierAgainst(refusal) => {
            refused.push((Prepared { content: PreparedContent::Unsaid, ..later }, refusal));
        }
        _ => earlier.access = later.access,
    }
}

/// Whether content that goes on makes good for content that was refused before it.
fn mends(content: &PreparedContent, refused: &PreparedContent) -> bool {
    if matches!(content, PreparedContent::Kept(_)) {
        return false;
    }
    let versions = content.version().zip(refused.version());
    versions.is_some_and(|(version, refused)| version.order(refused) != Some(Ordering::Less))
}

/// Takes the content out of a change, as a change that says nothing of access.
fn content_of(change: &mut Prepared) -> Prepared {
    Prepared {
        doc_id: change.doc_id.clone(),
        content: std::mem::replace(&mut change.content, PreparedContent::Unsaid),
        access: AccessChange::Unsaid { default: None },
        origin: change.origin.clone(),
    }
}

fn content_winner(later: &PreparedContent, earlier: &PreparedContent) -> Winner {
    use PreparedContent::{Deleted, Indexed, Kept, Refused};
    let (Some(l), Some(e)) = (later.version(), earlier.version()) else {
        return if later.version().is_some() { Winner::Later } else { Winner::Earlier };
    };
    match (l.order(e), later, earlier) {
        // What leaves the text as it was goes with the text, and not without one.
        (Some(Ordering::Less), Indexed(_), Kept(_)) => Winner::LaterDescribed,
        (Some(Ordering::Less), Deleted { .. } | Refused(_), Kept(k)) => Winner::LaterBeside(k.refusal()),
        (Some(Ordering::Less), Kept(_), _) => Winner::Earlier,
        (_, Kept(_), Indexed(_)) => Winner::Described,
        (_, Kept(k), Deleted { .. } | Refused(_)) => Winner::EarlierAgainst(k.refusal()),
        // A refusal takes nothing out of service, so it stands in the way of no content, unless the source
        // has nothing to say any more.
        (Some(Ordering::Less), Indexed(_) | Deleted { .. }, Refused(r)) if !r.withdraws() => {
            Winner::LaterBeside(r.refusal.clone())
        }
        (Some(Ordering::Less), Refused(withdrawn), Refused(r)) if withdrawn.withdraws() && !r.withdraws() => {
            Winner::LaterBeside(r.refusal.clone())
        }
        (Some(Ordering::Less), ..) => Winner::Earlier,
        (_, Refused(r), Indexed(_) | Deleted { .. }) if !r.withdraws() => {
            Winner::EarlierAgainst(r.refusal.clone())
        }
        (_, Refused(r), Refused(withdrawn)) if withdrawn.withdraws() && !r.withdraws() => {
            Winner::EarlierAgainst(r.refusal.clone())
        }
        (Some(Ordering::Equal), Refused(a), Indexed(b))
            if a.content_hash.as_ref() != Some(&b.content_hash) =>
        {
            Winner::EarlierAgainst(conflict(Stage::Guard, l))
        }
        // The deletion has this very version: the other came before it.
        (Some(Ordering::Equal), Refused(_), Deleted { .. }) => Winner::Earlier,
        (_, Refused(_), Deleted { version }) => Winner::LaterAfterDeletion(version.clone()),
        (_, Refused(_), Refused(r)) => r.deleted.clone().map_or(Winner::Later, Winner::LaterAfterDeletion),
        (Some(Ordering::Equal), Indexed(a), Indexed(b)) if a.content_hash != b.content_hash => {
            Winner::EarlierAgainst(conflict(Stage::Guard, l))
        }
        // The deletion has this very version: the upsert came before it.
        (Some(Ordering::Equal), Indexed(_), Deleted { .. }) => Winner::Earlier,
        _ => Winner::Later,
    }
}

fn access_winner(later: &AccessChange, earlier: &AccessChange) -> Winner {
    use AccessChange::{Declared, Unreadable};
    let Some(l) = later.version() else { return Winner::Earlier };
    let order = earlier.version().and_then(|e| l.order(e));
    match (order, later, earlier) {
        (Some(Ordering::Less), ..) => Winner::Earlier,
        (Some(Ordering::Equal), Declared { acl: a, .. }, Declared { acl: b, .. }) if a != b => {
            Winner::EarlierAgainst(conflict(Stage::Access, l))
        }
        // What can't be read gives way to a list of the same version.
        (Some(Ordering::Equal), Unreadable { .. }, Declared { .. }) => Winner::Earlier,
        _ => Winner::Later,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use crate::access::Acl;
    use crate::change::Origin;
    use crate::document::{KeptContent, RefusedContent};
    use crate::hash::Sha256;
    use crate::quarantine::Cause;
    use crate::version::VersionKind;

    fn v(value: u64) -> Version {
        Version { incarnation: String::new(), kind: VersionKind::Producer, value }
    }

    fn delete(id: &str, value: u64) -> Prepared {
        let content = PreparedContent::Deleted { version: v(value) };
        let access = AccessChange::Unsaid { default: None };
        Prepared { doc_id: DocId::parse(id).unwrap(), content, access, origin: Origin::default() }
    }

    fn grant(id: &str, value: u64) -> Prepared {
        let access = AccessChange::Declared { version: v(value), acl: Acl::nobody() };
        Prepared { content: PreparedContent::Unsaid, access, ..delete(id, 0) }
    }

    #[test]
    fn each_half_keeps_its_newest() {
        let folded = fold(vec![
            delete("s/a", 3),
            grant("s/a", 9),
            delete("s/b", 1),
            delete("s/a", 2),
            grant("s/a", 8),
        ]);
        assert_eq!(folded.changes.iter().map(|p| p.doc_id.as_str()).collect::<Vec<_>>(), ["s/a", "s/b"]);
        let first = folded.changes.first().unwrap();
        assert_eq!(first.content.version(), Some(&v(3)));
        assert!(matches!(&first.access, AccessChange::Declared { version, .. } if *version == v(9)));
    }

    #[test]
    fn what_comes_to_nothing_is_told_and_deletions_are_not() {
        let superseded = |changes: Vec<Prepared>| fold(changes).superseded.len();
        assert_eq!(superseded(vec![grant("s/a", 1), grant("s/b", 1)]), 0);
        assert_eq!(superseded(vec![grant("s/a", 1), grant("s/a", 2), grant("s/a", 3)]), 2);
        assert_eq!(superseded(vec![delete("s/a", 1), delete("s/a", 2)]), 0);
        assert_eq!(superseded(vec![refuse("s/a", 1), delete("s/a", 2)]), 1);
        assert_eq!(superseded(vec![refuse("s/a", 2), delete("s/a", 1)]), 0, "it is refused beside");
        assert_eq!(superseded(vec![refuse("s/a", 1), refuse("s/a", 2)]), 1);
    }

    fn refuse(id: &str, value: u64) -> Prepared {
        let content = PreparedContent::Refused(Box::new(RefusedContent {
            version: v(value),
            refusal: Refusal::new(Stage::Extract, Cause::Corrupt, "x"),
            content_hash: None,
            pipeline_fingerprint: Sha256::of("p"),
            uri: String::new(),
            media_type: None,
            hide: false,
            deleted: None,
        }));
        Prepared { content, ..delete(id, 0) }
    }

    /// The version that goes on and those that are refused beside it.
    fn outcome(changes: Vec<Prepared>) -> (Option<u64>, Vec<u64>) {
        let folded = fold(changes);
        let value = |change: &Prepared| change.content.version().map(|version| version.value);
        (
            folded.changes.first().and_then(value),
            folded.refused.iter().filter_map(|(c, _)| value(c)).collect(),
        )
    }

    #[test]
    fn a_refusal_stands_in_the_way_of_no_content() {
        assert_eq!(outcome(vec![delete("s/a", 1), refuse("s/a", 2)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![delete("s/a", 2), refuse("s/a", 1)]), (Some(2), vec![]), "it is stale");
        assert_eq!(outcome(vec![refuse("s/a", 1), delete("s/a", 2)]), (Some(2), vec![]), "it is mended");
        assert_eq!(outcome(vec![refuse("s/a", 2), delete("s/a", 1)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![refuse("s/a", 1), refuse("s/a", 2)]), (Some(2), vec![]));
        let mended = vec![delete("s/a", 1), refuse("s/a", 2), refuse("s/a", 4), delete("s/a", 3)];
        assert_eq!(outcome(mended), (Some(3), vec![4]), "each by what is not older");
    }

    #[test]
    fn the_same_version_over_another_list_is_refused() {
        let list = |reader: &str| Acl { readers: vec![reader.to_owned()], ..Acl::default() };
        let declared = |reader: &str| AccessChange::Declared { version: v(1), acl: list(reader) };
        let change = |reader: &str| Prepared { access: declared(reader), ..grant("s/a", 0) };
        let folded = fold(vec![change("g"), change("h"), change("g")]);
        assert_eq!(folded.changes.first().map(|c| c.access.clone()), Some(declared("g")));
        let refused: Vec<_> = folded.refused.iter().map(|(c, r)| (c.access.clone(), r.cause)).collect();
        assert_eq!(refused, [(declared("h"), Cause::VersionConflict)]);
    }

    fn empty(id: &str, value: u64) -> Prepared {
        let Prepared { content: PreparedContent::Refused(refused), .. } = refuse(id, value) else {
            unreachable!()
        };
        let refusal = Refusal::new(Stage::Extract, Cause::Empty, "x");
        let content = PreparedContent::Refused(Box::new(RefusedContent { refusal, ..*refused }));
        Prepared { content, ..delete(id, 0) }
    }

    #[test]
    fn what_has_nothing_to_say_any_more_counts_as_content() {
        assert_eq!(outcome(vec![delete("s/a", 1), empty("s/a", 2)]), (Some(2), vec![]));
        assert_eq!(outcome(vec![empty("s/a", 2), delete("s/a", 1)]), (Some(2), vec![]), "it is stale");
        assert_eq!(outcome(vec![empty("s/a", 1), refuse("s/a", 2)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![refuse("s/a", 2), empty("s/a", 1)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![delete("s/a", 2), empty("s/a", 2)]), (Some(2), vec![]), "the deletion");
        let folded = fold(vec![delete("s/a", 1), empty("s/a", 2)]);
        let PreparedContent::Refused(refused) = &folded.changes[0].content else { panic!() };
        assert_eq!(refused.deleted, Some(v(1)), "the deletion is not forgotten");
    }

    fn keep(id: &str, value: u64) -> Prepared {
        let (metadata, left, missing) = (vec![], vec![], String::new());
        let kept = KeptContent { version: v(value), title: None, uri: None, metadata, left, missing };
        Prepared { content: PreparedContent::Kept(Box::new(kept)), ..delete(id, 0) }
    }

    #[test]
    fn what_leaves_a_text_as_it_was_never_stands_in_for_one() {
        assert_eq!(outcome(vec![delete("s/a", 1), keep("s/a", 2)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![refuse("s/a", 1), keep("s/a", 2)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![keep("s/a", 2), delete("s/a", 1)]), (Some(1), vec![2]));
        assert_eq!(outcome(vec![keep("s/a", 1), delete("s/a", 2)]), (Some(2), vec![]));
        assert_eq!(outcome(vec![keep("s/a", 1), keep("s/a", 2)]), (Some(2), vec![]));
        assert_eq!(outcome(vec![keep("s/a", 2), keep("s/a", 1)]), (Some(2), vec![]));
    }
}
