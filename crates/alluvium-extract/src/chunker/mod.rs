//! Text into chunks, by the model's own tokens.
//!
//! Two steps. [`segment`] cuts the text into segments of at most one chunk at places that its content
//! defines, so that an edit moves only the cuts around it. What has no such place in it (a line of base64)
//! goes through `text-splitter`, in windows.
//!
//! Invariants: no chunk exceeds the limit, special tokens included, which each finished chunk is counted
//! alone for, nor so many bytes a token of it ([`sizer`]), whatever the tokenizer says; none is blank; each is
//! trimmed and slices exactly; the same input gives the same chunks. Whatever the text is, the time is in
//! proportion to its length (tests count: `work`), and it ends soon after it is asked to.
//!
//! A chunk of which the model knows next to nothing has 0 tokens: it is found by words only.
//!
//! Overlap repeats whole sentences before a chunk that starts in running text. A chunk that starts at a
//! heading, a paragraph, a list item or a line of its own needs none, and repeating across such cuts would
//! make many an edit change the neighbour, too.

mod boundaries;
mod outline;
mod ranks;
mod segment;
mod sentences;
mod sizer;
mod work;

use std::ops::Range;

use alluvium_core::change::MediaType;
use alluvium_core::chunk::{Chunk, Chunker};
use alluvium_core::embed::{EmbedError, Tokenizer};
use alluvium_core::extract::{Component, Extracted};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::stop::Stop;
use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter, TryChunkSizer};
use unicode_segmentation::UnicodeSegmentation;

use boundaries::{LINE, boundaries};
use segment::{Boundary, cuts};
use sizer::{ExactSizer, Limit, SliceSizer};

/// The version of `text-splitter`, followed by that of the rules here.
const VERSION: &str = "0.33.1+1";

/// What has changed in cutting since that version, which the generation's fingerprint holds: other cuts of some
/// texts are no other generation, but documents are to be cut anew.
pub fn cutting() -> Component {
    Component::new("cutting", "2")
}

/// A segment keeps at least this part of a chunk on both sides of a cut. Measured: a quarter fills chunks
/// better than none without moving more cuts; a third moves more.
const LEAST: usize = 4;

/// Chunks in a window: see [`Cutter::windows`].
const WINDOW: usize = 4;

/// Settings that can't work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkSettingsError {
    /// There is no room for text.
    #[error("chunks of {max_tokens} tokens have no room for text")]
    NoRoom {
        /// As given.
        max_tokens: usize,
    },
    /// A chunk would repeat all of the one before it.
    #[error("an overlap of {overlap_tokens} tokens needs chunks of more than {max_tokens}")]
    Overlap {
        /// As given.
        max_tokens: usize,
        /// As given.
        overlap_tokens: usize,
    },
}

/// Cuts text by the model's own tokens; Markdown by its structure.
#[derive(Debug, Clone)]
pub struct TokenChunker {
    max_tokens: usize,
    overlap_tokens: usize,
}

impl TokenChunker {
    /// Chunks of at most `max_tokens`, the model's special tokens included, which repeat up to
    /// `overlap_tokens` where a cut goes through running text.
    pub fn new(max_tokens: usize, overlap_tokens: usize) -> Result<Self, ChunkSettingsError> {
        if max_tokens < 2 {
            return Err(ChunkSettingsError::NoRoom { max_tokens });
        }
        if overlap_tokens >= max_tokens {
            return Err(ChunkSettingsError::Overlap { max_tokens, overlap_tokens });
        }
        Ok(Self { max_tokens, overlap_tokens })
    }
}

impl Chunker for TokenChunker {
    fn component(&self) -> Component {
        Component::new("text-splitter", VERSION)
    }

    fn chunk(
        &self,
        extracted: &Extracted,
        tokenizer: &dyn Tokenizer,
        stop: &Stop,
    ) -> Result<Vec<Chunk>, Refusal> {
        let special = tokenizer.special();
        let limit = Limit::new(self.max_tokens.saturating_sub(special));
        if limit.tokens() == 0 {
            let detail = format!("{} tokens a chunk, {special} of them special", self.max_tokens);
            return Err(refusal(detail));
        }
        let text = extracted.text.as_str();
        work::done(text.len());
        let tokens = tokenizer.tokens(text, stop).map_err(failed)?.spans;
        let cutter = Cutter {
            text,
            tokens: &tokens,
            limit,
            overlap: self.overlap_tokens.min(limit.tokens().saturating_sub(1)),
            markdown: extracted.media_type == MediaType::Markdown,
            tokenizer,
            stop,
        };
        let mut chunks = Vec::new();
        for span in cutter.spans(&boundaries(extracted, &tokens, limit, stop))? {
            cutter.verified(span, &mut chunks)?;
        }
        Ok(chunks)
    }
}

