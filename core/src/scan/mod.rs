//! Scanning: where does a run of legal bytes end?
//!
//! Everything that looks at many bytes at once is here. Each question has one [`Class`] of bytes that
//! may go on, and one answer: the index of the first byte that is not of the class, or the length.
//! The classes are small on purpose: a byte outside one only means that the caller looks at it
//! itself, so a class may leave out what is legal but rare.
//!
//! `blocks` looks at 8 or 16 bytes at once, and `bytes` at one, which is the shorter code; it is also
//! the oracle of the other in the tests.

#[cfg(any(test, not(small)))]
mod blocks;
#[cfg(any(test, small))]
mod bytes;

#[cfg(not(small))]
pub(crate) use blocks::{find, skip};
#[cfg(small)]
pub(crate) use bytes::{find, skip};

/// A set of bytes that a scan passes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The usual bytes of a field value: SP and visible ASCII.
    Text,
    /// The usual bytes of a field name or method: letters, digits and `-`.
    Name,
    /// The usual bytes of a host name: letters, digits, `-` and `.`.
    #[cfg(any(test, not(small)))]
    HostName,
    /// Decimal digits.
    #[cfg(any(test, not(small)))]
    Digit,
    /// The usual bytes of a request target: letters, digits, `& ' ( ) * + , - . / : ; = ? _`.
    Target,
}
