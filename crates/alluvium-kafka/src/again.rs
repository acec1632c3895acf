//! Messages that a person wants to be tried again, from their quarantine items.

use alluvium_connect::event::{self, Again, event_id};
use alluvium_core::change::DocumentChange;
use alluvium_core::source::{Room, SourceBatch, SourceError};

use crate::client::{self, Consumer};
use crate::convert::{Reading, Received, event_change};
use crate::fetch::{Place, noted_message, place};
use crate::log::Log;
use crate::settings::{KafkaMode, KafkaSpec};
use crate::topics::Topics;

/// Reads the messages that are wanted.
pub(crate) fn read_again(
    spec: &KafkaSpec,
    topics: &Topics,
    reading: &Reading,
    log: &Log,
    wanted: &mut Vec<Again>,
    room: Room,
) -> Result<SourceBatch, SourceError> {
    let consumer = client::consumer(spec, KafkaMode::Backfill)?;
    event::read_again(wanted, room, |again| match place(&again.position) {
        Some(at) if topics.covers(at.0) => changes(&consumer, spec, reading, log, again, at),
        _ => Ok(Vec::new()),
    })
}

/// What the message that is wanted again says now.
fn changes(
    consumer: &Consumer,
    spec: &KafkaSpec,
    reading: &Reading,
    log: &Log,
    again: &Again,
    (topic, number, offset): Place<'_>,
) -> Result<Vec<DocumentChange>, SourceError> {
    let incarnation = log.incarnation(topic, number);
    let found = noted_message(consumer, spec, (topic, number, offset), |message| {
        let received = Received::of(message, &incarnation);
        let own_id = event_id(&reading.rules.source, &incarnation, offset)?;
        let change = event_change(&received, reading)?;
        Ok(again.answered_by(change, &own_id, received.log_version()))
    })?;
    found.unwrap_or_else(|| Ok(Vec::new()))
}
