//! What a request for ranges is answered with, RFC 9110 §14.2 and §15.3.7.
//!
//! ```text
//!   bytes=0-99                  206, those bytes
//!   bytes=0-99, 5000-5099       206, multipart/byteranges: two parts, in this order
//!   bytes=0-99, 50-199          206, bytes 0-199: what overlaps or nearly touches is sent once
//!   bytes=0-0, 2-2, 4-4, ...    with more than `max_ranges`: 200, the whole
//!   bytes=9999999-              416, with the length
//! ```
//!
//! So an answer is never longer than the file and the heads of `max_ranges` parts.

use kinglet_core::http::values::range::{ByteRange, ContentRange, RangeSet, Unsatisfiable};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: there are no ranges, or none that count.
    Whole,
    /// One range.
    One(ByteRange),
    /// Two and more, which do not overlap.
    Many(Vec<ByteRange>),
    /// None that the file has.
    None(Unsatisfiable),
}

/// Bytes between two ranges that cost less to send than a part of their own.
const MAX_GAP: u64 = 128;

/// Reads the value of Range for a file of `len` bytes.
pub(super) fn requested(value: &[u8], len: u64, max_ranges: usize) -> Part {
    let Ok(set) = RangeSet::parse(value, max_ranges) else {
        return Part::Whole;
    };
    let ranges = match set.resolve(len) {
        Ok(ranges) => ranges,
        Err(unsatisfiable) => return Part::None(unsatisfiable),
    };
    let mut joined: Vec<ByteRange> = Vec::new();
    for range in ranges {
        join(range, &mut joined);
    }
    match joined[..] {
        // Only of a file without content, RFC 9110 §14.1.2.
        [ByteRange { len: 0, .. }] | [] => Part::Whole,
        [range] => Part::One(range),
        _ => Part::Many(joined),
    }
}

/// Puts a range behind the others, or in the place of the first of those that it overlaps or nearly
/// touches, whose bytes it takes over.
fn join(range: ByteRange, joined: &mut Vec<ByteRange>) {
    let (mut start, mut end) = (range.start, range.start + range.len);
    let mut place = None;
    // Each that is taken over makes it longer, and may let it reach another one.
    while let Some(index) = joined.iter().position(|other| {
        other.start <= end.saturating_add(MAX_GAP)
            && start <= (other.start + other.len).saturating_add(MAX_GAP)
    }) {
        let other = joined.remove(index);
        start = start.min(other.start);
        end = end.max(other.start + other.len);
        place = Some(place.map_or(index, |place: usize| place.min(index)));
    }
    let place = place.unwrap_or(joined.len());
    joined.insert(place, ByteRange::new(start, end - start));
}

/// The parts of a multipart/byteranges answer (RFC 9110 §14.6).
#[derive(Debug)]
pub(super) struct Parts {
    /// What goes before each range, and the range.
    pub(super) parts: Vec<(Vec<u8>, ByteRange)>,
    /// What goes behind the last.
    pub(super) end: Vec<u8>,
}

impl Parts {
    /// `media_type` is that of the file; `boundary` must not be in the file.
    pub(super) fn new(ranges: &[ByteRange], len: u64, media_type: &[u8], boundary: &str) -> Self {
        let mut line_end = "";
        let parts = ranges.iter().map(|range| {
            let mut head = format!("{line_end}--{boundary}\r\n").into_bytes();
            line_end = "\r\n";
            head.extend(b"Content-Type: ");
            head.extend(media_type);
            head.extend(b"\r\nContent-Range: ");
            head.extend(content_range(*range, len));
            head.extend(b"\r\n\r\n");
            (head, *range)
        });
        Self {
            parts: parts.collect(),
            end: format!("\r\n--{boundary}--\r\n").into_bytes(),
        }
    }

    /// Bytes of all of it.
    pub(super) fn len(&self) -> u64 {
        let parts = self.parts.iter();
        let len: u64 = parts
            .map(|(head, range)| head.len() as u64 + range.len)
            .sum();
        len + self.end.len() as u64
    }

    /// All of it, of a file that is in memory.
    pub(super) fn concat(&self, file: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        for (head, range) in &self.parts {
            all.extend(head);
            all.extend(slice(file, *range));
        }
        all.extend(&self.end);
        all
    }
}

