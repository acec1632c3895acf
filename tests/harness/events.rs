//! Change events.

use serde_json::{Value, json};

/// Where the events of [`EVENTS`] are.
pub(crate) const EVENT_FILE: &str = "events.jsonl";

/// A source of events, for a pipeline file.
pub(crate) const EVENTS: &str = "[commit]\ninterval = \"100ms\"\n\n[[source]]\nname = \"events\"\n\
    type = \"jsonl\"\npath = \"events.jsonl\"\ndefault_acl = { readers = [\"group:staff\"] }";

/// One event, with what else it says.
pub(crate) fn change_event(id: &str, op: &str, version: u64, more: Value) -> String {
    let mut event = json!({"schema": "alluvium.document_change.v1", "op": op, "id": id, "version": version});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event.to_string()
}

/// One event, as a line.
pub(crate) fn event(id: &str, op: &str, version: u64, text: Option<&str>) -> String {
    let content = text.map(|text| json!({"content": {"text": text, "media_type": "text/markdown"}}));
    change_event(id, op, version, content.unwrap_or_else(|| json!({}))) + "\n"
}
