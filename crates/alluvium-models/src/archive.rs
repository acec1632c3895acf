//! Taking named members out of a `.tgz` or a zip (a wheel), and nothing else.
//!
//! The archive decides neither where a file goes nor how large it may be: both are the caller's.
//! So a member's name cannot lead out of a folder, whatever it says, and links are never followed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use crate::error::ModelError;

/// No member that we take is larger; an archive that says otherwise is not the one that was meant.
const MAX_MEMBER_BYTES: u64 = 512 << 20;

/// A member to take, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Exact path within the archive.
    pub member: String,
    /// The file to write.
    pub to: PathBuf,
}

/// Writes each wanted member to its file. Each must be there, once, and be a plain file.
///
/// # Errors
/// [`ModelError::Archive`] when a member is missing, is not a plain file, is too large or damaged,
/// or when the file is no archive; [`ModelError::Io`] when a file cannot be written.
pub fn extract(archive: &Path, wanted: &[Wanted]) -> Result<(), ModelError> {
    extract_bounded(archive, wanted, MAX_MEMBER_BYTES)
}

fn extract_bounded(archive: &Path, wanted: &[Wanted], limit: u64) -> Result<(), ModelError> {
    let file = File::open(archive).map_err(ModelError::io("open", archive))?;
    let is_zip = archive.extension().is_some_and(|extension| extension == "whl" || extension == "zip");
    let reader = Reader { archive, wanted, limit };
    if is_zip { reader.zip(BufReader::new(file)) } else { reader.tar_gz(BufReader::new(file)) }
}

struct Reader<'a> {
    archive: &'a Path,
    wanted: &'a [Wanted],
    limit: u64,
}

impl Reader<'_> {
    fn zip(&self, file: BufReader<File>) -> Result<(), ModelError> {
        let mut zip = ZipArchive::new(file).map_err(|error| self.bad(error))?;
        for wanted in self.wanted {
            let member = zip
                .by_name(&wanted.member)
                .map_err(|error| self.bad(format!("member {}: {error}", wanted.member)))?;
            if !member.is_file() {
                return Err(self.bad(format!("member {} is not a plain file", wanted.member)));
            }
            self.write(member, wanted)?;
        }
        Ok(())
    }

    /// One pass: a tarball has no index, and unpacking it twice costs seconds.
    fn tar_gz(&self, file: BufReader<File>) -> Result<(), ModelError> {
        let mut tar = tar::Archive::new(GzDecoder::new(file));
        let mut left: Vec<&Wanted> = self.wanted.iter().collect();
        for member in tar.entries().map_err(|error| self.bad(error))? {
            let member = member.map_err(|error| self.bad(error))?;
            let name = member.path_bytes().into_owned();
            let Some(at) = left.iter().position(|wanted| wanted.member.as_bytes() == name) else {
                continue;
            };
            let wanted = left.swap_remove(at);
            if !member.header().entry_type().is_file() {
                return Err(self.bad(format!("member {} is not a plain file", wanted.member)));
            }
            self.write(member, wanted)?;
            if left.is_empty() {
                return Ok(());
            }
        }
        match left.first() {
            None => Ok(()),
            Some(wanted) => Err(self.bad(format!("no member {}", wanted.member))),
        }
    }

    /// Copies at most the limit, counting what is unpacked rather than what a header claims.
    fn write(&self, member: impl Read, wanted: &Wanted) -> Result<(), ModelError> {
        let mut out =
            BufWriter::new(File::create_new(&wanted.to).map_err(ModelError::io("create", &wanted.to))?);
        let copied = io::copy(&mut member.take(self.limit + 1), &mut out)
            .map_err(|error| self.bad(format!("member {}: {error}", wanted.member)))?;
        if copied > self.limit {
            return Err(self.bad(format!("member {} is larger than {} bytes", wanted.member, self.limit)));
        }
        let file =
            out.into_inner().map_err(|error| ModelError::io("write", &wanted.to)(error.into_error()))?;
        file.sync_all().map_err(ModelError::io("write", &wanted.to))
    }

    fn bad(&self, why: impl ToString) -> ModelError {
        ModelError::Archive { archive: self.archive.to_path_buf(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
