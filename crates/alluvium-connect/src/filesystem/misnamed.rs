//! Access lists that apply to nothing, and whom they were likely meant for.
//!
//! | beside it, in the folder | likely meant for |
//! |---|---|
//! | `report.md`, where the list is called `report.acl.toml` or `report.txt.acl.toml` | documents of the same stem |
//! | `reports/`, where it is called `reports.acl.toml` | the folder |
//! | `report.md`, where it is called `Report.md.acl.toml` | a name that differs in its case |
//! | `report.md`, where the end is another: `.acl.tml`, `.ACL.toml`, `.acl.yaml`, `.acl.toml.txt`, `_acl.toml` | that document |
//! | nothing more, where it is called `acl.toml`, `.acl.tml`, `.acl.yaml` … | the folder that it lies in |
//!
//! Whom such a list was likely meant for is served to nobody, unless a list that is called right says who may
//! read: a wider one must not hold instead. A list of which nothing of this is true is left over, and is only
//! named.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use alluvium_core::unmeant::is_unmeant;

use super::listing::Kind;
use super::sidecar::SUFFIX;

/// What is appended to a file's name for a copy of it, or by an editor.
const COPIES: [&str; 4] = [".txt", ".bak", ".old", ".orig"];
/// Formats that such a list might be written in instead.
const FORMATS: [&str; 3] = ["yaml", "yml", "json"];
/// How people get the middle of the name wrong.
const SLIPS: [&str; 5] = ["alc", "acls", "cal", "lac", "cla"];

/// A name that looks like that of an access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// The name of what it is the list of; empty for the folder that it lies in.
    name: String,
    /// Whether it is hardly anything but a list; else only one whose `name` is there.
    sure: bool,
    /// Whether it may be a copy of one.
    copy: bool,
}

impl Base {
    /// `None` for a name of another kind, and for that of a folder's list.
    pub(crate) fn of(name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        if let Some(base) = name.strip_suffix(SUFFIX) {
            return (!base.is_empty()).then(|| Self { name: base.to_owned(), sure: true, copy: false });
        }
        let lower = name.to_ascii_lowercase();
        let copied = COPIES.iter().find_map(|end| lower.strip_suffix(end));
        let rest = name.get(..copied.map_or(name.len(), str::len))?;
        let (base, sure) = likely_base(rest)?;
        Some(Self { name: base.to_owned(), sure, copy: copied.is_some() })
    }

    /// Whether a name is near that of a folder's list.
    pub(crate) fn is_of_folder(name: &OsStr) -> bool {
        Self::of(name).is_some_and(|base| base.name.is_empty())
    }

    /// Under what keys it looks for whom it was meant for.
    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Name(self.name.to_lowercase())];
        if self.sure {
            keys.push(Key::Stem(self.name.to_lowercase()));
            keys.push(Key::Stem(stem(&self.name).to_lowercase()));
        }
        keys
    }
}

/// What names have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Stem(String),
}

impl Key {
    /// Those of a document or a folder.
    fn of(name: &str) -> [Self; 2] {
        [Self::Name(name.to_lowercase()), Self::Stem(stem(name).to_lowercase())]
    }
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The base of a name that is not quite one, and whether it is hardly anything else.
fn likely_base(name: &str) -> Option<(&str, bool)> {
    let lower = name.to_ascii_lowercase();
    let cut = |end: &str| name.get(..name.len() - end.len());
    if lower.ends_with(SUFFIX) {
        return Some((cut(SUFFIX)?, true));
    }
    if let Some(end) = ["_acl.toml", "-acl.toml", ".acl"].into_iter().find(|end| lower.ends_with(end)) {
        return Some((cut(end)?, false));
    }
    let (head, format) = lower.rsplit_once('.')?;
    let (base, middle) = head.rsplit_once('.').unwrap_or(("", head));
    let near = middle == "acl" && strsim::osa_distance(format, "toml") <= 1;
    let slip = SLIPS.contains(&middle) && format == "toml";
    let other = middle == "acl" && FORMATS.contains(&format);
    (near || slip || other).then_some((name.get(..base.len())?, !other))
}

/// The misnamed lists of a tree, by folder, as it was last listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Misnamed {
    folders: BTreeMap<PathBuf, Suspects>,
}

/// Those of one folder.
#[derive(Debug, Clone, Default)]
struct Suspects {
    all: Vec<Suspect>,
    by_key: HashMap<Key, usize>,
}

