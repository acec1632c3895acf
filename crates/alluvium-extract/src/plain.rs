//! Plain text: the text is the source, decoded and normalized.

use alluvium_core::quarantine::Cause;
use alluvium_core::text::normalize;

use crate::charset::decode;
use crate::outcome::{Failure, Meta, Piece, is_blank};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "1";

pub(crate) fn extract(bytes: &[u8]) -> Result<(Piece, Meta), Failure> {
    let text = normalize(&decode(bytes, None)?);
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text but blanks"));
    }
    Ok((Piece { text, ..Piece::default() }, Meta::default()))
}
