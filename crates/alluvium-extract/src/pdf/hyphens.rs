//! Words that were broken at the end of a line, whole again.
//!
//! A soft hyphen is there for that alone. A hyphen may be one of the word's own, and no dictionary is asked; what
//! decides is, in this order: the word stands whole elsewhere on the page, or with its hyphen; what the parts look like
//! (`COVID-19`, `Müller-Lüdenscheidt`, `e-mail`); and else that most hyphens at the end of a line are the line's.

use std::collections::HashSet;

/// Words that stand before a hyphen of their own.
const PREFIXES: [&str; 20] = [
    "all", "anti", "co", "cross", "cyber", "half", "high", "ill", "long", "low", "mid", "multi", "non",
    "post", "pre", "quasi", "self", "semi", "short", "well",
];

/// The text with broken words made whole. A word that is made whole stays on its first line.
pub(super) fn joined(text: &str) -> String {
    if !text.contains(['-', '\u{2010}', '\u{ad}']) {
        return text.to_owned();
    }
    let words = Words::of(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\n') {
        let (line, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        let trimmed = line.trim_end_matches([' ', '\t', '\r']);
        let next = after.trim_start_matches([' ', '\t']);
        match fate(trimmed, next, &words) {
            None => {
                out.push_str(line);
                out.push('\n');
                rest = after;
            }
            Some(fate) => {
                let hyphen = trimmed.chars().next_back().map_or(0, char::len_utf8);
                let kept = if fate == Fate::Keep { trimmed.len() } else { trimmed.len() - hyphen };
                out.push_str(trimmed.get(..kept).unwrap_or_default());
                rest = next;
            }
        }
    }
    out.push_str(rest);
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The parts are one word.
    Join,
    /// The hyphen is the word's own.
    Keep,
}

/// The words of a page.
struct Words(HashSet<String>);

impl Words {
    fn of(text: &str) -> Self {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\u{2010}');
        let words = text.split(|c: char| !is_part(c)).filter(|word| !word.is_empty());
        Self(words.map(|word| word.to_lowercase().replace('\u{2010}', "-")).collect())
    }

    fn has(&self, word: &str) -> bool {
        self.0.contains(&word.to_lowercase())
    }
}

/// What becomes of the end of a line before another one; none where it ends in no broken word.
fn fate(line: &str, next: &str, words: &Words) -> Option<Fate> {
    let hyphen = line.chars().next_back().filter(|c| matches!(c, '-' | '\u{2010}' | '\u{ad}'))?;
    let before = line.get(..line.len() - hyphen.len_utf8())?;
    let left = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let right = next.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if hyphen == '\u{ad}' {
        return Some(Fate::Join);
    }
    let whole = words.has(&format!("{left}{right}"));
    let hyphened = words.has(&format!("{left}-{right}"));
    Some(match (whole, hyphened) {
        (true, false) => Fate::Join,
        (false, true) => Fate::Keep,
        _ if has_own_hyphen(before, left, next, right) => Fate::Keep,
        _ => Fate::Join,
    })
}

/// Whether the parts look like those of a word with a hyphen of its own.
fn has_own_hyphen(before: &str, left: &str, next: &str, right: &str) -> bool {
    let is_upper = |word: &str| word.chars().all(|c| !c.is_lowercase());
    let more_before = before.strip_suffix(left).is_some_and(|rest| rest.ends_with(['-', '\u{2010}']));
    let more_after = next.strip_prefix(right).is_some_and(|rest| rest.starts_with(['-', '\u{2010}']));
    let digits = left.chars().chain(right.chars()).any(char::is_numeric);
    let begins_upper = right.starts_with(char::is_uppercase) && !is_upper(left);
    left.chars().count() == 1
        || digits
        || begins_upper
        || (is_upper(left) && !is_upper(right))
        || more_before
        || more_after
        || PREFIXES.contains(&left.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_words_are_whole_and_hyphens_of_their_own_stay() {
        for (text, expect) in [
            ("an exam-\nple of it", "an example of it"),
            ("an exam\u{ad}\nple", "an example"),
            ("an exam-  \n   ple", "an example"),
            ("Donaudampf\u{2010}\nschiff", "Donaudampfschiff"),
            ("a well-\nknown fact", "a well-known fact"),
            ("an e-\nmail to me", "an e-mail to me"),
            ("COVID-\n19 and", "COVID-19 and"),
            ("from 2019-\n2020 on", "from 2019-2020 on"),
            ("Frau Müller-\nLüdenscheidt", "Frau Müller-Lüdenscheidt"),
            ("a state-of-\nthe-art tool", "a state-of-the-art tool"),
            ("EU-\nweit", "EU-weit"),
            ("MANAGE-\nMENT", "MANAGEMENT"),
            ("a multi-\ncast and a multicast", "a multicast and a multicast"),
            ("data-\nbase, a data-base", "data-base, a data-base"),
            ("a list:\n- one\n- two", "a list:\n- one\n- two"),
            ("a dash -\nand more", "a dash -\nand more"),
            ("no hyphen\nhere", "no hyphen\nhere"),
            ("ends in-\n", "ends in-\n"),
        ] {
            assert_eq!(joined(text), expect, "{text:?}");
        }
    }
}
