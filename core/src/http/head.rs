//! The head of a request: request line and header section (RFC 9112 §3, §5).
//!
//! ```text
//! GET /hello?name=world HTTP/1.1\r\n     request-line = method SP request-target SP HTTP-version
//! Host: example.com\r\n                  field-line
//! Accept: */*\r\n                        field-line
//! \r\n
//! ```
//!
//! A parser reads the bytes once, in whatever pieces they come, checks the grammar and notes what
//! framing needs. Then a [`Request`] reads from the validated bytes what it is asked for.

use super::error::{Error, LimitError, SyntaxError};
use super::field::Fields;
use super::framing::{Facts, Framing, Note, Notes};
use super::section::{SectionScan, offset, skip_token};
use super::target::{self, Target};
use super::{Method, Version};
use crate::Limits;
use crate::scan::{self, Class};

/// Reads the head of a request, resuming where it stopped.
///
/// ```
/// use kinglet_core::{Limits, http::{Method, RequestParser}};
///
/// let bytes = b"GET /hello?name=world HTTP/1.1\r\nHost: example.com\r\n\r\n";
/// let mut parser = RequestParser::new();
/// assert_eq!(parser.parse(&bytes[..20], &Limits::SERVER), Ok(None)); // more is needed
/// let request = parser.parse(bytes, &Limits::SERVER)?.expect("the head is whole");
/// assert_eq!(request.method(), Method::Get);
/// assert_eq!((request.path(), request.query()), ("/hello", Some("name=world")));
/// assert_eq!(request.fields().value("host"), Some(b"example.com".as_slice()));
/// assert_eq!(request.head_len(), bytes.len());
/// # Ok::<_, kinglet_core::http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestParser {
    marks: Marks,
    scan: HeadScan,
}

/// How far the head of a request has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadScan {
    content_length: u64,
    section: SectionScan,
    /// Where the scan stands in the request line; nothing before is looked at again.
    at: u16,
    place: Place,
}

/// What is known of a request once its head has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    facts: Facts,
    // method_end < target_end < head_len
    method_end: u16,
    target_end: u16,
    head_len: u16,
    pub(crate) version: Version,
    pub(crate) kind: MethodKind,
}

/// A method as far as it decides about framing, and those that most requests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MethodKind {
    Get,
    Head,
    Post,
    Connect,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Method,
    Target,
    Version,
    Fields,
}

impl RequestParser {
    /// At the first byte of a head.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            marks: Marks::NONE,
            scan: HeadScan::NEW,
        }
    }

    /// Reads on. `window` begins with the head, holds what it held the last time, and more.
    ///
    /// Answers `None` while the head is not whole. When it is, [`Request::head_len`] bytes of the
    /// window are the head; what follows is not looked at. Empty lines before a request line are the
    /// caller's to skip (RFC 9112 §2.2).
    ///
    /// # Errors
    ///
    /// The first rule that is broken or bound that is reached, the same however the bytes were cut.
    /// The parser is of no use after an error.
    pub fn parse<'a>(
        &mut self,
        window: &'a [u8],
        limits: &Limits,
    ) -> Result<Option<Request<'a>>, Error> {
        if !self.scan.resume(&mut self.marks, window, limits)? {
            return Ok(None);
        }
        Ok(self.marks.request(window, self.scan.framing(&self.marks)?))
    }
}

impl HeadScan {
    pub(crate) const NEW: Self = Self {
        content_length: 0,
        section: SectionScan::new(0),
        at: 0,
        place: Place::Method,
    };

    /// Where the message body ends, once the head is whole.
    #[inline]
    pub(crate) const fn framing(&self, marks: &Marks) -> Result<Framing, SyntaxError> {
        self.notes(marks).of_request(marks.version)
    }

    const fn notes(&self, marks: &Marks) -> Notes {
        Notes {
            content_length: self.content_length,
            facts: marks.facts,
        }
    }

