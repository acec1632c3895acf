//! Content by reference: files beneath folders and objects in buckets that the source declares, and nothing
//! else.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use alluvium_core::percent::decode;
use alluvium_core::quarantine::{Cause, Refusal, Stage};

use crate::bucket::{self, Buckets, is_object};
use crate::filesystem::read::{Outcome, read};
use crate::filesystem::root::Root;

/// The folders and buckets that events may refer to.
#[derive(Debug, Clone, Default)]
pub struct ContentRoots {
    folders: Vec<PathBuf>,
    buckets: Option<Arc<Buckets>>,
}

impl ContentRoots {
    /// These folders; with none, every reference is refused.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, buckets: None }
    }

    /// And these buckets.
    pub(super) fn with_buckets(self, buckets: Buckets) -> Self {
        Self { buckets: Some(Arc::new(buckets)), ..self }
    }

    /// Reads what `uri` refers to: an `s3://` URI, a `file://` URI, an absolute path, or a path beneath one of
    /// the folders, the first that has it. Links on the way are not followed. Blocks.
    pub(super) fn read(&self, uri: &str, max: u64) -> Result<Vec<u8>, Unread> {
        match &self.buckets {
            _ if !is_object(uri) => self.read_file(uri, max),
            Some(buckets) => buckets.read(uri, max),
            None => Err(bucket::undeclared(uri)),
        }
    }

    fn read_file(&self, uri: &str, max: u64) -> Result<Vec<u8>, Unread> {
        let path = local_path(uri).ok_or_else(|| {
            let detail = format!("content.uri {uri:?} is neither an s3:// URI, a file:// URI nor a path");
            refuse(Cause::BadEvent, detail)
        })?;
        let (mut vanished, mut away) = (false, None);
        for folder in &self.folders {
            let root = match Root::open(folder) {
                Ok(root) => root,
                Err(error) if may_hold(folder, &path) => {
                    let folder = folder.display();
                    away =
                        Some(format!("the folder {folder} of content.uri {uri:?} can't be opened: {error}"));
                    continue;
                }
                Err(_) => continue,
            };
            let Some(path) = beneath(&root, folder, &path) else { continue };
            match read(&root, &path, max) {
                Outcome::Read { bytes, .. } => return Ok(bytes),
                Outcome::Refused { refusal, .. } => return Err(Unread::Refused(refusal)),
                Outcome::Vanished => vanished = true,
            }
        }
        Err(match away {
            Some(away) => Unread::Away(away),
            None if vanished => {
                let detail =
                    format!("there is no file at content.uri {uri:?}; send the event again with one");
                refuse(Cause::Vanished, detail)
            }
            None => {
                let detail = format!(
                    "content.uri {uri:?} is not beneath one of the source's content_roots; add its folder \
                     there, or send the content itself"
                );
                refuse(Cause::Unreadable, detail)
            }
        })
    }
}

/// Why a reference gave nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It leads nowhere, or where it may not.
    Refused(Refusal),
    /// A folder or a store that may hold it can't be had now.
    Away(String),
}

pub(crate) fn refuse(cause: Cause, detail: String) -> Unread {
    Unread::Refused(Refusal::new(Stage::Read, cause, detail))
}

/// The path relative to the folder, which is opened as `root`.
fn beneath(root: &Root, folder: &Path, path: &Path) -> Option<PathBuf> {
    let relative = if path.is_absolute() {
        path.strip_prefix(root.path()).or_else(|_| path.strip_prefix(folder)).ok()?
    } else {
        path
    };
    is_plain(relative).then(|| relative.to_owned())
}

/// Whether a folder that can't be opened may hold what lies at `path`.
fn may_hold(folder: &Path, path: &Path) -> bool {
    let relative = if path.is_absolute() { path.strip_prefix(folder) } else { Ok(path) };
    relative.is_ok_and(is_plain)
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_))) && path.file_name().is_some()
}

/// The path of a reference; `None` for other schemes and bad escapes.
fn local_path(uri: &str) -> Option<PathBuf> {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return (!uri.is_empty() && !uri.contains('\0')).then(|| PathBuf::from(uri));
    };
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    path.starts_with('/').then(|| decode(path)).flatten().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_what_is_beneath_a_declared_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("in/deep")).unwrap();
        std::fs::write(at("in/deep/a b.md"), "A").unwrap();
        std::fs::write(at("out.md"), "secret").unwrap();
        std::os::unix::fs::symlink(at("out.md"), at("in/link.md")).unwrap();
        let roots = ContentRoots::new(vec![at("in")]);
        let refused = |unread| match unread {
            Unread::Refused(refusal) => refusal,
            Unread::Away(why) => panic!("{why}"),
        };
        let read = |uri: &str| roots.read(uri, 10).map_err(|unread| refused(unread).cause);
        let inside = at("in/deep/a b.md").display().to_string();
        let escaped = format!("file://{}", inside.replace(' ', "%20"));
        for uri in [inside.as_str(), &escaped, "deep/a b.md"] {
            assert_eq!(read(uri), Ok(b"A".to_vec()), "{uri}");
        }
        let outside = at("out.md").display().to_string();
        let climbing = at("in/../out.md").display().to_string();
        for (uri, cause) in [
            (outside.as_str(), Cause::Unreadable),
            (&climbing, Cause::Unreadable),
            ("../out.md", Cause::Unreadable),
            ("link.md", Cause::Vanished),
            ("deep", Cause::Vanished),
            ("deep/b.md", Cause::Vanished),
            ("s3://bucket/a.md", Cause::Unreadable),
            ("https://example.org/a.md", Cause::BadEvent),
            ("file://host/a.md", Cause::BadEvent),
            ("file:///%zz", Cause::BadEvent),
            ("", Cause::BadEvent),
        ] {
            assert_eq!(read(uri), Err(cause), "{uri}");
        }
        assert_eq!(refused(roots.read("deep/a b.md", 0).unwrap_err()).cause, Cause::TooLarge);
        let none = refused(ContentRoots::default().read(&inside, 10).unwrap_err());
        assert!(none.detail.contains("add its folder there"), "{none}");
    }

    #[test]
    fn what_may_lie_in_a_folder_that_is_away_is_not_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("in")).unwrap();
        std::fs::write(at("in/a.md"), "A").unwrap();
        let roots = ContentRoots::new(vec![at("away"), at("in")]);
        assert_eq!(roots.read("a.md", 10), Ok(b"A".to_vec()), "another folder has it");
        let beneath_away = at("away/b.md").display().to_string();
        for uri in ["b.md", beneath_away.as_str()] {
            let Err(Unread::Away(why)) = roots.read(uri, 10) else { panic!("{uri}") };
            assert!(why.contains("away of content.uri") && why.contains("can't be opened"), "{why}");
        }
        let beside = at("in/b.md").display().to_string();
        let climbing = at("away/../b.md").display().to_string();
        for uri in [beside.as_str(), &climbing, "../b.md"] {
            assert!(matches!(roots.read(uri, 10), Err(Unread::Refused(_))), "{uri}");
        }
        std::fs::create_dir_all(at("away")).unwrap();
        std::fs::write(at("away/b.md"), "B").unwrap();
        assert_eq!(roots.read("b.md", 10), Ok(b"B".to_vec()));
    }
}
