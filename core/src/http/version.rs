//! Protocol versions (RFC 9110 §2.5, RFC 9112 §2.3).

use core::fmt;

use super::error::SyntaxError;

/// The version of a message, as far as it changes what we do.
///
/// A higher minor version than 1 is treated as HTTP/1.1, as RFC 9110 §2.5 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0: no `Host`, no chunked, no persistence unless agreed.
    Http10,
    /// HTTP/1.1 and later minor versions.
    Http11,
}

impl Version {
    /// Bytes of an `HTTP-version`.
    pub(crate) const LEN: usize = 8;

    /// `HTTP-version = %s"HTTP" "/" DIGIT "." DIGIT`
    pub(crate) const fn parse(bytes: [u8; Self::LEN]) -> Result<Self, SyntaxError> {
        match bytes {
            // The two that are in use, each one comparison of eight bytes.
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'] => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Self::Http11),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(SyntaxError::UnsupportedVersion)
            }
            _ => Err(SyntaxError::InvalidVersion),
        }
    }

    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
