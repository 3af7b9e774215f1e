//! Which side of an exchange may do what, as two tables and nothing else.
//!
//! ```text
//! receiving              head            end of content         next
//!               Head ----------> Content ---------------> Complete -----> Head
//!                |               ^  |                        |  |
//!                |               +--|------------------------|--+ switch
//!                |                  |                        |
//!                +------------------+-----------+------------+
//!                                               | discard
//!                                               v
//!                                           Discarding -----> Closed
//!                                                       close (from any)
//! sending                request          begin             finish         next
//!               Idle ----------> Owed ----------> Content ----------> Complete ---> Idle
//!                |                 |    answer                           ^  |
//!                |                 +-------------------------------------+  |
//!                |                 |                                        |
//!                +-----------------+----------+-----------------------------+
//!                                             | shutdown (from Content too)
//!                                             v
//!                                           Closed
//! ```
//!
//! An exchange is over when the one side is `Complete` and the other too; both then take `next`
//! together. Every pair is spelled out: a new state or transition does not compile until each is
//! decided.

/// What of the peer's bytes is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// A head, or the empty lines before one.
    Head,
    /// Content.
    Content,
    /// Nothing: the message is whole.
    Complete,
    /// Whatever comes, to be dropped until the peer closes.
    Discarding,
    /// Nothing any more.
    Closed,
}

/// What moves [`Receiving`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receive {
    Head,
    End,
    /// To another protocol, all of which is content.
    Switch,
    Next,
    Discard,
    Close,
}

/// What of our answer is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Nothing is asked for.
    Idle,
    /// A request waits for its answer.
    Owed,
    /// The head is sent, content follows.
    Content,
    /// Nothing: the answer is whole.
    Complete,
    /// Nothing any more.
    Closed,
}

/// What moves [`Sending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    Request,
    Begin,
    Answer,
    Finish,
    Next,
    Shutdown,
}

impl Receiving {
    /// The state that `transition` leads to, if it is legal here.
    pub(crate) const fn next(self, transition: Receive) -> Option<Self> {
        match (self, transition) {
            (Self::Head, Receive::Head) => Some(Self::Content),
            (Self::Content, Receive::End) => Some(Self::Complete),
            (Self::Content | Self::Complete, Receive::Switch) => Some(Self::Content),
            (Self::Complete, Receive::Next) => Some(Self::Head),
            (Self::Head | Self::Content | Self::Complete | Self::Discarding, Receive::Discard) => {
                Some(Self::Discarding)
            }
            (
                Self::Head | Self::Content | Self::Complete | Self::Discarding | Self::Closed,
                Receive::Close,
            ) => Some(Self::Closed),
            (Self::Head, Receive::End | Receive::Switch | Receive::Next)
            | (Self::Content, Receive::Head | Receive::Next)
            | (Self::Complete, Receive::Head | Receive::End)
            | (Self::Discarding, Receive::Head | Receive::End | Receive::Switch | Receive::Next)
            | (
                Self::Closed,
                Receive::Head | Receive::End | Receive::Switch | Receive::Next | Receive::Discard,
            ) => None,
        }
    }
}

impl Sending {
    /// The state that `transition` leads to, if it is legal here.
    pub(crate) const fn next(self, transition: Send) -> Option<Self> {
        match (self, transition) {
            (Self::Idle, Send::Request) => Some(Self::Owed),
            (Self::Owed, Send::Begin) => Some(Self::Content),
            (Self::Owed, Send::Answer) | (Self::Content, Send::Finish) => Some(Self::Complete),
            (Self::Complete, Send::Next) => Some(Self::Idle),
            (
                Self::Idle | Self::Owed | Self::Content | Self::Complete | Self::Closed,
                Send::Shutdown,
            ) => Some(Self::Closed),
            (Self::Idle, Send::Begin | Send::Answer | Send::Finish | Send::Next)
            | (Self::Owed, Send::Request | Send::Finish | Send::Next)
            | (Self::Content, Send::Request | Send::Begin | Send::Answer | Send::Next)
            | (Self::Complete, Send::Request | Send::Begin | Send::Answer | Send::Finish)
            | (
                Self::Closed,
                Send::Request | Send::Begin | Send::Answer | Send::Finish | Send::Next,
            ) => None,
        }
    }
}
