#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, MediaType, Upsert};
use alluvium_core::id::SourceName;
use alluvium_core::quarantine::Refusal;
use alluvium_core::version::{Version, VersionKind};
use serde_json::json;

use super::*;
use crate::event::{EventFormat, EventRules};

type Headers<'h> = &'h [(&'h str, &'h [u8])];

const STRUCTURED: Headers<'_> = &[("content-type", b"application/cloudevents+json; charset=UTF-8")];
const BINARY: [(&str, &[u8]); 6] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/wiki"),
    ("ce_type", b"page.saved"),
    ("ce_subject", b"p"),
    ("content-type", b"text/markdown"),
];

fn types() -> EventTypes {
    let types = |one: &str| vec!["other".to_owned(), one.to_owned()];
    EventTypes { upsert: types("page.saved"), delete: types("page.removed") }
}

fn change(
    headers: Option<Headers<'_>>,
    key: &str,
    value: Option<&[u8]>,
) -> Result<DocumentChange, EventError> {
    let default = Some(Acl { readers: vec!["staff".to_owned()], ..Acl::default() });
    let rules = EventRules::new(SourceName::new("wiki").unwrap(), default, Vec::new(), 1000).unwrap();
    let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 9 };
    let message = Message { key: key.as_bytes(), value, headers };
    let format = EventFormat::CloudEvents(Box::new(types()));
    format.change(&message, &rules, log, "t/0/9".to_owned()).map(Option::unwrap)
}

/// An event in structured mode, about `p`, with some attributes replaced; null removes none, but counts as
/// absent.
fn structured_change(attributes: Value) -> Result<DocumentChange, EventError> {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/wiki", "type": "page.saved", "subject": "p",
        "datacontenttype": "text/markdown", "data": "# T",
    });
    event.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    change(Some(&[]), "p", Some(event.to_string().as_bytes()))
}

/// An event in binary mode, with some headers put behind.
fn binary_change(more: Headers<'_>, value: Option<&[u8]>) -> Result<DocumentChange, EventError> {
    change(Some(&[&BINARY, more].concat()), "p", value)
}

fn upsert(change: DocumentChange) -> Upsert {
    match change.content {
        Some(ContentChange::Upsert(upsert)) => *upsert,
        content => panic!("{content:?}"),
    }
}

fn refusal(change: DocumentChange) -> Refusal {
    match change.content {
        Some(ContentChange::Refused { refusal, .. }) => refusal,
        content => panic!("{content:?}"),
    }
}

#[test]
fn both_modes_say_the_same() {
    let time = json!({ "time": "2026-11-20T10:00:00.5+01:00", "traceparent": "x", "number": 3 });
    let whole = structured_change(time.clone()).unwrap();
    let mut headed = json!({ "specversion": "1.0", "id": "1", "source": "/wiki", "type": "page.saved" });
    headed["subject"] = json!("p");
    headed["data_base64"] = json!("IyBU");
    headed["datacontenttype"] = json!("text/markdown; charset=utf-8");
    headed["time"] = time["time"].clone();
    let headed = change(Some(STRUCTURED), "p", Some(headed.to_string().as_bytes())).unwrap();
    let time: Headers<'_> =
        &[("ce_time", b"2026-11-20T09:00:00.5Z"), ("ce_traceparent", b"x"), ("x", b"\xff")];
    let binary = binary_change(time, Some(b"# T")).unwrap();
    for change in [&whole, &headed, &binary] {
        let time = "2026-11-20T09:00:00.5Z".parse().unwrap();
        assert_eq!((change.doc_id.as_str(), change.origin.event_time), ("wiki/p", Some(time)));
        let default = Some(Acl { readers: vec!["staff".to_owned()], ..Acl::default() });
        assert_eq!(change.access, AccessChange::Unsaid { default }, "an event has no access list");
    }
    for change in [whole, headed, binary] {
        let said = upsert(change);
        let (bytes, version) = (said.bytes.as_slice(), said.version.value);
        assert_eq!((bytes, said.media_type, version), (&b"# T"[..], MediaType::Markdown, 9));
    }
}

#[test]
fn the_native_event_keeps_its_meaning() {
    let native = |time: Value| {
        let mut event = json!({"schema": NATIVE, "op": "upsert", "id": "p", "version": 4,
            "content": {"text": "T", "media_type": "text/plain"}, "acl": {"readers": ["board"]}});
        event.as_object_mut().unwrap().extend(time.as_object().unwrap().clone());
        event
    };
    let own = native(json!({ "event_time": "2026-11-20T08:00:00Z" }));
    for (data, time) in [(native(json!({})), "2026-11-20T10:00:00Z"), (own, "2026-11-20T08:00:00Z")] {
        let text = data.to_string();
        let attributes = json!({ "type": NATIVE, "time": "2026-11-20T10:00:00Z", "subject": null });
        let whole = |data: Value| {
            let mut event = attributes.clone();
            event.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
            structured_change(event).unwrap()
        };
        let headers: Headers<'_> = &[("ce_type", NATIVE.as_bytes()), ("ce_time", b"2026-11-20T10:00:00Z")];
        for change in [
            whole(json!({ "datacontenttype": null, "data": data })),
            whole(json!({ "datacontenttype": "application/json; charset=utf-8", "data": data })),
            whole(json!({ "data": text })),
            binary_change(headers, Some(text.as_bytes())).unwrap(),
        ] {
            let AccessChange::Declared { version, acl } = &change.access else { panic!() };
            assert_eq!((version.value, acl.readers.join(",")), (4, "board".to_owned()));
            assert_eq!(change.origin.event_time, Some(time.parse().unwrap()));
            assert_eq!(upsert(change).bytes, b"T");
        }
    }
    let error = structured_change(json!({ "type": NATIVE, "data": null })).unwrap_err();
    assert!(error.detail.contains("has data: the change event"), "{error}");
    let error = structured_change(json!({ "type": NATIVE, "data": "{}" })).unwrap_err();
    assert!(error.detail.contains("missing field `schema`"), "{error}");
}

