//! Lines that a person wants to be tried again, from their quarantine items.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use alluvium_core::id::DocId;
use alluvium_core::source::{Room, SourceBatch, SourceError};

use super::Filling;
use super::convert::Converter;
use super::lines::{Line, read_line};

/// A change that was refused and is wanted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Its document.
    pub doc_id: DocId,
    /// The position that its origin had.
    pub position: String,
}

impl Again {
    /// Where its line starts: a position is the input's name, a colon, and that.
    fn start(&self) -> Option<u64> {
        self.position.rsplit_once(':')?.1.parse().ok()
    }
}

/// Reads the lines that are wanted, as many as there is room for, and leaves the others in `wanted`.
/// They are no progress. A line that is not there any more, because the file is another one now, is left
/// out: its item goes on waiting.
pub(super) fn read_again(
    file: &File,
    wanted: &mut Vec<Again>,
    converter: &Converter<'_>,
    room: Room,
) -> Result<SourceBatch, SourceError> {
    let mut filling = Filling::new(room);
    while let Some(again) = wanted.pop() {
        if filling.is_full() {
            wanted.push(again);
            break;
        }
        let line = again.start().map(|start| line_at(file, start, converter.max_event_size));
        let line = line.transpose().map_err(|e| unavailable(converter, &e))?.flatten();
        let change = line.map(|line| converter.change(&line, None)).transpose()?.flatten();
        match change.filter(|change| change.doc_id == again.doc_id) {
            Some(change) => {
                if filling.take(change).is_some() {
                    wanted.push(again);
                    break;
                }
            }
            None => tracing::warn!(
                document = %again.doc_id,
                position = again.position,
                "the event to be tried again is not there any more"
            ),
        }
    }
    Ok(filling.batch)
}

fn unavailable(converter: &Converter<'_>, error: &io::Error) -> SourceError {
    SourceError::Unavailable {
        source_name: converter.rules.source.to_string(),
        message: format!("{} can't be read: {error}", converter.input),
    }
}

/// The line that starts there, if one does.
fn line_at(mut file: &File, start: u64, max: u64) -> io::Result<Option<Line>> {
    let before = start.saturating_sub(1);
    file.seek(SeekFrom::Start(before))?;
    let mut reader = BufReader::new(file);
    if start > 0 {
        let mut feed = [0];
        if reader.read(&mut feed)? == 0 || feed != *b"\n" {
            return Ok(None);
        }
    }
    read_line(&mut reader, start, max)
}
