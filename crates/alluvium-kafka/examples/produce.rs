//! Sends change events to a topic: `produce BROKERS TOPIC < EVENTS`, one event a line. The key of each
//! message is its event's `id`, so that the changes of one document stay in order.

#![allow(clippy::print_stdout, reason = "says what was sent")]

use std::error::Error;
use std::io::BufRead;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic] = arguments.as_slice() else {
        return Err("usage: produce BROKERS TOPIC < EVENTS".into());
    };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    let mut sent = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let event: Value = serde_json::from_str(&line)?;
        let id = event.get("id").and_then(Value::as_str).ok_or("an event has an id")?;
        let record = FutureRecord::to(topic).key(id).payload(&line);
        producer.send(record, DEADLINE).await.map_err(|(error, _)| error)?;
        sent += 1;
    }
    println!("{sent} events sent to {topic}");
    Ok(())
}
