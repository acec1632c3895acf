//! The rows that a change becomes.

use std::collections::HashMap;

use alluvium_core::access::Acl;
use alluvium_core::change::Origin;
use alluvium_core::document::{DocumentState, IndexedContent, Prepared, PreparedContent, RefusedContent};
use alluvium_core::extract::HeadingPaths;
use alluvium_core::hash::Sha256;
use alluvium_core::id::chunk_id;
use alluvium_core::notes::ExtractionNotes;
use alluvium_core::quarantine::{Refusal, quarantine_id};
use alluvium_core::text::CodePoints;
use alluvium_core::version::Version;
use jiff::Timestamp;

use super::{Context, Facts};
use crate::fault::Fault;
use crate::rows::{ChunkRow, DocumentRow, QuarantineRow, micros, seq_i64, version_text};

fn micros_or_null(time: Option<Timestamp>) -> Option<i64> {
    time.map(micros)
}

fn int(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The chunk rows of new content.
pub(super) fn chunk_rows(
    change: &Prepared,
    content: &IndexedContent,
    acl: &Acl,
    context: &Context,
) -> Vec<ChunkRow> {
    let extracted = &content.extracted;
    let text_hash = Sha256::of(&extracted.text);
    let doc_version = version_text(&content.version);
    let mut points = CodePoints::new(&extracted.text);
    let mut headings = HeadingPaths::new(&extracted.headings);
    let mut seen: HashMap<&Sha256, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(content.chunks.len());
    for (index, prepared) in content.chunks.iter().enumerate() {
        let span = &prepared.chunk.span;
        let pages = extracted.page_span(span);
        let occurrence = seen.entry(&prepared.hash).or_default();
        let mut row = ChunkRow {
            chunk_id: chunk_id(&change.doc_id, &prepared.hash, *occurrence),
            doc_id: change.doc_id.as_str().to_owned(),
            doc_version: doc_version.clone(),
            source: change.doc_id.source().to_owned(),
            uri: content.uri.clone(),
            title: content.title.clone(),
            media_type: extracted.media_type.as_str().to_owned(),
            language: extracted.language.clone(),
            text: prepared.chunk.text(&extracted.text).to_owned(),
            vector: prepared.vector.clone(),
            content_hash: content.content_hash.as_str().to_owned(),
            text_hash: text_hash.as_str().to_owned(),
            chunk_hash: prepared.hash.as_str().to_owned(),
            chunk_index: int(index),
            tokens: int(prepared.chunk.tokens),
            char_start: int(points.at(span.start)),
            char_end: int(points.at(span.end)),
            page_start: pages.map(|(first, _)| i64::from(first)),
            page_end: pages.map(|(_, last)| i64::from(last)),
            heading_path: headings.at(span.start),
            extractor: extracted.extractor.to_string(),
            chunker: content.chunker.to_string(),
            model: context.model.clone(),
            pipeline: context.pipeline.clone(),
            pipeline_fingerprint: content.pipeline_fingerprint.as_str().to_owned(),
            position: change.origin.position.clone(),
            trace_id: change.origin.trace_id.clone(),
            acl_readers: Vec::new(),
            acl_denied: Vec::new(),
            classification: None,
            tenant: None,
            metadata: content.metadata.clone(),
            event_time: micros_or_null(change.origin.event_time),
            modified_at: micros_or_null(content.modified_at),
            indexed_at: context.now,
            expires_at: None,
        };
        row.set_acl(acl);
        *occurrence += 1;
        rows.push(row);
    }
    rows
}

/// The document row of new content.
pub(super) fn indexed_row(change: &Prepared, content: &IndexedContent, context: &Context) -> DocumentRow {
    let extracted = &content.extracted;
    let mut points = CodePoints::new(&extracted.text);
    DocumentRow {
        uri: content.uri.clone(),
        title: content.title.clone(),
        media_type: Some(extracted.media_type.as_str().to_owned()),
        language: extracted.language.clone(),
        content_hash: Some(content.content_hash.as_str().to_owned()),
        text_hash: Some(Sha256::of(&extracted.text).into()),
        extractor: Some(extracted.extractor.to_string()),
        chunker: Some(content.chunker.to_string()),
        partial: extracted.partial.clone(),
        bytes: i64::try_from(content.bytes).unwrap_or(i64::MAX),
        chunk_count: int(content.chunks.len()),
        token_count: int(content.chunks.iter().map(|c| c.chunk.tokens).sum()),
        page_starts: extracted.pages.iter().map(|start| int(points.at(*start))).collect(),
        text: Some(extracted.text.clone()).filter(|_| !Fault::TextIsNotKept.is_on()),
        metadata: content.metadata.clone(),
        modified_at: micros_or_null(content.modified_at),
        notes: notes(&extracted.notes),
        ..bare_row(change, DocumentState::Indexed, &content.version, &content.pipeline_fingerprint, context)
    }
}

/// Notes as the table holds them.
fn notes(notes: &ExtractionNotes) -> Option<String> {
    if notes.is_empty() { None } else { serde_json::to_string(notes).ok() }
}

/// The row that remembers a deletion.
pub(super) fn deleted_row(
    change: &Prepared,
    version: &Version,
    facts: &Facts,
    context: &Context,
) -> DocumentRow {
    let row = bare_row(change, DocumentState::Deleted, version, &Sha256::of(""), context);
    match &facts.document {
        Some(known) => DocumentRow {
            uri: known.uri.clone(),
            title: known.title.clone(),
            content_hash: known.content_hash.clone(),
            pipeline_fingerprint: known.pipeline_fingerprint.clone(),
            ..row
        },
        None => row,
    }
}

/// The row of an id that never had good content.
pub(super) fn refused_row(change: &Prepared, context: &Context) -> DocumentRow {
    let refused = refused_of(change);
    let row = bare_row(change, DocumentState::Quarantined, &refused.version, &refused.fingerprint, context);
    DocumentRow {
        uri: refused.uri,
        content_hash: refused.content_hash.map(String::from),
        media_type: refused.media_type,
        ..row
    }
}

/// The row of a document whose source has nothing to say any more: the empty text.
pub(super) fn withdrawn_row(change: &Prepared, context: &Context) -> DocumentRow {
    DocumentRow { text_hash: Some(Sha256::of("").into()), ..refused_row(change, context) }
}

fn bare_row(
    change: &Prepared,
    state: DocumentState,
    version: &Version,
    fingerprint: &Sha256,
    context: &Context,
) -> DocumentRow {
    let Origin { position, stamp, event_time, trace_id } = change.origin.clone();
    DocumentRow {
        doc_id: change.doc_id.as_str().to_owned(),
        source: change.doc_id.source().to_owned(),
        uri: String::new(),
        title: String::new(),
        media_type: None,
        language: None,
        version: version_text(version),
        content_hash: None,
        text_hash: None,
        pipeline_fingerprint: fingerprint.as_str().to_owned(),
        extractor: None,
        chunker: None,
        state: state.as_str().to_owned(),
        partial: None,
        stamp,
        position,
        trace_id,
        bytes: 0,
        chunk_count: 0,
        token_count: 0,
        text: None,
        page_starts: Vec::new(),
        metadata: Vec::new(),
        event_time: micros_or_null(event_time),
        modified_at: None,
        indexed_at: context.now,
        notes: None,
    }
}

/// What is known of content that is not applied, whoever refused it.
struct Refused {
    version: Version,
    content_hash: Option<Sha256>,
    fingerprint: Sha256,
    uri: String,
    media_type: Option<String>,
}

fn refused_of(change: &Prepared) -> Refused {
    match &change.content {
        PreparedContent::Refused(r) => {
            let RefusedContent { version, content_hash, pipeline_fingerprint, uri, media_type, .. } = &**r;
            Refused {
                version: version.clone(),
                content_hash: content_hash.clone(),
                fingerprint: pipeline_fingerprint.clone(),
                uri: uri.clone(),
                media_type: media_type.map(|m| m.as_str().to_owned()),
            }
        }
        PreparedContent::Indexed(c) => Refused {
            version: c.version.clone(),
            content_hash: Some(c.content_hash.clone()),
            fingerprint: c.pipeline_fingerprint.clone(),
            uri: c.uri.clone(),
            media_type: Some(c.extracted.media_type.as_str().to_owned()),
        },
        PreparedContent::Kept(kept) => Refused {
            version: kept.version.clone(),
            content_hash: None,
            fingerprint: Sha256::of(""),
            uri: kept.uri.clone().unwrap_or_default(),
            media_type: None,
        },
        PreparedContent::Unsaid | PreparedContent::Deleted { .. } => Refused {
            version: Version::observed(),
            content_hash: None,
            fingerprint: Sha256::of(""),
            uri: String::new(),
            media_type: None,
        },
    }
}

/// The quarantine row of a refusal. The same change refused again is one more attempt.
pub(super) fn quarantine_row(
    change: &Prepared,
    refusal: &Refusal,
    facts: &Facts,
    context: &Context,
) -> QuarantineRow {
    let refused = refused_of(change);
    let known = facts.document.as_ref();
    let position = &change.origin.position;
    let id = quarantine_id(&change.doc_id, position, refusal.stage, refused.content_hash.as_ref());
    let earlier = facts.open.iter().find(|q| q.id == id);
    // An access list refused on its own says nothing of the content: what is known of that stays.
    let content_hash = refused.content_hash.map(String::from);
    let silent = matches!(change.content, PreparedContent::Unsaid);
    QuarantineRow {
        doc_id: change.doc_id.as_str().to_owned(),
        source: change.doc_id.source().to_owned(),
        position: position.clone(),
        stage: refusal.stage.to_string(),
        cause: refusal.cause.to_string(),
        detail: refusal.detail.clone(),
        uri: if refused.uri.is_empty() {
            known.map_or_else(String::new, |d| d.uri.clone())
        } else {
            refused.uri
        },
        media_type: refused.media_type,
        content_hash: if silent { known.and_then(|d| d.content_hash.clone()) } else { content_hash },
        pipeline_fingerprint: match known {
            Some(d) if silent => d.pipeline_fingerprint.clone(),
            _ => refused.fingerprint.as_str().to_owned(),
        },
        stamp: change.origin.stamp.clone(),
        version: version_text(&refused.version),
        bytes: None,
        entered_at: earlier.map_or(context.now, |q| q.entered_at),
        entered_seq: earlier.map_or(seq_i64(context.seq), |q| q.entered_seq),
        attempts: earlier.map_or(1, |q| q.attempts + 1),
        retry_seq: None,
        dropped: false,
        resolved_at: None,
        resolved_seq: None,
        id,
    }
}
