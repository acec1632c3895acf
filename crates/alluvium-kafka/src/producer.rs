//! The producer of librdkafka: every message is written once and in order, or its writer hears why not.

use std::time::Duration;

use futures::future::try_join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

use crate::client::{Logged, not_made};
use crate::connection::Connection;

/// How long a message may take; brokers that start anew are waited for.
const DELIVERY_MILLISECONDS: &str = "60000";
/// The wait before a message is offered again to a queue that is full.
const FULL: Duration = Duration::from_millis(10);
/// What a message may have besides its value: key, headers and framing.
const OVERHEAD: usize = 64 << 10;

/// A message to be written.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// Where a message was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) offset: u64,
}

pub(crate) struct Producer {
    inner: FutureProducer<Logged>,
    topic: String,
}

impl Producer {
    /// One that writes to a topic values of at most `max_value` bytes. Nothing is connected yet.
    pub(crate) fn new(connection: &Connection, topic: &str, max_value: usize) -> Result<Self, String> {
        let mut config = connection.producer_config(&[("compression.type", "lz4"), ("linger.ms", "5")]);
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("delivery.timeout.ms", DELIVERY_MILLISECONDS);
        config.set("message.max.bytes", (max_value + OVERHEAD).to_string());
        // Murmur2, as the Java clients do it: one key stays in one partition, whoever writes it.
        config.set("partitioner", "murmur2_random");
        let inner = config.create_with_context(Logged);
        Ok(Self { inner: inner.map_err(|error| not_made("producer", &error))?, topic: topic.to_owned() })
    }

    /// Writes messages, those of one key in this order, and gives their places once all are acknowledged.
    pub(crate) async fn send(&self, messages: &[Outgoing]) -> Result<Vec<Place>, KafkaError> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in messages {
            deliveries.push(self.queue(message).await?);
        }
        try_join_all(deliveries.into_iter().map(delivered)).await
    }

    async fn queue(&self, message: &Outgoing) -> Result<DeliveryFuture, KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (key, value) in &message.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let mut record = FutureRecord::to(&self.topic).headers(headers);
        (record.key, record.payload) = (message.key.as_ref(), message.value.as_ref());
        loop {
            match self.inner.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), full)) => {
                    record = full;
                    tokio::time::sleep(FULL).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

async fn delivered(delivery: DeliveryFuture) -> Result<Place, KafkaError> {
    match delivery.await {
        Ok(Ok(written)) => {
            Ok(Place { partition: written.partition, offset: u64::try_from(written.offset).unwrap_or(0) })
        }
        Ok(Err((error, _))) => Err(error),
        Err(_) => Err(KafkaError::Canceled),
    }
}
