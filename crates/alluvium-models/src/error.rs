//! What can be wrong with a model, a runtime library or a fetch, and what mends it.

use std::io;
use std::path::{Path, PathBuf};

/// An error about models. Its text names the file and the mend; [`ModelError::next`] gives the mend
/// alone, for callers that show it apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The pipeline names a model that the registry does not have.
    #[error("no model `{name}`{}: known are {known}", hint(*.nearest))]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
        /// All names, comma-separated.
        known: String,
    },
    /// Neither `ALLUVIUM_HOME` nor a home directory is known.
    #[error("no folder for models: neither ALLUVIUM_HOME nor HOME is set; {}", self.next())]
    NoHome,
    /// A file of a model, or the runtime library, is not there.
    #[error("{of}: {path} is missing; {next}", path = .path.display())]
    Missing {
        /// `model NAME` or `ONNX Runtime`.
        of: String,
        /// The file.
        path: PathBuf,
        /// What mends it.
        next: String,
    },
    /// A file is there and has no bytes.
    #[error("{of}: {path} is empty; {next}", path = .path.display())]
    Empty {
        /// `model NAME` or `ONNX Runtime`.
        of: String,
        /// The file.
        path: PathBuf,
        /// What mends it.
        next: String,
    },
    /// A file has other bytes than the pinned ones.
    #[error("{of}: {path} has sha256 {found}, expected {expected}; {next}", path = .path.display())]
    Corrupt {
        /// `model NAME` or `ONNX Runtime`.
        of: String,
        /// The file.
        path: PathBuf,
        /// The pinned hash.
        expected: String,
        /// The hash of what is there.
        found: String,
        /// What mends it.
        next: String,
    },
    /// No pinned runtime library for this machine.
    #[error("no pinned ONNX Runtime for {platform} (there is one for {known}); {}", self.next())]
    UnsupportedPlatform {
        /// This machine, `os-arch`.
        platform: String,
        /// The machines that have one.
        known: String,
    },
    /// A package client is not installed.
    #[error("`{client}` is needed to fetch {package}, and it does not run here; {install}")]
    ClientMissing {
        /// The client as it is called.
        client: String,
        /// The package that was wanted.
        package: String,
        /// What to install.
        install: &'static str,
    },
    /// A package client ran and failed.
    #[error("`{command}` failed ({status}): {output}")]
    ClientFailed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// The archive that came is not the pinned one; it was not opened.
    #[error(
        "package {package}: the archive has sha256 {found}, expected {expected}: \
         another one was published under this version, or it was altered on its way"
    )]
    ArchiveHash {
        /// `name@version`.
        package: String,
        /// The pinned hash.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// An archive lacks a member, or holds what must not be extracted.
    #[error("archive {archive}: {why}", archive = .archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file of the package cannot be converted.
    #[error("cannot convert {file}: {why}", file = .file.display())]
    Convert {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ModelError {
    /// A stable name for scripts (`error.code` in JSON).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "model_unknown",
            Self::NoHome => "model_home_unknown",
            Self::Missing { .. } => "model_file_missing",
            Self::Empty { .. } => "model_file_empty",
            Self::Corrupt { .. } => "model_file_corrupt",
            Self::UnsupportedPlatform { .. } => "model_platform_unsupported",
            Self::ClientMissing { .. } => "model_client_missing",
            Self::ClientFailed { .. } => "model_client_failed",
            Self::ArchiveHash { .. } => "model_archive_hash",
            Self::Archive { .. } => "model_archive_invalid",
            Self::Convert { .. } => "model_conversion_failed",
            Self::Io { .. } => "model_io",
        }
    }

    /// The file that this is about, if it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path, .. }
            | Self::Empty { path, .. }
            | Self::Corrupt { path, .. }
            | Self::Io { path, .. } => Some(path),
            Self::Archive { archive: path, .. } | Self::Convert { file: path, .. } => Some(path),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            Self::UnknownModel { nearest: Some(name), .. } => format!("name `{name}`"),
            Self::UnknownModel { .. } => "see `alluvium models list`".to_owned(),
            Self::NoHome => "set ALLUVIUM_HOME to a folder that may be written".to_owned(),
            Self::Missing { next, .. } | Self::Empty { next, .. } | Self::Corrupt { next, .. } => {
                next.clone()
            }
            Self::UnsupportedPlatform { .. } => {
                "use one of these machines, or put a libonnxruntime 1.24 or newer into \
                 ALLUVIUM_HOME/lib"
                    .to_owned()
            }
            Self::ClientMissing { install, .. } => (*install).to_owned(),
            Self::ClientFailed { .. } => "run the command by hand to see all it says".to_owned(),
            Self::ArchiveHash { .. } | Self::Archive { .. } | Self::Convert { .. } => {
                "fetch again; if it stays so, the package is not the one that was pinned".to_owned()
            }
            Self::Io { .. } => "check the folder's permissions and free space".to_owned(),
        }
    }

    pub(crate) fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }
}

fn hint(nearest: Option<&'static str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
