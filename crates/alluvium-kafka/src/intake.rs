//! What becomes of messages.

use std::time::Duration;

use alluvium_connect::event::{EventRules, Filling};
use alluvium_core::change::DocumentChange;
use alluvium_core::source::SourceError;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use crate::convert::{self, Received, event_change, offset};
use crate::log::Log;
use crate::prepared;
use crate::registry::Registry;
use crate::settings::{EventsSpec, KafkaMode, KafkaSpec, Messages};

/// How often at most gaps of one partition are looked into.
const GAPS: Duration = Duration::from_secs(1);

/// How messages are read.
enum Reading {
    Events(Box<convert::Reading>),
    Prepared(Box<prepared::Reader>),
}

impl Reading {
    fn of(spec: &KafkaSpec, mode: KafkaMode) -> Result<Self, SourceError> {
        Ok(match &spec.messages {
            Messages::Events(events) => {
                let EventsSpec {
                    format,
                    default_acl,
                    content_roots,
                    content_buckets,
                    max_event_size,
                    schema_registry,
                } = (**events).clone();
                let rules = EventRules::new(spec.name.clone(), default_acl, content_roots, max_event_size)?;
                let rules = rules.with_buckets(content_buckets, mode.patience())?.of_format(format);
                let registry = schema_registry.map(|registry| Registry::new(registry, max_event_size));
                let registry = registry.transpose().map_err(|e| spec.broken(e))?;
                Self::Events(Box::new(convert::Reading { rules, registry }))
            }
            Messages::Prepared(prepared) => Self::Prepared(Box::new(prepared::Reader::new(spec, prepared))),
        })
    }

    /// The change of a message, where it is one by itself.
    fn change(
        &mut self,
        message: &BorrowedMessage<'_>,
        incarnation: &str,
    ) -> Result<Option<DocumentChange>, SourceError> {
        let received = Received::of(message, incarnation);
        match self {
            Self::Events(reading) => event_change(&received, reading),
            Self::Prepared(reader) => reader.change(&received),
        }
    }
}

/// What becomes of messages.
pub(crate) struct Intake {
    reading: Reading,
    pub(crate) log: Log,
    /// Whether partitions are to be compared with the log.
    pub(crate) unsettled: bool,
    /// A message that did not fit into the last batch.
    carried: Option<Carried>,
}

struct Carried {
    topic: String,
    partition: i32,
    offset: u64,
    change: DocumentChange,
}

impl Intake {
    pub(crate) fn new(spec: &KafkaSpec, mode: KafkaMode, log: Log) -> Result<Self, SourceError> {
        Ok(Self { reading: Reading::of(spec, mode)?, log, unsettled: false, carried: None })
    }

    /// What events are read with, where messages are events.
    pub(crate) fn events(&self) -> Option<&convert::Reading> {
        match &self.reading {
            Reading::Events(events) => Some(events),
            Reading::Prepared(_) => None,
        }
    }

    /// Whether a message waits that did not fit.
    pub(crate) fn carries(&self) -> bool {
        self.carried.is_some()
    }

    /// The offset that should come where another message does, unless gaps of its partition were looked
    /// into a moment ago. Compaction and transactions leave gaps, which are nothing. So does removal, where
    /// a broker goes on with what is left without a word.
    pub(crate) fn gap_before(&mut self, message: &BorrowedMessage<'_>) -> Option<u64> {
        let partition = self.log.get(message.topic(), message.partition())?;
        let offset = offset(message);
        let doubtful = partition.is_read() && offset > partition.next && !partition.looked_into(GAPS);
        doubtful.then_some(partition.next)
    }

    /// Where offsets were removed unread, the message is left out and its partition placed anew, which
    /// says what is lost.
    pub(crate) fn judge_gap(&mut self, message: &BorrowedMessage<'_>, removed: bool) {
        if removed {
            self.leave_out(message);
        } else if let Some(partition) = self.log.get(message.topic(), message.partition()) {
            partition.look_into();
        }
    }

    pub(crate) fn take(
        &mut self,
        message: &BorrowedMessage<'_>,
        filling: &mut Filling,
    ) -> Result<(), SourceError> {
        let Some(partition) = self.log.get(message.topic(), message.partition()) else { return Ok(()) };
        let offset = offset(message);
        if !partition.is_read() || offset < partition.next {
            return Ok(());
        }
        if let Some(end) = partition.end.filter(|end| offset >= *end) {
            partition.next = end;
            return Ok(());
        }
        let change = self.reading.change(message, &partition.incarnation)?;
        if change.is_none() && matches!(self.reading, Reading::Events(_)) {
            filling.skip();
        }
        match change.and_then(|change| filling.take(change)) {
            None => partition.next = offset + 1,
            Some(change) => {
                let (topic, partition) = (message.topic().to_owned(), message.partition());
                self.carried = Some(Carried { topic, partition, offset, change });
            }
        }
        Ok(())
    }

    pub(crate) fn take_carried(&mut self, filling: &mut Filling) {
        let Some(carried) = self.carried.take() else { return };
        if let Some(partition) = self.log.get(&carried.topic, carried.partition) {
            // The first change always fits.
            let _ = filling.take(carried.change);
            partition.next = carried.offset + 1;
        }
    }

    /// A message that comes when nobody asked: its partition is placed anew.
    pub(crate) fn leave_out(&mut self, message: &BorrowedMessage<'_>) {
        if let Some(partition) = self.log.get(message.topic(), message.partition()) {
            partition.checked = false;
            self.unsettled = true;
            self.forget_carried();
        }
    }

    /// All partitions are placed anew.
    pub(crate) fn doubt(&mut self) {
        self.log.doubt();
        self.unsettled = true;
        self.forget_carried();
    }

    /// A carried message of a partition that is not ours or is placed anew comes again, if it is for us.
    pub(crate) fn forget_carried(&mut self) {
        let log = &mut self.log;
        self.carried = self
            .carried
            .take()
            .filter(|carried| log.get(&carried.topic, carried.partition).is_some_and(|p| p.is_read()));
    }
}
