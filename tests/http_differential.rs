//! Our request parser beside `httparse`, over our vectors and damage to them.
//!
//! Where both accept, they read the same. Where they differ, the table of [`explain`] says why, and
//! each of its reasons is checked on the input: a difference without one fails.

mod support;

use std::collections::BTreeMap;

use kinglet_core::Limits;
use kinglet_core::http::{Error, LimitError, RequestParser, SyntaxError};
use support::damage::damage;
use support::escape::escape;
use support::noise::Noise;
use support::vectors;

const LIMITS: Limits = Limits {
    max_head_len: 4096,
    max_target_len: 1024,
    max_field_lines: 100,
    ..Limits::SERVER
};

/// A head that was read, by either parser.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    len: usize,
    method: String,
    target: Vec<u8>,
    minor: u8,
    lines: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome<E> {
    Whole(Head),
    Partial,
    Refused(E),
}

fn ours(input: &[u8]) -> Outcome<Error> {
    match RequestParser::new().parse(input, &LIMITS) {
        Ok(None) => Outcome::Partial,
        Err(error) => Outcome::Refused(error),
        Ok(Some(request)) => Outcome::Whole(Head {
            len: request.head_len(),
            method: request.method().as_str().to_owned(),
            target: request.raw_target().to_vec(),
            minor: match request.version() {
                kinglet_core::http::Version::Http10 => 0,
                _ => 1,
            },
            lines: request
                .fields()
                .map(|line| (line.name().to_owned(), line.value().to_vec()))
                .collect(),
        }),
    }
}

fn theirs(input: &[u8]) -> Outcome<httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(input) {
        Ok(httparse::Status::Partial) => Outcome::Partial,
        Err(error) => Outcome::Refused(error),
        Ok(httparse::Status::Complete(len)) => Outcome::Whole(Head {
            len,
            method: request.method.expect("a method").to_owned(),
            target: request.path.expect("a target").as_bytes().to_vec(),
            minor: request.version.expect("a version"),
            lines: request
                .headers
                .iter()
                .map(|line| (line.name.to_owned(), line.value.trim_ascii().to_vec()))
                .collect(),
        }),
    }
}

/// Why the two differ on `input`, or `None` where nothing says so.
///
/// | we | they | why |
/// |---|---|---|
/// | refuse | accept | a rule of RFC 9112 that `httparse` leaves to its caller: bare LF, targets, `Host`, framing, expectations, bounds |
/// | accept or wait | refuse | HTTP/1.2 to 1.9, which RFC 9110 §2.5 has a server take as 1.1 |
/// | wait | refuse | a version is judged when all of it has come, with its CRLF |
/// | refuse | wait | what cannot become a request is refused at its first wrong byte |
fn explain(
    input: &[u8],
    ours: &Outcome<Error>,
    theirs: &Outcome<httparse::Error>,
) -> Option<&'static str> {
    match (ours, theirs) {
        (Outcome::Refused(_), Outcome::Refused(_)) | (Outcome::Partial, Outcome::Partial) => {
            Some("the same")
        }
        (Outcome::Whole(ours), Outcome::Whole(theirs)) => (ours == theirs).then_some("the same"),
        (Outcome::Refused(error), Outcome::Whole(head)) => stricter(input, *error, head),
        (Outcome::Whole(_) | Outcome::Partial, Outcome::Refused(httparse::Error::Version))
            if is_later_minor_version(input) =>
        {
            Some("a later minor version")
        }
        (Outcome::Partial, Outcome::Refused(_)) => {
            let version = input.splitn(3, |&byte| byte == b' ').nth(2)?;
            (version.len() < 10).then_some("a version that has not come whole")
        }
        (Outcome::Refused(_), Outcome::Partial) => refused_for_good(input).then_some("earlier"),
        (Outcome::Whole(_), Outcome::Refused(_) | Outcome::Partial)
        | (Outcome::Partial, Outcome::Whole(_)) => None,
    }
}

fn is_later_minor_version(input: &[u8]) -> bool {
    let line = input
        .split(|&byte| byte == b'\r')
        .next()
        .unwrap_or_default();
    matches!(
        line,
        [
            ..,
            b' ',
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'2'..=b'9'
        ]
    )
}

/// Whether no bytes that follow make a request of it, for us or, but for stricter rules, for them.
fn refused_for_good(input: &[u8]) -> bool {
    let ends = [
        "\r\n\r\n",
        "\n\r\n\r\n",
        " HTTP/1.1\r\nHost: a\r\n\r\n",
        "a: b\r\nHost: a\r\n\r\n",
        "\r\nHost: a\r\n\r\n",
    ];
    ends.iter().all(|end| {
        let whole = [input, end.as_bytes()].concat();
        match (ours(&whole), theirs(&whole)) {
            (Outcome::Refused(error), Outcome::Whole(head)) => {
                stricter(&whole, error, &head).is_some()
            }
            (Outcome::Refused(_), _) => true,
            _ => false,
        }
    })
}

