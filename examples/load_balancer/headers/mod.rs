//! Which field lines pass, in both directions, and which the proxy adds (RFC 9110 §7.6, RFC 7239).
//!
//! ```text
//!  from the client                    to the backend
//!  Host, Content-Length, Expect       written anew by the engine
//!  Connection, Keep-Alive, ...        for this connection only: not passed on
//!  X-Nominated                        the same, where Connection names it
//!  TE, Upgrade                        said by `HopByHop`, for the engine to say anew
//!  Max-Forwards                       one less, for OPTIONS and TRACE
//!  Forwarded, X-Forwarded-For         passed on where the client is trusted, and always appended to
//!  Via                                passed on and appended to
//!  all others                         passed on as they are, in their order
//! ```
//!
//! Nothing is collected: a line that passes goes to the callback where it lies, and what is added is put
//! together in a buffer that the caller lends and can use again.

use core::net::{IpAddr, SocketAddr};
use std::io::Write;

use kinglet_core::http::{FieldLine, Fields, Version};
use kinglet_core::syntax::token::is_token;

/// Fields of one connection, whether or not `Connection` names them (RFC 9110 §7.6.1), those that the
/// engine writes, and `Proxy`, which servers that run CGI scripts would take for a setting.
const NEVER_PASSED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Fields that `Connection` may name without effect: what proxies have said is not the client's to
/// take back.
const NEVER_NOMINATED: [&str; 5] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// One step on a message's way: who has sent it here, and who passes it on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// What this proxy is called in `Via`: a token.
    pub(crate) pseudonym: &'a str,
    /// The version that the message has come in.
    pub(crate) version: Version,
    /// Who has sent it; `None` on a Unix socket.
    pub(crate) client: Option<SocketAddr>,
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// The host and port that it is for, as the client has said.
    pub(crate) host: &'a str,
    pub(crate) naming: Naming,
    pub(crate) earlier: Earlier,
}

/// In which fields the backend is told who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// `Forwarded` (RFC 7239 §4).
    Forwarded,
    /// `X-Forwarded-For`, `-Host` and `-Proto`, which more backends read.
    XForwarded,
    Both,
    None,
}

/// What becomes of such fields that have come with the request. Those that this proxy does not write are
/// never passed on from a client that is not trusted, or it would name itself by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// The client is a proxy that is trusted.
    Keep,
    Drop,
}

/// What a message says of this connection alone, and a proxy has to say anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopByHop<'a> {
    /// Trailer fields are welcome (RFC 9110 §10.1.4): with `TE: trailers` goes `Connection: TE`.
    pub(crate) takes_trailers: bool,
    /// The protocols of `Upgrade`, where `Connection` names it (RFC 9110 §7.8).
    pub(crate) upgrade: Option<&'a [u8]>,
}

impl<'a> HopByHop<'a> {
    /// What these fields say.
    pub(crate) fn of(fields: Fields<'a>) -> Self {
        let names = |name: &[u8]| {
            fields
                .list("connection")
                .any(|option| option.eq_ignore_ascii_case(name))
        };
        let is_trailers = |coding: &[u8]| coding.eq_ignore_ascii_case(b"trailers");
        Self {
            takes_trailers: fields.list("te").any(is_trailers),
            upgrade: fields.value("upgrade").filter(|_| names(b"upgrade")),
        }
    }
}

