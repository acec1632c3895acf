//! From an event's time to a record that has it, at half the rate that the pipeline can take.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alluvium_core::clock::SystemClock;
use alluvium_kafka::{KafkaMode, KafkaSource};
use alluvium_runtime::{FollowSettings, Health, HealthSnapshot, NoProgress, Pipeline, SourceRun, follow};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::broker;
use crate::made_up::{self, MadeUp, Plain, Whole};
use crate::throughput::settings;
use crate::watched::{Commit, Watched};

const TOPIC: &str = "latency";
/// How long events are sent.
const SECONDS: f64 = 30.0;
/// How long they may take to arrive after that.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(broker: &str, folder: &Path, rate: f64, most: usize) -> Result<Value> {
    broker::create(broker, TOPIC).await?;
    let spec = made_up::source(broker, TOPIC, "latency")?;
    let writer = made_up::writer(&folder.join("latency")).await?;
    let lookup = writer.lookup();
    let source = KafkaSource::new(spec, KafkaMode::Follow, BTreeMap::new(), vec![], Arc::new(SystemClock))?;
    let events = ((rate * SECONDS) as usize).min(most).max(1);
    let cancel = CancellationToken::new();
    let (mut latencies, done) = (Vec::new(), cancel.clone());
    let tell = |commit: Commit| {
        let now = Timestamp::now();
        latencies.extend(commit.times.iter().map(|time| now.duration_since(*time).as_secs_f64()));
        if latencies.len() >= events {
            done.cancel();
        }
    };
    let mut watched = Watched { writer, tell };
    let sending = tokio::task::spawn_blocking({
        let (broker, cancel) = (broker.to_owned(), cancel.clone());
        move || send(&broker, events, rate, &cancel)
    });
    let run = follow(
        Pipeline {
            sources: vec![SourceRun { source: Box::new(source), record_first_scan: false, once: false }],
            extractor: Arc::new(Plain),
            chunker: Arc::new(Whole),
            model: Arc::new(MadeUp::after(Duration::ZERO)),
            lookup,
            writer: &mut watched,
            fingerprint: made_up::fingerprint().hash(),
            hide_unreadable: Default::default(),
            settings: settings(1_000, 4_096),
            progress: Arc::new(NoProgress),
            cancel: cancel.clone(),
        },
        FollowSettings::default(),
        Arc::new(Nobody),
    );
    tokio::time::timeout(Duration::from_secs_f64(SECONDS) + PATIENCE, run).await??;
    sending.await??;
    latencies.sort_by(f64::total_cmp);
    let at =
        |percent: usize| latencies.get((latencies.len() * percent / 100).min(latencies.len() - 1)).copied();
    eprintln!("{events} events at {rate:.0} a second: p50 {:?} s, p99 {:?} s", at(50), at(99));
    Ok(json!({"events": events, "rate": rate, "p50": at(50), "p99": at(99), "most": latencies.last()}))
}

/// Sends events at a rate. The first ones come once the group has settled.
#[allow(clippy::disallowed_methods, reason = "keeps a rate")]
fn send(broker: &str, events: usize, rate: f64, cancel: &CancellationToken) -> Result<()> {
    std::thread::sleep(Duration::from_secs(5));
    let producer = broker::producer(broker)?;
    let start = Instant::now();
    for number in 0..events {
        let due = Duration::from_secs_f64(number as f64 / rate);
        if let Some(early) = due.checked_sub(start.elapsed()) {
            broker::flush(&producer)?;
            std::thread::sleep(early);
        }
        if cancel.is_cancelled() {
            break;
        }
        let (id, event) = made_up::event(number);
        let time = format!("{{\"event_time\":\"{}\",", Timestamp::now());
        broker::send(&producer, TOPIC, &id, &event.replacen('{', &time, 1))?;
    }
    broker::flush(&producer)
}

pub(crate) struct Nobody;

impl Health for Nobody {
    fn report(&self, _: &HealthSnapshot) {}
}
