//! The value that Debezium writes for a large column that an update left alone and the database did not log.
//!
//! It stands in a column of any type: as a text, as bytes (base64 or hex, whatever the connector was told), in
//! a list, in a map, and in a list of integers as the numbers of its bytes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

/// What Debezium writes where nobody says otherwise.
pub const UNAVAILABLE: &str = "__debezium_unavailable_value";

/// The forms that the value has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    bytes: Vec<u8>,
    texts: Vec<String>,
}

impl Default for Unavailable {
    fn default() -> Self {
        Self::of(UNAVAILABLE)
    }
}

impl Unavailable {
    /// The value of a connector's `unavailable.value.placeholder`, which may be written as `hex:` and bytes.
    pub fn of(placeholder: &str) -> Self {
        let hex = placeholder.strip_prefix("hex:").and_then(bytes_of_hex);
        let bytes = hex.unwrap_or_else(|| placeholder.as_bytes().to_vec());
        let mut texts = vec![placeholder.to_owned(), String::from_utf8_lossy(&bytes).into_owned()];
        texts.extend(
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|as_text| as_text.encode(&bytes)),
        );
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        texts.extend([hex.to_uppercase(), hex]);
        Self { bytes, texts }
    }

    /// Whether a column's value is this, or holds it.
    pub fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is(text),
            Value::Array(items) => self.is_spelled_by(items) || items.iter().any(|item| self.is_in(item)),
            Value::Object(pairs) => pairs.iter().any(|(key, value)| self.is(key) || self.is_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn is(&self, text: &str) -> bool {
        self.texts.iter().any(|form| form == text)
    }

    fn is_spelled_by(&self, items: &[Value]) -> bool {
        let byte = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
        !self.bytes.is_empty()
            && items.len() == self.bytes.len()
            && items.iter().zip(&self.bytes).all(|(item, expected)| byte(item) == Some(*expected))
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_value_is_found_in_every_form_that_a_column_gives_it() {
        let default = Unavailable::default();
        let spelled: Vec<u8> = UNAVAILABLE.bytes().collect();
        for value in [
            json!(UNAVAILABLE),
            json!(STANDARD.encode(UNAVAILABLE)),
            json!(URL_SAFE_NO_PAD.encode(UNAVAILABLE)),
            json!(spelled.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
            json!([UNAVAILABLE]),
            json!(["a", [UNAVAILABLE]]),
            json!({ UNAVAILABLE: UNAVAILABLE }),
            json!({ "a": { "b": UNAVAILABLE } }),
            json!(spelled),
        ] {
            assert!(default.is_in(&value), "{value}");
        }
        for value in [
            json!(format!("Debezium writes {UNAVAILABLE} for such columns.")),
            json!(null),
            json!(7),
            json!([1, 2]),
            json!([]),
            json!({}),
            json!(""),
        ] {
            assert!(!default.is_in(&value), "{value}");
        }
    }

    #[test]
    fn a_connector_may_write_another_value() {
        let own = Unavailable::of("<left alone>");
        assert!(own.is_in(&json!("<left alone>")) && !own.is_in(&json!(UNAVAILABLE)));
        let hex = Unavailable::of("hex:2d2d");
        assert!(hex.is_in(&json!("--")) && hex.is_in(&json!("LS0=")) && hex.is_in(&json!([45, 45])));
    }
}