fn refusal(detail: impl std::fmt::Display) -> Refusal {
    Refusal::new(Stage::Chunk, Cause::Corrupt, detail)
}

fn failed(error: EmbedError) -> Refusal {
    match error {
        EmbedError::Stopped => stopped(),
        error => refusal(error),
    }
}

fn stopped() -> Refusal {
    Refusal::new(Stage::Chunk, Cause::Timeout, "cutting into chunks was stopped")
}

/// Adds a chunk; of two chunks one of which holds the other (an overlap can be that long) it keeps one.
fn push(chunks: &mut Vec<Chunk>, chunk: Chunk) {
    while let Some(last) = chunks.last().filter(|last| chunk.span.start <= last.span.start) {
        if last.span.end > chunk.span.end {
            return;
        }
        chunks.pop();
    }
    chunks.push(chunk);
}

/// One document being cut. `limit` and `overlap` leave special tokens out.
struct Cutter<'t> {
    text: &'t str,
    tokens: &'t [Range<usize>],
    limit: Limit,
    overlap: usize,
    markdown: bool,
    tokenizer: &'t dyn Tokenizer,
    stop: &'t Stop,
}

/// A span, counted alone.
enum Counted {
    TooLong,
    /// Neither the model nor anybody who searches by words sees anything in it.
    Nothing,
    Chunk(Chunk),
}