/// The rule that `httparse` has no notion of, if the head that it has read does break it.
fn stricter(input: &[u8], error: Error, head: &Head) -> Option<&'static str> {
    let values = |name: &str| -> Vec<String> {
        let lines = head
            .lines
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines
            .map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase())
            .collect()
    };
    let codings = values("transfer-encoding").join(",");
    let codings: Vec<&str> = codings
        .split(',')
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .collect();
    let head_bytes = &input[..head.len];
    let (holds, why) = match error {
        Error::Syntax(error) => match error {
            SyntaxError::BareLf => {
                let bare = |pair: &[u8]| pair[0] != b'\r' && pair[1] == b'\n';
                let first = head_bytes.first() == Some(&b'\n');
                (first || head_bytes.windows(2).any(bare), "bare LF")
            }
            SyntaxError::InvalidTarget => (!is_target(&head.method, &head.target), "a target"),
            SyntaxError::MissingHost => (head.minor == 1 && values("host").is_empty(), "no Host"),
            SyntaxError::DuplicateHost => (values("host").len() > 1, "two Hosts"),
            SyntaxError::InvalidHost => {
                (values("host").iter().any(|host| !is_host(host)), "a Host")
            }
            SyntaxError::InvalidContentLength => {
                let all = values("content-length");
                let lens = all.iter().flat_map(|value| value.split(',')).map(str::trim);
                let lens: Vec<Option<u64>> = lens
                    .map(|len| {
                        len.parse()
                            .ok()
                            .filter(|_| len.bytes().all(|b| b.is_ascii_digit()))
                    })
                    .collect();
                let differ = lens.windows(2).any(|pair| pair[0] != pair[1]);
                (differ || lens.contains(&None), "Content-Length")
            }
            SyntaxError::LengthAndTransferCoding => (
                !values("content-length").is_empty() && !values("transfer-encoding").is_empty(),
                "both lengths",
            ),
            SyntaxError::TransferCodingInHttp10 => (
                head.minor == 0 && !values("transfer-encoding").is_empty(),
                "a coding in 1.0",
            ),
            SyntaxError::ChunkedNotFinal => {
                let before_last = codings.split_last().map_or(&[][..], |(_, before)| before);
                (
                    codings.is_empty() || before_last.contains(&"chunked"),
                    "chunked not final",
                )
            }
            SyntaxError::UnknownTransferCoding => (
                codings.iter().any(|coding| *coding != "chunked"),
                "a coding",
            ),
            SyntaxError::UnknownExpectation => {
                let known = |value: &String| value == "100-continue";
                (!values("expect").iter().all(known), "an expectation")
            }
            _ => (false, ""),
        },
        Error::Limit(LimitError::TooManyFieldLines) => (head.lines.len() > 100, "many lines"),
        Error::Limit(LimitError::TargetTooLong) => (head.target.len() > 1024, "a long target"),
        Error::Limit(LimitError::HeadTooLarge) => (head.len > 4096, "a large head"),
        _ => (false, ""),
    };
    holds.then_some(why)
}

/// A host and port, by RFC 9110 §7.2, of the usual kinds.
fn is_host(value: &str) -> bool {
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (value, ""),
    };
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_name = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b));
    let is_literal = literal.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    (is_name || is_literal) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A target, by RFC 9112 §3.2, read in the plainest way.
fn is_target(method: &str, target: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(target) else {
        return false;
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~:/?@!$&'()*+,;=%[]".contains(c);
    let encoded = |(at, _): (usize, &str)| {
        text.get(at + 1..at + 3)
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if !text.chars().all(legal) || !text.match_indices('%').all(encoded) {
        return false;
    }
    let plain_host =
        |host: &str| !host.is_empty() && !host.contains(['[', ']', '@', '/', '?', ':']);
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match method {
        "CONNECT" => text
            .rsplit_once(':')
            .is_some_and(|(host, digits)| plain_host(host) && !digits.is_empty() && port(digits)),
        _ if text.starts_with('/') => !text.contains(['[', ']']),
        "OPTIONS" if text == "*" => true,
        _ => text.split_once("://").is_some_and(|(scheme, rest)| {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, digits) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                && plain_host(host)
                && port(digits)
                && !rest[end..].contains(['[', ']'])
        }),
    }
}

#[test]
fn every_difference_to_httparse_has_its_reason() {
    let rows = vectors::load();
    let mut noise = Noise::new(7);
    let mut classes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for round in 0..40_000 {
        let mut input = match rows.get(round) {
            Some(row) => row.input.clone(),
            None => noise.one_of(&rows).input.clone(),
        };
        if round >= rows.len() {
            for _ in 0..=noise.below(3) {
                damage(&mut noise, &mut input);
            }
        }
        // Empty lines before a request are the caller's in our parser, and skipped in theirs.
        while let Some(rest) = input.strip_prefix(b"\r\n".as_slice()) {
            input = rest.to_vec();
        }
        let (ours, theirs) = (ours(&input), theirs(&input));
        match explain(&input, &ours, &theirs) {
            Some(class) => *classes.entry(class).or_default() += 1,
            None => unexplained.push(format!("{}\n  {ours:?}\n  {theirs:?}", escape(&input))),
        }
    }
    println!("{classes:#?}");
    assert!(
        unexplained.is_empty(),
        "{} unexplained\n{}",
        unexplained.len(),
        unexplained
            .iter()
            .take(10)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    // The table has no row that nothing needs.
    for class in [
        "the same",
        "bare LF",
        "a target",
        "no Host",
        "two Hosts",
        "both lengths",
        "earlier",
    ] {
        assert!(classes.contains_key(class), "{class}");
    }
}
