//! A line → a change. No line is lost: one that is no event is refused under an id of its own.

use alluvium_core::change::DocumentChange;
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::quarantine::Cause;
use alluvium_core::source::SourceError;
use alluvium_core::version::{Version, VersionKind};

use super::lines::Line;
use crate::event::{EventError, EventRules, event_id, parse_event};

/// Turns the lines of one incarnation into changes.
pub(crate) struct Converter<'a> {
    pub(crate) rules: &'a EventRules,
    /// The input's name, for people.
    pub(crate) input: &'a str,
    pub(crate) incarnation: &'a str,
    pub(crate) max_event_size: u64,
}

impl Converter<'_> {
    /// The change of a line; `None` for one that is blank. After an error the line is to be read again. `number` counts lines from 1, where that is
    /// known.
    pub(crate) fn change(
        &self,
        line: &Line,
        number: Option<u64>,
    ) -> Result<Option<DocumentChange>, SourceError> {
        let bytes = if line.start == 0 { without_mark(&line.bytes) } else { &line.bytes };
        if !line.cut && bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let log = self.log_version(line);
        let position = format!("{}:{}", self.input, line.start);
        let error = if line.cut {
            let detail = format!("{} bytes; max_event_size is {}", line.length(), self.max_event_size);
            EventError::of(Cause::TooLarge, detail)
        } else {
            match parse_event(bytes, self.rules, log.clone(), position.clone()) {
                Ok(change) => return Ok(Some(change)),
                Err(error) => error.for_good(&self.rules.source)?,
            }
        };
        let place = match number {
            Some(number) => format!("line {number} at byte {}", line.start),
            None => format!("the line at byte {}", line.start),
        };
        let error = EventError { detail: format!("{place}: {}", error.detail), ..error };
        let hash = (!line.cut).then(|| Sha256::of(bytes));
        Ok(Some(error.refused(self.own_id(line)?, log, position, hash)))
    }

    /// The version that a line has by its place.
    pub(crate) fn log_version(&self, line: &Line) -> Version {
        Version { incarnation: self.incarnation.to_owned(), kind: VersionKind::Log, value: line.start }
    }

    pub(crate) fn own_id(&self, line: &Line) -> Result<DocId, SourceError> {
        event_id(&self.rules.source, self.incarnation, line.start)
    }
}

/// Without a byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
