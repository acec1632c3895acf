//! Whatever a message is, it is a change, or nothing, or refused: no bytes make a format panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use alluvium_core::id::SourceName;
use alluvium_core::version::{Version, VersionKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Columns, EventFormat, EventRules, EventTypes, Message, Unavailable};

type Headers = Vec<(String, Vec<u8>)>;

fn formats() -> [EventFormat; 4] {
    let columns = Columns {
        id: "id".to_owned(),
        text: "body".to_owned(),
        media_type: "text/plain".to_owned(),
        title: Some("title".to_owned()),
        uri: None,
        readers: Some("readers".to_owned()),
        metadata: vec!["team".to_owned()],
        unavailable: Unavailable::default(),
    };
    let named = |name: &str| vec![name.to_owned()];
    let types =
        EventTypes { upsert: named("com.example.page.saved"), delete: named("com.example.page.removed") };
    [
        EventFormat::DocumentChange,
        EventFormat::Debezium(Box::new(columns)),
        EventFormat::CloudEvents(Box::new(types)),
        EventFormat::BucketNotifications,
    ]
}

/// The messages of `schemas/examples`, of all formats.
fn examples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/examples");
    let entries = |folder: &Path| {
        let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let files = entries(&folder).into_iter().flat_map(|format| entries(&format));
    files.map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect()
}

/// Reads a message in every format. What it says is of the document that its key names.
fn read(key: &[u8], headers: &Headers, value: Option<&[u8]>) {
    let rules = EventRules::new(SourceName::new("s").unwrap(), None, Vec::new(), 1 << 20).unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    for format in formats() {
        for headers in [Some(headers.as_slice()), None] {
            let log = Version { incarnation: "t/0".to_owned(), kind: VersionKind::Log, value: 1 };
            let message = Message { key, value, headers };
            let change = format.change(&message, &rules, log, "t/0/1".to_owned());
            if let Ok(Some(change)) = change
                && !matches!(format, EventFormat::Debezium(_))
            {
                assert_eq!(change.doc_id.local().as_bytes(), key);
            }
        }
    }
}

/// What may stand anywhere in somebody's JSON.
fn strange() -> impl Strategy<Value = Value> {
    let deep = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!([])),
        Just(deep(100)),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("9999-12-31T23:59:60.999999999-23:59")),
        Just(json!("0000-01-01T00:00:00Z")),
        Just(json!("%")),
        Just(json!("s3://")),
        Just(json!("x".repeat(5000))),
    ]
}

/// Replaces one value of a JSON document, or takes it out.
fn mutate(value: &mut Value, at: &[Index], new: Option<Value>) {
    let Some((first, rest)) = at.split_first() else {
        *value = new.unwrap_or_default();
        return;
    };
    let inner = match value {
        Value::Object(object) if !object.is_empty() => {
            let key = object.keys().nth(first.index(object.len())).cloned().unwrap();
            if rest.is_empty() && new.is_none() {
                object.remove(&key);
                return;
            }
            object.get_mut(&key)
        }
        Value::Array(items) if !items.is_empty() => {
            let at = first.index(items.len());
            items.get_mut(at)
        }
        value => Some(value),
    };
    mutate(inner.unwrap(), rest, new);
}

fn bytes(value: Option<&Value>) -> Option<Vec<u8>> {
    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes())
}

fn headers() -> impl Strategy<Value = Headers> {
    let name =
        prop_oneof![Just("content-type".to_owned()), Just("ce_specversion".to_owned()), "(ce_)?[a-z]{0,12}"];
    let value = prop_oneof![
        Just(b"1.0".to_vec()),
        Just(b"application/cloudevents+json".to_vec()),
        Just(b"text/plain".to_vec()),
        vec(any::<u8>(), 0..20),
    ];
    vec((name, value), 0..8)
}

proptest! {
    #[test]
    fn any_bytes(key in vec(any::<u8>(), 0..20), headers in headers(), value in proptest::option::of(vec(any::<u8>(), 0..200))) {
        read(&key, &headers, value.as_deref());
    }

    #[test]
    fn any_json(headers in headers(), value in strange()) {
        read(b"k", &headers, Some(value.to_string().as_bytes()));
    }

    #[test]
    fn examples_with_other_values(
        which: Index,
        edits in vec((vec(any::<Index>(), 1..6), proptest::option::of(strange())), 0..4),
        more in headers(),
    ) {
        let mut message = which.get(&examples()).clone();
        for (at, new) in edits {
            mutate(&mut message, &at, new);
        }
        let key = bytes(message.get("key")).unwrap_or_default();
        let headers = message.get("headers").and_then(Value::as_object).into_iter().flatten();
        let headers: Headers =
            headers.map(|(name, value)| (name.clone(), bytes(Some(value)).unwrap())).chain(more).collect();
        read(&key, &headers, bytes(message.get("value").or_else(|| message.get("text"))).as_deref());
    }

    #[test]
    fn examples_with_other_bytes(which: Index, edits in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6)) {
        let message = which.get(&examples()).clone();
        let [Some(key), value] = [message.get("key"), message.get("value")].map(bytes) else { panic!() };
        let mut value = value.unwrap_or_default();
        for (at, byte, how) in edits {
            let at = at.index(value.len() + 1);
            match how {
                0 => value.truncate(at),
                1 => value.insert(at, byte),
                _ => value.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        read(&key, &Vec::new(), Some(&value));
    }
}
