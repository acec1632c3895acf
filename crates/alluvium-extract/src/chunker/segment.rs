//! Cuts text into segments at places that its content defines, so that an edit moves only the cuts
//! around it.
//!
//! Filling chunks greedily from the front would move every later cut when a word is added to the first
//! paragraph. Here a range that is too long is cut at its highest boundary, and so on in both halves
//! (the order of a treap): which boundary is the highest depends on the text at that boundary alone.
//! Invariants:
//! - the same boundaries give the same cuts, whatever the document looked like before;
//! - a boundary far from an edit keeps its rank, so the cuts there stay;
//! - no segment exceeds the limit unless no boundary lies inside it;
//! - a cut leaves at least `least` tokens on both sides where any boundary allows it. This looks at the
//!   ends of a range, which an edit may move, but only boundaries within `least` of an end notice;
//! - a cut costs the logarithm of how many boundaries there are, in whatever order their ranks come.

use std::ops::Range;

use alluvium_core::stop::Stop;

use super::ranks::Ranks;
use super::sizer::Limit;

/// A place where text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boundary {
    /// Byte at which the text before the cut ends: blanks lie between.
    pub(crate) end: usize,
    /// Byte at which the text after the cut starts.
    pub(crate) byte: usize,
    /// Tokens before it.
    pub(crate) tokens: usize,
    /// Structural rank: a higher one is cut first.
    pub(crate) tier: u8,
    /// Pseudo-random rank within the tier, out of the text around the boundary.
    pub(crate) key: u64,
}

/// A range that may be too long.
struct Part {
    tokens: Range<usize>,
    bytes: Range<usize>,
    /// Boundaries strictly inside.
    inside: Range<usize>,
}

/// Indices into `boundaries` at which to cut, ascending. The text, without the blanks around it, lies at
/// `bytes` and has `tokens`. Incomplete where `stop` was set.
pub(super) fn cuts(
    boundaries: &[Boundary],
    tokens: usize,
    bytes: Range<usize>,
    limit: Limit,
    least: usize,
    stop: &Stop,
) -> Vec<usize> {
    let whole = Part { tokens: 0..tokens, bytes, inside: 0..boundaries.len() };
    if limit.holds(whole.tokens.len(), whole.bytes.len()) {
        return Vec::new();
    }
    let ranks = Ranks::new(boundaries);
    let mut cuts = Vec::new();
    let mut open = vec![whole];
    while let Some(part) = open.pop().filter(|_| !stop.is_set()) {
        if limit.holds(part.tokens.len(), part.bytes.len()) {
            continue;
        }
        let Some((best, at)) = highest(&ranks, boundaries, &part, limit, least) else { continue };
        cuts.push(best);
        open.push(Part {
            tokens: part.tokens.start..at.tokens,
            bytes: part.bytes.start..at.end,
            inside: part.inside.start..best,
        });
        open.push(Part {
            tokens: at.tokens..part.tokens.end,
            bytes: at.byte..part.bytes.end,
            inside: best + 1..part.inside.end,
        });
    }
    cuts.sort_unstable();
    cuts
}

/// The boundary with the highest rank, of those that leave enough on both sides if there are any. What is enough
/// and where the middle is goes by tokens, or by bytes where the tokens are not too many.
fn highest<'b>(
    ranks: &Ranks<'_>,
    boundaries: &'b [Boundary],
    part: &Part,
    limit: Limit,
    least: usize,
) -> Option<(usize, &'b Boundary)> {
    let by_tokens = part.tokens.len() > limit.tokens();
    let at = |b: &Boundary| if by_tokens { b.tokens } else { b.byte };
    let (span, least) = match by_tokens {
        true => (&part.tokens, least),
        false => (&part.bytes, least * limit.bytes() / limit.tokens()),
    };
    let inside = &part.inside;
    let candidates = boundaries.get(inside.clone())?;
    let middle = span.start + span.len() / 2;
    // Both ascend with the boundaries, so that the roomy ones are a range of them.
    let first = inside.start + candidates.partition_point(|b| at(b) < span.start + least);
    let last = inside.start + candidates.partition_point(|b| at(b) + least <= span.end);
    let best =
        ranks.highest(first..last, middle, at).or_else(|| ranks.highest(inside.clone(), middle, at))?;
    Some((best, boundaries.get(best)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, by looking at every boundary of every range.
    fn by_hand(boundaries: &[Boundary], total: usize, limit: usize, least: usize) -> Vec<usize> {
        let mut cuts = Vec::new();
        let mut open = vec![(0, total, 0, boundaries.len())];
        while let Some((start, end, first, last)) = open.pop() {
            if end - start <= limit {
                continue;
            }
            let middle = start + (end - start) / 2;
            let rank = |b: &Boundary| (b.tier, b.key, std::cmp::Reverse(b.tokens.abs_diff(middle)));
            let roomy = |b: &Boundary| b.tokens - start >= least && end - b.tokens >= least;
            let pick = |only_roomy: bool| {
                let of = boundaries.iter().enumerate().take(last).skip(first);
                let of = of.filter(|(_, b)| !only_roomy || roomy(b));
                of.max_by_key(|(_, b)| rank(b)).map(|(i, _)| i)
            };
            let Some(best) = pick(true).or_else(|| pick(false)) else { continue };
            cuts.push(best);
            open.push((start, boundaries[best].tokens, first, best));
            open.push((boundaries[best].tokens, end, best + 1, last));
        }
        cuts.sort_unstable();
        cuts
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cuts_are_those_of_the_plain_way(
            steps in proptest::collection::vec((0usize..9, 0u8..4, 0u64..6), 0..200),
            limit in 1usize..40,
            least in 0usize..10,
        ) {
            let mut tokens = 0;
            let boundaries: Vec<Boundary> = steps.into_iter().map(|(step, tier, key)| {
                tokens += step;
                Boundary { end: tokens, byte: tokens, tokens, tier, key }
            }).collect();
            let total = tokens + 5;
            let found = cuts(&boundaries, total, 0..total, Limit::new(limit), least, &Stop::new());
            prop_assert_eq!(found, by_hand(&boundaries, total, limit, least));
        }
    }
}
