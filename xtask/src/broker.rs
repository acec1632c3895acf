//! A broker of its own for the demo and for measurements.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::pause::pause;
use crate::setup::broker_program;
use crate::workspace::Workspace;

/// How long it may take to answer.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// A broker with its data in a folder that goes.
pub(crate) struct Broker {
    pub(crate) address: String,
    _process: Running,
}

impl Broker {
    pub(crate) fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let url = format!("tcp://{address}");
        let mut command = workspace.program(
            broker_program(),
            &["broker", "--listener-url", &url, "--advertised-listener-url", &url, "--storage-engine"],
        );
        command.args(["sqlite://nisshi.db", "--silent", "--group-initial-rebalance-delay", "0s"]);
        command.args(["--group-poll-interval", "50ms"]).current_dir(folder);
        command.stdout(Stdio::null()).stderr(File::create(folder.join("broker.log"))?);
        let process = Running(command.spawn().context("cannot start the broker")?);
        let start = Instant::now();
        while TcpStream::connect(&address).is_err() {
            ensure!(start.elapsed() < DEADLINE, "the broker does not answer");
            pause(LOOK);
        }
        Ok(Self { address, _process: process })
    }
}

/// A process that ends with this.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