    /// Whether nothing has been read yet.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == 0 && self.place == Place::Method
    }

    /// Reads on and notes what it learns in `marks`, which are the same at every call. Answers
    /// whether the head is whole.
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn resume(
        &mut self,
        marks: &mut Marks,
        window: &[u8],
        limits: &Limits,
    ) -> Result<bool, Error> {
        let max_len = usize::from(limits.max_head_len);
        let window = window.get(..max_len).unwrap_or(window);
        if self.place != Place::Fields && !self.request_line(marks, window, limits)? {
            return if window.len() < max_len {
                Ok(false)
            } else if self.place == Place::Target {
                Err(LimitError::TargetTooLong.into())
            } else {
                Err(LimitError::HeadTooLarge.into())
            };
        }
        let mut notes = self.notes(marks);
        let take = |field, value| notes.take(field, window, value);
        match self.section.read(window, limits.max_field_lines, take)? {
            Some(end) => marks.head_len = offset(end),
            None if window.len() < max_len => {}
            None => return Err(LimitError::HeadTooLarge.into()),
        }
        self.content_length = notes.content_length;
        marks.facts = notes.facts;
        Ok(marks.head_len > 0)
    }

    /// `request-line = method SP request-target SP HTTP-version CRLF`
    #[cfg_attr(not(small), inline(always))]
    fn request_line(
        &mut self,
        marks: &mut Marks,
        window: &[u8],
        limits: &Limits,
    ) -> Result<bool, Error> {
        let usual = match self.is_fresh() && !cfg!(small) {
            true => usual_request_line(marks, window, usize::from(limits.max_target_len)),
            false => None,
        };
        match usual {
            Some(end) => {
                self.section = SectionScan::new(offset(end));
                self.place = Place::Fields;
                Ok(true)
            }
            None => self.any_request_line(marks, window, limits),
        }
    }

    /// Reads a request line in whatever pieces it comes, and says what is wrong with it.
    #[inline(never)]
    fn any_request_line(
        &mut self,
        marks: &mut Marks,
        window: &[u8],
        limits: &Limits,
    ) -> Result<bool, Error> {
        let mut at = usize::from(self.at);
        if self.place == Place::Method {
            at = skip_token(window, at);
            match window.get(at) {
                None => {
                    self.at = offset(at);
                    return Ok(false);
                }
                Some(b' ') if at > 0 => {}
                Some(b'\n') => return Err(SyntaxError::BareLf.into()),
                Some(_) => return Err(SyntaxError::InvalidMethod.into()),
            }
            marks.method_end = offset(at);
            self.place = Place::Target;
            at = at.wrapping_add(1);
        }
        if self.place == Place::Target {
            let start = usize::from(marks.method_end).wrapping_add(1);
            let end = skip_target(window, at, start);
            if end.at().wrapping_sub(start) > usize::from(limits.max_target_len) {
                return Err(LimitError::TargetTooLong.into());
            }
            at = match end {
                TargetEnd::Suspended(at) => {
                    self.at = offset(at);
                    return Ok(false);
                }
                TargetEnd::Space(at) => at,
                TargetEnd::Broken(_, error) => return Err(error.into()),
            };
            let method = window.get(..start.wrapping_sub(1)).unwrap_or_default();
            let method = Method::from_token(method);
            if !target::is_valid(method, window.get(start..at).unwrap_or_default()) {
                return Err(SyntaxError::InvalidTarget.into());
            }
            marks.kind = MethodKind::of(method);
            marks.target_end = offset(at);
            self.place = Place::Version;
            at = at.wrapping_add(1);
        }
        let rest = window.get(at..).unwrap_or_default();
        let Some(line) = rest.first_chunk::<VERSION_LINE>() else {
            // A line that has ended is not waited for: `GET / FOO` and an empty line have fewer bytes
            // than a version.
            if rest.iter().take(Version::LEN).any(|byte| *byte == b'\n') {
                return Err(SyntaxError::InvalidVersion.into());
            }
            self.at = offset(at);
            return Ok(false);
        };
        let [version @ .., cr, lf] = *line;
        marks.version = Version::parse(version)?;
        match (cr, lf) {
            (b'\r', b'\n') => {}
            (b'\r', _) => return Err(SyntaxError::BareCr.into()),
            (b'\n', _) => return Err(SyntaxError::BareLf.into()),
            _ => return Err(SyntaxError::InvalidVersion.into()),
        }
        self.section = SectionScan::new(offset(at.wrapping_add(VERSION_LINE)));
        self.place = Place::Fields;
        Ok(true)
    }
}

