//! How a connection comes to its end (RFC 9112 §9.6).

use super::{Cause, Connection, Next, Timer, has_room};
use crate::Context;
use crate::http::error::Error;
use crate::http::field::Added;
use crate::http::framing::Framing;
use crate::http::state::{Receive, Send, Sending};
use crate::http::{Status, emit};
use crate::window::Output;

impl Connection {
    /// The exchange cannot go on: says so where that is still possible, and closes.
    pub(super) fn give_up(
        &mut self,
        cause: Cause,
        context: &Context,
        output: &mut Output<'_>,
    ) -> Next {
        let status = match cause {
            Cause::Failed(error) => error.status(),
            Cause::Aborted => Some(Status::INTERNAL_SERVER_ERROR),
            Cause::Peer | Cause::Agreed | Cause::Idle | Cause::WebSocket(_) => None,
        };
        match (self.sending, status) {
            (Sending::Idle | Sending::Owed, Some(status)) => {
                if !has_room(context, output) {
                    return Next::Send;
                }
                let reason = match cause {
                    // What is for people is left out where room for it is short.
                    _ if cfg!(terse) => "",
                    Cause::Failed(error) => error.reason(),
                    Cause::Peer
                    | Cause::Agreed
                    | Cause::Idle
                    | Cause::Aborted
                    | Cause::WebSocket(_) => status.reason(),
                };
                let content = if self.head_only() { "" } else { reason };
                self.status = status.code();
                write_failure(output, context, status, reason, content);
                self.shutdown()
            }
            // The end of the connection would read as the end of the content.
            (Sending::Content, _) if self.ends_with_connection() => self.close(cause),
            _ => self.shutdown(),
        }
    }

    /// Gives up what the application was to do. The next round says so.
    pub(in crate::http) fn abort(&mut self) {
        self.cause = Some(Cause::Aborted);
    }

    /// What must not be: the connection is given up instead of a panic.
    #[cold]
    pub(super) fn aborted(&mut self) -> Next {
        self.abort();
        Next::Again
    }

    pub(in crate::http) fn fail(&mut self, error: Error) {
        self.cause = Some(Cause::Failed(error));
    }

    pub(super) fn shutdown(&mut self) -> Next {
        self.send_side(Send::Shutdown);
        self.receive_side(Receive::Discard);
        self.timer = Timer::Off;
        self.cause.get_or_insert(Cause::Agreed);
        Next::Shutdown
    }

    pub(super) fn close(&mut self, cause: Cause) -> Next {
        self.send_side(Send::Shutdown);
        self.receive_side(Receive::Close);
        self.timer = Timer::Off;
        self.cause = Some(cause);
        Next::Close(cause)
    }
}

/// The answer to what cannot be answered otherwise: its status, and a line with the `reason`, which says
/// what was expected. To HEAD it is not sent: `content` is empty then.
fn write_failure(
    output: &mut Output<'_>,
    context: &Context,
    status: Status,
    reason: &str,
    content: &str,
) {
    const PLAIN: crate::http::Field<'_> = crate::field!("Content-Type", "text/plain");
    let (len, fields) = match reason.len() as u64 {
        0 => (0, &[][..]),
        len => (len.saturating_add(1), &[PLAIN][..]),
    };
    let mut writer = output.writer();
    let stamp = &context.stamp;
    let framing = Framing::Length(len);
    emit::response(
        &mut writer,
        status,
        stamp,
        framing,
        emit::CLOSE,
        fields,
        Added::NONE,
    );
    if !content.is_empty() {
        writer.put(content.as_bytes()).put(b"\n");
    }
    if let Some(len) = writer.len() {
        output.commit(len);
    }
}
