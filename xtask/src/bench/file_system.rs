//! The file system that is measured on. Without a journal, making a file in ext4 takes longer the more were
//! deleted lately, which a figure must not hide.

use std::fs;
use std::path::Path;

/// That of the folder for temporary files, which `TMPDIR` names.
pub(super) fn of_temporary_files() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let folder = std::env::temp_dir().canonicalize().ok()?;
    of(&folder, &mounts, has_journal)
}

/// Each journal has a folder there, named after its device.
fn has_journal(device: &str) -> bool {
    let Ok(journals) = fs::read_dir("/proc/fs/jbd2") else { return false };
    let of = format!("{device}-");
    journals.flatten().any(|journal| journal.file_name().to_string_lossy().starts_with(&of))
}

/// The file system of the mount that holds `folder`, as `/proc/self/mountinfo` says it.
fn of(folder: &Path, mounts: &str, has_journal: impl Fn(&str) -> bool) -> Option<String> {
    let mounted = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let point = place.split(' ').nth(4)?;
        folder.starts_with(point).then_some((point.len(), kind))
    });
    // Of two at one place the later lies over the earlier.
    let (_, kind) = mounted.max_by_key(|(length, _)| *length)?;
    let mut kind = kind.split(' ');
    let (name, device) = (kind.next()?, kind.next()?.rsplit('/').next()?);
    let without = if name == "ext4" && !has_journal(device) { " without a journal" } else { "" };
    Some(format!("{name}{without}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
25 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 25 0:27 / /dev/shm rw - tmpfs tmpfs rw,size=24G
40 25 7:0 / /mnt/a rw,relatime shared:7 - ext4 /dev/loop0 rw
";

    #[test]
    fn the_innermost_mount_counts() {
        let of = |folder: &str| of(Path::new(folder), MOUNTS, |device| device == "loop0");
        assert_eq!(of("/tmp/x").as_deref(), Some("ext4 without a journal"));
        assert_eq!(of("/mnt/a/b").as_deref(), Some("ext4"));
        assert_eq!(of("/mnt/ab").as_deref(), Some("ext4 without a journal"), "a name is no prefix");
        assert_eq!(of("/dev/shm").as_deref(), Some("tmpfs"));
    }
}
