//! Where things are: the repository, its `.tools/`, and the target folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use alluvium_models::Home;
use anyhow::{Context, Result};

/// The repository that this runs in, and where its builds go.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds into.
    pub(crate) target: PathBuf,
    /// Why that one.
    pub(crate) target_reason: &'static str,
}

impl Workspace {
    /// Finds the repository, and chooses the target folder.
    pub(crate) fn locate() -> Result<Self> {
        // Cargo sets the variable when it runs us; the constant is for a binary run by hand.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask is not inside a repository")?.to_path_buf();
        let (target, target_reason) = choose_target(&root, folder_of);
        Ok(Self { root, target, target_reason })
    }

    /// `.tools/`: what setup brings. It is also `ALLUVIUM_HOME` of everything that runs here.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join(".tools")
    }

    /// The same as the folder of models and runtime.
    pub(crate) fn home(&self) -> Home {
        Home::new(self.tools())
    }

    /// A binary of the dev profile.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

fn folder_of(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `CARGO_TARGET_DIR`, or else a folder in the user's cache that outlives this clone, or else the
/// clone's own. The cached one makes a fresh clone build in minutes.
fn choose_target(root: &Path, folder: impl Fn(&str) -> Option<PathBuf>) -> (PathBuf, &'static str) {
    if let Some(target) = folder("CARGO_TARGET_DIR") {
        return (root.join(target), "from CARGO_TARGET_DIR");
    }
    let cache = folder("XDG_CACHE_HOME")
        .filter(|cache| cache.is_absolute())
        .or_else(|| folder("HOME").map(|home| home.join(".cache")));
    if let Some(target) = cache.map(|cache| cache.join("alluvium").join("target"))
        && fs::create_dir_all(&target).is_ok()
    {
        return (target, "in the cache folder, shared by clones");
    }
    (root.join("target"), "in this clone: there is no cache folder that may be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_the_environments_then_the_caches_then_ours() {
        let cache = tempfile::tempdir().unwrap();
        let root = Path::new("/repository");
        let choose = |vars: &[(&str, &Path)]| {
            let vars: Vec<_> = vars.iter().map(|(k, v)| (*k, v.to_path_buf())).collect();
            choose_target(root, |name| {
                vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
            })
            .0
        };
        let set = ("CARGO_TARGET_DIR", Path::new("/t"));
        let cached = ("XDG_CACHE_HOME", cache.path());
        assert_eq!(choose(&[set, cached]), Path::new("/t"));
        assert_eq!(choose(&[cached]), cache.path().join("alluvium/target"));
        let file = cache.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(choose(&[("XDG_CACHE_HOME", &file)]), Path::new("/repository/target"));
        assert_eq!(choose(&[]), Path::new("/repository/target"));
    }
}
