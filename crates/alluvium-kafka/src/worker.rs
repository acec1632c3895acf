//! The thread that talks to the brokers. It is asked for a batch at a time; between questions it only keeps
//! its membership of the group.
//!
//! A message is taken if its partition is ours and was compared with the log, and it is not before the
//! partition's position. Every message that is left out otherwise must come again: then the partition is
//! placed anew at its position, never read on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use alluvium_connect::event::{Again, Filling};
use alluvium_core::clock::Clock;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use jiff::Timestamp;
use rdkafka::Message as _;
use rdkafka::consumer::{CommitMode, Consumer as _};
use tokio::sync::oneshot;

use crate::again::read_again;
use crate::backfill::Backfill;
use crate::client::{self, Consumer, Decision};
use crate::intake::Intake;
use crate::log::Log;
use crate::mirror::Mirror;
use crate::settings::{KafkaMode, KafkaSpec};
use crate::topics::Topics;

/// The longest that a message is waited for without looking at anything else.
const POLL: Duration = Duration::from_millis(100);
/// How long a batch waits for company once it has a message: what is looked up for it is looked up for all.
const LINGER: Duration = Duration::from_millis(20);
/// After so long without a question fetching stops.
const IDLE: Duration = Duration::from_secs(1);
/// How often a source that is idle says that it has read everything, and
const LOOK: Duration = Duration::from_secs(60);
/// how often at most one says so that is not.
const QUICK_LOOK: Duration = Duration::from_secs(5);
/// How long librdkafka may look for a broker by itself before somebody hears of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often who reads alone looks for partitions that are new.
const DISCOVER: Duration = Duration::from_secs(30);

/// A question for a batch.
pub(crate) struct Request {
    pub(crate) room: Room,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// A batch, the end, or why there is neither.
pub(crate) type Answer = Result<Option<SourceBatch>, SourceError>;

pub(crate) struct Worker {
    pub(crate) spec: KafkaSpec,
    topics: Topics,
    topics_looked_at: Option<Instant>,
    pub(crate) mode: KafkaMode,
    pub(crate) consumer: Consumer,
    pub(crate) intake: Intake,
    /// What is left to do where reading ends.
    pub(crate) backfill: Option<Backfill>,
    again: Vec<Again>,
    mirror: Arc<Mirror>,
    clock: Arc<dyn Clock>,
    /// What went wrong after the last batch.
    failed: Option<SourceError>,
    ended: bool,
    paused: bool,
    asked_at: Instant,
    looked_at: Instant,
    /// When partitions were last looked for.
    discovered: Option<Instant>,
    /// Until when a batch that has a message waits for more.
    lingers_until: Option<Instant>,
    /// Since when no broker could be reached.
    down: Option<Instant>,
}

/// Whether a batch wants more.
enum Step {
    More,
    /// It is complete, with the moment before which everything is read where that is known.
    Enough(Option<Timestamp>),
}

impl Worker {
    pub(crate) fn new(
        spec: KafkaSpec,
        mode: KafkaMode,
        checkpoint: BTreeMap<String, u64>,
        again: Vec<Again>,
        mirror: Arc<Mirror>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let consumer = client::consumer(&spec, mode)?;
        let topics = Topics::of(&spec)?;
        let intake = Intake::new(&spec, mode, Log::new(spec.name.clone(), checkpoint))?;
        let backfill = (mode == KafkaMode::Backfill).then(|| Backfill::new(&topics.names()));
        let (failed, ended, paused, now) = (None, false, false, Instant::now());
        let (asked_at, looked_at) = (now, now);
        let worker = Self {
            spec,
            topics,
            topics_looked_at: None,
            mode,
            consumer,
            intake,
            backfill,
            again,
            mirror,
            clock,
            failed,
            ended,
            paused,
            asked_at,
            looked_at,
            discovered: None,
            lingers_until: None,
            down: None,
        };
        if !worker.topics.has_patterns() {
            worker.subscribe()?;
        }
        Ok(worker)
    }

    /// Joins the group for the topics that are known, where others may read them, too.
    fn subscribe(&self) -> Result<(), SourceError> {
        if !matches!(self.mode, KafkaMode::Follow | KafkaMode::Share) {
            return Ok(());
        }
        let names = self.topics.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            self.consumer.unsubscribe();
            return Ok(());
        }
        self.consumer.subscribe(&names).map_err(|e| self.spec.broken(format!("subscribing: {e}")))
    }

