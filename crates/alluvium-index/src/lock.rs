//! Advisory locks, each on a file that says who holds it.
//!
//! `writer.lock` is held by the one writer for as long as it lives. `turn.lock` is held while a claim is
//! made, and by a person's intervention (rollback, erase, resume) from its claim to its record: an
//! intervention does not wait for the writer to end, it fences it, and the turn keeps the writer from
//! claiming back before the intervention is done.
//!
//! The kernel drops a lock with its process, so that a killed process never leaves one behind. Locks keep
//! processes of one machine apart; the ledger's fence is what keeps the index safe.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alluvium_core::clock::Clock;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};
use crate::layout::Layout;

/// Who holds a lock; written into the file for the one who finds it held.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    since: Timestamp,
}

/// A held lock; dropping it releases.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The longest holder text that is read back.
const MAX_HOLDER: u64 = 4096;
/// How long a turn is waited for: a claim takes well under a second.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(20);

impl Lock {
    /// Takes the writer's lock, or says who has it.
    pub(crate) fn take(layout: &Layout, host: &str, now: Timestamp) -> Result<Self> {
        Self::take_file(layout, layout.lock(), host, now)
    }

    /// Waits for the turn to claim.
    pub(crate) async fn turn(layout: &Layout, host: &str, clock: &dyn Clock) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::take_file(layout, layout.turn(), host, clock.now()) {
                Err(IndexError::Held { .. }) if Instant::now() < deadline => tokio::time::sleep(RETRY).await,
                taken => return taken,
            }
        }
    }

    /// Who holds the writer's lock, if anybody does.
    pub(crate) fn holder(layout: &Layout) -> Option<String> {
        let mut file = File::open(layout.lock()).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(rustix::io::Errno::WOULDBLOCK) => Some(read_holder(&mut file)),
            _ => None,
        }
    }

    fn take_file(layout: &Layout, path: PathBuf, host: &str, now: Timestamp) -> Result<Self> {
        let io = |action: &'static str| {
            let path = path.clone();
            move |error| IndexError::Io { action, path, error }
        };
        std::fs::create_dir_all(layout.root()).map_err(io("creating the index folder for"))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io("opening"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(layout.root(), &mut file)),
            Err(errno) => return Err(io("locking")(errno.into())),
        }
        let holder = Holder { pid: std::process::id(), host: host.to_owned(), since: now };
        write_holder(&mut file, &holder).map_err(io("writing"))?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder)?)
}

fn held(root: &Path, file: &mut File) -> IndexError {
    IndexError::Held { root: root.display().to_string(), holder: read_holder(file) }
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(MAX_HOLDER).read_to_string(&mut text);
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(h) => format!("process {} on {} since {}", h.pid, h.host, h.since),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let first = Lock::take(&layout, "here", Timestamp::UNIX_EPOCH).unwrap();
        let error = Lock::take(&layout, "there", Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(error.contains(&format!("process {} on here", std::process::id())), "{error}");
        drop(first);
        assert!(Lock::take(&layout, "there", Timestamp::UNIX_EPOCH).is_ok());
    }
}
