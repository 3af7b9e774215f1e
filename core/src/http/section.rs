//! Reading a field section: the lines of a header section or a trailer section (RFC 9112 §5, §7.1.2).
//!
//! ```text
//! field-line   = field-name ":" OWS field-value OWS
//! section      = *( field-line CRLF ) CRLF
//! ```
//!
//! The scan looks at each byte once, whatever the pieces it arrives in: what it has seen, and where it
//! stands, is kept in a few bytes. It checks the grammar, and stops for its caller at the fields that
//! decide about framing and persistence; all others are left where they are.

use core::ops::Range;

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

/// What a scan has come to.
enum Found {
    /// A line of a field that the engine reads itself, and where in the window its value is.
    Line(Known, Range<usize>),
    /// The empty line that ends the section; it ends here.
    End(usize),
    /// The end of the window.
    More,
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

    /// Reads on to the end of the section and answers where that is, or `None` while more is needed.
    /// `window` begins where it began the last time and has at most 2¹⁶ - 1 bytes.
    ///
    /// `take` is given each line of a field that the engine reads itself, never [`Known::Other`], and
    /// where in the window its value is, with the white space around it.
    #[cfg(not(small))]
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        window: &[u8],
        max_lines: u16,
        mut take: impl FnMut(Known, Range<usize>) -> Result<(), SyntaxError>,
    ) -> Result<Option<usize>, Error> {
        let mut rest = window.get(usize::from(self.at)..).unwrap_or_default();
        let mut lines = self.lines;
        let here = |rest: &[u8]| window.len().wrapping_sub(rest.len());
        loop {
            let mut whole = None;
            if self.place == Place::Line {
                if let Some((b"\r\n", after)) = rest.split_first_chunk() {
                    return Ok(Some(here(after)));
                }
                if lines < max_lines {
                    whole = WholeLine::split_off(rest);
                }
            }
            let (known, value) = match whole {
                // Nothing is wrong with it, as with nearly all.
                Some(line) => {
                    lines = lines.wrapping_add(1);
                    rest = line.after;
                    let end = here(rest).wrapping_sub(2);
                    let value = end.wrapping_sub(line.value.len())..end;
                    (Known::of(line.name), value)
                }
                None => {
                    (self.at, self.lines) = (offset(here(rest)), lines);
                    let (known, value) = match self.next_in_pieces(window, max_lines)? {
                        Found::Line(known, value) => (known, value),
                        Found::End(end) => return Ok(Some(end)),
                        Found::More => return Ok(None),
                    };
                    rest = window.get(usize::from(self.at)..).unwrap_or_default();
                    lines = self.lines;
                    (known, value)
                }
            };
            if known != Known::Other {
                take(known, value)?;
            }
        }
    }

    /// The same, with no short way.
    #[cfg(small)]
    pub(crate) fn read(
        &mut self,
        window: &[u8],
        max_lines: u16,
        mut take: impl FnMut(Known, Range<usize>) -> Result<(), SyntaxError>,
    ) -> Result<Option<usize>, Error> {
        loop {
            match self.next_in_pieces(window, max_lines)? {
                Found::Line(known, value) => take(known, value)?,
                Found::End(end) => return Ok(Some(end)),
                Found::More => return Ok(None),
            }
        }
    }

    /// Reads on to the next line of a [`Known`] field or to the end: lines in whatever pieces they
    /// come, and those in which something is wrong.
    #[inline(never)]
    fn next_in_pieces(&mut self, window: &[u8], max_lines: u16) -> Result<Found, Error> {
        let mut at = usize::from(self.at);
        let mut start = usize::from(self.start);
        let mut known = self.known;
        let mut place = self.place;
        let mut lines = self.lines;
        loop {
            if place == Place::Line {
                match window.get(at..).unwrap_or_default() {
                    [first, ..] if *first > b' ' => {}
                    [] | [b'\r'] => break,
                    [b'\r', b'\n', ..] => return Ok(Found::End(at.wrapping_add(2))),
                    [byte, ..] => return Err(not_a_line(*byte).into()),
                }
                if lines >= max_lines {
                    return Err(LimitError::TooManyFieldLines.into());
                }
                lines = lines.wrapping_add(1);
                start = at;
                place = Place::Name;
            }
            if place == Place::Name {
                at = skip_token(window, at);
                match window.get(at) {
                    Some(b':') => {}
                    Some(&byte) => return Err(not_a_name(byte, at.wrapping_sub(start)).into()),
                    None => break,
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
            at = skip_value(window, at);
            match window.get(at..).unwrap_or_default() {
                [b'\r', b'\n', ..] => {}
                [] | [b'\r'] => break,
                [byte, ..] => return Err(not_a_value(*byte).into()),
            }
            let value = start..at;
            at = at.wrapping_add(2);
            place = Place::Line;
            if known != Known::Other {
                (self.at, self.lines, self.place) = (offset(at), lines, place);
                return Ok(Found::Line(known, value));
            }
        }
        self.at = offset(at);
        self.start = offset(start);
        self.lines = lines;
        self.known = known;
        self.place = place;
        Ok(Found::More)
    }
}

/// A field line that is whole and well-formed.
#[cfg(not(small))]
struct WholeLine<'a> {
    name: &'a [u8],
    /// With the white space around it.
    value: &'a [u8],
    after: &'a [u8],
}

