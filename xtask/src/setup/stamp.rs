//! What setup has already checked: for each file its pin, and the size and time it had then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The checked files of one `.tools` folder, kept in `.tools/setup.json`.
#[derive(Debug)]
pub(super) struct Stamp {
    tools: PathBuf,
    files: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// The hash, or whatever else says which file is wanted.
    pin: String,
    bytes: u64,
    modified_ns: u128,
}

impl Seen {
    fn now(path: &Path, pin: &str) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        let modified = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self { pin: pin.to_owned(), bytes: about.len(), modified_ns: modified.as_nanos() })
    }
}

impl Stamp {
    /// What was kept; nothing where there is no stamp or it is unreadable, which costs one check.
    pub(super) fn load(tools: &Path) -> Self {
        let files = fs::read(tools.join("setup.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self { tools: tools.to_path_buf(), files }
    }

    /// Whether the file is the one that was checked against this pin.
    pub(super) fn holds(&self, path: &Path, pin: &str) -> bool {
        let now = Seen::now(path, pin);
        now.is_some() && self.files.get(&self.key(path)) == now.as_ref()
    }

    /// Remembers a file that was just checked against this pin.
    pub(super) fn record(&mut self, path: &Path, pin: &str) -> Result<()> {
        let seen = Seen::now(path, pin).with_context(|| format!("{} went away", path.display()))?;
        self.files.insert(self.key(path), seen);
        let new = self.tools.join("setup.json.new");
        fs::write(&new, serde_json::to_vec_pretty(&self.files)?)?;
        fs::rename(&new, self.tools.join("setup.json")).context("cannot write .tools/setup.json")
    }

    fn key(&self, path: &Path) -> String {
        path.strip_prefix(&self.tools).unwrap_or(path).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_until_it_or_its_pin_changes() {
        let tools = tempfile::tempdir().unwrap();
        let file = tools.path().join("file");
        let mut stamp = Stamp::load(tools.path());
        assert!(!stamp.holds(&file, "a"), "not there");
        fs::write(&file, "one").unwrap();
        assert!(!stamp.holds(&file, "a"), "not yet checked");
        stamp.record(&file, "a").unwrap();

        let stamp = Stamp::load(tools.path());
        assert!(stamp.holds(&file, "a"));
        assert!(!stamp.holds(&file, "b"));
        fs::write(&file, "other").unwrap();
        assert!(!stamp.holds(&file, "a"));
    }

    #[test]
    fn a_broken_stamp_counts_as_none() {
        let tools = tempfile::tempdir().unwrap();
        fs::write(tools.path().join("setup.json"), "{").unwrap();
        assert!(!Stamp::load(tools.path()).holds(&tools.path().join("setup.json"), ""));
    }
}
