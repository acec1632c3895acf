#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::net::TcpListener;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[path = "../../tests/kafka/stand_in.rs"]
#[allow(dead_code, reason = "the tests with a broker use it, too, and other parts of it")]
pub(super) mod stand_in;

use stand_in::{JSON, StandIn, avro, framed};

const MOST: u64 = 4000;
const TEXT: &str = r#"{"type": "record", "name": "T", "fields": [{"name": "text", "type": "string"}]}"#;
const TITLED: &str =
    r#"{"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}"#;

fn spec(urls: Vec<String>) -> SchemaRegistrySpec {
    SchemaRegistrySpec { urls, credentials: None, ca: None, keys: true }
}

fn registry(stand_in: &StandIn) -> Registry {
    Registry::new(spec(vec![stand_in.url()]), MOST).unwrap()
}

fn text(id: u32, text: &str) -> Vec<u8> {
    framed(id, &avro(TEXT, json!({"text": text})))
}

fn read(registry: &Registry, bytes: &[u8]) -> Value {
    serde_json::from_slice(&registry.value(bytes).unwrap()).unwrap()
}

/// Why a value is refused.
fn refusal(registry: &Registry, bytes: &[u8]) -> String {
    let error = registry.value(bytes).unwrap_err();
    assert_eq!((error.transient, error.cause), (false, Cause::BadEvent), "{error}");
    error.detail
}

/// Why a value can't be read now.
fn trouble(registry: &Registry, bytes: &[u8]) -> String {
    let error = registry.value(bytes).unwrap_err();
    assert!(error.transient, "{error}");
    error.detail
}

#[test]
fn values_are_json() {
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", TEXT);
    stand_in.has(2, "JSON", TITLED);
    let registry = registry(&stand_in);
    assert_eq!(read(&registry, &text(1, "T")), json!({"text": "T"}));
    let said = br#"{ "title": "T" }"#;
    assert_eq!(registry.value(&framed(2, said)).unwrap(), said);
    assert_eq!(read(&registry, &text(1, "U")), json!({"text": "U"}));
    assert_eq!((stand_in.asked("/schemas/ids/1"), stand_in.asked("/schemas/ids/2")), (1, 1));
}

#[test]
fn keys_that_are_texts_are_plain() {
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", "\"string\"");
    stand_in.has(2, "AVRO", "\"long\"");
    stand_in.has(
        3,
        "AVRO",
        r#"{"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]}"#,
    );
    let keyed = registry(&stand_in);
    assert_eq!(keyed.key(&framed(1, &avro("\"string\"", json!("a/b \"c\"")))).unwrap(), b"a/b \"c\"");
    assert_eq!(keyed.key(&framed(2, &avro("\"long\"", json!(7)))).unwrap(), b"7");
    assert_eq!(keyed.key(&framed(3, &avro("\"long\"", json!(7)))).unwrap(), b"{\"id\":7}");
    let error = keyed.key(b"plain").unwrap_err();
    assert!(error.detail.starts_with("the message's key is not framed"), "{error}");
    let unframed =
        Registry::new(SchemaRegistrySpec { keys: false, ..spec(vec![stand_in.url()]) }, MOST).unwrap();
    assert_eq!(unframed.key(b"plain").unwrap(), b"plain");
}