#[derive(Debug, Clone)]
struct Suspect {
    name: OsString,
    base: Base,
    /// What it is likely called when it is called right; `None` where it is left over.
    meant: Option<String>,
}

impl Misnamed {
    pub(crate) fn clear(&mut self) {
        self.folders.clear();
    }

    /// Takes what a folder was found to hold in place of what was known of it.
    pub(crate) fn note(&mut self, folder: &Path, items: &[(OsString, Kind)]) {
        let suspects = Suspects::among(items);
        if suspects.all.is_empty() {
            self.folders.remove(folder);
        } else {
            self.folders.insert(folder.to_owned(), suspects);
        }
    }

    /// Folders that are gone hold nothing.
    pub(crate) fn forget(&mut self, folder: &Path) {
        self.folders.retain(|known, _| !known.starts_with(folder));
    }

    /// Whether the list at `path` is one of them.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        let suspects = path.parent().and_then(|folder| self.folders.get(folder));
        let named = |suspect: &Suspect| Some(suspect.name.as_os_str()) == path.file_name();
        suspects.is_some_and(|suspects| suspects.all.iter().any(named))
    }

    /// The list that was likely meant for the document or the folder at `path`, from beside it.
    pub(crate) fn beside(&self, path: &Path) -> Option<PathBuf> {
        let (folder, name) = (path.parent()?, path.file_name()?);
        Some(folder.join(&self.folders.get(folder)?.meant_for(name.to_str()?)?.name))
    }

    /// The list that was likely meant for the folder that it lies in.
    pub(crate) fn inside(&self, folder: &Path) -> Option<PathBuf> {
        let suspects = &self.folders.get(folder)?.all;
        Some(folder.join(&suspects.iter().find(|suspect| suspect.base.name.is_empty())?.name))
    }

    /// All of them: the path, and by what name it would be a list, where that can be told.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PathBuf, Option<PathBuf>)> {
        self.folders.iter().flat_map(|(folder, suspects)| {
            let all = suspects.all.iter();
            all.map(|s| (folder.join(&s.name), s.meant.as_ref().map(|meant| folder.join(meant))))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }
}

impl Suspects {
    /// The names in a folder that look like access lists and are none.
    fn among(items: &[(OsString, Kind)]) -> Self {
        let mut found = Self::default();
        let files = items.iter().filter(|(_, kind)| *kind != Kind::Folder);
        let likely: Vec<_> = files.filter_map(|(name, _)| Some((name, Base::of(name)?))).collect();
        if likely.is_empty() {
            return found;
        }
        let beside = Beside::of(items);
        for (name, base) in likely {
            let is_list = name.as_encoded_bytes().ends_with(SUFFIX.as_bytes());
            if is_list && beside.kinds.get(base.name.as_str()).is_some_and(|kind| *kind != Kind::Folder) {
                continue;
            }
            let meant = beside.right_name(&base);
            let has_right = meant.as_deref().is_some_and(|meant| beside.kinds.contains_key(meant));
            if (base.copy && has_right) || (!base.sure && meant.is_none()) {
                continue;
            }
            for key in base.keys() {
                found.by_key.entry(key).or_insert(found.all.len());
            }
            found.all.push(Suspect { name: name.clone(), base, meant });
        }
        found
    }

    fn meant_for(&self, name: &str) -> Option<&Suspect> {
        Key::of(name).iter().find_map(|key| self.all.get(*self.by_key.get(key)?))
    }
}

/// What a folder holds, to be looked up.
struct Beside<'i> {
    kinds: HashMap<&'i str, Kind>,
    /// The first of each key, without lists and what nobody means.
    by_key: HashMap<Key, &'i str>,
}

impl<'i> Beside<'i> {
    fn of(items: &'i [(OsString, Kind)]) -> Self {
        let named = || items.iter().filter_map(|(name, kind)| Some((name.to_str()?, *kind)));
        let mut by_key: HashMap<Key, &str> = HashMap::new();
        for (name, _) in named().filter(|(name, _)| can_be_meant(name)) {
            for key in Key::of(name) {
                let first = by_key.entry(key).or_insert(name);
                *first = name.min(*first);
            }
        }
        Self { kinds: named().collect(), by_key }
    }

    /// What a list would have to be called to be that of the first whom it was likely meant for.
    fn right_name(&self, base: &Base) -> Option<String> {
        if base.name.is_empty() {
            return Some(SUFFIX.to_owned());
        }
        let exact = self.kinds.get_key_value(base.name.as_str()).map(|(name, _)| *name);
        let known = || base.keys().iter().find_map(|key| self.by_key.get(key).copied());
        let name = exact.or_else(known)?;
        let of_folder = self.kinds.get(name) == Some(&Kind::Folder);
        Some(if of_folder { format!("{name}/{SUFFIX}") } else { format!("{name}{SUFFIX}") })
    }
}

