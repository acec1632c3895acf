//! The seam between chunks and vectors.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
}

/// A model's own way to cut text into tokens.
pub trait Tokenizer: Send + Sync {
    /// The bytes of each token of `text`, in order, without special tokens and without a limit.
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError>;

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
