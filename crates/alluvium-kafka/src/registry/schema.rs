//! A schema, and what is written with it as JSON text.

use super::Trouble;
use super::avro::Avro;
use super::json::Json;

/// A schema that can be read with.
pub(super) enum Schema {
    Avro(Avro),
    Json(Json),
}

/// The text of a schema, and by which name others refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) text: String,
}

impl Schema {
    /// A schema of a type as registries call it. What it refers to comes before what refers to that.
    pub(super) fn parse(kind: &str, text: &str, references: &[Reference]) -> Result<Self, Trouble> {
        let schema = match kind {
            "AVRO" => Avro::parse(text, references).map(Self::Avro),
            "JSON" => Json::parse(text, references).map(Self::Json),
            kind => Err(format!("is of the type {kind:?}, which is not read; AVRO and JSON are")),
        };
        schema.map_err(Trouble::Refused)
    }

    /// What `payload` says, in at most as many bytes.
    pub(super) fn json(&self, payload: &[u8], most: u64) -> Result<Vec<u8>, Trouble> {
        match self {
            Self::Avro(avro) => avro.json(payload, most),
            Self::Json(json) => json.check(payload).map(|()| payload.to_vec()).map_err(Trouble::Refused),
        }
    }
}
