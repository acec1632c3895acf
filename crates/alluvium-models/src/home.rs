//! The folder of what a machine needs once: the runtime library and the models.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// `ALLUVIUM_HOME`: where models and the runtime library lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `ALLUVIUM_HOME`, or else `alluvium` in the platform's data folder.
    ///
    /// # Errors
    /// [`ModelError::NoHome`] when neither is known.
    pub fn from_env() -> Result<Self, ModelError> {
        Self::resolve(env::consts::OS, |name| env::var_os(name))
    }

    /// The decision of [`Home::from_env`], over a given operating system and environment.
    ///
    /// An empty variable counts as unset. A relative `XDG_DATA_HOME` is ignored, as its
    /// specification says.
    fn resolve(os: &str, var: impl Fn(&str) -> Option<OsString>) -> Result<Self, ModelError> {
        let folder = |name: &str| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(root) = folder("ALLUVIUM_HOME") {
            // Where no shell has expanded it, as in a unit file.
            let rest = root.strip_prefix("~").ok();
            return Ok(Self::new(
                rest.zip(folder("HOME")).map_or(root.clone(), |(rest, user)| user.join(rest)),
            ));
        }
        if os != "macos"
            && let Some(data) = folder("XDG_DATA_HOME").filter(|data| data.is_absolute())
        {
            return Ok(Self::new(data.join("alluvium")));
        }
        let user = folder("HOME").ok_or(ModelError::NoHome)?;
        let data = if os == "macos" { "Library/Application Support" } else { ".local/share" };
        Ok(Self::new(user.join(data).join("alluvium")))
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where all models lie.
    #[must_use]
    pub fn models_dir(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Where the files of this model lie.
    #[must_use]
    pub fn model_dir(&self, name: &str) -> PathBuf {
        self.models_dir().join(name)
    }

    /// The ONNX Runtime library, by this platform's name for it.
    #[must_use]
    pub fn runtime_library(&self) -> PathBuf {
        let file = format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        self.root.join("lib").join(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(os: &str, vars: &[(&str, &str)]) -> Option<PathBuf> {
        let found = Home::resolve(os, |name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        });
        found.ok().map(|home| home.root)
    }

    #[test]
    fn the_variable_wins_and_the_platform_decides_the_rest() {
        let all = [("ALLUVIUM_HOME", "/a"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(resolve("linux", &all), Some("/a".into()));
        assert_eq!(resolve("linux", &all[1..]), Some("/x/alluvium".into()));
        assert_eq!(resolve("linux", &all[2..]), Some("/h/.local/share/alluvium".into()));
        let tilde = |root| resolve("linux", &[("ALLUVIUM_HOME", root), ("HOME", "/h")]);
        assert_eq!(tilde("~/models"), Some("/h/models".into()));
        assert_eq!(tilde("~x"), Some("~x".into()), "another user's");
        let mac = Some("/h/Library/Application Support/alluvium".into());
        assert_eq!(resolve("macos", &all[1..]), mac);
    }

    #[test]
    fn empty_and_relative_values_do_not_count() {
        let vars = [("ALLUVIUM_HOME", ""), ("XDG_DATA_HOME", "data"), ("HOME", "/h")];
        assert_eq!(resolve("linux", &vars), Some("/h/.local/share/alluvium".into()));
        assert_eq!(resolve("linux", &vars[..2]), None);
    }

    #[test]
    fn models_and_library_lie_under_the_root() {
        let home = Home::new("/a");
        assert_eq!(home.model_dir("gte-small"), Path::new("/a/models/gte-small"));
        assert!(home.runtime_library().starts_with("/a/lib"));
    }
}
