//! The starts of sentences by Unicode's rules (UAX 29), in time that does not depend on what the text is.
//!
//! `unicode-segmentation` looks ahead anew at every character after a full stop: quadratic in a run of blanks
//! or of brackets. So it gets the text in windows. They begin where the rules remember nothing of what came
//! before, at the start of a line or between two letters, and what it says of a whole text is what it says of
//! its windows. Only a stretch without any such place is cut elsewhere.

use unicode_segmentation::UnicodeSegmentation;

use super::work;

/// A window ends at the first good place after so many bytes,
const TARGET: usize = 512;
/// and after so many more at any character.
const SLACK: usize = 2048;

/// The bytes at which sentences start, ascending, the first at 0. A line break ends a sentence, too.
pub(super) fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    let windows = std::iter::from_fn(move || {
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        let window = rest.get(..window(rest)).unwrap_or(rest);
        let start = from;
        from += window.len();
        Some((start, window))
    });
    windows.flat_map(move |(start, window)| {
        work::done(window.len());
        // The first start is one of the window's, not of the text's, unless a line starts there.
        let is_line = start == 0 || text.as_bytes().get(start - 1) == Some(&b'\n');
        let starts = window.split_sentence_bound_indices().map(move |(at, _)| start + at);
        starts.skip(usize::from(!is_line))
    })
}

/// The length of the first window of `rest`.
fn window(rest: &str) -> usize {
    if rest.len() <= TARGET {
        return rest.len();
    }
    let target = rest.ceil_char_boundary(TARGET);
    let mut before = rest.get(..target).and_then(|head| head.chars().next_back()).unwrap_or('\n');
    for (at, c) in rest.get(target..).unwrap_or_default().char_indices() {
        if before == '\n' || (is_plain(before) && is_plain(c)) || at >= SLACK {
            return target + at;
        }
        before = c;
    }
    rest.len()
}

/// Letters that no rule joins to what stands before them.
fn is_plain(c: char) -> bool {
    match c {
        '\u{345}' => false,
        'ぁ'..='ゖ' | 'ァ'..='ヺ' | '㐀'..='䶿' | '一'..='鿿' | '가'..='힣' => true,
        'א'..='ת' | 'ء'..='غ' | 'ف'..='ي' | 'अ'..='ह' | 'ก'..='ฮ' | 'ក'..='អ' => true,
        c => c.is_lowercase() || c.is_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Vec<usize> {
        text.split_sentence_bound_indices().map(|(at, _)| at).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn windows_say_what_the_whole_says(
            text in "([A-Za-zäß漢あกا]{1,12}[ ,.!?:;)\"0-9。\t]{0,4}|\n|\n\n|e\u{301}|U.S. |3.5 ){0,900}",
        ) {
            prop_assert_eq!(starts(&text).collect::<Vec<_>>(), whole(&text));
        }
    }

    #[test]
    fn stretches_without_a_good_place_are_cut_all_the_same() {
        for unit in [" ", ")", "\u{301}", ". ", "「」", "1"] {
            let text = format!("One.{}Two.", unit.repeat(40_000));
            let found: Vec<usize> = starts(&text).collect();
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{unit:?}");
            assert!(found.iter().all(|at| text.is_char_boundary(*at)), "{unit:?}");
        }
    }
}
