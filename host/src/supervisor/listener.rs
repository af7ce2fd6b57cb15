//! The listening socket, which all workers share: bound to an address or a file, or inherited from whoever started the host.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::SupervisorError;
use crate::model::HostAddress;

/// The number of connections that may wait to be accepted, also while a worker restarts. The system's own limit
/// (`net.core.somaxconn`) may be lower.
const BACKLOG: i32 = 4096;

/// The number of bytes of a response that a connection takes beyond those that are on their way, which bounds the kernel's
/// memory. Without it a full connection has room again only when the client has read a megabyte: a slow one looks like one
/// that does not read at all.
const NOT_SENT: u32 = 256 << 10;

/// Where to listen.
#[derive(Debug, Clone)]
pub enum Listen {
    /// At this address; port 0 picks a free one.
    At(SocketAddr),
    /// At a Unix socket in a file.
    UnixSocket {
        /// The file; a relative path is relative to the working directory.
        file: PathBuf,
        /// The permissions of the file; `None` leaves them to the process's umask.
        mode: Option<u32>,
    },
    /// At a socket that listens already.
    Inherited(Arc<OwnedFd>, HostAddress),
}

impl Listen {
    /// Returns the socket that this process inherited, as one that systemd started.
    ///
    /// # Errors
    /// There are several, or it is not one that connections come from.
    pub fn inherited() -> io::Result<Option<Self>> {
        let Some(socket) = crate::sys::inherited_socket()? else {
            return Ok(None);
        };
        let found = SockRef::from(&socket);
        let address = found.local_addr()?;
        let file = address
            .as_pathname()
            .map(|file| HostAddress::Unix(file.to_owned()));
        let address = address.as_socket().map(HostAddress::Ip).or(file);
        match address {
            Some(address) if found.is_listener()? => Ok(Some(Listen::Inherited(Arc::new(socket), address))),
            _ => Err(io::Error::other(
                "the inherited socket is not one that listens at an IP address or a file; in its .socket unit, write \
                 ListenStream= and Accept=no",
            )),
        }
    }

    /// Returns the address, as far as it is known before the socket is bound.
    pub fn address(&self) -> HostAddress {
        match self {
            Listen::At(address) => HostAddress::Ip(*address),
            Listen::UnixSocket { file, .. } => HostAddress::Unix(file.clone()),
            Listen::Inherited(_, address) => address.clone(),
        }
    }

    /// Whether this may stand for `bound`, which has been bound: port 0 may stand for any.
    pub(super) fn is_at(&self, bound: &Listen) -> bool {
        match (self, bound) {
            (Listen::At(this), Listen::At(bound)) => {
                this.ip() == bound.ip() && [0, bound.port()].contains(&this.port())
            }
            (Listen::UnixSocket { file, .. }, Listen::UnixSocket { file: bound, .. }) => {
                env::current_dir().is_ok_and(|folder| folder.join(file) == *bound)
            }
            (Listen::Inherited(..), Listen::Inherited(..)) => true,
            _ => false,
        }
    }
}

/// A socket that listens. Its file, if it has made one, is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    socket: OwnedFd,
    listen: Listen,
    /// Removed with this.
    _file: Option<OwnFile>,
}

/// The file of a Unix socket that this process has made.
#[derive(Debug)]
struct OwnFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        // It may be another host's by now.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Bound {
    /// Returns where it is, where port 0 has become a free one.
    pub(super) fn listen(&self) -> &Listen {
        &self.listen
    }

    /// Returns a duplicate for a worker.
    pub(super) fn try_clone(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }
}

/// Listens. The socket does not block, which the workers need.
pub(super) fn bind(listen: &Listen) -> Result<Bound, SupervisorError> {
    let bound = match listen {
        Listen::At(address) => bind_address(*address),
        Listen::UnixSocket { file, mode } => bind_file(file, *mode),
        Listen::Inherited(socket, address) => inherit(socket, address, listen),
    };
    bound.map_err(|source| SupervisorError::Bind {
        address: listen.address(),
        source,
    })
}

fn bind_address(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A port with old connections in TIME_WAIT is free.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // Connections inherit it.
    socket.set_tcp_notsent_lowat(NOT_SENT)?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok(Bound {
        socket: socket.into(),
        listen: Listen::At(bound),
        _file: None,
    })
}