/// The bytes of `range`.
pub(super) fn slice(file: &[u8], range: ByteRange) -> &[u8] {
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    let len = usize::try_from(range.len).unwrap_or(usize::MAX);
    let slice = file.get(start..).and_then(|rest| rest.get(..len));
    slice.unwrap_or_default()
}

/// The value of Content-Range for a range of a file of `len` bytes.
pub(super) fn content_range(range: ByteRange, len: u64) -> Vec<u8> {
    ContentRange::partial(range, Some(len)).map_or_else(Vec::new, value)
}

/// The same, where there is no such range.
pub(super) fn unsatisfied(unsatisfiable: Unsatisfiable) -> Vec<u8> {
    value(unsatisfiable.content_range())
}

fn value(content_range: ContentRange) -> Vec<u8> {
    let mut room = [0; ContentRange::MAX_EMITTED_LEN];
    match content_range.emit_into(&mut room) {
        Ok(value) => value.to_vec(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_nearly_touch_are_one() {
        let check = |value: &str, expected: &[(u64, u64)]| {
            let ranges: Vec<ByteRange> = expected
                .iter()
                .map(|(start, len)| ByteRange::new(*start, *len))
                .collect();
            let expected = match ranges[..] {
                [range] => Part::One(range),
                _ => Part::Many(ranges),
            };
            assert_eq!(requested(value.as_bytes(), 10_000, 16), expected, "{value}");
        };
        check("bytes=0-99", &[(0, 100)]);
        check("bytes=-100", &[(9900, 100)]);
        check("bytes=0-99, 5000-5099", &[(0, 100), (5000, 100)]);
        check("bytes=5000-5099, 0-99", &[(5000, 100), (0, 100)]);
        check("bytes=0-99, 50-199", &[(0, 200)]);
        check("bytes=50-199,0-99", &[(0, 200)]);
        check("bytes=0-99, 228-299", &[(0, 300)]);
        check("bytes=0-99, 229-299", &[(0, 100), (229, 71)]);
        check("bytes=0-0, 2-2, 4-4, 6-6", &[(0, 7)]);
        check("bytes=0-, 0-, 0-, 5-9", &[(0, 10_000)]);
        check("bytes=0-99, 9000-9099, 50-8999", &[(0, 9100)]);
        check(
            "bytes=9000-, 0-99, 4000-4099, 99-4000",
            &[(9000, 1000), (0, 4100)],
        );
        check("bytes=0-0, 99999-", &[(0, 1)]);
    }

    #[test]
    fn what_is_no_range_is_the_whole() {
        for value in [
            "bytes=",
            "bytes=5-1",
            "bytes=a-b",
            "lines=0-1",
            "bytes 0-1",
            "bytes=0-0,1-1,2-2,3-3,4-4",
        ] {
            assert_eq!(
                requested(value.as_bytes(), 10_000, 4),
                Part::Whole,
                "{value}"
            );
        }
        assert_eq!(requested(b"bytes=-5", 0, 4), Part::Whole);
        assert_eq!(requested(b"bytes=0-0", 100, 0), Part::Whole);
        for (value, len) in [("bytes=10000-", 10_000), ("bytes=-0", 10), ("bytes=0-", 0)] {
            let part = requested(value.as_bytes(), len, 4);
            let Part::None(unsatisfiable) = part else {
                panic!("{value}: {part:?}");
            };
            let expected = format!("bytes */{len}");
            assert_eq!(unsatisfied(unsatisfiable), expected.as_bytes());
        }
    }

    #[test]
    fn parts_are_as_long_as_they_say() {
        let ranges = [ByteRange::new(0, 2), ByteRange::new(300, 3)];
        let file: Vec<u8> = (0..400_u32).map(|at| b'a' + (at % 26) as u8).collect();
        let parts = Parts::new(&ranges, 400, b"text/plain", "B");
        let all = parts.concat(&file);
        assert_eq!(parts.len(), all.len() as u64);
        let expected = "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/400\r\n\r\nab\r\n\
            --B\r\nContent-Type: text/plain\r\nContent-Range: bytes 300-302/400\r\n\r\nopq\r\n--B--\r\n";
        assert_eq!(String::from_utf8(all).unwrap(), expected);
    }
}