    /// Looks for topics that patterns stand for. A backfill reads those that are there when it begins.
    fn look_for_topics(&mut self) -> Result<(), SourceError> {
        let looked = self.topics_looked_at;
        let is_over = looked.is_some() && self.mode == KafkaMode::Backfill;
        if !self.topics.has_patterns() || is_over || looked.is_some_and(|at| at.elapsed() < DISCOVER) {
            return Ok(());
        }
        let changed = self.topics.look(&self.consumer, &self.spec)? || looked.is_none();
        self.topics_looked_at = Some(Instant::now());
        if changed {
            let names = self.topics.names();
            tracing::info!(source = %self.spec.name, topics = names.join(", "), "topics were found");
            self.backfill = self.backfill.take().map(|_| Backfill::new(&names));
            self.subscribe()?;
        }
        Ok(())
    }

    /// Answers until nobody is left who could ask or publish. Dropping the consumer leaves the group.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        loop {
            match requests.recv_timeout(POLL) {
                Ok(Request { room, reply }) => {
                    if let Some(answer) = self.pull(room, &|| reply.is_closed()) {
                        // Nobody hears it where the source was dropped.
                        let _ = reply.send(answer);
                    }
                    self.asked_at = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => self.keep_membership(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.commit();
        }
        self.commit();
    }

    /// Fills a batch; `None` when it is not wanted any more.
    fn pull(&mut self, room: Room, gone: &dyn Fn() -> bool) -> Option<Answer> {
        if let Some(failed) = self.failed.take() {
            return Some(Err(failed));
        }
        if self.ended {
            return Some(Ok(None));
        }
        if let Some(events) = self.intake.events().filter(|_| !self.again.is_empty()) {
            let batch = read_again(&self.spec, &self.topics, events, &self.intake.log, &mut self.again, room);
            match batch {
                Ok(batch) if batch.changes.is_empty() => {}
                batch => return Some(batch.map(Some)),
            }
        }
        if self.mode == KafkaMode::Again {
            self.ended = true;
            return Some(Ok(None));
        }
        let mut filling = Filling::new(room);
        self.intake.take_carried(&mut filling);
        self.lingers_until = None;
        let watermark = loop {
            if gone() {
                return None;
            }
            match self.step(&mut filling) {
                Ok(Step::More) => {}
                Ok(Step::Enough(watermark)) => break watermark,
                Err(error) if filling.is_empty() && !self.intake.log.has_news() => return Some(Err(error)),
                // What was read so far goes first.
                Err(error) => {
                    self.failed = Some(error);
                    break None;
                }
            }
        };
        let mut batch = filling.into_batch();
        batch.deltas = self.intake.log.report(watermark);
        Some(Ok(Some(batch)))
    }

    fn step(&mut self, filling: &mut Filling) -> Result<Step, SourceError> {
        self.hear_decisions();
        self.look_for_topics()?;
        if self.advance()? {
            self.ended = true;
            return Ok(Step::Enough(self.backfill.as_ref().and_then(Backfill::began)));
        }
        if self.mode == KafkaMode::Alone {
            self.discover()?;
        }
        if self.intake.unsettled {
            self.settle()?;
            return Ok(Step::More);
        }
        self.resume();
        if filling.is_full() || self.intake.carries() {
            return Ok(Step::Enough(None));
        }
        let waits = filling.is_empty() && !self.intake.log.has_news();
        let patience = match self.lingers_until {
            _ if waits => POLL,
            Some(until) => until.saturating_duration_since(Instant::now()),
            None => Duration::ZERO,
        };
        match self.consumer.poll(patience) {
            Some(Ok(message)) => {
                self.down = None;
                self.consumer.context().forget_trouble();
                self.lingers_until.get_or_insert_with(|| Instant::now() + LINGER);
                if let Some(next) = self.intake.gap_before(&message) {
                    let bounds =
                        client::bounds(&self.consumer, &self.spec, message.topic(), message.partition());
                    let begins = bounds.inspect_err(|_| self.intake.leave_out(&message))?.0;
                    self.intake.judge_gap(&message, begins > next);
                }
                self.intake.take(&message, filling).inspect_err(|_| self.intake.leave_out(&message))?;
            }
            Some(Err(error)) => self.hear(&error)?,
            None if waits => {
                self.commit();
                self.mind_brokers()?;
                return Ok(self.caught_up(LOOK).map_or(Step::More, |moment| Step::Enough(Some(moment))));
            }
            None => return Ok(Step::Enough(self.caught_up(QUICK_LOOK))),
        }
        Ok(Step::More)
    }

    /// Between questions: stays in the group, fetches nothing.
    fn keep_membership(&mut self) {
        if self.asked_at.elapsed() < IDLE {
            return;
        }
        if !self.paused {
            self.paused = self.with_assigned(|consumer, list| consumer.pause(list));
        }
        self.hear_decisions();
        while let Some(message) = self.consumer.poll(Duration::ZERO) {
            if let Ok(message) = message {
                self.intake.leave_out(&message);
            }
        }
    }

    fn resume(&mut self) {
        if self.paused {
            self.paused = !self.with_assigned(|consumer, list| consumer.resume(list));
        }
    }

    /// Does something with all partitions that are ours; whether it went well.
    fn with_assigned(
        &self,
        work: impl FnOnce(&Consumer, &rdkafka::TopicPartitionList) -> rdkafka::error::KafkaResult<()>,
    ) -> bool {
        let assigned = self.intake.log.assigned().map(|(topic, number, _)| (topic.to_owned(), number));
        let list = client::list(assigned.collect(), |_, _| rdkafka::Offset::Invalid);
        let done = list.and_then(|list| work(&self.consumer, &list));
        done.inspect_err(|error| tracing::debug!(%error, "pausing or resuming")).is_ok()
    }

    fn hear_decisions(&mut self) {
        while let Some(decision) = self.consumer.context().next_decision() {
            tracing::info!(source = %self.spec.name, ?decision, "the group has decided");
            match decision {
                Decision::Assigned(partitions) => {
                    for (topic, number) in partitions {
                        self.intake.log.assign(&topic, number);
                        self.intake.unsettled = true;
                    }
                }
                Decision::Revoked(partitions) => {
                    partitions.iter().for_each(|(topic, number)| self.intake.log.revoke(topic, *number));
                }
            }
            self.intake.forget_carried();
        }
    }

    /// Takes all partitions, and those that come later.
    fn discover(&mut self) -> Result<(), SourceError> {
        if self.discovered.is_some_and(|at| at.elapsed() < DISCOVER) {
            return Ok(());
        }
        for topic in &self.topics.names() {
            for number in client::partitions(&self.consumer, &self.spec, topic)? {
                if self.intake.log.get(topic, number).is_none() {
                    self.intake.log.assign(topic, number);
                    self.intake.unsettled = true;
                }
            }
        }
        self.discovered = Some(Instant::now());
        Ok(())
    }

    /// Commits to the group what was published of the partitions that are ours.
    fn commit(&self) {
        let published = self.mirror.take();
        if published.is_empty() {
            return;
        }
        let ours = |(incarnation, position): (&String, &u64)| {
            let (topic, number, partition) = self.intake.log.named(incarnation)?;
            partition.assigned.then(|| (topic.to_owned(), number, client::offset(*position)))
        };
        let offsets: rdkafka::TopicPartitionList = published.iter().filter_map(ours).collect();
        if offsets.count() == 0 {
            return;
        }
        if let Err(error) = self.consumer.commit(&offsets, CommitMode::Async) {
            tracing::debug!(%error, "the group's committed offsets stay behind until the next publish");
        }
    }

    /// Somebody must hear of it where no broker answers for long.
    fn mind_brokers(&mut self) -> Result<(), SourceError> {
        if self.down.is_some_and(|since| since.elapsed() >= PATIENCE) {
            client::probe(&self.consumer, &self.spec)?;
            self.down = None;
        }
        Ok(())
    }

    pub(crate) fn note_down(&mut self) {
        self.down.get_or_insert_with(Instant::now);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The moment before which all of the topics is read, if that is so and it was not asked for a while.
    fn caught_up(&mut self, interval: Duration) -> Option<Timestamp> {
        if self.backfill.is_some() || self.looked_at.elapsed() < interval || self.down.is_some() {
            return None;
        }
        self.looked_at = Instant::now();
        let now = self.now();
        self.is_caught_up().then_some(now)
    }

    fn is_caught_up(&self) -> bool {
        self.topics.names().iter().all(|topic| {
            let numbers = client::partitions(&self.consumer, &self.spec, topic).unwrap_or_default();
            let read = |number: &i32| {
                let ours = self.intake.log.assigned().find(|(t, n, _)| (t, n) == (&topic.as_str(), number));
                let bounds = client::bounds(&self.consumer, &self.spec, topic, *number);
                ours.zip(bounds.ok()).is_some_and(|((_, _, p), (_, high))| p.checked && p.next >= high)
            };
            !numbers.is_empty() && numbers.iter().all(read)
        })
    }
}
