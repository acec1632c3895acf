//! Pieces into one text with offsets.

use alluvium_core::change::MediaType;
use alluvium_core::extract::{Component, Extracted, Heading};
use alluvium_core::text::normalize;

use crate::outcome::{Meta, Piece, is_blank, one_line};

/// Between two pages; a page is never glued to the next, so normalization can't reach across.
const PAGE_BREAK: &str = "\n\n";

/// Checks a piece from a worker: normalized text, ordered headings on line starts within it.
pub(super) fn is_sound(piece: &Piece) -> bool {
    let mut last = 0;
    let ordered = piece.headings.iter().all(|heading| {
        let sound = heading.start >= last
            && piece.text.is_char_boundary(heading.start)
            && (1..=6).contains(&heading.level)
            && one_line(&heading.title).as_deref() == Some(heading.title.as_str());
        last = heading.start;
        sound
    });
    ordered && normalize(&piece.text) == piece.text
}

/// A document in one piece.
pub(super) fn whole(piece: Piece, meta: Meta, media_type: MediaType, extractor: Component) -> Extracted {
    let headings = piece.headings.into_iter();
    Extracted {
        text: piece.text,
        media_type,
        pages: Vec::new(),
        headings: headings.map(|h| Heading { start: h.start, level: h.level, title: h.title }).collect(),
        title: meta.title.as_deref().and_then(one_line),
        language: meta.language.as_deref().and_then(one_line),
        extractor,
        partial: meta.partial,
        notes: meta.notes,
        metadata: own_metadata(meta.metadata),
    }
}

/// Entries of a document's own metadata, bounded: a worker has read a hostile document.
fn own_metadata(entries: Vec<String>) -> Vec<String> {
    const MOST: usize = 64;
    const LONGEST: usize = 512;
    let sound = |entry: &String| {
        let key = entry.split_once('=').map_or("", |(key, _)| key);
        entry.len() <= LONGEST && !key.is_empty() && key.trim() == key && !entry.chars().any(char::is_control)
    };
    entries.into_iter().filter(sound).take(MOST).collect()
}

/// A document in pages. A blank page starts where the text before it ends.
pub(super) fn pages(pieces: Vec<Piece>, meta: Meta, extractor: Component) -> Extracted {
    let mut text = String::new();
    let (mut starts, mut headings) = (Vec::with_capacity(pieces.len()), Vec::new());
    for piece in pieces {
        let blank = is_blank(&piece.text);
        if !blank && !text.is_empty() {
            text.push_str(PAGE_BREAK);
        }
        // The first page starts at 0, whatever comes before its text.
        let start = text.len();
        starts.push(start);
        if blank {
            continue;
        }
        let shifted = piece.headings.into_iter();
        headings.extend(shifted.map(|h| Heading { start: start + h.start, level: h.level, title: h.title }));
        text.push_str(&piece.text);
    }
    Extracted {
        text,
        media_type: MediaType::Pdf,
        pages: starts,
        headings,
        title: meta.title.as_deref().and_then(one_line),
        language: meta.language.as_deref().and_then(one_line),
        extractor,
        partial: meta.partial,
        notes: meta.notes,
        metadata: own_metadata(meta.metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::PieceHeading;

    fn page(text: &str) -> Piece {
        Piece { text: text.to_owned(), ..Piece::default() }
    }

    #[test]
    fn pages_start_where_they_say() {
        let pieces = ["", "one", "", "two", ""].map(page).to_vec();
        let made = pages(pieces, Meta::default(), Component::new("x", "1"));
        assert_eq!(made.text, "one\n\ntwo");
        assert_eq!(made.pages, [0, 0, 3, 5, 8]);
        assert_eq!(made.page_span(&(0..3)), Some((2, 2)));
        assert_eq!(made.page_span(&(5..8)), Some((4, 4)));
    }

    #[test]
    fn a_piece_with_bad_offsets_is_not_believed() {
        let with = |start, level, title: &str| Piece {
            headings: vec![PieceHeading { start, level, title: title.to_owned() }],
            ..page("né")
        };
        assert!(is_sound(&with(1, 1, "x")));
        assert!(!is_sound(&with(2, 1, "x")), "inside a character");
        assert!(!is_sound(&with(9, 1, "x")), "behind the end");
        assert!(!is_sound(&with(0, 0, "x")) && !is_sound(&with(0, 1, "x\ny")));
        assert!(!is_sound(&page("e\u{301}")), "not normalized");
    }
}
