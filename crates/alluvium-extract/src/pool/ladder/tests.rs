use super::*;
use crate::outcome::Piece;

fn rung(engine: PdfEngineName, pages: &[&str], end: End) -> Rung {
    let pieces = pages.iter().map(|text| match text.strip_prefix("FAILED ") {
        Some(why) => Piece { failed: Some(why.to_owned()), ..Piece::default() },
        None => Piece { text: (*text).to_owned(), ..Piece::default() },
    });
    Rung::new(engine, Attempt { pieces: pieces.collect(), end })
}

fn done() -> End {
    End::Done(Meta::default())
}

fn failed(cause: Cause) -> End {
    End::Failed(Failure::new(cause, "why"))
}

fn died(cause: Cause) -> End {
    End::Died(Failure::new(cause, "how"))
}

const FIRST: PdfEngineName = PdfEngineName::Pdfboss;
const SECOND: PdfEngineName = PdfEngineName::PdfExtract;

fn refusal(rungs: Vec<Rung>) -> (Cause, String, u32) {
    match decide(rungs) {
        Err(Error::Failed { failure, deaths }) => (failure.cause, failure.detail, deaths),
        Ok(extracted) => panic!("extracted {extracted:?}"),
        Err(Error::Unavailable(e)) => panic!("{e}"),
    }
}

#[test]
fn only_a_whole_readable_text_ends_the_climb() {
    assert!(rung(FIRST, &["some text", ""], done()).is_good());
    assert!(!rung(FIRST, &["some text", "FAILED x"], done()).is_good());
    assert!(!rung(FIRST, &["some text"], died(Cause::Crashed)).is_good());
    assert!(!rung(FIRST, &["", ""], done()).is_good());
    assert!(!rung(FIRST, &["\u{fffd}\u{fffd}\u{fffd}a"], done()).is_good());
}

#[test]
fn the_more_telling_cause_wins_and_both_engines_are_named() {
    for (first, second, expect) in [
        (died(Cause::Timeout), failed(Cause::Encrypted), Cause::Encrypted),
        (failed(Cause::ImageOnly), died(Cause::Crashed), Cause::ImageOnly),
        (failed(Cause::Corrupt), died(Cause::OutOfMemory), Cause::Corrupt),
        (died(Cause::Crashed), died(Cause::Timeout), Cause::Timeout),
    ] {
        let (cause, detail, _) = refusal(vec![rung(FIRST, &[], first), rung(SECOND, &[], second)]);
        assert_eq!(cause, expect);
        assert!(detail.contains("pdfboss: ") && detail.contains("pdf-extract: "), "{detail}");
    }
}

#[test]
fn deaths_are_counted() {
    let rungs = vec![rung(FIRST, &[], died(Cause::Crashed)), rung(SECOND, &[], died(Cause::OutOfMemory))];
    assert_eq!(refusal(rungs).2, 2);
}

#[test]
fn garbage_from_both_is_corrupt() {
    let garbage = "\u{fffd}\u{fffd}\u{fffd}";
    let (cause, detail, _) = refusal(vec![rung(FIRST, &[garbage], done()), rung(SECOND, &[garbage], done())]);
    assert_eq!(cause, Cause::Corrupt);
    assert!(detail.contains("100 %"), "{detail}");
}

#[test]
fn pages_before_a_death_are_kept_and_marked() {
    let Ok(kept) = decide(vec![
        rung(FIRST, &["page one", "page two"], died(Cause::Crashed)),
        rung(SECOND, &[], failed(Cause::Corrupt)),
    ]) else {
        panic!("refused")
    };
    assert_eq!(kept.text, "page one\n\npage two");
    assert_eq!(kept.pages, [0, 10]);
    assert_eq!(kept.extractor.name, "pdfboss");
    assert!(kept.partial.unwrap().contains("pages after 2"), "the reason says how far");
}

#[test]
fn the_better_text_wins_and_the_first_wins_ties() {
    let of = |first: &[&str], second: &[&str], end: End| {
        decide(vec![rung(FIRST, first, end), rung(SECOND, second, done())])
            .ok()
            .map(|e| e.extractor.name)
            .unwrap()
    };
    assert_eq!(of(&["one page"], &["one page", "and another"], died(Cause::Timeout)), "pdf-extract");
    assert_eq!(of(&["same", "FAILED x"], &["same", "FAILED x"], done()), "pdfboss");
    assert_eq!(of(&["\u{fffd}\u{fffd} some"], &["words some"], done()), "pdf-extract");
}
