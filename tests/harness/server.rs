//! Servers of tests: where their programs are, their ports, their processes, and waiting for them.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A port that is ours also while no server listens at it: another test's server would answer our clients.
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Below those that the system gives to connections.
    pub(crate) fn take() -> Self {
        let folder = std::env::temp_dir().join("alluvium-broker-ports");
        std::fs::create_dir_all(&folder).unwrap();
        let free = |number: u16| {
            let lock = File::create(folder.join(number.to_string())).unwrap();
            let is_free = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok();
            is_free.then_some(Self { number, _lock: lock })
        };
        (20_000..30_000).find_map(free).expect("a port")
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

/// The process of a server, while it runs; dropping it kills it.
#[derive(Default)]
pub(crate) struct Server(Option<Child>);

impl Server {
    /// Starts it, and waits until it answers at `address`.
    pub(crate) fn start(&mut self, command: &mut Command, log: &Path, address: &str) {
        self.kill();
        let log = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.0 = Some(command.spawn().unwrap());
        until(|| TcpStream::connect(address).ok().map(drop), "answer of the server");
    }

    /// Kills it, as loss of power would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.0.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program that a variable names, or the one of `PATH` or of setup.
pub(crate) fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([tools]);
    let found = folders.find(|folder| folder.join(name).is_file()).map(|folder| folder.join(name));
    found.unwrap_or_else(|| {
        panic!("no {name}: run `cargo xtask setup --broker`, or name its program with {variable}")
    })
}

/// Waits for something under a deadline.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "polls, under a deadline")]
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>, what: &str) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "no {what} within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
