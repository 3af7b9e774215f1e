//! Connecting to a host that has several addresses: the first that answers is taken (RFC 8305).
//!
//! ```text
//! addresses   a6  b6  c4      one family after the other (§4)
//!              |   a6 --------------------------------- or a failure, at once
//!              +-- 250 ms --> a4 -- 250 ms --> b6 ...   attempts begin (§5)
//!                    all of them wait in one poll; the first to connect ends the others
//! ```

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::transport::poll;

/// How long an attempt is left alone before the next begins beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Addresses of a host, those of both families taking turns. This waits for the system's resolver,
/// which has bounds of its own: no deadline of ours can cut it short.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = host.trim_matches(['[', ']']);
    let addresses = interleave((host, port).to_socket_addrs()?.collect());
    if addresses.is_empty() {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok(addresses)
}

/// The same addresses, the families taking turns, beginning with that of the first: the resolver has
/// sorted them (RFC 6724 §6), and each family keeps its order (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let begins_with_6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == begins_with_6);
    let len = first.len().max(second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    (0..len)
        .flat_map(|_| [first.next(), second.next()])
        .flatten()
        .collect()
}

/// Connects to the first of the addresses that answers, until `deadline`. The stream does not block.
///
/// # Errors
///
/// That of the last attempt to fail, or `TimedOut`.
pub(crate) fn connect(
    addresses: &[SocketAddr],
    deadline: Option<Instant>,
) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut attempts: Vec<OwnedFd> = Vec::new();
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next().map(begin) {
            Some(Ok(socket)) => attempts.push(socket),
            // The next is not kept waiting by one that has failed.
            Some(Err(failure)) => {
                error = failure;
                continue;
            }
            None if attempts.is_empty() => return Err(error),
            None => {}
        }
        let next = (waiting.len() > 0).then(|| Instant::now() + ATTEMPT_DELAY);
        let failed_before = attempts.len();
        loop {
            if let Some(stream) = first_connected(&mut attempts, &mut error)? {
                return Ok(stream);
            }
            let has_failed = attempts.len() < failed_before;
            let now = Instant::now();
            if attempts.is_empty() || next.is_some_and(|next| now >= next || has_failed) {
                break;
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let until = [next, deadline].into_iter().flatten().min();
            let mut polled: Vec<PollFd<'_>> = attempts
                .iter()
                .map(|socket| PollFd::new(socket, PollFlags::OUT))
                .collect();
            poll(&mut polled, until)?;
        }
    }
}

/// Begins to connect.
fn begin(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
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
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        socket
    };
    match rustix::net::connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// The first of the attempts that has come through; those that have failed are dropped.
fn first_connected(
    attempts: &mut Vec<OwnedFd>,
    error: &mut io::Error,
) -> io::Result<Option<TcpStream>> {
    let mut at = 0;
    while at < attempts.len() {
        let mut polled = [PollFd::new(&attempts[at], PollFlags::OUT)];
        poll(&mut polled, Some(Instant::now()))?;
        if polled[0].revents().is_empty() {
            at += 1;
            continue;
        }
        let socket = attempts.remove(at);
        match rustix::net::sockopt::socket_error(&socket)? {
            Ok(()) => return Ok(Some(TcpStream::from(socket))),
            Err(failure) => *error = failure.into(),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns() {
        let rows: [(&[&str], &[&str]); 5] = [
            (&[], &[]),
            (&["[::1]:1"], &["[::1]:1"]),
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1"],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
                &["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
            ),
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
            ),
        ];
        for (given, expected) in rows {
            let parse = |texts: &[&str]| -> Vec<SocketAddr> {
                texts.iter().map(|text| text.parse().unwrap()).collect()
            };
            assert_eq!(interleave(parse(given)), parse(expected));
        }
    }

    /// An address where nobody listens, one where connections are made, and one where they wait: the
    /// queue of its listener is full.
    fn places() -> (
        SocketAddr,
        (TcpListener, SocketAddr),
        (Vec<OwnedFd>, SocketAddr),
    ) {
        let bound = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            (listener, address)
        };
        let (listener, refusing) = bound();
        drop(listener);
        let (silent, address) = bound();
        rustix::net::listen(&silent, 0).unwrap();
        let mut held: Vec<OwnedFd> = (0..4).map(|_| begin(&address).unwrap()).collect();
        held.push(silent.into());
        (refusing, bound(), (held, address))
    }

    #[test]
    fn the_first_that_answers_is_taken() {
        let (refusing, (_listener, listening), (_held, silent)) = places();
        let patience = Some(Instant::now() + Duration::from_secs(20));
        for (addresses, kind) in [
            (vec![listening], None),
            (vec![refusing, listening], None),
            (vec![silent, listening], None),
            (vec![silent, refusing, silent, listening], None),
            (vec![refusing], Some(io::ErrorKind::ConnectionRefused)),
            (
                vec![refusing, refusing],
                Some(io::ErrorKind::ConnectionRefused),
            ),
            (vec![], Some(io::ErrorKind::AddrNotAvailable)),
        ] {
            let connected = connect(&addresses, patience);
            match kind {
                None => assert_eq!(connected.unwrap().peer_addr().unwrap(), listening),
                Some(kind) => assert_eq!(connected.unwrap_err().kind(), kind),
            }
        }
        let soon = Some(Instant::now() + Duration::from_millis(50));
        let error = connect(&[silent, refusing], soon).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
