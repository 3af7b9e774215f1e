//! One connection's TLS, without a socket: records in, plaintext and records out.
//!
//! ```text
//! received records --> open --> plaintext     and, into `sealed`, what TLS itself has to say:
//!                                             handshake, tickets, alerts
//!        plaintext --> seal --> `sealed`      records to be sent
//! ```
//!
//! The records come in memory that the whole thread shares; only what is less than a record is kept
//! here. So a connection that waits has no buffer, as one without TLS.

use core::fmt;
use std::sync::Arc;

use kinglet_core::Instant;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, ServerConfig};

/// One connection's TLS.
pub(crate) struct Channel<R = UnbufferedServerConnection> {
    tls: R,
    /// What was received and is not opened: the beginning of a record, or the records of a handshake
    /// message that goes on. The library knows places in it, so it is to be handed in with every call.
    unopened: Vec<u8>,
    stage: Stage,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The handshake goes on, until this instant at the latest.
    Handshake(Instant),
    Open,
    /// The peer has said that it sends no more (RFC 8446 §6.1).
    PeerClosed,
    /// We have said so: the library is not to be asked any more.
    Over,
    /// A rule was broken, or the peer has sent an alert; nor is it then.
    Failed,
}

/// Bytes that a record may be longer than its content (RFC 8446 §5.2, RFC 5246 §6.2.3).
const MAX_EXPANSION: usize = 5 + 2048;

/// A side of a connection: the library has a type for each.
pub(crate) trait Role {
    type Data;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8])
    -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Role for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

impl Role for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

impl Channel {
    /// For a connection that has just been accepted, with a time for its handshake.
    ///
    /// # Errors
    ///
    /// The configuration is one that the library refuses.
    pub(crate) fn new(config: Arc<ServerConfig>, until: Instant) -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            unopened: Vec::new(),
            stage: Stage::Handshake(until),
        })
    }
}

impl Channel<UnbufferedClientConnection> {
    /// For a connection to the server of that name, with a time for its handshake. What it has to say
    /// first comes of opening nothing.
    ///
    /// # Errors
    ///
    /// The configuration is one that the library refuses.
    pub(crate) fn to_server(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        until: Instant,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            tls: UnbufferedClientConnection::new(config, name)?,
            unopened: Vec::new(),
            stage: Stage::Handshake(until),
        })
    }
}

impl<R: Role> Channel<R> {
    /// Bytes of content in a record at most (RFC 8446 §5.1).
    pub(crate) const MAX_CONTENT: usize = 1 << 14;

    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) const fn is_handshaking(&self) -> bool {
        matches!(self.stage, Stage::Handshake(_))
    }

    /// Takes note of what the library has not seen and no honest peer sends.
    pub(crate) const fn fail(&mut self) {
        self.stage = Stage::Failed;
    }

    /// Puts what was received before and is not opened at the front of `records`, and answers how long
    /// that is.
    pub(crate) fn take_unopened(&mut self, records: &mut [u8]) -> Option<usize> {
        let len = self.unopened.len();
        records.get_mut(..len)?.copy_from_slice(&self.unopened);
        Some(len)
    }

    /// Opens `records`: what was [not opened](Self::take_unopened) and all that came behind it. Their
    /// content is put into `plain`, which is as long as they are, and its length is answered. What is to
    /// be sent for it goes into `sealed`, an alert where this fails too.
    ///
    /// # Errors
    ///
    /// The peer has broken the protocol, or has sent an alert. Nothing can be opened or sealed then.
    pub(crate) fn open(
        &mut self,
        records: &mut [u8],
        plain: &mut [u8],
        sealed: &mut Vec<u8>,
    ) -> Result<usize, rustls::Error> {
        let mut start = 0;
        let mut filled = 0;
        let result = loop {
            let rest = records.get_mut(start..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.tls.process(rest);
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    let mut result = Ok(true);
                    while let Some(record) = traffic.next_record() {
                        match record {
                            Ok(record) => {
                                discard += record.discard;
                                filled += put(record.payload, plain, filled);
                            }
                            Err(error) => result = Err(error),
                        }
                    }
                    result
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, sealed).map(|()| true),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It lies in `sealed`, which is sent before anything else.
                    data.done();
                    Ok(true)
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    if self.is_handshaking() {
                        self.stage = Stage::Open;
                    }
                    Ok(false)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.stage = Stage::PeerClosed;
                    Ok(true)
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(false),
                // Early data is not offered, and nothing else is known.
                Ok(_) => Err(rustls::Error::General(String::from("unknown state"))),
                Err(error) => Err(error),
            };
            start += discard;
            match goes_on {
                Ok(true) => {}
                Ok(false) => break Ok(filled),
                Err(error) => break Err(error),
            }
        };
        let rest = records.get_mut(start..).unwrap_or_default();
        if result.is_err() {
            self.put_alert(rest, sealed);
            self.stage = Stage::Failed;
        }
        if rest.is_empty() {
            self.unopened = Vec::new();
        } else {
            self.unopened.clear();
            self.unopened.extend_from_slice(rest);
        }
        result
    }

    /// Seals `plain`: puts the records that carry it behind `sealed`.
    ///
    /// # Errors
    ///
    /// The handshake is not over, or the keys are used up and the peer takes no new ones.
    pub(crate) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), SealError> {
        self.write(sealed, |traffic, sealed| {
            for start in (0..plain.len()).step_by(Self::MAX_CONTENT) {
                let part = &plain[start..plain.len().min(start + Self::MAX_CONTENT)];
                append(sealed, part.len() + MAX_EXPANSION, |room| {
                    traffic.encrypt(part, room)
                })?;
            }
            Ok(())
        })
    }

    /// Says that nothing more is sent (RFC 8446 §6.1).
    pub(crate) fn close(&mut self, sealed: &mut Vec<u8>) {
        // A connection without keys has nothing to say.
        let _ = self.write(sealed, |traffic, sealed| {
            append(sealed, MAX_EXPANSION, |room| {
                traffic.queue_close_notify(room)
            })
        });
        if self.stage != Stage::Failed {
            self.stage = Stage::Over;
        }
    }

    fn write(
        &mut self,
        sealed: &mut Vec<u8>,
        write: impl FnOnce(&mut WriteTraffic<'_, R::Data>, &mut Vec<u8>) -> Result<(), EncryptError>,
    ) -> Result<(), SealError> {
        if matches!(self.stage, Stage::Over | Stage::Failed) {
            return Err(SealError);
        }
        loop {
            match self.tls.process(&mut self.unopened).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return write(&mut traffic, sealed).map_err(|_| SealError);
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, sealed).map_err(|_| SealError)?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                // All that could be opened was, so nothing else can have come up.
                Ok(_) | Err(_) => return Err(SealError),
            }
        }
    }

    /// Puts the alert that the library has for an error it has reported.
    fn put_alert(&mut self, rest: &mut [u8], sealed: &mut Vec<u8>) {
        if let Ok(ConnectionState::EncodeTlsData(data)) = self.tls.process(rest).state {
            // Without the alert, the peer sees that the connection is closed.
            let _ = encode(data, sealed);
        }
    }
}

