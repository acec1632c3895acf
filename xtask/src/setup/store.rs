//! An S3-compatible store, for the tests of contents by reference.

use anyhow::Result;

use super::announce;
use super::server::Server;
use crate::workspace::Workspace;

const STORE: Server = Server { name: "s3s-fs", version: "0.14.1", variable: "ALLUVIUM_S3_SERVER" };

/// Finds a store's program, or builds one with our own toolchain.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    STORE.ensure(workspace, |folder| {
        let Server { name, version, .. } = STORE;
        announce(&format!("{name}, a store for the tests of buckets (about 3 minutes, once)"));
        let arguments = ["install", name, "--version", version, "--locked", "--features", "binary"];
        STORE.install(&mut workspace.cargo(&arguments), folder)
    })
}
