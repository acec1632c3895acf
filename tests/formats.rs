//! The wire formats of events: every example in `schemas/examples` is valid by its format's schema, and
//! becomes the change that it stands for. What is here is read as a source reads it, without a broker.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use alluvium_connect::event::{Columns, EventFormat, EventRules, EventTypes, Message, Unavailable};
use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::id::SourceName;
use alluvium_core::version::{Version, VersionKind};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::harness::repository;

/// A message as an example has it: `value` is sent as JSON, `text` as it is; with neither there is no value.
struct Example {
    key: Vec<u8>,
    headers: Map<String, Value>,
    value: Option<Vec<u8>>,
    /// What the schema is laid upon; a tombstone has nothing.
    checked: Option<Value>,
}

fn examples(format: &str) -> BTreeMap<String, Example> {
    let folder = repository().join("schemas/examples").join(format);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), example(&file))).collect()
}

fn example(file: &Path) -> Example {
    let message: Map<String, Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let known = ["key", "headers", "value", "text"];
    assert!(message.keys().all(|key| known.contains(&key.as_str())), "{}", file.display());
    let bytes = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes();
    let data = message.get("value").or_else(|| message.get("text"));
    let headers = message.get("headers").map(|headers| headers.as_object().unwrap().clone());
    let headers = headers.unwrap_or_default();
    let checked = if headers.contains_key("ce_specversion") {
        Some(whole_event(&headers, data))
    } else {
        data.cloned()
    };
    Example { key: bytes(&message["key"]), headers, value: data.map(bytes), checked }
}

/// The event of a message in binary mode, as it would be in structured mode.
fn whole_event(headers: &Map<String, Value>, data: Option<&Value>) -> Value {
    let name = |name: &str| match name {
        "content-type" => "datacontenttype".to_owned(),
        name => name.strip_prefix("ce_").unwrap().to_owned(),
    };
    let attributes = headers.iter().map(|(header, value)| (name(header), value.clone()));
    let data = data.map(|data| ("data".to_owned(), data.clone()));
    Value::Object(attributes.chain(data).collect())
}

fn schema(name: &str) -> Validator {
    let text = fs::read_to_string(repository().join(format!("schemas/{name}.schema.json"))).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// What examples become, in the words of the tests below.
fn changes(name: &str, format: &EventFormat) -> BTreeMap<String, String> {
    let shelf = tempfile::tempdir().unwrap();
    fs::write(shelf.path().join("leave.md"), "From the shelf.").unwrap();
    let default = Some(Acl { readers: vec!["default".to_owned()], ..Acl::default() });
    let roots = vec![shelf.path().to_owned()];
    let rules = EventRules::new(SourceName::new("s").unwrap(), default, roots, 1 << 20).unwrap();
    let change = |example: &Example| {
        let headers = example.headers.iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes())).collect();
        let (key, value) = (example.key.as_slice(), example.value.as_deref());
        let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 1 };
        let message = Message { key, value, headers: Some(&headers) };
        format.change(&message, &rules, log, "t/0/1".to_owned()).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let shown = |(name, example): (String, Example)| (name, shown(change(&example)));
    examples(name).into_iter().map(shown).collect()
}

fn shown(change: Option<DocumentChange>) -> String {
    let Some(change) = change else { return "nothing".to_owned() };
    let content = match change.content {
        None => "access alone".to_owned(),
        Some(ContentChange::Delete { version }) => format!("deleted {:?} {}", version.kind, version.value),
        Some(ContentChange::Upsert(upsert)) => {
            let text = String::from_utf8(upsert.bytes).unwrap();
            let kind = upsert.media_type.as_str();
            format!("{kind} {text:?} {:?} {}", upsert.version.kind, upsert.version.value)
        }
        // The reference, of which there is no bucket here.
        Some(ContentChange::Refused { refusal, .. }) => {
            format!("refused {}", refusal.detail.split('"').nth(1).unwrap_or(&refusal.detail))
        }
        Some(content) => panic!("{content:?}"),
    };
    let access = match change.access {
        AccessChange::Declared { acl, .. } => format!("for {}", acl.readers.join(",")),
        AccessChange::Unsaid { default } => format!("unsaid, {}", default.unwrap().readers.join(",")),
        AccessChange::Unreadable { refusal, .. } => panic!("{refusal}"),
    };
    let time = change.origin.event_time.map(|time| format!(" at {time}")).unwrap_or_default();
    format!("{}: {content}, {access}{time}", change.doc_id.local())
}

#[track_caller]
fn check(name: &str, schema_name: &str, format: &EventFormat, expected: &[(&str, &str)]) {
    let schema = schema(schema_name);
    for (example, Example { checked, .. }) in examples(name) {
        let Some(value) = checked else { continue };
        let errors: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}/{example}: {errors:?}");
    }
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, shown)| ((*name).to_owned(), (*shown).to_owned())).collect();
    assert_eq!(changes(name, format), expected);
}

const TEXT: &str = "text/markdown \"# Leave\\n\\nThirty days a year.\"";

#[test]
fn change_events() {
    let upsert = format!("policy-7: {TEXT} Producer 17, for group:staff at 2026-11-20T10:00:00Z");
    let expected = [
        ("access", "policy-7: access alone, for group:board"),
        ("delete", "policy-7: deleted Producer 19, unsaid, default"),
        ("reference", "policy-8: text/markdown \"From the shelf.\" Log 1, unsaid, default"),
        ("tombstone", "policy-7: deleted Log 1, unsaid, default"),
        ("upsert", &upsert),
    ];
    check("document_change", "document_change.v1", &EventFormat::DocumentChange, &expected);
}

