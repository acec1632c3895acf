//! Contents by reference: out of a bucket of a real store, and the same promises for all that may be referred
//! to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod roots;
#[path = "../../../../tests/harness/server.rs"]
mod server;
#[path = "../../../../tests/harness/store.rs"]
#[allow(dead_code, reason = "the tests of the program use it, too, and other parts of it")]
mod store;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_connect::conformance::{drain, verb};
use alluvium_connect::event::{AccessKey, BucketSpec, EventRules, Patience, parse_event};
use alluvium_connect::jsonl::{JsonlMode, JsonlSource, JsonlSpec};
use alluvium_core::access::Acl;
use alluvium_core::clock::SystemClock;
use alluvium_core::id::SourceName;
use alluvium_core::source::Room;
use alluvium_core::version::{Version, VersionKind};
use serde_json::json;
use store::{ACCESS_KEY, BUCKET, Store};

/// The most bytes of content.
const MAX: u64 = 1000;

fn spec(store: &Store) -> BucketSpec {
    let [id, secret] = ACCESS_KEY.map(str::to_owned);
    BucketSpec {
        bucket: BUCKET.to_owned(),
        prefix: None,
        endpoint: Some(store.endpoint()),
        region: None,
        access_key: Some(AccessKey { id, secret, session_token: None }),
    }
}

fn rules(folders: Vec<PathBuf>, buckets: Vec<BucketSpec>) -> EventRules {
    let name = SourceName::new("events").unwrap();
    let default_acl = Some(Acl { readers: vec!["default".to_owned()], ..Acl::default() });
    let rules = EventRules::new(name, default_acl, folders, MAX).unwrap();
    rules.with_buckets(buckets, Patience::Following).unwrap()
}

fn of(spec: BucketSpec) -> EventRules {
    rules(Vec::new(), vec![spec])
}

/// An event whose content is a reference.
fn event(uri: &str) -> String {
    let content = json!({"uri": uri, "media_type": "text/plain"});
    json!({"schema": "alluvium.document_change.v1", "op": "upsert", "id": "d", "content": content})
        .to_string()
}

