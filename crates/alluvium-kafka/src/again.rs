//! Messages that a person wants to be tried again, from their quarantine items.

use std::time::{Duration, Instant};

use alluvium_connect::event::{self, Again, EventRules, event_id};
use alluvium_core::change::DocumentChange;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use crate::client::{self, Consumer};
use crate::convert::{Received, change};
use crate::log::Log;
use crate::settings::{KafkaMode, KafkaSpec};

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the messages that are wanted.
pub(crate) fn read_again(
    spec: &KafkaSpec,
    rules: &EventRules,
    log: &Log,
    wanted: &mut Vec<Again>,
    room: Room,
) -> Result<SourceBatch, SourceError> {
    let consumer = client::consumer(spec, KafkaMode::Backfill)?;
    event::read_again(wanted, room, |again| changes(&consumer, spec, rules, log, again))
}

/// What the message that is wanted again says now.
fn changes(
    consumer: &Consumer,
    spec: &KafkaSpec,
    rules: &EventRules,
    log: &Log,
    again: &Again,
) -> Result<Vec<DocumentChange>, SourceError> {
    let Some((topic, number, offset)) = place(&again.position) else { return Ok(Vec::new()) };
    if !spec.topics.iter().any(|known| known == topic) {
        return Ok(Vec::new());
    }
    let (low, high) = client::bounds(consumer, spec, topic, number)?;
    if !(low..high).contains(&offset) {
        return Ok(Vec::new());
    }
    let unreadable = |e: KafkaError| spec.unavailable(format!("{} can't be read: {e}", again.position));
    let list = client::list(vec![(topic.to_owned(), number)], |_, _| client::offset(offset));
    list.and_then(|list| consumer.assign(&list)).map_err(unreadable)?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let message = match consumer.poll(Duration::from_millis(100)) {
            None | Some(Err(KafkaError::MessageConsumption(_))) => continue,
            // The log ends in offsets without messages.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Vec::new()),
            Some(message) => message.map_err(unreadable)?,
        };
        if (message.topic(), message.partition()) != (topic, number) {
            continue;
        }
        let incarnation = log.incarnation(topic, number);
        let received = Received::of(&message, &incarnation);
        if received.offset != offset {
            return Ok(Vec::new());
        }
        let own_id = event_id(&rules.source, &incarnation, offset)?;
        return Ok(again.answered_by(change(&received, rules)?, &own_id, received.log_version()));
    }
    Err(spec.unavailable(format!("{} does not come", again.position)))
}

/// A position is a topic, a partition and an offset.
fn place(position: &str) -> Option<(&str, i32, u64)> {
    let (rest, offset) = position.rsplit_once('/')?;
    let (topic, number) = rest.rsplit_once('/')?;
    Some((topic, number.parse().ok()?, offset.parse().ok()?))
}
