//! Documents of MongoDB, which Debezium hands on as a text of extended JSON.

use serde_json::{Map, Value};

use super::{EventError, Row};

/// How deep documents are nested at most; what MongoDB itself allows.
const DEEPEST: usize = 100;

/// The row that a text of extended JSON is.
pub(super) fn row(side: &str, text: &str) -> Result<Row, EventError> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(row)) => Ok(row.into_iter().map(|(name, value)| (name, plain(value, 0))).collect()),
        Ok(_) => Err(EventError::new(format!("the change's {side:?} is a text that holds no document"))),
        Err(error) => {
            Err(EventError::new(format!("the change's {side:?} is a text that is no JSON: {error}")))
        }
    }
}

/// The id that a key holds, which is a text of extended JSON, too.
pub(super) fn id(text: &str) -> Value {
    serde_json::from_str::<Value>(text).map_or_else(|_| Value::String(text.to_owned()), |id| plain(id, 0))
}

/// The value without what extended JSON says of its type.
fn plain(value: Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return value;
    }
    match value {
        Value::Array(items) => items.into_iter().map(|item| plain(item, depth + 1)).collect(),
        Value::Object(pairs) => match typed(&pairs) {
            Some(value) => value,
            None => {
                let pairs = pairs.into_iter().map(|(name, value)| (name, plain(value, depth + 1)));
                Value::Object(pairs.collect())
            }
        },
        value => value,
    }
}

/// What `{"$type": value}` says. Of what has more parts than one the whole stays.
fn typed(pairs: &Map<String, Value>) -> Option<Value> {
    let (name, value) = pairs.iter().next().filter(|_| pairs.len() == 1)?;
    match (name.as_str(), value) {
        ("$oid" | "$symbol" | "$uuid" | "$code" | "$numberDecimal", Value::String(_)) => Some(value.clone()),
        ("$numberLong" | "$numberInt", Value::String(text)) => {
            Some(text.parse::<i64>().map_or_else(|_| value.clone(), Value::from))
        }
        ("$numberDouble", Value::String(text)) => {
            let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            Some(number.map_or_else(|| value.clone(), Value::Number))
        }
        ("$numberLong" | "$numberInt" | "$numberDouble", Value::Number(_)) => Some(value.clone()),
        ("$date", date) => Some(moment(date)),
        ("$undefined" | "$minKey" | "$maxKey", _) => Some(Value::Null),
        _ => None,
    }
}

/// A time: as it is written, or as a text where it is a number of milliseconds.
fn moment(date: &Value) -> Value {
    let millis = match date {
        Value::Number(number) => number.as_i64(),
        Value::Object(pairs) => typed(pairs).and_then(|number| number.as_i64()),
        _ => return date.clone(),
    };
    let time = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| date.clone(), |time| Value::String(time.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    #[test]
    fn types_of_extended_json_are_told_from_values() {
        let document = json!({
            "_id": { "$oid": "596e275826f08b2730779e1f" },
            "long": { "$numberLong": "9007199254740993" },
            "int": { "$numberInt": "7" },
            "double": { "$numberDouble": "1.5" },
            "decimal": { "$numberDecimal": "12.50" },
            "old_date": { "$date": 1_000 },
            "date": { "$date": { "$numberLong": "1000" } },
            "written": { "$date": "2026-11-27T00:00:00Z" },
            "list": [{ "$numberInt": "1" }, { "deep": { "$oid": "a" } }],
            "own": { "$oid": "a", "other": 1 },
        });
        let found = row("after", &document.to_string()).unwrap();
        for (name, expected) in [
            ("_id", json!("596e275826f08b2730779e1f")),
            ("long", json!(9_007_199_254_740_993_i64)),
            ("int", json!(7)),
            ("double", json!(1.5)),
            ("decimal", json!("12.50")),
            ("old_date", json!("1970-01-01T00:00:01Z")),
            ("date", json!("1970-01-01T00:00:01Z")),
            ("written", json!("2026-11-27T00:00:00Z")),
            ("list", json!([1, { "deep": "a" }])),
            ("own", json!({ "$oid": "a", "other": 1 })),
        ] {
            assert_eq!(found[name], expected, "{name}");
        }
        assert!(row("after", "[]").unwrap_err().detail.contains("no document"));
        assert!(row("after", "{").unwrap_err().detail.contains("no JSON"));
    }

    #[test]
    fn ids_of_keys_are_what_rows_hold() {
        for (text, expected) in [
            ("{\"$oid\": \"5a\"}", json!("5a")),
            ("1004", json!(1004)),
            ("{\"$numberLong\": \"1004\"}", json!(1004)),
            ("\"page\"", json!("page")),
            ("page", json!("page")),
        ] {
            assert_eq!(id(text), expected);
        }
    }
}
