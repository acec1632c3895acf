#![allow(clippy::unwrap_used, clippy::panic)]

use alluvium_core::change::{AccessChange, ContentChange};
use alluvium_core::id::SourceName;

use super::*;

fn rules() -> EventRules {
    EventRules::new(SourceName::new("events").unwrap(), None, Vec::new(), 300).unwrap()
}

fn converted(key: Option<&[u8]>, value: Option<&[u8]>) -> DocumentChange {
    let time = Timestamp::from_millisecond(1_700_000_000_123).ok();
    let (topic, partition, offset, incarnation) = ("t", 3, 17, "t/3");
    event_change(
        &Received { topic, partition, offset, incarnation, key, value, time },
        &Reading { rules: rules(), registry: None },
    )
    .unwrap()
}

fn event(op: &str, id: &str, more: &str) -> String {
    format!(r#"{{"schema":"alluvium.document_change.v1","op":"{op}","id":"{id}"{more}}}"#)
}

#[test]
fn a_change_has_its_place_and_its_time() {
    let content = r#","content":{"text":"T","media_type":"text/plain"}"#;
    let change = converted(Some(b"a"), Some(event("upsert", "a", content).as_bytes()));
    assert_eq!((change.doc_id.as_str(), change.origin.position.as_str()), ("events/a", "t/3/17"));
    assert_eq!(change.origin.event_time.unwrap().as_millisecond(), 1_700_000_000_123);
    let Some(ContentChange::Upsert(upsert)) = change.content else { panic!() };
    let version = Version { incarnation: "t/3".to_owned(), kind: VersionKind::Log, value: 17 };
    assert_eq!(upsert.version, version);
}

#[test]
fn no_value_is_a_deletion() {
    let change = converted(Some(b"a"), None);
    assert_eq!(change.doc_id.as_str(), "events/a");
    assert!(matches!(&change.content, Some(ContentChange::Delete { version }) if version.value == 17));
    assert!(matches!(change.access, AccessChange::Unsaid { default: Some(_) }), "it needs nobody's leave");
}

#[test]
fn what_is_no_change_is_refused_with_its_place() {
    let delete = |id: &str| event("delete", id, "");
    for (key, value, cause, detail) in [
        (None, Some(delete("a")), Cause::BadEvent, "has no key"),
        (None, None, Cause::BadEvent, "has no key"),
        (Some(&b"\xff"[..]), Some(delete("a")), Cause::BadEvent, "not UTF-8"),
        (Some(b""), None, Cause::BadEvent, "is empty"),
        (Some(b"a\n"), None, Cause::BadEvent, "holds"),
        (Some(b"a"), Some(delete("b")), Cause::BadEvent, r#"key is "a", and the event's id is "b""#),
        (Some(b"a"), Some("{".to_owned()), Cause::BadEvent, "EOF"),
        (Some(b"a"), Some(String::new()), Cause::BadEvent, "EOF"),
        (Some(b"a"), Some(event("replace", "a", "")), Cause::BadEvent, "unknown variant `replace`"),
        (Some(b"a"), Some("x".repeat(301)), Cause::TooLarge, "301 bytes; max_event_size is 300"),
    ] {
        let change = converted(key, value.as_deref().map(str::as_bytes));
        let Some(ContentChange::Refused { refusal, .. }) = &change.content else { panic!("{detail}") };
        assert_eq!(refusal.cause, cause, "{detail}");
        let place = "topic t, partition 3, offset 17: ";
        assert!(refusal.detail.starts_with(place) && refusal.detail.contains(detail), "{refusal}");
        assert_eq!(
            (change.doc_id.as_str(), change.origin.position.as_str()),
            ("events/./event/t/3/17", "t/3/17")
        );
    }
}
