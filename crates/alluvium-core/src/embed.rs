//! The seam between chunks and vectors.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::stop::Stop;

/// What a model is. Two models with one name and another artifact are two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The name in the registry.
    pub name: String,
    /// Which release of it.
    pub revision: String,
    /// SHA-256 of the weights.
    pub artifact: String,
    /// SHA-256 of the tokenizer.
    pub tokenizer: String,
    /// Length of its vectors.
    pub dimension: usize,
    /// How token vectors become one: `mean` or `cls`.
    pub pooling: String,
    /// Whether vectors have length 1.
    pub normalize: bool,
    /// Put before a text that is indexed.
    pub document_prefix: String,
    /// Put before a text that is searched for.
    pub query_prefix: String,
    /// Most tokens of one text, special ones included.
    pub max_tokens: usize,
}

/// Why there is no vector.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EmbedError {
    /// The model or its runtime is missing, corrupt or of another version: named at start.
    #[error("{0}")]
    Unavailable(String),
    /// The model ran and failed.
    #[error("embedding failed: {0}")]
    Failed(String),
    /// The model gave a vector that can't be right.
    #[error("the model gave a bad vector: {0}")]
    BadVector(String),
    /// The text is longer than the model takes; models cut such texts without a word.
    #[error("the text has {tokens} tokens, the model takes at most {max}")]
    TooLong {
        /// Tokens of the text, the prefix and special ones included.
        tokens: usize,
        /// Most tokens that the model takes.
        max: usize,
    },
    /// Whoever waited has asked to end.
    #[error("stopped")]
    Stopped,
}

/// The tokens of a text, without special ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The bytes of each token, in order.
    pub spans: Vec<Range<usize>>,
    /// Which of them stand for text that the model does not know: indices into `spans`, ascending.
    pub unknown: Vec<usize>,
}

/// So much more than what a model knows of a text may be unknown to it. Measured (`cargo xtask bench questions`):
/// of Chinese the models of the registry know a third, and find the right one of sixty documents by it; of Thai
/// they know a tenth at most, and find by chance.
const MOST_UNKNOWN: usize = 4;

/// An unknown token weighs no more than so many characters when what a model knows of a text is weighed
/// against what it does not: a key of a thousand letters in a paragraph is one word that it does not know.
const HEAVIEST_UNKNOWN: usize = 16;

impl Tokens {
    /// Whether the model knows at least a fifth of `text`, which these are the tokens of, by characters. Of
    /// less, its vector says little of what the text is about, and much of how little the model knows: all
    /// such texts are alike to it.
    pub fn are_known(&self, text: &str) -> bool {
        if self.unknown.is_empty() {
            return !self.spans.is_empty();
        }
        let mut unknown = self.unknown.iter().peekable();
        let (mut weight, mut lost) = (0, 0);
        for (number, span) in self.spans.iter().enumerate() {
            let characters = text.get(span.clone()).map_or(0, |piece| piece.chars().count());
            if unknown.next_if_eq(&&number).is_some() {
                lost += characters.min(HEAVIEST_UNKNOWN);
            } else {
                weight += characters;
            }
        }
        lost <= weight * MOST_UNKNOWN
    }
}

/// A model's own way to cut text into tokens.
pub trait Tokenizer: Send + Sync {
    /// The bytes of each token of `text`, in order, without special tokens and without a limit. What a person
    /// typed is text, also where it looks like a special token.
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError>;

    /// The same, with what of it the model does not know. Ends with [`EmbedError::Stopped`] soon after `stop`
    /// is set.
    fn tokens(&self, text: &str, stop: &Stop) -> Result<Tokens, EmbedError> {
        if stop.is_set() {
            return Err(EmbedError::Stopped);
        }
        Ok(Tokens { spans: self.spans(text)?, unknown: Vec::new() })
    }

    /// How many special tokens the model adds to a text.
    fn special(&self) -> usize;
}

/// One session of a model, for one thread.
pub trait Embedder: Send {
    /// The vector of a text to index (the document prefix is added here). Finite, and of length 1 where
    /// the identity says so.
    fn embed_document(&mut self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// The vector of a text to search for.
    fn embed_query(&mut self, text: &str) -> Result<Vec<f32>, EmbedError>;
}

/// A model, verified; it opens sessions.
pub trait Model: Send + Sync {
    /// What it is.
    fn identity(&self) -> &ModelIdentity;

    /// Its tokenizer.
    fn tokenizer(&self) -> Arc<dyn Tokenizer>;

    /// Opens a session. Sessions do not share weights: count the memory.
    fn session(&self) -> Result<Box<dyn Embedder>, EmbedError>;
}

/// Checks a vector against its model: length, finite values, and length 1 where promised.
pub fn check_vector(identity: &ModelIdentity, vector: &[f32]) -> Result<(), EmbedError> {
    if vector.len() != identity.dimension {
        let text = format!("{} values instead of {}", vector.len(), identity.dimension);
        return Err(EmbedError::BadVector(text));
    }
    if vector.iter().any(|v| !v.is_finite()) {
        return Err(EmbedError::BadVector("a value is not a finite number".to_owned()));
    }
    let norm = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    if identity.normalize && (norm - 1.0).abs() > 1e-3 {
        return Err(EmbedError::BadVector(format!("its length is {norm:.4} instead of 1")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_known(text: &str, unknown: &[usize]) -> bool {
        let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let spans = text.split_whitespace().map(|word| start(word)..start(word) + word.len()).collect();
        Tokens { spans, unknown: unknown.to_vec() }.are_known(text)
    }

    #[test]
    fn a_text_is_known_by_a_fifth_of_its_characters() {
        assert!(are_known("all of it", &[]));
        assert!(are_known("ab cdefghij", &[1]));
        assert!(!are_known("ab cdefghijk", &[1]));
        assert!(!are_known("none of it", &[0, 1, 2]));
        assert!(!are_known("", &[]) && !are_known(" ", &[]));
        let key = "k".repeat(10_000);
        assert!(are_known(&format!("a key {key}"), &[2]), "one word, however long");
        assert!(!are_known(&format!("{key} {key} key"), &[0, 1]));
    }
}
