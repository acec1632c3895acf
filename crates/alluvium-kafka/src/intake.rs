//! What becomes of messages.

use std::time::Duration;

use alluvium_connect::event::{EventRules, Filling};
use alluvium_core::change::DocumentChange;
use alluvium_core::source::SourceError;
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use crate::convert::{Received, change, offset};
use crate::log::Log;

/// How often at most gaps of one partition are looked into.
const GAPS: Duration = Duration::from_secs(1);

/// What becomes of messages.
pub(crate) struct Intake {
    rules: EventRules,
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
    pub(crate) fn new(rules: EventRules, log: Log) -> Self {
        Self { rules, log, unsettled: false, carried: None }
    }

    pub(crate) fn rules(&self) -> &EventRules {
        &self.rules
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
        let change = change(&Received::of(message, &partition.incarnation), &self.rules)?;
        match filling.take(change) {
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
