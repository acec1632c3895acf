//! Lines that a person wants to be tried again, from their quarantine items.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use alluvium_core::change::DocumentChange;
use alluvium_core::source::SourceError;

use super::convert::Converter;
use super::lines::{Line, read_line};
use crate::event::Again;

/// Where its line starts: a position is the input's name, a colon, and that.
fn start(again: &Again) -> Option<u64> {
    again.position.rsplit_once(':')?.1.parse().ok()
}

/// What the line that is wanted again says now; nothing, where the file is another one now.
pub(super) fn changes(
    file: &File,
    again: &Again,
    converter: &Converter<'_>,
) -> Result<Vec<DocumentChange>, SourceError> {
    let line = start(again).map(|start| line_at(file, start, converter.max_event_size));
    let line = line.transpose().map_err(|e| unavailable(converter, &e))?.flatten();
    let Some(line) = line else { return Ok(Vec::new()) };
    let Some(change) = converter.change(&line, None)? else { return Ok(Vec::new()) };
    Ok(again.answered_by(Some(change), &converter.own_id(&line)?, converter.log_version(&line)))
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
