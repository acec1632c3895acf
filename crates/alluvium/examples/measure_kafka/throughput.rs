//! Events a second: a bare consumer, and the pipeline at three paces of commits.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alluvium_core::clock::SystemClock;
use alluvium_kafka::{KafkaMode, KafkaSource};
use alluvium_runtime::{NoProgress, Pipeline, Settings, SourceRun, backfill};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::broker;
use crate::made_up::{self, MadeUp, Plain, Whole};
use crate::watched::{Commit, Watched};

const TOPIC: &str = "throughput";

/// The longest that a document waits for its commit, and how many documents make one due.
const PACES: [(&str, u64, usize); 3] =
    [("one commit a second", 1_000, 5_000), ("four a second", 250, 5_000), ("as by default", 1_000, 4_096)];

pub(crate) struct Throughput {
    events: usize,
    bare: f64,
    paces: Vec<(&'static str, f64, Cost)>,
}

struct Cost {
    commits: u64,
    in_commits: f64,
}

impl Throughput {
    /// Events a second as the pipeline file has it by default.
    pub(crate) fn default_rate(&self) -> f64 {
        self.paces.last().map_or(0.0, |(_, seconds, _)| self.events as f64 / seconds)
    }

    pub(crate) fn figures(&self) -> Value {
        let rate = |seconds: f64| self.events as f64 / seconds;
        let pace = |(name, seconds, committed): &(&str, f64, Cost)| {
            json!({"pace": name, "rate": rate(*seconds), "commits": committed.commits,
                "in_commits": committed.in_commits / seconds})
        };
        let paces: Vec<Value> = self.paces.iter().map(pace).collect();
        json!({"events": self.events, "bare": rate(self.bare), "paces": paces})
    }
}

pub(crate) async fn measure(broker: &str, folder: &Path, events: usize) -> Result<Throughput> {
    broker::create(broker, TOPIC).await?;
    let producer = broker::producer(broker)?;
    for number in 0..events {
        let (id, event) = made_up::event(number);
        broker::send(&producer, TOPIC, &id, &event)?;
    }
    broker::flush(&producer)?;
    eprintln!("{events} events are written");
    let bare = broker::read_bare(broker, TOPIC, events)?;
    eprintln!("a bare consumer reads them in {bare:.1} s");
    let mut paces = Vec::new();
    for (name, interval, documents) in PACES {
        let root = folder.join(name.replace(' ', "-"));
        let (seconds, committed) = load(broker, &root, interval, documents).await?;
        eprintln!("{name}: {seconds:.1} s");
        paces.push((name, seconds, committed));
    }
    Ok(Throughput { events, bare, paces })
}

async fn load(broker: &str, root: &Path, interval: u64, documents: usize) -> Result<(f64, Cost)> {
    let spec = made_up::source(broker, TOPIC, "throughput")?;
    let clock = Arc::new(SystemClock);
    let writer = made_up::writer(root).await?;
    let lookup = writer.lookup();
    let start = Instant::now();
    let source = KafkaSource::new(spec, KafkaMode::Backfill, BTreeMap::new(), vec![], clock)?;
    let mut cost = Cost { commits: 0, in_commits: 0.0 };
    let tell = |commit: Commit| {
        cost.commits += 1;
        cost.in_commits += commit.seconds;
    };
    backfill(Pipeline {
        sources: vec![SourceRun { source: Box::new(source), record_first_scan: true, once: false }],
        extractor: Arc::new(Plain),
        chunker: Arc::new(Whole),
        model: Arc::new(MadeUp::after(Duration::ZERO)),
        lookup,
        writer: &mut Watched { writer, tell },
        fingerprint: made_up::fingerprint().hash(),
        hide_unreadable: Default::default(),
        settings: settings(interval, documents),
        progress: Arc::new(NoProgress),
        cancel: CancellationToken::new(),
    })
    .await?;
    Ok((start.elapsed().as_secs_f64(), cost))
}

/// As the program has them on this machine, but for the paces.
pub(crate) fn settings(interval: u64, documents: usize) -> Settings {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Settings {
        commit_interval: Duration::from_millis(interval),
        ..Settings::for_cores(cores).with_commits_of(documents)
    }
}