fn can_be_meant(name: &str) -> bool {
    !is_unmeant(name.as_bytes()) && Base::of(OsStr::new(name)).is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is found in a folder of these names (folders end with a slash): lists, and what they are meant for.
    fn found(names: &[&str]) -> Vec<(String, Option<String>)> {
        let items: Vec<_> = names
            .iter()
            .map(|name| match name.strip_suffix('/') {
                Some(folder) => (OsString::from(folder), Kind::Folder),
                None => (OsString::from(name), Kind::File),
            })
            .collect();
        let mut misnamed = Misnamed::default();
        misnamed.note(Path::new(""), &items);
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        misnamed.all().map(|(path, meant)| (text(path), meant.map(text))).collect()
    }

    #[test]
    fn lists_that_apply_to_something_are_left_alone() {
        for fine in [
            &["report.md", "report.md.acl.toml"][..],
            &[".acl.toml", "a.md", ".acl.toml.bak"],
            &["report.md", "report.md.acl.toml", "report.md.acl.toml.bak"],
            &["picture.png", "picture.png.acl.toml"],
            &["notes.acl.json", "other.md"],
            &["config.toml", "all.toml", "oracle.toml", "acl.md", "acl.txt"],
        ] {
            assert_eq!(found(fine), [], "{fine:?}");
        }
    }

    #[test]
    fn whom_they_were_meant_for() {
        for (name, beside, right) in [
            ("report.acl.toml", "report.md", "report.md.acl.toml"),
            ("report.txt.acl.toml", "report.md", "report.md.acl.toml"),
            ("Report.md.acl.toml", "report.md", "report.md.acl.toml"),
            ("reports.acl.toml", "reports/", "reports/.acl.toml"),
            ("Reports.acl.toml", "reports/", "reports/.acl.toml"),
            ("report.md.acl.tml", "report.md", "report.md.acl.toml"),
            ("report.md.acl.yaml", "report.md", "report.md.acl.toml"),
            ("report.md.acl.toml.txt", "report.md", "report.md.acl.toml"),
            ("report.md.ACL.toml", "report.md", "report.md.acl.toml"),
            ("report.md.acl.TOML", "report.md", "report.md.acl.toml"),
            ("report.md.alc.toml", "report.md", "report.md.acl.toml"),
            ("report.md_acl.toml", "report.md", "report.md.acl.toml"),
            ("report.md.acl", "report.md", "report.md.acl.toml"),
            ("acl.toml", "x.md", ".acl.toml"),
            (".acl.tml", "x.md", ".acl.toml"),
            (".acl.yaml", "x.md", ".acl.toml"),
            (".ACL.toml", "x.md", ".acl.toml"),
            (".acl.toml.txt", "x.md", ".acl.toml"),
            (".acl.toml.bak", "x.md", ".acl.toml"),
        ] {
            assert_eq!(found(&[name, beside]), [(name.to_owned(), Some(right.to_owned()))], "{name}");
        }
    }

    #[test]
    fn what_is_left_over_means_nobody() {
        for (left, beside) in [
            ("a.md.acl.toml", "b.md"),
            ("page1.md.acl.toml", "page2.md"),
            ("guide-en.md.acl.toml", "guide-de.md"),
        ] {
            assert_eq!(found(&[left, beside]), [(left.to_owned(), None)], "{beside}");
        }
    }

    #[test]
    fn both_a_document_and_a_folder_can_be_meant() {
        let mut misnamed = Misnamed::default();
        let items = [("report.acl.toml", Kind::File), ("report.md", Kind::File), ("report", Kind::Folder)];
        let items = items.map(|(name, kind)| (OsString::from(name), kind));
        misnamed.note(Path::new("a"), &items);
        for meant in ["a/report.md", "a/report"] {
            assert_eq!(misnamed.beside(Path::new(meant)), Some("a/report.acl.toml".into()));
        }
        assert_eq!(misnamed.beside(Path::new("a/rapport.md")), None);
        assert_eq!(misnamed.beside(Path::new("report.md")), None);
        assert!(misnamed.contains(Path::new("a/report.acl.toml")));
        misnamed.forget(Path::new("a"));
        assert!(misnamed.is_empty());
    }
}
