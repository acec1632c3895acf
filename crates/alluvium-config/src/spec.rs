//! A pipeline, parsed and validated. Defaults are filled in, units are numbers, paths are joined to the
//! folder of the file.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use alluvium_core::hash::Sha256;
use alluvium_core::id::PipelineName;
use serde::Serialize;

use crate::error::{ConfigError, Problem};
use crate::kafka::PreparedSettings;
use crate::places::Places;
use crate::source::{OnUnreadable, SourceSpec};
use crate::value::Value;

/// A pipeline file, ready to build from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineSpec {
    /// The pipeline's name; an index belongs to one.
    pub name: Value<PipelineName>,
    /// Where the index is and how long its past is kept.
    pub index: IndexSpec,
    /// The embedding model.
    pub model: ModelSpec,
    /// How documents are cut.
    pub chunk: ChunkSpec,
    /// Limits of extraction.
    pub extract: ExtractSpec,
    /// How embedding uses the machine.
    pub embed: EmbedSpec,
    /// When a batch is committed.
    pub commit: CommitSpec,
    /// How sources are followed.
    pub run: RunSpec,
    /// The topic between preparers and the committer, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Box<PreparedSettings>>,
    /// The sources, at least one, in the order of the file.
    pub sources: Vec<SourceSpec>,
    /// The file, as the caller named it.
    #[serde(skip)]
    pub file: PathBuf,
    #[serde(skip)]
    pub(crate) places: Places,
}

/// `[index]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexSpec {
    /// `uri`, resolved: the index's folder.
    pub path: Value<PathBuf>,
    /// How long every publish can be rolled back to.
    pub keep_for: Duration,
    /// How many publishes can be rolled back to, however old.
    pub keep_last: u64,
    /// What a publish has survived once it is reported.
    pub durability: Durability,
}

/// What a publish has survived once it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Loss of power: files are synced first.
    Power,
    /// Death of the process only.
    Process,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelSpec {
    /// Its name in the registry; whether there is one, the caller finds out.
    pub name: Value<String>,
}

/// `[chunk]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChunkSpec {
    /// The most tokens of a chunk. Whether the model takes that many, the caller finds out.
    pub max_tokens: usize,
    /// How many tokens neighbours share; less than `max_tokens`.
    pub overlap_tokens: usize,
}

/// `[extract]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtractSpec {
    /// Memory of one worker, in bytes.
    pub memory: u64,
    /// CPU time for one document.
    pub cpu: Duration,
    /// Wall time for one document.
    pub wall: Duration,
    /// Worker processes; `None` is as many as there are cores.
    pub workers: Option<usize>,
    /// PDF engines, the first that makes it wins; not empty, no engine twice.
    pub pdf_engines: Vec<PdfEngine>,
    /// What becomes of what readers do not see.
    pub hidden: Hidden,
}

/// What becomes of what readers of a document do not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// It is left out, and counted.
    Drop,
    /// It is text like all else.
    Keep,
}

/// An engine that reads PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PdfEngine {
    /// `pdfboss`
    Pdfboss,
    /// `pdf-extract`
    PdfExtract,
}

impl PdfEngine {
    /// The word of the pipeline file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdfboss => "pdfboss",
            Self::PdfExtract => "pdf-extract",
        }
    }
}

/// `[embed]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbedSpec {
    /// Model sessions that run side by side; `None` is as many as there are cores.
    pub sessions: Option<usize>,
}

/// `[commit]`: the first of these that is reached commits the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitSpec {
    /// How long a prepared document waits at most.
    pub interval: Duration,
    /// Documents in a batch.
    pub max_documents: usize,
    /// Bytes of prepared documents in a batch.
    pub max_bytes: u64,
}

/// `[run]`: how sources are followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSpec {
    /// How long after a scan of a whole source the next one begins; it finds what went unheard.
    pub reconcile_interval: Duration,
    /// How long a file must be left alone before it is read.
    pub settle: Duration,
    /// How long what is on its way is waited for when the process is asked to end.
    pub drain_timeout: Duration,
}

impl PipelineSpec {
    /// Identity of the settings, for provenance: neither formatting nor key order nor the content of
    /// environment variables nor the folder that the file lies in changes it.
    pub fn config_hash(&self) -> Sha256 {
        Sha256::of_json(self)
    }

    /// An error of the caller's about a key, such as `chunk.max_tokens` or `source[0].root`, at its
    /// line; where the file leaves the key out, at the line of its table.
    pub fn at_key(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.places.error(key, Problem::Rejected(message.into()))
    }

    /// The names of sources that want nothing served of documents whose new content can't be read.
    pub fn hide_unreadable(&self) -> HashSet<String> {
        let hides = self.sources.iter().filter(|source| source.on_unreadable == OnUnreadable::Hide);
        hides.map(|source| source.name.as_str().to_owned()).collect()
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&SourceSpec> {
        self.sources.iter().find(|source| source.name.as_str() == name)
    }
}
