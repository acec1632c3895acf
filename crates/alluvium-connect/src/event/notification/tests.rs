#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::id::SourceName;
use alluvium_core::version::{Version, VersionKind};
use serde_json::{Value, json};

use super::*;
use crate::event::{EventFormat, EventRules, Message};

fn change(key: &str, value: Option<&Value>) -> Result<Option<DocumentChange>, EventError> {
    let rules = EventRules::new(SourceName::new("s").unwrap(), None, Vec::new(), 1000).unwrap();
    let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 9 };
    let value = value.map(Value::to_string);
    let value = value.as_ref().map(|value| value.as_bytes());
    let message = Message { key: key.as_bytes(), value, headers: Some(&[]) };
    EventFormat::BucketNotifications.change(&message, &rules, log, "t/0/9".to_owned())
}

fn record(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-11-20T10:00:00.000Z", "eventName": name,
        "s3": { "bucket": { "name": "papers" }, "object": { "key": key, "size": 3, "sequencer": "0A" } },
    })
}

fn one(record: &Value) -> Value {
    json!({ "Records": [record] })
}

/// What is made of a record before anything is read.
fn said(record: &Value) -> Event {
    event(one(record).to_string().as_bytes()).unwrap().unwrap()
}

#[test]
fn what_was_created_is_a_reference() {
    for (name, key, id, uri) in [
        ("ObjectCreated:Put", "a.md", "papers/a.md", "s3://papers/a.md"),
        (
            "s3:ObjectCreated:Copy",
            "a/b+c%2B%C3%A5.md",
            "papers/a/b c+å.md",
            "s3://papers/a/b%20c%2B%C3%A5.md",
        ),
        (
            "ObjectCreated:CompleteMultipartUpload",
            "a%252F%3F.md",
            "papers/a%2F?.md",
            "s3://papers/a%252F%3F.md",
        ),
    ] {
        let event = said(&record(name, key));
        let content = event.content.unwrap();
        assert_eq!((event.op, event.id.as_str()), (Op::Upsert, id));
        assert_eq!((content.uri.as_deref(), event.uri.as_deref()), (Some(uri), Some(uri)));
        assert_eq!(decode(uri.strip_prefix("s3://").unwrap()).as_deref(), Some(id));
        assert_eq!(event.event_time.as_deref(), Some("2026-11-20T10:00:00.000Z"));
    }
    let ceph = json!({ "eventSource": "ceph:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "papers" }, "object": { "key": "a+b%20.md", "versionId": "" } } });
    assert_eq!(said(&ceph).id, "papers/a+b%20.md", "it writes keys as they are");
    let change = change("papers/a.md", Some(&one(&record("ObjectCreated:Put", "a.md")))).unwrap().unwrap();
    assert_eq!((change.doc_id.as_str(), change.origin.event_time.is_some()), ("s/papers/a.md", true));
    let Some(ContentChange::Refused { refusal, version, .. }) = change.content else { panic!() };
    assert!(refusal.detail.contains("s3://papers/a.md"), "no bucket is declared: {refusal}");
    assert_eq!(version.value, 9);
}

#[test]
fn the_media_type_is_the_objects_or_its_names() {
    for (key, said_type, expected) in [
        ("a.md", None, "text/markdown"),
        ("a.md", Some("binary/octet-stream"), "text/markdown"),
        ("a", Some("text/html; charset=utf-8"), "text/html; charset=utf-8"),
        ("a.md", Some("text/plain"), "text/plain"),
        ("a.png", Some("image/png"), "image/png"),
        ("a", None, "application/octet-stream"),
    ] {
        let mut record = record("ObjectCreated:Put", key);
        record["s3"]["object"]["contentType"] = json!(said_type);
        assert_eq!(said(&record).content.unwrap().media_type, expected, "{key} {said_type:?}");
    }
    let change = change("papers/a.png", Some(&one(&record("ObjectCreated:Put", "a.png")))).unwrap().unwrap();
    let Some(ContentChange::Refused { refusal, .. }) = change.content else { panic!() };
    assert!(refusal.detail.contains("\"application/octet-stream\" is not supported"), "{refusal}");
}

#[test]
fn what_was_removed_is_a_deletion() {
    let mut marked = record("ObjectRemoved:DeleteMarkerCreated", "a.md");
    marked["s3"]["object"]["versionId"] = json!("v2");
    let mut unversioned = record("ObjectRemoved:Delete", "a.md");
    unversioned["s3"]["object"]["versionId"] = json!("null");
    for value in [
        Some(one(&record("s3:ObjectRemoved:Delete", "a.md"))),
        Some(one(&unversioned)),
        Some(one(&marked)),
        Some(one(&record("s3:LifecycleExpiration:DeleteMarkerCreated", "a.md"))),
        Some(one(&record("ObjectLifecycle:Expiration:Current", "a.md"))),
        None,
    ] {
        let change = change("papers/a.md", value.as_ref()).unwrap().unwrap();
        assert!(matches!(change.content, Some(ContentChange::Delete { version }) if version.value == 9));
    }
}

#[test]
fn what_leaves_contents_as_they_are_says_nothing() {
    for name in UNCHANGED {
        for name in [format!("{name}X"), format!("s3:{name}X")] {
            assert!(change("any", Some(&one(&record(&name, "a.md")))).unwrap().is_none(), "{name}");
        }
    }
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "papers" });
    assert!(change("any", Some(&test)).unwrap().is_none());
}

#[test]
fn what_is_no_change_of_one_object_is_refused() {
    let created = record("ObjectCreated:Put", "a.md");
    let mut version = record("ObjectRemoved:Delete", "a.md");
    version["s3"]["object"]["versionId"] = json!("v1");
    let mut bucket = created.clone();
    bucket["s3"]["bucket"]["name"] = json!("a/b");
    let mut timeless = created.clone();
    timeless["eventTime"] = json!("yesterday");
    for (value, detail) in [
        (json!([]), "it is no bucket notification"),
        (json!({}), "it has no `Records`"),
        (json!({ "Event": "s3:OtherEvent" }), "it has no `Records`"),
        (json!({ "Records": [] }), "it has 0 records"),
        (json!({ "Records": [created, created] }), "it has 2 records: send one record a message"),
        (json!({ "Records": [{ "eventName": "ObjectCreated:Put" }] }), "missing field `s3`"),
        (
            one(&record("ReducedRedundancyLostObject", "a.md")),
            "\"ReducedRedundancyLostObject\" are not understood",
        ),
        (one(&record("ObjectCreated:Put", "%zz")), "name no object"),
        (one(&record("ObjectCreated:Put", "")), "name no object"),
        (one(&record("ObjectCreated:Put", "a%0A.md")), "holds '\\n'"),
        (
            one(&record("ObjectCreated:Put", "b.md")),
            "key is \"papers/a.md\", and the event's id is \"papers/b.md\"",
        ),
        (one(&bucket), "name no object"),
        (one(&timeless), "event_time \"yesterday\""),
        (one(&version), "let ObjectRemoved:DeleteMarkerCreated come instead"),
    ] {
        let error = change("papers/a.md", Some(&value)).unwrap_err();
        assert!(error.detail.contains(detail), "{value}: {error}");
    }
}

#[test]
fn what_stands_for_a_folder_is_no_document() {
    for name in ["ObjectCreated:Put", "ObjectRemoved:Delete"] {
        for key in ["dir/", "dir%2F"] {
            assert!(event(one(&record(name, key)).to_string().as_bytes()).unwrap().is_none(), "{name} {key}");
        }
    }
}
