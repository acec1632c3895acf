//! JSON Schema: texts that are valid stay as they are.

use jsonschema::{Draft, Registry, Validator};
use reqwest::Url;
use serde_json::Value;

use super::schema::Reference;

/// Against what names are resolved where a schema has no `$id` of its own.
const BASE: &str = "http://schema-registry.invalid/";
/// What a schema is that does not say, as Confluent's serializers have it.
const DRAFT: Draft = Draft::Draft7;

pub(super) struct Json {
    validator: Validator,
}

impl Json {
    pub(super) fn parse(text: &str, references: &[Reference]) -> Result<Self, String> {
        let schema = value(text)?;
        let own = schema.get("$id").and_then(Value::as_str).and_then(|id| Url::parse(id).ok());
        let base = own.map_or_else(|| Url::parse(BASE), Ok).map_err(|e| e.to_string())?;
        let mut registry = Registry::new();
        for Reference { name, text } in references {
            let url = base.join(name).map_err(|e| format!("the reference {name:?}: {e}"))?;
            let referred = value(text)?;
            let resource = DRAFT.detect(&referred).create_resource(referred);
            registry = registry.add(url.as_str(), resource).map_err(|e| e.to_string())?;
        }
        let registry = registry.prepare().map_err(|e| e.to_string())?;
        let options = jsonschema::options().offline().with_draft(DRAFT.detect(&schema));
        let validator = options.with_base_uri(base.as_str()).with_registry(&registry).build(&schema);
        Ok(Self { validator: validator.map_err(|e| format!("is no schema: {}", e.masked()))? })
    }

    pub(super) fn check(&self, payload: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(payload).map_err(|e| format!("is no JSON: {e}"))?;
        self.validator.validate(&value).map_err(|error| {
            // Without the value, which is somebody's document.
            let path = error.instance_path().to_string();
            format!("does not match: {} at {:?}", error.masked(), if path.is_empty() { "/" } else { &path })
        })
    }
}

fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))
}
