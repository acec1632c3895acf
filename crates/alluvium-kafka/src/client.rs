//! The consumer of librdkafka: how it is made, what it says, and what the group tells it.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alluvium_core::source::SourceError;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::settings::{KafkaMode, KafkaSpec};
use crate::topics::is_pattern;

/// How long a broker may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);

/// How many words of librdkafka are heard before an error says why no broker answered.
const WORDS: usize = 100;

/// A consumer of librdkafka. Dropping it leaves the group and waits for the brokers' word on that, so that
/// no thread of the runtime may drop one.
pub(crate) struct Consumer(BaseConsumer<Context>);

impl Deref for Consumer {
    type Target = BaseConsumer<Context>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Consumer {
    /// Before the drop of what is within, which closes the consumer and polls until it is closed.
    fn drop(&mut self) {
        self.0.context().end();
    }
}

/// Partitions, by topic and number.
pub(crate) type Partitions = Vec<(String, i32)>;

/// What the group decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// These partitions are ours now.
    Assigned(Partitions),
    /// These are not any more.
    Revoked(Partitions),
}

/// Hears what librdkafka has to say.
#[derive(Debug, Default)]
pub(crate) struct Context {
    decisions: Mutex<VecDeque<Decision>>,
    /// Why librdkafka last failed to reach a broker.
    trouble: Mutex<Option<String>>,
    life: Life,
}

/// Whether the group may be answered.
///
/// librdkafka waits without limit for the group to take an answer, and a group that has ended takes none:
/// it drops what still comes. A group that is being closed takes any answer as leave to end, also that to a
/// question from before, and what it asked meanwhile is still in the queue. So it gets one answer, which it
/// waits for, and no other.
#[derive(Debug, Default)]
struct Life(AtomicU8);

impl Life {
    const LIVES: u8 = 0;
    const ENDS: u8 = 1;
    const HAS_ANSWERED: u8 = 2;

    fn end(&self) {
        // Not backwards.
        self.0.fetch_max(Self::ENDS, Ordering::SeqCst);
    }

    fn is_ending(&self) -> bool {
        self.0.load(Ordering::SeqCst) != Self::LIVES
    }

    /// Whether this answer may be given.
    fn may_answer(&self) -> bool {
        let last =
            self.0.compare_exchange(Self::ENDS, Self::HAS_ANSWERED, Ordering::SeqCst, Ordering::SeqCst);
        last != Err(Self::HAS_ANSWERED)
    }
}

impl Context {
    pub(crate) fn next_decision(&self) -> Option<Decision> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A broker answers: what was wrong before is over.
    pub(crate) fn forget_trouble(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The consumer is about to be closed.
    fn end(&self) {
        self.life.end();
    }

    fn note(&self, decision: Decision) {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).push_back(decision);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Logged.log(level, facility, message);
        if facility == "FAIL" {
            // It begins with the name of a thread.
            let said = message.split_once("]: ").map_or(message, |(_, said)| said);
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.to_owned());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Logged.error(error, reason);
    }
}

/// What librdkafka says, in our log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, "librdkafka: {message}");
            }
            _ => tracing::warn!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "librdkafka: {reason}");
    }
}

impl ConsumerContext for Context {
    /// Answers the group at once, which waits for it. Partitions that become ours are taken later, where
    /// their positions are known. Were they taken here at a logical offset, librdkafka would ask for it, and
    /// an answer that comes after a partition was moved to its position moves it away again, past messages
    /// that nobody read.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if consumer.closed() || !self.life.may_answer() {
            tracing::debug!("the group is left without another answer");
            return;
        }
        if self.life.is_ending() {
            // Whatever is said now takes everything away.
            if let Err(error) = consumer.incremental_unassign(&TopicPartitionList::new()) {
                tracing::debug!(%error, "the group can't be told that its member goes");
            }
            return;
        }
        let named: Partitions =
            partitions.elements().iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
        let (answered, decision) = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                (consumer.incremental_assign(&TopicPartitionList::new()), Decision::Assigned(named))
            }
            _ => {
                let taken = taken(consumer, &named);
                (taken.and_then(|taken| consumer.incremental_unassign(&taken)), Decision::Revoked(named))
            }
        };
        if let Err(error) = answered {
            tracing::warn!(%error, ?decision, "the group can't be answered");
        }
        self.note(decision);
    }

    /// The committed offsets are a mirror: what goes wrong with them is worth a word and no more.
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "the group's committed offsets stay behind until the next publish");
        }
    }
}

/// Those of the partitions that are being fetched.
pub(crate) fn taken(
    consumer: &BaseConsumer<Context>,
    partitions: &Partitions,
) -> KafkaResult<TopicPartitionList> {
    let fetched = consumer.assignment()?;
    let is_fetched = |(topic, number): &&(String, i32)| fetched.find_partition(topic, *number).is_some();
    list(partitions.iter().filter(is_fetched).cloned().collect(), |_, _| Offset::Invalid)
}

