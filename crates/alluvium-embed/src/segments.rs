//! Cutting huge texts into pieces for the tokenizer, so that its memory (some fifty bytes a byte) stays
//! bounded, at places where no token of a word-piece model can reach over.

use std::ops::Range;

/// A piece is cut at the first good place after this many bytes.
const TARGET: usize = 64 * 1024;
/// Without a good place in so many more bytes, it is cut anywhere.
const SLACK: usize = 64 * 1024;

/// The pieces of `text`, in order and without gaps.
pub(crate) fn segments(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let from = start;
        start += cut(rest);
        Some(from..start)
    })
}

/// Where the first piece of `rest` ends.
fn cut(rest: &str) -> usize {
    if rest.len() <= TARGET + SLACK {
        return rest.len();
    }
    let target = rest.floor_char_boundary(TARGET);
    let limit = rest.floor_char_boundary(TARGET + SLACK);
    let window = rest.get(target..limit).unwrap_or("");
    // White space never belongs to a word piece. A word longer than the slack is one unknown token,
    // whole or in two.
    let place = window.find(char::is_whitespace);
    place.map_or(limit, |offset| target + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<usize> {
        let pieces: Vec<_> = segments(text).collect();
        let joined: String = pieces.iter().map(|r| text.get(r.clone()).unwrap()).collect();
        assert_eq!(joined, text);
        assert!(pieces.iter().all(|r| !r.is_empty() && r.len() <= TARGET + SLACK));
        pieces.into_iter().map(|r| r.start).collect()
    }

    #[test]
    fn pieces_join_to_the_text_and_begin_with_white_space() {
        assert_eq!(check(""), Vec::<usize>::new());
        assert_eq!(check("a b"), [0]);
        let text = "schön und gut ".repeat(20_000);
        for start in check(&text).into_iter().skip(1) {
            assert!(text.get(start..).unwrap().starts_with(' '));
        }
    }

    #[test]
    fn text_without_white_space_is_cut_on_characters() {
        assert!(check(&"語".repeat(200_000)).len() > 3);
        assert!(check(&"a".repeat(500_000)).len() > 3);
    }
}
