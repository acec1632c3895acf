//! The words of a query. Pure.

use std::borrow::Cow;
use std::collections::HashSet;

/// Most words that are looked up.
const MAX_WORDS: usize = 1024;
/// Most bytes, for scripts that don't part words with spaces.
const MAX_BYTES: usize = 16 * 1024;

/// The part of a query that is looked up; `None` where it has no word at all. Of a query with more words than
/// are looked up each counts once: whoever pastes a page is answered for all of it, and whoever pastes a book
/// for its beginning.
pub(crate) fn words(text: &str) -> Option<Cow<'_, str>> {
    if let Some(all) = bounded(text).filter(|part| part.len() == text.len()) {
        return Some(Cow::Borrowed(all));
    }
    let mut seen = HashSet::new();
    let mut distinct = String::new();
    for word in text.split_whitespace().filter(|word| seen.insert(*word)) {
        distinct.push_str(word);
        distinct.push(' ');
        if distinct.len() > MAX_BYTES {
            break;
        }
    }
    bounded(&distinct).map(|part| Cow::Owned(part.to_owned()))
}

/// So much of a text as has not too many words.
fn bounded(text: &str) -> Option<&str> {
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
        let quoted = "ten words of \"quoted\" AND -excluded (text)~2";
        assert_eq!(words(quoted).as_deref(), Some(quoted));
        let of = |text: &str| words(text).unwrap().into_owned();
        assert_eq!(of(&format!("{}end", "word ".repeat(10_000))), "word end ", "each once");
        assert_eq!(of(&"word ".repeat(MAX_WORDS)).split_whitespace().count(), MAX_WORDS);
        let many: String = (0..10_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(of(&many).split_whitespace().count(), MAX_WORDS);
        assert_eq!(of(&"語".repeat(100_000)).len(), MAX_BYTES / 3 * 3);
        for none in ["", " ", "\u{0}", "?!\"'()*:^~{}[]\\/", "🙂🙂", "\u{200f}\u{202e}"] {
            assert_eq!(words(none), None, "{none:?}");
        }
    }
}
