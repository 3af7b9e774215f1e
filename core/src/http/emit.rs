//! Writing heads and chunks, in either role (RFC 9112 §3 to §7).
//!
//! Each function writes all of a part or none of it. What could contradict the framing cannot be
//! given: a [`Field`] is none of the lines that decide about it, and those are written here.

use super::field::{Added, Field};
use super::framing::Framing;
use super::target;
use super::{Method, Status};
use crate::Stamp;
use crate::window::Writer;

/// Writes the head of a request to `out` and answers its length in bytes.
///
/// `authority` becomes the value of `Host`. With [`Framing::Switched`] it offers to go on in the
/// protocols that `Upgrade` names among the fields (RFC 9110 §7.8). [`Framing::UntilClose`] is no
/// request's; it counts as [`Framing::None`].
///
/// `None` when it does not fit, when the target is none that `method` allows, or when the authority
/// is no `uri-host [ ":" port ]`.
///
/// ```
/// use kinglet_core::http::{Framing, Method, emit};
///
/// let mut out = [0; 64];
/// let len = emit::request_head(&mut out, Method::Get, "/", "example.com", &[], Framing::None);
/// assert_eq!(&out[..len.unwrap()], b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// ```
#[must_use]
pub fn request_head(
    out: &mut [u8],
    method: Method<'_>,
    target: &str,
    authority: &str,
    fields: &[Field<'_>],
    framing: Framing,
) -> Option<usize> {
    let token = method.as_str().as_bytes();
    let is_method = !token.is_empty() && super::section::skip_token(token, 0) == token.len();
    if !is_method || !target::is_target(method, target) || !target::is_host(authority.as_bytes()) {
        return None;
    }
    let mut writer = Writer::new(out);
    writer
        .put(token)
        .put(b" ")
        .put(target.as_bytes())
        .put(b" HTTP/1.1\r\nHost: ");
    writer.put(authority.as_bytes()).put(b"\r\n");
    match framing {
        Framing::Length(len) => length(&mut writer, len),
        Framing::Chunked => chunked(&mut writer),
        Framing::Switched => {
            writer.put(UPGRADE);
        }
        Framing::None | Framing::UntilClose => {}
    }
    lines(&mut writer, fields);
    writer.put(b"\r\n").len()
}

/// Writes the head of a response to `out` and answers its length in bytes, or `None` when it does not
/// fit.
///
/// With [`Framing::UntilClose`] it says `Connection: close`. A status that forbids content gets no
/// framing at all (RFC 9110 §8.6).
#[must_use]
pub fn response_head(
    out: &mut [u8],
    status: Status,
    fields: &[Field<'_>],
    framing: Framing,
) -> Option<usize> {
    let mut writer = Writer::new(out);
    let connection: &[u8] = match framing {
        Framing::UntilClose => CLOSE,
        Framing::None | Framing::Length(_) | Framing::Chunked | Framing::Switched => b"",
    };
    response(
        &mut writer,
        status,
        &Stamp::EMPTY,
        framing,
        connection,
        fields,
        Added::NONE,
    );
    writer.len()
}

/// Writes one chunk (RFC 9112 §7.1) to `out` and answers its length in bytes. `data` must not be
/// empty, since a chunk of size 0 is the last; `extension` is empty, or the chunk extension with its
/// `;`.
///
/// `None` when it does not fit, when `data` is empty, or when the extension is none.
#[must_use]
pub fn chunk(out: &mut [u8], data: &[u8], extension: &str) -> Option<usize> {
    if data.is_empty() || !super::chunked::is_extension(extension.as_bytes()) {
        return None;
    }
    let mut writer = Writer::new(out);
    writer
        .put_hexadecimal(data.len() as u64)
        .put(extension.as_bytes())
        .put(b"\r\n");
    writer.put(data).put(b"\r\n").len()
}

/// Writes the last chunk and a trailer section (RFC 9112 §7.1.2) to `out`, and answers its length in
/// bytes, or `None` when it does not fit.
#[must_use]
pub fn last_chunk(out: &mut [u8], trailers: &[Field<'_>]) -> Option<usize> {
    let mut writer = Writer::new(out);
    put_last_chunk(&mut writer, trailers);
    writer.len()
}

pub(crate) fn put_last_chunk(writer: &mut Writer<'_>, trailers: &[Field<'_>]) {
    writer.put_array(b"0\r\n");
    lines(writer, trailers);
    writer.put_array(b"\r\n");
}

/// 100 (Continue), whole (RFC 9110 §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The lines that say what becomes of the connection (RFC 9112 §9).
pub(crate) const CLOSE: &[u8] = b"Connection: close\r\n";
pub(crate) const KEEP_ALIVE: &[u8] = b"Connection: keep-alive\r\n";
pub(crate) const UPGRADE: &[u8] = b"Connection: upgrade\r\n";
pub(crate) const CLOSE_UPGRADE: &[u8] = b"Connection: close, upgrade\r\n";

/// The usual answer, whole: 200, a length, and nothing of the connection.
#[cfg_attr(not(small), inline(always))]
pub(crate) fn usual_response(
    writer: &mut Writer<'_>,
    stamp: &Stamp,
    fields: &[Field<'_>],
    content: &[u8],
) {
    stamp.put_usual_head(writer);
    writer.put_decimal_line(content.len() as u64);
    lines(writer, fields);
    writer.put_array(b"\r\n").put(content);
}

/// The head of a response; one function for all but the usual answers.
#[inline(never)]
pub(crate) fn response(
    writer: &mut Writer<'_>,
    status: Status,
    stamp: &Stamp,
    framing: Framing,
    connection: &[u8],
    fields: &[Field<'_>],
    added: Added<'_>,
) {
    if status == Status::OK && !cfg!(terse) {
        writer.put_array(b"HTTP/1.1 200 OK\r\n");
    } else {
        writer
            .put_array(b"HTTP/1.1 ")
            .put_array(&status.digits())
            .put_array(b" ");
        // The phrase is there for people, and may be empty (RFC 9112 §4).
        let reason = if cfg!(terse) { "" } else { status.reason() };
        writer.put(reason.as_bytes()).put_array(b"\r\n");
    }
    if !added.is_relayed() {
        writer.put(stamp.as_bytes());
    }
    match framing {
        _ if status.forbids_content() => {}
        Framing::None => length(writer, 0),
        Framing::Length(len) => length(writer, len),
        Framing::Chunked => chunked(writer),
        Framing::UntilClose | Framing::Switched => {}
    }
    if !connection.is_empty() {
        writer.put(connection);
    }
    lines(writer, fields);
    added.put(writer, fields);
    writer.put_array(b"\r\n");
}

#[cfg_attr(not(small), inline(always))]
fn lines(writer: &mut Writer<'_>, fields: &[Field<'_>]) {
    for field in fields {
        line(writer, field);
    }
}

#[inline(always)]
pub(super) fn line(writer: &mut Writer<'_>, field: &Field<'_>) {
    match field.line() {
        Some(line) => {
            writer.put(line);
        }
        None => {
            writer.put(field.name().as_bytes()).put_array(b": ");
            writer.put(field.value()).put_array(b"\r\n");
        }
    }
}

#[cfg_attr(not(small), inline(always))]
fn length(writer: &mut Writer<'_>, len: u64) {
    writer.put_array(b"Content-Length: ").put_decimal_line(len);
}

fn chunked(writer: &mut Writer<'_>) {
    writer.put_array(b"Transfer-Encoding: chunked\r\n");
}