fn bind_file(file: &Path, mode: Option<u32>) -> io::Result<Bound> {
    // The address is what others connect to, wherever they are.
    let path = env::current_dir()?.join(file);
    remove_stale(file)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // The shorter form: a path may have 107 bytes.
    socket.bind(&SockAddr::unix(file)?)?;
    let own = OwnFile {
        inode: fs::symlink_metadata(&path)?.ino(),
        path: path.clone(),
    };
    if let Some(mode) = mode {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    // Nobody can connect before.
    socket.listen(BACKLOG)?;
    Ok(Bound {
        socket: socket.into(),
        listen: Listen::UnixSocket { file: path, mode },
        _file: Some(own),
    })
}

/// Removes the file of a socket that nobody listens at any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn inherit(socket: &OwnedFd, address: &HostAddress, listen: &Listen) -> io::Result<Bound> {
    let bound = SockRef::from(socket);
    bound.set_nonblocking(true)?;
    if matches!(address, HostAddress::Ip(_)) {
        bound.set_tcp_notsent_lowat(NOT_SENT)?;
    }
    Ok(Bound {
        socket: socket.as_fd().try_clone_to_owned()?,
        listen: listen.clone(),
        _file: None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn any() -> Listen {
        Listen::At("127.0.0.1:0".parse().expect("a literal"))
    }

    fn error(listen: &Listen) -> String {
        bind(listen).expect_err("it cannot be had").to_string()
    }

    #[test]
    fn port_0_becomes_a_free_one_and_a_busy_one_says_what_to_do() {
        let bound = bind(&any()).expect("a free port");
        let HostAddress::Ip(address) = bound.listen().address() else {
            panic!("not an IP address");
        };
        assert_ne!(address.port(), 0);
        let error = error(&Listen::At(address));
        assert!(
            error.contains(&address.to_string()) && error.contains("--port"),
            "{error}"
        );
    }

    #[test]
    fn connections_take_little_in_advance() {
        let bound = bind(&any()).expect("a free port");
        let HostAddress::Ip(address) = bound.listen().address() else {
            panic!("not an IP address");
        };
        let listener = Socket::from(bound.try_clone().expect("duplicated"));
        listener.set_nonblocking(false).expect("set");
        let _client = TcpStream::connect(address).expect("connected");
        let (connection, _) = listener.accept().expect("accepted");
        assert_eq!(connection.tcp_notsent_lowat().expect("read"), NOT_SENT);
    }

    #[test]
    fn a_relative_path_is_where_it_was_bound() {
        let at = |file: PathBuf| Listen::UnixSocket { file, mode: None };
        let bound = at(env::current_dir().expect("a folder").join("app.sock"));
        for (file, expected) in [
            ("app.sock", true),
            ("./app.sock", true),
            ("other/app.sock", false),
        ] {
            assert_eq!(at(file.into()).is_at(&bound), expected, "{file}");
        }
    }

    #[test]
    fn an_address_of_another_machine_says_what_to_do() {
        // TEST-NET-1, which no machine has.
        let error = error(&Listen::At("192.0.2.1:0".parse().expect("a literal")));
        assert!(error.contains("--address"), "{error}");
    }

    #[test]
    fn a_file_is_there_while_the_host_listens_and_is_taken_over_when_stale() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("app.sock");
        let listen = Listen::UnixSocket {
            file: file.clone(),
            mode: Some(0o660),
        };
        let first = bind(&listen).expect("bound");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let text = error(&listen);
        assert!(text.contains("another process"), "{text}");
        drop(first);
        assert!(!file.exists(), "it is removed with the host");

        // Of a host that was killed.
        drop(std::os::unix::net::UnixListener::bind(&file).expect("bound"));
        let second = bind(&listen).expect("a stale file is no obstacle");
        fs::remove_file(&file).expect("removed");
        fs::write(&file, "of somebody else").expect("written");
        drop(second);
        assert!(file.exists(), "it is not this host's");
        let text = error(&listen);
        assert!(text.contains("not a socket"), "{text}");

        let file = folder.path().join("x".repeat(200));
        let text = error(&Listen::UnixSocket { file, mode: None });
        assert!(text.contains("107 bytes"), "{text}");
        let file = folder.path().join("none/app.sock");
        let text = error(&Listen::UnixSocket { file, mode: None });
        assert!(text.contains("folder"), "{text}");
    }
}
