#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::{Value, json};

use super::*;

fn rules() -> EventRules {
    EventRules {
        source: SourceName::new("events").unwrap(),
        default_acl: Some(Acl { readers: vec!["default".to_owned()], ..Acl::default() }),
        content_roots: ContentRoots::default(),
        max_content: 100,
        format: EventFormat::DocumentChange,
    }
}

fn log() -> Version {
    Version { incarnation: "one".to_owned(), kind: VersionKind::Log, value: 7 }
}

fn parse(event: &Value) -> Result<DocumentChange, EventError> {
    parse_event(event.to_string().as_bytes(), &rules(), log(), "events.jsonl:7".to_owned())
}

/// A good upsert with some keys replaced; null removes one.
fn event(keys: Value) -> Value {
    let mut event = json!({
        "schema": "alluvium.document_change.v1", "op": "upsert", "id": "policy-7",
        "content": {"text": "T", "media_type": "text/markdown"},
    });
    for (key, value) in keys.as_object().unwrap() {
        match value {
            Value::Null => event.as_object_mut().unwrap().remove(key),
            value => event.as_object_mut().unwrap().insert(key.clone(), value.clone()),
        };
    }
    event
}

fn upsert(change: &DocumentChange) -> &Upsert {
    let Some(ContentChange::Upsert(upsert)) = &change.content else { panic!("{change:?}") };
    upsert
}

#[test]
fn a_whole_event() {
    let change = parse(&event(json!({
        "version": 17, "acl": {"readers": ["b", "a"], "denied": [], "tenant": "t"},
        "event_time": "2026-11-20T10:00:00Z", "title": "Leave", "uri": "https://example.org/7",
        "metadata": {"team": "people", "area": "x"},
    })))
    .unwrap();
    assert_eq!(change.doc_id.as_str(), "events/policy-7");
    let content = upsert(&change);
    let version = Version { incarnation: String::new(), kind: VersionKind::Producer, value: 17 };
    assert_eq!((&content.version, content.bytes.as_slice()), (&version, b"T".as_slice()));
    assert_eq!((content.media_type, content.title.as_deref()), (MediaType::Markdown, Some("Leave")));
    assert_eq!((content.uri.as_str(), &content.hash), ("https://example.org/7", &Sha256::of("T")));
    assert_eq!(content.metadata, ["area=x", "team=people"]);
    let AccessChange::Declared { version: acl_version, acl } = &change.access else { panic!() };
    assert_eq!((acl_version, acl.readers.join(",")), (&version, "a,b".to_owned()));
    let time: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_eq!((change.origin.event_time, content.modified_at), (Some(time), Some(time)));
    assert_eq!(change.origin.position, "events.jsonl:7");
}

#[test]
fn what_an_event_leaves_out() {
    let change = parse(&event(json!({}))).unwrap();
    assert_eq!((&upsert(&change).version, upsert(&change).uri.as_str()), (&log(), "events/policy-7"));
    assert_eq!(change.access, AccessChange::Unsaid { default: rules().default_acl });
    let change = parse(&event(json!({"op": "delete", "content": null}))).unwrap();
    assert!(matches!(&change.content, Some(ContentChange::Delete { version }) if *version == log()));
    let undeclared = EventRules { default_acl: None, ..rules() };
    let text = event(json!({"op": "delete", "content": null})).to_string();
    let change = parse_event(text.as_bytes(), &undeclared, log(), String::new()).unwrap();
    assert_eq!(change.access, AccessChange::Unsaid { default: Some(Acl::nobody()) });
    let text = event(json!({})).to_string();
    let change = parse_event(text.as_bytes(), &undeclared, log(), String::new()).unwrap();
    assert_eq!(change.access, AccessChange::Unsaid { default: None });
}

