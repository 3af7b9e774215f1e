//! A listening socket.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};

use crate::Address;

/// A socket that accepts connections; a Unix socket's path is removed with it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    path: Option<PathBuf>,
    pub(crate) dealing: Dealing,
    /// Whether its path is to be removed with it.
    owns_path: bool,
    /// Whether another process goes on with it, and with its path.
    handed_over: Arc<AtomicBool>,
}

/// Who is given the connections that a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dealing {
    /// Its thread: the kernel has balanced them.
    Kept,
    /// All threads in turn.
    Dealt,
}

/// What came of an accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(OwnedFd, Option<SocketAddr>),
    /// There are no more for now.
    None,
    /// The process or the system has no descriptors or memory left for one.
    Exhausted,
}

/// Whether several listeners share one address, and the kernel deals connections out among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Alone,
    Shared,
}

impl Sharing {
    /// Whether the kernel balances between the listeners of one address: Linux does for TCP.
    pub(crate) fn is_balanced(address: &Address) -> bool {
        cfg!(target_os = "linux") && matches!(address, Address::Tcp(_))
    }
}

impl Listener {
    fn new(socket: OwnedFd, path: Option<PathBuf>) -> Self {
        Self {
            socket,
            path,
            dealing: Dealing::Kept,
            owns_path: true,
            handed_over: Arc::default(),
        }
    }

    /// One that somebody else has made.
    pub(crate) fn from_socket(socket: OwnedFd) -> io::Result<Self> {
        // Where a system does not tell, the first accept does.
        #[cfg(target_os = "linux")]
        if !sockopt::socket_acceptconn(&socket)? {
            let text = "a socket that does not listen";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let flags = fcntl_getfl(&socket)?;
        fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        let address = rustix::net::getsockname(&socket)?;
        let path = match SocketAddrUnix::try_from(address) {
            Ok(unix) => {
                let path = unix.path_bytes().unwrap_or_default().to_owned();
                Some(PathBuf::from(OsString::from_vec(path)))
            }
            Err(_) => {
                sockopt::set_tcp_nodelay(&socket, true)?;
                None
            }
        };
        Ok(Self::new(socket, path))
    }

    /// The same, with a path that is somebody else's to remove.
    pub(crate) const fn without_path(mut self) -> Self {
        self.owns_path = false;
        self
    }

    /// Has its path, and what waits, left to another process while `handed_over` is true.
    pub(crate) fn share(&mut self, handed_over: &Arc<AtomicBool>) {
        self.handed_over = Arc::clone(handed_over);
    }

    /// Whether another process goes on with it.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }

    /// Whether other listeners of this process or another one can share its address.
    pub(crate) fn is_shared(&self) -> bool {
        self.path.is_none() && sockopt::socket_reuseport(&self.socket).unwrap_or(false)
    }

    pub(crate) fn try_clone(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }

    pub(crate) fn bind(address: &Address, backlog: i32, sharing: Sharing) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Self::bind_tcp(*address, backlog, sharing),
            Address::Unix(path) => Self::bind_unix(path, backlog),
        }
    }

    /// Listeners that share an address would share it with another server, too, and take half of its
    /// connections without a word. So whether there is one is asked before.
    pub(crate) fn check_unused(address: &Address) -> io::Result<()> {
        if let Address::Tcp(address) = address
            && address.port() != 0
        {
            let socket = tcp_socket(*address)?;
            rustix::net::bind(&socket, address)?;
        }
        Ok(())
    }

    fn bind_tcp(address: SocketAddr, backlog: i32, sharing: Sharing) -> io::Result<Self> {
        let socket = tcp_socket(address)?;
        if sharing == Sharing::Shared {
            sockopt::set_socket_reuseport(&socket, true)?;
        }
        // Each turn is sent with one call, so there is nothing to gather; accepted sockets inherit it.
        sockopt::set_tcp_nodelay(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, backlog)?;
        Ok(Self::new(socket, None))
    }

    fn bind_unix(path: &Path, backlog: i32) -> io::Result<Self> {
        let socket = stream_socket(AddressFamily::UNIX)?;
        let address = SocketAddrUnix::new(path)?;
        if let Err(error) = rustix::net::bind(&socket, &address) {
            if error != Errno::ADDRINUSE || !is_abandoned(path, &address)? {
                return Err(error.into());
            }
            std::fs::remove_file(path)?;
            rustix::net::bind(&socket, &address)?;
        }
        rustix::net::listen(&socket, backlog)?;
        Ok(Self::new(socket, Some(path.to_owned())))
    }

    /// The address, with the port that the system chose.
    pub(crate) fn local_address(&self) -> io::Result<Address> {
        match &self.path {
            Some(path) => Ok(Address::Unix(path.clone())),
            None => {
                let address = rustix::net::getsockname(&self.socket)?;
                Ok(Address::Tcp(address.try_into()?))
            }
        }
    }

    pub(crate) fn accept(&self) -> io::Result<Accepted> {
        match accept(&self.socket) {
            Ok((socket, address)) => Ok(Accepted::Connection(socket, address)),
            // Errors of a connection that was lost before we came to it are as good as none.
            Err(
                Errno::AGAIN
                | Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN,
            ) => Ok(Accepted::None),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                Ok(Accepted::Exhausted)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && self.owns_path
            && !self.is_handed_over()
        {
            // Somebody else may have removed it, which is as well.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether `path` is a socket that nobody listens on: what a server leaves that was killed.
fn is_abandoned(path: &Path, address: &SocketAddrUnix) -> io::Result<bool> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = stream_socket(AddressFamily::UNIX)?;
    Ok(rustix::net::connect(&probe, address) == Err(Errno::CONNREFUSED))
}

fn tcp_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = stream_socket(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

/// A stream socket that does not block and is not inherited by programs we start.
pub(crate) fn stream_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    let socket = rustix::net::socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?;
    #[cfg(not(target_os = "linux"))]
    let socket = {
        let socket =
            rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::empty(), None)?;
        set_flags(&socket)?;
        socket
    };
    Ok(socket)
}

/// The address of a peer, if it is one of the internet's.
fn internet(address: Option<SocketAddrAny>) -> Option<SocketAddr> {
    address.and_then(|address| SocketAddr::try_from(address).ok())
}

#[cfg(target_os = "linux")]
fn accept(listener: &OwnedFd) -> Result<(OwnedFd, Option<SocketAddr>), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, address) = rustix::net::acceptfrom_with(listener, flags)?;
    Ok((socket, internet(address)))
}

#[cfg(not(target_os = "linux"))]
fn accept(listener: &OwnedFd) -> Result<(OwnedFd, Option<SocketAddr>), Errno> {
    let (socket, address) = rustix::net::acceptfrom(listener)?;
    set_flags(&socket)?;
    Ok((socket, internet(address)))
}

#[cfg(not(target_os = "linux"))]
fn set_flags(socket: &OwnedFd) -> Result<(), Errno> {
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
    let flags = fcntl_getfl(socket)?;
    fcntl_setfl(socket, flags | OFlags::NONBLOCK)
}
