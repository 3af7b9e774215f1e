//! What comes first: the stream, the time, or a notice.

use core::future::{pending, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{ErrorType, Write};
use kinglet_core::Instant;

use super::Platform;
use crate::Notice;

/// What came first.
pub(super) enum First<T> {
    Done(T),
    Notice(Notice),
    Late,
}

/// Whether a notice may come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notices {
    Taken,
    Left,
}

/// Waits for `future`, which is looked at first and at least once, until then at the latest.
pub(super) async fn race<T, S, P>(
    future: impl Future<Output = T>,
    until: Option<Instant>,
    notices: Notices,
    platform: &P,
) -> First<T>
where
    S: ErrorType,
    P: Platform<S>,
{
    let mut future = pin!(future);
    let mut timer = pin!(async {
        match until {
            Some(at) if platform.now().has_reached(at) => {}
            Some(at) => platform.wait_until(at).await,
            None => pending().await,
        }
    });
    poll_fn(|context| {
        if let Poll::Ready(done) = future.as_mut().poll(context) {
            return Poll::Ready(First::Done(done));
        }
        if notices == Notices::Taken
            && let Poll::Ready(notice) = platform.poll_notice(context)
        {
            return Poll::Ready(First::Notice(notice));
        }
        timer.as_mut().poll(context).map(|()| First::Late)
    })
    .await
}

/// Writes some bytes, and answers how many. When `until` has come, `stuck` says until when the write may
/// go on; `None` is answered where it may not.
pub(super) async fn write<S, P>(
    stream: &mut S,
    bytes: &[u8],
    mut until: Option<Instant>,
    mut stuck: impl FnMut(Instant) -> Option<Instant>,
    platform: &P,
) -> Result<Option<usize>, S::Error>
where
    S: Write,
    P: Platform<S>,
{
    let mut write = pin!(stream.write(bytes));
    loop {
        // The time of a peer that does not take all at once begins now.
        let at = until.unwrap_or_else(|| platform.now());
        match race(write.as_mut(), Some(at), Notices::Left, platform).await {
            First::Done(len) => return len.map(Some),
            First::Notice(_) | First::Late => {}
        }
        until = stuck(platform.now());
        if until.is_none() {
            return Ok(None);
        }
    }
}
