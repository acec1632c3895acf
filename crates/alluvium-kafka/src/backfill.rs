//! Reading to the ends that the topics had, one topic after the other, and where reading begins.

use std::collections::VecDeque;

use alluvium_core::source::SourceError;
use jiff::Timestamp;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::{self, Partitions};
use crate::log::Lost;
use crate::settings::{KafkaMode, OffsetLost};
use crate::worker::Worker;

/// What is left of a backfill. Topics come one after the other because librdkafka names an end by the
/// number of its partition alone.
#[derive(Debug)]
pub(crate) struct Backfill {
    topics: VecDeque<String>,
    current: Option<String>,
    /// Before the first end was looked at.
    began: Option<Timestamp>,
}

impl Backfill {
    pub(crate) fn new(topics: &[String]) -> Self {
        Self { topics: topics.iter().cloned().collect(), current: None, began: None }
    }

    /// All that happened before this moment is read in the end.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.began
    }
}

impl Worker {
    /// Opens the next topic of a backfill when the one before is read; whether all of them are.
    pub(crate) fn advance(&mut self) -> Result<bool, SourceError> {
        let now = self.now();
        let (log, unsettled) = (&mut self.intake.log, self.intake.unsettled);
        let Some(backfill) = &mut self.backfill else { return Ok(false) };
        if let Some(current) = &backfill.current {
            let mut parts = log.assigned().filter(|(topic, _, _)| topic == current);
            if unsettled || !parts.all(|(_, _, partition)| partition.is_done()) {
                return Ok(false);
            }
        }
        let Some(topic) = backfill.topics.front() else { return Ok(true) };
        backfill.began.get_or_insert(now);
        for number in client::partitions(&self.consumer, &self.spec, topic)? {
            log.assign(topic, number);
        }
        backfill.current = backfill.topics.pop_front();
        self.intake.unsettled = true;
        Ok(false)
    }

    /// Compares partitions with the log and places them where they are read from. None is read before all
    /// are placed.
    pub(crate) fn settle(&mut self) -> Result<(), SourceError> {
        let mut placed = Vec::new();
        for (topic, number) in self.intake.log.unchecked() {
            if self.mode == KafkaMode::Share {
                self.resume_from_the_group(&topic, number)?;
            }
            let (low, high) = client::bounds(&self.consumer, &self.spec, &topic, number)?;
            let next = self.position(&topic, number, low, high)?;
            placed.push((topic, number, next, high));
        }
        if self.backfill.is_none() {
            self.place(&placed)?;
        }
        for (topic, number, next, high) in placed {
            if let Some(partition) = self.intake.log.get(&topic, number) {
                partition.place(next);
                partition.end = self.backfill.as_ref().map(|_| partition.end.unwrap_or(high));
            }
        }
        if self.backfill.is_some() {
            self.place_unfinished()?;
        }
        self.intake.unsettled = false;
        Ok(())
    }

    /// A partition that the group has just given us is read from where it was committed, by us or by another.
    fn resume_from_the_group(&mut self, topic: &str, number: i32) -> Result<(), SourceError> {
        if self.intake.log.get(topic, number).is_some_and(|partition| partition.newly_assigned) {
            let at = client::committed(&self.consumer, &self.spec, topic, number)?;
            if let Some(partition) = self.intake.log.get(topic, number) {
                partition.resume(at);
            }
        }
        Ok(())
    }

    /// From where a partition is read, or the error that says what is lost.
    fn position(&mut self, topic: &str, number: i32, low: u64, high: u64) -> Result<u64, SourceError> {
        let Some(partition) = self.intake.log.get(topic, number) else { return Ok(low) };
        let lost = match partition.judge(low, high) {
            Ok(next) => return Ok(next),
            Err(lost) => lost,
        };
        let place = format!("topic {topic}, partition {number}");
        // A group's offset does not say in which of its lives a partition stands.
        let ambiguous = self.mode == KafkaMode::Share && matches!(lost, Lost::Ahead { .. });
        if ambiguous {
            let message =
                format!("{place}: {lost}; give the preparers another `group`, and its events versions");
            return Err(self.spec.broken(message));
        }
        if self.spec.offset_lost == OffsetLost::Stop {
            let message = format!(
                "{place}: {lost}; `offset_lost = \"earliest\"` in the source goes on from the earliest \
                 message that there is"
            );
            return Err(self.spec.broken(message));
        }
        tracing::warn!(source = %self.spec.name, "{place}: {lost}; going on from offset {low}");
        partition.give_up(&lost, topic, number, low);
        Ok(low)
    }

    /// Takes partitions of the group at their positions, and moves those there that were taken before.
    fn place(&self, placed: &[(String, i32, u64, u64)]) -> Result<(), SourceError> {
        let names: Partitions = placed.iter().map(|(topic, number, _, _)| (topic.clone(), *number)).collect();
        let position = |topic: &str, number: i32| {
            let found = placed.iter().find(|(t, n, _, _)| t == topic && *n == number);
            found.map_or(rdkafka::Offset::Invalid, |(_, _, next, _)| client::offset(*next))
        };
        let moved = client::taken(&self.consumer, &names).and_then(|taken| {
            if taken.count() > 0 {
                self.consumer.incremental_unassign(&taken)?;
            }
            self.consumer.incremental_assign(&client::list(names, position)?)
        });
        moved.map_err(|e| self.spec.unavailable(format!("the partitions can't be taken: {e}")))
    }

    /// Reads what is left of the topic that a backfill is at.
    fn place_unfinished(&self) -> Result<(), SourceError> {
        let current = self.backfill.as_ref().and_then(|backfill| backfill.current.as_deref());
        let parts =
            self.intake.log.assigned().filter(|(topic, _, p)| Some(*topic) == current && !p.is_done());
        let list: rdkafka::TopicPartitionList =
            parts.map(|(topic, number, p)| (topic.to_owned(), number, client::offset(p.next))).collect();
        let assigned = self.consumer.assign(&list);
        assigned.map_err(|e| self.spec.unavailable(format!("the partitions can't be read: {e}")))
    }

    /// Judges what librdkafka says instead of a message.
    pub(crate) fn hear(&mut self, error: &KafkaError) -> Result<(), SourceError> {
        use RDKafkaErrorCode as Code;
        match error {
            KafkaError::PartitionEOF(number) => self.at_end(*number),
            KafkaError::MessageConsumption(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                self.intake.doubt();
            }
            KafkaError::MessageConsumption(
                code @ (Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut),
            ) => {
                tracing::debug!(source = %self.spec.name, %code, "a broker can't be reached");
                self.note_down();
            }
            KafkaError::MessageConsumption(
                code @ (Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::InconsistentGroupProtocol),
            ) => {
                let topics = self.spec.topics.join(", ");
                return Err(self.spec.unavailable(format!("the brokers refuse ({topics}): {code}")));
            }
            KafkaError::MessageConsumptionFatal(code) => {
                return Err(self.spec.broken(format!("the consumer has failed: {code}")));
            }
            error => tracing::warn!(source = %self.spec.name, %error, "reading from Kafka"),
        }
        Ok(())
    }

    /// A partition of the topic that a backfill is at has nothing more. Where its last offsets hold no
    /// messages (compaction, transactions), none comes to say so.
    fn at_end(&mut self, number: i32) {
        let Some(topic) = self.backfill.as_ref().and_then(|backfill| backfill.current.clone()) else {
            return;
        };
        if let Some(partition) = self.intake.log.get(&topic, number).filter(|p| p.checked) {
            partition.next = partition.next.max(partition.end.unwrap_or(0));
        }
    }
}
