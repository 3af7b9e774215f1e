//! Reading a field section: the lines of a header section or a trailer section (RFC 9112 §5, §7.1.2).
//!
//! ```text
//! field-line   = field-name ":" OWS field-value OWS
//! section      = *( field-line CRLF ) CRLF
//! ```
//!
//! The scan looks at each byte once, whatever the pieces it arrives in: what it has seen, and where it
//! stands, is kept in a few bytes. It checks the grammar, and tells its caller of the fields that
//! decide about framing and persistence; all others are left where they are.

use super::error::{Error, LimitError, SyntaxError};
use crate::scan::{self, Class};
use crate::syntax::token::is_tchar;

/// A field that the engine reads itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Any other field.
    Other,
    /// `Host` (RFC 9110 §7.2).
    Host,
    /// `Expect` (RFC 9110 §10.1.1).
    Expect,
    /// `Upgrade` (RFC 9110 §7.8).
    Upgrade,
    /// `Connection` (RFC 9110 §7.6.1).
    Connection,
    /// `Content-Length` (RFC 9110 §8.6).
    ContentLength,
    /// `Transfer-Encoding` (RFC 9112 §6.1).
    TransferEncoding,
}

/// How far a section has been read. Offsets count from the start of the caller's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SectionScan {
    // start <= at <= the window's length
    at: u16,
    start: u16,
    lines: u16,
    place: Place,
    known: Known,
}

/// Where in a line the scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Line,
    Name,
    Value,
}

impl SectionScan {
    /// A section whose first line begins at `at`.
    pub(crate) const fn new(at: u16) -> Self {
        Self {
            at,
            start: at,
            lines: 0,
            place: Place::Line,
            known: Known::Other,
        }
    }

    /// Reads on. `window` begins where it began the last time and has at most 2¹⁶ - 1 bytes.
    /// `note` is told the trimmed value of each line of a [`Known`] field.
    ///
    /// Answers the offset behind the empty line that ends the section, or `None` when it has not
    /// come yet.
    #[inline(always)]
    pub(crate) fn resume(
        &mut self,
        window: &[u8],
        max_lines: u16,
        mut note: impl FnMut(Known, &[u8]) -> Result<(), SyntaxError>,
    ) -> Result<Option<usize>, Error> {
        let mut at = usize::from(self.at);
        let mut start = usize::from(self.start);
        let mut known = self.known;
        let mut place = self.place;
        loop {
            match place {
                Place::Line => match window.get(at) {
                    None => break,
                    Some(b'\r') => match window.get(at.wrapping_add(1)) {
                        None => break,
                        Some(b'\n') => return Ok(Some(at.wrapping_add(2))),
                        Some(_) => return Err(SyntaxError::BareCr.into()),
                    },
                    Some(b' ' | b'\t') => return Err(SyntaxError::LeadingSpace.into()),
                    Some(_) => {
                        if self.lines >= max_lines {
                            return Err(LimitError::TooManyFieldLines.into());
                        }
                        self.lines = self.lines.wrapping_add(1);
                        start = at;
                        place = Place::Name;
                    }
                },
                Place::Name => {
                    at = skip_token(window, at);
                    match window.get(at) {
                        None => break,
                        Some(b':') => {}
                        Some(&byte) => return Err(not_a_name(byte, at == start).into()),
                    }
                    let name = window.get(start..at).unwrap_or_default();
                    if name.is_empty() {
                        return Err(SyntaxError::MissingFieldName.into());
                    }
                    known = Known::of(name);
                    at = at.wrapping_add(1);
                    start = at;
                    place = Place::Value;
                }
                Place::Value => {
                    at = scan::skip(Class::FieldValue, window, at);
                    match (window.get(at), window.get(at.wrapping_add(1))) {
                        (None, _) | (Some(b'\r'), None) => break,
                        (Some(b'\r'), Some(b'\n')) => {}
                        (Some(b'\r'), _) => return Err(SyntaxError::BareCr.into()),
                        (Some(b'\n'), _) => return Err(SyntaxError::BareLf.into()),
                        _ => return Err(SyntaxError::InvalidFieldValue.into()),
                    }
                    if known != Known::Other {
                        note(
                            known,
                            window.get(start..at).unwrap_or_default().trim_ascii(),
                        )?;
                    }
                    at = at.wrapping_add(2);
                    place = Place::Line;
                }
            }
        }
        self.at = offset(at);
        self.start = offset(start);
        self.known = known;
        self.place = place;
        Ok(None)
    }
}

impl Known {
    #[inline(always)]
    fn of(name: &[u8]) -> Self {
        match name.len() {
            4 if is(name, b"host") => Self::Host,
            6 if is(name, b"expect") => Self::Expect,
            7 if is(name, b"upgrade") => Self::Upgrade,
            10 if is(name, b"connection") => Self::Connection,
            14 if is(name, b"content-length") => Self::ContentLength,
            17 if is(name, b"transfer-encoding") => Self::TransferEncoding,
            _ => Self::Other,
        }
    }
}

/// Whether a token of `N` bytes is `lower`, whatever its case. `lower` has only letters and `-`, which
/// are what bit 5 folds rightly among a token's bytes.
#[inline(always)]
fn is<const N: usize>(token: &[u8], lower: &[u8; N]) -> bool {
    token.first_chunk::<N>().is_some_and(|token| {
        token
            .iter()
            .zip(lower)
            .fold(0, |differ, (byte, lower)| differ | ((byte | 0x20) ^ lower))
            == 0
    })
}

/// The index at or after `at` of the first byte that is not of a token, or the length.
#[inline(always)]
pub(crate) fn skip_token(window: &[u8], mut at: usize) -> usize {
    loop {
        at = scan::skip(Class::Name, window, at);
        match window.get(at) {
            Some(&byte) if is_tchar(byte) => at = at.wrapping_add(1),
            _ => return at,
        }
    }
}

/// What is wrong with a line that has `byte` where its name goes on or its colon stands.
#[cold]
const fn not_a_name(byte: u8, first: bool) -> SyntaxError {
    match byte {
        b'\n' => SyntaxError::BareLf,
        b' ' | b'\t' => SyntaxError::SpaceBeforeColon,
        b'\r' if !first => SyntaxError::MissingFieldName,
        _ => SyntaxError::InvalidFieldName,
    }
}

/// An offset into a window of at most 2¹⁶ - 1 bytes.
pub(crate) fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
