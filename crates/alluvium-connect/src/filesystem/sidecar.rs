//! Access lists of files: `<file>.acl.toml`, else the nearest `.acl.toml` of its folder or of one above
//! up to the root, else the source's default, else none.
//!
//! Which sidecars there are, the listing says. One that it saw and that can't be read afterwards counts
//! as unreadable: falling back to the next one could let in more readers than the sidecar did.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use alluvium_core::access::Acl;
use alluvium_core::change::AccessChange;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::version::Version;
use serde::Deserialize;

use super::misnamed::Misnamed;
use super::root::Root;

/// The name of a folder's sidecar, and the end of a file's.
pub(crate) const SUFFIX: &str = ".acl.toml";
/// The largest sidecar, in bytes.
const MAX_SIDECAR: u64 = 4 << 20;

/// Why a sidecar is no access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarError {
    /// The line, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl std::error::Error for SidecarError {}

impl fmt::Display for SidecarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sidecar {
    // A list without readers is more likely a slip than a wish; `readers = []` says that nobody may.
    readers: Vec<String>,
    #[serde(default)]
    denied: Vec<String>,
    tenant: Option<String>,
    classification: Option<String>,
}

/// The access list of a sidecar's text, canonical.
pub fn parse_sidecar(text: &str) -> Result<Acl, SidecarError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Sidecar { readers, denied, tenant, classification } = toml::from_str(text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        SidecarError { line, message: e.message().replace('\n', ", ") }
    })?;
    let acl = Acl { readers, denied, tenant, classification };
    acl.canonical().map_err(|e| SidecarError { line: None, message: e.to_string() })
}

/// Whether a file of this name is a sidecar.
pub(crate) fn is_sidecar(name: &OsStr) -> bool {
    name.as_bytes().ends_with(SUFFIX.as_bytes())
}

/// Where the access list of a document at `path` can be, the nearest place first.
pub(crate) fn sidecars_of(path: &Path) -> impl Iterator<Item = PathBuf> {
    let mut own = path.as_os_str().to_owned();
    own.push(SUFFIX);
    let above = path.ancestors().skip(1).map(|folder| folder.join(SUFFIX));
    std::iter::once(PathBuf::from(own)).chain(above)
}

/// What a sidecar at `path` is the list of: a document, or a folder.
pub(crate) fn subject_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes().strip_suffix(SUFFIX.as_bytes())?;
    Some(if name.is_empty() {
        path.parent()?.to_owned()
    } else {
        path.with_file_name(OsStr::from_bytes(name))
    })
}

/// The access lists of one scan.
pub(crate) struct AccessLists {
    present: HashSet<PathBuf>,
    misnamed: Misnamed,
    default: Option<Acl>,
    /// Sidecars of folders that were read.
    folders: HashMap<PathBuf, AccessChange>,
}

impl AccessLists {
    /// `present` are the sidecars of the listing, `misnamed` those that are none, `default` is canonical.
    pub(crate) fn new(present: HashSet<PathBuf>, misnamed: Misnamed, default: Option<Acl>) -> Self {
        Self { present, misnamed, default, folders: HashMap::new() }
    }

    /// The access half of the file at `path`.
    pub(crate) fn of(&mut self, root: &Root, path: &Path) -> AccessChange {
        let nearest = sidecars_of(path).find(|sidecar| self.present.contains(sidecar));
        if let Some(misnamed) = self.nearer(path, nearest.as_deref()) {
            let what = "is no list by this name, and is likely meant for this; rename or remove it";
            return unreadable(Cause::BadAccessList, format!("{}: {what}", misnamed.display()).as_str());
        }
        match nearest {
            // Folders' lists are read once a scan.
            Some(own) if own.file_name() != Some(OsStr::new(SUFFIX)) => read(root, &own),
            Some(nearest) => match self.folders.get(&nearest) {
                Some(access) => access.clone(),
                None => {
                    let access = read(root, &nearest);
                    self.folders.insert(nearest, access.clone());
                    access
                }
            },
            None => self.without_sidecar(),
        }
    }

    /// A list that was likely meant to hold rather than `nearest`, the one that would hold for `path`.
    fn nearer(&self, path: &Path, nearest: Option<&Path>) -> Option<PathBuf> {
        if self.misnamed.is_empty() {
            return None;
        }
        let until =
            sidecars_of(path).zip(path.ancestors()).take_while(|(list, _)| Some(list.as_path()) != nearest);
        let inside = |place: &Path| if place == path { None } else { self.misnamed.inside(place) };
        until.into_iter().find_map(|(_, place)| inside(place).or_else(|| self.misnamed.beside(place)))
    }

    fn without_sidecar(&self) -> AccessChange {
        match &self.default {
            Some(acl) => declared(acl.clone()),
            None => {
                let detail = "no sidecar, and the source has no default_acl";
                unreadable(Cause::NoAccessList, detail)
            }
        }
    }
}

fn declared(acl: Acl) -> AccessChange {
    AccessChange::Declared { version: Version::observed(), acl }
}

fn unreadable(cause: Cause, detail: &str) -> AccessChange {
    let refusal = Refusal::new(Stage::Access, cause, detail);
    AccessChange::Unreadable { version: Version::observed(), refusal }
}

fn read(root: &Root, path: &Path) -> AccessChange {
    match read_text(root, path).and_then(|text| parse_sidecar(&text).map_err(|e| e.to_string())) {
        Ok(acl) => declared(acl),
        Err(trouble) => {
            tracing::warn!(sidecar = %path.display(), %trouble, "an access list can't be read");
            let detail = format!("{}: {trouble}", path.display());
            unreadable(Cause::BadAccessList, detail.as_str())
        }
    }
}

fn read_text(root: &Root, path: &Path) -> Result<String, String> {
    let target = root.resolve(path).map_err(|e| e.to_string())?;
    let file = root.open_file(&target).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_SIDECAR + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_SIDECAR {
        return Err(format!("more than {MAX_SIDECAR} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sidecars_and_their_subjects() {
        let sidecars: Vec<PathBuf> = sidecars_of(Path::new("a/b.md")).collect();
        assert_eq!(sidecars, ["a/b.md.acl.toml", "a/.acl.toml", ".acl.toml"].map(PathBuf::from));
        let subject = |path: &str| subject_of(Path::new(path));
        assert_eq!(subject("a/b.md.acl.toml"), Some("a/b.md".into()));
        assert_eq!((subject("a/.acl.toml"), subject(".acl.toml")), (Some("a".into()), Some("".into())));
        assert_eq!(subject("a/b.md"), None);
    }

    #[test]
    fn lists() {
        let acl = parse_sidecar("readers = [\"b\", \"a\"]\nclassification = \"secret\"").unwrap();
        assert_eq!(acl.readers, ["a", "b"]);
        assert_eq!(acl.classification.as_deref(), Some("secret"));
        let error = |text: &str| parse_sidecar(text).unwrap_err().to_string();
        assert_eq!(
            error("readers = []\nreader = [\"a\"]"),
            "line 2: unknown field `reader`, expected one of `readers`, `denied`, `tenant`, `classification`"
        );
        assert_eq!(error(""), "line 1: missing field `readers`");
        assert!(error("readers = [\"a\"]\ndenied = \"b\"").starts_with("line 2: invalid type"));
        assert!(error("readers = [\"\"]").contains("empty"));
        assert!(error("readers = [").starts_with("line 1: "));
    }
}
