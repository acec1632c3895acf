//! What is known of a text's structure beyond its lines: headings, list items, and ranges whose lines
//! belong together.

use std::collections::HashSet;
use std::ops::Range;

use alluvium_core::change::MediaType;
use alluvium_core::extract::Extracted;
use pulldown_cmark::{Event, Parser, Tag};

use super::work;

/// A heading with the lines that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeadingLines {
    pub(super) lines: Range<usize>,
    pub(super) level: u8,
}

/// Structure of a text, each list in order.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) headings: Vec<HeadingLines>,
    /// Code, tables, raw HTML and front matter: a blank line in them separates nothing.
    pub(super) solid: Vec<Range<usize>>,
    /// Where list items and table rows start.
    pub(super) items: HashSet<usize>,
}

impl Outline {
    /// The structure of extracted text.
    pub(super) fn of(extracted: &Extracted) -> Self {
        if extracted.media_type == MediaType::Markdown {
            return Self::of_markdown(&extracted.text);
        }
        let text = extracted.text.as_str();
        let mut headings: Vec<HeadingLines> = Vec::new();
        let mut end = 0;
        for heading in &extracted.headings {
            // Many may lie on one long line, which is looked at once.
            if heading.start >= end {
                end = line_end(text, heading.start);
            }
            let lines = heading.start..end;
            match headings.last_mut() {
                // Several bookmarks lead to one line: the outermost counts.
                Some(last) if last.lines.start == lines.start => last.level = last.level.min(heading.level),
                _ => headings.push(HeadingLines { lines, level: heading.level }),
            }
        }
        Self { headings, ..Self::default() }
    }

    fn of_markdown(text: &str) -> Self {
        let mut outline = Self::default();
        for (event, range) in Parser::new_ext(text, crate::markdown::options()).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    let level = level as u8;
                    outline.headings.push(HeadingLines { lines: range, level });
                }
                Event::Start(Tag::CodeBlock(_) | Tag::Table(_) | Tag::HtmlBlock | Tag::MetadataBlock(_)) => {
                    outline.solid.push(range);
                }
                Event::Start(Tag::Item | Tag::TableRow | Tag::FootnoteDefinition(_)) => {
                    outline.items.insert(range.start);
                }
                _ => {}
            }
        }
        outline
    }
}

fn line_end(text: &str, start: usize) -> usize {
    let end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| start + length);
    work::done(end.saturating_sub(start));
    end
}