#[test]
fn access_alone() {
    let acl = json!({"op": "acl", "content": null, "version": 3, "acl": {"readers": []}});
    let change = parse(&event(acl)).unwrap();
    assert!(change.content.is_none());
    assert!(
        matches!(&change.access, AccessChange::Declared { version, acl } if version.value == 3 && acl.readers.is_empty())
    );
    let bad = json!({"op": "acl", "content": null, "acl": {"readers": [" a"]}});
    let change = parse(&event(bad)).unwrap();
    let AccessChange::Unreadable { refusal, .. } = &change.access else { panic!("it falls back") };
    assert_eq!(refusal.cause, Cause::BadAccessList);
}

#[test]
fn what_is_no_event() {
    for (keys, detail) in [
        (json!({"schema": "alluvium.document_change.v2"}), "unknown variant `alluvium.document_change.v2`"),
        (json!({"schema": null}), "missing field `schema`"),
        (json!({"op": "insert"}), "unknown variant `insert`"),
        (json!({"op": "delete"}), "a delete has no `content`"),
        (json!({"op": "acl"}), "an acl change has no `content`"),
        (json!({"op": "acl", "content": null}), "an acl change has `acl`"),
        (json!({"content": null}), "an upsert has `content`"),
        (json!({"id": ""}), "the id \"\" is empty"),
        (json!({"id": "a\nb"}), "the id \"a\\nb\" holds '\\n'"),
        (json!({"id": "x".repeat(5000)}), "is longer than"),
        (json!({"id": 7}), "invalid type: integer `7`"),
        (json!({"version": -1}), "invalid value"),
        (json!({"acls": {}}), "unknown field `acls`"),
        (json!({"acl": {"reader": []}}), "unknown field `reader`"),
        (json!({"acl": {"denied": []}}), "missing field `readers`"),
        (json!({"content": {"text": "T"}}), "missing field `media_type`"),
        (json!({"event_time": "yesterday"}), "event_time \"yesterday\""),
        (json!({"metadata": {"a=b": "c"}}), "metadata \"a=b\""),
        (json!({"metadata": {"a": 1}}), "invalid type"),
    ] {
        let error = parse(&event(keys.clone())).expect_err(&keys.to_string());
        assert!(error.detail.contains(detail), "{keys}: {error}");
        assert_eq!(error.cause, Cause::BadEvent);
    }
    for bytes in [b"".as_slice(), b"{", b"[]", b"\xff", b"{}{}"] {
        assert!(parse_event(bytes, &rules(), log(), String::new()).is_err(), "{bytes:?}");
    }
}

#[test]
fn content_that_cannot_be_had_is_refused_and_its_access_taken() {
    let long = "x".repeat(101);
    for (content, cause) in [
        (json!({"text": "T", "media_type": "image/png"}), Cause::BadEvent),
        (json!({"media_type": "text/plain"}), Cause::BadEvent),
        (json!({"text": "T", "base64": "VA==", "media_type": "text/plain"}), Cause::BadEvent),
        (json!({"base64": "V", "media_type": "text/plain"}), Cause::BadEvent),
        (json!({"base64": STANDARD.encode(&long), "media_type": "text/plain"}), Cause::TooLarge),
        (json!({"text": long, "media_type": "text/plain"}), Cause::TooLarge),
        (json!({"uri": "/etc/passwd", "media_type": "text/plain"}), Cause::Unreadable),
        (json!({"uri": "s3://b/k", "media_type": "text/plain"}), Cause::Unreadable),
    ] {
        let keys = json!({"version": 4, "content": content, "acl": {"readers": ["a"]}});
        let change = parse(&event(keys)).unwrap();
        let Some(ContentChange::Refused { version, refusal, hash }) = &change.content else {
            panic!("{content}")
        };
        assert_eq!((version.value, refusal.cause, hash.is_some()), (4, cause, true), "{content}: {refusal}");
        assert_eq!(change.doc_id.local(), "policy-7");
        assert!(matches!(change.access, AccessChange::Declared { .. }));
    }
    let change =
        parse(&event(json!({"content": {"base64": "VA==", "media_type": "text/plain; charset=utf-8"}})));
    assert_eq!(upsert(&change.unwrap()).bytes, b"T");
}
