//! What a rollback does to each document: content goes back to what an earlier record held, policy stays
//! as it is now.
//!
//! | indexed then | policy since then | outcome |
//! |---|---|---|
//! | yes | erased, also if that was undone | dropped: nothing brings back an erasure |
//! | yes | deleted | dropped; with `restore_deleted` brought back |
//! | yes | another access list | served as it was then, under the list of now |
//! | yes | unchanged | served as it was then |
//! | no | | not served |
//! | deleted | made anew | not served, and deleted again |

use std::collections::{HashMap, HashSet};

use crate::access::Acl;
use crate::document::DocumentState;
use crate::hash::Sha256;
use crate::policy::Policy;

/// The content of a document in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its state.
    pub state: DocumentState,
    /// Hash of its bytes.
    pub hash: Option<Sha256>,
}

/// A policy that changed after the record that is rolled back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPolicy {
    /// The policy of now.
    pub policy: Policy,
    /// Whether its access list is the one that the record's rows carry.
    pub same_list: bool,
}

/// What a rollback does, document by document; ids in each list are sorted and appear once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Served again in the content of then; they had other content or none.
    pub restored: Vec<String>,
    /// Served now and not any more.
    pub removed: Vec<String>,
    /// In the record, deleted since, and kept out of service.
    pub deletions_kept: Vec<String>,
    /// In the record, erased since, and kept out of service.
    pub erasures_kept: Vec<String>,
    /// Deleted since and brought back: their policies forget the deletion.
    pub revived: Vec<String>,
    /// Deleted in the record, made anew since, and gone again: their policies must say so, or an older
    /// record would serve them.
    pub reburied: Vec<String>,
    /// Served under the access list of now, which is another than the record's rows carry.
    pub relisted: Vec<(String, Acl)>,
}

/// Decides over all documents of both records; those that are the same in both and whose policies did not
/// change may be left out of both.
pub fn decide(
    then_seq: u64,
    then: &HashMap<String, Content>,
    now: &HashMap<String, Content>,
    changed: &HashMap<String, ChangedPolicy>,
    restore_deleted: bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (id, before) in then.iter().filter(|(_, content)| content.state == DocumentState::Indexed) {
        if served_again(&mut outcome, id, changed.get(id), then_seq, restore_deleted)
            && now.get(id) != Some(before)
        {
            outcome.restored.push(id.clone());
        }
    }
    let alive = |id: &String| changed.get(id).is_some_and(|changed| changed.policy.deleted.is_none());
    let gone_then = then.iter().filter(|(_, content)| content.state == DocumentState::Deleted);
    outcome.reburied = gone_then.map(|(id, _)| id).filter(|id| alive(id)).cloned().collect();
    let dropped: HashSet<&String> = outcome.dropped().collect();
    let indexed = |content: &Content| content.state == DocumentState::Indexed;
    let goes = |id: &String| !then.get(id).is_some_and(indexed) || dropped.contains(id);
    let removed = now.iter().filter(|(id, content)| indexed(content) && goes(id)).map(|(id, _)| id.clone());
    outcome.removed = removed.collect();
    outcome.sort();
    outcome
}

fn served_again(
    outcome: &mut Outcome,
    id: &str,
    changed: Option<&ChangedPolicy>,
    then_seq: u64,
    restore_deleted: bool,
) -> bool {
    let Some(ChangedPolicy { policy, same_list }) = changed else { return true };
    if !policy.survived(then_seq) {
        outcome.erasures_kept.push(id.to_owned());
        return false;
    }
    if policy.deleted.is_some() {
        if !restore_deleted {
            outcome.deletions_kept.push(id.to_owned());
            return false;
        }
        outcome.revived.push(id.to_owned());
    }
    if !same_list {
        outcome.relisted.push((id.to_owned(), policy.acl.clone()));
    }
    true
}

impl Outcome {
    /// The documents that are in the record and must not be served.
    pub fn dropped(&self) -> impl Iterator<Item = &String> {
        self.deletions_kept.iter().chain(&self.erasures_kept)
    }

    fn sort(&mut self) {
        for ids in [
            &mut self.restored,
            &mut self.removed,
            &mut self.deletions_kept,
            &mut self.erasures_kept,
            &mut self.revived,
            &mut self.reburied,
        ] {
            ids.sort_unstable();
        }
        self.relisted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Erasure, Tombstone};
    use crate::version::Version;

    fn content(state: DocumentState, text: &str) -> Content {
        Content { state, hash: Some(Sha256::of(text)) }
    }

    fn policy(deleted: bool, erased: Option<Option<u64>>) -> Policy {
        Policy {
            deleted: deleted.then(|| Tombstone { seq: 7, version: Version::observed() }),
            erased: erased.map(|undone_seq| Erasure { seq: 7, undone_seq, version: Version::observed() }),
            ..Policy::new(Acl::nobody(), Version::observed())
        }
    }

    fn named<T>(rows: Vec<(&str, T)>) -> HashMap<String, T> {
        rows.into_iter().map(|(id, row)| (id.to_owned(), row)).collect()
    }

    #[test]
    fn the_table() {
        use DocumentState::{Deleted, Indexed, Quarantined};
        let then = named(vec![
            ("same", content(Indexed, "a")),
            ("edited", content(Indexed, "a")),
            ("deleted", content(Indexed, "a")),
            ("erased", content(Indexed, "a")),
            ("erased-undone-again", content(Indexed, "a")),
            ("tightened", content(Indexed, "a")),
            ("gone-then", content(Deleted, "a")),
            ("refused-then", content(Quarantined, "a")),
        ]);
        let now = named(vec![
            ("same", content(Indexed, "a")),
            ("edited", content(Indexed, "b")),
            ("deleted", content(Deleted, "a")),
            ("erased", content(Deleted, "a")),
            ("erased-undone-again", content(Indexed, "c")),
            ("tightened", content(Indexed, "a")),
            ("gone-then", content(Indexed, "b")),
            ("refused-then", content(Quarantined, "a")),
            ("new", content(Indexed, "n")),
        ]);
        let changed = |policy, same_list| ChangedPolicy { policy, same_list };
        let changed = named(vec![
            ("deleted", changed(policy(true, None), true)),
            ("erased", changed(policy(true, Some(None)), true)),
            ("erased-undone-again", changed(policy(false, Some(Some(9))), true)),
            ("tightened", changed(policy(false, None), false)),
            ("new", changed(policy(false, None), true)),
        ]);
        let outcome = decide(5, &then, &now, &changed, false);
        assert_eq!(outcome.restored, ["edited"]);
        assert_eq!(outcome.removed, ["erased-undone-again", "gone-then", "new"]);
        assert_eq!(outcome.deletions_kept, ["deleted"]);
        assert_eq!(outcome.erasures_kept, ["erased", "erased-undone-again"]);
        assert_eq!(outcome.relisted, [("tightened".to_owned(), Acl::nobody())]);
        let with_deleted = decide(5, &then, &now, &changed, true);
        assert_eq!(with_deleted.restored, ["deleted", "edited"]);
        assert_eq!(with_deleted.revived, ["deleted"]);
        assert_eq!(with_deleted.erasures_kept, outcome.erasures_kept, "nothing brings back an erasure");
        // A record from after the erasure was undone holds the new life of the document.
        let later = decide(8, &then, &now, &changed, false);
        assert!(!later.erasures_kept.contains(&"erased-undone-again".to_owned()));
    }
}
