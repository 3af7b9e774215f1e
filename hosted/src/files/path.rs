//! From the path of a request to the name of a file below a folder.
//!
//! ```text
//!   /docs/a%20b.txt   -> docs/a b.txt      a file, or a folder that wants its slash
//!   /docs/            -> docs              a folder
//!   /docs/../x  /a//b  /a%2fb  /a%5cb      nothing has such a name: 404
//!   /a%00  /a%zz                           broken: 400
//! ```
//!
//! What is decoded is never decoded again, and what passes here has no segment that the kernel would take
//! for anything but a name. The kernel is asked to see to it all the same, see `open`.

use kinglet_core::syntax::percent;

use super::DotFiles;
use super::refusal::Refusal;

/// A path that is decoded: it begins without a slash, and ends with one where it names a folder.
///
/// A path without percent-encoding is its own decoded form, and is not copied.
pub(super) fn decode<'a>(path: &'a str, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Refusal> {
    let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
    if !path.contains(&b'%') {
        return Ok(path);
    }
    // An encoded slash is part of a name, and no name has one.
    if path
        .windows(3)
        .any(|triplet| triplet.eq_ignore_ascii_case(b"%2f"))
    {
        return Err(Refusal::Missing);
    }
    buffer.clear();
    for byte in percent::decode(path) {
        buffer.push(byte.map_err(|_| Refusal::Malformed)?);
    }
    Ok(buffer)
}

/// What a decoded path names: the name as from the folder, without a slash at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// `docs/a.txt`: a file, or a folder that wants its slash.
    File(&'a [u8]),
    /// `docs/`, or nothing at all.
    Folder(&'a [u8]),
}

/// Checks a decoded path.
pub(super) fn name(path: &[u8], dot_files: DotFiles) -> Result<Named<'_>, Refusal> {
    if path.contains(&0) {
        return Err(Refusal::Malformed);
    }
    let (name, named) = match path {
        [] => return Ok(Named::Folder(path)),
        [name @ .., b'/'] => (name, Named::Folder(name)),
        name => (name, Named::File(name)),
    };
    for (index, segment) in name.split(|byte| *byte == b'/').enumerate() {
        let is_shown = match segment {
            [] | b"." | b".." => false,
            b".well-known" if index == 0 => true,
            [b'.', ..] => dot_files == DotFiles::Serve,
            _ => true,
        };
        // Clients take a backslash for a slash now and then; no file of a site has one in its name.
        if !is_shown || segment.contains(&b'\\') {
            return Err(Refusal::Missing);
        }
    }
    Ok(named)
}

/// Writes a name as a segment of a path: all but unreserved characters is encoded (RFC 3986 §2.3).
pub(super) fn encode(name: &[u8], to: &mut Vec<u8>) {
    let start = to.len();
    to.resize(start + 3 * name.len(), 0);
    let room = to.get_mut(start..).unwrap_or_default();
    let len = percent::encode_into(name, percent::is_unreserved, room).map_or(0, |text| text.len());
    to.truncate(start + len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        for (path, expected) in [
            ("/", Ok("")),
            ("", Ok("")),
            ("/a/b.txt", Ok("a/b.txt")),
            ("a/b.txt", Ok("a/b.txt")),
            ("/a%20b", Ok("a b")),
            ("/a%2541", Ok("a%41")),
            ("/%2e%2E/a", Ok("../a")),
            ("//a", Ok("/a")),
            ("/a%2fb", Err(Refusal::Missing)),
            ("/a%2Fb", Err(Refusal::Missing)),
            ("/a%", Err(Refusal::Malformed)),
            ("/a%4", Err(Refusal::Malformed)),
            ("/a%zz", Err(Refusal::Malformed)),
            ("/a%+1", Err(Refusal::Malformed)),
        ] {
            let mut buffer = Vec::new();
            let decoded = decode(path, &mut buffer);
            assert_eq!(decoded, expected.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn what_is_no_name_names_nothing() {
        let check = |path: &[u8], expected: Result<Named<'_>, Refusal>| {
            let shown = path.escape_ascii();
            assert_eq!(name(path, DotFiles::Hide), expected, "{shown}");
        };
        check(b"", Ok(Named::Folder(b"")));
        check(b"a", Ok(Named::File(b"a")));
        check(b"a/", Ok(Named::Folder(b"a")));
        check(b"a/b..c", Ok(Named::File(b"a/b..c")));
        check(b".well-known/x", Ok(Named::File(b".well-known/x")));
        for path in [
            &b"/"[..],
            b"/a",
            b"a//b",
            b"a//",
            b".",
            b"..",
            b"a/.",
            b"a/./b",
            b"../a",
            b"a/../b",
            b"a/..",
            b"a/../",
            b".git/config",
            b"a/.htpasswd",
            b"a/.well-known",
            b"a\\b",
            b"..\\a",
        ] {
            check(path, Err(Refusal::Missing));
        }
        check(b"a\0b", Err(Refusal::Malformed));
        let served = name(b".git/config", DotFiles::Serve);
        assert_eq!(served, Ok(Named::File(b".git/config")));
        assert_eq!(name(b"..", DotFiles::Serve), Err(Refusal::Missing));
    }

    #[test]
    fn a_name_becomes_a_segment_again() {
        for (name, expected) in [
            (&b"a-b.c_d~"[..], "a-b.c_d~"),
            (b"a b:c?d#e", "a%20b%3Ac%3Fd%23e"),
            (b"\"<&>'", "%22%3C%26%3E%27"),
            (b"\xc3\xa9\xff", "%C3%A9%FF"),
        ] {
            let mut segment = Vec::new();
            encode(name, &mut segment);
            assert_eq!(segment, expected.as_bytes());
            let text = String::from_utf8(segment).unwrap();
            let mut buffer = Vec::new();
            assert_eq!(decode(&text, &mut buffer), Ok(name));
        }
    }
}
