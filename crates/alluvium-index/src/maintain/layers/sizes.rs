//! When the layers of an index are merged: a pure function.
//!
//! A layer is merged with what came after it once that is at least as large. Each layer is then larger
//! than all after it together, so that there are at most as many as the table has doublings, and a row is
//! indexed again at most once a doubling. Between commits no merge makes a layer of more than
//! [`MOST_ROWS`], so that no pause grows with the table; from there on layers are of that size.

/// The most rows that a layer is merged to while commits wait: two seconds or so of full text.
pub(crate) const MOST_ROWS: u64 = 1 << 17;

/// How many of the last of `layers` (their rows, oldest first) are merged when `new` rows come, into a layer
/// of at most `most`.
pub(crate) fn due(layers: &[u64], new: u64, most: u64) -> usize {
    let mut after = new;
    let is_due = |rows: &&u64| {
        let due = **rows <= after && (**rows == 0 || after.saturating_add(**rows) <= most);
        after = after.saturating_add(**rows);
        due
    };
    layers.iter().rev().take_while(is_due).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_layer_waits_until_as_much_came_after_it() {
        let due = |layers: &[u64], new| super::due(layers, new, u64::MAX);
        assert_eq!(due(&[], 5), 0);
        assert_eq!(due(&[0], 5), 1, "an empty index is no layer");
        assert_eq!(due(&[100, 10], 5), 0);
        assert_eq!(due(&[100, 10], 10), 1);
        assert_eq!(due(&[20, 10], 10), 2, "merging goes on while it pays");
        assert_eq!(due(&[100, 20, 10], 10), 2);
    }

    #[test]
    fn no_layer_becomes_too_large() {
        assert_eq!(due(&[60, 20, 10], 10, 40), 2);
        assert_eq!(due(&[60, 20, 10], 10, 39), 1);
        assert_eq!(due(&[0], 100, 39), 1, "what is new is indexed, however much it is");
    }

    proptest! {
        #[test]
        fn layers_stay_few_and_rows_are_rarely_indexed_again(
            batches in proptest::collection::vec(1_u64..1000, 1..200),
        ) {
            let (mut layers, mut work, total): (Vec<u64>, u64, u64) = (vec![0], 0, batches.iter().sum());
            for new in batches {
                let kept = layers.len() - due(&layers, new, u64::MAX);
                let merged = new + layers.split_off(kept).iter().sum::<u64>();
                work += merged;
                layers.push(merged);
            }
            prop_assert_eq!(layers.iter().sum::<u64>(), total);
            let doublings = u64::from(total.ilog2()) + 1;
            prop_assert!(layers.len() as u64 <= doublings, "{:?}", layers);
            prop_assert!(work <= total * (doublings + 1), "{} of {}", work, total);
        }
    }
}
