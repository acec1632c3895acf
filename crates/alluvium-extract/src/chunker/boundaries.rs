//! Places where text may be cut, with their ranks.
//!
//! Everything here looks at the text around one place only: that is what keeps cuts where they are when
//! the text elsewhere changes.

use std::ops::Range;

use alluvium_core::extract::Extracted;
use unicode_segmentation::UnicodeSegmentation;

use super::outline::Outline;
use super::segment::Boundary;

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

/// All boundaries of a text whose tokens are `tokens`, in order.
pub(super) fn boundaries(extracted: &Extracted, tokens: &[Range<usize>]) -> Vec<Boundary> {
    let text = extracted.text.as_str();
    let outline = Outline::of(extracted);
    let mut places = Places { outline: &outline, heading: 0, solid: 0 };
    let mut found: Vec<Boundary> = Vec::new();
    let mut seen = 0;
    for (unit, _) in text.split_sentence_bound_indices() {
        let Some(place) = Place::at(text, unit) else { continue };
        // Several breaks within one run of blanks are one place.
        if place.byte <= seen {
            continue;
        }
        seen = place.byte;
        let Some(tier) = places.tier(text, &place) else { continue };
        let before = tokens.partition_point(|token| token.start < place.byte);
        found.push(Boundary { byte: place.byte, tokens: before, tier, key: key(text, &place) });
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
        if end == 0 || start == text.len() {
            return None;
        }
        let feeds = text.get(end..start)?.bytes().filter(|b| *b == b'\n').count();
        Some(Self { end, byte: start, feeds })
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
        while let Some(heading) = self.outline.headings.get(self.heading).filter(|h| h.lines.end <= place.byte) {
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
    match place.feeds {
        0 => SENTENCE,
        1 if before.is_some_and(ends_sentence) => LINE,
        1 if after.is_some_and(char::is_lowercase) => WRAP,
        1 => SENTENCE,
        _ => BLOCK,
    }
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ':' | ';' | '…' | '。' | '！' | '？' | '」' | '”' | '"' | ')' | '؟' | '।')
}

/// Pseudo-random rank out of the text right after a boundary and, where that is the same elsewhere, of the
/// text right before it.
fn key(text: &str, place: &Place) -> u64 {
    let after = text.get(place.byte..).unwrap_or_default();
    let after = after.chars().take(CONTEXT).take_while(|c| *c != '\n');
    let before = text.get(..place.end).unwrap_or_default();
    let before = before.chars().rev().take(CONTEXT).take_while(|c| *c != '\n');
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
