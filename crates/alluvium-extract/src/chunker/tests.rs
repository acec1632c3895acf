//! What must hold of every chunk, and how far an edit reaches.

use std::collections::HashSet;

use alluvium_core::embed::EmbedError;
use alluvium_core::hash::Sha256;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// Words in pieces of at most four letters, and each sign by itself: close to what a model's does.
struct Pieces;

impl Tokenizer for Pieces {
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut letters = 0;
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            match spans.last_mut() {
                _ if c.is_whitespace() => letters = 0,
                Some(last) if c.is_alphanumeric() && (1..4).contains(&letters) && last.end == at => {
                    last.end = end;
                    letters += 1;
                }
                _ => {
                    spans.push(at..end);
                    letters = usize::from(c.is_alphanumeric());
                }
            }
        }
        Ok(spans)
    }

    fn special(&self) -> usize {
        2
    }
}

fn document(text: &str, media_type: MediaType) -> Extracted {
    Extracted {
        text: text.to_owned(),
        media_type,
        pages: Vec::new(),
        headings: Vec::new(),
        title: None,
        language: None,
        extractor: Component::new("test", "1"),
        partial: None,
        notes: Default::default(),
        metadata: vec![],
    }
}

/// Chunks, checked for everything that must hold of them.
fn chunks(text: &str, media_type: MediaType, max: usize, overlap: usize) -> Vec<String> {
    let chunker = TokenChunker::new(max, overlap).unwrap();
    let made = chunker.chunk(&document(text, media_type), &Pieces, &Stop::new()).unwrap();
    let mut covered = vec![false; text.len()];
    for pair in made.windows(2) {
        assert!(pair[0].span.start < pair[1].span.start, "in order of their starts");
    }
    for chunk in &made {
        let piece = &text[chunk.span.clone()];
        assert_eq!(chunk.text(text), piece);
        assert_eq!(piece, piece.trim());
        assert!(!piece.is_empty());
        assert_eq!(chunk.tokens, Pieces.spans(piece).unwrap().len() + 2);
        assert!(chunk.tokens <= max, "{} tokens", chunk.tokens);
        covered[chunk.span.clone()].fill(true);
    }
    let lost: String =
        text.char_indices().filter(|(i, c)| !covered[*i] && !c.is_whitespace()).map(|(_, c)| c).collect();
    assert_eq!(lost, "", "every character is in a chunk");
    made.iter().map(|c| c.text(text).to_owned()).collect()
}

#[test]
fn settings_that_cannot_work() {
    assert!(TokenChunker::new(1, 0).is_err());
    assert!(TokenChunker::new(64, 64).is_err());
    let none =
        TokenChunker::new(2, 0).unwrap().chunk(&document("x", MediaType::Plain), &Pieces, &Stop::new());
    assert_eq!(none.unwrap_err().stage, Stage::Chunk);
}

#[test]
fn a_short_text_is_one_chunk() {
    assert_eq!(chunks("  Hello, world.\n", MediaType::Plain, 64, 8), ["Hello, world."]);
}

#[test]
fn a_heading_stays_with_its_text() {
    let body = "Words that fill a paragraph with some text to read. ".repeat(4);
    let source: String = (0..30)
        .map(|i| format!("# Part {i}\n\n## Sub {i}\n\n{body}\n\nEnd {i}\n----\n\n{body}\n\n"))
        .collect();
    for chunk in chunks(&source, MediaType::Markdown, 64, 8) {
        let last = chunk.lines().next_back().unwrap();
        assert!(!last.starts_with('#') && !last.starts_with("--"), "{chunk}");
        assert!(!chunk.starts_with("## Sub") && !chunk.starts_with("---"), "{chunk}");
    }
}

#[test]
fn code_is_cut_at_lines_and_not_in_preference_to_paragraphs() {
    let code: String = (0..9).map(|i| format!("let value_{i} = {i};\n\n")).collect();
    let prose = "Some words around it, no fewer than a quarter of a chunk. And more of them to be sure.";
    let source = format!("{prose}\n\n```rust\n{code}```\n\n{prose}");
    let made = chunks(&source, MediaType::Markdown, 100, 0);
    assert!(
        made.len() > 1 && made.iter().any(|c| c.starts_with("```rust") && c.ends_with("```")),
        "{made:#?}"
    );
    for chunk in chunks(&source, MediaType::Markdown, 40, 0) {
        assert!(chunk.ends_with(';') || chunk.ends_with("```") || chunk.ends_with('.'), "{chunk}");
    }
}

