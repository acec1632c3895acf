#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, MediaType};
use alluvium_core::document::PreparedContent;
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
        unavailable: Unavailable::default(),
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

#[test]
fn a_deletion_without_a_row_is_that_of_the_row_that_the_key_names() {
    let with_schema = json!({ "schema": {}, "payload": captured("d", &Value::Null, &Value::Null) });
    let nothing_of_it = json!({ "op": "d", "after": null });
    let only_values = captured("d", &json!({ "body": null }), &Value::Null);
    for key in [json!({ "id": 7 }), json!({ "schema": {}, "payload": { "id": 7 } })] {
        for value in [&captured("d", &Value::Null, &Value::Null), &with_schema, &nothing_of_it, &only_values]
        {
            let change = change(&key, Some(value)).unwrap();
            assert_eq!(change.doc_id.as_str(), "wiki/7");
            assert!(matches!(change.content, Some(ContentChange::Delete { .. })), "{value}");
        }
    }
    let other = captured("d", &page(8), &Value::Null);
    assert!(error(change(&json!({ "id": 7 }), Some(&other))).contains("must be equal"));
}

fn in_mongo() -> Columns {
    Columns { id: "_id".to_owned(), uri: None, ..columns() }
}

fn change_in_mongo(key: &str, value: &Value) -> Result<DocumentChange, EventError> {
    let rules = EventRules::new(SourceName::new("wiki").unwrap(), None, Vec::new(), 1000).unwrap();
    let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 9 };
    let (key, value) = (json!({ "id": key }).to_string(), value.to_string());
    let message = Message { key: key.as_bytes(), value: Some(value.as_bytes()), headers: None };
    let format = EventFormat::Debezium(Box::new(in_mongo()));
    format.change(&message, &rules, log, "t/0/9".to_owned()).map(Option::unwrap)
}

#[test]
fn documents_of_mongodb_are_rows() {
    let document = json!({
        "_id": { "$oid": "596e275826f08b2730779e1f" }, "body": "# Leave", "title": "Leave",
        "team": { "$numberLong": "12" }, "readers": ["group:staff"],
    });
    let key = "{\"$oid\": \"596e275826f08b2730779e1f\"}";
    for op in ["c", "u", "r"] {
        let value = json!({ "op": op, "after": document.to_string(), "source": {} });
        let change = change_in_mongo(key, &value).unwrap();
        assert_eq!(change.doc_id.as_str(), "wiki/596e275826f08b2730779e1f");
        let Some(ContentChange::Upsert(upsert)) = change.content else { panic!("{value}") };
        assert_eq!((upsert.bytes.as_slice(), upsert.metadata), (&b"# Leave"[..], vec!["team=12".to_owned()]));
    }
    let gone = json!({ "op": "d", "before": null, "after": null, "source": {} });
    let deletion = change_in_mongo(key, &gone).unwrap();
    assert_eq!(deletion.doc_id.as_str(), "wiki/596e275826f08b2730779e1f");
    assert!(matches!(deletion.content, Some(ContentChange::Delete { .. })));
    let partial = json!({ "op": "u", "after": null, "updateDescription": {}, "source": {} });
    assert!(error(change_in_mongo(key, &partial)).contains("change_streams_update_full"));
    let numbered = json!({ "_id": 1004, "body": "b", "title": "t", "team": "x", "readers": [] });
    let numbered = json!({ "op": "r", "after": numbered.to_string() });
    assert_eq!(change_in_mongo("1004", &numbered).unwrap().doc_id.as_str(), "wiki/1004");
}

fn with(columns: &[(&str, Value)]) -> DocumentChange {
    let mut row = page(7);
    for (name, value) in columns {
        row[*name] = value.clone();
    }
    change(&json!({ "id": 7 }), Some(&captured("u", &Value::Null, &row))).unwrap()
}

#[test]
fn a_text_that_was_not_logged_stays_and_the_rest_of_the_row_is_taken() {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(UNAVAILABLE);
    for unavailable in [json!(UNAVAILABLE), json!(encoded), json!([UNAVAILABLE])] {
        let change = with(&[("body", unavailable), ("title", json!("Holidays"))]);
        assert!(
            matches!(&change.access, AccessChange::Declared { acl, .. } if acl.readers == ["group:staff"])
        );
        let Some(ContentChange::Prepared(content)) = change.content else { panic!("no content") };
        let PreparedContent::Kept(kept) = *content else { panic!("{content:?}") };
        assert_eq!(kept.title.as_deref(), Some("Holidays"));
        assert_eq!(kept.uri.as_deref(), Some("https://example.org/7"));
        assert_eq!((kept.metadata, kept.left), (vec!["team=12".to_owned()], vec![]));
        assert!(kept.missing.contains("column body"));
    }
}

#[test]
fn no_column_that_was_not_logged_says_anything() {
    let all = ["body", "title", "link", "team", "readers"].map(|name| (name, json!(UNAVAILABLE)));
    let change = with(&all);
    assert_eq!(change.access, AccessChange::Unsaid { default: None }, "and not the default either");
    let Some(ContentChange::Prepared(content)) = &change.content else { panic!("no content") };
    let PreparedContent::Kept(kept) = &**content else { panic!("{content:?}") };
    assert_eq!((&kept.title, &kept.uri), (&None, &None));
    assert_eq!((kept.metadata.as_slice(), kept.left.as_slice()), (&[][..], &["team".to_owned()][..]));
    for list in [json!([UNAVAILABLE]), json!(format!("[\"{UNAVAILABLE}\"]"))] {
        assert_eq!(with(&[("readers", list)]).access, AccessChange::Unsaid { default: None });
    }
    // A new text beside an old title would be neither row.
    for name in ["title", "link", "team"] {
        let change = with(&[(name, json!(UNAVAILABLE))]);
        assert!(matches!(&change.access, AccessChange::Declared { .. }), "the list is taken");
        let Some(ContentChange::Refused { refusal, .. }) = change.content else { panic!("{name}") };
        assert!(refusal.detail.contains(&format!("column {name} was not logged")), "{}", refusal.detail);
    }
    let gone = with(&[("body", Value::Null), ("title", json!(UNAVAILABLE))]);
    assert!(matches!(gone.content, Some(ContentChange::Upsert(upsert)) if upsert.bytes.is_empty()));
}
