//! What a source passed over, by type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Types that are told apart, at most: names come from outside.
const MOST_TYPES: usize = 64;
/// The longest name of a type, in characters.
const MOST_CHARACTERS: usize = 64;
/// What types beyond that are counted under.
const OTHER: &str = "other";

/// How much was passed over, by media type or file extension.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Skipped(BTreeMap<String, u64>);

impl Skipped {
    /// Counts one of a type. A name is cut to 64 characters, and from the 65th type on all are `other`.
    pub fn add(&mut self, kind: &str) {
        self.add_many(kind, 1);
    }

    fn add_many(&mut self, kind: &str, count: u64) {
        let kind: String = kind.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect();
        let known = self.0.contains_key(&kind) || self.0.len() < MOST_TYPES;
        *self.0.entry(if known { kind } else { OTHER.to_owned() }).or_default() += count;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Type → count, by name.
    pub fn by_type(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

impl std::ops::AddAssign<&Skipped> for Skipped {
    fn add_assign(&mut self, other: &Skipped) {
        other.0.iter().for_each(|(kind, count)| self.add_many(kind, *count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_add_up_and_are_bounded() {
        let mut skipped = Skipped::default();
        for number in 0..200 {
            skipped.add(&format!("x{number:03}"));
        }
        skipped.add("x000");
        skipped.add(&"\u{7}long".repeat(100));
        assert_eq!(skipped.total(), 202);
        assert_eq!(skipped.by_type().len(), MOST_TYPES + 1);
        assert_eq!(skipped.by_type()["x000"], 2);
        assert_eq!(skipped.by_type()[OTHER], 137);
        let mut both = skipped.clone();
        both += &skipped;
        assert_eq!(both.total(), 404);
        assert!(both.by_type().keys().all(|kind| kind.chars().count() <= MOST_CHARACTERS));
    }
}
