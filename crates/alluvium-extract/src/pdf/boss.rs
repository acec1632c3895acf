//! `pdfboss`: a lenient reader; what it skips it reports.

use pdfboss_core::{Document, Error, Immediate, Page, block_on};
use pdfboss_output::{FontCache, ReadingOrder, SkippedTextKind, extract_text_reporting_cached_with};

use alluvium_core::quarantine::Cause;

use super::form::Form;
use super::outline::Outline;
use super::{Pages, PdfEngine, failed_page, guarded, tidy};
use crate::outcome::{Failure, Meta, Piece, one_line};

pub(super) struct Pdfboss;

impl PdfEngine for Pdfboss {
    fn read(&self, bytes: Vec<u8>, limit: u32, pages: &mut Pages<'_>) -> Result<Meta, Failure> {
        let document = open(bytes)?;
        let count =
            guarded(|| document.flattened_page_count()).map_err(|e| Failure::new(Cause::Crashed, e))?;
        if count == 0 {
            return Err(Failure::new(Cause::Corrupt, "no pages"));
        }
        let outline = guarded(|| Outline::of(&document)).unwrap_or_default();
        let info = guarded(|| document.metadata()).unwrap_or_default();
        let mut meta = Meta {
            title: info.title.as_deref().and_then(one_line),
            language: guarded(|| document.language()).unwrap_or_default().and_then(|l| one_line(&l)),
            ..Meta::default()
        };
        if count > limit as usize {
            meta.partial = Some(format!("pages after {limit} of {count}"));
        }
        let form = guarded(|| Form::of(&document)).unwrap_or_default();
        if let Some(unread) = &form.unread {
            meta.partial.get_or_insert_with(|| unread.clone());
        }
        let layers = guarded(|| document.oc_state()).unwrap_or_default();
        let fonts = FontCache::default();
        let look = Look {
            document: &document,
            layers: layers.as_ref(),
            fonts: &fonts,
            outline: &outline,
            form: &form,
        };
        for index in 0..count.min(limit as usize) {
            let read = guarded(|| look.page(index));
            let (piece, drawn) = read.unwrap_or_else(|panic| (failed_page(panic), false));
            meta.drawn |= drawn;
            if pages(piece).is_break() {
                break;
            }
        }
        Ok(meta)
    }
}

fn open(bytes: Vec<u8>) -> Result<Document, Failure> {
    let loaded = guarded(|| Document::load(bytes)).map_err(|e| Failure::new(Cause::Crashed, e))?;
    match loaded {
        Ok(document) if document.is_locked() => Err(Failure::new(Cause::Encrypted, "needs a password")),
        Ok(document) => Ok(document),
        Err(Error::Encrypted) => Err(Failure::new(Cause::Encrypted, "needs a password")),
        Err(e) => Err(Failure::new(Cause::Corrupt, e)),
    }
}

/// What all pages of a document share.
struct Look<'d> {
    document: &'d Document,
    layers: Option<&'d pdfboss_core::OcState>,
    fonts: &'d FontCache,
    outline: &'d Outline,
    form: &'d Form,
}

impl Look<'_> {
    /// One page with what was typed on it, and whether anything else is drawn there.
    fn page(&self, index: usize) -> (Piece, bool) {
        let page = match self.document.page(index) {
            Ok(page) => page,
            Err(e) => return (failed_page(e.to_string()), false),
        };
        let (mut piece, drawn) = self.content(index, &page);
        let typed = tidy(&self.form.text_on(self.document, &page));
        if !typed.trim().is_empty() {
            if !piece.text.is_empty() {
                piece.text.push_str("\n\n");
            }
            piece.text.push_str(&typed);
        }
        (piece, drawn)
    }

    /// What a page itself holds, and whether anything is drawn on it.
    fn content(&self, index: usize, page: &Page) -> (Piece, bool) {
        let Look { document, layers, fonts, outline, .. } = *self;
        let order = ReadingOrder::default();
        let (raw, report) = match block_on(extract_text_reporting_cached_with(
            Immediate(document),
            page,
            fonts,
            layers,
            None,
            order,
        )) {
            Ok(read) => read,
            Err(e) => return (failed_page(e.to_string()), false),
        };
        let text = tidy(&raw);
        let lost = report.skipped.iter().find(|s| s.kind == SkippedTextKind::PageContents);
        if let (true, Some(lost)) = (text.is_empty(), lost) {
            return (failed_page(format!("{}: {}", lost.kind, lost.cause)), true);
        }
        let drawn = text.is_empty() && page.content(document).is_ok_and(|c| c.trim_ascii().len() > 4);
        let headings = outline.headings_on(index, page.object_ref(), &text);
        (Piece { text, headings, failed: None }, drawn)
    }
}
