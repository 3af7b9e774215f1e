//! A head, taken to pieces.
//!
//! ```text
//! GET /where?q=now HTTP/1.1\r\n
//! [m] [-p--] [-q-] [version][end]
//! Host: example.com\r\n
//! [name][--value--][end]
//! \r\n
//! [end]
//! ```

use std::fmt::Write;

use kinglet_core::http::{Request, Target};

use crate::html::Bytes;
use crate::rfc::{self, Place};

/// A run of bytes of the head, and what it is. All parts together are the head, byte for byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) kind: Kind,
    pub(crate) bytes: &'a [u8],
    pub(crate) place: Place,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Method,
    Authority,
    Path,
    Query,
    Version,
    Name,
    Value,
    /// Spaces, colons and question marks between the parts.
    Between,
    /// CR and LF.
    End,
}

impl Kind {
    /// The class of its elements in the page.
    const fn class(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Authority => "authority",
            Self::Path => "path",
            Self::Query => "query",
            Self::Version => "version",
            Self::Name => "name",
            Self::Value => "value",
            Self::Between => "between",
            Self::End => "end",
        }
    }
}

/// The lines of the head, the empty one included, each as its parts.
pub(crate) fn lines<'a>(request: &Request<'a>) -> Vec<Vec<Part<'a>>> {
    let mut lines = request.head().split_inclusive(|&byte| byte == b'\n');
    let mut parts = vec![request_line(request, lines.next().unwrap_or_default())];
    parts.extend(lines.map(field_line));
    parts
}

/// `request-line = method SP request-target SP HTTP-version` (RFC 9112 §3), and its CRLF.
fn request_line<'a>(request: &Request<'a>, line: &'a [u8]) -> Vec<Part<'a>> {
    let method = request.method();
    let (token, target) = (method.as_str().as_bytes(), request.raw_target());
    let space = part(Kind::Between, b" ", Place::Rfc(9112, "3"));
    let mut parts = vec![part(Kind::Method, token, rfc::method(method).0), space];
    match request.target() {
        Target::Absolute {
            scheme, authority, ..
        } => {
            let form = Place::Rfc(9112, "3.2.2");
            let (before, rest) = target.split_at(scheme.len() + "://".len());
            let (authority, reference) = rest.split_at(authority.len());
            parts.push(part(Kind::Between, before, form));
            parts.push(part(Kind::Authority, authority, form));
            push_reference(&mut parts, reference, form);
        }
        _ => push_reference(&mut parts, target, Place::Rfc(9112, "3.2.1")),
    }
    let rest = &line[token.len() + target.len() + " ".len() * 2..];
    let (version, end) = rest.split_at(rest.len() - CRLF_LEN);
    parts.push(space);
    parts.push(part(Kind::Version, version, Place::Rfc(9112, "2.3")));
    parts.push(part(Kind::End, end, Place::Rfc(9112, "2.2")));
    parts
}

/// `absolute-path [ "?" query ]` (RFC 9110 §4.1)
fn push_reference<'a>(parts: &mut Vec<Part<'a>>, reference: &'a [u8], form: Place) {
    let mark = reference.iter().position(|&byte| byte == b'?');
    let (path, query) = reference.split_at(mark.unwrap_or(reference.len()));
    parts.push(part(Kind::Path, path, form));
    if let Some((mark, query)) = query.split_at_checked(1) {
        parts.push(part(Kind::Between, mark, form));
        parts.push(part(Kind::Query, query, Place::Rfc(3986, "3.4")));
    }
}

/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112 §5), and its CRLF; or that alone.
fn field_line(line: &[u8]) -> Vec<Part<'_>> {
    let (text, end) = line.split_at(line.len() - CRLF_LEN);
    let mut parts = Vec::new();
    if let Some(colon) = text.iter().position(|&byte| byte == b':') {
        let syntax = Place::Rfc(9112, "5");
        let (name, after) = text.split_at(colon);
        let value = after[1..].trim_ascii();
        let start = after.len() - after[1..].trim_ascii_start().len();
        let (before, rest) = after.split_at(start);
        let (_, behind) = rest.split_at(value.len());
        let (place, _) = rfc::field(&String::from_utf8_lossy(name));
        parts.push(part(Kind::Name, name, place));
        parts.push(part(Kind::Between, before, syntax));
        parts.push(part(Kind::Value, value, Place::Rfc(9110, "5.5")));
        parts.push(part(Kind::Between, behind, syntax));
    }
    let rule = if parts.is_empty() { "2.1" } else { "2.2" };
    parts.push(part(Kind::End, end, Place::Rfc(9112, rule)));
    parts
}

/// The exact bytes, each part a link to the rule it follows.
pub(crate) fn plate(lines: &[Vec<Part<'_>>]) -> String {
    let mut html = String::new();
    for line in lines {
        html.push_str("<span class=\"line\">");
        for part in line.iter().filter(|part| !part.bytes.is_empty()) {
            let class = part.kind.class();
            let _ = match part.kind {
                Kind::Between => {
                    write!(html, "<span class=\"{class}\">{}</span>", Bytes(part.bytes))
                }
                Kind::End => write!(
                    html,
                    "<span class=\"{class}\">{}\\r\\n</a></span>",
                    part.place.open()
                ),
                _ => write!(
                    html,
                    "<span class=\"{class}\">{}{}</a></span>",
                    part.place.open(),
                    Bytes(part.bytes)
                ),
            };
        }
        html.push_str("\n</span>");
    }
    html
}

const fn part(kind: Kind, bytes: &[u8], place: Place) -> Part<'_> {
    Part { kind, bytes, place }
}

const CRLF_LEN: usize = 2;