impl Cutter<'_> {
    /// Trimmed spans in order, none over the limit by the tokens of the whole text.
    fn spans(&self, boundaries: &[Boundary]) -> Result<Vec<Range<usize>>, Refusal> {
        let (whole, least) = (self.trim(0..self.text.len()), self.limit.tokens() / LEAST);
        let cuts = cuts(boundaries, self.tokens.len(), whole, self.limit, least, self.stop);
        let starts = cuts.iter().map(|cut| (Some(*cut), boundaries.get(*cut).map_or(0, |b| b.byte)));
        let starts: Vec<(Option<usize>, usize)> = std::iter::once((None, 0)).chain(starts).collect();
        let ends = starts.iter().skip(1).map(|(_, byte)| *byte).chain([self.text.len()]);
        let sizer = SliceSizer::new(self.text, self.tokens, self.limit);
        let (mut spans, mut before) = (Vec::new(), 0);
        for ((cut, start), end) in starts.iter().zip(ends) {
            if self.stop.is_set() {
                return Err(stopped());
            }
            let core = self.trim(*start..end);
            if core.is_empty() {
                continue;
            }
            let size = sizer.size(&core);
            if size > self.limit.tokens() {
                for window in self.windows(core.clone()) {
                    if sizer.tokens(&window) <= self.limit.tokens() {
                        spans.extend(self.by_bytes(window));
                    } else {
                        spans.extend(self.split(window, &sizer)?);
                    }
                }
            } else {
                let room = self.overlap.min(self.limit.tokens() - size);
                let from =
                    cut.map_or(core.start, |cut| self.repeat(boundaries, cut, core.start, before, room));
                spans.push(from..core.end);
            }
            before = spans.last().map_or(before, |last| last.start);
        }
        Ok(spans)
    }

    /// Where a chunk starts that repeats whole sentences before a cut in running text.
    fn repeat(&self, boundaries: &[Boundary], cut: usize, start: usize, before: usize, room: usize) -> usize {
        let Some(at) = boundaries.get(cut).filter(|b| b.tier < LINE) else { return start };
        let earlier = boundaries.get(..cut).unwrap_or_default().iter().rev();
        let mut from = start;
        let fits = |b: &&Boundary| {
            b.byte > before && self.limit.size(at.tokens - b.tokens, at.end.saturating_sub(b.byte)) <= room
        };
        for boundary in earlier.take_while(fits) {
            work::done(1);
            from = boundary.byte;
            if boundary.tier >= LINE {
                break;
            }
        }
        from
    }

    /// `text-splitter` takes quadratic time in text without any boundary, so it gets it in windows.
    fn windows(&self, span: Range<usize>) -> Vec<Range<usize>> {
        let first = self.tokens.partition_point(|token| token.start < span.start);
        let inside = self.tokens.get(first..).unwrap_or_default().iter().take_while(|t| t.start < span.end);
        let cuts = inside.step_by(WINDOW * self.limit.tokens()).skip(1).map(|token| token.start);
        let most = WINDOW * self.limit.bytes();
        let mut windows = Vec::new();
        let mut start = span.start;
        for cut in cuts.filter(|cut| self.text.is_char_boundary(*cut)).chain([span.end]) {
            while cut - start > most {
                let end = self.text.floor_char_boundary(start + most);
                windows.push(start..end);
                start = end;
            }
            windows.push(start..cut);
            start = cut;
        }
        windows
    }

    /// Cuts what has few tokens and is too long all the same, between letters.
    fn by_bytes(&self, span: Range<usize>) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut start = span.start;
        while span.end - start > self.limit.bytes() {
            let next = self.text.floor_char_boundary(start + self.limit.bytes());
            // With one character more, the last letter is whole and tells where it starts.
            let more = self.text.ceil_char_boundary(next + 1);
            let piece = self.text.get(start..more).unwrap_or_default();
            work::done(piece.len());
            let last = piece.grapheme_indices(true).next_back().map_or(0, |(at, _)| at);
            let end = if last > 0 { start + last } else { next };
            spans.push(self.trim(start..end));
            start = end;
        }
        spans.push(self.trim(start..span.end));
        spans.retain(|span| !span.is_empty());
        spans
    }

    /// Cuts what has no boundary inside.
    fn split<S>(&self, span: Range<usize>, sizer: S) -> Result<Vec<Range<usize>>, Refusal>
    where
        S: TryChunkSizer<Error: std::fmt::Display>,
    {
        if self.stop.is_set() {
            return Err(stopped());
        }
        let text = self.text.get(span.clone()).unwrap_or_default();
        work::done(text.len());
        let config = ChunkConfig::new(self.limit.tokens())
            .with_sizer(sizer)
            .with_overlap(self.overlap)
            .map_err(refusal)?;
        let place = |(at, piece): (usize, &str)| span.start + at..span.start + at + piece.len();
        let spans: Result<Vec<_>, _> = if self.markdown {
            MarkdownSplitter::new(config).try_chunk_indices(text).map(|c| c.map(place)).collect()
        } else {
            TextSplitter::new(config).try_chunk_indices(text).map(|c| c.map(place)).collect()
        };
        let spans = spans.map_err(|e| if self.stop.is_set() { stopped() } else { refusal(e) })?;
        Ok(spans.into_iter().map(|span| self.trim(span)).filter(|span| !span.is_empty()).collect())
    }

    /// Counts a chunk alone, as the model will see it: tokens may differ where a cut goes through a word.
    fn verified(&self, span: Range<usize>, chunks: &mut Vec<Chunk>) -> Result<(), Refusal> {
        let sizer = ExactSizer::new(self.tokenizer, self.limit, self.stop);
        let parts = match self.counted(&span, &sizer)? {
            Counted::TooLong => self.split(span, &sizer)?,
            Counted::Nothing => return Ok(()),
            Counted::Chunk(chunk) => {
                push(chunks, chunk);
                return Ok(());
            }
        };
        for part in parts {
            match self.counted(&part, &sizer)? {
                Counted::Chunk(chunk) => push(chunks, chunk),
                Counted::Nothing => {}
                Counted::TooLong => {
                    let (bytes, limit) = (part.len(), self.limit.tokens());
                    return Err(refusal(format!("{bytes} bytes can't be cut into {limit} tokens")));
                }
            }
        }
        Ok(())
    }

    fn counted(&self, span: &Range<usize>, sizer: &ExactSizer<'_>) -> Result<Counted, Refusal> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let tokens = sizer.tokens(text).map_err(failed)?;
        if !self.limit.holds(tokens.spans.len(), text.len()) {
            return Ok(Counted::TooLong);
        }
        let tokens = match (tokens.spans.len(), tokens.are_known(text)) {
            (0, _) if !text.contains(char::is_alphanumeric) => return Ok(Counted::Nothing),
            (count, true) => count + self.tokenizer.special(),
            (_, false) => 0,
        };
        Ok(Counted::Chunk(Chunk { span: span.clone(), tokens }))
    }

    fn trim(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let start = span.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }
}

#[cfg(test)]
mod tests;
