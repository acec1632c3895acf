//! One ranking out of two whose scores can't be compared as they are. Pure.
//!
//! Documents are fused, not passages: each list counts a document once, by its best passage, so that a long
//! document takes no places from others. Its further passages follow with a half, a third … of their own
//! score.
//!
//! Each list's scores are brought between 0 and 1, weighted and added. Words have a zero of their own (no
//! word in common), so their scores are divided by the best one. Similarities crowd together somewhere above
//! zero, so the last document of the list is their zero. On the judged sets of `cargo xtask bench judged` this is
//! better than reciprocal ranks, which throw away by how much the first is ahead.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::search::hit::Hit;

/// So many documents of each list are fused, whatever is asked for: what comes first does not depend on how
/// much is shown.
const DEPTH: usize = 100;

/// The part of a list of vectors in the fused score; words have the rest. The first by words is the first
/// even where it has no more than the small words of a question, so words weigh less; not much less, because
/// names and numbers, and languages that the model does not know, are found by them alone.
const VECTORS: f64 = 0.6;

/// What a list is ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Nearness to a vector.
    Vector,
    /// Words.
    Words,
}

impl By {
    fn weight(self) -> f64 {
        match self {
            Self::Vector => VECTORS,
            Self::Words => 1.0 - VECTORS,
        }
    }
}

/// How many documents of each list are fused for `limit` hits.
pub(crate) fn depth(limit: usize) -> usize {
    if limit == 0 { 0 } else { limit.max(DEPTH) }
}

/// Orders by score, highest first, then by id.
pub(crate) fn best_first(a: (f64, &str), b: (f64, &str)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1))
}

/// Fuses ranked lists, of each its first `depth` documents; the hits' scores are the fused ones.
pub(crate) fn hits(lists: Vec<(By, Vec<Hit>)>, depth: usize) -> Vec<Hit> {
    let mut documents: HashMap<String, f64> = HashMap::new();
    let mut passages: BTreeMap<String, Hit> = BTreeMap::new();
    for (by, list) in lists {
        let share = by.weight();
        let best = best_of_documents(&list, depth);
        let scale = Scale::of(by, best.values().copied());
        for (document, score) in &best {
            *documents.entry(document.clone()).or_default() += share * scale.at(*score);
        }
        for hit in list.into_iter().filter(|hit| best.contains_key(&hit.doc_id)) {
            let score = share * scale.at(hit.score);
            let fused = passages.entry(hit.chunk_id.clone()).or_insert(Hit { score: 0.0, ..hit });
            fused.score += score;
        }
    }
    let mut fused: Vec<Hit> = passages.into_values().collect();
    sort(&mut fused);
    let mut nth: HashMap<String, u32> = HashMap::new();
    for hit in &mut fused {
        let before = nth.entry(hit.doc_id.clone()).or_default();
        hit.score = match *before {
            0 => documents.get(&hit.doc_id).copied().unwrap_or(hit.score),
            n => hit.score / f64::from(n + 1),
        };
        *before += 1;
    }
    sort(&mut fused);
    fused
}

/// At most so many hits of each document, in the order that they come.
pub(crate) fn at_most(per_document: usize, hits: Vec<Hit>) -> Vec<Hit> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut is_within = |hit: &Hit| {
        let taken = taken.entry(hit.doc_id.clone()).or_default();
        *taken += 1;
        *taken <= per_document
    };
    hits.into_iter().filter(|hit| is_within(hit)).collect()
}

/// How many hits there would be with at most so many of each document.
pub(crate) fn count_at_most(per_document: usize, hits: &[Hit]) -> usize {
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for hit in hits {
        *taken.entry(&hit.doc_id).or_default() += 1;
    }
    taken.into_values().map(|n| n.min(per_document)).sum()
}

fn sort(hits: &mut [Hit]) {
    hits.sort_by(|a, b| best_first((a.score, &a.chunk_id), (b.score, &b.chunk_id)));
}

/// The best score of each of the first `depth` documents of a list.
fn best_of_documents(list: &[Hit], depth: usize) -> HashMap<String, f64> {
    let mut best: HashMap<String, f64> = HashMap::new();
    for hit in list {
        if best.len() >= depth && !best.contains_key(&hit.doc_id) {
            break;
        }
        let score = best.entry(hit.doc_id.clone()).or_insert(hit.score);
        *score = score.max(hit.score);
    }
    best
}

/// Brings the scores of one list between 0 and 1.
struct Scale {
    lowest: f64,
    highest: f64,
}

impl Scale {
    fn of(by: By, scores: impl Iterator<Item = f64> + Clone) -> Self {
        let highest = scores.clone().fold(f64::NEG_INFINITY, f64::max);
        let worst = scores.fold(f64::INFINITY, f64::min);
        let lowest = if by == By::Words { 0.0_f64.min(worst) } else { worst };
        Self { lowest, highest }
    }

