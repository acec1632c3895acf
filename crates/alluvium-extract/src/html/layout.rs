//! Text laid out in blocks: collects runs of text with the gaps between them, and knows where in the
//! finished, normalized text each heading starts.

use alluvium_core::text::normalize;

use crate::outcome::{PieceHeading, one_line};

/// What separates two runs of text; the wider one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    Space,
    Cell,
    Line,
    Block,
}

/// The text so far.
pub(super) struct Layout {
    /// Finished blocks, normalized and joined by blank lines.
    text: String,
    headings: Vec<PieceHeading>,
    /// The block under construction: raw, so that it can be normalized as a whole.
    block: String,
    /// The level, where the block under construction is a heading.
    level: Option<u8>,
    gap: Gap,
}

impl Layout {
    pub(super) fn new() -> Self {
        Self { text: String::new(), headings: Vec::new(), block: String::new(), level: None, gap: Gap::None }
    }

    /// At least this gap before whatever comes next.
    pub(super) fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Starts a heading.
    pub(super) fn open_heading(&mut self, level: u8) {
        self.finish_block();
        self.level = Some(level);
    }

    /// Ends a heading.
    pub(super) fn close_heading(&mut self) {
        self.finish_block();
    }

    /// Text in which runs of blanks count as one.
    pub(super) fn flowing(&mut self, text: &str) {
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{a0}';
        for (i, word) in text.split(blank).enumerate() {
            if i > 0 {
                self.gap(Gap::Space);
            }
            if !word.is_empty() {
                self.open_gap();
                self.block.push_str(word);
            }
        }
    }

    /// Text whose blanks count as they are.
    pub(super) fn preformatted(&mut self, text: &str) {
        if !text.is_empty() {
            self.open_gap();
            self.block.push_str(text);
        }
    }

    fn open_gap(&mut self) {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        // A heading is one line, whatever it holds.
        if gap == Gap::Block && self.level.is_none() {
            self.finish_block();
        }
        if self.block.is_empty() {
            return;
        }
        match gap {
            Gap::None => {}
            _ if self.level.is_some() => self.block.push(' '),
            Gap::Space => self.block.push(' '),
            Gap::Cell => self.block.push_str(" | "),
            Gap::Line | Gap::Block => self.block.push('\n'),
        }
    }

    fn finish_block(&mut self) {
        self.gap = Gap::None;
        let level = self.level.take();
        let raw = std::mem::take(&mut self.block);
        let block = normalize(&raw);
        let block = block.trim_end().trim_matches('\n');
        if block.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        if let (Some(level), Some(title)) = (level, one_line(block)) {
            self.headings.push(PieceHeading { start: self.text.len(), level, title });
        }
        self.text.push_str(block);
    }

    /// The text and its headings.
    pub(super) fn finish(mut self) -> (String, Vec<PieceHeading>) {
        self.finish_block();
        (self.text, self.headings)
    }
}
