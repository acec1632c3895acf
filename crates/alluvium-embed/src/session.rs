//! One session of a model: text in, checked vector out.

use std::sync::Arc;

use alluvium_core::embed::{EmbedError, Embedder, ModelIdentity, check_vector};
use fastembed::TextEmbedding;

use crate::tokenizer::WordPieces;

/// A session for one thread.
pub(crate) struct Session {
    pub(crate) inner: TextEmbedding,
    pub(crate) identity: Arc<ModelIdentity>,
    pub(crate) tokenizer: Arc<WordPieces>,
}

impl Session {
    fn embed(&mut self, prefix: &str, text: &str) -> Result<Vec<f32>, EmbedError> {
        let prefixed;
        let text = if prefix.is_empty() {
            text
        } else {
            prefixed = format!("{prefix}{text}");
            &prefixed
        };
        let reading = self.tokenizer.reading(text)?;
        self.check_length(reading.tokens)?;
        let vectors =
            self.inner.embed([&*reading.text], Some(1)).map_err(|e| EmbedError::Failed(e.to_string()))?;
        let [vector] = <[Vec<f32>; 1]>::try_from(vectors)
            .map_err(|v| EmbedError::Failed(format!("{} vectors for one text", v.len())))?;
        check_vector(&self.identity, &vector)?;
        Ok(vector)
    }

    /// The model would cut a long text without a word, and fail on one without tokens.
    fn check_length(&self, tokens: usize) -> Result<(), EmbedError> {
        match (tokens, self.identity.max_tokens) {
            (0, _) => Err(EmbedError::BadVector("the text has no tokens".to_owned())),
            (tokens, max) if tokens > max => Err(EmbedError::TooLong { tokens, max }),
            _ => Ok(()),
        }
    }
}

impl Embedder for Session {
    fn embed_document(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let identity = Arc::clone(&self.identity);
        self.embed(&identity.document_prefix, text)
    }

    fn embed_query(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let identity = Arc::clone(&self.identity);
        self.embed(&identity.query_prefix, text)
    }
}
