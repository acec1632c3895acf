//! One writer an index: an advisory lock on a file that says who holds it.
//!
//! The kernel drops the lock with its process, so that a killed writer never leaves it behind. The lock
//! keeps two writers of one machine apart; the ledger's fence is what keeps the index safe.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

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

/// The held lock; dropping it releases.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The longest holder text that is read back.
const MAX_HOLDER: u64 = 4096;

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(layout: &Layout, host: &str, now: Timestamp) -> Result<Self> {
        let path = layout.lock();
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
    let mut text = String::new();
    let read = file.take(MAX_HOLDER).read_to_string(&mut text);
    let holder = match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(h) => format!("process {} on {} since {}", h.pid, h.host, h.since),
        None => "another process".to_owned(),
    };
    IndexError::Held { root: root.display().to_string(), holder }
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
