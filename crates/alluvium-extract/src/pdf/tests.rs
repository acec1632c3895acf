//! What every engine must do alike, and what each of them is known for.

use alluvium_core::quarantine::Cause;

use super::make::{self, Pdf};
use super::*;

/// Reads a document by one engine: its pages and the end.
fn read(engine: PdfEngineName, bytes: Vec<u8>) -> (Vec<Piece>, Result<Meta, Failure>) {
    let mut pages = Vec::new();
    let end = engine.engine().read(bytes, 100, &mut |piece| {
        pages.push(piece);
        ControlFlow::Continue(())
    });
    (pages, end)
}

fn texts(pages: &[Piece]) -> Vec<&str> {
    pages.iter().map(|p| p.text.as_str()).collect()
}

/// Runs of blanks count as one: engines differ in how they space lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn pages_in_order_blank_ones_included() {
    for engine in PdfEngineName::ALL {
        let (pages, end) = read(engine, Pdf::of(&["First page\nof two lines", "", "Third page"]));
        end.unwrap();
        let found: Vec<String> = texts(&pages).into_iter().map(words).collect();
        assert_eq!(found, ["First page of two lines", "", "Third page"], "{engine}");
        assert!(pages.iter().all(|p| p.failed.is_none()), "{engine}");
    }
}

#[test]
fn text_is_normalized() {
    for engine in PdfEngineName::ALL {
        let (pages, _) = read(engine, Pdf::of(&["caf\\351 na\\357ve"]));
        assert_eq!(words(&pages[0].text), "café naïve", "{engine}");
    }
}

#[test]
fn a_locked_document_is_encrypted_not_empty() {
    for engine in PdfEngineName::ALL {
        let (pages, end) = read(engine, make::encrypted());
        let failure = end.unwrap_err();
        assert_eq!(failure.cause, Cause::Encrypted, "{engine}: {}", failure.detail);
        assert!(pages.is_empty());
    }
}

#[test]
fn pictures_are_seen_and_blank_pages_are_not() {
    for engine in PdfEngineName::ALL {
        let (pages, end) = read(engine, make::image_only());
        assert_eq!(texts(&pages), [""], "{engine}");
        assert!(end.unwrap().drawn, "{engine}");
    }
    assert!(!read(PdfEngineName::Pdfboss, Pdf::of(&[""])).1.unwrap().drawn);
}

#[test]
fn garbage_is_corrupt() {
    for engine in PdfEngineName::ALL {
        let (pages, end) = read(engine, b"%PDF-1.7\nnothing that makes sense".to_vec());
        assert!(pages.is_empty(), "{engine}");
        assert!(matches!(end.unwrap_err().cause, Cause::Corrupt | Cause::Crashed), "{engine}");
    }
}

#[test]
fn a_truncated_document_keeps_its_pages() {
    let whole = Pdf::of(&["First page", "Second page"]);
    let cut = whole[..whole.len() * 3 / 4].to_vec();
    let (pages, end) = read(PdfEngineName::Pdfboss, cut);
    end.unwrap();
    assert_eq!(words(&pages[0].text), "First page");
}

#[test]
fn pages_over_the_limit_are_left_out_and_told() {
    for engine in PdfEngineName::ALL {
        let mut pages = 0;
        let meta = engine
            .engine()
            .read(Pdf::of(&["a", "b", "c"]), 2, &mut |_| {
                pages += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((pages, meta.partial.as_deref()), (2, Some("pages after 2 of 3")), "{engine}");
    }
}

#[test]
fn bookmarks_become_headings_at_their_lines() {
    let mut pdf = Pdf::new();
    pdf.text_page("Cover");
    let page = pdf.text_page("running head\nScope\nof the thing\nTerms\nmore");
    let outline = pdf.object("");
    let (first, second) = (outline + 1, outline + 2);
    pdf.object(format!(
        "<< /Title (Scope) /Parent {outline} 0 R /Next {second} 0 R /Dest [{page} 0 R /Fit] >>"
    ));
    pdf.object(format!("<< /Title (Terms) /Parent {outline} 0 R /Dest [{page} 0 R /XYZ 0 700 0] >>"));
    pdf.object(format!("<< /Type /Outlines /First {first} 0 R /Last {second} 0 R /Count 2 >>"));
    pdf.catalog(&format!("/Outlines {} 0 R", outline + 3));
    pdf.trailer("/Info << /Title (A title) >>");
    let (pages, end) = read(PdfEngineName::Pdfboss, pdf.finish());
    assert_eq!(end.unwrap().title.as_deref(), Some("A title"));
    let found: Vec<_> = pages[1]
        .headings
        .iter()
        .map(|h| (h.level, pages[1].text[h.start..].lines().next().unwrap()))
        .collect();
    assert_eq!(found, [(1, "Scope"), (1, "Terms")], "{:?}", pages[1]);
}
