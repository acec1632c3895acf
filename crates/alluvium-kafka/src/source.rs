//! The async face of a source: it asks its worker, and waits for the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use alluvium_connect::event::Again;
use alluvium_core::clock::Clock;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Acknowledge, Room, Source, SourceBatch, SourceError};
use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::life::Life;
use crate::mirror::{Mirror, Published};
use crate::settings::{KafkaMode, KafkaSpec};
use crate::worker::{Answer, Request, Worker};

/// Topics of change events.
pub struct KafkaSource {
    name: SourceName,
    worker: Arc<Life>,
    /// What was asked and not yet answered: a dropped call leaves its answer to the next one.
    asked: Option<oneshot::Receiver<Answer>>,
    mirror: Arc<Mirror>,
    seen: u64,
    ended: bool,
}

impl KafkaSource {
    /// Reads from where `partitions` are, the source's positions in the checkpoint; events that are wanted
    /// `again` come first. Nothing is waited for: who does not answer is met with the first batch. Must be
    /// called within a tokio runtime, whose end waits a while for the worker.
    pub fn new(
        spec: KafkaSpec,
        mode: KafkaMode,
        partitions: BTreeMap<String, u64>,
        again: Vec<Again>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let (name, mirror) = (spec.name.clone(), Arc::<Mirror>::default());
        let worker = Worker::new(spec, mode, partitions, again, Arc::clone(&mirror), clock)?;
        // One question at a time is asked.
        let (asking, questions) = sync_channel(1);
        let broken = |message| SourceError::Broken { source_name: name.to_string(), message };
        let worker = Life::start(&name, asking, move || worker.run(&questions)).map_err(broken)?;
        Ok(Self { name, worker, asked: None, mirror, seen: 0, ended: false })
    }

    fn worker_is_gone(&self) -> SourceError {
        let message = "the thread that reads it died, see the log".to_owned();
        SourceError::Broken { source_name: self.name.to_string(), message }
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        if self.asked.is_none() {
            let (reply, asked) = oneshot::channel();
            self.worker.ask(Request { room, reply }).map_err(|_| self.worker_is_gone())?;
            self.asked = Some(asked);
        }
        let Some(asked) = &mut self.asked else { return Err(self.worker_is_gone()) };
        let answer = asked.await;
        self.asked = None;
        let batch = answer.map_err(|_| self.worker_is_gone())??;
        self.seen += batch.as_ref().map_or(0, |batch| batch.seen);
        self.ended = batch.is_none();
        Ok(batch)
    }

    fn expected(&self) -> Option<u64> {
        self.ended.then_some(self.seen)
    }

    fn acknowledge(&self) -> Option<Arc<dyn Acknowledge>> {
        Some(Arc::new(Published { mirror: Arc::clone(&self.mirror), _worker: Arc::clone(&self.worker) }))
    }
}
