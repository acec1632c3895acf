//! Folding a batch to one change a document, so that a commit replaces each document's rows once.

use std::collections::HashMap;

use crate::change::AccessChange;
use crate::document::{Prepared, PreparedContent};
use crate::version::Version;

/// Folds changes, in the order in which they came, to one a document. Each half folds alone: the later
/// one wins unless its version is known to be older. First appearances keep their order.
pub fn fold(changes: Vec<Prepared>) -> Vec<Prepared> {
    let mut folded: Vec<Prepared> = Vec::with_capacity(changes.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for change in changes {
        let place = places.get(change.doc_id.as_str()).copied();
        match place.and_then(|i| folded.get_mut(i)) {
            Some(earlier) => merge(earlier, change),
            None => {
                places.insert(change.doc_id.as_str().to_owned(), folded.len());
                folded.push(change);
            }
        }
    }
    folded
}

fn merge(earlier: &mut Prepared, later: Prepared) {
    if content_wins(&later.content, &earlier.content) {
        earlier.content = later.content;
        earlier.origin = later.origin;
    }
    if access_wins(&later.access, &earlier.access) {
        earlier.access = later.access;
    }
}

fn content_wins(later: &PreparedContent, earlier: &PreparedContent) -> bool {
    match (version_of(later), version_of(earlier)) {
        (None, _) => false,
        (_, None) => true,
        (Some(later), Some(earlier)) => later.order(earlier) != Some(std::cmp::Ordering::Less),
    }
}

fn version_of(content: &PreparedContent) -> Option<&Version> {
    match content {
        PreparedContent::Unsaid => None,
        PreparedContent::Indexed(c) => Some(&c.version),
        PreparedContent::Deleted { version } => Some(version),
        PreparedContent::Refused(r) => Some(&r.version),
    }
}

fn access_wins(later: &AccessChange, earlier: &AccessChange) -> bool {
    match (later, earlier) {
        (AccessChange::Unsaid { .. }, _) => false,
        (AccessChange::Declared { version: l, .. }, AccessChange::Declared { version: e, .. }) => {
            l.order(e) != Some(std::cmp::Ordering::Less)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Acl;
    use crate::change::Origin;
    use crate::id::DocId;
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
        assert_eq!(folded.iter().map(|p| p.doc_id.as_str()).collect::<Vec<_>>(), ["s/a", "s/b"]);
        let first = folded.first().unwrap();
        assert_eq!(version_of(&first.content), Some(&v(3)));
        assert!(matches!(&first.access, AccessChange::Declared { version, .. } if *version == v(9)));
    }
}
