//! Copying folders.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Copies a folder with all that is in it, but for files whose names are not wanted.
pub(crate) fn copy_folder(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target, wanted)?;
        } else if wanted(&entry.file_name().to_string_lossy()) {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
