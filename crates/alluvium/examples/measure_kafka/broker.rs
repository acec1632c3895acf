//! Topics and what is in them.

use std::time::{Duration, Instant};

use alluvium_kafka::Connection;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PARTITIONS: i32 = 8;

pub(crate) fn connection(broker: &str) -> Connection {
    // A consumer at the end of a log is answered by some brokers only after this.
    let properties = vec![("fetch.wait.max.ms".to_owned(), "20".to_owned())];
    Connection { brokers: vec![broker.to_owned()], tls: None, sasl: None, properties }
}

fn config(broker: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker);
    config
}

pub(crate) async fn create(broker: &str, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config(broker).create()?;
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for created in admin.create_topics([&new], &options).await? {
        created.map_err(|(topic, code)| format!("creating topic {topic}: {code}"))?;
    }
    Ok(())
}

/// Sends events. The producer is the caller's, who may send again.
pub(crate) fn producer(broker: &str) -> Result<BaseProducer> {
    Ok(config(broker).set("enable.idempotence", "true").set("linger.ms", "20").create()?)
}

/// Queues an event; waits while the queue is full.
pub(crate) fn send(producer: &BaseProducer, topic: &str, id: &str, event: &str) -> Result<()> {
    let mut record = BaseRecord::to(topic).key(id).payload(event);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// Waits until the broker has all that was sent.
pub(crate) fn flush(producer: &BaseProducer) -> Result<()> {
    Ok(producer.flush(PATIENCE)?)
}

/// Seconds that a consumer takes that does nothing with what it reads.
pub(crate) fn read_bare(broker: &str, topic: &str, events: usize) -> Result<f64> {
    let mut config = config(broker);
    config.set("group.id", "bare").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "20");
    let consumer: BaseConsumer = config.create()?;
    let mut all = rdkafka::TopicPartitionList::new();
    for number in 0..PARTITIONS {
        all.add_partition_offset(topic, number, rdkafka::Offset::Beginning)?;
    }
    let start = Instant::now();
    consumer.assign(&all)?;
    for _ in 0..events {
        consumer.poll(PATIENCE).ok_or("the broker gives no more")??;
    }
    Ok(start.elapsed().as_secs_f64())
}
