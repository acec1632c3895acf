//! Plain text: the text is the source, decoded and normalized.

use alluvium_core::notes::ExtractionNotes;
use alluvium_core::quarantine::Cause;
use alluvium_core::text::normalize;

use crate::charset::{Declared, decode};
use crate::encoded;
use crate::outcome::{Asked, Failure, Meta, Piece, is_blank};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "2";

pub(crate) fn extract(bytes: &[u8], asked: &Asked<'_>) -> Result<(Piece, Meta), Failure> {
    let (text, notes) = decoded(bytes, asked)?;
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text but blanks"));
    }
    Ok((Piece { text, ..Piece::default() }, Meta { notes, ..Meta::default() }))
}

/// The normalized text of a format that says nothing of its charset, without data that is written as text.
pub(crate) fn decoded(bytes: &[u8], asked: &Asked<'_>) -> Result<(String, ExtractionNotes), Failure> {
    let decoded = decode(bytes, Declared { transport: asked.charset, document: None })?;
    let text = normalize(&decoded.text);
    let (kept, encoded_bytes) = encoded::without_data(&text);
    let notes =
        ExtractionNotes { replaced_characters: decoded.replaced, encoded_bytes, hidden_characters: 0 };
    Ok((kept.into_owned(), notes))
}
