//! Whether the topics still have what came after a checkpoint.

use std::collections::BTreeMap;

use alluvium_core::source::SourceError;

use crate::client;
use crate::log::Log;
use crate::settings::{KafkaMode, KafkaSpec};
use crate::topics::Topics;

/// Why the topics can't give everything again that came after the checkpoint `then`; `live` is where they
/// are read now. Asks the brokers, so it blocks.
pub fn cannot_replay(
    spec: &KafkaSpec,
    then: &BTreeMap<String, u64>,
    live: &BTreeMap<String, u64>,
) -> Result<Option<String>, SourceError> {
    let consumer = client::consumer(spec, KafkaMode::Backfill)?;
    let log = |partitions: &BTreeMap<String, u64>| Log::new(spec.name.clone(), partitions.clone());
    let (mut then, live) = (log(then), log(live));
    let mut topics = Topics::of(spec)?;
    topics.look(&consumer, spec)?;
    for topic in &topics.names() {
        for number in client::partitions(&consumer, spec, topic)? {
            let place = format!("topic {topic}, partition {number}");
            let (low, high) = client::bounds(&consumer, spec, topic, number)?;
            if then.incarnation(topic, number) != live.incarnation(topic, number) {
                return Ok(Some(format!("{place}: the topic was made anew since")));
            }
            let partition = then.assign(topic, number);
            if let Err(lost) = partition.judge(low, high) {
                return Ok(Some(format!("{place}: {lost}")));
            }
            if partition.is_new() && low > 0 {
                return Ok(Some(format!("{place}: the log begins at {low}, and what came before was read")));
            }
        }
    }
    Ok(None)
}
