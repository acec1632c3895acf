//! What can go wrong with an index, and what to do about it.

use std::error::Error;
use std::path::PathBuf;

use alluvium_core::checkpoint::CheckpointError;
use alluvium_core::commit::CommitError;
use alluvium_core::ledger::{Record, RecordError};
use jiff::Timestamp;

mod causes;

pub(crate) use causes::by_the_system;
use causes::{conflicts, damaged};

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another process writes this index.
    Held,
    /// Another writer took over while this one worked.
    Fenced,
    /// The index belongs to another pipeline.
    OtherPipeline,
    /// The index holds vectors of another model or chunks cut otherwise.
    OtherGeneration,
    /// Storage failed.
    Storage,
    /// Something on storage is not what the ledger says.
    Corrupt,
    /// There is no such thing.
    NotFound,
    /// What was asked can't be answered, whatever the index holds.
    Request,
    /// There is one already.
    Exists,
    /// The document is erased already.
    Erased,
    /// A name that can't be one.
    BadName,
    /// A person paused ingestion.
    Paused,
    /// Nothing would change.
    AlreadyLive,
}

/// Why an index could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process holds the lock.
    #[error("the index {root} is held by {holder}")]
    Held {
        /// The index.
        root: String,
        /// Process, host and since when.
        holder: String,
    },
    /// Another writer published where this one meant to.
    #[error("fenced: {0}")]
    Fenced(String),
    /// Another pipeline's index.
    #[error("the index {root} belongs to the pipeline {found:?}, this is {expected:?}")]
    OtherPipeline {
        /// The index.
        root: String,
        /// Whose it is.
        found: String,
        /// Who asks.
        expected: String,
    },
    /// Another model or chunker.
    #[error(
        "the index {root} holds generation {found}: {found_is}; the pipeline asks for {expected}: {expected_is}"
    )]
    OtherGeneration {
        /// The index.
        root: String,
        /// The live generation.
        found: String,
        /// What it is.
        found_is: String,
        /// The generation asked for.
        expected: String,
        /// What that is.
        expected_is: String,
    },
    /// A ledger record can't be trusted.
    #[error("ledger record {name} {error}")]
    Record {
        /// Its file name.
        name: String,
        /// Why.
        error: RecordError,
    },
    /// A table named by the ledger is not there, or not at that version.
    #[error("table {table} at version {version}, which the ledger names, can't be opened: {message}")]
    MissingVersion {
        /// The table.
        table: String,
        /// The version.
        version: u64,
        /// What storage said.
        message: String,
    },
    /// A table is not of the shape that this program writes.
    #[error("table {table}: {message}")]
    Shape {
        /// The table.
        table: String,
        /// What is wrong.
        message: String,
    },
    /// A search that can't be carried out.
    #[error("{0}")]
    Request(String),
    /// A condition on what neither a column nor the metadata has.
    #[error(
        "{key} is no column, and no document that these principals may read has it in its metadata{}",
        named(.nearest.as_deref())
    )]
    UnknownKey {
        /// The key.
        key: String,
        /// What was likely meant.
        nearest: Option<String>,
    },
    /// Progress that does not fit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no such thing in the index.
    #[error("{0}")]
    NotFound(String),
    /// It was there, and retention let it go.
    #[error(
        "{what} was vacuumed: every record from {floor} on is kept, and older ones only where a release names them"
    )]
    Vacuumed {
        /// Which record.
        what: String,
        /// The oldest record of those that are all kept.
        floor: u64,
    },
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// The document is erased already.
    #[error("{0} is erased already")]
    Erased(String),
    /// A name that can't be one.
    #[error("{0}")]
    BadName(String),
    /// Nothing would change.
    #[error("record {0} is the live one already")]
    AlreadyLive(u64),
    /// A person paused ingestion, as every rollback does.
    #[error("the index {root} is paused since record {seq}, {since}")]
    Paused {
        /// The index.
        root: String,
        /// The newest record.
        seq: u64,
        /// When it was written.
        since: Timestamp,
    },
    /// Storage failed.
    #[error("{action}: {message}")]
    Storage {
        /// What was being done.
        action: String,
        /// What storage said.
        message: String,
    },
    /// Something that the ledger names is not there, or is not what was written.
    #[error("{action}: {message}")]
    Damaged {
        /// What was being done.
        action: String,
        /// What storage said.
        message: String,
    },
    /// A file operation failed.
    #[error("{action} {path}: {error}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The result of this crate.
pub(crate) type Result<T> = std::result::Result<T, IndexError>;

