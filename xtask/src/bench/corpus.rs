//! A folder with documents that were made up, and a pipeline over them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A static model: so fast that what it does not do itself is what is measured.
pub(super) const FAST_MODEL: &str = "potion-base-8M";

/// Files in one folder.
const FOLDER: u32 = 100;

const WORDS: [&str; 24] = [
    "river", "gauge", "winter", "harbour", "ledger", "crane", "valley", "bridge", "lantern", "copper",
    "meadow", "signal", "archive", "barley", "compass", "fjord", "granite", "heron", "island", "juniper",
    "kiln", "orchard", "pebble", "quarry",
];

/// What differs between pipelines.
#[derive(Debug)]
pub(super) struct Shape<'s> {
    pub(super) model: &'s str,
    pub(super) max_tokens: u32,
    /// More tables of the file.
    pub(super) more: &'s str,
}

impl Default for Shape<'_> {
    fn default() -> Self {
        Self { model: FAST_MODEL, max_tokens: 256, more: "" }
    }
}

/// The folder; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Corpus {
    folder: TempDir,
    pipeline: String,
}

impl Corpus {
    /// Without documents.
    pub(super) fn new(shape: &Shape<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("docs"))?;
        let pipeline = folder.path().join("pipeline.toml");
        fs::write(&pipeline, pipeline_text(shape))?;
        let pipeline = pipeline.to_string_lossy().into_owned();
        Ok(Self { folder, pipeline })
    }

    /// The pipeline file.
    pub(super) fn pipeline(&self) -> &str {
        &self.pipeline
    }

    pub(super) fn docs(&self) -> PathBuf {
        self.path("docs")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.path("index")
    }

    /// A place beside the documents.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a document.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.docs().join(name);
        fs::create_dir_all(path.parent().context("a document lies in a folder")?)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes so many documents of about a hundred words.
    pub(super) fn fill(&self, documents: u32) -> Result<()> {
        (0..documents).try_for_each(|number| self.write(&name(number), &note(number, 0)))
    }

    /// How many records the ledger has.
    pub(super) fn records(&self) -> Result<usize> {
        Ok(fs::read_dir(self.index().join("ledger"))?.count())
    }
}

/// Where the document of a number lies, under `docs`.
pub(super) fn name(number: u32) -> String {
    format!("{}/{number}.txt", number / FOLDER)
}

/// The text of a document. Revisions share no passage.
pub(super) fn note(number: u32, revision: u32) -> String {
    let mut text = format!("Note {number} as of revision {revision}.\n");
    let mut state = u64::from(number) << 32 | u64::from(revision);
    for sentence in 0..10 {
        let words: Vec<&str> = (0..9).map(|_| word(&mut state)).collect();
        text.push_str(&format!("\nItem {sentence} says {}.", words.join(" ")));
    }
    text.push('\n');
    text
}

fn word(state: &mut u64) -> &'static str {
    // A linear congruential generator (Knuth's constants): the same documents on every machine.
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let at = (*state >> 33) as usize % WORDS.len();
    WORDS.get(at).copied().unwrap_or_default()
}

fn pipeline_text(shape: &Shape<'_>) -> String {
    let Shape { model, max_tokens, more } = shape;
    format!(
        "version = 1\nname = \"bench\"\n[index]\nuri = \"index\"\n[model]\nname = \"{model}\"\n\
         [chunk]\nmax_tokens = {max_tokens}\noverlap_tokens = 0\n{more}\n[[source]]\nname = \"docs\"\n\
         type = \"filesystem\"\nroot = \"docs\"\ninclude = [\"**/*\"]\n\
         default_acl = {{ readers = [\"group:bench\"] }}\n"
    )
}

/// Files under a folder, each looked at as a scan looks at it.
pub(super) fn walk(folder: &Path) -> Result<u64> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_dir() {
            files += walk(&entry.path())?;
        } else {
            files += 1;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_differ_and_are_the_same_each_time() {
        assert_eq!(note(7, 1), note(7, 1));
        assert_ne!(note(7, 1).lines().nth(2), note(7, 2).lines().nth(2));
        assert_ne!(note(7, 1).lines().nth(2), note(8, 1).lines().nth(2));
        assert_eq!(note(7, 1).split_whitespace().count(), 126);
    }

    #[test]
    fn a_walk_sees_every_file() {
        let corpus = Corpus::new(&Shape::default()).unwrap();
        corpus.fill(250).unwrap();
        assert_eq!(walk(&corpus.docs()).unwrap(), 250);
    }
}
