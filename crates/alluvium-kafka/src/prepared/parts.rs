//! Messages larger than a broker takes: cut where they are written, put together where they are read.

use alluvium_connect::event::EventError;
use alluvium_core::hash::Sha256;
use alluvium_core::quarantine::Cause;
use alluvium_core::source::SourceError;
use rdkafka::Message as _;

use super::message::Parts;
use crate::client::{self, Consumer};
use crate::fetch::message_at;
use crate::settings::{KafkaMode, KafkaSpec};

/// The most bytes that parts may make together.
const MOST: usize = 512 << 20;

/// Reads parts, with a consumer of its own: that of the source goes on where it is.
pub(super) struct PartReader {
    spec: KafkaSpec,
    consumer: Option<Consumer>,
}

impl PartReader {
    pub(super) fn new(spec: KafkaSpec) -> Self {
        Self { spec, consumer: None }
    }

    /// All parts together. The outer error passes by itself, the inner one does not.
    pub(super) fn read(
        &mut self,
        topic: &str,
        parts: &Parts,
    ) -> Result<Result<Vec<u8>, EventError>, SourceError> {
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => client::consumer(&self.spec, KafkaMode::Backfill)?,
        };
        let read = self.read_all(&consumer, topic, parts);
        self.consumer = Some(consumer);
        read
    }

    fn read_all(
        &self,
        consumer: &Consumer,
        topic: &str,
        parts: &Parts,
    ) -> Result<Result<Vec<u8>, EventError>, SourceError> {
        let mut whole = Vec::new();
        for offset in &parts.offsets {
            let place = (topic, parts.partition, *offset);
            let part =
                message_at(consumer, &self.spec, place, |message| message.payload().map(<[u8]>::to_vec))?;
            let Some(part) = part.flatten() else {
                let detail =
                    format!("its part at offset {offset} of partition {} is not there", parts.partition);
                return Ok(Err(EventError::of(Cause::Unreadable, detail)));
            };
            if whole.len() + part.len() > MOST {
                let detail = format!("its parts are more than {MOST} bytes");
                return Ok(Err(EventError::of(Cause::TooLarge, detail)));
            }
            whole.extend(part);
        }
        if Sha256::of(&whole) != parts.sha256 {
            return Ok(Err(EventError::new("its parts do not make what was written")));
        }
        Ok(Ok(whole))
    }
}
