//! One document's chunks against its row and its text: pure.

use std::cmp::Ordering;
use std::collections::HashSet;

use alluvium_core::embed::{EmbedError, check_vector};
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::Record;

use super::findings::{Check, Sink};
use crate::rows::{self, ChunkRow, DocumentRow};

/// A document with its chunks, in the order of their numbers.
pub(super) struct Content<'a> {
    record: &'a Record,
    document: &'a DocumentRow,
    chunks: Vec<ChunkRow>,
}

impl<'a> Content<'a> {
    /// Of a chunk that is there twice the first row counts; the second has been found already.
    pub(super) fn new(record: &'a Record, document: &'a DocumentRow, mut chunks: Vec<ChunkRow>) -> Self {
        let mut ids = HashSet::new();
        chunks.retain(|chunk| ids.insert(chunk.chunk_id.clone()));
        chunks.sort_by_key(|chunk| chunk.chunk_index);
        Self { record, document, chunks }
    }

    pub(super) fn check(&self, sink: &mut Sink) {
        self.numbers(sink);
        self.versions(sink);
        for chunk in &self.chunks {
            if let Err(error) = self.vector(chunk) {
                sink.add(Check::BadVector, &chunk.chunk_id, format!("of {}: {error}", chunk.doc_id));
            }
            if Sha256::of(&chunk.text).as_str() != chunk.chunk_hash {
                let detail = format!("of {}: chunk_hash is not the hash of its text", chunk.doc_id);
                sink.add(Check::ChunkHash, &chunk.chunk_id, detail);
            }
        }
        self.text(sink);
        self.pages(sink);
    }

    /// A chunk that the model can't read, one of no tokens, has zeros, which no search by meaning finds. Any
    /// other has a vector that the model could give.
    fn vector(&self, chunk: &ChunkRow) -> Result<(), EmbedError> {
        let model = &self.record.fingerprint.model;
        if chunk.tokens > 0 {
            return check_vector(model, &chunk.vector);
        }
        let zeros = chunk.vector.len() == model.dimension && chunk.vector.iter().all(|value| *value == 0.0);
        if zeros { Ok(()) } else { Err(EmbedError::BadVector("it has no tokens and a vector".to_owned())) }
    }

    fn numbers(&self, sink: &mut Sink) {
        let (found, said) = (self.chunks.len() as i64, self.document.chunk_count);
        if found != said {
            let detail = format!("has {found} chunks, its row says {said}");
            sink.add(Check::ChunkCount, &self.document.doc_id, detail);
        } else if !self.chunks.iter().zip(0..).all(|(chunk, number)| chunk.chunk_index == number) {
            let detail = format!("its {found} chunks are not numbered from 0 without gaps");
            sink.add(Check::ChunkOrdinal, &self.document.doc_id, detail);
        }
    }

    /// All chunks are of the content that the row describes, made by the pipeline that it names.
    fn versions(&self, sink: &mut Sink) {
        let model = &self.record.fingerprint.model;
        let model = format!("{}@{}", model.name, model.revision);
        let first = self.chunks.first().map(|chunk| &chunk.doc_version);
        for chunk in &self.chunks {
            let other = self.other(chunk, &model).or_else(|| {
                let same = Some(&chunk.doc_version) == first && !self.is_newer(&chunk.doc_version);
                (!same).then_some("doc_version")
            });
            if let Some(column) = other {
                let detail = format!("chunk {} is of another {column} than the document", chunk.chunk_id);
                return sink.add(Check::MixedVersions, &self.document.doc_id, detail);
            }
        }
    }

