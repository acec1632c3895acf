//! Lines of change events, in a file or on standard input.
//!
//! Invariants:
//! - Every line that is not blank is one change; one that is no event is a refused change under an id of
//!   its own. None is dropped, and none ends the run.
//! - A file's position is the byte after the last line that is done; it is reported with every batch, in
//!   a partition that is named after the file's incarnation, so that a file that was replaced starts
//!   anew. Standard input has no position.
//! - A line is done when its line feed is there. The last line of a file that is loaded once counts
//!   without it if it is a whole JSON value.
//! - No more than `max_event_size` of a line is held.

mod again;
mod convert;
mod file;
mod incarnation;
mod lines;
mod pipe;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alluvium_core::access::Acl;
use alluvium_core::clock::Clock;
use alluvium_core::id::SourceName;
use alluvium_core::source::{Room, Source, SourceBatch, SourceError};
use async_trait::async_trait;

use crate::event::{Again, BucketSpec, EventRules, Patience};
use crate::offload::Offloaded;
use file::{LineFile, Pulled};
use pipe::Pipe;

/// How often a file that is followed is looked at.
const POLL: Duration = Duration::from_millis(200);

/// What is read.
#[derive(Debug, Clone)]
pub struct JsonlSpec {
    /// The source's name.
    pub name: SourceName,
    /// The access list of documents that were never given one.
    pub default_acl: Option<Acl>,
    /// Folders that events may take content from by reference.
    pub content_roots: Vec<PathBuf>,
    /// Buckets that events may take content from by reference.
    pub content_buckets: Vec<BucketSpec>,
    /// Longer lines are refused, in bytes.
    pub max_event_size: u64,
}

/// When a file has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonlMode {
    /// At the length that it had at first.
    Backfill,
    /// Never: what is appended is read, too.
    Follow,
}

/// Lines of change events.
pub struct JsonlSource {
    name: SourceName,
    input: Input,
    seen: u64,
    ended: bool,
}

enum Input {
    File { work: Offloaded<LineFile, Result<Pulled, SourceError>> },
    Pipe(Box<Pipe>),
}

impl JsonlSource {
    /// Reads the file at `path`; nothing is opened yet. `partitions` are the source's positions in the
    /// checkpoint; lines that are wanted `again` come first.
    pub fn file(
        spec: JsonlSpec,
        path: PathBuf,
        mode: JsonlMode,
        partitions: BTreeMap<String, u64>,
        again: Vec<Again>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let patience = match mode {
            JsonlMode::Backfill => Patience::Once,
            JsonlMode::Follow => Patience::Following,
        };
        let (name, rules) = (spec.name.clone(), rules(&spec, patience)?);
        let file = LineFile::new(rules, path, spec.max_event_size, mode, partitions, again, clock);
        Ok(Self::of(name, Input::File { work: Offloaded::new(file) }))
    }

    /// Reads to the end of `reader`, on a thread of its own; the daemon's is standard input. It has no
    /// position, so `clock` tells one such input from another.
    pub fn stdin(
        spec: JsonlSpec,
        reader: Box<dyn Read + Send>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let (name, rules) = (spec.name.clone(), rules(&spec, Patience::Following)?);
        let pipe = Pipe::start(rules, reader, spec.max_event_size, clock.now())?;
        Ok(Self::of(name, Input::Pipe(Box::new(pipe))))
    }

    fn of(name: SourceName, input: Input) -> Self {
        Self { name, input, seen: 0, ended: false }
    }

    async fn pull(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        let work = match &mut self.input {
            Input::Pipe(pipe) => return pipe.next(room).await,
            Input::File { work } => work,
        };
        let unavailable =
            |message: String| SourceError::Unavailable { source_name: self.name.to_string(), message };
        loop {
            let pulled = work.run(move |file| file.pull(room)).await;
            let pulled = pulled.map_err(|e| unavailable(format!("reading died: {e}")))?;
            match pulled.ok_or_else(|| unavailable("reading died".to_owned()))?? {
                Pulled::Batch(batch) => return Ok(Some(batch)),
                Pulled::Nothing => tokio::time::sleep(POLL).await,
                Pulled::End => return Ok(None),
            }
        }
    }
}

fn rules(spec: &JsonlSpec, patience: Patience) -> Result<EventRules, SourceError> {
    let JsonlSpec { name, default_acl, content_roots, content_buckets, max_event_size } = spec.clone();
    EventRules::new(name, default_acl, content_roots, max_event_size)?.with_buckets(content_buckets, patience)
}

#[async_trait]
impl Source for JsonlSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let batch = self.pull(room).await?;
        self.seen += batch.as_ref().map_or(0, |batch| batch.seen);
        self.ended = batch.is_none();
        Ok(batch)
    }

    fn expected(&self) -> Option<u64> {
        self.ended.then_some(self.seen)
    }
}

#[cfg(test)]
mod tests;
