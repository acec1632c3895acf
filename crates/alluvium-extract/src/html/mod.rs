//! HTML: the full text in reading order, with titles, headings and the blocks kept apart.
//!
//! Nothing here recurses: a hostile page nests as deep as it likes. Which part of a page is its "main
//! content" is not guessed; measured, such guesses lose over half of every fourth page.

mod css;
mod head;
mod layout;
pub(crate) mod markup;
mod prescan;
pub(crate) mod unseen;
mod walk;
pub(crate) mod xhtml;

use alluvium_core::quarantine::Cause;
use scraper::Html;

use crate::charset::{Declared, Decoded, decode};
use crate::outcome::{Asked, Failure, Meta, Piece, is_blank};

/// Raise it when the output changes: it is part of the pipeline's fingerprint.
pub(crate) const VERSION: &str = "2";

pub(crate) fn extract(bytes: &[u8], asked: &Asked<'_>) -> Result<(Piece, Meta), Failure> {
    let document = prescan::charset(bytes);
    let decoded = decode(bytes, Declared { transport: asked.charset, document: document.as_deref() })?;
    page(decoded, asked)
}

/// A page whose text is known.
fn page(decoded: Decoded, asked: &Asked<'_>) -> Result<(Piece, Meta), Failure> {
    let Decoded { text: source, replaced } = decoded;
    let limits = asked.limits;
    if head::nests_deeper(&source, limits.nesting as usize) {
        let detail = format!("more than {} elements are open at one time", limits.nesting);
        return Err(Failure::new(Cause::Corrupt, detail));
    }
    let page = Html::parse_document(&source);
    let walk::Walked { text, mut headings, mut notes } = walk::text(&page, asked.keeps_hidden);
    notes.replaced_characters = replaced;
    if is_blank(&text) {
        return Err(Failure::new(Cause::Empty, "no text outside of markup, scripts and styles"));
    }
    headings.truncate(limits.headings as usize);
    let title =
        head::title(&page).or_else(|| headings.iter().find(|h| h.level == 1).map(|h| h.title.clone()));
    let meta = Meta { title, language: head::language(&page), notes, ..Meta::default() };
    Ok((Piece { text, headings, failed: None }, meta))
}

#[cfg(test)]
mod tests;
