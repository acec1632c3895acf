//! Names that travel through the whole system, each a type of its own so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("is empty")]
    Empty,
    /// The name holds a character that would make ids or file names ambiguous.
    #[error("holds {0:?}; allowed are letters, digits, '-', '_' and '.'")]
    Character(char),
    /// The name is longer than [`MAX_NAME`].
    #[error("is longer than {MAX_NAME} characters")]
    Long,
    /// A document id without a source in front.
    #[error("has no source: it must read SOURCE/ID")]
    NoSource,
}

/// The longest source or pipeline name, in bytes.
pub const MAX_NAME: usize = 64;
/// The longest document id, in bytes.
pub const MAX_DOC_ID: usize = 4096;

fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::Long);
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a name.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check_name(&name)?;
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A source's name in a pipeline file; it starts the ids of its documents.
    SourceName
}
name_type! {
    /// A pipeline's name; an index belongs to one.
    PipelineName
}
name_type! {
    /// The suffix of a generation's tables, derived from what shapes their rows.
    Generation
}

/// A document's id over all sources: the source's name, a slash, and the id within the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocId(String);

impl DocId {
    /// The id of `local` within `source`.
    pub fn new(source: &SourceName, local: &str) -> Result<Self, NameError> {
        if local.is_empty() {
            return Err(NameError::Empty);
        }
        Self::parse(format!("{source}/{local}"))
    }

    /// Takes a whole id, `SOURCE/ID`.
    pub fn parse(id: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        if id.len() > MAX_DOC_ID {
            return Err(NameError::Long);
        }
        let (source, local) = id.split_once('/').ok_or(NameError::NoSource)?;
        check_name(source)?;
        if local.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(c) = local.chars().find(|c| c.is_control()) {
            return Err(NameError::Character(c));
        }
        Ok(Self(id))
    }

    /// The source's name.
    pub fn source(&self) -> &str {
        self.0.split_once('/').map_or("", |(source, _)| source)
    }

    /// The id within the source; for a file its path under the root.
    pub fn local(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, local)| local)
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DocId {
    type Error = NameError;
    fn try_from(id: String) -> Result<Self, NameError> {
        Self::parse(id)
    }
}

impl From<DocId> for String {
    fn from(id: DocId) -> String {
        id.0
    }
}

impl fmt::Display for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a chunk: it depends on the document, the chunk's text and how many equal chunks of the
/// document precede it, and so survives edits elsewhere in the document.
pub fn chunk_id(doc: &DocId, chunk_hash: &Sha256, occurrence: usize) -> String {
    let parts = [doc.as_str().as_bytes(), chunk_hash.as_str().as_bytes(), &(occurrence as u64).to_be_bytes()];
    Sha256::of_parts(parts).short(32).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_splits_at_its_first_slash() {
        let id = DocId::parse("docs/a/b.md").unwrap();
        assert_eq!((id.source(), id.local()), ("docs", "a/b.md"));
    }

    #[test]
    fn names_that_would_be_ambiguous_are_refused() {
        assert_eq!(SourceName::new("a/b"), Err(NameError::Character('/')));
        assert_eq!(SourceName::new(""), Err(NameError::Empty));
        assert_eq!(DocId::parse("nosource"), Err(NameError::NoSource));
        assert_eq!(DocId::parse("s/a\nb"), Err(NameError::Character('\n')));
    }

    #[test]
    fn equal_chunks_of_a_document_have_ids_of_their_own() {
        let id = DocId::parse("s/a").unwrap();
        let hash = Sha256::of(b"x");
        assert_ne!(chunk_id(&id, &hash, 0), chunk_id(&id, &hash, 1));
    }
}
