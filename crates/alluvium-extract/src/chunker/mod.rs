//! Text into chunks, by the model's own tokens.
//!
//! Two steps. [`segment`] cuts the text into segments of at most one chunk at places that its content
//! defines, so that an edit moves only the cuts around it. What has no such place in it (a line of base64,
//! a long run in a script without blanks) goes through `text-splitter`.
//!
//! Invariants: no chunk exceeds the limit, special tokens included, which each finished chunk is counted
//! alone for; none is blank; each is trimmed and slices exactly; the same input gives the same chunks.
//!
//! Overlap repeats whole sentences before a chunk that starts in running text. A chunk that starts at a
//! heading, a paragraph, a list item or a line of its own needs none, and repeating across such cuts would
//! make many an edit change the neighbour, too.

mod boundaries;
mod outline;
mod segment;
mod sizer;

use std::ops::Range;

use alluvium_core::change::MediaType;
use alluvium_core::chunk::{Chunk, Chunker};
use alluvium_core::embed::Tokenizer;
use alluvium_core::extract::{Component, Extracted};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter, TryChunkSizer};

use boundaries::{LINE, boundaries};
use segment::{Boundary, cuts};
use sizer::{ExactSizer, SliceSizer};

/// The version of `text-splitter`, followed by that of the rules here.
const VERSION: &str = "0.33.1+1";

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

    fn chunk(&self, extracted: &Extracted, tokenizer: &dyn Tokenizer) -> Result<Vec<Chunk>, Refusal> {
        let special = tokenizer.special();
        let limit = self.max_tokens.saturating_sub(special);
        if limit == 0 {
            let detail = format!("{} tokens a chunk, {special} of them special", self.max_tokens);
            return Err(refusal(detail));
        }
        let text = extracted.text.as_str();
        let tokens = tokenizer.spans(text).map_err(refusal)?;
        let cutter = Cutter {
            text,
            tokens: &tokens,
            limit,
            overlap: self.overlap_tokens.min(limit.saturating_sub(1)),
            markdown: extracted.media_type == MediaType::Markdown,
            tokenizer,
        };
        let mut chunks = Vec::new();
        for span in cutter.spans(&boundaries(extracted, &tokens, limit))? {
            cutter.verified(span, &mut chunks)?;
        }
        Ok(chunks)
    }
}

fn refusal(detail: impl std::fmt::Display) -> Refusal {
    Refusal::new(Stage::Chunk, Cause::Corrupt, detail)
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
    limit: usize,
    overlap: usize,
    markdown: bool,
    tokenizer: &'t dyn Tokenizer,
}

impl Cutter<'_> {
    /// Trimmed spans in order, none over the limit by the tokens of the whole text.
    fn spans(&self, boundaries: &[Boundary]) -> Result<Vec<Range<usize>>, Refusal> {
        let cuts = cuts(boundaries, self.tokens.len(), self.limit, self.limit / LEAST);
        let starts = cuts.iter().map(|cut| (Some(*cut), boundaries.get(*cut).map_or(0, |b| b.byte)));
        let starts: Vec<(Option<usize>, usize)> = std::iter::once((None, 0)).chain(starts).collect();
        let ends = starts.iter().skip(1).map(|(_, byte)| *byte).chain([self.text.len()]);
        let sizer = SliceSizer::new(self.text, self.tokens);
        let (mut spans, mut before) = (Vec::new(), 0);
        for ((cut, start), end) in starts.iter().zip(ends) {
            let core = self.trim(*start..end);
            if core.is_empty() {
                continue;
            }
            let size = sizer.count(&core);
            if size > self.limit {
                for window in self.windows(core.clone()) {
                    spans.extend(self.split(window, &sizer)?);
                }
            } else {
                let room = self.overlap.min(self.limit - size);
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
        for boundary in earlier.take_while(|b| b.byte > before && at.tokens - b.tokens <= room) {
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
        let cuts = inside.step_by(WINDOW * self.limit).skip(1).map(|token| token.start);
        let mut windows = Vec::new();
        let mut start = span.start;
        for cut in cuts.filter(|cut| self.text.is_char_boundary(*cut)).chain([span.end]) {
            windows.push(start..cut);
            start = cut;
        }
        windows
    }

    /// Cuts what has no boundary inside.
    fn split<S>(&self, span: Range<usize>, sizer: S) -> Result<Vec<Range<usize>>, Refusal>
    where
        S: TryChunkSizer<Error: std::fmt::Display>,
    {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let config =
            ChunkConfig::new(self.limit).with_sizer(sizer).with_overlap(self.overlap).map_err(refusal)?;
        let place = |(at, piece): (usize, &str)| span.start + at..span.start + at + piece.len();
        let spans: Result<Vec<_>, _> = if self.markdown {
            MarkdownSplitter::new(config).try_chunk_indices(text).map(|c| c.map(place)).collect()
        } else {
            TextSplitter::new(config).try_chunk_indices(text).map(|c| c.map(place)).collect()
        };
        let spans = spans.map_err(refusal)?;
        Ok(spans.into_iter().map(|span| self.trim(span)).filter(|span| !span.is_empty()).collect())
    }

    /// Counts a chunk alone, as the model will see it: tokens may differ where a cut goes through a word.
    fn verified(&self, span: Range<usize>, chunks: &mut Vec<Chunk>) -> Result<(), Refusal> {
        let special = self.tokenizer.special();
        let sizer = ExactSizer::new(self.tokenizer);
        let size = self.text.get(span.clone()).map_or(Ok(0), |text| sizer.count(text)).map_err(refusal)?;
        match size {
            // Nothing that the model could see.
            0 => {}
            size if size <= self.limit => push(chunks, Chunk { span, tokens: size + special }),
            _ => {
                for part in self.split(span, &sizer)? {
                    let text = self.text.get(part.clone()).unwrap_or_default();
                    let size = sizer.count(text).map_err(refusal)?;
                    if size > self.limit {
                        return Err(refusal(format!("{size} tokens can't be cut into {}", self.limit)));
                    }
                    if size > 0 {
                        push(chunks, Chunk { span: part, tokens: size + special });
                    }
                }
            }
        }
        Ok(())
    }

    fn trim(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let start = span.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }
}

#[cfg(test)]
mod tests;