fn named(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; the nearest is {nearest}")).unwrap_or_default()
}

impl ErrorKind {
    /// What a person does next.
    pub fn next(self) -> &'static str {
        match self {
            Self::Held => "wait for it to finish, or stop it",
            Self::Fenced => "another writer is at work; start again once it has finished",
            Self::OtherPipeline => "give this pipeline an index.uri of its own, or use that pipeline's file",
            Self::OtherGeneration => {
                "put back the model and chunk settings that the index was built with, or give index.uri another folder and backfill it"
            }
            Self::Storage => "check the disk and its permissions, then run the same command again",
            Self::Corrupt => {
                "restore the index folder from a copy, or move it away and run `alluvium backfill`"
            }
            Self::NotFound => "check the name",
            Self::Request => "ask otherwise",
            Self::BadName => "choose another name",
            Self::Exists => "choose another name, or drop the other first",
            Self::Erased => "nothing is left to do; `alluvium erase --undo` lets the id be used again",
            Self::Paused => "run `alluvium resume` once what was rolled back is mended",
            Self::AlreadyLive => "name an earlier record: `alluvium releases list` shows them",
        }
    }
}

impl IndexError {
    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Held { .. } => ErrorKind::Held,
            Self::Fenced(_) => ErrorKind::Fenced,
            Self::OtherPipeline { .. } => ErrorKind::OtherPipeline,
            Self::OtherGeneration { .. } => ErrorKind::OtherGeneration,
            Self::Record { .. } | Self::MissingVersion { .. } | Self::Shape { .. } => ErrorKind::Corrupt,
            Self::Checkpoint(_) | Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Request(_) | Self::UnknownKey { .. } => ErrorKind::Request,
            Self::Storage { .. } | Self::Io { .. } => ErrorKind::Storage,
            Self::NotFound(_) | Self::Vacuumed { .. } => ErrorKind::NotFound,
            Self::Exists(_) => ErrorKind::Exists,
            Self::Erased(_) => ErrorKind::Erased,
            Self::BadName(_) => ErrorKind::BadName,
            Self::Paused { .. } => ErrorKind::Paused,
            Self::AlreadyLive(_) => ErrorKind::AlreadyLive,
        }
    }

    /// What a person does next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => {
                "name a column (`alluvium search --help` lists them) or a key that the documents have"
            }
            Self::Vacuumed { .. } => {
                "name a later record or a release, as `alluvium releases list` shows them; index.keep_for and index.keep_last say how much is kept"
            }
            Self::Record { .. } => {
                "put the file back from a copy; or, if it is the newest record and was being written when the \
                 machine went down, remove it: the index is then what the record before it says"
            }
            _ => self.kind().next(),
        }
    }

    /// A record that retention let go.
    pub(crate) fn vacuumed(seq: u64, floor: u64) -> Self {
        Self::Vacuumed { what: format!("record {seq}"), floor }
    }

    /// Fenced by the writer of `record`.
    pub(crate) fn fenced_by(record: &Record) -> Self {
        let (by, seq, epoch, since) = (&record.writer, record.seq, record.epoch, record.created_at);
        Self::Fenced(format!(
            "process {} on {} has taken over since {since} (record {seq}, epoch {epoch})",
            by.pid, by.host
        ))
    }

    /// A storage failure while doing `action`. A conflict is another writer's doing. Where something that
    /// has to be there is not, or is not what was written, the index is damaged.
    pub(crate) fn storage<E: Error + 'static>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |error| {
            let message = said(&error);
            if conflicts(&error) {
                Self::Fenced(format!("{action}: another writer was there: {message}"))
            } else if damaged(&error) {
                Self::Damaged { action, message }
            } else {
                Self::Storage { action, message }
            }
        }
    }
}

/// What an error of Lance says, without the place in Lance's sources that it ends with.
pub(crate) fn said(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    match text.rsplit_once(", ") {
        Some((said, place)) if place.contains(".rs:") && !place.contains(' ') => said.to_owned(),
        _ => text,
    }
}

impl From<IndexError> for CommitError {
    fn from(error: IndexError) -> Self {
        match error.kind() {
            // Both errors begin with the same word.
            ErrorKind::Fenced | ErrorKind::Held => Self::Fenced(match error {
                IndexError::Fenced(by) => by,
                error => error.to_string(),
            }),
            ErrorKind::Corrupt => Self::Inconsistent(error.to_string()),
            ErrorKind::Paused => Self::Paused(error.to_string()),
            _ => Self::Storage(error.to_string()),
        }
    }
}
