//! What a scan notes of a file, for the next one to see whether it must be read again.
//!
//! Equal size, mtime, ctime and inode stand for an equal hash, unless one of the times was less than
//! [`MARGIN`] before the scan that recorded them (or after it): within the grain of a file system's
//! clock a file can be written twice and look the same. A stamp of content that was refused never stands
//! for any hash; it only tells that the refusal is the same.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use alluvium_core::quarantine::Cause;
use jiff::Timestamp;

/// Two seconds in nanoseconds: the coarsest grain among file systems in use (FAT).
const MARGIN: i128 = 2_000_000_000;

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStat {
    pub(crate) size: u64,
    /// Nanoseconds since the epoch.
    pub(crate) mtime: i128,
    /// Nanoseconds since the epoch.
    pub(crate) ctime: i128,
    pub(crate) inode: u64,
}

impl FileStat {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: metadata.len(),
            mtime: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanos(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }

    pub(crate) fn modified_at(&self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.mtime).ok()
    }

    /// The stamp of content that was read, at a scan that began at `scanned_at` (nanoseconds).
    pub(crate) fn content_stamp(&self, scanned_at: i128) -> String {
        format!("c:{self}:{scanned_at}")
    }

    /// Whether `stamp` stands for the content that the file has now.
    pub(crate) fn same_content(&self, stamp: &str) -> bool {
        let Some((stat, scanned_at)) = stamp.strip_prefix("c:").and_then(|s| s.rsplit_once(':')) else {
            return false;
        };
        let Ok(scanned_at) = scanned_at.parse::<i128>() else { return false };
        // Equal texts are equal stats, so the times of now are those that were recorded.
        stat == self.to_string() && self.mtime.max(self.ctime) < scanned_at.saturating_sub(MARGIN)
    }
}

impl fmt::Display for FileStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.size, self.mtime, self.ctime, self.inode)
    }
}

/// The stamp of content that was refused; an equal one is the same refusal of the same file.
pub(crate) fn refused_stamp(cause: Cause, stat: Option<&FileStat>) -> String {
    stat.map_or_else(|| format!("x:{cause}"), |stat| format!("x:{cause}:{stat}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    #[test]
    fn only_settled_stamps_stand_for_content() {
        let stat = FileStat { size: 1, mtime: 100 * SECOND, ctime: 103 * SECOND, inode: 7 };
        assert!(stat.same_content(&stat.content_stamp(105 * SECOND + 1)));
        assert!(!stat.same_content(&stat.content_stamp(105 * SECOND)), "ctime is too near");
        assert!(!stat.same_content(&stat.content_stamp(50 * SECOND)), "a file from the future");
        let settled = stat.content_stamp(1000 * SECOND);
        for other in [
            FileStat { size: 2, ..stat },
            FileStat { mtime: 1, ..stat },
            FileStat { ctime: 1, ..stat },
            FileStat { inode: 8, ..stat },
        ] {
            assert!(!other.same_content(&settled));
        }
        for bad in ["", "c:", "c:1:2", "x:too_large:1:100:103:7:1000", "c:1:100:103:7:x"] {
            assert!(!stat.same_content(bad), "{bad}");
        }
        assert!(!stat.same_content(&refused_stamp(Cause::TooLarge, Some(&stat))));
    }
}
