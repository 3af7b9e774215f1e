//! W3C Trace Context, level 1, §3.2: the field `traceparent`.
//!
//! ```text
//! 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//! version  trace-id                    parent-id        flags
//! ```

use core::error::Error;
use core::fmt;

use crate::syntax::cut;

/// Which trace a request belongs to, and which step of it has sent it.
///
/// ```
/// use kinglet_core::middleware::TraceContext;
///
/// let value = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(value)?;
/// assert!(trace.is_sampled());
/// assert_eq!(&trace.emit(), value);
/// # Ok::<_, kinglet_core::middleware::TraceContextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// Why a value is no trace context; it is to be ignored then, and a new trace begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceContextError {
    /// It has not the parts, or not of these lengths.
    Form,
    /// A part has other characters than lower-case hexadecimal digits.
    Digits,
    /// The version is `ff`.
    Version,
    /// An id is zero.
    Zero,
}

impl TraceContext {
    /// Bytes of the field value.
    pub const LEN: usize = 55;

    /// A step of a trace; `None` where an id is zero, which stands for none.
    #[must_use]
    pub const fn new(trace_id: u128, parent_id: u64, flags: u8) -> Option<Self> {
        if trace_id == 0 || parent_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// Parses the field value. Of a version to come, what this one has in common with it is read.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn parse(value: &[u8]) -> Result<Self, TraceContextError> {
        let (known, rest) = value
            .split_first_chunk::<{ Self::LEN }>()
            .ok_or(TraceContextError::Form)?;
        let text = core::str::from_utf8(known).map_err(|_| TraceContextError::Digits)?;
        let mut parts = Parts(Some(text));
        let version = parts.next(2)?;
        let trace_id = parts.next(32)?;
        let parent_id = parts.next(16)?;
        let flags = parts.next(2)?;
        if version == 0xff {
            return Err(TraceContextError::Version);
        }
        let is_whole = rest.is_empty() || (version > 0 && rest.starts_with(b"-"));
        if !is_whole {
            return Err(TraceContextError::Form);
        }
        let parent_id = u64::try_from(parent_id).map_err(|_| TraceContextError::Form)?;
        let flags = u8::try_from(flags).map_err(|_| TraceContextError::Form)?;
        Self::new(trace_id, parent_id, flags).ok_or(TraceContextError::Zero)
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The step that has sent the request.
    #[must_use]
    pub const fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// Whether who began the trace may have it recorded.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The same trace, for what this step sends: `parent_id` is its own. `None` where that is zero.
    #[must_use]
    pub const fn child(&self, parent_id: u64) -> Option<Self> {
        Self::new(self.trace_id, parent_id, self.flags)
    }

    /// The field value, of version `00`.
    #[must_use]
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let parts = [
            (3..35, self.trace_id),
            (36..52, u128::from(self.parent_id)),
            // Only the flags that this version knows (§3.2.2.5).
            (53..55, u128::from(self.flags & 1)),
        ];
        for (place, mut number) in parts {
            for digit in value.get_mut(place).unwrap_or_default().iter_mut().rev() {
                let index = usize::from(number.to_le_bytes()[0] & 15);
                *digit = b"0123456789abcdef".get(index).copied().unwrap_or(b'0');
                number >>= 4;
            }
        }
        value
    }
}

/// The parts that are not read.
struct Parts<'a>(Option<&'a str>);

impl Parts<'_> {
    /// The number in the next part, which has `len` digits.
    fn next(&mut self, len: usize) -> Result<u128, TraceContextError> {
        let text = self.0.ok_or(TraceContextError::Form)?;
        let (part, rest) = cut(text, b'-');
        self.0 = rest;
        if part.len() != len {
            return Err(TraceContextError::Form);
        }
        if !part
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(TraceContextError::Digits);
        }
        u128::from_str_radix(part, 16).map_err(|_| TraceContextError::Digits)
    }
}

impl fmt::Display for TraceContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "expected version, trace-id, parent-id and flags",
            Self::Digits => "expected lower-case hexadecimal digits",
            Self::Version => "expected a version below ff",
            Self::Zero => "expected ids other than zero",
        })
    }
}

impl Error for TraceContextError {}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn parses_what_the_recommendation_allows() {
        use TraceContextError::{Digits, Form, Version, Zero};
        let rows = [
            (format!("00-{ID}-00f067aa0ba902b7-01"), Ok(true)),
            (format!("00-{ID}-00f067aa0ba902b7-00"), Ok(false)),
            (format!("01-{ID}-00f067aa0ba902b7-01-more"), Ok(true)),
            (format!("01-{ID}-00f067aa0ba902b7-01more"), Err(Form)),
            (format!("00-{ID}-00f067aa0ba902b7-01-more"), Err(Form)),
            (format!("ff-{ID}-00f067aa0ba902b7-01"), Err(Version)),
            (
                format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
                Err(Zero),
            ),
            (format!("00-{ID}-0000000000000000-01"), Err(Zero)),
            (
                format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
                Err(Digits),
            ),
            (format!("00-{ID}-00f067aa0ba902b-001"), Err(Form)),
            (format!("00-{ID}-00f067aa0ba902b7-0"), Err(Form)),
            (String::new(), Err(Form)),
        ];
        for (value, expected) in rows {
            let parsed = TraceContext::parse(value.as_bytes());
            assert_eq!(parsed.map(|trace| trace.is_sampled()), expected, "{value}");
        }
    }

    #[test]
    fn a_child_is_of_the_same_trace() {
        let value = format!("00-{ID}-00f067aa0ba902b7-01");
        let trace = TraceContext::parse(value.as_bytes()).unwrap();
        let child = trace.child(7).unwrap().emit();
        let expected = format!("00-{ID}-0000000000000007-01");
        assert_eq!(child.as_slice(), expected.as_bytes());
        assert_eq!(trace.child(0), None);
    }
}
