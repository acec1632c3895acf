//! Files that say what of their folder is left out: `.alluviumignore`, and `.gitignore` where the source asks
//! for it. The rules are Git's: of one line or the other the last that matches decides, of one folder or the
//! other the nearest, `!` takes back, and nothing comes back in a folder that is out itself.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::read::is_gone;
use super::root::Root;

/// Ours, which is always heard.
pub(crate) const OWN: &str = ".alluviumignore";
/// Git's.
pub(crate) const GIT: &str = ".gitignore";
/// The largest such file, in bytes, and the most rules.
const MOST_BYTES: u64 = 1 << 20;
const MOST_RULES: usize = 10_000;

/// The rules of the folders that one scan has come through.
pub(crate) struct Ignores {
    git: bool,
    folders: HashMap<PathBuf, Option<Rules>>,
    /// Whether any of them has rules.
    any: bool,
    /// Lines that are no rules.
    pub(crate) bad: Vec<(PathBuf, String)>,
}

impl Ignores {
    pub(crate) fn new(git: bool) -> Self {
        Self { git, folders: HashMap::new(), any: false, bad: Vec::new() }
    }

    /// Reads the rules of a folder, which really is at `real`. A file that is there and can't be read is an
    /// error: what it leaves out is not known then.
    pub(crate) fn enter(&mut self, root: &Root, folder: &Path, real: &Path) -> io::Result<()> {
        if self.folders.contains_key(folder) {
            return Ok(());
        }
        let mut builder = Builder::new();
        for name in [GIT, OWN].into_iter().filter(|name| self.git || *name == OWN) {
            let Some(text) = read(root, &real.join(name))? else { continue };
            for bad in builder.add(&text)? {
                self.bad.push((folder.join(name), bad));
            }
        }
        let rules = builder.build()?;
        self.any |= rules.is_some();
        self.folders.insert(folder.to_owned(), rules);
        Ok(())
    }

    /// Takes note of a folder that has no rules.
    pub(crate) fn enter_plain(&mut self, folder: &Path) {
        self.folders.entry(folder.to_owned()).or_default();
    }

    /// Whether a file of this name has rules.
    pub(crate) fn is_file(&self, name: &OsStr) -> bool {
        name == OWN || (self.git && name == GIT)
    }

    /// Whether the rules of the folders above leave a path out; the folders themselves are in.
    pub(crate) fn leave_out(&self, path: &Path, is_folder: bool) -> bool {
        if !self.any {
            return false;
        }
        let mut above = path.ancestors().skip(1);
        let verdict = above.find_map(|folder| {
            let rules = self.folders.get(folder)?.as_ref()?;
            rules.verdict(path.strip_prefix(folder).ok()?, is_folder)
        });
        verdict.unwrap_or(false)
    }
}

fn read(root: &Root, path: &Path) -> io::Result<Option<String>> {
    let file = match root.resolve(path).and_then(|target| root.open_file(&target)) {
        Ok(file) => file,
        // A link that leads nowhere, or a folder of that name, is no file, and no absence of one.
        Err(error) if is_gone(&error) && root.stat(path).is_err() => return Ok(None),
        Err(error) => return Err(io::Error::other(format!("{}: {error}", path.display()))),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("{} has more than {MOST_BYTES} bytes", path.display())));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

struct Rules {
    set: GlobSet,
    rules: Vec<Rule>,
}

#[derive(Clone, Copy)]
struct Rule {
    takes_back: bool,
    only_folders: bool,
}

impl Rules {
    /// Whether the path is out; `None` where no rule is about it.
    fn verdict(&self, path: &Path, is_folder: bool) -> Option<bool> {
        let matches = self.set.matches(path);
        let about = matches.iter().rev().filter_map(|glob| self.rules.get(*glob));
        let last = about.into_iter().find(|rule| is_folder || !rule.only_folders);
        last.map(|rule| !rule.takes_back)
    }
}

struct Builder {
    set: GlobSetBuilder,
    rules: Vec<Rule>,
}

impl Builder {
    fn new() -> Self {
        Self { set: GlobSetBuilder::new(), rules: Vec::new() }
    }

    /// Takes the lines of a file; gives those that are no rules.
    fn add(&mut self, text: &str) -> io::Result<Vec<String>> {
        let mut bad = Vec::new();
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            let Some((glob, rule)) = parse(line) else { continue };
            match GlobBuilder::new(&glob).literal_separator(true).backslash_escape(true).build() {
                Ok(glob) => {
                    self.set.add(glob);
                    self.rules.push(rule);
                }
                Err(error) => bad.push(format!("{line:?} is no rule: {}", error.kind())),
            }
        }
        if self.rules.len() > MOST_RULES {
            return Err(io::Error::other(format!(
                "a folder has more than {MOST_RULES} rules of what to ignore"
            )));
        }
        Ok(bad)
    }

    fn build(self) -> io::Result<Option<Rules>> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let set = self.set.build().map_err(io::Error::other)?;
        Ok(Some(Rules { set, rules: self.rules }))
    }
}

/// A line as a glob of paths beneath its folder; `None` for a comment or nothing.
fn parse(line: &str) -> Option<(String, Rule)> {
    let mut line = line.trim_end_matches('\r');
    while line.ends_with([' ', '\t']) && !line.ends_with("\\ ") {
        line = line.get(..line.len() - 1)?;
    }
    if line.starts_with('#') {
        return None;
    }
    let (takes_back, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (only_folders, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    let anchored = line.contains('/');
    let line = line.strip_prefix('/').unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    // Git knows no alternatives in braces.
    let line =
        if line.contains('[') { line.to_owned() } else { line.replace('{', "[{]").replace('}', "[}]") };
    let glob = if anchored { line } else { format!("**/{line}") };
    Some((glob, Rule { takes_back, only_folders }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(text: &str) -> Rules {
        let mut builder = Builder::new();
        assert_eq!(builder.add(text).unwrap(), Vec::<String>::new());
        builder.build().unwrap().unwrap()
    }

    #[test]
    fn the_rules_are_gits() {
        let rules = rules("\u{feff}# a comment\n*.log\r\n!keep.log\n/top\nbuild/\na/b\n\\#x  \n{y}\n\n");
        let out = |path: &str, is_folder| rules.verdict(Path::new(path), is_folder);
        assert_eq!((out("x.log", false), out("a/b/x.log", false)), (Some(true), Some(true)));
        assert_eq!(out("deep/keep.log", false), Some(false));
        assert_eq!((out("top", false), out("a/top", false)), (Some(true), None));
        assert_eq!((out("x/build", true), out("x/build", false)), (Some(true), None));
        assert_eq!((out("a/b", false), out("x/a/b", false)), (Some(true), None));
        assert_eq!((out("#x", false), out("{y}", false), out("y", false)), (Some(true), Some(true), None));
    }

    #[test]
    fn lines_that_are_no_rules_are_told() {
        let bad = Builder::new().add("a\n[x\n").unwrap();
        assert!(bad.len() == 1 && bad.iter().all(|bad| bad.starts_with("\"[x\" is no rule")), "{bad:?}");
    }
}
