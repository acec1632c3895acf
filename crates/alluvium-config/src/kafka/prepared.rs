//! `[prepared]`: the topic between those who prepare documents and the one who commits them.

use std::path::Path;

use serde::Serialize;

use super::connection::{ConnectionSettings, parse_connection};
use super::{GROUP, OffsetLost, TOPIC, group, is_among, parse_offset_lost, topic};
use crate::error::{ConfigError, Problem};
use crate::parse::size;
use crate::reader::{Reader, quote};
use crate::source::{SourceKind, SourceSpec};
use crate::value::Value;

pub(crate) const PREPARED: &[&str] =
    &["brokers", "topic", "group", "max_message_size", "offset_lost", "tls", "sasl", "properties"];

/// The name under which the topic stands in checkpoints.
const NAME: &str = "prepared";

/// `[prepared]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedSettings {
    /// How the brokers are reached.
    #[serde(flatten)]
    pub connection: ConnectionSettings,
    /// The topic.
    pub topic: Value<String>,
    /// Under which the committer's progress is shown to the tools of Kafka; `None` is the pipeline's name
    /// and `-commit`.
    pub group: Option<Value<String>>,
    /// What is larger goes in parts, in bytes.
    pub max_message_size: u64,
    /// What to do where the log does not have what comes next.
    pub offset_lost: OffsetLost,
}

pub(crate) fn parse_prepared(
    top: &Reader<'_>,
    folder: &Path,
    sources: &[SourceSpec],
) -> Result<Option<PreparedSettings>, ConfigError> {
    if top.table(NAME)?.is_none() {
        return Ok(None);
    }
    if let Some(i) = sources.iter().position(|source| source.name.as_str() == NAME) {
        let expected = format!("no [{NAME}], or another name for source[{i}], which is called so, too");
        let found = "a table".to_owned();
        return Err(top.error(NAME, Problem::Wrong { expected, found, nearest: None }));
    }
    let reader = top.section(NAME, PREPARED)?;
    let topic = reader.required("topic", TOPIC)?.parse(topic)?;
    check_unread(&reader, &topic, sources)?;
    Ok(Some(PreparedSettings {
        connection: parse_connection(&reader, folder)?,
        topic,
        offset_lost: parse_offset_lost(&reader)?,
        group: reader.text("group", GROUP)?.map(|text| text.parse(group)).transpose()?,
        max_message_size: size(&reader, "max_message_size", 900 << 10, 1 << 10)?,
    }))
}

/// A source that reads the topic would refuse what is in it, and what it refuses would come back through it.
fn check_unread(
    reader: &Reader<'_>,
    topic: &Value<String>,
    sources: &[SourceSpec],
) -> Result<(), ConfigError> {
    for source in sources {
        if let SourceKind::Kafka(kafka) = &source.kind
            && is_among(topic, &kafka.topics)
        {
            let expected = "a topic that no source reads".to_owned();
            let found = format!("{}, which source {} reads", quote(topic.written()), source.name.written());
            return Err(reader.error("topic", Problem::Wrong { expected, found, nearest: None }));
        }
    }
    Ok(())
}