impl<R> fmt::Debug for Channel<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Channel")
            .field("stage", &self.stage)
            .field("unopened", &self.unopened.len())
            .finish_non_exhaustive()
    }
}

/// Nothing can be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealError;

/// Puts `part` into `to` at `at`, and answers its length.
fn put(part: &[u8], to: &mut [u8], at: usize) -> usize {
    match to.get_mut(at..at + part.len()) {
        Some(room) => {
            room.copy_from_slice(part);
            part.len()
        }
        // Content is shorter than the records that it came in.
        None => 0,
    }
}

/// Puts what TLS has to say behind `sealed`.
fn encode<D>(mut data: EncodeTlsData<'_, D>, sealed: &mut Vec<u8>) -> Result<(), rustls::Error> {
    let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) else {
        return Ok(());
    };
    append(sealed, needed.required_size, |room| data.encode(room))
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// Has `write` put up to `len` bytes behind `sealed`.
fn append<E>(
    sealed: &mut Vec<u8>,
    len: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let start = sealed.len();
    sealed.resize(start + len, 0);
    let written = write(&mut sealed[start..]);
    sealed.truncate(start + *written.as_ref().unwrap_or(&0));
    written.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use rustls::client::ClientConfig;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, RootCertStore};

    use super::*;
    use crate::Tls;

    /// A server's channel and a client, with a certificate that it trusts.
    fn pair(version: &'static rustls::SupportedProtocolVersion) -> (Channel, ClientConnection) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let tls = Tls::from_pem(
            made.cert.pem().as_bytes(),
            made.signing_key.serialize_pem().as_bytes(),
        )
        .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let channel = Channel::new(tls.config(), Instant::from_millis(0)).unwrap();
        (channel, client)
    }

    /// Has the channel receive `records` in pieces of `piece` bytes, as a reactor does.
    fn receive(
        channel: &mut Channel,
        records: &[u8],
        piece: usize,
        sealed: &mut Vec<u8>,
    ) -> Result<Vec<u8>, rustls::Error> {
        let mut all = Vec::new();
        for part in records.chunks(piece) {
            let mut buffer = vec![0; 64 * 1024];
            let kept = channel.take_unopened(&mut buffer).unwrap();
            buffer[kept..kept + part.len()].copy_from_slice(part);
            let mut plain = vec![0; buffer.len()];
            let len = channel.open(&mut buffer[..kept + part.len()], &mut plain, sealed)?;
            all.extend_from_slice(&plain[..len]);
        }
        Ok(all)
    }

    fn said(client: &mut ClientConnection) -> Vec<u8> {
        let mut records = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut records).unwrap();
        }
        records
    }

    fn hear(client: &mut ClientConnection, mut records: &[u8]) {
        while !records.is_empty() {
            client.read_tls(&mut records).unwrap();
            client.process_new_packets().unwrap();
        }
    }

    /// Both sides' handshake, with the client's records in pieces of `piece` bytes.
    fn shake_hands(channel: &mut Channel, client: &mut ClientConnection, piece: usize) {
        for _ in 0..4 {
            let mut sealed = Vec::new();
            let plain = receive(channel, &said(client), piece, &mut sealed).unwrap();
            assert_eq!(plain, b"");
            hear(client, &sealed);
        }
        assert!(!client.is_handshaking());
        assert_eq!(channel.stage(), Stage::Open);
        assert_eq!(
            channel.unopened.capacity(),
            0,
            "a connection that waits has no buffer"
        );
    }

    #[test]
    fn messages_come_through_in_pieces_of_any_size() {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            for piece in [1, 2, 5, 100, 1000, 64 * 1024 - 20_000] {
                let (mut channel, mut client) = pair(version);
                shake_hands(&mut channel, &mut client, piece);
                let message: Vec<u8> = (0..40_000).map(|n| n as u8).collect();
                client.writer().write_all(&message).unwrap();
                let mut sealed = Vec::new();
                let plain = receive(&mut channel, &said(&mut client), piece, &mut sealed).unwrap();
                assert_eq!(plain, message);

                channel.seal(&message, &mut sealed).unwrap();
                channel.close(&mut sealed);
                let mut heard = Vec::new();
                for records in sealed.chunks(10_000) {
                    hear(&mut client, records);
                    let mut plain = [0; 20_000];
                    while let Ok(len @ 1..) = client.reader().read(&mut plain) {
                        heard.extend_from_slice(&plain[..len]);
                    }
                }
                assert_eq!(heard, message);
                assert_eq!(
                    client.reader().read(&mut [0; 1]).unwrap(),
                    0,
                    "the end was said"
                );
            }
        }
    }

    #[test]
    fn what_is_no_tls_is_answered_with_an_alert() {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(),
            // A record longer than any may be (RFC 8446 §5.1).
            b"\x16\x03\x01\xff\xff",
            // A handshake message that is none.
            b"\x16\x03\x01\x00\x04\xaa\x00\x00\x00",
            // Content before the handshake.
            b"\x17\x03\x03\x00\x01a",
        ] {
            for piece in [1, bytes.len()] {
                let (mut channel, _) = pair(&rustls::version::TLS13);
                let mut sealed = Vec::new();
                let result = receive(&mut channel, bytes, piece, &mut sealed);
                assert!(result.is_err(), "{bytes:?}");
                assert_eq!(sealed.first(), Some(&21), "an alert: {bytes:?}");
                assert!(channel.seal(b"a", &mut sealed).is_err());
            }
        }
    }

    #[test]
    fn a_record_that_was_changed_is_refused() {
        let (mut channel, mut client) = pair(&rustls::version::TLS13);
        shake_hands(&mut channel, &mut client, 100);
        client.writer().write_all(b"hello").unwrap();
        let mut records = said(&mut client);
        *records.last_mut().unwrap() ^= 1;
        let mut sealed = Vec::new();
        assert_eq!(
            receive(&mut channel, &records, 7, &mut sealed),
            Err(rustls::Error::DecryptError)
        );
        assert!(!sealed.is_empty(), "an alert");
    }

    #[test]
    fn messages_can_be_sent_while_half_a_record_is_here() {
        let (mut channel, mut client) = pair(&rustls::version::TLS13);
        shake_hands(&mut channel, &mut client, 100);
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"hello").unwrap();
        let records = said(&mut client);
        let mut plain = Vec::new();
        for byte in &records {
            let mut sealed = Vec::new();
            plain.extend(receive(&mut channel, &[*byte], 1, &mut sealed).unwrap());
            channel.seal(b"x", &mut sealed).unwrap();
            hear(&mut client, &sealed);
        }
        assert_eq!(plain, b"hello");
        let mut heard = vec![0; records.len()];
        client.reader().read_exact(&mut heard).unwrap();
        assert!(heard.iter().all(|&byte| byte == b'x'));
    }

    #[test]
    fn the_end_of_what_the_peer_sends_is_known() {
        let (mut channel, mut client) = pair(&rustls::version::TLS13);
        shake_hands(&mut channel, &mut client, 100);
        client.send_close_notify();
        let mut sealed = Vec::new();
        receive(&mut channel, &said(&mut client), 100, &mut sealed).unwrap();
        assert_eq!(channel.stage(), Stage::PeerClosed);
        channel.seal(b"still here", &mut sealed).unwrap();
        hear(&mut client, &sealed);
        let mut heard = [0; 10];
        client.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still here");
    }
}