/// What the event of a reference comes to: `d=text`, `d cause`, or `away: why`.
fn read(rules: &EventRules, uri: &str) -> String {
    let log = Version { incarnation: String::new(), kind: VersionKind::Log, value: 0 };
    match parse_event(event(uri).as_bytes(), rules, log, String::new()) {
        Ok(change) => verb(&change),
        Err(error) if error.transient => format!("away: {error}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn whatever_a_key_is_called() {
    let store = Store::start();
    let rules = of(spec(&store));
    for (key, escaped) in [
        ("a.md", "a.md"),
        ("in/deep/a b.md", "in/deep/a%20b.md"),
        ("in/deep/c d.md", "in/deep/c d.md"),
        ("plus+and&=;,$@:'!*().md", "plus+and&=;,$@:'!*().md"),
        ("å/文.md", "%C3%A5/%E6%96%87.md"),
        ("ø/字.md", "ø/字.md"),
        ("100%.md", "100%25.md"),
        ("%20.md", "%2520.md"),
        ("what?#.md", "what%3F%23.md"),
        ("~back\\slash\"[]{}|^`<>.md", "~back%5Cslash\"[]{}|^`<>.md"),
        ("...", "..."),
    ] {
        store.put(key, key.as_bytes());
        assert_eq!(read(&rules, &format!("s3://{BUCKET}/{escaped}")), format!("d={key}"), "{escaped}");
    }
}

#[test]
fn only_who_is_known_is_let_in_and_nobody_else_is_refused() {
    let store = Store::start();
    store.put("a", b"A");
    let uri = &format!("s3://{BUCKET}/a");
    assert_eq!(read(&of(spec(&store)), uri), "d=A");
    let [id, secret] = ACCESS_KEY.map(str::to_owned);
    let key = |id: &str, secret: &str| {
        Some(AccessKey { id: id.to_owned(), secret: secret.to_owned(), session_token: None })
    };
    for (access_key, why) in [
        (key(&id, "wrong"), "SignatureDoesNotMatch"),
        (key("nobody", &secret), "NotSignedUp"),
        (None, "AccessDenied"),
    ] {
        let rules = of(BucketSpec { access_key, ..spec(&store) });
        for key in ["a", "none"] {
            let said = read(&rules, &format!("s3://{BUCKET}/{key}"));
            let start = format!("away: the bucket {BUCKET} at {} can't be read: ", store.endpoint());
            assert!(said.starts_with(&start) && said.contains(why), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("wrong"), "{said}");
        }
    }
    let open = Store::start_open();
    open.put("a", b"B");
    assert_eq!(read(&of(BucketSpec { access_key: None, ..spec(&open) }), uri), "d=B");
}

#[test]
fn only_declared_buckets_and_prefixes_are_read() {
    let store = Store::start();
    for key in ["in/a", "inner/a", "in.md", "out/a"] {
        store.put(key, b"A");
    }
    let rules = of(BucketSpec { prefix: Some("in".to_owned()), ..spec(&store) });
    assert_eq!(read(&rules, "s3://contents/in/a"), "d=A");
    assert_eq!(read(&rules, "s3://contents/in/b"), "d vanished");
    let host = store.endpoint().replace("http://", "");
    for uri in [
        "s3://contents/inner/a",
        "s3://contents/in.md",
        "s3://contents/out/a",
        "s3://CONTENTS/in/a",
        "s3://other/in/a",
        "s3://tester:hunter2@contents/in/a",
        "s3://contents:9000/in/a",
        &format!("s3://{host}/contents/in/a"),
    ] {
        assert_eq!(read(&rules, uri), "d unreadable", "{uri}");
    }
    for uri in [
        "s3://contents/in/../out/a",
        "s3://contents/in/%2e%2e/out/a",
        "s3://contents/in//a",
        "s3://contents/in/a?versionId=1",
        &format!("{}/contents/in/a", store.endpoint()),
    ] {
        assert_eq!(read(&rules, uri), "d bad_event", "{uri}");
    }
}

#[test]
fn the_second_declaration_holds_what_the_first_does_not() {
    let (one, two) = (Store::start(), Store::start());
    one.put("in/a", b"one");
    two.put("a", b"two");
    let first = BucketSpec { prefix: Some("in".to_owned()), ..spec(&one) };
    let rules = rules(Vec::new(), vec![first, spec(&two)]);
    assert_eq!(["in/a", "a"].map(|key| read(&rules, &format!("s3://{BUCKET}/{key}"))), ["d=one", "d=two"]);
}

/// Lines are read on threads of the runtime, of which there may be one.
async fn lines_refer_to_objects() {
    let store = Store::start();
    store.put("a", b"A");
    let spec = || JsonlSpec {
        name: SourceName::new("events").unwrap(),
        default_acl: None,
        content_roots: Vec::new(),
        content_buckets: vec![spec(&store)],
        max_event_size: MAX,
    };
    let lines = ["s3://contents/a", "s3://contents/none"].map(event).join("\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    std::fs::write(&path, &lines).unwrap();
    let clock = || Arc::new(SystemClock);
    let piped = JsonlSource::stdin(spec(), Box::new(Cursor::new(lines.into_bytes())), clock()).unwrap();
    let file =
        JsonlSource::file(spec(), path, JsonlMode::Backfill, BTreeMap::new(), vec![], clock()).unwrap();
    for mut source in [piped, file] {
        let batches = drain(&mut source, Room { bytes: 1 << 20, changes: 10 }).await.unwrap();
        let verbs: Vec<_> = batches.iter().flat_map(|batch| batch.changes.iter().map(verb)).collect();
        assert_eq!(verbs, ["d=A", "d vanished"]);
    }
}

#[tokio::test]
async fn lines_refer_to_objects_on_one_thread() {
    lines_refer_to_objects().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_refer_to_objects_on_many_threads() {
    lines_refer_to_objects().await;
}
