//! A real S3-compatible store, alone on a port of this machine, over files that a test writes.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::server::{Port, program, until};

/// The bucket that a store has.
pub(crate) const BUCKET: &str = "contents";
/// The id of its access key, and the secret.
pub(crate) const ACCESS_KEY: [&str; 2] = ["tester", "hunter2"];

/// A store with its objects in a temporary folder; dropping it kills it.
pub(crate) struct Store {
    folder: tempfile::TempDir,
    port: Port,
    /// Whether requests must be signed.
    signed: bool,
    process: Option<Child>,
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
        let mut store = Self { folder, port: Port::take(), signed, process: None };
        store.restart();
        store
    }

    /// Where clients reach it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Kills it, as loss of power would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again, with the objects that it has.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let address = self.port.address();
        let (host, port) = address.rsplit_once(':').unwrap();
        let mut command = Command::new(program("s3s-fs", "ALLUVIUM_S3_SERVER"));
        command.args(["--host", host, "--port", port]);
        if self.signed {
            let [id, secret] = ACCESS_KEY;
            command.args(["--access-key", id, "--secret-key", secret]);
        }
        let log = File::create(self.folder.path().join(".log")).unwrap();
        command.arg(self.folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        until(|| TcpStream::connect(&address).ok().map(drop), "answer of the store");
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

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}
