//! Bytes → lines, with bounded memory.
//!
//! Invariants:
//! - The lines are consecutive: each starts where the one before it ended, and together they are all of
//!   the bytes.
//! - No more than the limit of any line is kept; the rest of a longer one is read past.

use std::io::{self, BufRead};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it starts, in bytes.
    pub(crate) start: u64,
    /// Where the next one starts.
    pub(crate) end: u64,
    /// Without its line feed; cut where it is longer than the limit.
    pub(crate) bytes: Vec<u8>,
    /// Whether it was cut.
    pub(crate) cut: bool,
    /// Whether it ends with a line feed; only the last one may not.
    pub(crate) terminated: bool,
}

impl Line {
    /// Its length without its line feed.
    pub(crate) fn length(&self) -> u64 {
        self.end - self.start - u64::from(self.terminated)
    }
}

/// Reads the line that starts at `start`, which is where `reader` stands; `None` at the end.
pub(crate) fn read_line(reader: &mut impl BufRead, start: u64, max: u64) -> io::Result<Option<Line>> {
    let mut line = Line { start, end: start, bytes: Vec::new(), cut: false, terminated: false };
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if buffer.is_empty() {
            return Ok((line.end > line.start).then_some(line));
        }
        let feed = buffer.iter().position(|byte| *byte == b'\n');
        let part = buffer.get(..feed.unwrap_or(buffer.len())).unwrap_or(buffer);
        let room = usize::try_from(max.saturating_sub(line.bytes.len() as u64)).unwrap_or(usize::MAX);
        line.cut |= part.len() > room;
        line.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
        let taken = part.len() + usize::from(feed.is_some());
        reader.consume(taken);
        line.end += taken as u64;
        if feed.is_some() {
            line.terminated = true;
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8], buffer: usize, max: u64) -> Vec<Line> {
        let mut reader = BufReader::with_capacity(buffer, Cursor::new(bytes));
        let mut lines: Vec<Line> = Vec::new();
        while let Some(line) = read_line(&mut reader, lines.last().map_or(0, |l| l.end), max).unwrap() {
            lines.push(line);
        }
        lines
    }

    proptest! {
        #[test]
        fn lines_lose_nothing(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..200),
            buffer in 1..20_usize,
            max in 0..20_u64,
        ) {
            let whole = lines(&bytes, buffer, u64::MAX);
            let mut again = Vec::new();
            for line in &whole {
                prop_assert_eq!(line.start, again.len() as u64);
                again.extend_from_slice(&line.bytes);
                again.extend(line.terminated.then_some(b'\n'));
                prop_assert_eq!((line.end, line.cut), (again.len() as u64, false));
                prop_assert_eq!(line.length(), line.bytes.len() as u64);
            }
            prop_assert_eq!(&again, &bytes);
            let unterminated = whole.iter().position(|line| !line.terminated);
            prop_assert!(unterminated.is_none_or(|i| i + 1 == whole.len()));

            let bounded = lines(&bytes, buffer, max);
            prop_assert_eq!(bounded.len(), whole.len());
            for (bounded, whole) in bounded.iter().zip(&whole) {
                prop_assert_eq!((bounded.start, bounded.end), (whole.start, whole.end));
                prop_assert_eq!(bounded.cut, whole.bytes.len() as u64 > max);
                prop_assert!(whole.bytes.starts_with(&bounded.bytes));
                prop_assert_eq!(bounded.bytes.len() as u64, max.min(whole.length()));
            }
        }
    }
}
