//! The highest of a range of boundaries, in the logarithm of their number.

use std::ops::Range;

use super::segment::Boundary;
use super::work;

/// Boundaries by rank. Equal text has an equal rank: of those, the one nearest to the middle is the highest.
pub(super) struct Ranks<'b> {
    boundaries: &'b [Boundary],
    /// Boundaries from the lowest rank to the highest, those of one rank in order.
    order: Vec<usize>,
    /// Where in `order` each rank starts, and the end.
    groups: Vec<usize>,
    /// A tree of the highest ranks: the leaves are the boundaries' own, the parent of `n` is `n / 2`.
    tree: Vec<usize>,
}

impl<'b> Ranks<'b> {
    pub(super) fn new(boundaries: &'b [Boundary]) -> Self {
        let count = boundaries.len();
        work::done(count);
        let rank_of = |place: &usize| boundaries.get(*place).map(|b| (b.tier, b.key));
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(rank_of);
        let (mut groups, mut tree) = (Vec::new(), vec![0; 2 * count]);
        let mut last = None;
        for (at, place) in order.iter().enumerate() {
            let rank = rank_of(place);
            if last != Some(rank) {
                groups.push(at);
                last = Some(rank);
            }
            if let Some(leaf) = tree.get_mut(count + place) {
                *leaf = groups.len() - 1;
            }
        }
        groups.push(count);
        for node in (1..count).rev() {
            let below = tree.get(2 * node).max(tree.get(2 * node + 1)).copied().unwrap_or_default();
            if let Some(highest) = tree.get_mut(node) {
                *highest = below;
            }
        }
        Self { boundaries, order, groups, tree }
    }

    /// The highest of a range of boundaries; of several of one rank the one nearest to `middle`, by where they
    /// are `at`, and of two that are as near the later one.
    pub(super) fn highest(
        &self,
        places: Range<usize>,
        middle: usize,
        at: impl Fn(&Boundary) -> usize,
    ) -> Option<usize> {
        let rank = self.highest_rank(&places)?;
        let group = self.order.get(*self.groups.get(rank)?..*self.groups.get(rank + 1)?)?;
        let first = group.partition_point(|place| *place < places.start);
        let last = group.partition_point(|place| *place < places.end);
        let group = group.get(first..last)?;
        let at = |place: &usize| self.boundaries.get(*place).map_or(0, &at);
        let after = group.partition_point(|place| at(place) < middle);
        let earlier = after.checked_sub(1).and_then(|at| group.get(at));
        let later = group.get(after).map(&at).and_then(|same| {
            let end = group.partition_point(|place| at(place) <= same);
            group.get(end.checked_sub(1)?)
        });
        match (earlier, later) {
            (Some(earlier), Some(later)) if middle - at(earlier) < at(later) - middle => Some(*earlier),
            (earlier, later) => later.or(earlier).copied(),
        }
    }

    fn highest_rank(&self, places: &Range<usize>) -> Option<usize> {
        if places.is_empty() {
            return None;
        }
        let count = self.boundaries.len();
        let (mut left, mut right) = (places.start + count, places.end + count);
        let mut highest = None;
        while left < right {
            work::done(1);
            if left % 2 == 1 {
                highest = highest.max(self.tree.get(left).copied());
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                highest = highest.max(self.tree.get(right).copied());
            }
            (left, right) = (left / 2, right / 2);
        }
        highest
    }
}
