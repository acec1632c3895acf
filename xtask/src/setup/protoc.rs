//! The protobuf compiler, which the build of Lance calls.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::announce;
use super::stamp::Stamp;
use crate::cargo::runs;
use crate::folder::copy_folder;
use crate::workspace::Workspace;

/// Copies `protoc` and the files that it includes out of a crate that carries them.
pub(super) fn ensure(workspace: &Workspace, stamp: &mut Stamp) -> Result<()> {
    let ours = workspace.tools().join("bin").join("protoc");
    if workspace.protoc() != ours {
        return Ok(());
    }
    let (binary, include) = vendored()?;
    let pin = binary.display().to_string();
    if stamp.holds(&ours, &pin) && runs(Command::new(&ours).arg("--version")) {
        return Ok(());
    }
    announce("protoc, which the build needs (a moment)");
    copy_folder(&include, &workspace.tools().join("include"), &|_| true)?;
    fs::create_dir_all(workspace.tools().join("bin"))?;
    let new = ours.with_extension("new");
    fs::copy(&binary, &new).with_context(|| format!("cannot copy {}", binary.display()))?;
    fs::rename(&new, &ours)?;
    stamp.record(&ours, &pin)
}

fn vendored() -> Result<(PathBuf, PathBuf)> {
    let install = "install it (`apt-get install protobuf-compiler`) and set PROTOC to its path";
    Ok((
        protoc_bin_vendored::protoc_bin_path().context(install)?,
        protoc_bin_vendored::include_path().context(install)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_has_a_protoc_for_this_machine_with_its_includes() {
        let (binary, include) = vendored().unwrap();
        assert!(runs(Command::new(binary).arg("--version")));
        assert!(include.join("google/protobuf/any.proto").exists());
    }
}
