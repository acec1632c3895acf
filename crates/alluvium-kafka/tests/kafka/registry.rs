//! Messages that are framed for a schema registry. The broker is a real one, the registry a stand-in.

use alluvium_connect::event::{Columns, Unavailable};
use alluvium_core::change::AccessChange;
use alluvium_kafka::SchemaRegistrySpec;
use serde_json::{Value, json};

use super::reading::started;
use super::stand_in::{JSON, StandIn, avro, framed};
use super::*;

const CONTENT: &str = r#"{"type": "record", "name": "Content", "fields": [
    {"name": "text", "type": "string"}, {"name": "media_type", "type": "string"}]}"#;

/// The native change event as a record, with what is optional left to unions.
fn change_schema(more: &str) -> String {
    format!(
        r#"{{"type": "record", "name": "Change", "namespace": "documents", "fields": [
        {{"name": "schema", "type": "string"}},
        {{"name": "op", "type": {{"type": "enum", "name": "Op", "symbols": ["upsert", "delete", "acl"]}}}},
        {{"name": "id", "type": "string"}},
        {{"name": "content", "type": ["null", {CONTENT}]}},
        {{"name": "event_time", "type": ["null", {{"type": "long", "logicalType": "timestamp-millis"}}]}}{more}]}}"#
    )
}

fn change(id: &str, text: &str) -> Value {
    json!({"schema": "alluvium.document_change.v1", "op": "upsert", "id": id, "event_time": null,
           "content": {"text": text, "media_type": "text/plain"}})
}

fn framed_spec(broker: &Broker, stand_in: &StandIn, events: EventsSpec) -> KafkaSpec {
    let keys = !matches!(events.format, EventFormat::DocumentChange);
    let registry = SchemaRegistrySpec { urls: vec![stand_in.url()], credentials: None, ca: None, keys };
    let events = EventsSpec { schema_registry: Some(registry), ..events };
    KafkaSpec { messages: Messages::Events(Box::new(events)), ..spec(broker) }
}

fn send_all(broker: &Broker, messages: &[(&[u8], Option<Vec<u8>>)]) {
    let records: Vec<_> =
        messages.iter().map(|(key, value)| (Some(0), Some(*key), value.as_deref())).collect();
    broker.send(TOPIC, &records);
}

fn detail(change: &DocumentChange) -> &str {
    match &change.content {
        Some(ContentChange::Refused { refusal, .. }) => &refusal.detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn framed_values_are_events() {
    let (broker, stand_in) = (started(1), StandIn::start());
    let (one, two) = (change_schema(""), change_schema(r#", {"name": "title", "type": ["null", "string"]}"#));
    stand_in.has(1, "AVRO", &one);
    stand_in.has(2, "AVRO", &two);
    stand_in.has(3, "JSON", r#"{"type": "object", "required": ["op"]}"#);
    stand_in.has(4, "PROTOBUF", "syntax = \"proto3\";");
    let titled = |mut change: Value| {
        change["title"] = "T".into();
        change["event_time"] = 1_700_000_000_000_i64.into();
        change
    };
    let good = framed(1, &avro(&one, change("a", "one")));
    send_all(
        &broker,
        &[
            (b"a", Some(good.clone())),
            (b"a", Some(framed(2, &avro(&two, titled(change("a", "two")))))),
            (b"b", Some(framed(3, event("b", "three").as_bytes()))),
            (b"b", Some(framed(3, b"{\"schema\": 7}"))),
            (b"a", Some(event("a", "bare").into_bytes())),
            (b"a", Some(framed(99, &good[5..]))),
            (b"a", Some(framed(1, b"garbage"))),
            (b"a", Some(good[..good.len() - 2].to_vec())),
            (b"a", Some(framed(4, b""))),
            (b"a", Some(vec![0])),
            (b"a", Some(framed(1, &avro(&one, change("a", &"x".repeat(395)))))),
            (b"a", None),
            (b"c", Some(framed(1, &avro(&one, change("c", "last"))))),
        ],
    );
    let read = backfill(&framed_spec(&broker, &stand_in, events()), &Checkpoint::default(), ROOM).await;
    let refused = "? bad_event";
    assert_eq!(
        read.verbs,
        [
            "a=one",
            "a=two",
            "b=three",
            refused,
            refused,
            refused,
            refused,
            refused,
            refused,
            refused,
            "? too_large",
            "a delete",
            "c=last"
        ]
    );
    let Some(ContentChange::Upsert(upsert)) = &read.changes[1].content else { panic!() };
    assert_eq!(upsert.title.as_deref(), Some("T"));
    assert_eq!(read.changes[1].origin.event_time.unwrap().to_string(), "2023-11-14T22:13:20Z");
    for (number, expected) in [
        (3, "schema 3: does not match: \"op\" is a required property"),
        (4, "is not framed for a schema registry"),
        (5, "schema 99: is not known to the registry"),
        (6, "schema 1: "),
        (7, "ends in the middle of the value"),
        (8, "PROTOBUF"),
        (9, "is not framed"),
        (10, "max_event_size is 400"),
    ] {
        let detail = detail(&read.changes[number]);
        assert!(
            detail.starts_with("topic documents, partition 0, offset") && detail.contains(expected),
            "{detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn captured_rows_come_in_avro() {
    const ROW: &str = r#"{"type": "record", "name": "Value", "namespace": "shop.pages", "fields": [
        {"name": "id", "type": "long"}, {"name": "body", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}}]}"#;
    let key = r#"{"type": "record", "name": "Key", "namespace": "shop.pages", "fields": [
        {"name": "id", "type": "long"}]}"#;
    let envelope = format!(
        r#"{{"type": "record", "name": "Envelope", "namespace": "shop.pages", "fields": [
        {{"name": "before", "type": ["null", {ROW}]}}, {{"name": "after", "type": ["null", "Value"]}},
        {{"name": "op", "type": "string"}}, {{"name": "ts_ms", "type": ["null", "long"]}}]}}"#
    );
    let (broker, stand_in) = (started(1), StandIn::start());
    stand_in.has(1, "AVRO", key);
    stand_in.has(2, "AVRO", &envelope);
    let keyed = |id: i64| framed(1, &avro(key, json!({"id": id})));
    // Branch, id, branch and body, price, as Avro has them.
    let row = |id: u8, body: &str| {
        let text = [&[u8::try_from(body.len() * 2).unwrap()], body.as_bytes()].concat();
        [&[2, id * 2, 2][..], &text, &[4, 0x04, 0xe2]].concat()
    };
    let envelope = |before: &[u8], after: &[u8], op: u8| framed(2, &[before, after, &[2, op, 0]].concat());
    let (first, second) = (keyed(7), keyed(8));
    send_all(
        &broker,
        &[
            (&first, Some(envelope(&[0], &row(7, "one"), b'c'))),
            (&second, Some(envelope(&[0], &row(8, "two"), b'r'))),
            (&first, Some(envelope(&row(7, "one"), &row(7, "three"), b'u'))),
            (&second, Some(envelope(&row(8, "two"), &[0], b'd'))),
            (&second, None),
            (b"{\"id\": 7}", Some(envelope(&[0], &row(7, "bare key"), b'c'))),
            (&first, Some(envelope(&[0], &row(8, "other"), b'c'))),
        ],
    );
    let columns = Columns {
        id: "id".to_owned(),
        text: "body".to_owned(),
        media_type: "text/plain".to_owned(),
        title: None,
        uri: None,
        readers: None,
        metadata: vec!["price".to_owned()],
        unavailable: Unavailable::default(),
    };
    let events = EventsSpec { format: EventFormat::Debezium(Box::new(columns)), ..events() };
    let read = backfill(&framed_spec(&broker, &stand_in, events), &Checkpoint::default(), ROOM).await;
    assert_eq!(
        read.verbs,
        ["7=one", "8=two", "7=three", "8 delete", "8 delete", "? bad_event", "? bad_event"]
    );
    let Some(ContentChange::Upsert(upsert)) = &read.changes[0].content else { panic!() };
    assert_eq!(upsert.metadata, ["price=12.50"]);
    assert!(matches!(read.changes[0].access, AccessChange::Unsaid { default: Some(_) }));
    assert!(detail(&read.changes[5]).contains("the message's key is not framed"));
    assert!(detail(&read.changes[6]).contains("they must be equal"));
}

