//! The chunked transfer coding (RFC 9112 §7.1).
//!
//! ```text
//! 5;note="first"\r\n     chunk-size [ chunk-ext ] CRLF
//! hello\r\n              chunk-data CRLF
//! 0\r\n                  last-chunk
//! Digest: abc\r\n        trailer-section
//! \r\n
//! ```

use super::content::Piece;
use super::error::{Error, LimitError, SyntaxError};
use super::section::{SectionScan, offset};
use crate::syntax::parameter::split_extension_parameter;
use crate::{Limits, scan};

/// Decodes a chunked message body, resuming where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoder {
    /// Bytes of content that may still come.
    allowance: u64,
    place: Place,
}

/// Where in the body the decoder stands. `extensions` counts the bytes of chunk extensions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a chunk's first line, of which `seen` bytes have no LF.
    Line { extensions: u16, seen: u16 },
    /// In its data, of which `left` bytes are to come.
    Data { extensions: u16, left: u64 },
    /// At the CRLF behind its data.
    DataEnd { extensions: u16 },
    /// In the trailer section.
    Trailers(SectionScan),
}

impl Decoder {
    pub(crate) const fn new(max_content_len: u64) -> Self {
        Self {
            allowance: max_content_len,
            place: Place::Line {
                extensions: 0,
                seen: 0,
            },
        }
    }

    /// Gives back the last `len` bytes of the data that was answered last.
    pub(crate) const fn unread(&mut self, len: u64) {
        match &mut self.place {
            Place::Data { left, .. } => *left = left.saturating_add(len),
            Place::DataEnd { extensions } if len > 0 => {
                self.place = Place::Data {
                    extensions: *extensions,
                    left: len,
                };
            }
            Place::Line { .. } | Place::DataEnd { .. } | Place::Trailers(_) => {}
        }
    }

    /// Reads the next piece. `window` begins with what has not been consumed.
    pub(crate) fn decode(&mut self, window: &[u8], limits: &Limits) -> Result<Piece, Error> {
        let mut at = 0_usize;
        loop {
            let rest = window.get(at..).unwrap_or_default();
            match &mut self.place {
                Place::Line { extensions, seen } => {
                    let end = scan::find(b'\n', rest, usize::from(*seen));
                    check_line_len(end, *extensions, limits)?;
                    let Some(line) = rest.get(..end).filter(|_| end < rest.len()) else {
                        *seen = offset(end);
                        return Ok(Piece::More { consumed: at });
                    };
                    let line = line.strip_suffix(b"\r").ok_or(SyntaxError::BareLf)?;
                    let extensions = *extensions;
                    self.place = self.chunk_line(line, extensions, limits)?;
                    at = at.wrapping_add(end).wrapping_add(1);
                }
                Place::Data { extensions, left } => {
                    if rest.is_empty() {
                        return Ok(Piece::More { consumed: at });
                    }
                    let len = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left = left.wrapping_sub(len as u64);
                    if *left == 0 {
                        self.place = Place::DataEnd {
                            extensions: *extensions,
                        };
                    }
                    return Ok(Piece::Data {
                        start: at,
                        end: at.wrapping_add(len),
                    });
                }
                Place::DataEnd { extensions } => match rest {
                    [b'\r', b'\n', ..] => {
                        at = at.wrapping_add(2);
                        self.place = Place::Line {
                            extensions: *extensions,
                            seen: 0,
                        };
                    }
                    [] | [b'\r'] => return Ok(Piece::More { consumed: at }),
                    _ => return Err(SyntaxError::MissingChunkEnd.into()),
                },
                Place::Trailers(section) => {
                    let max_len = usize::from(limits.max_trailers_len);
                    let bounded = rest.get(..max_len).unwrap_or(rest);
                    // What a trailer section says decides nothing.
                    let end = section.read(bounded, limits.max_field_lines, |_, _| Ok(()))?;
                    return match end {
                        Some(len) => Ok(Piece::End {
                            start: at,
                            end: at.wrapping_add(len),
                        }),
                        None if bounded.len() < max_len => Ok(Piece::More { consumed: at }),
                        None => Err(LimitError::TrailersTooLarge.into()),
                    };
                }
            }
        }
    }

