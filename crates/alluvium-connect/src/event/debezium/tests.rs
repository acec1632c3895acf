#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, MediaType};
use alluvium_core::id::SourceName;
use alluvium_core::version::{Version, VersionKind};
use serde_json::json;

use super::*;
use crate::event::{EventFormat, EventRules, Message};

fn columns() -> Columns {
    let some = |name: &str| Some(name.to_owned());
    Columns {
        id: "id".to_owned(),
        text: "body".to_owned(),
        media_type: "text/markdown".to_owned(),
        title: some("title"),
        uri: some("link"),
        readers: some("readers"),
        metadata: vec!["team".to_owned()],
    }
}

fn change(key: &Value, value: Option<&Value>) -> Result<DocumentChange, EventError> {
    let rules = EventRules::new(SourceName::new("wiki").unwrap(), None, Vec::new(), 1000).unwrap();
    let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 9 };
    let value = value.map(Value::to_string);
    let value = value.as_ref().map(|value| value.as_bytes());
    let key = key.to_string();
    let message = Message { key: key.as_bytes(), value, headers: None };
    let change = EventFormat::Debezium(Box::new(columns())).change(&message, &rules, log, "t/0/9".to_owned());
    change.map(Option::unwrap)
}

fn page(id: impl Into<Value>) -> Value {
    json!({
        "id": id.into(), "body": "# Leave", "title": "Leave", "link": "https://example.org/7", "team": 12,
        "readers": ["group:staff"], "other": null,
    })
}

fn captured(op: &str, before: &Value, after: &Value) -> Value {
    json!({ "before": before, "after": after, "op": op, "ts_ms": 1, "source": { "lsn": 5 } })
}

fn error(result: Result<DocumentChange, EventError>) -> String {
    result.unwrap_err().detail
}

#[test]
fn rows_that_are_there_are_upserts_however_they_are_written() {
    let key = json!({ "id": 7 });
    let row = page(7);
    let bare = captured("u", &page(7), &row);
    let with_schema = json!({ "schema": { "type": "struct" }, "payload": bare });
    let key_with_schema = json!({ "schema": {}, "payload": key });
    for (key, value) in [
        (&key, &bare),
        (&key, &captured("c", &Value::Null, &row)),
        (&key, &captured("r", &Value::Null, &row)),
        (&key_with_schema, &with_schema),
        (&key, &row),
    ] {
        let change = change(key, Some(value)).unwrap();
        assert_eq!((change.doc_id.as_str(), change.origin.position.as_str()), ("wiki/7", "t/0/9"));
        let Some(ContentChange::Upsert(upsert)) = change.content else { panic!("{value}") };
        assert_eq!(
            (upsert.bytes.as_slice(), upsert.media_type),
            (b"# Leave".as_slice(), MediaType::Markdown)
        );
        assert_eq!((upsert.title.as_deref(), upsert.uri.as_str()), (Some("Leave"), "https://example.org/7"));
        assert_eq!((upsert.metadata, upsert.version.value), (vec!["team=12".to_owned()], 9));
        let AccessChange::Declared { acl, .. } = change.access else { panic!("{value}") };
        assert_eq!(acl.readers, ["group:staff"]);
    }
}

#[test]
fn rows_that_are_gone_are_deletions() {
    let key = json!({ "id": "a" });
    let mut flat = page("a");
    flat["__deleted"] = json!("true");
    for value in [Some(captured("d", &page("a"), &Value::Null)), Some(flat), None] {
        let change = change(&key, value.as_ref()).unwrap();
        assert_eq!(change.doc_id.as_str(), "wiki/a");
        assert!(matches!(change.content, Some(ContentChange::Delete { version }) if version.value == 9));
    }
}

#[test]
fn readers_may_be_a_text_and_must_be_a_list() {
    let key = json!({ "id": 7 });
    let with = |readers: Value| {
        let mut row = page(7);
        row["readers"] = readers;
        change(&key, Some(&row))
    };
    let AccessChange::Declared { acl, .. } = with(json!("[\"b\", \"a\"]")).unwrap().access else { panic!() };
    assert_eq!(acl.readers, ["a", "b"]);
    for wrong in [json!("group:staff"), json!(null), json!([1]), json!({})] {
        assert!(error(with(wrong)).contains("column readers is no list of principals"));
    }
}

#[test]
fn what_is_no_change_of_one_row_is_refused() {
    let key = json!({ "id": 7 });
    let row = page(7);
    let mut textless = page(7);
    textless["body"] = json!(5);
    let mut nameless = page(7);
    nameless.as_object_mut().unwrap().remove("id");
    for (key, value, detail) in [
        (&key, captured("u", &row, &page(8)), "key is \"7\", and the event's id is \"8\""),
        (&json!("7"), row.clone(), "the message's key is no row"),
        (&json!({ "number": 7 }), row.clone(), "the message's key: the row has no column id"),
        (&key, captured("t", &Value::Null, &Value::Null), "a truncated table"),
        (&key, captured("x", &row, &row), "op \"x\" is not one of"),
        (&key, captured("d", &Value::Null, &Value::Null), "no row \"before\""),
        (&key, captured("c", &Value::Null, &Value::Null), "no row \"after\""),
        (&key, textless, "column body is no text"),
        (&key, nameless, "the row has no column id"),
        (&key, json!([1]), "no change of a row"),
        (&json!({ "id": [7] }), row.clone(), "neither a text nor a number"),
    ] {
        let found = error(change(key, Some(&value)));
        assert!(found.contains(detail), "{found}");
    }
}
