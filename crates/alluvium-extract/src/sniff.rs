//! What bytes really are, where that can be told at a glance.

use alluvium_core::change::MediaType;
use alluvium_core::quarantine::Cause;

use crate::outcome::Failure;

/// The format to read `bytes` as. The source's word counts, except that a PDF is a PDF whatever its
/// name, and that what can't be a PDF is not one.
pub(crate) fn media_type(said: MediaType, bytes: &[u8]) -> Result<MediaType, Failure> {
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    if bytes.iter().all(|b| b.is_ascii_whitespace() || *b == 0) {
        return Err(Failure::new(Cause::Empty, format!("{} bytes, all of them blank", bytes.len())));
    }
    let marker = find(head, b"%PDF-");
    match (said, marker) {
        (MediaType::Pdf, Some(_)) => Ok(MediaType::Pdf),
        // Damaged at the front; the engines recover what is behind.
        (MediaType::Pdf, None) if has_pdf_objects(bytes) => Ok(MediaType::Pdf),
        (MediaType::Pdf, None) => {
            let detail =
                format!("no PDF: no %PDF- in its first 1024 bytes, and no PDF objects{}", looks_like(head));
            Err(Failure::new(Cause::Corrupt, detail))
        }
        // A text about PDFs may well quote the marker; it does not start with it, or is clean text.
        (_, Some(at)) if at == preamble(head) || std::str::from_utf8(bytes).is_err() => Ok(MediaType::Pdf),
        (said, _) => Ok(said),
    }
}

/// Bytes before the content starts: a byte-order mark and blanks.
fn preamble(head: &[u8]) -> usize {
    let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    bom + head.iter().skip(bom).take_while(|b| b.is_ascii_whitespace()).count()
}

fn has_pdf_objects(bytes: &[u8]) -> bool {
    find(bytes, b" obj").is_some() && find(bytes, b"endobj").is_some()
}

fn looks_like(head: &[u8]) -> &'static str {
    let start: Vec<u8> = head.iter().skip(preamble(head)).take(16).map(u8::to_ascii_lowercase).collect();
    match start.as_slice() {
        s if s.starts_with(b"<!doctype html") || s.starts_with(b"<html") => "; it looks like HTML",
        s if s.starts_with(b"<?xml") => "; it looks like XML",
        s if s.starts_with(b"pk\x03\x04") => "; it looks like a ZIP or an Office document",
        s if s.starts_with(b"\xd0\xcf\x11\xe0") => "; it looks like an old Office document",
        s if s.starts_with(b"%!ps") => "; it looks like PostScript",
        s if s.starts_with(b"\x1f\x8b") => "; it looks like gzip",
        s if s.starts_with(b"\x89png") || s.starts_with(b"\xff\xd8\xff") => "; it looks like a picture",
        _ => "",
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdf_is_a_pdf_whatever_its_name() {
        let check = |said, bytes: &[u8], expect: Result<MediaType, Cause>| {
            assert_eq!(media_type(said, bytes).map_err(|f| f.cause), expect, "{said:?} {bytes:?}");
        };
        check(MediaType::Plain, b"%PDF-1.7\n", Ok(MediaType::Pdf));
        check(MediaType::Html, b"\xef\xbb\xbf\n%PDF-1.7\n", Ok(MediaType::Pdf));
        check(MediaType::Markdown, b"A PDF starts with `%PDF-1.7`.", Ok(MediaType::Markdown));
        check(MediaType::Markdown, b"junk\xff\xfe %PDF-1.7 \xde\xad", Ok(MediaType::Pdf));
        check(MediaType::Pdf, b"junk %PDF-1.4", Ok(MediaType::Pdf));
        check(MediaType::Pdf, b"1 0 obj\n<<>>\nendobj", Ok(MediaType::Pdf));
        check(MediaType::Pdf, b"<!DOCTYPE html><p>Not found", Err(Cause::Corrupt));
        check(MediaType::Pdf, b"", Err(Cause::Empty));
        check(MediaType::Plain, b" \n\0", Err(Cause::Empty));
    }
}
