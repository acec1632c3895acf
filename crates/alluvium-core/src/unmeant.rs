//! Names of files and folders that nobody means as documents: hidden ones, and what systems, editors and
//! programs leave beside documents. They stay out of a folder's source, unless it says `hidden = true`.

/// Left by file systems, Windows, macOS and file servers; compared without regard to case.
const NAMES: [&str; 13] = [
    "$recycle.bin",
    "#recycle",
    "#snapshot",
    "@eadir",
    "@recycle",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "lost+found",
    "network trash folder",
    "system volume information",
    "thumbs.db",
    "~snapshot",
];

/// Hidden names, also `._…` and `.~lock.…#`; and Office's lock files.
const STARTS: [&str; 2] = [".", "~$"];

/// Copies that editors keep, swap files, and downloads that are not complete.
const ENDS: [&str; 8] = ["~", ".swp", ".swo", ".swx", ".part", ".partial", ".filepart", ".crdownload"];

/// Whether a name, of a file or of a folder, is one of those.
pub fn is_unmeant(name: &[u8]) -> bool {
    let emacs = name.len() > 2 && name.starts_with(b"#") && name.ends_with(b"#");
    emacs
        || STARTS.iter().any(|start| name.starts_with(start.as_bytes()))
        || ENDS.iter().any(|end| ends_with(name, end))
        || NAMES.iter().any(|unmeant| name.eq_ignore_ascii_case(unmeant.as_bytes()))
}

fn ends_with(name: &[u8], end: &str) -> bool {
    let start = name.len().checked_sub(end.len()).and_then(|start| name.get(start..));
    start.is_some_and(|rest| rest.eq_ignore_ascii_case(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_means() {
        let unmeant = [
            ".git",
            ".DS_Store",
            "._report.md",
            ".#a.md",
            ".~lock.a.odt#",
            ".trash",
            ".Trash-1000",
            ".stversions",
            ".snapshot",
            ".zfs",
            ".obsidian",
            "..data",
            "~$report.docx",
            "#a.md#",
            "a.md~",
            ".a.md.swp",
            "a.SWP",
            "Thumbs.db",
            "THUMBS.DB",
            "Desktop.ini",
            "$RECYCLE.BIN",
            "System Volume Information",
            "lost+found",
            "@eaDir",
            "#recycle",
            "~snapshot",
            "a.pdf.part",
            "a.pdf.crdownload",
        ];
        for name in unmeant {
            assert!(is_unmeant(name.as_bytes()), "{name}");
        }
        for meant in
            ["a.md", "a", "_a", "-a", "#1", "#", "##", "a#b#", "$a", "~a", "a.partly.md", "swp", "git", "@a"]
        {
            assert!(!is_unmeant(meant.as_bytes()), "{meant}");
        }
    }
}
