//! What a model is given of a query. Pure.

use crate::embed::{EmbedError, ModelIdentity, Tokenizer};
use crate::stop::Stop;

/// What a model is given of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'q> {
    /// All of it, or of one that is longer than the model takes its beginning, up to the end of a sentence
    /// where there is one.
    pub text: &'q str,
    /// Whether the model knows enough of that ([`Tokens::are_known`](crate::embed::Tokens::are_known)): of less,
    /// a vector says nothing of what is asked.
    pub is_known: bool,
}

/// Fits a query to what a model takes, by the model's own tokens.
///
/// # Errors
/// Those of the tokenizer.
pub fn asked<'q>(
    identity: &ModelIdentity,
    tokenizer: &dyn Tokenizer,
    query: &'q str,
) -> Result<Asked<'q>, EmbedError> {
    let prefix = tokenizer.spans(&identity.query_prefix)?.len();
    let room = identity.max_tokens.saturating_sub(prefix + tokenizer.special()).max(1);
    let mut text = query;
    loop {
        let tokens = tokenizer.tokens(text, &Stop::new())?;
        let Some(over) = tokens.spans.get(room) else {
            return Ok(Asked { text, is_known: tokens.are_known(text) });
        };
        // A text that ends within a word may have more tokens than were counted: then it is cut again.
        let end = text.floor_char_boundary(over.start.min(text.len().saturating_sub(1)));
        text = at_a_good_place(text.get(..end).unwrap_or_default());
    }
}

/// The text up to its last end of a sentence, or else of a word, if that keeps at least half of it.
fn at_a_good_place(text: &str) -> &str {
    let half = text.len() / 2;
    let sentence = ends_of_sentences(text).last().filter(|end| *end >= half);
    let place = sentence.or_else(|| text.rfind(char::is_whitespace).filter(|at| *at >= half));
    text.get(..place.unwrap_or(text.len())).unwrap_or(text).trim_end()
}

/// The bytes after each sign that ends a sentence: one of a script that has no other use for it, a line break,
/// or one with a blank after it.
fn ends_of_sentences(text: &str) -> impl Iterator<Item = usize> + '_ {
    let next = |end: usize| text.get(end..).and_then(|rest| rest.chars().next());
    text.char_indices().filter_map(move |(at, c)| {
        let end = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' | '।' | '؟' | '۔' | '။' | '។' | '\n' => true,
            '.' | '!' | '?' | '…' => next(end).is_none_or(char::is_whitespace),
            _ => false,
        };
        ends.then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::embed::Tokens;

    /// Words of up to eight letters, those with a `q` unknown.
    struct Words;

    impl Tokenizer for Words {
        fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
            let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
            let pieces = text.split_whitespace().flat_map(|word| {
                (0..word.len())
                    .step_by(8)
                    .map(move |at| start(word) + at..start(word) + word.len().min(at + 8))
            });
            Ok(pieces.collect())
        }

        fn tokens(&self, text: &str, _: &Stop) -> Result<Tokens, EmbedError> {
            let spans = self.spans(text)?;
            let strange = |span: &Range<usize>| text[span.clone()].contains('q');
            let unknown =
                spans.iter().enumerate().filter(|(_, span)| strange(span)).map(|(n, _)| n).collect();
            Ok(Tokens { spans, unknown })
        }

        fn special(&self) -> usize {
            2
        }
    }

    fn of(query: &str) -> Asked<'_> {
        let word = String::new;
        let identity = ModelIdentity {
            name: word(),
            revision: word(),
            artifact: word(),
            tokenizer: word(),
            dimension: 1,
            pooling: word(),
            normalize: false,
            document_prefix: word(),
            query_prefix: "ask:".to_owned(),
            max_tokens: 10,
        };
        asked(&identity, &Words, query).unwrap()
    }

    #[test]
    fn a_query_that_fits_is_whole() {
        assert_eq!(of("one two three four five six seven").text, "one two three four five six seven");
        assert_eq!(of("").text, "");
    }

    #[test]
    fn a_long_one_ends_with_a_sentence_or_else_with_a_word() {
        assert_eq!(
            of("One two three. Four five six? Seven eight nine.").text,
            "One two three. Four five six?"
        );
        assert_eq!(of("1.5 and 2.5 and 3.5 and 4.5 and 5.5").text, "1.5 and 2.5 and 3.5 and 4.5");
        assert_eq!(of("One. Two three four five six seven eight").text, "One. Two three four five six seven");
        assert_eq!(of(&"x".repeat(200)).text.len(), 56);
        assert_eq!(of("a b c d。e f g h i j").text, "a b c d。");
    }

    #[test]
    fn what_the_model_knows_is_told() {
        assert!(of("known words and q").is_known);
        assert!(!of("qqqqqqqq qqqqqqqq qqq to").is_known);
        assert!(!of("").is_known);
    }
}
