//! Change events in a file.

/// Where the events of [`EVENTS`] are.
pub(crate) const EVENT_FILE: &str = "events.jsonl";

/// A source of events, for a pipeline file.
pub(crate) const EVENTS: &str = "[commit]\ninterval = \"100ms\"\n\n[[source]]\nname = \"events\"\n\
    type = \"jsonl\"\npath = \"events.jsonl\"\ndefault_acl = { readers = [\"group:staff\"] }";

/// One event, as a line.
pub(crate) fn event(id: &str, op: &str, version: u64, text: Option<&str>) -> String {
    let mut event = serde_json::json!({"schema": "alluvium.document_change.v1", "op": op, "id": id,
        "version": version});
    if let Some(text) = text {
        event["content"] = serde_json::json!({"text": text, "media_type": "text/markdown"});
    }
    event.to_string() + "\n"
}