#[test]
fn row_changes() {
    let named = |name: &str| Some(name.to_owned());
    let columns = Columns {
        id: "id".to_owned(),
        text: "body".to_owned(),
        media_type: "text/plain".to_owned(),
        title: named("title"),
        uri: named("link"),
        readers: named("readers"),
        metadata: vec!["team".to_owned()],
        unavailable: Unavailable::default(),
    };
    let upsert = "7: text/plain \"Thirty days a year.\" Log 1, for group:staff";
    let delete = "7: deleted Log 1, unsaid, default";
    let expected = [
        ("delete", delete),
        ("flattened", upsert),
        ("flattened-delete", delete),
        ("insert", upsert),
        ("snapshot", upsert),
        ("tombstone", delete),
        ("update", &upsert.replace("staff", "board")),
    ];
    check("debezium", "debezium", &EventFormat::Debezium(Box::new(columns)), &expected);
}

#[test]
fn cloudevents() {
    let types = EventTypes {
        upsert: vec!["com.example.page.saved".to_owned()],
        delete: vec!["com.example.page.removed".to_owned()],
    };
    let upsert = format!("policy-7: {TEXT} Log 1, unsaid, default at 2026-11-20T10:00:00Z");
    let native = format!("policy-7: {TEXT} Producer 17, for group:staff");
    let delete = "policy-7: deleted Log 1, unsaid, default";
    let reference = "policy-7: text/markdown \"From the shelf.\" Log 1, unsaid, default";
    let expected = [
        ("binary-change", native.as_str()),
        ("binary-delete", delete),
        ("binary-reference", reference),
        ("binary-upsert", &upsert),
        ("structured-bytes", "policy-7: text/plain \"Thirty days a year.\" Log 1, unsaid, default"),
        ("structured-change", "policy-7: access alone, for group:board at 2026-11-20T10:00:00Z"),
        ("structured-delete", delete),
        ("structured-reference", reference),
        ("structured-upsert", &upsert),
        ("tombstone", delete),
    ];
    check("cloudevents", "cloudevents", &EventFormat::CloudEvents(Box::new(types)), &expected);
}

#[test]
fn bucket_notifications() {
    let at = "unsaid, default at 2026-11-20T10:00:00Z";
    let expected = [
        (
            "ceph-created",
            "papers/a+b.md: refused s3://papers/a%2Bb.md, unsaid, default at 2026-11-20T10:00:00.124724Z",
        ),
        (
            "minio-created",
            &format!("papers/été 50%.html: refused s3://papers/%C3%A9t%C3%A9%2050%25.html, {at}"),
        ),
        ("minio-removed", &format!("papers/été 50%.html: deleted Log 1, {at}")),
        (
            "s3-created",
            &format!("papers/2026/annual report.md: refused s3://papers/2026/annual%20report.md, {at}"),
        ),
        ("s3-delete-marker", &format!("papers/leave.md: deleted Log 1, {at}")),
        ("s3-removed", &format!("papers/2026/annual report.md: deleted Log 1, {at}")),
        ("s3-tagging", "nothing"),
        ("s3-test", "nothing"),
        ("tombstone", "papers/leave.md: deleted Log 1, unsaid, default"),
    ];
    let name = "bucket_notifications";
    check(name, name, &EventFormat::BucketNotifications, &expected);
}

#[test]
fn the_schemas_refuse_what_is_none_of_theirs() {
    let event = |attributes: Value| {
        let mut event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t" });
        event.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        event
    };
    let record = |key: &str, bucket: &str| json!({ "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": bucket }, "object": { "key": key } } });
    let cases = [
        (
            "cloudevents",
            event(json!({ "data": { "a": 1 } })),
            vec![
                event(json!({ "specversion": "0.3" })),
                event(json!({ "id": "" })),
                event(json!({ "extension": {} })),
                event(json!({ "data": 1, "data_base64": "VA==" })),
                event(json!({ "data": 1, "datacontenttype": "text/plain" })),
                json!({ "specversion": "1.0", "id": "1", "source": "s" }),
                json!([]),
            ],
        ),
        (
            "bucket_notifications",
            json!({ "Records": [record("k", "b")] }),
            vec![
                json!({ "Records": [record("k", "b"), record("k", "b")] }),
                json!({ "Records": [] }),
                json!({ "Records": [record("", "b")] }),
                json!({ "Records": [record("k", "a/b")] }),
                json!({ "Event": "s3:OtherEvent" }),
                json!({}),
            ],
        ),
        (
            "debezium",
            json!({ "op": "c", "after": { "id": 1 } }),
            vec![
                json!({ "op": "t", "source": {} }),
                json!({ "op": "d", "before": 7 }),
                json!({ "schema": {}, "payload": { "op": "c", "after": null } }),
                json!({ "schema": {}, "payload": 7 }),
                json!([]),
            ],
        ),
    ];
    for (name, good, bad) in cases {
        let schema = schema(name);
        assert!(schema.is_valid(&good), "{name}: {good}");
        for value in bad {
            assert!(!schema.is_valid(&value), "{name}: {value}");
        }
    }
}
