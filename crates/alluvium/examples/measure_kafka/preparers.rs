//! One, two and four preparers with a model that sleeps instead of computing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alluvium_core::clock::SystemClock;
use alluvium_core::commit::{CommitError, VectorLookup, VectorsByDocument};
use alluvium_core::id::DocId;
use alluvium_kafka::{KafkaMode, KafkaSource, PreparedTopic, PreparedTopicSpec};
use alluvium_runtime::{FollowSettings, NoProgress, Pipeline, Settings, SourceRun, follow};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::broker::{self, PARTITIONS, connection};
use crate::follow::Nobody;
use crate::made_up::{self, MadeUp, Plain, Whole};
use crate::throughput::settings;
use crate::watched::{Commit, Watched};

/// What the model takes for a text, in each of so many sessions.
const EMBEDDING: Duration = Duration::from_millis(10);
const SESSIONS: usize = 2;

pub(crate) async fn measure(broker: &str, events: usize) -> Result<Value> {
    let mut rates = Vec::new();
    for preparers in [1_usize, 2, 4] {
        let rate = prepare(broker, preparers, events).await?;
        eprintln!("{preparers} preparers: {rate:.0} documents a second");
        rates.push(json!({"preparers": preparers, "rate": rate}));
    }
    let most = SESSIONS as f64 / EMBEDDING.as_secs_f64();
    Ok(json!({"events": events, "most": most, "rates": rates}))
}

/// Documents a second. Before the clock starts every partition has an owner.
async fn prepare(broker: &str, preparers: usize, events: usize) -> Result<f64> {
    let (topic, prepared) = (format!("prepare-{preparers}"), format!("prepared-{preparers}"));
    broker::create(broker, &topic).await?;
    broker::create(broker, &prepared).await?;
    let (done, cancel) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let mut running = JoinSet::new();
    for _ in 0..preparers {
        let preparer = Preparer {
            broker: broker.to_owned(),
            topic: topic.clone(),
            prepared: prepared.clone(),
            done: Arc::clone(&done),
        };
        let cancel = cancel.clone();
        running.spawn(async move { preparer.run(cancel).await });
    }
    // The group settles while the first ones go round.
    let producer = broker::producer(broker)?;
    let warm = PARTITIONS as usize * 8;
    tokio::time::sleep(Duration::from_secs(10)).await;
    send(&producer, &topic, 0..warm)?;
    until(&done, warm).await;
    let start = Instant::now();
    send(&producer, &topic, warm..warm + events)?;
    until(&done, warm + events).await;
    let seconds = start.elapsed().as_secs_f64();
    cancel.cancel();
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(events as f64 / seconds)
}

fn send(
    producer: &rdkafka::producer::BaseProducer,
    topic: &str,
    numbers: std::ops::Range<usize>,
) -> Result<()> {
    for number in numbers {
        let (id, event) = made_up::event(number);
        broker::send(producer, topic, &id, &event)?;
    }
    broker::flush(producer)
}

async fn until(done: &AtomicUsize, wanted: usize) {
    while done.load(Ordering::Relaxed) < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Preparer {
    broker: String,
    topic: String,
    prepared: String,
    done: Arc<AtomicUsize>,
}

impl Preparer {
    async fn run(self, cancel: CancellationToken) -> Result<()> {
        let spec = made_up::source(&self.broker, &self.topic, &self.topic)?;
        let source =
            KafkaSource::new(spec, KafkaMode::Share, BTreeMap::new(), vec![], Arc::new(SystemClock))?;
        let fingerprint = made_up::fingerprint();
        let connection = connection(&self.broker);
        let topic = PreparedTopicSpec { connection, topic: self.prepared, max_message_size: 900 << 10 };
        let topic = PreparedTopic::new(&topic, fingerprint.hash(), fingerprint.generation()?)?;
        let done = self.done;
        let tell = |commit: Commit| {
            done.fetch_add(commit.changes, Ordering::Relaxed);
        };
        follow(
            Pipeline {
                sources: vec![SourceRun { source: Box::new(source), record_first_scan: false, once: false }],
                extractor: Arc::new(Plain),
                chunker: Arc::new(Whole),
                model: Arc::new(MadeUp::after(EMBEDDING)),
                lookup: Arc::new(NoVectors),
                writer: &mut Watched { writer: topic, tell },
                fingerprint: fingerprint.hash(),
                hide_unreadable: Default::default(),
                settings: Settings { sessions: SESSIONS, ..settings(100, 256) },
                progress: Arc::new(NoProgress),
                cancel,
            },
            FollowSettings::default(),
            Arc::new(Nobody),
        )
        .await?;
        Ok(())
    }
}

struct NoVectors;

#[async_trait]
impl VectorLookup for NoVectors {
    async fn vectors(&self, _: &[DocId]) -> std::result::Result<VectorsByDocument, CommitError> {
        Ok(VectorsByDocument::new())
    }
}
