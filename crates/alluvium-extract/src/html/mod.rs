//! HTML: the full text in reading order, with titles, headings and the blocks kept apart.
//!
//! Nothing here recurses: a hostile page nests as deep as it likes. Which part of a page is its "main
//! content" is not guessed; measured, such guesses lose over half of every fourth page.

mod head;
mod layout;
mod walk;

use alluvium_core::quarantine::Cause;
use scraper::Html;

use crate::charset::decode;
use crate::limits::Limits;
use crate::outcome::{Failure, Meta, Piece, is_blank};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "1";

pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Result<(Piece, Meta), Failure> {
    let source = decode(bytes, head::declared_charset(bytes).as_deref())?;
    if head::nests_deeper(&source, limits.nesting as usize) {
        let detail = format!("more than {} elements are open at one time", limits.nesting);
        return Err(Failure::new(Cause::Corrupt, detail));
    }
    let page = Html::parse_document(&source);
    let (text, mut headings) = walk::text(&page);
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text outside of markup, scripts and styles"));
    }
    headings.truncate(limits.headings as usize);
    let title =
        head::title(&page).or_else(|| headings.iter().find(|h| h.level == 1).map(|h| h.title.clone()));
    let meta = Meta { title, language: head::language(&page), ..Meta::default() };
    Ok((Piece { text, headings, failed: None }, meta))
}

#[cfg(test)]
mod tests;
