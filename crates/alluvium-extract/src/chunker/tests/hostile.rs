//! Texts that are no prose: how much is looked at, how large chunks get, and what the model can't read.

use alluvium_core::embed::Tokens;
use alluvium_core::extract::Heading;

use super::*;
use crate::chunker::work::counted;

/// A tokenizer that takes what stands between two blanks for a word, and knows none of more than a hundred
/// letters: what WordPiece does.
struct Words;

impl Tokenizer for Words {
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        Ok(self.tokens(text, &Stop::new())?.spans)
    }

    fn tokens(&self, text: &str, _: &Stop) -> Result<Tokens, EmbedError> {
        let mut tokens = Tokens::default();
        for word in text.split_whitespace() {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            if word.chars().count() > 100 {
                tokens.unknown.push(tokens.spans.len());
            }
            tokens.spans.push(start..start + word.len());
        }
        Ok(tokens)
    }

    fn special(&self) -> usize {
        2
    }
}

fn by_words(text: &str) -> Vec<Chunk> {
    let chunker = TokenChunker::new(256, 32).unwrap();
    chunker.chunk(&document(text, MediaType::Plain), &Words, &Stop::new()).unwrap()
}

#[test]
fn chunks_are_bounded_in_characters_whatever_the_tokenizer_says() {
    let base64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0".repeat(6_000);
    let texts = [
        "ก".repeat(240_000),
        "ឆ្មាស៊ីត្រី".repeat(20_000),
        "かな".repeat(60_000),
        base64.clone(),
        format!("A key: {base64} and its end."),
        format!("a{}b", " ".repeat(200_000)),
        format!("{} ", "y".repeat(99)).repeat(2_000),
    ];
    for text in texts {
        let made = by_words(&text);
        let start = text.chars().take(10).collect::<String>();
        assert!(made.iter().all(|chunk| chunk.span.len() <= 254 * 32), "{start}");
        let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let covered: usize = made.iter().map(|chunk| visible(chunk.text(&text))).sum();
        assert!(covered >= visible(&text), "{start}: nothing is lost");
    }
}

#[test]
fn what_the_model_does_not_know_is_for_words_only() {
    let key = "0123456789abcdef".repeat(40);
    let tokens = |text: &str| by_words(text).iter().map(|chunk| chunk.tokens).collect::<Vec<_>>();
    assert_eq!(tokens(&key), [0]);
    assert_eq!(tokens(&"ก".repeat(4_000)), [0, 0]);
    assert_eq!(tokens(&format!("The key of the house by the old mill is {key}, they said.")), [15]);
    assert_eq!(tokens("plain words"), [4]);
    let mixed = format!("{}\n\n{}", "Words that anybody knows. ".repeat(40).trim(), "ก".repeat(8_000));
    let made = by_words(&mixed);
    assert!(made.iter().any(Chunk::is_words_only) && made.iter().any(|chunk| !chunk.is_words_only()));
}

#[test]
fn words_of_scripts_without_blanks_are_cut_between() {
    /// Four letters a word.
    struct Fours;
    impl Tokenizer for Fours {
        fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
            Ok((0..text.len()).step_by(12).map(|start| start..(start + 12).min(text.len())).collect())
        }

        fn special(&self) -> usize {
            0
        }
    }
    let text = "กขคงจฉชซ".repeat(400);
    let chunker = TokenChunker::new(16, 0).unwrap();
    let made = chunker.chunk(&document(&text, MediaType::Plain), &Fours, &Stop::new()).unwrap();
    assert!(made.len() >= 800 / 16);
    for chunk in made {
        assert_eq!((chunk.span.start % 12, chunk.tokens <= 16), (0, true), "{:?}", chunk.span);
    }
}

