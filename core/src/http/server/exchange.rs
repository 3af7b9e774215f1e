//! What a [`Reply`](crate::http::Reply) and a [`Stream`](crate::http::Stream) ask and change of their
//! connection.

use super::{Afterwards, Connection, Expectation, Plan, Progress};
use crate::http::content::Decoder;
use crate::http::head::MethodKind;
use crate::http::reply::Ticket;
use crate::http::state::{Receive, Receiving, Send};
use crate::http::stream::{Encoding, Streaming, Want};
use crate::http::{Status, Version, emit};
use crate::websocket::extension::Agreement;
use crate::{Context, Instant};

impl Connection {
    pub(in crate::http) const fn version(&self) -> Version {
        self.marks.version
    }

    pub(in crate::http) const fn ticket(&self, context: &Context) -> Ticket {
        Ticket::new(context.connection, self.exchanges)
    }

    pub(in crate::http) fn close_afterwards(&mut self) {
        if self.afterwards == Afterwards::Persist {
            self.afterwards = Afterwards::Close;
        }
    }

    /// The line that tells what becomes of the connection.
    #[inline]
    pub(in crate::http) fn connection_field(&self) -> &'static [u8] {
        match (self.afterwards, self.version()) {
            (Afterwards::Close | Afterwards::Drain, _) => emit::CLOSE,
            (Afterwards::Persist, Version::Http10) => emit::KEEP_ALIVE,
            (Afterwards::Persist, Version::Http11) => b"",
        }
    }

    /// Whether the request under way is answered with a head that says nothing of the connection and
    /// the content behind it, and nothing is left of its own content.
    #[inline]
    pub(in crate::http) fn wants_usual_answer(&self) -> bool {
        let has_content = !matches!(self.marks.kind, MethodKind::Head | MethodKind::Connect);
        has_content
            && self.content_has_ended()
            && self.afterwards == Afterwards::Persist
            && self.version() == Version::Http11
    }

    /// The answer comes without the rest of the content. Where that is long, or where the client
    /// waits for a word before it sends it, the connection closes instead of reading it.
    #[inline]
    pub(in crate::http) fn forsake_content(&mut self) {
        if !self.content_has_ended() {
            self.forsake_rest();
        }
    }

    #[inline(never)]
    fn forsake_rest(&mut self) {
        let left = self.content_left();
        let too_long = left.is_some_and(|left| left > u64::from(self.discardable));
        if too_long || self.expectation == Expectation::Continue {
            self.close_afterwards();
        }
    }

    pub(in crate::http) fn has_content_to_come(&self) -> bool {
        self.receiving == Receiving::Content
    }

    pub(in crate::http) const fn content_left(&self) -> Option<u64> {
        match &self.progress {
            Progress::Content(decoder) => decoder.left(),
            Progress::Head(_) => None,
        }
    }

    pub(in crate::http) const fn content_has_ended(&self) -> bool {
        match &self.progress {
            Progress::Content(decoder) => decoder.has_ended(),
            Progress::Head(_) => true,
        }
    }

    /// Whether the head of the request is still in the input, and nothing of its content consumed.
    pub(in crate::http) fn is_fresh_request(&self) -> bool {
        self.plan == Plan::Asked
    }

    pub(in crate::http) fn is_connect(&self) -> bool {
        self.marks.kind == MethodKind::Connect
    }

    /// Whether the request under way is one whose answer has no content, whatever its status.
    pub(in crate::http) fn head_only(&self) -> bool {
        self.marks.kind == MethodKind::Head
    }

    /// The status that changes the protocol, where the client has asked for that and has sent all of
    /// its content.
    pub(in crate::http) fn may_switch(&self) -> Option<Status> {
        match &self.progress {
            Progress::Content(decoder) if decoder.has_ended() => {
                if self.is_connect() {
                    Some(Status::OK)
                } else {
                    self.marks
                        .offers_upgrade()
                        .then_some(Status::SWITCHING_PROTOCOLS)
                }
            }
            Progress::Content(_) | Progress::Head(_) => None,
        }
    }

    pub(in crate::http) fn switch(&mut self) {
        if let Progress::Content(decoder) = &mut self.progress {
            *decoder = Decoder::SWITCHED;
        }
        self.receive_side(Receive::Switch);
        self.close_afterwards();
        self.begin_stream(Encoding::Raw, 0);
    }

    /// The connection goes on as a WebSocket, in the next step.
    pub(in crate::http) fn become_websocket(&mut self, agreement: Option<Agreement>) {
        self.send_side(Send::Begin);
        self.status = Status::SWITCHING_PROTOCOLS.code();
        self.plan = Plan::WebSocket(agreement);
    }

    pub(in crate::http) fn begin_stream(&mut self, encoding: Encoding, left: u64) {
        self.send_side(Send::Begin);
        let wake = Instant::from_millis(0);
        self.plan = Plan::Stream(Streaming {
            left,
            wake,
            encoding,
            want: Want::Room,
        });
    }

    pub(in crate::http) const fn encoding(&self) -> Encoding {
        match self.plan {
            Plan::Stream(streaming) => streaming.encoding,
            Plan::Undecided
            | Plan::Asked
            | Plan::Receive
            | Plan::Collect { .. }
            | Plan::Later
            | Plan::Resume
            | Plan::WebSocket(_) => Encoding::Length,
        }
    }

    /// What is left of the declared length of a streamed answer.
    pub(in crate::http) fn left(&self) -> usize {
        match self.plan {
            Plan::Stream(Streaming { left, .. }) => usize::try_from(left).unwrap_or(usize::MAX),
            Plan::Undecided
            | Plan::Asked
            | Plan::Receive
            | Plan::Collect { .. }
            | Plan::Later
            | Plan::Resume
            | Plan::WebSocket(_) => 0,
        }
    }

    /// Counts `len` bytes of a streamed answer.
    pub(in crate::http) const fn encoded(&mut self, len: usize) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.left = streaming.left.saturating_sub(len as u64);
        }
    }

    pub(in crate::http) const fn set_want(&mut self, want: Want) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.want = want;
        }
    }

    pub(in crate::http) const fn set_wake(&mut self, wake: Instant) {
        if let Plan::Stream(streaming) = &mut self.plan {
            streaming.wake = wake;
        }
    }

    /// The last `len` bytes of content that were lent come again.
    pub(in crate::http) const fn unread(&mut self, len: usize) {
        if let Progress::Content(decoder) = &mut self.progress {
            decoder.unread(len as u64);
        }
    }

    pub(in crate::http) fn ends_with_connection(&self) -> bool {
        matches!(
            self.plan,
            Plan::Stream(Streaming {
                encoding: Encoding::Raw,
                ..
            })
        )
    }
}
