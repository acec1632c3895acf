//! A file of lines: read from where the checkpoint is, to its end or on and on. All of it blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::clock::Clock;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use jiff::Timestamp;

use super::JsonlMode;
use super::again::changes;
use super::convert::Converter;
use super::incarnation::{Incarnation, incarnation_hash};
use super::lines::{Line, read_line};
use crate::event::{Again, EventRules, Filling, read_again};
use crate::filesystem::stamp::FileStat;

/// Lines that one batch reads at most: blank ones fill no room.
const MOST_LINES: u64 = 4096;

pub(crate) struct LineFile {
    rules: EventRules,
    path: PathBuf,
    /// The path as text, for positions.
    input: String,
    max_event_size: u64,
    mode: JsonlMode,
    /// How much of each incarnation is done.
    partitions: BTreeMap<String, u64>,
    /// Lines that are still to be tried again.
    again: Vec<Again>,
    clock: Arc<dyn Clock>,
    present: Option<Present>,
    /// How the file looked when there was nothing new in it.
    idle: Option<String>,
    ended: bool,
}

/// The incarnation that is being read.
struct Present {
    incarnation: Incarnation,
    /// Where the next line starts; `None` if nothing of it is done.
    position: Option<u64>,
    /// Lines before that, where they were counted.
    lines: Option<u64>,
    /// Where a backfill ends.
    end: u64,
}

/// What was pulled.
pub(crate) enum Pulled {
    Batch(SourceBatch),
    /// Nothing new; there may be later.
    Nothing,
    End,
}

impl LineFile {
    pub(crate) fn new(
        rules: EventRules,
        path: PathBuf,
        max_event_size: u64,
        mode: JsonlMode,
        partitions: BTreeMap<String, u64>,
        again: Vec<Again>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let input = path.display().to_string();
        Self {
            rules,
            path,
            input,
            max_event_size,
            mode,
            partitions,
            again,
            clock,
            present: None,
            idle: None,
            ended: false,
        }
    }

    pub(crate) fn pull(&mut self, room: Room) -> Result<Pulled, SourceError> {
        if self.ended {
            return Ok(Pulled::End);
        }
        let now = self.clock.now();
        let file = self.open()?;
        let stat = FileStat::of(&file.metadata().map_err(|e| self.unavailable(&e))?);
        if self.idle.as_ref().is_some_and(|idle| stat.same_content(idle)) {
            return Ok(Pulled::Nothing);
        }
        if !self.find_incarnation(&file, &stat)? {
            return self.nothing(&stat, now, None);
        }
        if let Some(batch) = self.again(&file, room)? {
            return Ok(Pulled::Batch(batch));
        }
        self.read(&file, &stat, room, now)
    }

    /// What is to be tried again; `None` once there is no more of it.
    fn again(&mut self, file: &File, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        let Some(present) = self.present.as_ref().filter(|_| !self.again.is_empty()) else {
            return Ok(None);
        };
        let converter = Converter {
            rules: &self.rules,
            input: &self.input,
            incarnation: &present.incarnation.name(),
            max_event_size: self.max_event_size,
        };
        let batch = read_again(&mut self.again, room, |again| changes(file, again, &converter))?;
        Ok(Some(batch).filter(|batch| !batch.changes.is_empty()))
    }

    fn open(&self) -> Result<File, SourceError> {
        // A pipe would block right here.
        let metadata = self.path.metadata().map_err(|e| self.unavailable(&e))?;
        if !metadata.is_file() {
            return Err(SourceError::Broken {
                source_name: self.rules.source.to_string(),
                message: format!("{} is not a regular file", self.input),
            });
        }
        File::open(&self.path).map_err(|e| self.unavailable(&e))
    }

    fn unavailable(&self, error: &std::io::Error) -> SourceError {
        SourceError::Unavailable {
            source_name: self.rules.source.to_string(),
            message: format!("{} can't be read: {error}", self.input),
        }
    }

    /// Sees which incarnation the file is; false while it has no whole first line.
    fn find_incarnation(&mut self, file: &File, stat: &FileStat) -> Result<bool, SourceError> {
        let (last, length) = (self.mode == JsonlMode::Backfill, stat.size);
        let hash = incarnation_hash(file, stat.inode, last).map_err(|e| self.unavailable(&e))?;
        let Some(hash) = hash else {
            self.present = None;
            return Ok(false);
        };
        let goes_on = |done: u64| goes_on(file, done, length).unwrap_or(false);
        let same = self.present.as_ref().is_some_and(|present| {
            present.incarnation.begins_with(&hash) && goes_on(present.position.unwrap_or(0))
        });
        if !same {
            let (incarnation, position) = Incarnation::choose(hash, goes_on, &self.partitions);
            let lines = position.is_none().then_some(0);
            self.present = Some(Present { incarnation, position, lines, end: length });
        }
        Ok(true)
    }

