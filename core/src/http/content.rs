//! Content, whatever its framing (RFC 9110 §6.4, RFC 9112 §6).

use super::chunked;
use super::error::{Error, LimitError, SyntaxError};
use super::field::Fields;
use super::framing::Framing;
use crate::Limits;

/// Takes the framing off a message body and answers with the content in pieces.
///
/// The pieces are ranges of the caller's window; nothing is copied.
///
/// ```
/// use kinglet_core::{Limits, http::{Decoder, Framing, Piece}};
///
/// let mut decoder = Decoder::new(Framing::Chunked, &Limits::SERVER)?;
/// let body = b"5\r\nhello\r\n0\r\nDigest: abc\r\n\r\n";
/// assert_eq!(decoder.decode(body, &Limits::SERVER), Ok(Piece::Data { start: 3, end: 8 }));
/// let end = decoder.decode(&body[8..], &Limits::SERVER)?;
/// assert_eq!(end, Piece::End { start: 5, end: 20 });
/// assert_eq!(end.trailers(&body[8..]).value("digest"), Some(b"abc".as_slice()));
/// # Ok::<_, kinglet_core::http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length { left: u64 },
    Chunked(chunked::Decoder),
    UntilClose { allowance: u64 },
    Switched,
    Ended,
}

/// The next part of a message body. Ranges are offsets in the window that was decoded; what lies
/// before their end is done with, once the caller has used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all there is")]
pub enum Piece {
    /// More bytes are needed; the first `consumed` are done with.
    More {
        /// Bytes of framing that were passed.
        consumed: usize,
    },
    /// Content, never empty.
    Data {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// The content is whole; the range is the trailer section with its empty line, if there is one.
    End {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
    },
}

impl Piece {
    /// The trailer section that ends the content, out of the window that was decoded; empty in any
    /// other piece.
    #[must_use]
    pub fn trailers<'a>(&self, window: &'a [u8]) -> Fields<'a> {
        match *self {
            Self::End { start, end } => Fields::over(window.get(start..end).unwrap_or_default()),
            Self::More { .. } | Self::Data { .. } => Fields::default(),
        }
    }
}

impl Decoder {
    /// For what is no longer HTTP: everything is content.
    pub(crate) const SWITCHED: Self = Self(State::Switched);

    /// For a message without a body.
    pub(crate) const ENDED: Self = Self(State::Ended);

    /// A decoder for a message body with this framing.
    ///
    /// # Errors
    ///
    /// [`LimitError::ContentTooLarge`] when the declared length is over
    /// [`max_content_len`](Limits::max_content_len).
    pub const fn new(framing: Framing, limits: &Limits) -> Result<Self, Error> {
        let allowance = limits.max_content_len;
        Ok(Self(match framing {
            Framing::None | Framing::Length(0) => State::Ended,
            Framing::Length(left) if left > allowance => {
                return Err(Error::Limit(LimitError::ContentTooLarge));
            }
            Framing::Length(left) => State::Length { left },
            Framing::Chunked => State::Chunked(chunked::Decoder::new(allowance)),
            Framing::UntilClose => State::UntilClose { allowance },
            Framing::Switched => State::Switched,
        }))
    }

    /// Reads the next piece. `window` begins with the first byte that is not done with.
    ///
    /// # Errors
    ///
    /// The first rule of the chunked coding that is broken, or bound that is reached.
    #[inline]
    pub fn decode(&mut self, window: &[u8], limits: &Limits) -> Result<Piece, Error> {
        let piece = match &mut self.0 {
            State::Length { left } => {
                if window.is_empty() {
                    return Ok(Piece::More { consumed: 0 });
                }
                let end = window
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left = left.wrapping_sub(end as u64);
                if *left == 0 {
                    self.0 = State::Ended;
                }
                Piece::Data { start: 0, end }
            }
            State::Chunked(decoder) => decoder.decode(window, limits)?,
            State::UntilClose { allowance } => {
                let allowed = usize::try_from(*allowance).unwrap_or(usize::MAX);
                if allowed == 0 && !window.is_empty() {
                    return Err(LimitError::ContentTooLarge.into());
                }
                let window = window.get(..allowed).unwrap_or(window);
                *allowance = allowance.wrapping_sub(window.len() as u64);
                raw(window)
            }
            State::Switched => raw(window),
            State::Ended => Piece::End { start: 0, end: 0 },
        };
        if matches!(piece, Piece::End { .. }) {
            self.0 = State::Ended;
        }
        Ok(piece)
    }

    /// Tells that the peer has closed its side: content that lasts until then is whole.
    ///
    /// # Errors
    ///
    /// [`SyntaxError::Truncated`] when more was announced (RFC 9112 §8).
    pub const fn end_of_input(&mut self) -> Result<(), SyntaxError> {
        match self.0 {
            State::UntilClose { .. } | State::Switched | State::Ended => {
                self.0 = State::Ended;
                Ok(())
            }
            State::Length { .. } | State::Chunked(_) => Err(SyntaxError::Truncated),
        }
    }

    /// Whether there is no more content, as far as the decoder knows without reading on.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.0, State::Ended)
    }

    /// Gives back the last `len` bytes of the content that was answered last.
    pub(crate) const fn unread(&mut self, len: u64) {
        match &mut self.0 {
            State::Length { left } => *left = left.saturating_add(len),
            State::Chunked(decoder) => decoder.unread(len),
            State::UntilClose { allowance } => *allowance = allowance.saturating_add(len),
            State::Ended if len > 0 => self.0 = State::Length { left: len },
            State::Switched | State::Ended => {}
        }
    }

    /// The framing that what is to come has.
    #[inline]
    pub(crate) const fn framing(&self) -> Framing {
        if self.has_ended() {
            Framing::None
        } else {
            self.framing_to_come()
        }
    }

    #[inline(never)]
    const fn framing_to_come(&self) -> Framing {
        match self.0 {
            State::Length { left } => Framing::Length(left),
            State::Chunked(_) => Framing::Chunked,
            State::UntilClose { .. } => Framing::UntilClose,
            State::Switched => Framing::Switched,
            State::Ended => Framing::None,
        }
    }

    pub(crate) const fn is_switched(&self) -> bool {
        matches!(self.0, State::Switched)
    }

    /// How many bytes are to come, if that was declared.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self.0 {
            State::Length { left } => Some(left),
            State::Ended => Some(0),
            State::Chunked(_) | State::UntilClose { .. } | State::Switched => None,
        }
    }
}

const fn raw(window: &[u8]) -> Piece {
    match window.len() {
        0 => Piece::More { consumed: 0 },
        end => Piece::Data { start: 0, end },
    }
}
