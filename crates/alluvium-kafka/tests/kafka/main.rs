//! The source against a real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../../tests/harness/broker.rs"]
#[allow(dead_code, reason = "the tests of the program use it, too, and other parts of it")]
mod broker;
mod end_of_life;
mod group;
mod lost;
mod reading;
mod registry;
#[path = "../../../../tests/harness/server.rs"]
mod server;
#[allow(dead_code, reason = "unit tests use it, too, and other parts of it")]
mod stand_in;
mod tls;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alluvium_connect::conformance::{drain, verb};
use alluvium_connect::event::{Again, EventFormat};
use alluvium_core::access::Acl;
use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::checkpoint::{Checkpoint, CheckpointDelta};
use alluvium_core::clock::SystemClock;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Room, Source, SourceBatch, SourceError};
use alluvium_kafka::{Connection, EventsSpec, KafkaMode, KafkaSource, KafkaSpec, Messages, OffsetLost};
use broker::Broker;
use tracing_subscriber::fmt::TestWriter;

const DEADLINE: Duration = Duration::from_secs(60);
const ROOM: Room = Room { bytes: 1 << 20, changes: 1000 };
const TOPIC: &str = "documents";

fn name() -> SourceName {
    SourceName::new("events").unwrap()
}

fn spec(broker: &Broker) -> KafkaSpec {
    KafkaSpec {
        name: name(),
        connection: connection(broker),
        topics: vec![TOPIC.to_owned()],
        group: "readers".to_owned(),
        messages: Messages::Events(Box::new(events())),
        offset_lost: OffsetLost::Stop,
    }
}

fn connection(broker: &Broker) -> Connection {
    let properties = [("fetch.wait.max.ms", "20"), ("debug", "cgrp,topic,fetch")];
    Connection {
        brokers: vec![broker.address()],
        tls: None,
        sasl: None,
        properties: properties.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

fn events() -> EventsSpec {
    EventsSpec {
        format: EventFormat::DocumentChange,
        default_acl: Some(Acl { readers: vec!["default".to_owned()], ..Acl::default() }),
        content_roots: Vec::new(),
        content_buckets: Vec::new(),
        max_event_size: 400,
        schema_registry: None,
    }
}

fn source(spec: &KafkaSpec, mode: KafkaMode, checkpoint: &Checkpoint) -> KafkaSource {
    wanting(spec, mode, checkpoint, Vec::new())
}

fn wanting(spec: &KafkaSpec, mode: KafkaMode, checkpoint: &Checkpoint, again: Vec<Again>) -> KafkaSource {
    log();
    let partitions = checkpoint.0.get(&name()).map(|source| source.partitions.clone()).unwrap_or_default();
    KafkaSource::new(spec.clone(), mode, partitions, again, Arc::new(SystemClock)).unwrap()
}

/// What librdkafka and the group did. Where a test fails it is shown, too: a source that waits for nothing
/// is not understood otherwise.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(text);
        TestWriter::new().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() {
    let format = tracing_subscriber::fmt().with_env_filter("alluvium_kafka=debug,librdkafka=debug");
    // Tests of one process share it.
    let _ = format.with_ansi(false).with_writer(|| Log).try_init();
}

fn event(id: &str, text: &str) -> String {
    let content = format!(r#""content":{{"text":"{text}","media_type":"text/plain"}}"#);
    format!(r#"{{"schema":"alluvium.document_change.v1","op":"upsert","id":"{id}",{content}}}"#)
}

/// Sends upserts to partition 0.
fn send(broker: &Broker, documents: &[(&str, &str)]) {
    let events: Vec<_> = documents.iter().map(|(id, text)| (*id, event(id, text))).collect();
    let record = |(id, event): &'_ (&str, String)| (id.as_bytes().to_vec(), event.as_bytes().to_vec());
    let records: Vec<_> = events.iter().map(record).collect();
    let records: Vec<_> =
        records.iter().map(|(key, value)| (Some(0), Some(&key[..]), Some(&value[..]))).collect();
    broker.send(TOPIC, &records);
}

/// What was read, and the checkpoint after it. Applying it checks that progress joins end to end.
#[derive(Default)]
struct Read {
    verbs: Vec<String>,
    changes: Vec<DocumentChange>,
    checkpoint: Checkpoint,
    deltas: Vec<CheckpointDelta>,
}

impl Read {
    fn after(checkpoint: &Checkpoint) -> Self {
        Self { checkpoint: checkpoint.clone(), ..Self::default() }
    }

    fn take(&mut self, batch: SourceBatch) {
        self.checkpoint = self.checkpoint.apply(&batch.deltas).unwrap();
        self.deltas.extend(batch.deltas);
        self.verbs.extend(batch.changes.iter().map(verb));
        self.changes.extend(batch.changes);
    }

    fn position(&self, partition: &str) -> Option<u64> {
        self.checkpoint.position(&name(), partition)
    }

    /// Reads until as many changes came.
    async fn follow(&mut self, source: &mut KafkaSource, changes: usize) {
        while self.changes.len() < changes {
            let batch = tokio::time::timeout(DEADLINE, source.next(ROOM)).await;
            match batch.unwrap_or_else(|_| panic!("only {:?}", self.verbs)) {
                Ok(batch) => self.take(batch.expect("it never ends")),
                Err(SourceError::Unavailable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A source that has followed one document and was not asked for so long that it fetches no more: the next
/// question places its partition anew.
async fn idle_after_one(broker: &Broker) -> (KafkaSource, Read) {
    let (mut source, mut read) =
        (source(&spec(broker), KafkaMode::Follow, &Checkpoint::default()), Read::default());
    send(broker, &[("a", "1")]);
    read.follow(&mut source, 1).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    (source, read)
}

async fn backfill(spec: &KafkaSpec, checkpoint: &Checkpoint, room: Room) -> Read {
    let mut source = source(spec, KafkaMode::Backfill, checkpoint);
    let mut read = Read::after(checkpoint);
    drain(&mut source, room).await.unwrap().into_iter().for_each(|batch| read.take(batch));
    read
}
