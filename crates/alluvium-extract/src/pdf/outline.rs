//! Headings of a PDF, out of its outline: bookmarks that name a page, found again in the page's text.

use std::collections::HashMap;

use pdfboss_core::destination::DestinationPage;
use pdfboss_core::{Document, ObjRef, OutlineItem};

use crate::outcome::{PieceHeading, one_line};

/// More bookmarks than a book has; beyond lies nonsense.
const MAX_ITEMS: usize = 10_000;

/// Bookmarks by the page they lead to, in their order.
#[derive(Debug, Default)]
pub(super) struct Outline {
    by_object: HashMap<ObjRef, Vec<(u8, String)>>,
    by_number: HashMap<usize, Vec<(u8, String)>>,
}

impl Outline {
    /// Reads the bookmarks of a document.
    pub(super) fn of(document: &Document) -> Self {
        let mut outline = Self::default();
        let mut open: Vec<(u8, OutlineItem)> = document.outline().into_iter().rev().map(|i| (1, i)).collect();
        let mut seen = 0;
        while let Some((level, item)) = open.pop() {
            seen += 1;
            if seen > MAX_ITEMS {
                break;
            }
            if let (Some(to), Some(title)) = (item.destination, one_line(&item.title)) {
                let entry = (level.min(6), title);
                match to.page {
                    DestinationPage::Object(page) => outline.by_object.entry(page).or_default().push(entry),
                    DestinationPage::Number(page) => {
                        outline.by_number.entry(page as usize).or_default().push(entry);
                    }
                }
            }
            open.extend(item.children.into_iter().rev().map(|child| (level.saturating_add(1), child)));
        }
        outline
    }

    /// The headings on a page: each at the line that holds its title, after the one before it; at the
    /// start of the page where no line does.
    pub(super) fn headings_on(&self, index: usize, page: Option<ObjRef>, text: &str) -> Vec<PieceHeading> {
        let by_object = page.and_then(|page| self.by_object.get(&page));
        let items = by_object.into_iter().chain(self.by_number.get(&index)).flatten();
        let mut headings: Vec<PieceHeading> = Vec::new();
        let lines = lines(text);
        let mut from = 0;
        for (level, title) in items {
            let wanted = letters(title);
            let found = lines.iter().enumerate().skip(from).find(|(_, (_, line))| matches(line, &wanted));
            let start = match found {
                Some((at, (start, _))) => {
                    from = at + 1;
                    *start
                }
                None => headings.last().map_or(0, |h| h.start),
            };
            headings.push(PieceHeading { start, level: *level, title: title.clone() });
        }
        headings
    }
}

/// The lines of a page with their offsets, in letters only.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        lines.push((start, letters(line)));
        start += line.len();
    }
    lines
}

/// Letters and digits in lower case: printed headings differ from bookmarks in blanks and numbering dots.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A line that is the title, perhaps numbered, or that begins a title which goes on on the next line.
fn matches(line: &str, title: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_numeric());
    let long_enough = line.chars().count() >= 12;
    !title.is_empty() && (line == title || numbered == title || (long_enough && title.starts_with(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_are_found_in_the_text() {
        let items = ["1 Scope", "Not printed", "2.1 Terms"].map(|t| (1, t.to_owned())).to_vec();
        let outline = Outline { by_number: HashMap::from([(0, items)]), ..Outline::default() };
        let text = "running head\n1. Scope\nwords\n2.1  Terms\nwords";
        let starts: Vec<_> = outline.headings_on(0, None, text).iter().map(|h| &text[h.start..]).collect();
        assert!(starts[0].starts_with("1. Scope") && starts[1].starts_with("1. Scope"));
        assert!(starts[2].starts_with("2.1  Terms"));
        assert!(outline.headings_on(1, None, text).is_empty());
    }
}
