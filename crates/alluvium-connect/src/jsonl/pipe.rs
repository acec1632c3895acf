//! Standard input, or any reader that can't be asked twice. A thread of its own reads it, so that neither
//! a dropped future nor the end of the runtime waits for a line that may never come.

use std::io::{self, BufReader, Read};

use alluvium_core::change::DocumentChange;
use alluvium_core::hash::Sha256;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use jiff::Timestamp;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use super::convert::Converter;
use super::lines::{Line, read_line};
use crate::event::{EventRules, Filling};

/// Lines that wait to be asked for: with the one being read, all that is held.
const WAITING: usize = 2;

pub(crate) struct Pipe {
    rules: EventRules,
    max_event_size: u64,
    lines: mpsc::Receiver<io::Result<Line>>,
    incarnation: String,
    number: u64,
    /// A line that could not be read as a change yet.
    waiting: Option<Line>,
    /// A change that did not fit into the last batch.
    carried: Option<DocumentChange>,
    /// What went wrong after the last batch.
    failed: Option<SourceError>,
}

impl Pipe {
    pub(crate) fn start(
        rules: EventRules,
        reader: Box<dyn Read + Send>,
        max: u64,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        let (sender, lines) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("jsonl-input".to_owned());
        thread.spawn(move || read_all(reader, max, &sender)).map_err(|e| SourceError::Unavailable {
            source_name: rules.source.to_string(),
            message: format!("standard input can't be read: {e}"),
        })?;
        let incarnation = Sha256::of(now.to_string()).short(16).to_owned();
        Ok(Self {
            rules,
            max_event_size: max,
            lines,
            incarnation,
            number: 0,
            waiting: None,
            carried: None,
            failed: None,
        })
    }

    /// Waits for a line, then takes what is there. Waiting may be dropped.
    pub(crate) async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let mut filling = Filling::new(room);
        if let Some(carried) = self.carried.take() {
            self.carried = filling.take(carried);
        }
        if let Some(line) = self.waiting.take() {
            self.convert(line, &mut filling)?;
        }
        while filling.is_empty() {
            let Some(line) = self.lines.recv().await else { return Ok(None) };
            self.take(line, &mut filling)?;
        }
        while !filling.is_full() && self.carried.is_none() {
            let Ok(line) = self.lines.try_recv() else { break };
            // The lines before it can't be had again.
            self.failed = self.take(line, &mut filling).err();
            if self.failed.is_some() {
                break;
            }
        }
        Ok(Some(filling.into_batch()))
    }

    fn take(&mut self, line: io::Result<Line>, filling: &mut Filling) -> Result<(), SourceError> {
        let line = line.map_err(|e| SourceError::Broken {
            source_name: self.rules.source.to_string(),
            message: format!("standard input can't be read: {e}"),
        })?;
        self.number += 1;
        self.convert(line, filling)
    }

    fn convert(&mut self, line: Line, filling: &mut Filling) -> Result<(), SourceError> {
        let converter = Converter {
            rules: &self.rules,
            input: "-",
            incarnation: &self.incarnation,
            max_event_size: self.max_event_size,
        };
        match blocking(|| converter.change(&line, Some(self.number))) {
            Ok(Some(change)) => self.carried = filling.take(change),
            Ok(None) => {}
            Err(error) => {
                self.waiting = Some(line);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Does what may wait for a store; where there are other threads, they take over this one's tasks meanwhile.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

fn read_all(reader: Box<dyn Read + Send>, max: u64, lines: &mpsc::Sender<io::Result<Line>>) {
    let mut reader = BufReader::new(reader);
    let mut start = 0;
    loop {
        let line = read_line(&mut reader, start, max).transpose();
        let Some(line) = line else { return };
        start = line.as_ref().map_or(start, |line| line.end);
        let failed = line.is_err();
        // Nobody listens any more when the source was dropped.
        if lines.blocking_send(line).is_err() || failed {
            return;
        }
    }
}
