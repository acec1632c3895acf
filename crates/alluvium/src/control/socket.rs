//! The socket in the index's folder.
//!
//! A socket's address holds about a hundred bytes, and a path may be longer. One that is reaches the socket
//! through its folder, opened, by the name that the system gives what a process has open.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

const FILE: &str = "control.sock";
/// The longest path that an address holds everywhere.
const LONGEST: usize = 100;
/// Clients that wait to be heard.
const BACKLOG: u32 = 64;

/// Where the socket is, in few bytes.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(root: &Path) -> io::Result<Self> {
        let path = root.join(FILE);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(root)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(FILE);
        Ok(Self { path, _folder: Some(folder) })
    }
}

/// A socket that is listened to; dropping it removes it.
pub(super) struct Listener {
    pub(super) listener: UnixListener,
    file: PathBuf,
    /// Device and inode: another daemon may have put its own in this place.
    identity: (u64, u64),
}

impl Listener {
    /// Makes the socket of an index whose writer's lock this process holds: what is there is of a daemon that
    /// has died.
    pub(super) fn bind(root: &Path) -> io::Result<Self> {
        let (file, address) = (root.join(FILE), Address::of(root)?);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(&address.path)?;
        // Before anybody can connect.
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        let identity = identity(&file)?;
        Ok(Self { listener: socket.listen(BACKLOG)?, file, identity })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if identity(&self.file).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

fn identity(file: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(file).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Connects to whoever listens for the index.
pub(super) async fn connect(root: &Path) -> io::Result<UnixStream> {
    let address = Address::of(root)?;
    UnixStream::connect(&address.path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_and_what_a_dead_daemon_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(connect(root).await.unwrap_err().kind(), ErrorKind::NotFound);
        let first = Listener::bind(root).unwrap();
        assert_eq!(fs::metadata(root.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        connect(root).await.unwrap();
        let second = Listener::bind(root).unwrap();
        drop(first);
        connect(root).await.expect("the first has left the second's socket alone");
        drop(second);
        assert!(!root.join(FILE).exists());
        // As after a kill.
        drop(std::os::unix::net::UnixListener::bind(root.join(FILE)).unwrap());
        assert_eq!(connect(root).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let _third = Listener::bind(root).unwrap();
        connect(root).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_may_lie_deep() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("deep/".repeat(60));
        fs::create_dir_all(&root).unwrap();
        let listener = Listener::bind(&root).unwrap();
        let (client, server) = tokio::join!(connect(&root), listener.listener.accept());
        client.unwrap();
        server.unwrap();
        drop(listener);
        assert_eq!(connect(&root).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
