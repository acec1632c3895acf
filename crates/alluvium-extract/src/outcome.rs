//! What an extractor inside the worker hands over: text in pieces, or why there is none.

use alluvium_core::notes::ExtractionNotes;
use alluvium_core::quarantine::Cause;
use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// What is asked of an extractor of text, besides the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) limits: &'a Limits,
    /// The label of the charset that the source names.
    pub(crate) charset: Option<&'a str>,
    /// What readers do not see is text like all else.
    pub(crate) keeps_hidden: bool,
}

/// A heading within a piece of text; `start` is a byte of that piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceHeading {
    pub(crate) start: usize,
    pub(crate) level: u8,
    pub(crate) title: String,
}

/// A piece of normalized text: a page of a PDF, or the whole of another format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// Carried as the body of a frame, not in its header.
    #[serde(skip)]
    pub(crate) text: String,
    pub(crate) headings: Vec<PieceHeading>,
    /// Why this page has no text although it should.
    pub(crate) failed: Option<String>,
}

/// What is known at the end of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) title: Option<String>,
    pub(crate) language: Option<String>,
    /// Why the pieces are not all of the document, failed pages apart.
    pub(crate) partial: Option<String>,
    /// Whether anything but text is drawn on the pages.
    pub(crate) drawn: bool,
    /// What was replaced and left out.
    pub(crate) notes: ExtractionNotes,
    /// What the document says of itself, as `key=value`.
    pub(crate) metadata: Vec<String>,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(cause: Cause, detail: impl std::fmt::Display) -> Self {
        // Parsers like to quote their input, at any length.
        Self { cause, detail: detail.to_string().chars().take(300).collect() }
    }
}

/// The longest title kept, in characters.
const MAX_TITLE: usize = 300;

/// A title on one line, normalized and bounded; `None` when nothing is left.
pub(crate) fn one_line(title: &str) -> Option<String> {
    let bounded: String = title.chars().take(4 * MAX_TITLE).collect();
    let normal = alluvium_core::text::normalize(&bounded);
    let line: String =
        normal.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TITLE).collect();
    (!line.is_empty()).then_some(line)
}

/// Blank in the sense that there is nothing to index.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control())
}
