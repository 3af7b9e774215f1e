//! A server's connection over a blocking stream.

use embedded_io::{Read, ReadReady, Write, WriteReady};
use kinglet_core::http::server::Cause;
use kinglet_core::{Application, Context};

use super::{Came, Notices, Platform, Wrote, read, write};
use crate::clock::Calendar;
use crate::fmt::{Shown, debug};
use crate::pump::{Next, Pump};
use crate::wire::Buffers;

/// Serves one connection from its first byte to its end, and answers why it ended. The stream is to be
/// closed then.
///
/// The connection gets the next number in [`Context::connection`], so that a ticket of an earlier one
/// is of no use here.
///
/// # Errors
///
/// The stream's. An application whose WebSocket that ends has been told.
pub fn serve<S, A, P>(
    stream: &mut S,
    application: &mut A,
    context: &mut Context,
    buffers: Buffers<'_>,
    platform: &mut P,
) -> Result<Cause, S::Error>
where
    S: Read + Write + ReadReady + WriteReady,
    A: Application + ?Sized,
    P: Platform<S>,
{
    context.connection = context.connection.wrapping_add(1);
    let mut pump = Pump::new(buffers);
    let ended = drive(&mut pump, stream, application, context, platform);
    pump.abandon(application);
    debug!(
        "connection {} ends: {}",
        context.connection,
        Shown(&ended.as_ref().ok())
    );
    ended
}

fn drive<S, A, P>(
    pump: &mut Pump<'_, A::Exchange>,
    stream: &mut S,
    application: &mut A,
    context: &mut Context,
    platform: &mut P,
) -> Result<Cause, S::Error>
where
    S: Read + Write + ReadReady + WriteReady,
    A: Application + ?Sized,
    P: Platform<S>,
{
    let mut calendar = Calendar::default();
    loop {
        context.now = platform.now();
        calendar.tell(context, platform.unix_seconds());
        let came = match pump.next(application, context) {
            Next::Write(bytes, _) => {
                let len = match write(stream, bytes)? {
                    Wrote::Bytes(len) => len,
                    Wrote::NotReady => 0,
                    Wrote::Gone => return Ok(Cause::Peer),
                };
                context.now = platform.now();
                pump.sent(len, application, context);
                if len == 0 && pump.is_writing() {
                    platform.idle(stream, pump.send_deadline());
                }
                continue;
            }
            Next::Flush(_) => {
                stream.flush()?;
                continue;
            }
            Next::Read(into, until) => read(stream, into, until, Notices::Taken, platform)?,
            Next::Wait(until) => read(stream, &mut [], until, Notices::Taken, platform)?,
            Next::Shutdown => {
                platform.close_sending(stream)?;
                continue;
            }
            Next::Close(cause) => return Ok(cause),
        };
        match came {
            Came::Bytes(len) => pump.received(len),
            Came::Notice(notice) => {
                pump.notice(notice, context);
            }
            Came::Late => {}
        }
    }
}