#[test]
fn what_has_no_boundary_is_cut_all_the_same() {
    chunks(&"x".repeat(5_000), MediaType::Plain, 32, 4);
    chunks(&"漢字".repeat(3_000), MediaType::Plain, 32, 4);
    chunks(&"word ".repeat(3_000), MediaType::Markdown, 32, 4);
    chunks(
        &format!("| {} |\n|---|\n{}", "a".repeat(50), "| row of cells |\n".repeat(900)),
        MediaType::Markdown,
        64,
        8,
    );
    chunks(&"same line\n".repeat(5_000), MediaType::Plain, 32, 4);
    chunks(&"- item\n  - inner item.\n".repeat(2_000), MediaType::Markdown, 32, 4);
    chunks(&"# Heading only\n".repeat(2_000), MediaType::Markdown, 32, 4);
}

#[test]
fn overlap_repeats_sentences_within_a_block_only() {
    let sentence = |i: usize| format!("Sentence number {i} goes on here. ");
    let block: String = (0..60).map(sentence).collect();
    let text = format!("{}\n\nAnother block.", block.trim());
    let made = chunks(&text, MediaType::Plain, 64, 12);
    let repeats = made.windows(2).filter(|w| w[0].contains(w[1].split(". ").next().unwrap())).count();
    assert!(repeats * 2 > made.len(), "{made:#?}");
    assert_eq!(chunks(&text, MediaType::Plain, 64, 0).concat().matches("number 7 ").count(), 1);
}

/// Deterministic documents of words that look like language.
mod edits;
/// Texts that are no prose.
mod hostile;

/// `ALLUVIUM_EDIT_DOCUMENTS` makes the run longer: 40 takes minutes and gives steadier figures.
#[test]
fn an_edit_of_one_paragraph_changes_at_most_three_chunks() {
    let documents = std::env::var("ALLUVIUM_EDIT_DOCUMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let (mut trials, mut over) = (0, 0);
    for shape in edits::SHAPES {
        let reach = edits::measure(shape, documents, 30);
        let report = reach.report(shape.name);
        println!("{report}");
        assert!(reach.mean() < 2.0 && reach.fill > 0.45, "{report}");
        // A paragraph that is itself several chunks long may take its neighbours along.
        assert!(reach.over(3) * 100 <= reach.trials(), "{report}");
        (trials, over) = (trials + reach.trials(), over + reach.over(3));
    }
    assert!(over * 500 <= trials, "{over} of {trials} edits changed more than three chunks");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_cut_soundly(
        text in "([a-zäß漢字 ]{0,30}|[.!?] |\n|\n\n|# |- |```\n|\\| a \\| b \\|\n|\t|\u{301}|👩‍👩‍👧){0,120}",
        max in 4usize..80,
        overlap in 0usize..20,
        markdown: bool,
    ) {
        let media_type = if markdown { MediaType::Markdown } else { MediaType::Plain };
        let text = alluvium_core::text::normalize(&text);
        chunks(&text, media_type, max, overlap.min(max - 3));
    }

    #[test]
    fn one_edit_never_reaches_far(seed: u64, shape in 0..edits::SHAPES.len()) {
        let shape = edits::SHAPES[shape];
        let (changed, _) = edits::measure_seeded(shape, seed, 3);
        prop_assert!(changed.iter().all(|c| *c <= 6), "{} {changed:?}", shape.name);
    }
}

/// The cuts of ordinary text must not move: chunks of every index would be embedded anew.
#[test]
fn ordinary_text_is_cut_as_ever() {
    let mut cuts = String::new();
    for shape in edits::SHAPES {
        let text = edits::text(shape, 1);
        for (max, overlap) in [(256, 32), (64, 8), (16, 4)] {
            let chunker = TokenChunker::new(max, overlap).unwrap();
            let made = chunker.chunk(&document(&text, shape.media_type()), &Pieces, &Stop::new()).unwrap();
            cuts.extend(made.iter().map(|chunk| format!("{:?}{} ", chunk.span, chunk.tokens)));
        }
    }
    assert_eq!(Sha256::of(&cuts).short(16), "8c300ef8d5542da5");
}

#[test]
fn equal_chunks_are_cut_once() {
    let text = "One paragraph that comes again and again, word for word.\n\n".repeat(400);
    let distinct: HashSet<String> = chunks(&text, MediaType::Plain, 64, 8).into_iter().collect();
    assert!(distinct.len() <= 6, "{}", distinct.len());
}
