//! Which sockets are ready: one small interface, two implementations.
//!
//! Interest is level-triggered and stays until it is changed, so a connection in its ordinary course
//! costs one registration in its life and no call more.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::Backend;

#[cfg(target_os = "linux")]
mod epoll;
mod portable;

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Nothing but its end, or the peer's where the poller can tell that.
    None,
    /// The same, once something has come: the poller still watches for that, since most often nothing
    /// does until the application has gone on.
    Lazy,
    /// That bytes have come.
    Read,
    /// That bytes can be sent.
    Write,
    /// Either.
    Both,
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The name it was registered with.
    pub(crate) key: usize,
    /// That it is ready for what it is watched for, or is broken; the next call on it tells which.
    pub(crate) readiness: Readiness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Both sides are closed or the connection was reset; reported whatever the interest.
    Closed,
}

/// The sockets of one reactor.
pub(crate) trait Poller: fmt::Debug {
    /// Watches a socket under `key`. It has to be removed before it is closed.
    fn add(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()>;
    /// Changes what a socket is watched for.
    fn modify(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()>;
    /// Forgets a socket.
    fn remove(&mut self, socket: BorrowedFd<'_>) -> io::Result<()>;
    /// Waits until a socket is ready, a [`Wake`] is called or `timeout` has passed, and replaces
    /// `events` by what is ready.
    fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()>;
}

/// Makes a [`Poller::wait`] return, from any thread.
pub(crate) trait Wake: fmt::Debug + Send + Sync {
    fn wake(&self) -> io::Result<()>;
}

/// How many sockets one wait reports at most.
const MAX_EVENTS: usize = 512;

pub(crate) fn new(backend: Backend) -> io::Result<(Box<dyn Poller + Send>, Arc<dyn Wake>)> {
    match backend {
        #[cfg(target_os = "linux")]
        Backend::Native => epoll::new(),
        #[cfg(not(target_os = "linux"))]
        Backend::Native => portable::new(),
        Backend::Polling => portable::new(),
    }
}