/// The partitions with the offsets that `offset` gives them.
pub(crate) fn list(
    partitions: Partitions,
    offset: impl Fn(&str, i32) -> Offset,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, number) in partitions {
        list.add_partition_offset(&topic, number, offset(&topic, number))?;
    }
    Ok(list)
}

/// An offset for librdkafka. None is ever so large that it would not fit.
pub(crate) fn offset(at: u64) -> Offset {
    Offset::Offset(i64::try_from(at).unwrap_or(i64::MAX))
}

/// Makes a consumer. Nothing is connected yet.
pub(crate) fn consumer(spec: &KafkaSpec, mode: KafkaMode) -> Result<Consumer, SourceError> {
    let made = spec.config(mode).create_with_context(Context::default());
    made.map(Consumer).map_err(|error| spec.broken(not_made("consumer", &error)))
}

/// Why there is no client.
pub(crate) fn not_made(what: &str, error: &KafkaError) -> String {
    match error {
        // Not its value, which may be out of an environment variable.
        KafkaError::ClientConfig(_, _, key, _) => {
            format!("librdkafka does not take the value of the property {key:?}")
        }
        error => format!("no Kafka {what}: {error}"),
    }
}

/// All topics that there are.
pub(crate) fn topics(consumer: &Consumer, spec: &KafkaSpec) -> Result<Vec<String>, SourceError> {
    let metadata = consumer.fetch_metadata(None, ANSWER).map_err(|e| no_answer(consumer, spec, &e))?;
    Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
}

/// The numbers of a topic's partitions.
pub(crate) fn partitions(
    consumer: &Consumer,
    spec: &KafkaSpec,
    topic: &str,
) -> Result<Vec<i32>, SourceError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER);
    let metadata = metadata.map_err(|e| no_answer(consumer, spec, &e))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let numbers: Vec<i32> =
        found.into_iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
    let wrong = found.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from);
    if numbers.is_empty() {
        let why = wrong.map(|code| format!(" ({code})")).unwrap_or_default();
        return Err(spec.unavailable(format!("the brokers have no topic {topic:?}{why}")));
    }
    Ok(numbers)
}

/// Whether there is such a partition.
pub(crate) fn has_partition(
    consumer: &Consumer,
    spec: &KafkaSpec,
    topic: &str,
    number: i32,
) -> Result<bool, SourceError> {
    let metadata = consumer.fetch_metadata(None, ANSWER).map_err(|e| no_answer(consumer, spec, &e))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    Ok(found.is_some_and(|found| found.partitions().iter().any(|partition| partition.id() == number)))
}

/// The first offset that a partition's log has, and the one after its last.
pub(crate) fn bounds(
    consumer: &Consumer,
    spec: &KafkaSpec,
    topic: &str,
    number: i32,
) -> Result<(u64, u64), SourceError> {
    let (low, high) = consumer
        .fetch_watermarks(topic, number, ANSWER)
        .map_err(|error| no_answer(consumer, spec, &error))?;
    Ok((u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0)))
}

/// Where the group has committed that a partition is to be read from, if it has.
pub(crate) fn committed(
    consumer: &Consumer,
    spec: &KafkaSpec,
    topic: &str,
    number: i32,
) -> Result<Option<u64>, SourceError> {
    let asked = list(vec![(topic.to_owned(), number)], |_, _| Offset::Invalid);
    let answered = asked.and_then(|asked| consumer.committed_offsets(asked, ANSWER));
    let answered = answered.map_err(|error| no_answer(consumer, spec, &error))?;
    Ok(answered.find_partition(topic, number).and_then(|found| match found.offset() {
        Offset::Offset(at) => u64::try_from(at).ok(),
        _ => None,
    }))
}

/// Whether a broker answers.
pub(crate) fn probe(consumer: &Consumer, spec: &KafkaSpec) -> Result<(), SourceError> {
    let topic = spec.topics.first().map(String::as_str).filter(|topic| !is_pattern(topic));
    consumer.fetch_metadata(topic, ANSWER).map(|_| ()).map_err(|error| no_answer(consumer, spec, &error))
}

fn no_answer(consumer: &Consumer, spec: &KafkaSpec, error: &KafkaError) -> SourceError {
    let why = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
    // librdkafka tells what went wrong only to those who poll, a word at a time. Where nothing is taken, that
    // loses nothing.
    if consumer.assignment().is_ok_and(|taken| taken.count() == 0) {
        (0..WORDS).for_each(|_| drop(consumer.poll(Duration::ZERO)));
    }
    let trouble = consumer.context().trouble().map(|said| format!("; {said}")).unwrap_or_default();
    spec.unavailable(format!("no answer from {}: {why}{trouble}", spec.connection.brokers.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_left_gets_one_answer_more() {
        let life = Life::default();
        assert!((0..3).all(|_| life.may_answer() && !life.is_ending()));
        life.end();
        assert!(life.is_ending() && life.may_answer());
        assert!((0..3).all(|_| !life.may_answer()));
        life.end();
        assert!(!life.may_answer(), "and none after that");
    }
}
