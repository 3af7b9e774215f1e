//! A connection as the reactor keeps it, and its socket.

use core::time::Duration;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kinglet_core::{Instant, Session};
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::SendFlags;
use rustix::net::Shutdown;

use crate::buffers::{Unread, Unsent};
use crate::codecs::Codecs;
use crate::outbox::Outbox;
use crate::poller::Interest;
use crate::tls::channel::{Channel, Stage};

/// A connection: its socket, its state, and what is left over of its bytes.
///
/// While it is idle the spills are absent, and this is all the memory it has, but for the windows of a
/// WebSocket that is compressed.
#[derive(Debug)]
pub(crate) struct Connection<E> {
    socket: OwnedFd,
    pub(crate) session: Session<E>,
    /// TLS, where that is spoken.
    pub(crate) channel: Option<Box<Channel>>,
    /// Bytes received and not consumed.
    pub(crate) unread: Option<Box<Unread>>,
    /// Bytes that the peer has not taken yet.
    pub(crate) unsent: Option<Box<Unsent>>,
    /// Frames from elsewhere that the peer has not taken yet; never empty.
    pub(crate) outbox: Option<Box<Outbox>>,
    /// What a compressed WebSocket remembers.
    pub(crate) codecs: Option<Box<Codecs>>,
    pub(crate) interest: Interest,
    pub(crate) receiving: Receiving,
    pub(crate) sending: Sending,
}

/// Whether the peer may send more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    Open,
    Ended,
}

/// Whether we may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Open,
    /// Until all is sent.
    Ending,
    Ended,
}

/// What came of a call on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// That many bytes; of a receive, 0 means that the peer has closed its side.
    Done(usize),
    /// None, for now.
    Blocked,
    /// The connection is broken.
    Broken,
}

impl<E: Default> Connection<E> {
    pub(crate) fn new(socket: OwnedFd, channel: Option<Box<Channel>>) -> Self {
        Self {
            socket,
            session: Session::new(),
            channel,
            unread: None,
            unsent: None,
            outbox: None,
            codecs: None,
            interest: Interest::Read,
            receiving: Receiving::Open,
            sending: Sending::Open,
        }
    }
}

impl<E> Connection<E> {
    /// Whether frames from elsewhere wait for the peer and for nothing else: not for the end of a
    /// message that the application sends in fragments.
    pub(crate) fn has_outbox(&self) -> bool {
        let may_send = || self.session.takes_frames() || !self.session.is_open_websocket();
        self.outbox.is_some() && may_send()
    }

    /// What it compresses with, for a turn; none where it does not.
    #[inline(always)]
    pub(crate) fn take_codecs(&mut self) -> Option<Box<Codecs>> {
        if self.session.is_compressed() {
            Some(self.codecs.take().unwrap_or_default())
        } else {
            None
        }
    }

    /// When its handshake is to be over, where that goes on.
    pub(crate) fn handshake_deadline(&self) -> Option<Instant> {
        match self.channel.as_ref()?.stage() {
            Stage::Handshake(until) => Some(until),
            Stage::Open | Stage::PeerClosed | Stage::Over | Stage::Failed => None,
        }
    }

    /// Whether its TLS has failed.
    pub(crate) fn has_failed_tls(&self) -> bool {
        let stage = self.channel.as_ref().map(|channel| channel.stage());
        stage == Some(Stage::Failed)
    }

    /// Whether nothing has come on it yet that it would be closed with.
    pub(crate) fn is_fresh(&self) -> bool {
        self.session.is_fresh() && self.receiving == Receiving::Open
    }

    /// Bytes that the peer has not taken.
    pub(crate) fn unsent_len(&self) -> usize {
        let unsent = self.unsent.as_ref().map_or(0, |unsent| unsent.len());
        unsent + self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }

    /// When it is due at the latest, whatever comes.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.interest {
            Interest::None | Interest::Lazy | Interest::Read | Interest::Both => {
                self.session.deadline()
            }
            // All else waits for the turn that comes when everything is sent.
            Interest::Write => self.session.send_deadline(),
        }
    }

    #[inline]
    pub(crate) fn receive(&self, to: &mut [u8]) -> Transfer {
        transfer(|| rustix::io::read(&self.socket, &mut *to))
    }

    /// Sends part of `bytes`, or all.
    #[inline]
    pub(crate) fn send(&self, bytes: &[u8]) -> Transfer {
        transfer(|| rustix::io::write(&self.socket, bytes))
    }

    /// Sends part of `slices`, or all.
    pub(crate) fn send_vectored(&self, slices: &[IoSlice<'_>]) -> Transfer {
        match slices {
            [slice] => self.send(slice),
            _ => transfer(|| rustix::io::writev(&self.socket, slices)),
        }
    }

    /// The same, with more to follow at once: the kernel may wait for it to fill a packet.
    pub(crate) fn send_ahead(&self, slices: &[IoSlice<'_>]) -> Transfer {
        match slices {
            #[cfg(target_os = "linux")]
            [slice] => transfer(|| rustix::net::send(&self.socket, slice, SendFlags::MORE)),
            _ => self.send_vectored(slices),
        }
    }

    /// Makes the close a reset, so that the peer does not take it for the end of what was sent.
    pub(crate) fn reset_on_close(&self) {
        if self.sending != Sending::Ended {
            // Where there is no such thing as a reset, the peer sees an end.
            let _ = rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        }
    }

    /// Ends our side.
    pub(crate) fn end_sending(&mut self) {
        self.sending = Sending::Ended;
        self.say_end();
        // A peer that is gone already needs no word of it.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
    }
}

impl<E> Connection<E> {
    /// Says that nothing more is sent, where all that was to be sent is, and the protocol has a word
    /// for it: so that the peer can tell this end from one that somebody else has made.
    pub(crate) fn say_end(&mut self) {
        if let Some(channel) = &mut self.channel
            && self.unsent.is_none()
        {
            let mut sealed = Vec::new();
            channel.close(&mut sealed);
            // There is room for it, most often; without it, the peer sees the end all the same.
            let _ = self.send(&sealed);
        }
    }
}

impl<E> AsFd for Connection<E> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[inline]
fn transfer(mut call: impl FnMut() -> Result<usize, Errno>) -> Transfer {
    loop {
        return match call() {
            Ok(len) => Transfer::Done(len),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Transfer::Blocked,
            Err(_) => Transfer::Broken,
        };
    }
}
