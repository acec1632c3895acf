//! The seam between bytes and text.

use std::ops::Range;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::change::MediaType;
use crate::notes::ExtractionNotes;
use crate::quarantine::Refusal;

/// A part of the pipeline with its version, as provenance names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Component {
    /// A component.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into() }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// What to extract.
#[derive(Debug, Clone)]
pub struct ExtractRequest {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What the source says they are.
    pub media_type: MediaType,
    /// The label of the charset that the source says they are in.
    pub charset: Option<String>,
}

/// A heading in extracted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// Byte offset at which its line starts.
    pub start: usize,
    /// 1 is the outermost.
    pub level: u8,
    /// Its text, on one line.
    pub title: String,
}

/// Text out of a document. All offsets are bytes into `text`, on character boundaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// Normalized text ([`crate::text::normalize`]); never blank.
    pub text: String,
    /// What the bytes turned out to be.
    pub media_type: MediaType,
    /// Where each page starts, the first at 0, ascending; empty where the format has no pages.
    pub pages: Vec<usize>,
    /// Headings in order of `start`.
    pub headings: Vec<Heading>,
    /// The document's own title.
    pub title: Option<String>,
    /// The document's own language tag, where it declares one.
    pub language: Option<String>,
    /// Which extractor made this.
    pub extractor: Component,
    /// Why this is only a part of the document; `None` when it is whole.
    pub partial: Option<String>,
    /// What was replaced and left out.
    #[serde(default, skip_serializing_if = "ExtractionNotes::is_empty")]
    pub notes: ExtractionNotes,
    /// What the document says of itself as `key=value` (front matter), never of access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<String>,
}

impl Extracted {
    /// The pages, from 1 and both inclusive, that a span touches.
    pub fn page_span(&self, span: &Range<usize>) -> Option<(u32, u32)> {
        if self.pages.is_empty() {
            return None;
        }
        let page_at = |byte: usize| self.pages.partition_point(|start| *start <= byte).max(1) as u32;
        let last = span.end.saturating_sub(1).max(span.start);
        Some((page_at(span.start), page_at(last)))
    }

    /// The titles of the headings that enclose a position, outermost first. For many positions there is
    /// [`HeadingPaths`].
    pub fn heading_path(&self, byte: usize) -> Vec<String> {
        HeadingPaths::new(&self.headings).at(byte)
    }
}

/// Paths of headings at many positions: one pass over the headings where the positions ascend.
pub struct HeadingPaths<'h> {
    headings: &'h [Heading],
    /// Those that start at or before the last position.
    passed: usize,
    path: Vec<&'h Heading>,
}

impl<'h> HeadingPaths<'h> {
    /// Of headings in order of their starts.
    pub fn new(headings: &'h [Heading]) -> Self {
        Self { headings, passed: 0, path: Vec::new() }
    }

    /// The titles of the headings that enclose a position, outermost first. Going back starts over.
    pub fn at(&mut self, byte: usize) -> Vec<String> {
        if self.passed.checked_sub(1).and_then(|last| self.headings.get(last)).is_some_and(|h| h.start > byte)
        {
            (self.passed, self.path) = (0, Vec::new());
        }
        while let Some(heading) = self.headings.get(self.passed).filter(|heading| heading.start <= byte) {
            self.path.retain(|outer| outer.level < heading.level);
            self.path.push(heading);
            self.passed += 1;
        }
        self.path.iter().map(|heading| heading.title.clone()).collect()
    }
}

/// Why there is no text.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExtractError {
    /// The document is at fault: quarantine it.
    #[error("{0}")]
    Refused(Refusal),
    /// The extractor itself can't work: stop the pipeline.
    #[error("the extractor can't run: {0}")]
    Unavailable(String),
}

/// Turns bytes into text. Implementations bound memory and time by themselves.
#[async_trait]
pub trait Extractor: Send + Sync {
    /// Every component that may have a hand in the text, for the pipeline fingerprint.
    fn components(&self) -> Vec<Component>;

    /// Extracts one document.
    async fn extract(&self, request: ExtractRequest) -> Result<Extracted, ExtractError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted() -> Extracted {
        let heading = |start, level, title: &str| Heading { start, level, title: title.to_owned() };
        Extracted {
            text: "x".repeat(100),
            media_type: MediaType::Pdf,
            pages: vec![0, 10, 10, 50],
            headings: vec![heading(0, 1, "A"), heading(20, 2, "B"), heading(40, 2, "C"), heading(60, 1, "D")],
            title: None,
            language: None,
            extractor: Component::new("test", "1"),
            partial: None,
            notes: Default::default(),
            metadata: vec![],
        }
    }

    #[test]
    fn a_span_touches_pages_from_one_inclusive() {
        let e = extracted();
        assert_eq!(e.page_span(&(0..10)), Some((1, 1)));
        assert_eq!(e.page_span(&(9..11)), Some((1, 3)), "page 2 is empty");
        assert_eq!(e.page_span(&(50..100)), Some((4, 4)));
    }

    #[test]
    fn a_heading_closes_those_of_its_level_and_deeper() {
        let e = extracted();
        assert_eq!(e.heading_path(5), ["A"]);
        assert_eq!(e.heading_path(45), ["A", "C"]);
        assert_eq!(e.heading_path(60), ["D"]);
        let mut paths = HeadingPaths::new(&e.headings);
        for byte in [0, 5, 5, 20, 45, 60, 99, 45, 44] {
            assert_eq!(paths.at(byte), e.heading_path(byte));
        }
    }
}
