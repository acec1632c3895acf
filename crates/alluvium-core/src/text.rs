//! The one normalization of text, applied to every format alike before anything counts or hashes it.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Version of the rules below; part of the generation's fingerprint.
pub const NORMALIZATION: &str = "nfc-1";

/// NFC; `\r\n` and lone `\r` become `\n`; other control characters (but tab and line feed), byte-order
/// marks, NUL and lone format controls that hide in documents are dropped; form feeds become line
/// feeds. Idempotent.
pub fn normalize(text: &str) -> String {
    let cleaned = clean(text);
    if is_nfc(&cleaned) { cleaned } else { cleaned.nfc().collect() }
}

fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\n' | '\t' => out.push(c),
            '\u{feff}' | '\u{ad}' | '\u{200b}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Converts byte offsets of `text` into code points. Each costs what lies between it and the one before.
pub struct CodePoints<'t> {
    text: &'t str,
    byte: usize,
    points: usize,
}

impl<'t> CodePoints<'t> {
    /// Starts at the front of `text`.
    pub fn new(text: &'t str) -> Self {
        Self { text, byte: 0, points: 0 }
    }

    /// How many code points precede `byte`.
    pub fn at(&mut self, byte: usize) -> usize {
        let count = |range: Range<usize>| self.text.get(range).map_or(0, |s| s.chars().count());
        self.points = match byte < self.byte {
            true => self.points.saturating_sub(count(byte..self.byte)),
            false => self.points + count(self.byte..byte),
        };
        self.byte = byte;
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_the_same_text() {
        assert_eq!(normalize("\u{feff}e\u{301}\r\nx\u{0}y\rz\u{7}"), "é\nxy\nz");
        assert_eq!(normalize("tab\tand\u{c}page"), "tab\tand\npage");
    }

    #[test]
    fn normalizing_twice_changes_nothing() {
        for text in ["\u{1100}\u{ad}\u{1161}", "a\r\r\nb", "e\u{200b}\u{301}"] {
            assert_eq!(normalize(&normalize(text)), normalize(text));
        }
    }

    #[test]
    fn code_points_count_characters() {
        let mut points = CodePoints::new("aéb");
        assert_eq!((points.at(0), points.at(3), points.at(4), points.at(1)), (0, 2, 3, 1));
    }
}
