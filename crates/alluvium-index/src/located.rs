//! Where rows are, by their keys: what one look-up found, so that whatever replaces the rows need not
//! search for them again.
//!
//! Invariant: an address is good at the version at which it was found, and at no other. Over another
//! version, such as a claim makes, nothing is known here, and rows are searched by key anew.

use std::collections::{BTreeMap, HashMap};

use alluvium_core::ledger::TableRole;

/// The addresses of a batch's rows.
#[derive(Debug, Default)]
pub(crate) struct Located {
    found: BTreeMap<TableRole, Found>,
}

#[derive(Debug)]
struct Found {
    version: u64,
    /// Every key that was looked for, also those that no row has.
    by_key: HashMap<String, Vec<u64>>,
}

impl Located {
    /// Remembers what a look-up for `keys` found at a version of the table: each row's key and address.
    pub(crate) fn remember<'a>(
        &mut self,
        role: TableRole,
        version: u64,
        keys: &[&str],
        rows: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let mut by_key: HashMap<String, Vec<u64>> =
            keys.iter().map(|key| ((*key).to_owned(), Vec::new())).collect();
        for (key, address) in rows {
            by_key.entry(key.to_owned()).or_default().push(address);
        }
        self.found.insert(role, Found { version, by_key });
    }

    /// The addresses of all rows with these keys; `None` where that is not known of this version of the
    /// table.
    pub(crate) fn of(&self, role: TableRole, version: u64, keys: &[String]) -> Option<Vec<u64>> {
        if keys.is_empty() {
            return Some(Vec::new());
        }
        let found = self.found.get(&role).filter(|found| found.version == version)?;
        let rows: Option<Vec<_>> = keys.iter().map(|key| found.by_key.get(key)).collect();
        Some(rows?.into_iter().flatten().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(located: &Located, version: u64, keys: &[&str]) -> Option<Vec<u64>> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        located.of(TableRole::Policy, version, &keys)
    }

    #[test]
    fn addresses_are_good_for_what_was_looked_for_and_where_it_was() {
        let mut located = Located::default();
        located.remember(TableRole::Policy, 7, &["a", "b", "c"], [("a", 1), ("c", 2), ("c", 3)]);
        assert_eq!(of(&located, 7, &["c", "a"]), Some(vec![2, 3, 1]));
        assert_eq!(of(&located, 7, &["b"]), Some(vec![]), "there is no such row");
        assert_eq!(of(&located, 7, &["a", "d"]), None, "nobody looked for it");
        assert_eq!(of(&located, 8, &["a"]), None, "rows may have moved");
        assert_eq!(located.of(TableRole::Documents, 7, &["a".to_owned()]), None);
        assert_eq!(of(&located, 8, &[]), Some(vec![]), "none are nowhere");
    }
}
