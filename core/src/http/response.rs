//! The head of a response: status line and header section (RFC 9112 §4, §5).
//!
//! ```text
//! HTTP/1.1 200 OK\r\n                    status-line = HTTP-version SP status-code SP [ reason ]
//! Content-Length: 5\r\n                  field-line
//! \r\n
//! ```
//!
//! It is read as that of a request is: once, in whatever pieces it comes.

use super::error::{Error, LimitError, SyntaxError};
use super::field::Fields;
use super::framing::{Framing, Notes};
use super::section::{Known, SectionScan, offset, skip_value};
use super::{Method, Status, Version};
use crate::Limits;
use crate::scan::{self};

/// Reads the head of a response, resuming where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseParser {
    notes: Notes,
    section: SectionScan,
    at: u16,
    in_fields: bool,
    version: Version,
    status: Status,
}

impl ResponseParser {
    /// At the first byte of a head.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            notes: Notes::NONE,
            section: SectionScan::new(0),
            at: 0,
            in_fields: false,
            version: Version::Http11,
            status: Status::OK,
        }
    }

    /// Reads on, as [`RequestParser::parse`](super::RequestParser::parse) does.
    ///
    /// # Errors
    ///
    /// The first rule that is broken or bound that is reached, the same however the bytes were cut.
    pub fn parse<'a>(
        &mut self,
        window: &'a [u8],
        limits: &Limits,
    ) -> Result<Option<Response<'a>>, Error> {
        let max_len = usize::from(limits.max_head_len);
        let bounded = window.get(..max_len).unwrap_or(window);
        let mut whole = None;
        if self.in_fields || self.status_line(bounded)? {
            let notes = &mut self.notes;
            let take = |field, value| {
                // What a response says of these decides nothing.
                if matches!(field, Known::Host | Known::Expect) {
                    return Ok(());
                }
                notes.take(field, bounded, value)
            };
            whole = self.section.read(bounded, limits.max_field_lines, take)?;
        }
        match whole.and_then(|end| window.get(..end)) {
            Some(head) => Ok(Some(Response {
                fields: Fields::over(head.get(usize::from(self.at)..).unwrap_or_default()),
                head,
                notes: self.notes,
                version: self.version,
                status: self.status,
            })),
            None if bounded.len() < max_len => Ok(None),
            None => Err(LimitError::HeadTooLarge.into()),
        }
    }

    /// `status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF`
    fn status_line(&mut self, window: &[u8]) -> Result<bool, Error> {
        /// Bytes of `HTTP/1.1 200 `.
        const FIXED: usize = Version::LEN + 5;
        let Some(fixed) = window.first_chunk::<FIXED>() else {
            return Ok(false);
        };
        let mut at = usize::from(self.at);
        if at < FIXED {
            let [version @ .., after_version, a, b, c, after_code] = *fixed;
            let version: [u8; Version::LEN] = version;
            self.version = Version::parse(version)?;
            let digits = [a, b, c];
            let code = crate::syntax::number::decimal(&digits);
            let status = code
                .and_then(|code| u16::try_from(code).ok())
                .and_then(Status::new);
            self.status = match status {
                Some(status) if after_version == b' ' && after_code == b' ' => status,
                _ => return Err(SyntaxError::InvalidStatus.into()),
            };
            at = FIXED;
        }
        at = skip_value(window, at);
        self.at = offset(at);
        match (window.get(at), window.get(at.wrapping_add(1))) {
            (None, _) | (Some(b'\r'), None) => Ok(false),
            (Some(b'\r'), Some(b'\n')) => {
                self.at = offset(at.wrapping_add(2));
                self.section = SectionScan::new(self.at);
                self.in_fields = true;
                Ok(true)
            }
            (Some(b'\r'), _) => Err(SyntaxError::BareCr.into()),
            (Some(b'\n'), _) => Err(SyntaxError::BareLf.into()),
            _ => Err(SyntaxError::InvalidReason.into()),
        }
    }
}

impl Default for ResponseParser {
    fn default() -> Self {
        Self::new()
    }
}

/// The head of a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    head: &'a [u8],
    fields: Fields<'a>,
    notes: Notes,
    version: Version,
    status: Status,
}

impl<'a> Response<'a> {
    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The reason phrase, which means nothing to a program (RFC 9112 §4).
    #[must_use]
    pub fn reason(&self) -> &'a [u8] {
        let line = self
            .head
            .get(Version::LEN.wrapping_add(5)..)
            .unwrap_or_default();
        line.get(..scan::find(b'\r', line, 0)).unwrap_or_default()
    }

    /// The field lines of the header section.
    #[must_use]
    pub const fn fields(&self) -> Fields<'a> {
        self.fields
    }

    /// Where the message body ends (RFC 9112 §6.3), as the answer to a request with `method`.
    ///
    /// # Errors
    ///
    /// Framing that is refused.
    pub fn framing(&self, method: Method<'_>) -> Result<Framing, SyntaxError> {
        self.notes.of_response(method, self.status, self.version)
    }

    /// Whether the connection may persist after this response, as far as the server has a say
    /// (RFC 9112 §9.3). Content that ends with the connection ends it all the same.
    #[must_use]
    pub const fn persists(&self) -> bool {
        self.notes.facts.persists(self.version)
    }

    /// Bytes of the head.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head.len()
    }
}

impl core::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {:?}", self.status, self.fields)
    }
}
