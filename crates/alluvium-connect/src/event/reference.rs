//! Content by reference: files beneath folders that the source declares, and nothing else.

use std::path::{Component, Path, PathBuf};

use alluvium_core::percent::decode;
use alluvium_core::quarantine::{Cause, Refusal, Stage};

use crate::filesystem::read::{Outcome, read};
use crate::filesystem::root::Root;

/// The folders that events may refer to.
#[derive(Debug, Clone, Default)]
pub struct ContentRoots(Vec<PathBuf>);

impl ContentRoots {
    /// These folders; with none, every reference is refused.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self(folders)
    }

    /// Reads what `uri` refers to: a `file://` URI, an absolute path, or a path beneath one of the
    /// folders, the first that has it. Links on the way are not followed.
    pub(super) fn read(&self, uri: &str, max: u64) -> Result<Vec<u8>, Refusal> {
        let refuse = |cause, detail: String| Refusal::new(Stage::Read, cause, detail);
        let path = local_path(uri).ok_or_else(|| {
            let detail = format!("content.uri {uri:?} is neither a file:// URI nor a path");
            refuse(Cause::BadEvent, detail)
        })?;
        let mut vanished = false;
        for (root, path) in self.0.iter().filter_map(|folder| beneath(folder, &path)) {
            match read(&root, &path, max) {
                Outcome::Read { bytes, .. } => return Ok(bytes),
                Outcome::Refused { refusal, .. } => return Err(refusal),
                Outcome::Vanished => vanished = true,
            }
        }
        Err(if vanished {
            let detail = format!("there is no file at content.uri {uri:?}; send the event again with one");
            refuse(Cause::Vanished, detail)
        } else {
            let detail = format!(
                "content.uri {uri:?} is not beneath one of the source's content_roots; add its folder there, \
                 or send the content itself"
            );
            refuse(Cause::Unreadable, detail)
        })
    }
}

/// The folder, opened, and the path relative to it.
fn beneath(folder: &Path, path: &Path) -> Option<(Root, PathBuf)> {
    let root = Root::open(folder)
        .inspect_err(
            |error| tracing::warn!(folder = %folder.display(), %error, "a content root can't be opened"),
        )
        .ok()?;
    let relative = if path.is_absolute() {
        path.strip_prefix(root.path()).or_else(|_| path.strip_prefix(folder)).ok()?
    } else {
        path
    };
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && relative.file_name().is_some()).then(|| (root, relative.to_owned()))
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_is_beneath_a_declared_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("in/deep")).unwrap();
        std::fs::write(at("in/deep/a b.md"), "A").unwrap();
        std::fs::write(at("out.md"), "secret").unwrap();
        std::os::unix::fs::symlink(at("out.md"), at("in/link.md")).unwrap();
        let roots = ContentRoots::new(vec![at("none"), at("in")]);
        let read = |uri: &str| roots.read(uri, 10).map_err(|refusal| refusal.cause);
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
            ("https://example.org/a.md", Cause::BadEvent),
            ("file://host/a.md", Cause::BadEvent),
            ("file:///%zz", Cause::BadEvent),
            ("", Cause::BadEvent),
        ] {
            assert_eq!(read(uri), Err(cause), "{uri}");
        }
        assert_eq!(roots.read("deep/a b.md", 0).unwrap_err().cause, Cause::TooLarge);
        let none = ContentRoots::default().read(&inside, 10).unwrap_err();
        assert!(none.detail.contains("add its folder there"), "{none}");
    }
}
