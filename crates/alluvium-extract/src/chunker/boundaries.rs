//! Places where text may be cut, with their ranks.
//!
//! Everything here looks at the text around one place only: that is what keeps cuts where they are when
//! the text elsewhere changes.

use std::ops::Range;

use alluvium_core::extract::Extracted;
use alluvium_core::stop::Stop;
use unicode_segmentation::UnicodeSegmentation;

use super::outline::Outline;
use super::segment::Boundary;
use super::sentences;
use super::sizer::Limit;
use super::work;

/// Blanks between words of a sentence that is longer than a chunk.
const WORD: u8 = 0;
/// A line break within a sentence.
const WRAP: u8 = 1;
/// The end of a sentence.
const SENTENCE: u8 = 2;
/// The end of a line that ends a sentence, too: as likely as not the end of a paragraph.
pub(super) const LINE: u8 = 3;
/// A list item or a row of a table.
const ITEM: u8 = 4;
/// A blank line.
const BLOCK: u8 = 5;
/// A heading of level 6; outer ones rank higher.
const HEADING: u8 = 6;

/// How much text around a boundary gives it its rank: short, so that an edit further into a paragraph
/// leaves the boundary before it as it was.
const CONTEXT: usize = 40;

/// All boundaries of a text whose tokens are `tokens`, in order; those between words only where nothing
/// else cuts the text down to `limit`. Incomplete where `stop` was set.
pub(super) fn boundaries(
    extracted: &Extracted,
    tokens: &[Range<usize>],
    limit: Limit,
    stop: &Stop,
) -> Vec<Boundary> {
    let text = extracted.text.as_str();
    let strong = sentences_and_up(text, &Outline::of(extracted), tokens, stop);
    let mut all = Vec::with_capacity(strong.len());
    let (mut byte, mut before) = (text.len() - text.trim_start().len(), 0);
    let length = text.len();
    let end =
        Boundary { end: text.trim_end().len(), byte: length, tokens: tokens.len(), tier: BLOCK, key: 0 };
    for boundary in strong.iter().chain([&end]).take_while(|_| !stop.is_set()) {
        if !limit.holds(boundary.tokens - before, boundary.end.saturating_sub(byte)) {
            words(text, byte..boundary.byte, tokens, &mut all);
        }
        (byte, before) = (boundary.byte, boundary.tokens);
        all.push(*boundary);
    }
    all.pop();
    all
}

/// The blanks within a span, and the places between signs and between words of scripts that have none.
fn words(text: &str, span: Range<usize>, tokens: &[Range<usize>], found: &mut Vec<Boundary>) {
    work::done(span.len());
    let piece = text.get(span.clone()).unwrap_or_default();
    let parts = |word: &str| word.starts_with(|c: char| c.is_whitespace() || is_unspaced(c));
    let bounds = piece.split_word_bound_indices().filter(|(_, word)| parts(word));
    let mut places: Vec<usize> = bounds.map(|(at, _)| span.start + at).collect();
    let first = tokens.partition_point(|token| token.start < span.start);
    let inside = tokens.get(first..).unwrap_or_default().iter().take_while(|token| token.start < span.end);
    places.extend(inside.map(|token| token.start).filter(|start| is_at_unspaced_word(text, *start)));
    places.sort_unstable();
    let mut seen = span.start;
    for at in places {
        if at <= seen {
            continue;
        }
        let Some(place) = Place::at(text, at) else { break };
        seen = place.byte;
        if place.byte >= span.end {
            break;
        }
        found.push(place.boundary(text, tokens, WORD));
    }
}

/// Kana and ideographs. (`text-splitter` knows words among them, at a price that a long text can't pay.)
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a token that starts here is of a script that parts words by no blanks and has more than one sign a
/// word: there a tokenizer's words are all that there is to cut at.
fn is_at_unspaced_word(text: &str, start: usize) -> bool {
    let letter = text.get(start..).and_then(|rest| rest.chars().next());
    letter.is_some_and(|c| {
        matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{1aaf}'
        | '\u{1b00}'..='\u{1b7f}' | '\u{a980}'..='\u{aadf}')
    })
}

fn sentences_and_up(text: &str, outline: &Outline, tokens: &[Range<usize>], stop: &Stop) -> Vec<Boundary> {
    let mut places = Places { outline, heading: 0, solid: 0 };
    let mut found: Vec<Boundary> = Vec::new();
    let mut seen = text.len() - text.trim_start().len();
    for unit in sentences::starts(text).take_while(|_| !stop.is_set()) {
        // Several breaks within one run of blanks are one place, looked at once.
        if unit <= seen {
            continue;
        }
        // Nothing but blanks is left.
        let Some(place) = Place::at(text, unit) else { break };
        if place.byte <= seen {
            continue;
        }
        seen = place.byte;
        let Some(tier) = places.tier(text, &place) else { continue };
        found.push(place.boundary(text, tokens, tier));
    }
    found
}

/// A gap between two units of text.
struct Place {
    /// The end of the text before it.
    end: usize,
    /// The start of the text after it.
    byte: usize,
    /// Line feeds in it.
    feeds: usize,
}

