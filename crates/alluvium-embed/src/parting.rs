//! Parting words that a tokenizer does not know because their script puts no spaces between words.
//!
//! A word-piece model takes what stands between two spaces for a word, and one that is too long or has one
//! strange letter for `[UNK]`: a page of Thai or of kana is a single unknown token to it, and all such pages
//! are alike. Parted by dictionary, it is as many words as people read in it, and those that the model knows
//! count. Only unknown words are parted, so that whatever the model could read stays as it is.

use std::ops::Range;
use std::sync::LazyLock;

use icu_segmenter::options::WordBreakInvariantOptions;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};
use unicode_segmentation::UnicodeSegmentation;

/// Most bytes of a part. What no dictionary has a word in is parted between letters; word-piece models take
/// nothing of more than a hundred letters.
const MOST_BYTES: usize = 192;

static WORDS: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()));

/// The scripts that put no spaces between words, as ranges of characters.
const UNSPACED: [Range<u32>; 14] = [
    0x0e00..0x1000,   // Thai, Lao, Tibetan
    0x1000..0x10a0,   // Myanmar
    0x1780..0x1800,   // Khmer
    0x1950..0x1a00,   // Tai Le, New Tai Lue, Khmer symbols
    0x1a20..0x1ab0,   // Tai Tham
    0x1b00..0x1b80,   // Balinese
    0x3005..0x3008,   // marks of ideographs
    0x3040..0x3130,   // kana, bopomofo
    0x31f0..0x3200,   // small kana
    0x3400..0xa4d0,   // ideographs, Yi
    0xa980..0xaae0,   // Javanese, Myanmar, Tai Viet
    0xf900..0xfb00,   // ideographs for compatibility
    0xff66..0xffa0,   // halfwidth kana
    0x20000..0x40000, // more ideographs
];

fn is_unspaced(c: char) -> bool {
    UNSPACED.iter().any(|range| range.contains(&u32::from(c)))
}

/// Where a word that the model does not know is to be parted: bytes inside of it, ascending. None where its
/// script puts spaces between words.
pub(crate) fn places(word: &str) -> Vec<usize> {
    if word.is_ascii() || !word.chars().any(is_unspaced) {
        return Vec::new();
    }
    let mut places = Vec::new();
    let mut start = 0;
    for end in WORDS.segment_str(word).skip(1) {
        places.extend(within(word, start..end));
        places.push(end);
        start = end;
    }
    places.retain(|place| (1..word.len()).contains(place));
    places
}

/// Places within a part that is too long for one.
fn within(word: &str, part: Range<usize>) -> Vec<usize> {
    let mut places = Vec::new();
    if part.len() <= MOST_BYTES {
        return places;
    }
    let mut last = part.start;
    let text = word.get(part.clone()).unwrap_or_default();
    for (at, letter) in text.grapheme_indices(true) {
        let start = part.start + at;
        if start > last && start + letter.len() - last > MOST_BYTES {
            places.push(start);
            last = start;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(word: &str) -> Vec<&str> {
        let places = places(word);
        let starts = std::iter::once(0).chain(places.iter().copied());
        let ends = places.iter().copied().chain([word.len()]);
        starts.zip(ends).map(|(start, end)| word.get(start..end).unwrap()).collect()
    }

    #[test]
    fn words_are_those_of_the_dictionary() {
        assert_eq!(parted("แมวกินปลา"), ["แมว", "กิน", "ปลา"]);
        assert_eq!(parted("ឆ្មាស៊ីត្រី").concat(), "ឆ្មាស៊ីត្រី");
        assert!(parted("ឆ្មាស៊ីត្រី").len() > 1);
        assert!(parted("ねこがさかなをたべる").len() > 2);
        assert!(parted("ภาษาไทยabc").contains(&"abc"));
    }

    #[test]
    fn scripts_with_spaces_stay_whole() {
        for word in ["Donaudampfschifffahrtsgesellschaft", "🙂🙂", "ªbc", "привет", "가나다", "नमस्ते"]
        {
            assert_eq!(parted(word), [word]);
        }
        assert_eq!(parted(&"x".repeat(5_000)).len(), 1);
    }

    #[test]
    fn parts_are_bounded_whatever_the_dictionary_has() {
        for letter in ["ア", "ꦄ", "ᨠ", "กั", "ཀ", "가ア"] {
            let word = letter.repeat(3_000);
            let parts = parted(&word);
            assert_eq!(parts.concat(), word);
            assert!(parts.iter().all(|part| (1..=MOST_BYTES).contains(&part.len())), "{letter}");
        }
    }
}
