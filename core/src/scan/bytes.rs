//! One byte after the other.

use super::Class;

/// The index of the first byte of `bytes` that is not of `class`, or the length.
#[inline(never)]
pub(crate) fn skip(class: Class, bytes: &[u8]) -> usize {
    let stop = bytes.iter().position(|&byte| !class.contains(byte));
    stop.unwrap_or(bytes.len())
}

/// The index at or after `from` of the first `byte`, or the length.
#[inline(never)]
pub(crate) fn find(byte: u8, bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let run = rest.iter().position(|&other| other == byte);
    from.wrapping_add(run.unwrap_or(rest.len()))
}

impl Class {
    pub(super) const fn contains(self, byte: u8) -> bool {
        match self {
            Self::Text => matches!(byte, 0x20..=0x7e),
            Self::Name => matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-'),
            #[cfg(any(test, not(small)))]
            Self::HostName => Self::Name.contains(byte) || byte == b'.',
            #[cfg(any(test, not(small)))]
            Self::Digit => byte.is_ascii_digit(),
            Self::Target => {
                matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'&'..=b';' | b'=' | b'?' | b'_')
            }
        }
    }
}
