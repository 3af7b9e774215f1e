//! Tokens and optional whitespace, RFC 9110 §5.6.2 and §5.6.3.

use super::run;
use nom::IResult;
use nom::Parser;

/// Whether `byte` may stand in a token, RFC 9110 §5.6.2.
///
/// ```abnf
/// tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "."
///       / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
/// ```
#[must_use]
pub const fn is_tchar(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
            | b'0'..=b'9'
            | b'A'..=b'Z'
            | b'a'..=b'z'
    )
}

/// Whether all of `bytes` is one token.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_tchar)
}

/// Takes the longest token at the start of `input`, RFC 9110 §5.6.2.
///
/// ```abnf
/// token = 1*tchar
/// ```
///
/// # Errors
///
/// A recoverable error of nom if `input` does not start with a tchar.
pub fn token(input: &[u8]) -> IResult<&[u8], &[u8]> {
    run(1, is_tchar).parse(input)
}

/// The token at the start of `input` and what follows it: [`token`](token()) in shorter code.
pub(crate) fn split_token(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = input.iter().position(|&byte| !is_tchar(byte));
    input
        .split_at_checked(len.unwrap_or(input.len()))
        .filter(|(token, _)| !token.is_empty())
}

/// Takes optional whitespace, RFC 9110 §5.6.3. Never fails.
///
/// ```abnf
/// OWS = *( SP / HTAB )
/// ```
///
/// # Errors
///
/// None; the type is nom's.
pub fn ows(input: &[u8]) -> IResult<&[u8], &[u8]> {
    run(0, is_whitespace).parse(input)
}

/// `bytes` without optional whitespace at both ends, RFC 9110 §5.6.3.
#[must_use]
#[cfg_attr(small, inline(never))]
pub const fn trim_ows(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start_ows(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// `bytes` without optional whitespace at its start.
pub(crate) const fn trim_start_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether two names are the same where case does not count.
///
/// Only ASCII letters have case: `0xC4` and `0xE4` differ.
#[must_use]
pub const fn eq_ignore_case(left: &[u8], right: &[u8]) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// Whether `byte` is SP or HTAB.
#[must_use]
pub const fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[test]
    fn tchar_is_every_visible_character_but_the_delimiters() {
        for byte in 0..=u8::MAX {
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(
                is_tchar(byte),
                byte.is_ascii_graphic() && !delimiter,
                "{byte:#x}"
            );
        }
    }

    #[test]
    fn takes_the_longest_token() {
        fn check(input: &[u8], expected: Option<(&[u8], &[u8])>) {
            assert_eq!(token(input).ok(), expected, "{input:?}");
            assert_eq!(
                is_token(input),
                expected.is_some_and(|(rest, _)| rest.is_empty())
            );
        }
        check(b"gzip", Some((b"", b"gzip")));
        check(b"a/b", Some((b"/b", b"a")));
        check(b"q=1", Some((b"=1", b"q")));
        check(b"x\xe4", Some((b"\xe4", b"x")));
        check(b"", None);
        check(b" a", None);
        check(b"\0", None);
    }

    #[test]
    fn trims_only_space_and_tab() {
        fn check(input: &[u8], expected: &[u8]) {
            assert_eq!(trim_ows(input), expected);
        }
        check(b"", b"");
        check(b" \t ", b"");
        check(b"\ta b ", b"a b");
        check(b"\r\na\x0b", b"\r\na\x0b");
    }

    #[test]
    fn only_ascii_letters_have_case() {
        assert!(eq_ignore_case(b"Content-TYPE", b"content-type"));
        assert!(!eq_ignore_case(b"\xc4", b"\xe4"));
        assert!(!eq_ignore_case(b"[", b"{"));
        assert!(!eq_ignore_case(b"a", b"aa"));
    }

    #[test]
    fn a_token_and_its_rest_are_the_input() {
        noise::each(b"az09!~ ,;", |bytes| {
            let Ok((rest, taken)) = token(bytes) else {
                return;
            };
            assert!(is_token(taken));
            assert_eq!(taken.len() + rest.len(), bytes.len());
        });
    }
}