    /// The first column that differs.
    fn other(&self, chunk: &ChunkRow, model: &str) -> Option<&'static str> {
        let document = self.document;
        let pairs = [
            ("content_hash", document.content_hash.as_deref(), &chunk.content_hash),
            ("text_hash", document.text_hash.as_deref(), &chunk.text_hash),
            (
                "pipeline_fingerprint",
                Some(document.pipeline_fingerprint.as_str()),
                &chunk.pipeline_fingerprint,
            ),
            ("extractor", document.extractor.as_deref(), &chunk.extractor),
            ("chunker", document.chunker.as_deref(), &chunk.chunker),
            ("model", Some(model), &chunk.model),
            ("pipeline", Some(self.record.pipeline.as_str()), &chunk.pipeline),
            ("source", Some(document.source.as_str()), &chunk.source),
            ("uri", Some(document.uri.as_str()), &chunk.uri),
            ("title", Some(document.title.as_str()), &chunk.title),
        ];
        pairs.into_iter().find(|(_, said, found)| *said != Some(found.as_str())).map(|(column, ..)| column)
    }

    /// A document's version moves on alone where only the version is new; its chunks' never does.
    fn is_newer(&self, version: &str) -> bool {
        let read = |text: &str| rows::version("documents", text).ok();
        let (Some(chunk), Some(document)) = (read(version), read(&self.document.version)) else {
            return true;
        };
        chunk.order(&document) == Some(Ordering::Greater)
    }

    fn text(&self, sink: &mut Sink) {
        let document = self.document;
        let text = document
            .text
            .as_deref()
            .filter(|text| document.text_hash.as_deref() == Some(Sha256::of(text).as_str()));
        let Some(text) = text else {
            return sink.add(
                Check::DocumentText,
                &document.doc_id,
                "its text is missing or not that of text_hash",
            );
        };
        let points = Points::new(text);
        for chunk in &self.chunks {
            if points.slice(chunk.char_start, chunk.char_end) != Some(chunk.text.as_str()) {
                let (start, end) = (chunk.char_start, chunk.char_end);
                let detail = format!("of {}: is not the text from {start} to {end}", chunk.doc_id);
                sink.add(Check::ChunkSpan, &chunk.chunk_id, detail);
            }
        }
        for (before, chunk) in self.chunks.iter().zip(self.chunks.iter().skip(1)) {
            if chunk.char_start < before.char_start {
                let detail = format!("chunk {} begins before the one before it", chunk.chunk_id);
                return sink.add(Check::ChunkOrder, &document.doc_id, detail);
            }
        }
    }

    fn pages(&self, sink: &mut Sink) {
        for chunk in &self.chunks {
            if (chunk.page_start, chunk.page_end) != self.pages_at(chunk) {
                let last = self.document.page_starts.len();
                let detail = format!("of {}: is not on these pages of {last}", chunk.doc_id);
                sink.add(Check::PageSpan, &chunk.chunk_id, detail);
            }
        }
    }

    /// The pages that a chunk's span touches, from 1 and both inclusive.
    fn pages_at(&self, chunk: &ChunkRow) -> (Option<i64>, Option<i64>) {
        let starts = &self.document.page_starts;
        if starts.is_empty() {
            return (None, None);
        }
        let page = |point: i64| starts.partition_point(|start| *start <= point).max(1) as i64;
        let last = (chunk.char_end - 1).max(chunk.char_start);
        (Some(page(chunk.char_start)), Some(page(last)))
    }
}

/// A text by code points.
struct Points<'t> {
    text: &'t str,
    /// Where each begins, and the end; none of plain ASCII, where they are bytes.
    starts: Option<Vec<usize>>,
}

impl<'t> Points<'t> {
    fn new(text: &'t str) -> Self {
        let starts = || text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        Self { text, starts: (!text.is_ascii()).then(starts) }
    }

    fn slice(&self, start: i64, end: i64) -> Option<&'t str> {
        self.text.get(self.byte(start)?..self.byte(end)?)
    }

    fn byte(&self, point: i64) -> Option<usize> {
        let point = usize::try_from(point).ok()?;
        match &self.starts {
            Some(starts) => starts.get(point).copied(),
            None => Some(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_code_points() {
        let points = Points::new("aéb€");
        assert_eq!(
            (points.slice(1, 3), points.slice(3, 4), points.slice(3, 5)),
            (Some("éb"), Some("€"), None)
        );
        assert_eq!(Points::new("abc").slice(1, 4), None);
        assert_eq!((points.slice(-1, 1), points.slice(3, 1)), (None, None));
    }
}
