//! The turns of a connection with TLS: what is received is opened before the engine sees it, and what
//! the engine says is sealed before it is sent.
//!
//! What waits for the peer is always sealed already, so it is sent on as without TLS.

use kinglet_core::Application;
use kinglet_core::http::server::Cause;

use super::{Io, Verdict};
use crate::buffers::{BUFFER_LEN, Rest, Unread, Unsent};
use crate::connection::{Connection, Receiving, Transfer};
use crate::outbox::Outbox;
use crate::poller::Interest;
use crate::tls::channel::{Channel, Stage};

/// The memory that a thread's TLS connections share.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    /// Records as they are received.
    records: Vec<u8>,
    /// Records to be sent.
    sealed: Vec<u8>,
    /// Short pieces that are sealed together.
    gathered: Vec<u8>,
    /// How many more handshakes may take a step before the others have had their turn.
    pub(crate) handshakes_left: usize,
}

/// How much room for records is kept from one long answer to the next.
const MAX_KEPT_LEN: usize = 2 * BUFFER_LEN;

impl Io {
    /// Receives records once, and goes on with what is in them.
    pub(super) fn receive_records<A: Application>(
        &mut self,
        application: &mut A,
        connection: &mut Connection<A::Exchange>,
        buffer: &mut [u8],
    ) -> Verdict {
        let Some(mut channel) = connection.channel.take() else {
            return Verdict::Stays;
        };
        let is_handshake = channel.is_handshaking();
        if is_handshake && self.sealing.handshakes_left == 0 {
            // Its bytes stay where they are, and it is ready again at once.
            connection.channel = Some(channel);
            return Verdict::Shakes;
        }
        let opened = self.open(&mut channel, connection, buffer);
        let stage = channel.stage();
        connection.channel = Some(channel);
        let sent = self.send_sealed(connection);
        let len = match (opened, sent) {
            (Ok(len), Ok(())) => len,
            (Err(cause), _) | (_, Err(cause)) => return Verdict::Goes(cause),
        };
        if stage == Stage::PeerClosed {
            connection.receiving = Receiving::Ended;
        }
        if is_handshake {
            self.sealing.handshakes_left -= 1;
        }
        if let Stage::Handshake(_) = stage {
            return self.go_on_shaking(connection);
        }
        if connection.unsent.is_some() {
            // What TLS had to say goes first.
            if len > 0 {
                self.append_unread(connection, &buffer[..len]);
            }
            return self.wait_for(connection, Interest::Write);
        }
        match (connection.unread.take(), buffer.get_mut(..len)) {
            (None, Some(plain))
                if !plain.is_empty() || connection.receiving == Receiving::Ended =>
            {
                self.turn(application, connection, plain)
            }
            (None, _) if is_handshake => self.go_on(application, connection),
            (None, _) => Verdict::Stays,
            (Some(mut unread), plain) => {
                unread.extend(plain.unwrap_or_default());
                self.turn_unread(application, connection, unread)
            }
        }
    }

    /// Receives and opens records; answers how many bytes of `plain` were in them.
    fn open<E>(
        &mut self,
        channel: &mut Channel,
        connection: &mut Connection<E>,
        plain: &mut [u8],
    ) -> Result<usize, Cause> {
        let Sealing {
            records, sealed, ..
        } = &mut self.sealing;
        records.resize(plain.len(), 0);
        // A message of a handshake that fills the buffer is no honest one.
        let kept = channel.take_unopened(records).unwrap_or(records.len());
        if kept == records.len() {
            channel.fail();
            return Err(Cause::Peer);
        }
        let received = match connection.receive(&mut records[kept..]) {
            Transfer::Done(0) if channel.is_handshaking() => return Err(Cause::Peer),
            Transfer::Done(0) => {
                connection.receiving = Receiving::Ended;
                0
            }
            // What comes behind our own end is not read.
            Transfer::Done(_) if matches!(channel.stage(), Stage::Over | Stage::Failed) => {
                return Ok(0);
            }
            Transfer::Done(len) => len,
            Transfer::Blocked => return Ok(0),
            Transfer::Broken => return Err(Cause::Peer),
        };
        channel
            .open(&mut records[..kept + received], plain, sealed)
            .map_err(|error| {
                log::debug!("TLS: {error}");
                Cause::Peer
            })
    }

