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

/// A page with fields: a text, one that a parent holds the value of, a choice, two boxes, a password and a hidden one.
fn form(content: &str) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let widget = |more: &str, top: u32| {
        format!("<< /Type /Annot /Subtype /Widget /Rect [100 {} 300 {top}] {more} >>", top - 20)
    };
    let name = pdf.object(widget("/FT /Tx /T (name) /V (Ada Lovelace) /F 4", 700));
    let utf16 = pdf.object(widget("/FT /Tx /T (city) /V <FEFF005A00FC0072006900630068> /F 4", 660));
    let choice =
        pdf.object(widget("/FT /Ch /T (colour) /V (b) /Opt [[(r) (Red)] [(b) (Dark blue)]] /F 4", 620));
    let on = pdf.object(widget(
        "/FT /Btn /T (meal) /V /Vegetarian /AS /Vegetarian /AP << /N << /Vegetarian 3 0 R /Off 3 0 R >> >> /F 4",
        580,
    ));
    let password = pdf.object(widget("/FT /Tx /T (pin) /Ff 8192 /V (secret-pin) /F 4", 540));
    let hidden = pdf.object(widget("/FT /Tx /T (internal) /V (hidden-value) /F 2", 500));
    let note = pdf.object(
        "<< /Type /Annot /Subtype /FreeText /Rect [10 400 200 420] /Contents (Written on it) /F 4 >>"
            .to_owned(),
    );
    let all = [name, utf16, choice, on, password, hidden].map(|n| format!("{n} 0 R")).join(" ");
    pdf.catalog(&format!("/AcroForm << /Fields [{all}] >>"));
    pdf.page_with(content, &format!("/Annots [{all} {note} 0 R]"));
    pdf.finish()
}

#[test]
fn what_was_typed_into_a_form_is_text() {
    let (pages, end) = read(PdfEngineName::Pdfboss, form("BT /F1 12 Tf 72 760 Td (Name and city) Tj ET"));
    end.unwrap();
    let typed = "Ada Lovelace\nZürich\nDark blue\nVegetarian\nWritten on it";
    assert_eq!(texts(&pages), [format!("Name and city\n\n{typed}")]);
    let (pages, _) = read(PdfEngineName::Pdfboss, form(""));
    assert_eq!(texts(&pages), [typed], "a page of fields alone is no picture");
}

#[test]
fn words_broken_at_the_end_of_a_line_are_whole() {
    for engine in PdfEngineName::ALL {
        let (pages, _) = read(engine, Pdf::of(&["An exam-\nple of a well-\nknown thing"]));
        assert_eq!(words(&pages[0].text), "An example of a well-known thing", "{engine}");
    }
}
