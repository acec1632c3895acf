//! The Arrow schemas of the four tables, written down once. `schemas/index.json` is printed from here.

use std::sync::Arc;

use alluvium_core::ledger::TableRole;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};

/// The version of all four schemas together.
pub(crate) const VERSION: &str = "alluvium.index.v1";

/// The column that rows of a table are replaced by.
pub(crate) fn key(role: TableRole) -> &'static str {
    match role {
        TableRole::Quarantine => "id",
        _ => "doc_id",
    }
}

/// The columns of a table that came after the first version of the schema, in the order in which they came.
/// They may be null and stand last, so that a table from before is one without some of them: it is read as it is,
/// and gets them before it is written to (`table::Table::with_later_columns`).
pub(crate) fn later_columns(role: TableRole) -> &'static [&'static str] {
    match role {
        TableRole::Documents => &["notes"],
        TableRole::Chunks | TableRole::Policy | TableRole::Quarantine => &[],
    }
}

/// The schema of a table; `dimension` matters to `chunks` only.
pub(crate) fn schema(role: TableRole, dimension: usize) -> Schema {
    let fields = match role {
        TableRole::Chunks => chunks(dimension),
        TableRole::Documents => documents(),
        TableRole::Policy => policy(),
        TableRole::Quarantine => quarantine(),
    };
    Schema::new(fields)
}

/// The fields in the form that rows are serialized by.
pub(crate) fn field_refs(role: TableRole, dimension: usize) -> Vec<FieldRef> {
    schema(role, dimension).fields().iter().cloned().collect()
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn text_or_null(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

fn int_or_null(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn time(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), nullable)
}

fn list(name: &str, item: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("item", item, true))), false)
}

fn access() -> [Field; 4] {
    [
        list("acl_readers", DataType::Utf8),
        list("acl_denied", DataType::Utf8),
        text_or_null("classification"),
        text_or_null("tenant"),
    ]
}

fn chunks(dimension: usize) -> Fields {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let dimension = i32::try_from(dimension).unwrap_or(i32::MAX);
    let mut fields = vec![
        text("chunk_id"),
        text("doc_id"),
        text("doc_version"),
        text("source"),
        text("uri"),
        text("title"),
        text("media_type"),
        text_or_null("language"),
        text("text"),
        Field::new("vector", DataType::FixedSizeList(item, dimension), false),
        text("content_hash"),
        text("text_hash"),
        text("chunk_hash"),
        int("chunk_index"),
        int("tokens"),
        int("char_start"),
        int("char_end"),
        int_or_null("page_start"),
        int_or_null("page_end"),
        list("heading_path", DataType::Utf8),
        text("extractor"),
        text("chunker"),
        text("model"),
        text("pipeline"),
        text("pipeline_fingerprint"),
        text("position"),
        text_or_null("trace_id"),
    ];
    fields.extend(access());
    fields.extend([
        list("metadata", DataType::Utf8),
        time("event_time", true),
        time("modified_at", true),
        time("indexed_at", false),
        time("expires_at", true),
    ]);
    fields.into()
}

fn documents() -> Fields {
    vec![
        text("doc_id"),
        text("source"),
        text("uri"),
        text("title"),
        text_or_null("media_type"),
        text_or_null("language"),
        text("version"),
        text_or_null("content_hash"),
        text_or_null("text_hash"),
        text("pipeline_fingerprint"),
        text_or_null("extractor"),
        text_or_null("chunker"),
        text("state"),
        text_or_null("partial"),
        text_or_null("stamp"),
        text("position"),
        text_or_null("trace_id"),
        int("bytes"),
        int("chunk_count"),
        int("token_count"),
        text_or_null("text"),
        list("page_starts", DataType::Int64),
        list("metadata", DataType::Utf8),
        time("event_time", true),
        time("modified_at", true),
        time("indexed_at", false),
        text_or_null("notes"),
    ]
    .into()
}

fn policy() -> Fields {
    let mut fields = vec![text("doc_id"), text("source")];
    fields.extend(access());
    fields.extend([
        text("acl_hash"),
        text("acl_version"),
        int_or_null("deleted_seq"),
        text_or_null("deleted_version"),
        int_or_null("erased_seq"),
        int_or_null("erasure_undone_seq"),
        text_or_null("erased_version"),
        int("changed_seq"),
        time("changed_at", false),
    ]);
    fields.into()
}

fn quarantine() -> Fields {
    vec![
        text("id"),
        text("doc_id"),
        text("source"),
        text("position"),
        text("stage"),
        text("cause"),
        text("detail"),
        text("uri"),
        text_or_null("media_type"),
        text_or_null("content_hash"),
        text("pipeline_fingerprint"),
        text_or_null("stamp"),
        text("version"),
        Field::new("bytes", DataType::LargeBinary, true),
        time("entered_at", false),
        int("entered_seq"),
        int("attempts"),
        int_or_null("retry_seq"),
        Field::new("dropped", DataType::Boolean, false),
        time("resolved_at", true),
        int_or_null("resolved_seq"),
    ]
    .into()
}

/// The contract of the index as JSON: table by table, column by column.
pub fn schema_json() -> serde_json::Value {
    let table = |role: TableRole, name: &str| {
        let columns: Vec<_> = schema(role, 384)
            .fields()
            .iter()
            .map(|f| serde_json::json!({"name": f.name(), "type": type_name(f), "nullable": f.is_nullable()}))
            .collect();
        serde_json::json!({"table": name, "key": key(role), "columns": columns})
    };
    serde_json::json!({
        "schema": VERSION,
        "tables": [
            table(TableRole::Chunks, "chunks_<generation>"),
            table(TableRole::Documents, "documents_<generation>"),
            table(TableRole::Policy, "policy"),
            table(TableRole::Quarantine, "quarantine"),
        ],
    })
}

fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::FixedSizeList(item, _) => {
            format!("fixed_size_list<{}, dimension>", item.data_type()).to_lowercase()
        }
        DataType::List(item) => format!("list<{}>", item.data_type()).to_lowercase(),
        DataType::Timestamp(..) => "timestamp[us, UTC]".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}