/// Calls `emit` with each field of a request that goes to the backend, those that are added last.
/// `max_forwards` takes the place of the value that has come.
pub(crate) fn request(
    fields: Fields<'_>,
    hop: &Hop<'_>,
    max_forwards: Option<u32>,
    buffer: &mut Vec<u8>,
    mut emit: impl FnMut(&str, &[u8]),
) {
    let names_client = |line: &FieldLine<'_>| {
        let is_x = line.is("x-forwarded-for") || line.is("x-forwarded-host");
        line.is("forwarded") || is_x || line.is("x-forwarded-proto")
    };
    end_to_end(fields, |line| {
        let is_renewed = max_forwards.is_some() && line.is("max-forwards");
        // This one goes on as a single line: few backends know that it may be several.
        let is_appended_to = hop.naming.has_x_forwarded() && line.is("x-forwarded-for");
        let is_dropped = hop.earlier == Earlier::Drop && names_client(&line);
        if !is_renewed && !is_appended_to && !is_dropped {
            emit(line.name(), line.value());
        }
    });
    let mut put = |name: &str, value: &dyn Fn(&mut Vec<u8>)| {
        buffer.clear();
        value(buffer);
        emit(name, buffer);
    };
    if let Some(left) = max_forwards {
        put("Max-Forwards", &|out| put_text(out, format_args!("{left}")));
    }
    if hop.naming.has_forwarded() {
        put("Forwarded", &|out| put_forwarded(out, hop));
    }
    if hop.naming.has_x_forwarded() {
        put("X-Forwarded-For", &|out| {
            put_forwarded_for(out, fields, hop)
        });
        let is_told = |name| hop.earlier == Earlier::Keep && fields.value(name).is_some();
        if !is_told("x-forwarded-host") {
            put("X-Forwarded-Host", &|out| out.extend(hop.host.as_bytes()));
        }
        if !is_told("x-forwarded-proto") {
            put("X-Forwarded-Proto", &|out| {
                out.extend(hop.scheme.as_bytes())
            });
        }
    }
    put("Via", &|out| put_via(out, hop.version, hop.pseudonym));
}

/// Calls `keep` with each field line that is not of one connection only. Trailer sections pass through
/// this alone, with the `Connection` of their header section gone by.
pub(crate) fn end_to_end<'a>(fields: Fields<'a>, mut keep: impl FnMut(FieldLine<'a>)) {
    // As a rule `Connection` names nothing but `close`, `keep-alive` or `upgrade`: the lengths of what
    // else it names, one bit each, spare the search for nearly all fields.
    let lengths = fields
        .list("connection")
        .filter(|option| !is_any(option, &NEVER_PASSED));
    let lengths = lengths.fold(0_u64, |bits, option| bits | 1 << (option.len() % 64));
    for line in fields {
        let name = line.name().as_bytes();
        let is_nominated = lengths & 1 << (name.len() % 64) != 0
            && !is_any(name, &NEVER_NOMINATED)
            && fields
                .list("connection")
                .any(|option| option.eq_ignore_ascii_case(name));
        if !is_nominated && !is_any(name, &NEVER_PASSED) {
            keep(line);
        }
    }
}

fn is_any(name: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

impl Naming {
    const fn has_forwarded(self) -> bool {
        matches!(self, Self::Forwarded | Self::Both)
    }

    const fn has_x_forwarded(self) -> bool {
        matches!(self, Self::XForwarded | Self::Both)
    }
}

/// `Via = received-protocol RWS received-by` (RFC 9110 §7.6.3), without the name of the protocol, which is
/// HTTP.
fn put_via(out: &mut Vec<u8>, version: Version, pseudonym: &str) {
    let version = version.as_str();
    let number = version.strip_prefix("HTTP/").unwrap_or(version);
    put_text(out, format_args!("{number} {pseudonym}"));
}

/// `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )` (RFC 7239 §4).
fn put_forwarded(out: &mut Vec<u8>, hop: &Hop<'_>) {
    match address(hop) {
        Some(IpAddr::V4(address)) => put_text(out, format_args!("for={address}")),
        // Its colons and brackets are no token's (RFC 7239 §6).
        Some(IpAddr::V6(address)) => put_text(out, format_args!("for=\"[{address}]\"")),
        None => out.extend(b"for=unknown"),
    }
    if !hop.host.is_empty() {
        out.extend(b";host=");
        put_value(out, hop.host.as_bytes());
    }
    put_text(out, format_args!(";proto={}", hop.scheme));
}

fn put_forwarded_for(out: &mut Vec<u8>, fields: Fields<'_>, hop: &Hop<'_>) {
    if hop.earlier == Earlier::Keep {
        for node in fields.list("x-forwarded-for") {
            out.extend(node);
            out.extend(b", ");
        }
    }
    match address(hop) {
        Some(address) => put_text(out, format_args!("{address}")),
        None => out.extend(b"unknown"),
    }
}

fn address(hop: &Hop<'_>) -> Option<IpAddr> {
    hop.client.map(|client| client.ip().to_canonical())
}

/// `value = token / quoted-string` (RFC 7239 §4).
fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    if is_token(value) {
        return out.extend(value);
    }
    out.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn put_text(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes everything");
}

#[cfg(test)]
mod tests;