/// Nothing is refused, and nothing that comes behind is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_is_waited_for() {
    let (broker, stand_in) = (started(1), StandIn::start());
    let schema = change_schema("");
    stand_in.has(1, "AVRO", &schema);
    stand_in.has(2, "AVRO", &schema);
    let message = |id: u32, document: &str| Some(framed(id, &avro(&schema, change(document, "text"))));
    let mut source =
        source(&framed_spec(&broker, &stand_in, events()), KafkaMode::Follow, &Checkpoint::default());
    let mut read = Read::default();
    send_all(&broker, &[(b"a", message(1, "a"))]);
    read.follow(&mut source, 1).await;
    for (status, body) in [(503, "{}"), (401, "{}"), (404, "<p>")] {
        stand_in.answers(Some((status, JSON, body.to_owned())));
        if status == 503 {
            send_all(&broker, &[(b"b", message(1, "b")), (b"c", message(2, "c")), (b"d", message(1, "d"))]);
        }
        // What was read before goes first.
        let mut away = 0;
        while away < 2 {
            match tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap() {
                Ok(batch) => read.take(batch.unwrap()),
                Err(SourceError::Unavailable { message, .. }) => {
                    assert!(
                        message.contains(&format!("schema 2: the schema registry at {}", stand_in.url())),
                        "{message}"
                    );
                    assert!(message.contains(&format!("answers {status}")), "{message}");
                    away += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(
            (read.verbs.join(" "), read.position("documents/0")),
            ("a=text b=text".to_owned(), Some(2))
        );
    }
    stand_in.answers(None);
    read.follow(&mut source, 4).await;
    assert_eq!(
        (read.verbs.join(" "), read.position("documents/0")),
        ("a=text b=text c=text d=text".to_owned(), Some(4))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_tried_again_with_the_schema_that_came_late() {
    let (broker, stand_in) = (started(1), StandIn::start());
    let schema = change_schema("");
    send_all(&broker, &[(b"a", Some(framed(1, &avro(&schema, change("a", "text")))))]);
    let spec = framed_spec(&broker, &stand_in, events());
    let first = backfill(&spec, &Checkpoint::default(), ROOM).await;
    assert_eq!(first.verbs, ["? bad_event"]);
    let again = |read: &Read| Again {
        doc_id: read.changes[0].doc_id.clone(),
        position: read.changes[0].origin.position.clone(),
    };
    stand_in.answers(Some((500, JSON, String::new())));
    let mut waiting = wanting(&spec, KafkaMode::Again, &first.checkpoint, vec![again(&first)]);
    let answer = tokio::time::timeout(DEADLINE, waiting.next(ROOM)).await.unwrap();
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    stand_in.answers(None);
    stand_in.has(1, "AVRO", &schema);
    let mut read = Read::default();
    read.take(tokio::time::timeout(DEADLINE, waiting.next(ROOM)).await.unwrap().unwrap().unwrap());
    assert_eq!(read.verbs, ["a=text", "./event/documents/0/0 delete"]);
}