    /// `chunk-size [ chunk-ext ]`, without its CRLF.
    fn chunk_line(
        &mut self,
        line: &[u8],
        extensions: u16,
        limits: &Limits,
    ) -> Result<Place, Error> {
        if scan::find(b'\r', line, 0) < line.len() {
            return Err(SyntaxError::BareCr.into());
        }
        let (size, extension) = chunk_size(line).ok_or(SyntaxError::InvalidChunkSize)?;
        if !is_extension(extension) {
            return Err(SyntaxError::InvalidChunkExtension.into());
        }
        let extensions = extensions.saturating_add(offset(extension.len()));
        if extensions > limits.max_chunk_extensions_len {
            return Err(LimitError::ChunkExtensionsTooLong.into());
        }
        self.allowance = self
            .allowance
            .checked_sub(size)
            .ok_or(LimitError::ContentTooLarge)?;
        Ok(match size {
            0 => Place::Trailers(SectionScan::new(0)),
            left => Place::Data { extensions, left },
        })
    }
}

/// A line without extensions is a few digits; whatever more it has counts as extensions.
fn check_line_len(len: usize, extensions: u16, limits: &Limits) -> Result<(), LimitError> {
    let extended = len
        .saturating_sub(MAX_SIZE_LEN)
        .saturating_add(usize::from(extensions));
    if extended > usize::from(limits.max_chunk_extensions_len) {
        Err(LimitError::ChunkExtensionsTooLong)
    } else {
        Ok(())
    }
}

/// Whether `extension` is empty or a well-formed chunk extension.
///
/// `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
///
/// `chunk-ext-val = token / quoted-string`
pub(crate) fn is_extension(mut extension: &[u8]) -> bool {
    while !extension.is_empty() {
        match split_extension_parameter(extension) {
            Some((_, rest)) => extension = rest,
            None => return false,
        }
    }
    true
}

/// The most bytes of a line that are the size and its CR: sixteen digits say all that fits, and a
/// few zeros may lead.
const MAX_SIZE_LEN: usize = 32;

/// `chunk-size = 1*HEXDIG`: its value and what follows it, or `None` when there is no digit or the value
/// is over 2⁶⁴ - 1.
fn chunk_size(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut size = 0_u64;
    let mut rest = line;
    while let [byte, after @ ..] = rest
        && let Some(digit) = char::from(*byte).to_digit(16)
    {
        if size >> 60 != 0 {
            return None;
        }
        size = size << 4 | u64::from(digit);
        rest = after;
    }
    (rest.len() < line.len()).then_some((size, rest))
}

#[cfg(test)]
mod tests {
    use nom::branch::alt;
    use nom::combinator::opt;
    use nom::multi::many0_count;
    use nom::sequence::preceded;

    use super::*;
    use crate::syntax::quoted::quoted_string;
    use crate::syntax::token::{ows, token};
    use crate::syntax::{byte, noise, span, whole};

    #[test]
    fn an_extension_is_what_the_grammar_says() {
        noise::each(br#"a;= ""#, |bytes| {
            let value = preceded((ows, byte(b'='), ows), alt((token, span(quoted_string))));
            let grammar = many0_count((ows, byte(b';'), ows, token, opt(value)));
            assert_eq!(is_extension(bytes), whole(grammar, bytes).is_some());
        });
    }

    #[test]
    fn a_size_is_hexadecimal_and_fits() {
        let rows: [(&str, Option<(u64, &str)>); 7] = [
            ("0", Some((0, ""))),
            ("1aF;x", Some((0x1af, ";x"))),
            ("ffffffffffffffff", Some((u64::MAX, ""))),
            ("00000000000000000001", Some((1, ""))),
            ("10000000000000000", None),
            ("", None),
            (";x", None),
        ];
        for (line, expected) in rows {
            let expected = expected.map(|(size, rest)| (size, rest.as_bytes()));
            assert_eq!(chunk_size(line.as_bytes()), expected, "{line}");
        }
    }
}
