//! Reciprocal rank fusion: one ranking out of several whose scores can't be compared. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use crate::search::hit::Hit;

/// How little the first ranks stand out. 60 is the value of Cormack, Clarke and Büttcher (2009), and what
/// everyone compares with.
const K: f64 = 60.0;
/// Each list is fetched at least so deep: a passage that one list has low may be lifted by the other. Not
/// much deeper than what is asked for, or passages that are low in both lists push out those that are high
/// in one: on the labelled questions of `tests/search.rs`, 50 loses two answers that 20 keeps.
const MIN_DEPTH: usize = 20;
/// And so many times deeper than what is asked for, up to `MAX_DEPTH`.
const DEPTH_FACTOR: usize = 2;
const MAX_DEPTH: usize = 1000;

/// How many of each list are fused for `limit` hits.
pub(crate) fn depth(limit: usize) -> usize {
    match limit {
        0 => 0,
        _ => limit.saturating_mul(DEPTH_FACTOR).clamp(MIN_DEPTH, MAX_DEPTH).max(limit),
    }
}

/// Fuses ranked lists of ids. Every id comes once, whatever list it is in; equal sums go by id.
pub(crate) fn fuse<'a>(lists: &[Vec<&'a str>]) -> Vec<(&'a str, f64)> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for list in lists {
        let mut seen = HashSet::new();
        let distinct = list.iter().filter(|id| seen.insert(**id));
        for (rank, id) in (1_u32..).zip(distinct) {
            *scores.entry(id).or_default() += 1.0 / (K + f64::from(rank));
        }
    }
    let mut fused: Vec<_> = scores.into_iter().collect();
    fused.sort_by(|a, b| best_first((a.1, a.0), (b.1, b.0)));
    fused
}

/// Orders by score, highest first, then by id.
pub(crate) fn best_first(a: (f64, &str), b: (f64, &str)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1))
}

/// Fuses ranked hits; their score is the fused one.
pub(crate) fn hits(lists: Vec<Vec<Hit>>) -> Vec<Hit> {
    let ids: Vec<Vec<&str>> =
        lists.iter().map(|list| list.iter().map(|hit| hit.chunk_id.as_str()).collect()).collect();
    let ranking: Vec<(String, f64)> =
        fuse(&ids).into_iter().map(|(id, score)| (id.to_owned(), score)).collect();
    let mut by_id: BTreeMap<String, Hit> =
        lists.into_iter().flatten().map(|hit| (hit.chunk_id.clone(), hit)).collect();
    let fused = ranking.into_iter().filter_map(|(id, score)| Some(Hit { score, ..by_id.remove(&id)? }));
    fused.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn fused(lists: &[Vec<String>]) -> Vec<(String, f64)> {
        let lists: Vec<Vec<&str>> =
            lists.iter().map(|list| list.iter().map(String::as_str).collect()).collect();
        fuse(&lists).into_iter().map(|(id, score)| (id.to_owned(), score)).collect()
    }

    fn list() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[a-h]", 0..12)
    }

    proptest! {
        #[test]
        fn every_id_comes_once_best_first_and_ties_by_id(a in list(), b in list()) {
            let result = fused(&[a.clone(), b.clone()]);
            let ids: Vec<&String> = result.iter().map(|(id, _)| id).collect();
            prop_assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>(), a.iter().chain(&b).collect());
            prop_assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>().len(), ids.len());
            for pair in result.windows(2) {
                let [x, y] = pair else { continue };
                prop_assert!(x.1 > y.1 || (x.1 == y.1 && x.0 < y.0));
            }
        }

        #[test]
        fn the_order_of_the_lists_and_repetitions_do_not_matter(a in list(), b in list()) {
            let result = fused(&[a.clone(), b.clone()]);
            prop_assert_eq!(&fused(&[b.clone(), a.clone()]), &result);
            let mut again = a.clone();
            again.extend(a.clone());
            prop_assert_eq!(&fused(&[again, b]), &result);
        }

        #[test]
        fn first_in_both_is_first(a in list(), b in list()) {
            let lead = |list: Vec<String>| std::iter::once("winner".to_owned()).chain(list).collect();
            let result = fused(&[lead(a), lead(b)]);
            prop_assert_eq!(&result[0].0, "winner");
        }

        #[test]
        fn one_list_keeps_its_order(a in list()) {
            let mut seen = HashSet::new();
            let distinct: Vec<String> = a.iter().filter(|id| seen.insert(*id)).cloned().collect();
            let ids: Vec<String> = fused(&[a.clone(), vec![]]).into_iter().map(|(id, _)| id).collect();
            prop_assert_eq!(ids, distinct);
        }
    }

    #[test]
    fn scores_are_sums_of_reciprocal_ranks() {
        assert_eq!(fuse(&[vec!["a", "b"], vec!["b"]]), [("b", 1.0 / 62.0 + 1.0 / 61.0), ("a", 1.0 / 61.0)]);
    }

    #[test]
    fn lists_are_deeper_than_what_is_asked_for_and_bounded() {
        assert_eq!([0, 1, 10, 100, 1000, 5000].map(depth), [0, 20, 20, 200, 1000, 5000]);
    }
}