    /// Has a handshake wait for the peer.
    pub(super) fn go_on_shaking<E>(&mut self, connection: &mut Connection<E>) -> Verdict {
        let interest = if connection.unsent.is_some() {
            Interest::Write
        } else {
            Interest::Read
        };
        match self.watch(connection, interest) {
            Verdict::Stays => Verdict::Shakes,
            verdict => verdict,
        }
    }

    fn append_unread<E>(&mut self, connection: &mut Connection<E>, bytes: &[u8]) {
        match &mut connection.unread {
            Some(unread) => unread.extend(bytes),
            None => connection.unread = Some(Box::new(Unread::new(bytes, &mut self.pool))),
        }
    }

    /// Seals what the engine has said and sends it; what the peer does not take is kept.
    pub(super) fn flush_sealed<E>(&mut self, connection: &mut Connection<E>) -> Result<(), Cause> {
        let Self {
            sealing,
            queue,
            send,
            rest: Rest { bytes: rest, .. },
            ..
        } = self;
        let result = match &mut connection.channel {
            Some(channel) => sealing.seal(channel, queue.slices(send).chain([rest.as_slice()])),
            None => Ok(()),
        };
        self.forget_output();
        result?;
        self.send_sealed(connection)
    }

    /// Seals a piece of content and sends it.
    pub(super) fn send_piece_sealed<E>(
        &mut self,
        connection: &mut Connection<E>,
        piece: &[u8],
    ) -> Result<(), Cause> {
        if let Some(channel) = &mut connection.channel {
            self.sealing.seal(channel, [piece].into_iter())?;
        }
        self.send_sealed(connection)
    }

    /// Seals what one call would send of the frames that wait, and sends it.
    pub(super) fn send_outbox_sealed<E>(
        &mut self,
        connection: &mut Connection<E>,
        outbox: &mut Outbox,
    ) -> Result<(), Cause> {
        if let Some(channel) = &mut connection.channel {
            let sealing = &mut self.sealing;
            let len = outbox.slices(|slices| {
                let len = slices.iter().map(|slice| slice.len()).sum::<usize>();
                let sealed = sealing.seal(channel, slices.iter().map(|slice| &**slice));
                sealed.map(|()| len)
            })?;
            outbox.advance(len);
        }
        self.send_sealed(connection)
    }

    /// Sends records, behind those that wait.
    fn send_sealed<E>(&mut self, connection: &mut Connection<E>) -> Result<(), Cause> {
        let sealed = &mut self.sealing.sealed;
        if sealed.is_empty() {
            return Ok(());
        }
        let sent = match &mut connection.unsent {
            Some(unsent) => {
                unsent.append_bytes(sealed);
                sealed.len()
            }
            None => match connection.send(sealed) {
                Transfer::Done(sent) => sent,
                Transfer::Blocked => 0,
                Transfer::Broken => {
                    sealed.clear();
                    return Err(Cause::Peer);
                }
            },
        };
        if let Some(rest) = sealed.get(sent..).filter(|rest| !rest.is_empty()) {
            connection.unsent = Some(Box::new(Unsent::of_bytes(rest, None, &mut self.pool)));
        }
        sealed.clear();
        sealed.shrink_to(MAX_KEPT_LEN);
        Ok(())
    }
}

impl Sealing {
    /// Puts the records that carry `slices` behind those that are to be sent: as few as can be.
    fn seal<'s>(
        &mut self,
        channel: &mut Channel,
        slices: impl Iterator<Item = &'s [u8]>,
    ) -> Result<(), Cause> {
        self.gathered.clear();
        let mut result = Ok(());
        for mut slice in slices {
            while !slice.is_empty() && result.is_ok() {
                if self.gathered.is_empty() && slice.len() >= <Channel>::MAX_CONTENT {
                    let whole = slice.len() - slice.len() % <Channel>::MAX_CONTENT;
                    result = channel.seal(&slice[..whole], &mut self.sealed);
                    slice = &slice[whole..];
                    continue;
                }
                let room = <Channel>::MAX_CONTENT - self.gathered.len();
                let (part, rest) = slice.split_at(room.min(slice.len()));
                self.gathered.extend_from_slice(part);
                slice = rest;
                if self.gathered.len() == <Channel>::MAX_CONTENT {
                    result = channel.seal(&self.gathered, &mut self.sealed);
                    self.gathered.clear();
                }
            }
        }
        if !self.gathered.is_empty() {
            result = result.and_then(|()| channel.seal(&self.gathered, &mut self.sealed));
        }
        result.map_err(|_| Cause::Peer)
    }
}