    fn read(
        &mut self,
        file: &File,
        stat: &FileStat,
        room: Room,
        now: Timestamp,
    ) -> Result<Pulled, SourceError> {
        let Some(present) = &self.present else { return self.nothing(stat, now, None) };
        let before = present.position;
        let mut place = (before.unwrap_or(0), present.lines);
        let end = if self.mode == JsonlMode::Backfill { present.end } else { u64::MAX };
        let incarnation = present.incarnation.name();
        let converter = Converter {
            rules: &self.rules,
            input: &self.input,
            incarnation: &incarnation,
            max_event_size: self.max_event_size,
        };
        let mut file = file;
        file.seek(SeekFrom::Start(place.0)).map_err(|e| self.unavailable(&e))?;
        let mut reader = BufReader::new(file.take(end.saturating_sub(place.0)));
        let (mut filling, mut looked_at, mut at_end) = (Filling::new(room), 0, false);
        while !filling.is_full() && looked_at < MOST_LINES {
            let line =
                read_line(&mut reader, place.0, self.max_event_size).map_err(|e| self.unavailable(&e))?;
            let Some(line) = line.filter(|line| self.is_done(line)) else {
                at_end = true;
                break;
            };
            let number = place.1.map(|lines| lines + 1);
            let change = match converter.change(&line, number) {
                // What was read so far goes first; the error is met again with the next pull.
                Err(_) if looked_at > 0 => break,
                change => change?,
            };
            looked_at += 1;
            if change.is_some_and(|change| filling.take(change).is_some()) {
                break;
            }
            place = (line.end, number);
        }
        let position = (looked_at > 0 && place.0 > before.unwrap_or(0)).then_some(place.0).or(before);
        let moved = position != before;
        let delta = position.map(|through| CheckpointDelta {
            source: self.rules.source.clone(),
            partition: incarnation.clone(),
            after: before,
            through,
            watermark: at_end.then_some(now),
        });
        if let Some(present) = &mut self.present {
            (present.position, present.lines) = (position, place.1);
        }
        self.partitions.extend(position.map(|position| (incarnation, position)));
        if !moved {
            return self.nothing(stat, now, delta);
        }
        let mut batch = filling.into_batch();
        batch.deltas.extend(delta);
        self.ended = at_end && self.mode == JsonlMode::Backfill;
        Ok(Pulled::Batch(batch))
    }

    /// Whether a line is whole. A cut one without its end can't be told, and holds nobody up.
    fn is_done(&self, line: &Line) -> bool {
        let blank = line.bytes.trim_ascii().is_empty();
        let whole = || blank || serde_json::from_slice::<serde::de::IgnoredAny>(&line.bytes).is_ok();
        line.terminated || (self.mode == JsonlMode::Backfill && (line.cut || whole()))
    }

    /// There is nothing new. A backfill ends with that, and says up to when.
    fn nothing(
        &mut self,
        stat: &FileStat,
        now: Timestamp,
        delta: Option<CheckpointDelta>,
    ) -> Result<Pulled, SourceError> {
        if self.mode == JsonlMode::Follow {
            self.idle = Some(stat.content_stamp(now.as_nanosecond()));
            return Ok(Pulled::Nothing);
        }
        self.ended = true;
        if let Some(present) = self.present.as_ref().filter(|p| p.position.unwrap_or(0) < p.end) {
            tracing::warn!(
                file = self.input,
                byte = present.position.unwrap_or(0),
                "the last line is no whole event yet; it is read when it is"
            );
        }
        Ok(match delta {
            Some(delta) => Pulled::Batch(SourceBatch { deltas: vec![delta], ..SourceBatch::default() }),
            None => Pulled::End,
        })
    }
}

/// Whether a file that was read to there goes on there: it is as long, and a line ends there. That of a
/// backfill may have ended with the file, and its line feed come later.
fn goes_on(mut file: &File, done: u64, length: u64) -> std::io::Result<bool> {
    if done == 0 || done == length {
        return Ok(true);
    }
    if done > length {
        return Ok(false);
    }
    let mut around = [0; 2];
    file.seek(SeekFrom::Start(done - 1))?;
    file.read_exact(&mut around)?;
    Ok(around.contains(&b'\n'))
}