type Shape = (&'static str, fn(usize) -> String);

/// Texts of about so many bytes.
const SHAPES: [Shape; 18] = [
    ("blank lines at the end", |n| format!("Text.{}", "\n".repeat(n))),
    ("blank lines at the start", |n| format!("{}Text.", "\n".repeat(n))),
    ("blank lines between", |n| format!("Text.{}More.", "\n \t\n".repeat(n / 4))),
    ("blanks at the end", |n| format!("Text. {}", " \t".repeat(n / 2))),
    ("blanks after a full stop", |n| format!("Text.{}more.", " ".repeat(n))),
    ("brackets after a full stop", |n| format!("Text.{}more.", ")(".repeat(n / 2))),
    ("one long line of words", |n| "some words ".repeat(n / 11)),
    ("one long line of sentences", |n| "Some words. ".repeat(n / 12)),
    ("two long lines", |n| format!("{0}\n{0}", "words and, ".repeat(n / 22))),
    ("a line without blanks", |n| "x9".repeat(n / 2)),
    ("lines without blanks", |n| format!("{}\n", "x".repeat(999)).repeat(n / 1_000)),
    ("kana", |n| "かな".repeat(n / 6)),
    ("Thai", |n| "กขคง".repeat(n / 12)),
    ("combining marks", |n| format!("e{}", "\u{301}".repeat(n / 2))),
    ("headings", |n| "# H\n".repeat(n / 4)),
    ("headings and blanks", |n| "# H\n\n\n\nx\n".repeat(n / 9)),
    ("equal lines", |n| "same line\n".repeat(n / 10)),
    ("list items", |n| "- a\n  - b.\n".repeat(n / 11)),
];

fn work_of(document: &Extracted, overlap: usize) -> usize {
    counted::take();
    let chunker = TokenChunker::new(64, overlap).unwrap();
    // Few tokens where there are few words, many where there are many.
    chunker.chunk(document, &Words, &Stop::new()).unwrap();
    chunker.chunk(document, &Pieces, &Stop::new()).unwrap();
    counted::take()
}

fn check_linear(name: &str, made: impl Fn(usize) -> Extracted) {
    let (small, large) = (made(30_000), made(120_000));
    let (one, four) = (work_of(&small, 8), work_of(&large, 8));
    let bytes = large.text.len();
    println!(
        "{name}: {:.1} a byte, {:.2} times for 4 times the text",
        four as f64 / bytes as f64,
        four as f64 / one as f64
    );
    assert!(four <= one * 5, "{name}: {one} for a quarter, {four} for all");
    assert!(four <= bytes * 60, "{name}: {four} for {bytes} bytes");
}

#[test]
fn work_is_in_proportion_to_the_text() {
    for (name, text) in SHAPES {
        for media_type in [MediaType::Plain, MediaType::Markdown] {
            check_linear(name, |size| document(&text(size), media_type));
        }
    }
}

#[test]
fn headings_on_one_line_cost_no_more_than_the_line() {
    check_linear("headings on one line", |size| {
        let mut made = document(&"word ".repeat(size / 5), MediaType::Pdf);
        let heading = |start| Heading { start, level: 2, title: "word".to_owned() };
        made.headings = (0..size / 5).map(|word| heading(word * 5)).collect();
        made
    });
}

#[test]
fn lines_in_the_order_of_their_ranks_cost_no_more_than_others() {
    let line = |n: usize| format!("line {n} of those that somebody has sorted, full stop at its end {n}.\n");
    let sorted = |size: usize| {
        let lines: String = (0..size / 70).map(line).collect();
        let cut = boundaries(&document(&lines, MediaType::Plain), &[], Limit::new(62), &Stop::new());
        let mut places: Vec<(u64, usize)> = cut.iter().map(|b| (b.key, b.byte)).collect();
        places.sort_unstable();
        let rest = |at: usize| lines[at..].lines().next().unwrap();
        document(
            &places.iter().map(|(_, at)| format!("{}\n", rest(*at))).collect::<String>(),
            MediaType::Plain,
        )
    };
    check_linear("sorted lines", sorted);
}

#[test]
fn cutting_ends_when_it_is_asked_to() {
    let stop = Stop::new();
    drop(stop.on_drop());
    let chunker = TokenChunker::new(64, 8).unwrap();
    let made = chunker.chunk(&document("Some words.", MediaType::Plain), &Pieces, &stop);
    assert_eq!(made.unwrap_err().cause, Cause::Timeout);

    /// Asks to end once it is done.
    struct Last<'s>(&'s Stop);
    impl Tokenizer for Last<'_> {
        fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
            self.0.set();
            Pieces.spans(text)
        }

        fn special(&self) -> usize {
            2
        }
    }
    let stop = Stop::new();
    counted::take();
    let text = "Some words. ".repeat(100_000);
    let made = chunker.chunk(&document(&text, MediaType::Plain), &Last(&stop), &stop);
    assert_eq!(made.unwrap_err().cause, Cause::Timeout);
    assert!(counted::take() < 2 * text.len(), "what was not begun is not done");
}
