//! How long is the message body? (RFC 9112 §6.3)
//!
//! ```text
//!     response to HEAD; 1xx, 204, 304              none             rule 1
//!     2xx to CONNECT                               a tunnel         rule 2
//!     Transfer-Encoding and Content-Length         refused          rule 3
//!     Transfer-Encoding, chunked last              chunked          rule 4
//!     the same with another coding before it       refused: we know none
//!     the same without chunked last: request       refused          rule 4
//!                                    response      until close      rule 4
//!     Content-Length invalid or contradicting      refused          rule 5
//!     Content-Length                               that many bytes  rule 6
//!     neither, request                             none             rule 7
//!     neither, response                            until close      rule 8
//! ```
//!
//! Rule 3 lets a server process such a message after removing `Content-Length`; it is an attempt at
//! request smuggling far more often than anything else, so we refuse it from either side.

use core::ops::Range;

use super::error::SyntaxError;
use super::section::Known;
use super::target;
use super::{Method, Status, Version};
use crate::syntax::list;
use crate::syntax::number;
use crate::syntax::token::trim_ows;

/// What a header section says that decides about framing and persistence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The declared length in bytes, when [`Note::ContentLength`] is there.
    pub(crate) content_length: u64,
    pub(crate) facts: Facts,
}

/// A set of [`Note`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts(u16);

/// One fact of [`Notes`], as a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Note {
    Host = 1,
    ContentLength = 1 << 1,
    TransferEncoding = 1 << 2,
    /// `chunked` is the last transfer coding so far.
    Chunked = 1 << 3,
    /// A transfer coding other than `chunked`.
    OtherCoding = 1 << 4,
    /// `chunked` was followed by another coding, or by itself.
    AfterChunked = 1 << 5,
    Close = 1 << 6,
    KeepAlive = 1 << 7,
    /// `Connection: upgrade` (RFC 9110 §7.8).
    ConnectionUpgrade = 1 << 8,
    Upgrade = 1 << 9,
    ExpectContinue = 1 << 10,
    UnknownExpectation = 1 << 11,
}

/// Where the message body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// There is no message body.
    None,
    /// It has this many bytes.
    Length(u64),
    /// It is chunked (RFC 9112 §7.1).
    Chunked,
    /// It ends when the peer closes the connection.
    UntilClose,
    /// What follows is no longer HTTP: a tunnel after CONNECT, or another protocol after 101.
    Switched,
}

impl Notes {
    pub(crate) const NONE: Self = Self {
        content_length: 0,
        facts: Facts(0),
    };

    pub(crate) const fn has(&self, note: Note) -> bool {
        self.facts.has(note)
    }

    const fn add(&mut self, note: Note) {
        self.facts.0 |= note as u16;
    }

    /// The declared length, if there is one.
    pub(crate) const fn content_length(&self) -> Option<u64> {
        if self.has(Note::ContentLength) {
            Some(self.content_length)
        } else {
            None
        }
    }