/// Reads the request line that most requests have, and answers where it ends: GET or POST, a target
/// in origin-form and HTTP/1.1, all of it there. `None`, and nothing noted, for any other.
#[cfg_attr(not(small), inline(always))]
fn usual_request_line(marks: &mut Marks, window: &[u8], max_target_len: usize) -> Option<usize> {
    /// What follows the target, SP included.
    const REST: &[u8; VERSION_LINE + 1] = b" HTTP/1.1\r\n";
    let (kind, from_target) = match window.strip_prefix(b"GET ") {
        Some(from_target) => (MethodKind::Get, from_target),
        None => (MethodKind::Post, window.strip_prefix(b"POST ")?),
    };
    let mut len = scan::skip(Class::Target, from_target);
    if from_target.get(len) != Some(&b' ') {
        len = match skip_target(from_target, len, 0) {
            TargetEnd::Space(len) => len,
            TargetEnd::Suspended(_) | TargetEnd::Broken(..) => return None,
        };
    }
    let rest = from_target.get(len..)?.first_chunk();
    if from_target.first() != Some(&b'/') || len > max_target_len || rest != Some(REST) {
        return None;
    }
    let start = window.len().wrapping_sub(from_target.len());
    let end = start.wrapping_add(len);
    marks.kind = kind;
    marks.method_end = offset(start.wrapping_sub(1));
    marks.target_end = offset(end);
    marks.version = Version::Http11;
    Some(end.wrapping_add(REST.len()))
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes of the version and the CRLF behind it.
const VERSION_LINE: usize = Version::LEN + 2;

enum TargetEnd {
    Suspended(usize),
    Space(usize),
    /// Here is a byte that goes into no target. It counts only if the target is not too long before,
    /// or the outcome would depend on how much of it has come.
    Broken(usize, SyntaxError),
}

impl TargetEnd {
    const fn at(&self) -> usize {
        match self {
            Self::Suspended(at) | Self::Space(at) | Self::Broken(at, _) => *at,
        }
    }
}

/// Passes over the bytes of a target that starts at `start`, from `at` on.
#[inline(never)]
fn skip_target(window: &[u8], mut at: usize, start: usize) -> TargetEnd {
    loop {
        let rest = window.get(at..).unwrap_or_default();
        at = at.wrapping_add(scan::skip(Class::Target, rest));
        match window.get(at) {
            None => return TargetEnd::Suspended(at),
            Some(b' ') if at > start => return TargetEnd::Space(at),
            Some(b'%') => match window.get(at.wrapping_add(1)..).unwrap_or_default() {
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    at = at.wrapping_add(3);
                }
                [] | [_] => return TargetEnd::Suspended(at),
                _ => return TargetEnd::Broken(at, SyntaxError::InvalidTarget),
            },
            // Only an IP-literal has brackets, and origin-form has no host.
            Some(b'[' | b']') if window.get(start) == Some(&b'/') => {
                return TargetEnd::Broken(at, SyntaxError::InvalidTarget);
            }
            Some(&byte) if target::is_target_byte(byte) => at = at.wrapping_add(1),
            Some(b'\n') => return TargetEnd::Broken(at, SyntaxError::BareLf),
            Some(_) => return TargetEnd::Broken(at, SyntaxError::InvalidTarget),
        }
    }
}

impl MethodKind {
    const fn of(method: Method<'_>) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Head => Self::Head,
            Method::Post => Self::Post,
            Method::Connect => Self::Connect,
            Method::Put
            | Method::Delete
            | Method::Options
            | Method::Trace
            | Method::Patch
            | Method::Other(_) => Self::Other,
        }
    }
}

impl Marks {
    /// Of a request of which nothing has been read.
    pub(crate) const NONE: Self = Self {
        facts: Notes::NONE.facts,
        method_end: 0,
        target_end: 0,
        head_len: 0,
        version: Version::Http11,
        kind: MethodKind::Other,
    };

    /// The request whose head begins `window`.
    #[inline]
    pub(crate) fn request<'a>(&self, window: &'a [u8], framing: Framing) -> Option<Request<'a>> {
        let head = window.get(..usize::from(self.head_len))?;
        Some(Request {
            head,
            marks: *self,
            framing,
            content: None,
            trailers: Fields::default(),
        })
    }

    /// Whether the request has no content, leaves the connection open and expects nothing, as most.
    #[inline]
    pub(crate) const fn are_plain(&self) -> bool {
        matches!(self.version, Version::Http11) && self.facts.are_plain()
    }

    pub(crate) fn head_len(&self) -> usize {
        usize::from(self.head_len)
    }
}

