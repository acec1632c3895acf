//! Reading one file whole, and noticing when it changes meanwhile.

use std::io::{self, Read};
use std::path::Path;

use alluvium_core::quarantine::{Cause, Refusal, Stage};

use super::root::Root;
use super::stamp::FileStat;

/// What became of a file.
pub(crate) enum Outcome {
    /// Its bytes.
    Read {
        bytes: Vec<u8>,
        stat: FileStat,
        /// Whether the file was the same before and after; if not, its stamp says nothing.
        steady: bool,
    },
    /// It is there and can't be had.
    Refused { refusal: Refusal, stat: Option<FileStat> },
    /// It is not there any more.
    Vanished,
}

/// Reads the file at `path`. One that changes while it is read is read a second time, and then taken as
/// it is: a log file must not starve its scan.
pub(crate) fn read(root: &Root, path: &Path, max: u64) -> Outcome {
    let outcome = read_once(root, path, max);
    match outcome {
        Outcome::Read { steady: false, .. } => read_once(root, path, max),
        outcome => outcome,
    }
}

fn read_once(root: &Root, path: &Path, max: u64) -> Outcome {
    match try_read(root, path, max) {
        Ok(outcome) => outcome,
        Err(e) if is_gone(&e) => Outcome::Vanished,
        Err(e) => {
            let refusal = Refusal::new(Stage::Read, Cause::Unreadable, format!("{}: {e}", path.display()));
            Outcome::Refused { refusal, stat: root.stat(path).ok() }
        }
    }
}

fn try_read(root: &Root, path: &Path, max: u64) -> io::Result<Outcome> {
    let file = root.open_file(path)?;
    let before = FileStat::of(&file.metadata()?);
    if before.size > max {
        return Ok(too_large(before, max));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0));
    (&file).take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    let after = FileStat::of(&file.metadata()?);
    let length = bytes.len() as u64;
    if length > max {
        return Ok(too_large(after, max));
    }
    let steady = before == after && after.size == length;
    Ok(Outcome::Read { bytes, stat: after, steady })
}

fn too_large(stat: FileStat, max: u64) -> Outcome {
    let detail = format!("{} bytes; max_file_size is {max}", stat.size);
    Outcome::Refused { refusal: Refusal::new(Stage::Read, Cause::TooLarge, detail), stat: Some(stat) }
}

/// Whether an error means that nothing is there.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
