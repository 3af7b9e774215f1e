//! Dot segments, RFC 3986 §5.2.4: `.` and `..` in the path of a URI.
//!
//! ```text
//!  /a/b/c/./../../g   ->   /a/g
//! ```
//!
//! Whoever maps a path to files removes them first, or refuses a path that
//! has them, which no client that follows RFC 3986 sends. `%2e` is a dot here
//! as well, as RFC 3986 §6.2.2.2 makes the two equivalent. A backslash does
//! not separate segments: it cannot stand in a URI.

use crate::syntax::emit::{Emitter, NoRoom};

/// Whether a segment of `path` is `.` or `..`, encoded or not.
///
/// ```
/// use kinglet_core::http::values::dot_segments::has_dot_segments;
///
/// assert!(has_dot_segments(b"/static/%2e./secret"));
/// assert!(!has_dot_segments(b"/static/..secret"));
/// ```
#[must_use]
pub fn has_dot_segments(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/')
        .any(|segment| !matches!(Segment::of(segment), Segment::Plain))
}

/// Writes `path` without its dot segments to the front of `out` and returns
/// what was written, RFC 3986 §5.2.4.
///
/// A `..` with no segment before it is dropped, so the result never leaves the
/// root. What is written is never longer than `path`, and all else in it stays
/// as it is: empty segments are segments, and nothing is decoded. So the
/// result may start with `//`, and after a relative `path` with `/`; it is a
/// path, not a reference to be parsed again.
///
/// ```
/// use kinglet_core::http::values::dot_segments::remove_dot_segments;
///
/// let mut out = [0; 32];
/// assert_eq!(remove_dot_segments(b"/a/b/c/./../../g", &mut out)?, b"/a/g");
/// # Ok::<(), kinglet_core::syntax::emit::NoRoom>(())
/// ```
///
/// # Errors
///
/// [`NoRoom`] if `out` is too small. As large as `path` is always enough;
/// what is taken away later needs room too.
pub fn remove_dot_segments<'out>(
    path: &[u8],
    out: &'out mut [u8],
) -> Result<&'out mut [u8], NoRoom> {
    let mut emitter = Emitter::new(out);
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, after) = split_segment(rest);
        let (slash, name) = match segment {
            [b'/', name @ ..] => (Slash::Before, name),
            name => (Slash::None, name),
        };
        let kind = Segment::of(name);
        match (kind, slash) {
            (Segment::Plain, _) => emitter.push(segment)?,
            // Rules A and D; the slash after it goes too.
            (Segment::Dot | Segment::DotDot, Slash::None) => {
                rest = after.strip_prefix(b"/").unwrap_or(after);
                continue;
            }
            // Rule B.
            (Segment::Dot, Slash::Before) => {}
            // Rule C.
            (Segment::DotDot, Slash::Before) => remove_last_segment(&mut emitter),
        }
        if after.is_empty() && kind != Segment::Plain {
            emitter.push_byte(b'/')?;
        }
        rest = after;
    }
    Ok(emitter.finish())
}

#[derive(Debug, Clone, Copy)]
enum Slash {
    Before,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Dot,
    DotDot,
    Plain,
}

impl Segment {
    fn of(segment: &[u8]) -> Self {
        match strip_dot(segment) {
            None => Self::Plain,
            Some([]) => Self::Dot,
            Some(rest) => match strip_dot(rest) {
                Some([]) => Self::DotDot,
                Some(_) | None => Self::Plain,
            },
        }
    }
}

const fn strip_dot(segment: &[u8]) -> Option<&[u8]> {
    match segment {
        [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => Some(rest),
        _ => None,
    }
}

// The first segment with the slash before it, and what follows.
fn split_segment(path: &[u8]) -> (&[u8], &[u8]) {
    let mut slashes = path.iter().enumerate().skip(1);
    slashes
        .find(|(_, byte)| **byte == b'/')
        .and_then(|(end, _)| path.split_at_checked(end))
        .unwrap_or((path, &[]))
}

// Each byte is written once and passed here once, so the sum is linear.
fn remove_last_segment(emitter: &mut Emitter<'_>) {
    let last = emitter.written().iter().rposition(|&byte| byte == b'/');
    emitter.truncate(last.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(path: &[u8], expected: &[u8]) {
        let mut out = [0; 64];
        let out = &mut out[..path.len()];
        assert_eq!(remove_dot_segments(path, out).unwrap(), expected);
        assert!(!has_dot_segments(expected));
        assert_eq!(has_dot_segments(path), path != expected);
    }

    #[test]
    fn removes_dot_segments() {
        check(b"/a/b/c/./../../g", b"/a/g");
        check(b"mid/content=5/../6", b"mid/6");
        check(b"/b/c/g.", b"/b/c/g.");
        check(b"/..g/.../g..", b"/..g/.../g..");
        check(b"/b/c/./g/.", b"/b/c/g/");
        check(b"/b/c/g;x=1/../y", b"/b/c/y");
        check(b"", b"");
        check(b"/", b"/");
        check(b"/.", b"/");
        check(b"/..", b"/");
        check(b"/a/..", b"/");
        check(b"/a/.", b"/a/");
    }

    #[test]
    fn never_leaves_the_root() {
        check(b"/../../../etc/passwd", b"/etc/passwd");
        check(b"/a/../../b", b"/b");
        check(b"../../a", b"a");
        check(b"..", b"");
        check(b".", b"");
        check(b"./a", b"a");
        check(b".././/a", b"/a");
    }

    #[test]
    fn an_encoded_dot_is_a_dot() {
        check(b"/a/%2e%2E/b", b"/b");
        check(b"/a/.%2e/b", b"/b");
        check(b"/a/%2e", b"/a/");
        check(b"/%2e%2e%2e/b", b"/%2e%2e%2e/b");
        check(b"/a%2f../b", b"/a%2f../b");
        check(b"/%252e/b", b"/%252e/b");
    }

    #[test]
    fn empty_segments_are_segments() {
        check(b"//a", b"//a");
        check(b"/a//../b", b"/a/b");
        check(b"/a//", b"/a//");
        check(b"//..", b"/");
    }

    #[test]
    fn says_when_there_is_no_room() {
        let mut out = [0; 3];
        assert_eq!(remove_dot_segments(b"/a/b", &mut out), Err(NoRoom));
        assert_eq!(remove_dot_segments(b"/abc/..", &mut out), Err(NoRoom));
        assert_eq!(remove_dot_segments(b"/a", &mut out).unwrap(), b"/a");
    }

    #[test]
    fn noise_loses_all_dot_segments_at_once() {
        noise::each(b"a/.%2e", |bytes| {
            let (mut once, mut twice) = ([0; 64], [0; 64]);
            let once = remove_dot_segments(bytes, &mut once).unwrap();
            assert!(!has_dot_segments(once));
            assert_eq!(remove_dot_segments(once, &mut twice).unwrap(), once);
        });
    }
}
