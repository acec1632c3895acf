//! The one normalization of text, applied to every format alike before anything counts or hashes it.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The name of the rules in the generation's fingerprint. It stays as it is when rules are added, because
/// another would make every index one of another generation; [`VERSION`] moves.
pub const NORMALIZATION: &str = "nfc-1";

/// Version of the rules below; part of the pipeline's fingerprint, so that documents are read again once.
pub const VERSION: &str = "2";

mod fold;

/// The one form of texts and queries. Idempotent and linear.
///
/// NFC; line ends are `\n`; control characters, invisible format characters and variation selectors are
/// dropped, but for joiners that a script spells with and those of emoji; presentation forms, ligatures,
/// radicals and halfwidth and fullwidth letters become ordinary letters. What readers tell apart stays:
/// superscripts, fractions, circled numbers, Roman numerals, and fullwidth punctuation, which is Chinese
/// and Japanese punctuation and must never become markup.
pub fn normalize(text: &str) -> String {
    let text = composed(fold::folded(text));
    match fold::undotted(&text) {
        Some(undotted) => composed(undotted),
        None => text,
    }
}

/// [`normalize`] for what people type or paste into one line of a search: fullwidth punctuation is that of
/// an input method, and white space of any kind is a space.
pub fn normalize_query(text: &str) -> String {
    let typed: String = normalize(text).chars().map(fold::punctuation).collect();
    typed.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn composed(text: String) -> String {
    if is_nfc(&text) { text } else { text.nfc().collect() }
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
    fn presentation_forms_become_letters() {
        for (shaped, plain) in [
            ("ﺍﻟﺴﻼﻡ", "السلام"),
            ("ﷲ ﻻ", "الله لا"),
            ("ﺏ\u{fe70}\u{fe77}", "ب\u{64b}\u{64e}"),
            ("ﬁnal oﬃce ﬅ", "final office st"),
            ("ﬓ", "մն"),
            ("שּׁ ﬡ ﭏ", "שּׁ א אל"),
            ("ｶﾞｲﾄﾞ ﾌﾟﾗﾝ｡", "ガイド プラン。"),
            ("ＡＢＣ１２３", "ABC123"),
            ("ﾡￂￜ", "ㄱㅏㅣ"),
            ("⼈⼝", "人口"),
            ("\u{f900}", "豈"),
            ("5 µm, 300 \u{212a}, 2 \u{2126}", "5 μm, 300 K, 2 Ω"),
            ("i\u{307}stanbul", "istanbul"),
        ] {
            assert_eq!(normalize(shaped), normalize(plain), "{shaped}");
            assert_eq!(normalize(plain).chars().count(), plain.nfc().count(), "{plain} stays");
        }
    }

    #[test]
    fn invisible_characters_are_dropped_inside_words() {
        let hidden = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\
                      \u{202a}\u{202e}\u{2060}\u{2063}\u{2066}\u{2069}\u{206a}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\
                      \u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e007f}\u{e0100}\u{e01ef}\u{fffe}";
        for c in hidden.chars() {
            assert_eq!(normalize(&format!("wo{c}rd {c}語{c}彙{c}")), "word 語彙", "{:x}", u32::from(c));
        }
        assert_eq!(normalize(&format!("a{hidden}b")), "ab");
    }

    #[test]
    fn what_a_script_or_a_reader_needs_stays() {
        for text in [
            "می\u{200c}روم",
            "क्\u{200d}ष",
            "ශ්\u{200d}රී",
            "👩\u{200d}💻 👩🏽\u{200d}💻",
            "ᠮᠠ\u{180b}ᠷᠢ\u{180e}ᠠ",
            "x² ½ ① Ⅳ ™ ㅋㅋ",
            "你好，世界！（＃１＝＞）",
        ] {
            let kept = text.replace('１', "1");
            assert_eq!(normalize(text), kept);
        }
        assert_eq!(normalize("می\u{200c}\u{200c}\u{200d}\u{ad}روم\u{200c} x"), "می\u{200c}روم x");
        assert_eq!(normalize("❤\u{fe0f} 1\u{fe0f}\u{20e3}"), "❤ 1\u{20e3}");
    }

    #[test]
    fn a_query_is_one_line_as_its_twin_would_be_typed() {
        for (pasted, typed) in [
            ("Ｗｈａｔ　ｉｓ　ｉｔ？", "What is it?"),
            (" soft\u{ad}ware\u{a0}\r\n\t tools ", "software tools"),
            ("cafe\u{301}", "café"),
            ("\u{202b}שלום\u{202c}", "שלום"),
        ] {
            assert_eq!(normalize_query(pasted), normalize_query(typed));
            assert_eq!(normalize_query(typed), typed);
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing() {
        for text in ["\u{1100}\u{ad}\u{1161}", "a\r\r\nb", "e\u{200b}\u{301}"] {
            assert_eq!(normalize(&normalize(text)), normalize(text));
        }
        let odd: Vec<char> =
            "ai\u{307}\u{301}\u{323}\u{345}\r\n\u{200c}\u{200d}\u{ad}मक\u{94d}بﻻ\u{fe70}\u{64b}👩\u{1f3fd}\
                              \u{fe0f}ᠮ\u{180b}\u{1100}\u{1161}\u{1160}ｶﾞﾡ\u{f900}שּ\u{5c1}"
                .chars()
                .collect();
        for a in &odd {
            for b in &odd {
                for c in &odd {
                    for d in &odd {
                        let text: String = [*a, *b, *c, *d].iter().collect();
                        let once = normalize(&text);
                        assert_eq!(normalize(&once), once, "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn code_points_count_characters() {
        let mut points = CodePoints::new("aéb");
        assert_eq!((points.at(0), points.at(3), points.at(4), points.at(1)), (0, 2, 3, 1));
    }
}