#[cfg(not(small))]
impl<'a> WholeLine<'a> {
    /// The line that begins `bytes`, or `None` where it has to be looked at with more care: some of
    /// it has not come yet, or something is wrong with it.
    #[cfg_attr(not(small), inline(always))]
    fn split_off(bytes: &'a [u8]) -> Option<Self> {
        let at_colon = |at| match bytes.split_at_checked(at) {
            Some((name @ [_, ..], [b':', rest @ ..])) => Some((name, rest)),
            _ => None,
        };
        let name = at_colon(scan::skip(Class::Name, bytes));
        let (name, bytes) = match name {
            Some(name) => name,
            None => at_colon(skip_token(bytes, 0))?,
        };
        let at_end = |at| match bytes.split_at_checked(at) {
            Some((value, [b'\r', b'\n', after @ ..])) => Some((value, after)),
            _ => None,
        };
        let value = at_end(scan::skip(Class::Text, bytes));
        let (value, after) = match value {
            Some(value) => value,
            None => at_end(skip_value(bytes, 0))?,
        };
        Some(Self { name, value, after })
    }
}

impl Known {
    #[cfg(small)]
    fn of(name: &[u8]) -> Self {
        const NAMES: [(&[u8], Known); 6] = [
            (b"host", Known::Host),
            (b"expect", Known::Expect),
            (b"upgrade", Known::Upgrade),
            (b"connection", Known::Connection),
            (b"content-length", Known::ContentLength),
            (b"transfer-encoding", Known::TransferEncoding),
        ];
        // As in `is`.
        let same = |(byte, lower): (&u8, &u8)| byte | 0x20 == *lower;
        let is = |lower: &[u8]| name.len() == lower.len() && name.iter().zip(lower).all(same);
        let known = NAMES.iter().find(|(lower, _)| is(lower));
        known.map_or(Self::Other, |(_, known)| *known)
    }

    #[cfg(not(small))]
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
#[cfg(not(small))]
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
#[inline(never)]
pub(crate) fn skip_token(window: &[u8], mut at: usize) -> usize {
    while let Some(rest) = window.get(at..) {
        at = at.wrapping_add(scan::skip(Class::Name, rest));
        match window.get(at) {
            Some(&byte) if is_tchar(byte) => at = at.wrapping_add(1),
            Some(_) | None => return at,
        }
    }
    at
}

/// The index at or after `at` of the first byte that is not of a field value, or the length.
#[inline(never)]
pub(crate) fn skip_value(window: &[u8], mut at: usize) -> usize {
    while let Some(rest) = window.get(at..) {
        at = at.wrapping_add(scan::skip(Class::Text, rest));
        match window.get(at) {
            Some(b'\t' | 0x80..) => at = at.wrapping_add(1),
            Some(_) | None => return at,
        }
    }
    at
}

/// What is wrong with a line that begins with `byte`, which is no CRLF and below `!`.
#[cold]
const fn not_a_line(byte: u8) -> SyntaxError {
    match byte {
        b' ' | b'\t' => SyntaxError::LeadingSpace,
        b'\r' => SyntaxError::BareCr,
        b'\n' => SyntaxError::BareLf,
        _ => SyntaxError::InvalidFieldName,
    }
}

/// What is wrong with a line that has `byte` where its name goes on or its colon stands.
#[cold]
const fn not_a_name(byte: u8, name_len: usize) -> SyntaxError {
    match byte {
        b'\n' => SyntaxError::BareLf,
        b' ' | b'\t' => SyntaxError::SpaceBeforeColon,
        b'\r' if name_len > 0 => SyntaxError::MissingFieldName,
        _ => SyntaxError::InvalidFieldName,
    }
}

/// What is wrong with a line that has `byte`, and no CRLF, where its value goes on or ends.
#[cold]
const fn not_a_value(byte: u8) -> SyntaxError {
    match byte {
        b'\r' => SyntaxError::BareCr,
        b'\n' => SyntaxError::BareLf,
        _ => SyntaxError::InvalidFieldValue,
    }
}

/// An offset into a window of at most 2¹⁶ - 1 bytes.
pub(crate) fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
