//! Texts that people wrote and that every machine that builds this has: the sources of its dependencies.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::MetadataCommand;

use crate::workspace::Workspace;

/// Bytes of a document, at most; longer files are cut at ends of lines.
const MOST: usize = 4096;
/// A shorter rest says nothing.
const LEAST: usize = 200;

/// Documents of all dependencies: prose first, then code.
pub(super) fn documents(workspace: &Workspace) -> Result<impl Iterator<Item = String>> {
    let metadata = MetadataCommand::new().current_dir(&workspace.root).exec()?;
    let mut folders: Vec<PathBuf> =
        metadata.packages.iter().filter_map(|p| Some(p.manifest_path.parent()?.into())).collect();
    folders.sort();
    let (mut prose, mut code) = (Vec::new(), Vec::new());
    for folder in folders.iter().filter(|folder| !folder.starts_with(&workspace.root)) {
        files(folder, &mut prose, &mut code)?;
    }
    let texts = prose.into_iter().chain(code).filter_map(|path| fs::read_to_string(path).ok());
    Ok(texts.flat_map(|text| cut(&text)))
}

fn files(folder: &Path, prose: &mut Vec<PathBuf>, code: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files(&path, prose, code)?;
            continue;
        }
        match path.extension().and_then(OsStr::to_str) {
            Some("md" | "txt") => prose.push(path),
            Some("rs") => code.push(path),
            _ => {}
        }
    }
    Ok(())
}

/// Whole lines, about [`MOST`] bytes at a time.
fn cut(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n').filter(|line| line.len() <= MOST) {
        match parts.last_mut() {
            Some(last) if last.len() + line.len() <= MOST => last.push_str(line),
            _ => parts.push(line.to_owned()),
        }
    }
    parts.retain(|part| part.len() >= LEAST);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_lines() {
        let text = "a line of a text\n".repeat(1000);
        let parts = cut(&text);
        assert!(parts.len() > 3 && parts.iter().all(|p| p.len() <= MOST && p.ends_with('\n')));
        assert_eq!(parts.concat(), text);
        assert!(cut("short").is_empty());
    }
}