    /// Takes note of a line of `field`, whose value is at `value` in the window.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn take(
        &mut self,
        field: Known,
        window: &[u8],
        value: Range<usize>,
    ) -> Result<(), SyntaxError> {
        if field == Known::Host {
            return self.host(window, value);
        }
        self.take_other(field, trim_ows(window.get(value).unwrap_or_default()))
    }

    fn take_other(&mut self, field: Known, value: &[u8]) -> Result<(), SyntaxError> {
        match field {
            Known::Connection => self.connection(value),
            Known::ContentLength => return self.length(value),
            Known::TransferEncoding => self.transfer_coding(value),
            Known::Upgrade => self.add(Note::Upgrade),
            Known::Expect => self.expect(value),
            Known::Host | Known::Other => {}
        }
        Ok(())
    }

    /// `Host = uri-host [ ":" port ]`
    #[cfg_attr(not(small), inline(always))]
    fn host(&mut self, window: &[u8], value: Range<usize>) -> Result<(), SyntaxError> {
        if self.has(Note::Host) {
            return Err(SyntaxError::DuplicateHost);
        }
        self.add(Note::Host);
        #[cfg(not(small))]
        if target::is_plain_host(window, &value) {
            return Ok(());
        }
        match target::is_host(trim_ows(window.get(value).unwrap_or_default())) {
            true => Ok(()),
            false => Err(SyntaxError::InvalidHost),
        }
    }

    /// `Connection = #connection-option`
    fn connection(&mut self, value: &[u8]) {
        if value.eq_ignore_ascii_case(b"keep-alive") {
            return self.add(Note::KeepAlive);
        }
        for option in list::elements(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.add(Note::Close);
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.add(Note::KeepAlive);
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.add(Note::ConnectionUpgrade);
            }
        }
    }

    /// `Expect = #expectation`
    fn expect(&mut self, value: &[u8]) {
        for expectation in list::elements(value) {
            if expectation.eq_ignore_ascii_case(b"100-continue") {
                self.add(Note::ExpectContinue);
            } else {
                self.add(Note::UnknownExpectation);
            }
        }
    }

    /// `Content-Length = 1*DIGIT`; the same number again, in a list or on a further line, is taken as
    /// one (RFC 9112 §6.3 rule 5).
    fn length(&mut self, value: &[u8]) -> Result<(), SyntaxError> {
        if value.is_empty() {
            return Err(SyntaxError::InvalidContentLength);
        }
        for element in value.split(|&byte| byte == b',') {
            let length = number::decimal(trim_ows(element));
            match length {
                Some(length) if self.content_length().is_none_or(|other| other == length) => {
                    self.content_length = length;
                    self.add(Note::ContentLength);
                }
                _ => return Err(SyntaxError::InvalidContentLength),
            }
        }
        Ok(())
    }

    /// `Transfer-Encoding = #transfer-coding`
    fn transfer_coding(&mut self, value: &[u8]) {
        self.add(Note::TransferEncoding);
        for coding in list::elements(value) {
            if self.has(Note::Chunked) {
                self.add(Note::AfterChunked);
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                self.add(Note::Chunked);
            } else {
                self.add(Note::OtherCoding);
            }
        }
    }

    /// The framing of a request (rules 3 to 7), once its header section is seen to be a request's.
    pub(crate) const fn of_request(&self, version: Version) -> Result<Framing, SyntaxError> {
        let framing = match self.request_framing(version) {
            Ok(framing) => framing,
            Err(error) => return Err(error),
        };
        if !self.has(Note::Host) && matches!(version, Version::Http11) {
            Err(SyntaxError::MissingHost)
        } else if self.has(Note::UnknownExpectation) {
            Err(SyntaxError::UnknownExpectation)
        } else {
            Ok(framing)
        }
    }

    const fn request_framing(&self, version: Version) -> Result<Framing, SyntaxError> {
        if !self.has(Note::TransferEncoding) {
            return Ok(match self.content_length() {
                Some(0) | None => Framing::None,
                Some(length) => Framing::Length(length),
            });
        }
        if self.has(Note::ContentLength) {
            Err(SyntaxError::LengthAndTransferCoding)
        } else if matches!(version, Version::Http10) {
            Err(SyntaxError::TransferCodingInHttp10)
        } else if self.has(Note::AfterChunked) {
            Err(SyntaxError::ChunkedNotFinal)
        } else if self.has(Note::OtherCoding) {
            Err(SyntaxError::UnknownTransferCoding)
        } else if self.has(Note::Chunked) {
            Ok(Framing::Chunked)
        } else {
            Err(SyntaxError::ChunkedNotFinal)
        }
    }

    /// The framing of a response to a request with `method` (rules 1 to 6 and 8).
    pub(crate) fn of_response(
        &self,
        method: Method<'_>,
        status: Status,
        version: Version,
    ) -> Result<Framing, SyntaxError> {
        if status == Status::SWITCHING_PROTOCOLS
            || (method == Method::Connect && status.is_success())
        {
            return Ok(Framing::Switched);
        }
        if method == Method::Head || status.forbids_content() {
            return Ok(Framing::None);
        }
        if self.has(Note::TransferEncoding) {
            return if self.has(Note::ContentLength) {
                Err(SyntaxError::LengthAndTransferCoding)
            } else if version == Version::Http10 {
                Err(SyntaxError::TransferCodingInHttp10)
            } else {
                match (
                    self.has(Note::Chunked),
                    self.has(Note::AfterChunked),
                    self.has(Note::OtherCoding),
                ) {
                    (true, false, false) => Ok(Framing::Chunked),
                    // Chunks around what is coded in a way that we cannot undo.
                    (true, false, true) => Err(SyntaxError::UnknownTransferCoding),
                    (true, true, false) => Err(SyntaxError::ChunkedNotFinal),
                    (true, true, true) | (false, _, _) => Ok(Framing::UntilClose),
                }
            };
        }
        Ok(match self.content_length() {
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }
}

impl Facts {
    /// Whether an HTTP/1.1 request of which this is known has no content, and asks for nothing that
    /// is not so anyway: it has `Host`, and perhaps `Connection: keep-alive`.
    pub(crate) const fn are_plain(self) -> bool {
        self.0 & !(Note::KeepAlive as u16) == Note::Host as u16
    }

    pub(crate) const fn has(self, note: Note) -> bool {
        self.0 & note as u16 != 0
    }

    /// Whether the connection persists after this message and its answer (RFC 9112 §9.3).
    ///
    /// ```text
    /// close        ends it, in either version
    /// HTTP/1.1     persists
    /// HTTP/1.0     persists with keep-alive
    /// ```
    pub(crate) const fn persists(self, version: Version) -> bool {
        !self.has(Note::Close) && (matches!(version, Version::Http11) || self.has(Note::KeepAlive))
    }

    /// Whether the sender offers to go on in another protocol (RFC 9110 §7.8).
    pub(crate) const fn offers_upgrade(self) -> bool {
        self.has(Note::Upgrade) && self.has(Note::ConnectionUpgrade)
    }
}
