#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use apache_avro::types::Value as Datum;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::registry::tests::stand_in::{avro, datum};

const MOST: u64 = 1 << 16;

const PAGE: &str = r#"{"type": "record", "name": "Page", "namespace": "wiki", "doc": "d", "fields": [
    {"name": "id", "type": "long"},
    {"name": "title", "type": ["null", "string"], "default": null},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["PAGE", "TALK"]}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "more", "type": {"type": "map", "values": ["null", "boolean", "double"]}},
    {"name": "raw", "type": "bytes"},
    {"name": "sum", "type": {"type": "fixed", "name": "Sum", "size": 2}},
    {"name": "next", "type": ["null", "Page"]}
]}"#;

fn read(schema: &str, datum: &[u8]) -> Result<Value, Trouble> {
    let json = Avro::parse(schema, &[]).unwrap().json(datum, MOST)?;
    Ok(serde_json::from_slice(&json).unwrap())
}

fn of(schema: Value, datum: &[u8]) -> Result<Value, Trouble> {
    read(&schema.to_string(), datum)
}

fn refusal(schema: Value, datum: &[u8]) -> String {
    match of(schema, datum) {
        Err(Trouble::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A page as Avro's own crate has it.
fn page(next: Option<Datum>) -> Datum {
    let text = |text: &str| Datum::String(text.to_owned());
    let union = |branch, value| Datum::Union(branch, Box::new(value));
    let more = [("x", union(2, Datum::Double(1.5))), ("y", union(0, Datum::Null))];
    let fields = [
        ("id", Datum::Long(-7)),
        ("title", union(1, text("T \"1\""))),
        ("kind", Datum::Enum(1, "TALK".to_owned())),
        ("tags", Datum::Array(vec![text("a"), text("ü")])),
        ("more", Datum::Map(more.map(|(key, value)| (key.to_owned(), value)).into())),
        ("raw", Datum::Bytes(vec![0, 0xff])),
        ("sum", Datum::Fixed(2, vec![1, 2])),
        ("next", next.map_or(union(0, Datum::Null), |next| union(1, next))),
    ];
    Datum::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

#[test]
fn data_becomes_json() {
    let json = |next: Value| {
        json!({"id": -7, "title": "T \"1\"", "kind": "TALK", "tags": ["a", "ü"],
               "more": {"x": 1.5, "y": null}, "raw": "AP8=", "sum": "AQI=", "next": next})
    };
    let schema = Schema::parse_str(PAGE).unwrap();
    assert_eq!(read(PAGE, &datum(&schema, page(None))).unwrap(), json(Value::Null));
    let two = datum(&schema, page(Some(page(None))));
    assert_eq!(read(PAGE, &two).unwrap(), json(json(Value::Null)));
    for end in 0..two.len() {
        assert!(read(PAGE, &two[..end]).is_err(), "the first {end} bytes");
    }
}

#[test]
fn numbers_keep_their_digits() {
    for number in [0, -1, 63, 64, i64::MAX, i64::MIN, 9_007_199_254_740_993] {
        assert_eq!(of(json!("long"), &avro("\"long\"", json!(number))).unwrap(), json!(number));
    }
    assert_eq!(of(json!("float"), &0.1_f32.to_le_bytes()).unwrap(), json!(0.1));
    assert_eq!(of(json!("double"), &1e-7_f64.to_le_bytes()).unwrap(), json!(1e-7));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(refusal(json!("double"), &number.to_le_bytes()), "holds a number that is not finite");
        #[allow(clippy::cast_possible_truncation)]
        let number = (number as f32).to_le_bytes();
        assert_eq!(refusal(json!("float"), &number), "holds a number that is not finite");
    }
    let long = json!("long");
    assert_eq!(refusal(long.clone(), &[0xff; 11]), "holds a number that is too large");
    assert_eq!(
        refusal(long, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
        "holds a number that is too large"
    );
    assert_eq!(
        refusal(json!("int"), &avro("\"long\"", json!(1_i64 << 31))),
        "holds a number that is too large"
    );
}

#[test]
fn decimals_are_exact() {
    let decimal =
        |scale: u64| json!({"type": "bytes", "logicalType": "decimal", "precision": 1000, "scale": scale});
    let text = |scale, bytes: &[u8]| {
        let mut datum = avro("\"long\"", json!(bytes.len()));
        datum.extend(bytes);
        of(decimal(scale), &datum)
    };
    for (number, scale, expected) in [
        (0_i128, 0, "0"),
        (0, 2, "0.00"),
        (1250, 2, "12.50"),
        (-5, 2, "-0.05"),
        (-1, 0, "-1"),
        (-256, 0, "-256"),
        (i128::MIN, 38, "-1.70141183460469231731687303715884105728"),
        (i128::MAX, 0, "170141183460469231731687303715884105727"),
        (1_000_000_000, 0, "1000000000"),
        (1_000_000_000_000_000_000, 9, "1000000000.000000000"),
    ] {
        assert_eq!(text(scale, &number.to_be_bytes()).unwrap(), json!(expected));
    }
    assert_eq!(
        text(0, &[[1].as_slice(), &[0; 20]].concat()).unwrap(),
        json!("1461501637330902918203684832716283019655932542976")
    );
    assert!(text(0, &[]).is_err() && text(0, &[1; 257]).is_err());
    let fixed = json!({"type": "fixed", "name": "D", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 1});
    assert_eq!(of(fixed, &[0xff, 0xf6]).unwrap(), json!("-1.0"));
    // Its own scale comes with it.
    let own = json!({"type": "bytes", "logicalType": "big-decimal"});
    assert_eq!(of(own.clone(), &[6, 2, 25, 2]).unwrap(), json!("2.5"));
    assert_eq!(of(own.clone(), &[6, 2, 25, 1]).unwrap(), json!("250"));
    assert!(of(own.clone(), &[8, 2, 25, 2, 0]).is_err(), "what is left");
    assert!(of(own, &[22, 2, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
}

#[test]
fn times_are_texts() {
    let logical = |plain: &str, logical: &str, number: i64| {
        of(json!({"type": plain, "logicalType": logical}), &avro("\"long\"", json!(number)))
    };
    let day = 86_400_000_i64;
    for (plain, kind, number, expected) in [
        ("int", "date", 20_777, "2026-11-20"),
        ("int", "date", -1, "1969-12-31"),
        ("int", "time-millis", 36_000_500, "10:00:00.5"),
        ("long", "time-micros", 1, "00:00:00.000001"),
        ("long", "timestamp-millis", 20_777 * day, "2026-11-20T00:00:00Z"),
        ("long", "timestamp-millis", -1, "1969-12-31T23:59:59.999Z"),
        ("long", "timestamp-micros", 1, "1970-01-01T00:00:00.000001Z"),
        ("long", "timestamp-nanos", 1, "1970-01-01T00:00:00.000000001Z"),
        ("long", "local-timestamp-millis", 20_777 * day, "2026-11-20T00:00:00"),
        ("long", "local-timestamp-micros", 1, "1970-01-01T00:00:00.000001"),
        ("long", "local-timestamp-nanos", 1, "1970-01-01T00:00:00.000000001"),
    ] {
        assert_eq!(logical(plain, kind, number).unwrap(), json!(expected), "{kind}");
    }
    for (plain, kind, number) in [
        ("int", "date", i64::from(i32::MAX)),
        ("int", "time-millis", day),
        ("int", "time-millis", -1),
        ("long", "time-micros", i64::MAX),
        ("long", "timestamp-millis", i64::MAX),
        ("long", "local-timestamp-micros", i64::MIN),
    ] {
        assert!(matches!(logical(plain, kind, number), Err(Trouble::Refused(_))), "{kind}");
    }
    let duration = json!({"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"});
    let bytes = [1_u32, 2, 3004].map(u32::to_le_bytes).concat();
    assert_eq!(of(duration, &bytes).unwrap(), json!("P1M2DT3.004S"));
    let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let bytes = Uuid::parse_str(id).unwrap().into_bytes();
    let fixed = json!({"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"});
    assert_eq!(of(fixed, &bytes).unwrap(), json!(id));
    let text = json!({"type": "string", "logicalType": "uuid"});
    assert_eq!(of(text, &avro("\"string\"", json!(id))).unwrap(), json!(id));
    // What nobody knows is what is beneath it.
    assert_eq!(logical("long", "io.debezium.time.MicroTimestamp", 7).unwrap(), json!(7));
}

#[test]
fn the_end_of_the_bytes_is_no_value() {
    for schema in [
        json!("boolean"),
        json!("string"),
        json!("int"),
        json!(["null", "string"]),
        json!({"type": "array", "items": "null"}),
        json!({"type": "map", "values": "null"}),
        json!({"type": "fixed", "name": "F", "size": 1_u64 << 62}),
        json!({"type": "record", "name": "R", "fields": [{"name": "f", "type": "bytes"}]}),
    ] {
        let why = refusal(schema, &[]);
        assert!(why.ends_with("ends in the middle of the value"), "{why}");
    }
    assert_eq!(refusal(json!("bytes"), &[20, 1, 2]), "ends in the middle of the value");
    assert_eq!(refusal(json!("bytes"), &[1]), "ends in the middle of the value");
    assert_eq!(refusal(json!("null"), &[1, 2]), "2 bytes are left behind the value");
    assert_eq!(refusal(json!("boolean"), &[2]), "holds a boolean that is neither 0 nor 1");
    assert_eq!(refusal(json!("string"), &[2, 0xff]), "holds a text that is not UTF-8");
    assert_eq!(refusal(json!(["null"]), &[2]), "holds a branch that its union lacks");
    let symbols = json!({"type": "enum", "name": "E", "symbols": ["A"]});
    assert_eq!(refusal(symbols, &[2]), "holds a symbol that its enum lacks");
    let record = json!({"type": "record", "name": "R", "fields": [
        {"name": "a", "type": {"type": "record", "name": "S", "fields": [{"name": "b", "type": "float"}]}}]});
    assert_eq!(refusal(record, &f32::NAN.to_le_bytes()), "a.b: holds a number that is not finite");
}

#[test]
fn what_it_may_cost_is_bounded() {
    // As many items of no size as can be said.
    let most = avro("\"long\"", json!(i64::MAX));
    assert_eq!(of(json!({"type": "array", "items": "null"}), &most), Err(Trouble::TooLarge));
    let least = [avro("\"long\"", json!(i64::MIN)), vec![0]].concat();
    assert_eq!(of(json!({"type": "array", "items": "null"}), &least), Err(Trouble::TooLarge));
    let deep = "is nested too deeply";
    // A list of itself, as long as the message is.
    let list = json!({"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]});
    assert!(refusal(list, &vec![2; 1 << 20]).ends_with(deep));
    // A record that holds itself, of no bytes at all.
    let endless = json!({"type": "record", "name": "L", "fields": [{"name": "n", "type": "L"}]});
    assert!(refusal(endless, &[]).ends_with(deep));
    let nested = json!({"type": "record", "name": "L", "fields": [
        {"name": "n", "type": {"type": "array", "items": "L"}}]});
    assert!(refusal(nested, &vec![2; 1 << 20]).ends_with(deep));
    // A schema that doubles at every step.
    let step = |i: usize| {
        let fields = ["a", "b"].map(|name| json!({"name": name, "type": format!("R{}", i + 1)}));
        json!({"type": "record", "name": format!("R{i}"), "fields": fields})
    };
    let last = json!({"type": "record", "name": "R40", "fields": []});
    let references = [last].into_iter().chain((0..40).rev().map(step));
    let references: Vec<_> =
        references.map(|schema| Reference { name: String::new(), text: schema.to_string() }).collect();
    let (root, references) = references.split_last().unwrap();
    let avro = Avro::parse(&root.text, references).unwrap();
    assert_eq!(avro.json(&[], MOST), Err(Trouble::TooLarge));
}

#[test]
fn a_schema_as_deep_as_json_may_be_is_read() {
    let nested = |depth: usize| {
        (0..depth).fold(json!("null"), |items, _| json!({"type": "array", "items": items})).to_string()
    };
    assert_eq!(read(&nested(125), &[0]).unwrap(), json!([]));
    let Err(why) = Avro::parse(&nested(200), &[]) else { panic!() };
    assert!(why.contains("recursion limit"), "{why}");
}

#[test]
fn what_is_no_schema_is_refused() {
    for wrong in [
        "",
        "{",
        "nothing",
        "\"nothing\"",
        "7",
        "{}",
        "{\"type\": \"record\"}",
        "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"f\", \"type\": \"Other\"}]}",
        "[\"null\", \"null\"]",
    ] {
        assert!(Avro::parse(wrong, &[]).is_err(), "{wrong}");
    }
    let page = Reference { name: String::new(), text: PAGE.to_owned() };
    assert!(Avro::parse(PAGE, std::slice::from_ref(&page)).is_err(), "a name twice");
    assert!(Avro::parse("[\"null\", \"wiki.Page\"]", &[page]).is_ok());
    // Whatever a default says, nobody reads it.
    let odd = PAGE.replace("\"default\": null", "\"default\": {\"next\": {}}");
    assert!(Avro::parse(&odd, &[]).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((0..100_usize, any::<u8>()), 0..4),
    ) {
        let avro = Avro::parse(PAGE, &[]).unwrap();
        let mut changed = datum(&Schema::parse_str(PAGE).unwrap(), page(Some(page(None))));
        for (place, byte) in changes {
            let place = place % changed.len();
            changed[place] = byte;
        }
        for bytes in [bytes, changed] {
            if let Ok(json) = avro.json(&bytes, MOST) {
                prop_assert!(serde_json::from_slice::<Value>(&json).is_ok());
            }
        }
    }

    #[test]
    fn no_schema_panics(
        cuts in prop::collection::vec((0..PAGE.len(), 0..PAGE.len(), 0..20_usize), 1..4),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut schema = PAGE.as_bytes().to_vec();
        for (from, to, count) in cuts {
            let piece: Vec<u8> = PAGE.bytes().skip(from).take(count).collect();
            let to = to.min(schema.len());
            let end = (to + count).min(schema.len());
            schema.splice(to..end, piece);
        }
        let Ok(schema) = String::from_utf8(schema) else { return Ok(()) };
        if let Ok(Ok(json)) = Avro::parse(&schema, &[]).map(|avro| avro.json(&bytes, MOST)) {
            prop_assert!(serde_json::from_slice::<Value>(&json).is_ok());
        }
    }
}
