//! Cuts text into segments at places that its content defines, so that an edit moves only the cuts
//! around it.
//!
//! Filling chunks greedily from the front would move every later cut when a word is added to the first
//! paragraph. Here a range that is too long is cut at its highest boundary, and so on in both halves
//! (the order of a treap): which boundary is the highest depends on the text at that boundary alone.
//! Invariants:
//! - the same boundaries give the same cuts, whatever the document looked like before;
//! - a boundary far from an edit keeps its rank, so the cuts there stay;
//! - no segment exceeds `limit` unless no boundary lies inside it;
//! - a cut leaves at least `least` tokens on both sides where any boundary allows it. This looks at the
//!   ends of a range, which an edit may move, but only boundaries within `least` of an end notice.

/// A place where text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boundary {
    /// Byte at which the text after the cut starts.
    pub(crate) byte: usize,
    /// Tokens before it.
    pub(crate) tokens: usize,
    /// Structural rank: a higher one is cut first.
    pub(crate) tier: u8,
    /// Pseudo-random rank within the tier, out of the text around the boundary.
    pub(crate) key: u64,
}

/// Indices into `boundaries` at which to cut, ascending. The text has `total` tokens.
pub(crate) fn cuts(boundaries: &[Boundary], total: usize, limit: usize, least: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    // (tokens before the range, tokens before its end, boundaries strictly inside)
    let mut open = vec![(0usize, total, 0usize, boundaries.len())];
    while let Some((start, end, first, last)) = open.pop() {
        if end - start <= limit {
            continue;
        }
        let Some(best) = highest(boundaries, start..end, first..last, least) else { continue };
        let Some(at) = boundaries.get(best).map(|b| b.tokens) else { continue };
        cuts.push(best);
        open.push((start, at, first, best));
        open.push((at, end, best + 1, last));
    }
    cuts.sort_unstable();
    cuts
}

fn highest(
    boundaries: &[Boundary],
    tokens: std::ops::Range<usize>,
    inside: std::ops::Range<usize>,
    least: usize,
) -> Option<usize> {
    let middle = tokens.start + tokens.len() / 2;
    let candidates = boundaries.get(inside.clone())?;
    // Equal text has an equal rank: of those, the one nearest to the middle.
    let rank = |b: &Boundary| (b.tier, b.key, std::cmp::Reverse(b.tokens.abs_diff(middle)));
    let roomy = |b: &Boundary| b.tokens - tokens.start >= least && tokens.end - b.tokens >= least;
    let pick = |only_roomy: bool| {
        let of = candidates.iter().enumerate().filter(|(_, b)| !only_roomy || roomy(b));
        of.max_by_key(|(_, b)| rank(b)).map(|(i, _)| inside.start + i)
    };
    pick(true).or_else(|| pick(false))
}