impl Place {
    /// The gap around a byte; `None` at the ends of the text.
    fn at(text: &str, byte: usize) -> Option<Self> {
        let (before, after) = text.split_at_checked(byte)?;
        let end = before.trim_end().len();
        let start = byte + (after.len() - after.trim_start().len());
        work::done(start - end);
        if end == 0 || start == text.len() {
            return None;
        }
        let feeds = text.get(end..start)?.bytes().filter(|b| *b == b'\n').count();
        Some(Self { end, byte: start, feeds })
    }

    fn boundary(&self, text: &str, tokens: &[Range<usize>], tier: u8) -> Boundary {
        let before = tokens.partition_point(|token| token.start < self.byte);
        Boundary { end: self.end, byte: self.byte, tokens: before, tier, key: key(text, self) }
    }
}

/// Walks along the outline as places ascend.
struct Places<'o> {
    outline: &'o Outline,
    heading: usize,
    solid: usize,
}

impl Places<'_> {
    /// The rank of a place; `None` where no cut may be: inside of a heading, and between a heading and
    /// what it is a heading of.
    fn tier(&mut self, text: &str, place: &Place) -> Option<u8> {
        let above = self.heading_right_above(place);
        if let Some(heading) = self.outline.headings.get(self.heading)
            && heading.lines.contains(&place.byte)
        {
            let first = place.end <= heading.lines.start;
            // A deeper heading right under an outer one belongs to it.
            let free = above.is_none_or(|outer| outer >= heading.level);
            return (first && free).then(|| HEADING + 6u8.saturating_sub(heading.level));
        }
        if above.is_some() {
            return None;
        }
        let by_lines = by_lines(text, place);
        if self.outline.items.contains(&place.byte) {
            return Some(by_lines.max(ITEM));
        }
        Some(if self.in_solid(place.byte) { by_lines.min(LINE) } else { by_lines })
    }

    /// Moves past the headings that end before the place; the level of the last one, where no text has
    /// followed it yet.
    fn heading_right_above(&mut self, place: &Place) -> Option<u8> {
        let mut above = None;
        while let Some(heading) =
            self.outline.headings.get(self.heading).filter(|h| h.lines.end <= place.byte)
        {
            above = (place.end <= heading.lines.end).then_some(heading.level);
            self.heading += 1;
        }
        above
    }

    fn in_solid(&mut self, byte: usize) -> bool {
        while self.outline.solid.get(self.solid).is_some_and(|range| range.end <= byte) {
            self.solid += 1;
        }
        self.outline.solid.get(self.solid).is_some_and(|range| range.start < byte)
    }
}

fn by_lines(text: &str, place: &Place) -> u8 {
    let before = text.get(..place.end).and_then(|t| t.chars().next_back());
    let after = text.get(place.byte..).and_then(|t| t.chars().next());
    let ends = before.is_some_and(ends_sentence);
    match place.feeds {
        0 => SENTENCE,
        1 if is_wrapped(text, place) => {
            if ends {
                SENTENCE
            } else {
                WRAP
            }
        }
        1 if ends => LINE,
        1 if after.is_some_and(char::is_lowercase) => WRAP,
        1 => SENTENCE,
        _ => BLOCK,
    }
}

/// Whether a line was broken for its width: the next word would not have fitted, going by the lines around.
/// Such breaks move with every edit before them, so they must not outrank the ends of sentences.
fn is_wrapped(text: &str, place: &Place) -> bool {
    let (before, after) =
        (text.get(..place.end).unwrap_or_default(), text.get(place.byte..).unwrap_or_default());
    let mut above = before.rsplit('\n').map(str::len);
    let (this, previous) = (above.next().unwrap_or(0), above.next().unwrap_or(0));
    let next = after.split('\n').next().unwrap_or_default();
    let word = next.split(char::is_whitespace).next().unwrap_or_default();
    work::done(this + previous + next.len());
    this + 1 + word.len() > previous.max(next.len())
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ':' | ';' | '…' | '。' | '！' | '？' | '」' | '”' | '"' | ')' | '؟' | '।')
}

/// Pseudo-random rank out of the text right after a boundary and, where that is the same elsewhere, of the
/// text right before it. Blanks and line breaks are left out: they move when a paragraph is wrapped anew.
fn key(text: &str, place: &Place) -> u64 {
    let after = text.get(place.byte..).unwrap_or_default();
    let before = text.get(..place.end).unwrap_or_default();
    let visible = |c: &char| !c.is_whitespace();
    let after = after.chars().take(2 * CONTEXT).filter(visible).take(CONTEXT);
    let before = before.chars().rev().take(2 * CONTEXT).filter(visible).take(CONTEXT);
    (hash(after) & !0xffff) | (hash(before) & 0xffff)
}

/// FNV-1a with a finalizer. It must never change: cuts in every index depend on it.
fn hash(text: impl Iterator<Item = char>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for c in text {
        hash = (hash ^ u64::from(c as u32)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}
