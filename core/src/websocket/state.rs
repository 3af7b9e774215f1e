//! Which side of a connection may do what, as two tables and nothing else (RFC 6455 §5.4, §7).
//!
//! ```text
//! receiving              frame                     close
//!               Header ---------> Payload   Header --------> Closed
//!                 ^                  |         |               |
//!                 +------------------+         | discard       | discard (Payload too)
//!                        end                   v               v
//!                                              Discarding -----> Ended
//!                                                          end (from any)
//! sending                close               shutdown
//!               Open -----------> Closing ------------> Shut
//!                 |                                       ^
//!                 +---------------------------------------+
//! ```
//!
//! `Closed` and `Closing` mean that a Close frame has come, or has been written: the closing handshake
//! is over when both are so. Every pair is spelled out: a new state or transition does not compile
//! until each is decided.

/// What of the peer's bytes is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// The header of a frame, or a whole control frame.
    Header,
    /// Payload data of a data frame.
    Payload,
    /// Nothing: the peer's Close frame has come.
    Closed,
    /// Whatever comes, to be dropped until the peer closes.
    Discarding,
    /// Nothing any more.
    Ended,
}

/// What moves [`Receiving`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    Frame,
    EndOfFrame,
    Close,
    Discard,
    End,
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Any frame.
    Open,
    /// Nothing: our Close frame is written.
    Closing,
    /// Nothing, and the sending side of the connection is closed.
    Shut,
}

/// What moves [`Sending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    Close,
    Shutdown,
}

impl Receiving {
    /// The state that `transition` leads to, if it is legal here.
    pub(crate) const fn next(self, transition: Receive) -> Option<Self> {
        match (self, transition) {
            (Self::Header, Receive::Frame) => Some(Self::Payload),
            (Self::Payload, Receive::EndOfFrame) => Some(Self::Header),
            (Self::Header, Receive::Close) => Some(Self::Closed),
            (Self::Header | Self::Payload | Self::Closed | Self::Discarding, Receive::Discard) => {
                Some(Self::Discarding)
            }
            (
                Self::Header | Self::Payload | Self::Closed | Self::Discarding | Self::Ended,
                Receive::End,
            ) => Some(Self::Ended),
            (Self::Header, Receive::EndOfFrame)
            | (Self::Payload, Receive::Frame | Receive::Close)
            | (
                Self::Closed | Self::Discarding,
                Receive::Frame | Receive::EndOfFrame | Receive::Close,
            )
            | (
                Self::Ended,
                Receive::Frame | Receive::EndOfFrame | Receive::Close | Receive::Discard,
            ) => None,
        }
    }
}

impl Sending {
    /// The state that `transition` leads to, if it is legal here.
    pub(crate) const fn next(self, transition: Send) -> Option<Self> {
        match (self, transition) {
            (Self::Open, Send::Close) => Some(Self::Closing),
            (Self::Open | Self::Closing, Send::Shutdown) => Some(Self::Shut),
            (Self::Closing | Self::Shut, Send::Close) | (Self::Shut, Send::Shutdown) => None,
        }
    }
}
