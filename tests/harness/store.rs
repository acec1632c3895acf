//! A real S3-compatible store, alone on a port of this machine, over files that a test writes.

use std::path::PathBuf;
use std::process::Command;

use super::server::{Port, Server, program};

/// The bucket that a store has.
pub(crate) const BUCKET: &str = "contents";
/// The id of its access key, and the secret.
pub(crate) const ACCESS_KEY: [&str; 2] = ["tester", "hunter2"];

/// A store with its objects in a temporary folder; dropping it kills it.
pub(crate) struct Store {
    /// Before its folder, which goes after it.
    process: Server,
    folder: tempfile::TempDir,
    port: Port,
    /// Whether requests must be signed.
    signed: bool,
}

impl Store {
    /// One that only our access key opens.
    pub(crate) fn start() -> Self {
        Self::start_with(true)
    }

    /// One that anybody may read.
    pub(crate) fn start_open() -> Self {
        Self::start_with(false)
    }

    fn start_with(signed: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("alluvium-store-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut store = Self { process: Server::default(), folder, port: Port::take(), signed };
        store.restart();
        store
    }

    /// Where clients reach it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Kills it, as loss of power would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, with the objects that it has.
    pub(crate) fn restart(&mut self) {
        let address = self.port.address();
        let (host, port) = address.rsplit_once(':').unwrap();
        let mut command = Command::new(program("s3s-fs", "ALLUVIUM_S3_SERVER"));
        command.args(["--host", host, "--port", port]);
        if self.signed {
            let [id, secret] = ACCESS_KEY;
            command.args(["--access-key", id, "--secret-key", secret]);
        }
        command.arg(self.folder.path());
        self.process.start(&mut command, &self.folder.path().join(".log"), &address);
    }

    /// The folder that is the bucket.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Writes an object, also while the store is away.
    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        let path = self.bucket().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Removes an object.
    pub(crate) fn remove(&self, key: &str) {
        std::fs::remove_file(self.bucket().join(key)).unwrap();
    }
}