    /// Where all are alike, all are best.
    fn at(&self, score: f64) -> f64 {
        let width = self.highest - self.lowest;
        if width > 0.0 { ((score - self.lowest) / width).clamp(0.0, 1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Hits `document/passage`, best first.
    fn list(scored: &[(String, f64)]) -> Vec<Hit> {
        let hit = |(id, score): &(String, f64)| Hit {
            chunk_id: id.clone(),
            doc_id: id.split('/').next().unwrap().to_owned(),
            uri: String::new(),
            title: String::new(),
            text: String::new(),
            score: *score,
            page_start: None,
            page_end: None,
            char_start: 0,
            char_end: 0,
            heading_path: vec![],
            modified_at: None,
            indexed_at: jiff::Timestamp::UNIX_EPOCH,
            stale_since: None,
            words_only: false,
        };
        let mut hits: Vec<Hit> = scored.iter().map(hit).collect();
        let mut seen = BTreeSet::new();
        hits.retain(|hit| seen.insert(hit.chunk_id.clone()));
        sort(&mut hits);
        hits
    }

    fn own(scored: &[(&str, f64)]) -> Vec<(String, f64)> {
        scored.iter().map(|(id, score)| ((*id).to_owned(), *score)).collect()
    }

    fn fused(vectors: &[(String, f64)], words: &[(String, f64)], depth: usize) -> Vec<(String, f64)> {
        let lists = vec![(By::Vector, list(vectors)), (By::Words, list(words))];
        hits(lists, depth).into_iter().map(|hit| (hit.chunk_id, hit.score)).collect()
    }

    fn documents(hits: &[(String, f64)]) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        hits.iter().map(|(id, _)| id.split('/').next().unwrap()).filter(|id| seen.insert(*id)).collect()
    }

    fn scored() -> impl Strategy<Value = Vec<(String, f64)>> {
        proptest::collection::vec(("[a-e]/[0-3]", 0.01..9.0), 0..16)
    }

    proptest! {
        #[test]
        fn every_passage_comes_once_best_first_and_ties_by_id(a in scored(), b in scored()) {
            let result = fused(&a, &b, 100);
            let ids: Vec<&String> = result.iter().map(|(id, _)| id).collect();
            let expected: BTreeSet<&String> = a.iter().chain(&b).map(|(id, _)| id).collect();
            prop_assert_eq!(ids.len(), expected.len());
            prop_assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected);
            for pair in result.windows(2) {
                let [x, y] = pair else { continue };
                prop_assert!(x.1 > y.1 || (x.1 == y.1 && x.0 < y.0));
                prop_assert!((0.0..=1.0).contains(&x.1));
            }
        }

        #[test]
        fn more_passages_of_a_document_change_no_order_of_documents(a in scored(), b in scored()) {
            let best = |list: &[(String, f64)]| {
                let mut best: BTreeMap<String, f64> = BTreeMap::new();
                for hit in super::tests::list(list) {
                    let score = best.entry(format!("{}/0", hit.doc_id)).or_insert(hit.score);
                    *score = score.max(hit.score);
                }
                best.into_iter().collect::<Vec<_>>()
            };
            let (all, alone) = (fused(&a, &b, 100), fused(&best(&a), &best(&b), 100));
            let scores = |hits: &[(String, f64)]| {
                let mut scores: BTreeMap<String, f64> = BTreeMap::new();
                for (id, score) in hits {
                    let best = scores.entry(id.split('/').next().unwrap().to_owned()).or_insert(*score);
                    *best = best.max(*score);
                }
                scores
            };
            let (all, alone) = (scores(&all), scores(&alone));
            prop_assert_eq!(all.len(), alone.len());
            for (id, score) in all {
                prop_assert!((score - alone[&id]).abs() < 1e-9);
            }
        }

        #[test]
        fn first_in_both_is_first(a in scored(), b in scored()) {
            let lead = |list: Vec<(String, f64)>| {
                std::iter::once(("winner/0".to_owned(), 10.0)).chain(list).collect::<Vec<_>>()
            };
            prop_assert_eq!(&fused(&lead(a), &lead(b), 100)[0].0, "winner/0");
        }
    }

    #[test]
    fn scores_are_weighted_means_of_what_each_list_says() {
        let vectors = own(&[("a/0", 0.9), ("b/0", 0.8), ("c/0", 0.7)]);
        let words = own(&[("b/0", 8.0), ("d/0", 2.0)]);
        let scores: Vec<(String, f64)> =
            fused(&vectors, &words, 100).into_iter().map(|(id, s)| (id, (s * 1000.0).round())).collect();
        assert_eq!(scores, own(&[("b/0", 700.0), ("a/0", 600.0), ("d/0", 100.0), ("c/0", 0.0)]));
    }

    #[test]
    fn passages_of_a_document_push_no_other_out() {
        let mut many: Vec<(String, f64)> =
            (0..90).map(|i| (format!("long/{i:02}"), 0.9 - f64::from(i) * 0.001)).collect();
        many.extend((0..8).map(|i| (format!("short{i}/0"), 0.6 - f64::from(i) * 0.01)));
        many.push(("last/0".to_owned(), 0.1));
        let result = fused(&many, &[], 100);
        let first: Vec<&str> = documents(&result[..20]);
        assert_eq!(first.len(), 9, "{first:?}");
        assert_eq!(documents(&fused(&many, &[], 3)), ["long", "short0", "short1"]);
    }

    #[test]
    fn at_most_so_many_of_a_document() {
        let hits = list(&own(&[("a/0", 9.0), ("a/1", 8.0), ("a/2", 7.0), ("b/0", 1.0)]));
        assert_eq!(count_at_most(2, &hits), 3);
        let kept: Vec<String> = at_most(2, hits).into_iter().map(|hit| hit.chunk_id).collect();
        assert_eq!(kept, ["a/0", "a/1", "b/0"]);
    }

    #[test]
    fn lists_are_as_deep_for_few_hits_as_for_many() {
        assert_eq!([0, 1, 10, 100, 1000, 5000].map(depth), [0, 100, 100, 100, 1000, 5000]);
    }
}
