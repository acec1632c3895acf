//! A model's own tokens, with the bytes that each stands for.

use std::borrow::Cow;
use std::ops::Range;

use alluvium_core::embed::{EmbedError, Tokenizer, Tokens};
use alluvium_core::stop::Stop;
use tokenizers::models::ModelWrapper;
use tokenizers::{Model, PostProcessor};

use crate::parting;
use crate::segments::segments;

/// The tokenizer of a model without its limit and its padding: both would hide tokens. What a person typed is
/// text to it, also where it looks like a special token.
pub(crate) struct WordPieces {
    inner: tokenizers::Tokenizer,
    /// The token of what the model does not know.
    unknown: Option<u32>,
}

/// A text as the model is given it.
pub(crate) struct Reading<'t> {
    /// The text, with spaces where words were parted that it did not know: see [`parting`].
    pub(crate) text: Cow<'t, str>,
    /// Its tokens, special ones included.
    pub(crate) tokens: usize,
}

impl WordPieces {
    /// Reads a `tokenizer.json`.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| e.to_string())?;
        inner.set_encode_special_tokens(true);
        let unknown = match inner.get_model() {
            ModelWrapper::WordPiece(model) => model.token_to_id(&model.unk_token),
            ModelWrapper::WordLevel(model) => model.token_to_id(&model.unk_token),
            ModelWrapper::BPE(model) => model.unk_token.as_ref().and_then(|token| model.token_to_id(token)),
            ModelWrapper::Unigram(model) => model.token_to_id("<unk>"),
        };
        Ok(Self { inner, unknown })
    }

    /// `text` as the model is to be given it.
    pub(crate) fn reading<'t>(&self, text: &'t str) -> Result<Reading<'t>, EmbedError> {
        let mut places = Vec::new();
        let tokens = self.read(text, &Stop::new(), &mut places)?.spans.len() + self.special();
        Ok(Reading { text: with_spaces(text, &places), tokens })
    }

    /// The tokens of a text, and the places at which words of it are parted.
    fn read(&self, text: &str, stop: &Stop, places: &mut Vec<usize>) -> Result<Tokens, EmbedError> {
        let mut tokens = Tokens { spans: Vec::with_capacity(text.len() / 4), unknown: Vec::new() };
        for piece in segments(text) {
            if stop.is_set() {
                return Err(EmbedError::Stopped);
            }
            let base = piece.start;
            for (id, span) in self.encode(text.get(piece).unwrap_or_default())? {
                let span = base + span.start..base + span.end;
                if self.unknown == Some(id) {
                    self.parted(text, span, places, &mut tokens)?;
                } else {
                    tokens.spans.push(span);
                }
            }
        }
        Ok(tokens)
    }

    /// Adds the tokens of a word that the model does not know.
    fn parted(
        &self,
        text: &str,
        word: Range<usize>,
        places: &mut Vec<usize>,
        tokens: &mut Tokens,
    ) -> Result<(), EmbedError> {
        let letters = text.get(word.clone()).unwrap_or_default();
        let inside = parting::places(letters);
        if inside.is_empty() {
            tokens.unknown.push(tokens.spans.len());
            tokens.spans.push(word);
            return Ok(());
        }
        // The byte of the n-th space is n bytes further on than the place that it is put at.
        let spaces: Vec<usize> = inside.iter().enumerate().map(|(n, place)| place + n).collect();
        for (id, span) in self.encode(&with_spaces(letters, &inside))? {
            let shift = |byte: usize| word.start + byte - spaces.partition_point(|space| *space < byte);
            if self.unknown == Some(id) {
                tokens.unknown.push(tokens.spans.len());
            }
            tokens.spans.push(shift(span.start)..shift(span.end));
        }
        places.extend(inside.iter().map(|place| word.start + place));
        Ok(())
    }

    fn encode(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, EmbedError> {
        let encoding = self.inner.encode(text, false).map_err(failed)?;
        let spans = encoding.get_offsets().iter().map(|(from, to)| *from..*to);
        Ok(encoding.get_ids().iter().copied().zip(spans).collect())
    }
}

/// The text with a space before each of these bytes.
fn with_spaces<'t>(text: &'t str, places: &[usize]) -> Cow<'t, str> {
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len() + places.len());
    let mut start = 0;
    for place in places {
        spaced.push_str(text.get(start..*place).unwrap_or_default());
        spaced.push(' ');
        start = *place;
    }
    spaced.push_str(text.get(start..).unwrap_or_default());
    Cow::Owned(spaced)
}

impl Tokenizer for WordPieces {
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        Ok(self.tokens(text, &Stop::new())?.spans)
    }

    fn tokens(&self, text: &str, stop: &Stop) -> Result<Tokens, EmbedError> {
        self.read(text, stop, &mut Vec::new())
    }

    fn special(&self) -> usize {
        self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(false))
    }
}

fn failed(error: tokenizers::Error) -> EmbedError {
    EmbedError::Failed(format!("the tokenizer failed: {error}"))
}