#[test]
fn removals_and_tombstones_delete() {
    let removed: Headers<'_> = &[("ce_type", b"page.removed")];
    for change in [
        structured_change(json!({ "type": "page.removed" })),
        structured_change(json!({ "type": "page.removed", "data": null })),
        binary_change(removed, None),
        change(Some(&[]), "p", None),
        change(Some(STRUCTURED), "p", None),
    ] {
        let change = change.unwrap();
        assert_eq!(change.doc_id.as_str(), "wiki/p");
        assert!(matches!(change.content, Some(ContentChange::Delete { version }) if version.value == 9));
    }
}

#[test]
fn content_may_lie_elsewhere() {
    let reference: Headers<'_> = &[("ce_dataref", b"/shelf/p.md")];
    for change in [
        structured_change(json!({ "data": null, "dataref": "/shelf/p.md" })),
        binary_change(reference, None),
        binary_change(reference, Some(b"")),
    ] {
        let refusal = refusal(change.unwrap());
        assert!(refusal.detail.contains("\"/shelf/p.md\" is not beneath"), "{refusal}");
    }
    assert_eq!(upsert(binary_change(reference, Some(b"T")).unwrap()).bytes, b"T", "what came is nearer");
}

#[test]
fn content_of_another_media_type_is_refused_of_its_document() {
    let media_types = [json!("image/png"), json!(null)];
    let changes = media_types.map(|kind| structured_change(json!({ "datacontenttype": kind })));
    let unsaid: Vec<_> = BINARY.into_iter().filter(|(name, _)| *name != "content-type").collect();
    let unsaid = change(Some(&unsaid), "p", Some(b"T"));
    for (change, kind) in changes.into_iter().chain([unsaid]).zip(["image/png", "application/json", ""]) {
        let change = change.unwrap();
        assert_eq!(change.doc_id.as_str(), "wiki/p");
        let refusal = refusal(change);
        assert!(refusal.detail.contains(&format!("{kind:?} is not supported")), "{refusal}");
    }
}

#[test]
fn what_is_no_event_of_one_document_is_refused() {
    for (attributes, detail) in [
        (json!({ "type": "page.moved" }), "\"page.moved\" have no meaning here; add the type to `upsert`"),
        (json!({ "type": "" }), "type is empty"),
        (json!({ "source": "" }), "source is empty"),
        (json!({ "id": null }), "missing field `id`"),
        (json!({ "subject": null }), "has a subject: the document's id"),
        (json!({ "subject": "q" }), "key is \"p\", and the event's id is \"q\""),
        (json!({ "specversion": "0.3" }), "specversion 0.3 is not supported"),
        (json!({ "specversion": "2.0" }), "unknown variant `2.0`"),
        (json!({ "specversion": null }), "missing field `specversion`"),
        (json!({ "time": "yesterday" }), "it is no CloudEvent"),
        (json!({ "data": { "a": 1 } }), "expected a string"),
        (json!({ "data_base64": "VA==" }), "both data and data_base64"),
        (json!({ "data": null, "data_base64": "V" }), "decode error"),
        (json!({ "data": null }), "has data, or a dataref to it"),
        (json!({ "data": null, "dataref": 7 }), "has data, or a dataref to it"),
        (json!({ "extension": {} }), "it is no CloudEvent"),
    ] {
        let error = structured_change(attributes.clone()).unwrap_err();
        assert!(error.detail.contains(detail), "{attributes}: {error}");
    }
    let headers: [(&str, &[u8], &str); 8] = [
        ("ce_specversion", b"1.1", "Invalid specversion 1.1"),
        ("ce_specversion", b"0.3", "specversion 0.3"),
        ("ce_id", b"\xff", "invalid utf-8"),
        ("ce_id", b"", "id is empty"),
        ("ce_time", b"now", "time"),
        ("content-type", b"application/cloudevents-batch+json", "events come one by one"),
        ("content-type", b"application/CloudEvents+avro", "as JSON"),
        ("content-type", b"application/cloudevents+json", "it is no CloudEvent"),
    ];
    for (name, value, detail) in headers {
        let error = binary_change(&[(name, value)], Some(b"T")).unwrap_err();
        assert!(error.detail.contains(detail), "{name}: {error}");
    }
    let missing = change(Some(&[("ce_id", b"1")]), "p", Some(b"T")).unwrap_err();
    assert!(missing.detail.contains("Invalid specversion"), "{missing}");
    let unreadable = change(None, "p", None).unwrap_err();
    assert!(unreadable.detail.contains("not UTF-8"), "{unreadable}");
    for value in [&b""[..], b"{", b"[]", b"7", b"\xff", b"{}", b"{\"specversion\": \"1.0\"}"] {
        let error = change(Some(&[]), "p", Some(value)).unwrap_err();
        assert!(error.detail.contains("it is no CloudEvent"), "{error}");
    }
}
