//! What a peer does with a connection that is a stream and a sink of messages.
//!
//! All that has arrived is taken before anything is written, and all that is to
//! be sent is written at once: as few system calls as the libraries allow.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, ready};
use std::thread::LocalKey;

use futures_util::{Sink, SinkExt, Stream, StreamExt};

use crate::room::{Room, Seat};

/// Messages that are taken before the first of them is answered; a bound on the
/// memory of a connection.
const MAX_BATCH: usize = 64;

/// Sends every message back that `is_data` until the connection ends.
pub async fn echo<M, E, C>(mut connection: C, is_data: fn(&M) -> bool)
where
    C: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let mut batch = VecDeque::new();
    poll_fn(|context| {
        // One poll for a wake: a library may clear its buffer for each.
        let mut all_taken = false;
        while !all_taken {
            while batch.len() < MAX_BATCH && !all_taken {
                match connection.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(message))) if is_data(&message) => batch.push_back(message),
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                    Poll::Pending => all_taken = true,
                }
            }
            while !batch.is_empty() {
                if ready!(connection.poll_ready_unpin(context)).is_err() {
                    return Poll::Ready(());
                }
                if let Some(message) = batch.pop_front()
                    && connection.start_send_unpin(message).is_err()
                {
                    return Poll::Ready(());
                }
            }
            if ready!(connection.poll_flush_unpin(context)).is_err() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

/// Sends every message that `is_data` to all others in the room, and what they
/// send to this connection, until it ends.
pub async fn chat<M, E, C>(
    mut connection: C,
    room: &'static LocalKey<Room<M>>,
    is_data: fn(&M) -> bool,
) where
    M: Clone,
    C: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let seat = Seat::take(room);
    let mut unflushed = false;
    poll_fn(|context| {
        while let Poll::Ready(ready) = connection.poll_ready_unpin(context) {
            if ready.is_err() {
                return Poll::Ready(());
            }
            let Poll::Ready(message) = seat.poll_next(context) else {
                break;
            };
            unflushed = true;
            if connection.start_send_unpin(message).is_err() {
                return Poll::Ready(());
            }
        }
        if unflushed {
            match connection.poll_flush_unpin(context) {
                Poll::Ready(Ok(())) => unflushed = false,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        loop {
            match connection.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) if is_data(&message) => seat.publish(&message),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}