/// A request: its head, and its content where that was collected.
///
/// It borrows the received bytes and reads from them when asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    head: &'a [u8],
    marks: Marks,
    framing: Framing,
    content: Option<&'a [u8]>,
    trailers: Fields<'a>,
}

impl<'a> Request<'a> {
    /// The method.
    #[must_use]
    #[cfg_attr(not(small), inline)]
    #[cfg_attr(small, inline(never))]
    pub fn method(&self) -> Method<'a> {
        match self.marks.kind {
            MethodKind::Get => Method::Get,
            MethodKind::Head => Method::Head,
            MethodKind::Post => Method::Post,
            MethodKind::Connect => Method::Connect,
            MethodKind::Other => {
                let token = self.head.get(..usize::from(self.marks.method_end));
                Method::from_token(token.unwrap_or_default())
            }
        }
    }

    /// The request target, in its form.
    #[must_use]
    pub fn target(&self) -> Target<'a> {
        Target::parse(self.method(), self.raw_target()).unwrap_or(Target::Asterisk)
    }

    /// The bytes of the request target, as they were sent.
    #[must_use]
    pub fn raw_target(&self) -> &'a [u8] {
        let start = usize::from(self.marks.method_end).wrapping_add(1);
        self.head
            .get(start..usize::from(self.marks.target_end))
            .unwrap_or_default()
    }

    /// The path of the target, percent-encoding and all; `/` where the target has none.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.target().path()
    }

    /// The query of the target, without its `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.target().query()
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.marks.version
    }

    /// The field lines of the header section.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        let start = usize::from(self.marks.target_end)
            .wrapping_add(1)
            .wrapping_add(VERSION_LINE);
        Fields::over(self.head.get(start..).unwrap_or_default())
    }

    /// The host and port that the request is for: the authority of the target if it has one, and
    /// else the value of `Host` (RFC 9112 §3.3). Empty where HTTP/1.0 names none.
    #[must_use]
    pub fn authority(&self) -> &'a str {
        match self.target() {
            Target::Absolute { authority, .. } | Target::Authority(authority) => authority,
            Target::Origin { .. } | Target::Asterisk => {
                let host = self.fields().value("host").unwrap_or_default();
                core::str::from_utf8(host).unwrap_or_default()
            }
        }
    }

    /// Where the message body ends (RFC 9112 §6.3); the length, once the content is collected.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the connection may persist after the exchange, as far as the client has a say
    /// (RFC 9112 §9.3).
    #[must_use]
    pub const fn persists(&self) -> bool {
        self.marks.persists()
    }

    /// Whether the client waits for 100 (Continue) before it sends the content (RFC 9110 §10.1.1).
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.marks.expects_continue()
    }

    /// Whether the client offers to go on in one of the protocols of its `Upgrade` (RFC 9110 §7.8).
    #[must_use]
    pub const fn offers_upgrade(&self) -> bool {
        self.marks.offers_upgrade()
    }

    /// The whole content, once [`Reply::collect`](super::Reply::collect) has asked for it.
    #[must_use]
    pub const fn content(&self) -> Option<&'a [u8]> {
        self.content
    }

    /// The trailer section, known when the content has been collected (RFC 9110 §6.5).
    #[must_use]
    pub const fn trailers(&self) -> Fields<'a> {
        self.trailers
    }

    /// Bytes of the head.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head.len()
    }

    /// The bytes of the head, as they were sent.
    #[must_use]
    pub const fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The same request with its content.
    pub(crate) const fn with_content(self, content: &'a [u8], trailers: Fields<'a>) -> Self {
        let framing = Framing::Length(content.len() as u64);
        Self {
            content: Some(content),
            trailers,
            framing,
            ..self
        }
    }
}

impl Marks {
    pub(crate) const fn expects_continue(&self) -> bool {
        self.facts.has(Note::ExpectContinue) && matches!(self.version, Version::Http11)
    }

    pub(crate) const fn offers_upgrade(&self) -> bool {
        self.facts.offers_upgrade() && matches!(self.version, Version::Http11)
    }

    pub(crate) const fn persists(&self) -> bool {
        self.facts.persists(self.version)
    }
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} {} {:?}",
            self.method(),
            self.raw_target().escape_ascii(),
            self.fields()
        )
    }
}
