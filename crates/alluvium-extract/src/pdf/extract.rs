//! `pdf-extract`: panics on some real files, so each page is guarded by itself.

use alluvium_core::quarantine::Cause;
use pdf_extract::{Document, OutputError, PlainTextOutput, output_doc_page};

use super::{Pages, PdfEngine, failed_page, guarded, tidy};
use crate::outcome::{Failure, Meta, Piece};

pub(super) struct PdfExtract;

impl PdfEngine for PdfExtract {
    fn read(&self, bytes: Vec<u8>, limit: u32, pages: &mut Pages<'_>) -> Result<Meta, Failure> {
        let mut document = load(&bytes)?;
        drop(bytes);
        if document.is_encrypted() {
            let opened = guarded(|| document.decrypt("").is_ok()).unwrap_or(false);
            if !opened {
                return Err(Failure::new(Cause::Encrypted, "needs a password"));
            }
        }
        let listed = guarded(|| document.get_pages()).map_err(|e| Failure::new(Cause::Crashed, e))?;
        if listed.is_empty() && document.trailer.has(b"Encrypt") {
            return Err(Failure::new(Cause::Encrypted, "needs a password"));
        }
        if listed.is_empty() {
            return Err(Failure::new(Cause::Corrupt, "no pages"));
        }
        let mut meta = Meta { drawn: true, ..Meta::default() };
        if listed.len() > limit as usize {
            meta.partial = Some(format!("pages after {limit} of {}", listed.len()));
        }
        for number in listed.keys().take(limit as usize) {
            if pages(page(&document, *number)).is_break() {
                break;
            }
        }
        Ok(meta)
    }
}

fn load(bytes: &[u8]) -> Result<Document, Failure> {
    let loaded = guarded(|| Document::load_mem(bytes)).map_err(|e| Failure::new(Cause::Crashed, e))?;
    loaded.map_err(|e| match e {
        pdf_extract::Error::Decryption(_) | pdf_extract::Error::InvalidPassword => {
            Failure::new(Cause::Encrypted, e)
        }
        e => Failure::new(Cause::Corrupt, e),
    })
}

fn page(document: &Document, number: u32) -> Piece {
    let mut raw = String::new();
    let read: Result<Result<(), OutputError>, String> = guarded(|| {
        let mut output = PlainTextOutput::new(&mut raw);
        output_doc_page(document, &mut output, number)
    });
    let failed = match read {
        Ok(Ok(())) => None,
        Ok(Err(e)) => Some(e.to_string()),
        Err(panic) => Some(panic),
    };
    let text = tidy(&raw);
    match failed {
        Some(why) if text.is_empty() => failed_page(why),
        // Half a page is better than none, and says so.
        Some(why) => Piece { text, ..failed_page(why) },
        None => Piece { text, ..Piece::default() },
    }
}
