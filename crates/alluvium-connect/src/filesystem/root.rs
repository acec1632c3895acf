//! The root of a scan: everything is opened beneath it, without following links.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::listing::Kind;
use super::read::is_gone;
use super::stamp::FileStat;

/// An open root.
pub(crate) struct Root {
    /// Without links.
    path: PathBuf,
    /// As it was named: a link in it may lead elsewhere later.
    named: PathBuf,
    dir: OwnedFd,
}

impl Root {
    pub(crate) fn open(named: &Path) -> io::Result<Self> {
        let path = named.canonicalize()?;
        let named = std::path::absolute(named)?;
        let back = named.components().any(|part| part == std::path::Component::ParentDir);
        let named = if back { path.clone() } else { named };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Self { path, named, dir })
    }

    /// The same place by a name that stays, for people and links.
    pub(crate) fn named(&self) -> &Path {
        &self.named
    }

    /// Whether its name still leads to this very folder.
    pub(crate) fn stands(&self) -> bool {
        let here = rustix::fs::fstat(&self.dir).ok();
        let there = rustix::fs::stat(&self.named).ok();
        here.zip(there)
            .is_some_and(|(here, there)| (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the link at `path` leads, relative to the root; an error if nowhere or out of it.
    pub(crate) fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let target = self.path.join(path).canonicalize()?;
        let relative = target.strip_prefix(&self.path).map_err(|_| io::Error::other("leaves the root"))?;
        Ok(relative.to_owned())
    }

    /// Looks at a path beneath the root. Only what is opened is believed.
    pub(crate) fn stat(&self, path: &Path) -> io::Result<FileStat> {
        self.path.join(path).symlink_metadata().map(|m| FileStat::of(&m))
    }

    /// What lies at `path`, reached without a link; `None` where nothing does.
    pub(crate) fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        let full = self.path.join(path);
        let found = full.parent().unwrap_or(&self.path).canonicalize().and_then(|folder| {
            let metadata = full.symlink_metadata()?;
            let direct = full.parent() == Some(folder.as_path());
            Ok(direct.then(|| Kind::of(metadata.file_type())))
        });
        match found {
            Err(e) if is_gone(&e) => Ok(None),
            found => found,
        }
    }

    /// Whether a link at `path` leads to a folder.
    pub(crate) fn links_folder(&self, path: &Path) -> bool {
        let full = self.path.join(path);
        full.symlink_metadata().is_ok_and(|m| m.is_symlink()) && full.metadata().is_ok_and(|m| m.is_dir())
    }

    /// Whether there is a regular file at `path`, reached without a link.
    pub(crate) fn holds_file(&self, path: &Path) -> bool {
        let full = self.path.join(path);
        full.symlink_metadata().is_ok_and(|m| m.is_file())
            && full.canonicalize().is_ok_and(|real| real == full)
    }

    /// Opens the regular file at `path`, which holds no link. A pipe or device that took its place
    /// since it was listed does not block, and is `NotFound` like anything else that is no file.
    pub(crate) fn open_file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = match self.open_beneath(path, flags) {
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR | rustix::io::Errno::XDEV) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            other => File::from(other?),
        };
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::ResolveFlags;
        use rustix::io::Errno;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..4 {
            match rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), resolve) {
                // Something was renamed meanwhile.
                Err(Errno::AGAIN) => {}
                // An old kernel, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => break,
                other => return other,
            }
        }
        rustix::fs::openat(&self.dir, path, flags, Mode::empty())
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        rustix::fs::openat(&self.dir, path, flags, Mode::empty())
    }
}