#[test]
fn what_can_never_be_read_is_refused() {
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", TEXT);
    stand_in.has(2, "JSON", TITLED);
    stand_in.has(3, "PROTOBUF", "syntax = \"proto3\";");
    stand_in.has(4, "AVRO", "{\"type\": \"nothing\"}");
    stand_in.has(5, "JSON", "{\"type\": \"nothing\"}");
    stand_in.has(6, "AVRO", &format!("{TEXT}{}", " ".repeat(1 << 20)));
    let registry = registry(&stand_in);
    for (bytes, expected) in [
        (
            vec![],
            "the message's value is not framed for a schema registry: a zero byte and four of a schema's id",
        ),
        (vec![0, 0, 0, 0], "the message's value is not framed"),
        (b"{\"schema\":1}".to_vec(), "the message's value is not framed"),
        (text(99, "T"), "the message's value, schema 99: is not known to the registry (40403)"),
        (text(u32::MAX, "T"), "the message's value, schema 4294967295: is no id of a schema"),
        (framed(1, &[20, b'a']), "the message's value, schema 1: text: ends in the middle of the value"),
        (framed(1, &[2, b'a', 7, 7]), "the message's value, schema 1: 2 bytes are left behind the value"),
        (
            framed(2, b"{\"title\": 7}"),
            "the message's value, schema 2: does not match: value is not of type \"string\" at \"/title\"",
        ),
        (
            framed(2, b"{}"),
            "the message's value, schema 2: does not match: \"title\" is a required property at \"/\"",
        ),
        (framed(2, b"{"), "the message's value, schema 2: is no JSON: EOF"),
        (
            framed(3, b""),
            "the message's value, schema 3: is of the type \"PROTOBUF\", which is not read; AVRO and JSON are",
        ),
        (framed(4, b""), "the message's value, schema 4: is no Avro schema: "),
        (framed(5, b""), "the message's value, schema 5: is no schema: "),
        (framed(6, b""), "the message's value, schema 6: has more than 1048576 bytes"),
    ] {
        let why = refusal(&registry, &bytes);
        assert!(why.starts_with(expected), "{why}");
    }
    let error = registry.value(&text(1, &"x".repeat(4000))).unwrap_err();
    assert_eq!((error.cause, error.transient), (Cause::TooLarge, false), "{error}");
    // The document itself is never in the reason.
    stand_in.has(7, "JSON", r#"{"properties": {"a": {"enum": [1]}, "b": {"anyOf": [{"type": "null"}]}}}"#);
    for payload in [&b"{\"a\": \"hunter2\"}"[..], b"{\"b\": \"hunter2\"}"] {
        let why = refusal(&registry, &framed(7, payload));
        assert!(!why.contains("hunter2"), "{why}");
    }
}

#[test]
fn a_registry_in_trouble_refuses_nothing() {
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", TEXT);
    let registry = registry(&stand_in);
    let long = format!("{{\"schema\": {:?}}}", "x".repeat(5 << 20));
    for (status, headers, body, expected) in [
        (500, JSON, r#"{"error_code":50001,"message":"down"}"#, "answers 500"),
        (503, "text/html", "<p>", "answers 503"),
        (429, JSON, "", "answers 429"),
        (401, JSON, r#"{"error_code":401,"message":"no"}"#, "answers 401"),
        (403, JSON, r#"{"error_code":40301,"message":"no"}"#, "it does not take our name and password"),
        (404, "text/html", "<p>", "answers 404 Not Found, and not as a schema registry does"),
        (404, JSON, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#, "is its URL right?"),
        (302, "text/html\r\nlocation: /schemas/ids/1", "", "redirects are not followed"),
        (200, "text/html", "<p>", "something else than JSON"),
        (200, JSON, "{}", "something else than a schema"),
        (200, JSON, "", "something else than a schema"),
        (204, JSON, "", "answers 204"),
    ] {
        stand_in.answers(Some((status, headers, body.to_owned())));
        let why = trouble(&registry, &text(1, "T"));
        assert!(
            why.starts_with("schema 1: the schema registry at http://127.0.0.1:") && why.contains(expected),
            "{why}"
        );
    }
    stand_in.answers(None);
    assert_eq!(read(&registry, &text(1, "T")), json!({"text": "T"}));
    // What is kept needs nobody.
    stand_in.answers(Some((500, JSON, String::new())));
    assert_eq!(read(&registry, &text(1, "T")), json!({"text": "T"}));
    // An answer without an end is not read to it; it is the schema's fault.
    stand_in.answers(Some((200, JSON, long)));
    assert!(refusal(&registry, &text(2, "T")).ends_with("comes in an answer of more than 4194304 bytes"));
}

#[test]
fn the_next_url_is_asked_where_one_is_away() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("http://{away}/");
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", TEXT);
    let both = Registry::new(spec(vec![away.clone(), stand_in.url()]), MOST).unwrap();
    assert_eq!(read(&both, &text(1, "T")), json!({"text": "T"}));
    assert!(refusal(&both, &text(9, "T")).contains("is not known"));
    let alone = Registry::new(spec(vec![away]), MOST).unwrap();
    let why = trouble(&alone, &text(1, "T"));
    assert!(why.contains("can't be reached: Connection refused"), "{why}");
    let unread = SchemaRegistrySpec { ca: Some("/nowhere/ca.pem".into()), ..spec(vec![stand_in.url()]) };
    let why = trouble(&Registry::new(unread, MOST).unwrap(), &text(1, "T"));
    assert!(why.contains("the registry's ca /nowhere/ca.pem: No such file"), "{why}");
}

#[test]
fn a_refused_schema_is_asked_for_again_after_a_while() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    for _ in 0..3 {
        assert!(refusal(&registry, &text(1, "T")).contains("is not known"));
    }
    assert_eq!(stand_in.asked("/schemas/ids/1"), 1);
    stand_in.has(1, "AVRO", TEXT);
    // Another source, as a retry has one, knows nothing of that.
    assert_eq!(read(&self::registry(&stand_in), &text(1, "T")), json!({"text": "T"}));
}

#[test]
fn name_and_password_are_sent_and_never_shown() {
    let stand_in = StandIn::start();
    stand_in.has(1, "AVRO", TEXT);
    let own = RegistryCredentials { username: "me".to_owned(), password: "hunter2".to_owned() };
    let spec = SchemaRegistrySpec { credentials: Some(own), ..spec(vec![stand_in.url()]) };
    assert!(!format!("{spec:?}").contains("hunter2"));
    let registry = Registry::new(spec, MOST).unwrap();
    assert_eq!(read(&registry, &text(1, "T")), json!({"text": "T"}));
    assert_eq!(stand_in.authorization().unwrap(), "Basic bWU6aHVudGVyMg==");
}

#[test]
fn schemas_refer_to_others() {
    let stand_in = StandIn::start();
    let record = |name: &str, fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
        json!({"type": "record", "name": name, "namespace": "n", "fields": fields}).to_string()
    };
    stand_in.has_with(1, "AVRO", &record("A", &[("b", "n.B"), ("c", "n.C")]), &[("n.B", "b"), ("n.C", "c")]);
    stand_in.has_subject("b", "AVRO", &record("B", &[("c", "n.C")]), &[("n.C", "c")]);
    stand_in.has_subject("c", "AVRO", &record("C", &[("x", "int")]), &[]);
    let registry = registry(&stand_in);
    assert_eq!(read(&registry, &framed(1, &[2, 4])), json!({"b": {"c": {"x": 1}}, "c": {"x": 2}}));
    assert_eq!(stand_in.asked("/subjects/c/versions/1"), 1);

    let titled = r#"{"properties": {"page": {"$ref": "page.json"}}}"#;
    stand_in.has_with(2, "JSON", titled, &[("page.json", "p%2Fq r")]);
    stand_in.has_with(
        3,
        "JSON",
        &titled.replacen('{', "{\"$id\": \"https://x.example/a/b.json\",", 1),
        &[("page.json", "page")],
    );
    stand_in.has_subject(
        "page",
        "JSON",
        r##"{"properties": {"title": {"$ref": "title.json#/$defs/t"}}}"##,
        &[("title.json", "title")],
    );
    stand_in.has_subject("p%252Fq%20r", "JSON", r#"{"properties": {"title": {"type": "string"}}}"#, &[]);
    stand_in.has_subject("title", "JSON", r#"{"$defs": {"t": {"type": "string"}}}"#, &[]);
    for id in [2, 3] {
        assert_eq!(read(&registry, &framed(id, br#"{"page": {"title": "T"}}"#))["page"]["title"], "T");
        let why = refusal(&registry, &framed(id, br#"{"page": {"title": 7}}"#));
        assert!(why.contains("value is not of type \"string\" at \"/page/title\""), "{why}");
    }
    // A reference that is in nobody's list is not looked for elsewhere.
    stand_in.has(4, "JSON", r#"{"$ref": "https://elsewhere.example/x.json"}"#);
    assert!(refusal(&registry, &framed(4, b"{}")).contains("is no schema"));
    stand_in.has_with(5, "AVRO", &record("A", &[("b", "n.B")]), &[("n.B", "nowhere")]);
    assert!(refusal(&registry, &framed(5, &[2])).contains("is not known"));
}

#[test]
fn references_end() {
    let stand_in = StandIn::start();
    stand_in.has_with(1, "AVRO", TEXT, &[("T", "one")]);
    stand_in.has_subject("one", "AVRO", r#"{"type": "fixed", "name": "F", "size": 1}"#, &[("T", "two")]);
    stand_in.has_subject("two", "AVRO", r#"{"type": "fixed", "name": "G", "size": 1}"#, &[("T", "one")]);
    let registry = registry(&stand_in);
    assert_eq!(read(&registry, &text(1, "T")), json!({"text": "T"}));
    let many: Vec<_> = (0..101).map(|i| format!("s{i}")).collect();
    for name in &many {
        stand_in.has_subject(name, "AVRO", "\"null\"", &[]);
    }
    let named: Vec<_> = many.iter().map(|name| (name.as_str(), name.as_str())).collect();
    stand_in.has_with(2, "AVRO", TEXT, &named);
    stand_in.has_with(3, "AVRO", TEXT, &named[..100]);
    assert!(refusal(&registry, &text(2, "T")).ends_with("refers to too many others"));
    assert_eq!(read(&registry, &text(3, "T")), json!({"text": "T"}));
    for i in 0..20 {
        let next = format!("d{}", i + 1);
        stand_in.has_subject(&format!("d{i}"), "AVRO", "\"null\"", &[("x", next.as_str())]);
    }
    stand_in.has_with(4, "AVRO", TEXT, &[("x", "d0")]);
    assert!(refusal(&registry, &text(4, "T")).ends_with("refers to too many others"));
}

#[test]
fn few_schemas_are_kept() {
    let stand_in = StandIn::start();
    let registry = registry(&stand_in);
    let large = |id: u32| stand_in.has(id, "AVRO", &format!("{TEXT}{}", " ".repeat(1_000_000)));
    // Seventeen of these are more than sixteen MiB.
    (1..=17).for_each(large);
    for id in (1..=16).chain([1, 17, 1, 2]) {
        assert_eq!(read(&registry, &text(id, "T")), json!({"text": "T"}));
    }
    assert_eq!([1, 2, 17].map(|id| stand_in.asked(&format!("/schemas/ids/{id}"))), [1, 2, 1]);
    for id in 1001..=2001 {
        assert!(refusal(&registry, &text(id, "T")).contains("is not known"));
    }
    assert_eq!(stand_in.asked("/schemas/ids/2001"), 1);
    refusal(&registry, &text(1001, "T"));
    assert_eq!(stand_in.asked("/schemas/ids/1001"), 2);
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    for (schema, payload, valid) in [
        (r##"{"$ref": "#"}"##, "7", true),
        (r##"{"allOf": [{"$ref": "#"}]}"##, "7", true),
        (r##"{"anyOf": [{"$ref": "#"}, {"type": "string"}]}"##, "\"a\"", true),
        (r##"{"not": {"$ref": "#"}}"##, "7", true),
        (
            r##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicAnchor": "a", "allOf": [{"$dynamicRef": "#a"}]}"##,
            "7",
            true,
        ),
        (
            r##"{"properties": {"next": {"$ref": "#"}}, "required": ["v"]}"##,
            r#"{"v": 1, "next": {"v": 2}}"#,
            true,
        ),
        (r##"{"properties": {"next": {"$ref": "#"}}, "required": ["v"]}"##, r#"{"v": 1, "next": {}}"#, false),
    ] {
        // Whether it can be used at all is the validator's business.
        let Ok(json) = json::Json::parse(schema, &[]) else { continue };
        let checked = json.check(payload.as_bytes());
        assert!(checked.is_ok() || !valid || schema.contains("not"), "{schema}: {checked:?}");
    }
}

proptest! {
    #[test]
    fn no_json_schema_panics(
        cuts in prop::collection::vec((0..TITLED.len(), 0..TITLED.len(), 0..20_usize), 1..4),
        payload in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut schema = TITLED.as_bytes().to_vec();
        for (from, to, count) in cuts {
            let to = to.min(schema.len());
            let end = (to + count).min(schema.len());
            schema.splice(to..end, TITLED.bytes().skip(from).take(count));
        }
        let Ok(schema) = String::from_utf8(schema) else { return Ok(()) };
        if let Ok(json) = json::Json::parse(&schema, &[]) {
            let _ = (json.check(&payload), json.check(br#"{"title": [7]}"#));
        }
    }
}
