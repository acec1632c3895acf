//! The words of a query, in every spelling that the index may have them in. Pure.

use alluvium_core::text::normalize_query;

use super::spellings::{common, others};

use std::borrow::Cow;
use std::collections::HashSet;

/// Most words that are looked up.
const MAX_WORDS: usize = 1024;
/// Most bytes, for scripts that don't part words with spaces.
const MAX_BYTES: usize = 16 * 1024;
/// Most spellings that are looked up beside the words themselves.
const MAX_SPELLINGS: usize = 512;

/// What is looked up for a query; `None` where it has no word at all. Queries that differ in case, in how
/// they are composed or in what nobody sees give the same.
pub(crate) fn words(text: &str) -> Option<String> {
    // Normalization shortens at most by what is invisible, and is not done for megabytes.
    let text = text.get(..text.floor_char_boundary(64 * MAX_BYTES)).unwrap_or(text);
    let mut looked_up = common(&each_once(&normalize_query(text))?);
    let more: Vec<String> =
        looked_up.split(|c: char| !c.is_alphanumeric()).flat_map(others).take(MAX_SPELLINGS).collect();
    for spelling in more {
        looked_up.push(' ');
        looked_up.push_str(&spelling);
    }
    Some(looked_up)
}

/// The part of a query that is looked up. Of a query with more words than are looked up each counts once:
/// whoever pastes a page is answered for all of it, and whoever pastes a book for its beginning.
fn each_once(text: &str) -> Option<Cow<'_, str>> {
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
        assert_eq!(
            words("ten words of \"quoted\" AND -excluded (text)~2").as_deref(),
            Some("ten words of \"quoted\" and -excluded (text)~2")
        );
        let of = |text: &str| words(text).unwrap();
        assert_eq!(of(&format!("{}end", "word ".repeat(10_000))), "word end ", "each once");
        assert_eq!(of(&"word ".repeat(MAX_WORDS)).split_whitespace().count(), MAX_WORDS);
        let many: String = (0..10_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(of(&many).split_whitespace().count(), MAX_WORDS);
        assert_eq!(of(&"語".repeat(100_000)).len(), MAX_BYTES / 3 * 3);
        let spelled: String = (0..10_000).map(|n| format!("ilişki{n} ")).collect();
        let spellings = of(&spelled).split_whitespace().count();
        assert!(spellings > MAX_WORDS / 2 && spellings <= MAX_WORDS + MAX_SPELLINGS, "{spellings}");
        for none in ["", " ", "\u{0}", "?!\"'()*:^~{}[]\\/", "🙂🙂", "\u{200f}\u{202e}"] {
            assert_eq!(words(none), None, "{none:?}");
        }
    }

    #[test]
    fn twins_are_looked_up_alike() {
        for (one, other) in [
            ("İstanbul'da", "istanbul'da"),
            ("IĞDIR", "ığdır"),
            ("ΟΔΟΣ ΛΌΓΟΣ", "οδός λόγος"),
            ("ԵՐԵՎԱՆ", "Երևան"),
            ("soft\u{ad}ware", "software"),
            ("re\u{301}sume\u{301}", "RÉSUMÉ"),
            ("ｶﾞｲﾄﾞ ＡＢＣ", "ガイド abc"),
            ("\u{212a}elvin", "kelvin"),
        ] {
            assert_eq!(words(one), words(other), "{one}");
        }
    }
}
