//! A server's connection over an asynchronous stream.

use core::future::pending;

use embedded_io_async::{Read, Write};
use kinglet_core::http::server::Cause;
use kinglet_core::{Application, Context};

use super::Platform;
use super::race::{First, Notices, race, write};
use crate::clock::Calendar;
use crate::fmt::{Shown, debug};
use crate::pump::{Next, Pump};
use crate::wire::Buffers;

/// Serves one connection from its first byte to its end, and answers why it ended. The stream is to be
/// closed then.
///
/// The connection gets the next number in [`Context::connection`], so that a ticket of an earlier one
/// is of no use here. Where several tasks serve, each counts in a range of its own: the upper half of
/// the number is a good place for the task's.
///
/// # Errors
///
/// The stream's. An application whose WebSocket that ends has been told.
pub async fn serve<S, A, P>(
    stream: &mut S,
    application: &mut A,
    context: &mut Context,
    buffers: Buffers<'_>,
    platform: &P,
) -> Result<Cause, S::Error>
where
    S: Read + Write,
    A: Application + ?Sized,
    P: Platform<S>,
{
    context.connection = context.connection.wrapping_add(1);
    let mut pump = Pump::new(buffers);
    let ended = drive(&mut pump, stream, application, context, platform).await;
    pump.abandon(application);
    debug!(
        "connection {} ends: {}",
        context.connection,
        Shown(&ended.as_ref().ok())
    );
    ended
}

async fn drive<S, A, P>(
    pump: &mut Pump<'_, A::Exchange>,
    stream: &mut S,
    application: &mut A,
    context: &mut Context,
    platform: &P,
) -> Result<Cause, S::Error>
where
    S: Read + Write,
    A: Application + ?Sized,
    P: Platform<S>,
{
    let mut calendar = Calendar::default();
    loop {
        context.now = platform.now();
        calendar.tell(context, platform.unix_seconds());
        let came = match pump.next(application, context) {
            Next::Write(_, until) => {
                let (bytes, stuck) = pump.writing(context);
                let len = write(stream, bytes, until, stuck, platform).await?;
                if len == Some(0) {
                    return Ok(Cause::Peer);
                }
                context.now = platform.now();
                pump.sent(len.unwrap_or(0), application, context);
                continue;
            }
            Next::Flush(until) => {
                let flushed = race(stream.flush(), until, Notices::Left, platform).await;
                if let First::Done(result) = flushed {
                    result?;
                }
                continue;
            }
            Next::Read(into, until) => {
                race(stream.read(into), until, Notices::Taken, platform).await
            }
            Next::Wait(until) => race(pending(), until, Notices::Taken, platform).await,
            Next::Shutdown => {
                platform.close_sending(stream).await?;
                continue;
            }
            Next::Close(cause) => return Ok(cause),
        };
        match came {
            First::Done(len) => pump.received(len?),
            First::Notice(notice) => {
                pump.notice(notice, context);
            }
            First::Late => {}
        }
    }
}
