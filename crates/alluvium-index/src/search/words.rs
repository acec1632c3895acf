//! The words of a query. Pure.

/// Most words that are looked up.
const MAX_WORDS: usize = 256;
/// Most bytes, for scripts that don't part words with spaces.
const MAX_BYTES: usize = 8 * 1024;

/// The part of a query that is looked up; `None` where it has no word at all. Whoever pastes a page gets
/// the hits of its beginning.
pub(crate) fn words(text: &str) -> Option<&str> {
    let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text);
    let mut count = 0_usize;
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() && !inside {
            if count == MAX_WORDS {
                return text.get(..at);
            }
            count += 1;
        }
        inside = c.is_alphanumeric();
    }
    (count > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded() {
        assert_eq!(
            words("ten words of \"quoted\" AND -excluded (text)~2"),
            Some("ten words of \"quoted\" AND -excluded (text)~2")
        );
        let many = "word ".repeat(10_000);
        assert_eq!(words(&many).unwrap().split_whitespace().count(), MAX_WORDS);
        let long = "語".repeat(100_000);
        assert_eq!(words(&long).unwrap().len(), MAX_BYTES / 3 * 3);
        for none in ["", " ", "\u{0}", "?!\"'()*:^~{}[]\\/", "🙂🙂", "\u{200f}\u{202e}"] {
            assert_eq!(words(none), None, "{none:?}");
        }
    }
}
