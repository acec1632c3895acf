//! One message, by its place.

use std::time::{Duration, Instant};

use alluvium_core::source::SourceError;
use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;

use crate::client::{self, Consumer};
use crate::convert;
use crate::settings::KafkaSpec;

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A topic, a partition and an offset.
pub(crate) type Place<'p> = (&'p str, i32, u64);

/// What `read` makes of the message at a place that somebody noted; `None` where there is none, or none any
/// more, or not even the topic.
pub(crate) fn noted_message<T>(
    consumer: &Consumer,
    spec: &KafkaSpec,
    place: Place<'_>,
    read: impl FnOnce(&BorrowedMessage<'_>) -> T,
) -> Result<Option<T>, SourceError> {
    let (topic, number, _) = place;
    if !client::has_partition(consumer, spec, topic, number)? {
        return Ok(None);
    }
    message_at(consumer, spec, place, read)
}

/// The same in a partition that is known to be there. The consumer is moved there from wherever it was.
pub(crate) fn message_at<T>(
    consumer: &Consumer,
    spec: &KafkaSpec,
    (topic, number, offset): Place<'_>,
    read: impl FnOnce(&BorrowedMessage<'_>) -> T,
) -> Result<Option<T>, SourceError> {
    let (low, high) = client::bounds(consumer, spec, topic, number)?;
    if !(low..high).contains(&offset) {
        return Ok(None);
    }
    let place = || format!("{topic}/{number}/{offset}");
    let unreadable = |e: KafkaError| spec.unavailable(format!("{} can't be read: {e}", place()));
    let list = client::list(vec![(topic.to_owned(), number)], |_, _| client::offset(offset));
    list.and_then(|list| consumer.assign(&list)).map_err(unreadable)?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let message = match consumer.poll(Duration::from_millis(100)) {
            None | Some(Err(KafkaError::MessageConsumption(_))) => continue,
            // The log ends in offsets without messages.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(message) => message.map_err(unreadable)?,
        };
        if (message.topic(), message.partition()) == (topic, number) {
            return Ok((convert::offset(&message) == offset).then(|| read(&message)));
        }
    }
    Err(spec.unavailable(format!("{} does not come", place())))
}

/// A position is a topic, a partition and an offset.
pub(crate) fn place(position: &str) -> Option<Place<'_>> {
    let (rest, offset) = position.rsplit_once('/')?;
    let (topic, number) = rest.rsplit_once('/')?;
    Some((topic, number.parse().ok()?, offset.parse().ok()?))
}
