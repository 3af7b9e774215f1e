//! The opening handshake (RFC 6455 §4).
//!
//! ```text
//! GET /chat HTTP/1.1                              HTTP/1.1 101 Switching Protocols
//! Host: example.com                               Connection: upgrade
//! Connection: Upgrade                             Upgrade: websocket
//! Upgrade: websocket                              Sec-WebSocket-Accept: s3pPLMBi...
//! Sec-WebSocket-Version: 13                       Sec-WebSocket-Protocol: chat
//! Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
//! Sec-WebSocket-Protocol: chat, superchat
//! Origin: http://example.com
//! ```
//!
//! A server reads a [`Handshake`] out of a request, and answers by its [`Terms`]; a client writes an
//! [`Opening`], and checks the answer. Both are functions over heads: whoever drives them has the bytes.

use core::fmt;

use super::accept_key::{accept, key, parse_key};
use super::extension::{self, Accepted, Agreement, Deflate};
use crate::field;
use crate::http::values::origin::is_same_origin;
use crate::http::{Field, Framing, Method, Request, Response, Status, Version, emit};
use crate::syntax::token::{eq_ignore_case, is_token};

/// An opening handshake that keeps the rules of RFC 6455 §4.2.1.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'r> {
    request: Request<'r>,
    key: &'r [u8; 24],
}

/// What a server agrees to.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the preset"
)]
pub struct Terms<'t> {
    /// The subprotocols that the application speaks: the first that the client names and that is one of
    /// these is chosen, and none where there is no such (RFC 6455 §1.9).
    pub protocols: &'t [&'t str],
    /// Whose pages may open a WebSocket here.
    pub origins: Origins<'t>,
    /// Whether and how messages may be compressed, where the driver has memory for that.
    pub deflate: Option<Deflate>,
}

impl Terms<'_> {
    /// Any origin, no subprotocol, no compression.
    pub const ANY: Self = Self {
        protocols: &[],
        origins: Origins::Any,
        deflate: None,
    };
}

/// Which origins a server accepts (RFC 6455 §10.2). A client that names none is no browser, and is
/// accepted by all of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins<'t> {
    /// Any page may open a WebSocket, with the cookies that the browser has for this server.
    Any,
    /// Pages of this server, by the authority in `Host`.
    Same,
    /// Pages of these origins, each as a browser writes it: `https://example.com`.
    Only(&'t [&'t str]),
}

/// Why an opening handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Its method is not GET (RFC 6455 §4.1).
    Method,
    /// It is not HTTP/1.1 (§4.1).
    Version,
    /// `Upgrade` does not name `websocket`, or `Connection` not `upgrade` (§4.2.1).
    NoUpgrade,
    /// `Sec-WebSocket-Version` is not 13, or not there (§4.4).
    WebSocketVersion,
    /// `Sec-WebSocket-Version` more than once (§11.3.5).
    DuplicateVersion,
    /// No `Sec-WebSocket-Key`, more than one, or one that is not the base64 of 16 bytes (§4.2.1).
    Key,
    /// `Sec-WebSocket-Protocol` is no list of tokens, or has one twice (§4.1).
    Protocols,
    /// `Sec-WebSocket-Extensions` is no list of extensions (§9.1).
    Extensions,
    /// `Origin` more than once, or not text.
    Origin,
    /// An origin that the server does not accept (§4.2.2).
    ForbiddenOrigin,
    /// The request has content, which could not be told from frames.
    Content,
}

impl<'r> Handshake<'r> {
    /// Reads an opening handshake out of a request.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn parse(request: &Request<'r>) -> Result<Self, HandshakeError> {
        let fields = request.fields();
        if request.method() != Method::Get {
            return Err(HandshakeError::Method);
        }
        if request.version() != Version::Http11 {
            return Err(HandshakeError::Version);
        }
        let names_websocket = fields
            .list("Upgrade")
            .any(|protocol| eq_ignore_case(protocol, b"websocket"));
        if !request.offers_upgrade() || !names_websocket {
            return Err(HandshakeError::NoUpgrade);
        }
        match one(fields.values("Sec-WebSocket-Version")) {
            Count::One(b"13") => {}
            Count::One(_) | Count::None => return Err(HandshakeError::WebSocketVersion),
            Count::Several => return Err(HandshakeError::DuplicateVersion),
        }
        let key = match one(fields.values("Sec-WebSocket-Key")) {
            Count::One(value) => parse_key(value).ok_or(HandshakeError::Key)?,
            Count::None | Count::Several => return Err(HandshakeError::Key),
        };
        if !matches!(request.framing(), Framing::None | Framing::Length(0)) {
            return Err(HandshakeError::Content);
        }
        let handshake = Self {
            request: *request,
            key,
        };
        handshake.check_protocols()?;
        extension::check(fields).map_err(|_| HandshakeError::Extensions)?;
        handshake.check_origin()?;
        Ok(handshake)
    }

    /// The subprotocols that the client names, the best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let fields = self.request.fields();
        fields
            .list(PROTOCOL)
            .filter_map(|protocol| core::str::from_utf8(protocol).ok())
    }

    /// The origin of the page that a browser opens the WebSocket for.
    #[must_use]
    pub fn origin(&self) -> Option<&'r str> {
        let value = self.request.fields().value("Origin")?;
        core::str::from_utf8(value).ok()
    }

    /// What is agreed on by `terms`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::ForbiddenOrigin`].
    pub fn agree<'t>(&self, terms: &Terms<'t>) -> Result<Agreed<'t>, HandshakeError> {
        if !self.is_of(terms.origins) {
            return Err(HandshakeError::ForbiddenOrigin);
        }
        let find = |named: &str| terms.protocols.iter().find(|ours| **ours == named);
        let protocol = self.protocols().find_map(|named| find(named).copied());
        let accepted = match &terms.deflate {
            Some(deflate) => extension::accept_offer(self.request.fields(), deflate)
                .map_err(|_| HandshakeError::Extensions)?,
            None => None,
        };
        Ok(Agreed {
            accept: accept(self.key),
            protocol,
            accepted,
        })
    }

    fn check_protocols(&self) -> Result<(), HandshakeError> {
        let fields = self.request.fields();
        let protocols = || fields.list(PROTOCOL);
        if fields.value(PROTOCOL).is_some() && protocols().next().is_none() {
            return Err(HandshakeError::Protocols);
        }
        // One that is there twice is found by looking at those before it: bound what that can cost.
        let mut count = 0_usize;
        for protocol in protocols() {
            let is_repeated = protocols().take(count).any(|other| other == protocol);
            if !is_token(protocol) || is_repeated || count >= MAX_PROTOCOLS {
                return Err(HandshakeError::Protocols);
            }
            count = count.saturating_add(1);
        }
        Ok(())
    }

    fn check_origin(&self) -> Result<(), HandshakeError> {
        match one(self.request.fields().values("Origin")) {
            Count::None => Ok(()),
            Count::One(origin) if origin.is_ascii() => Ok(()),
            Count::One(_) | Count::Several => Err(HandshakeError::Origin),
        }
    }

    fn is_of(&self, origins: Origins<'_>) -> bool {
        let Some(origin) = self.origin() else {
            return true;
        };
        match origins {
            Origins::Any => true,
            Origins::Same => is_same_origin(origin, self.request.authority()),
            Origins::Only(origins) => origins
                .iter()
                .any(|ours| eq_ignore_case(ours.as_bytes(), origin.as_bytes())),
        }
    }
}

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// More subprotocols than this in one handshake are refused.
const MAX_PROTOCOLS: usize = 32;

/// How many values there are.
enum Count<'a> {
    None,
    One(&'a [u8]),
    Several,
}

fn one<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Count<'a> {
    match (values.next(), values.next()) {
        (None, _) => Count::None,
        (Some(value), None) => Count::One(value),
        (Some(_), Some(_)) => Count::Several,
    }
}

impl HandshakeError {
    /// The status code of the answer.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Method => Status::METHOD_NOT_ALLOWED,
            Self::NoUpgrade | Self::WebSocketVersion => Status::UPGRADE_REQUIRED,
            Self::ForbiddenOrigin => Status::FORBIDDEN,
            Self::Version
            | Self::DuplicateVersion
            | Self::Key
            | Self::Protocols
            | Self::Extensions
            | Self::Origin
            | Self::Content => Status::BAD_REQUEST,
        }
    }

    /// Hands the field lines of the answer to `answer`: those that say what would be accepted.
    pub fn with_fields<T>(self, answer: impl FnOnce(&[Field<'_>]) -> T) -> T {
        const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
        match self.status() {
            // RFC 9110 §15.5.22 asks for `Upgrade`, RFC 6455 §4.4 for the version.
            Status::UPGRADE_REQUIRED => answer(&[
                PLAIN,
                field!("Upgrade", "websocket"),
                field!("Sec-WebSocket-Version", "13"),
            ]),
            Status::METHOD_NOT_ALLOWED => answer(&[PLAIN, field!("Allow", "GET")]),
            _ => answer(&[PLAIN]),
        }
    }

    /// What was expected, in a line of text.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Method => "a WebSocket is opened with GET\n",
            Self::Version => "a WebSocket is opened over HTTP/1.1\n",
            Self::NoUpgrade => "this is a WebSocket: ask for an upgrade to it\n",
            Self::WebSocketVersion => "expected Sec-WebSocket-Version: 13\n",
            Self::DuplicateVersion => "expected one Sec-WebSocket-Version\n",
            Self::Key => "expected one Sec-WebSocket-Key, the base64 of 16 bytes\n",
            Self::Protocols => "expected different tokens in Sec-WebSocket-Protocol\n",
            Self::Extensions => "expected a list of extensions in Sec-WebSocket-Extensions\n",
            Self::Origin => "expected one Origin at most\n",
            Self::ForbiddenOrigin => "pages of this origin may not open a WebSocket here\n",
            Self::Content => "expected a request without content\n",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason().trim_end())
    }
}

impl core::error::Error for HandshakeError {}

/// What a server answers.
#[derive(Clone, Copy, Debug)]
pub struct Agreed<'t> {
    accept: [u8; 28],
    protocol: Option<&'t str>,
    accepted: Option<Accepted>,
}

impl<'t> Agreed<'t> {
    /// The subprotocol.
    #[must_use]
    pub const fn protocol(&self) -> Option<&'t str> {
        self.protocol
    }

    /// How messages are compressed, if they may be.
    #[must_use]
    pub const fn compression(&self) -> Option<Agreement> {
        match &self.accepted {
            Some(accepted) => Some(accepted.agreement()),
            None => None,
        }
    }

    /// Hands the field lines of the 101 to `answer`, all but `Connection` (RFC 6455 §4.2.2).
    pub fn with_fields<T>(&self, answer: impl FnOnce(&[Field<'_>]) -> T) -> T {
        let mut extensions = [0; extension::MAX_LEN];
        let accepted = self.accepted.and_then(|accepted| {
            let len = accepted.emit(&mut extensions)?;
            extensions.get(..len)
        });
        let protocol = self.protocol.map(str::as_bytes);
        // What is behind `len` of these is not sent.
        let mut fields = [field!("Upgrade", "websocket"); 4];
        let mut len: usize = 1;
        let optional = [
            ("Sec-WebSocket-Accept", Some(self.accept.as_slice())),
            (PROTOCOL, protocol),
            (extension::FIELD_NAME, accepted),
        ];
        for &(name, value) in &optional {
            // A protocol that is agreed on is a token, since the client has named it.
            if let Some(value) = value
                && let Some(to) = fields.get_mut(len)
            {
                *to = Field::of_ours(name, value);
                len = len.saturating_add(1);
            }
        }
        answer(fields.get(..len).unwrap_or_default())
    }
}

/// A client's opening handshake.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from `new`"
)]
pub struct Opening<'c> {
    /// The request target: a path, with a query where there is one.
    pub target: &'c str,
    /// The value of `Host`: a host, with a port where it is not the scheme's own.
    pub authority: &'c str,
    /// 16 bytes that nobody can foresee; drawn anew for each handshake.
    pub nonce: [u8; 16],
    /// The subprotocols that the client speaks, the best first.
    pub protocols: &'c [&'c str],
    /// The compression that is offered.
    pub deflate: Option<Deflate>,
    /// Further field lines, such as `Origin` or `Cookie`.
    pub fields: &'c [Field<'c>],
}

/// What a server's answer to an [`Opening`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened<'c> {
    /// The subprotocol, one of those that were named.
    pub protocol: Option<&'c str>,
    /// How messages are compressed, if they may be.
    pub compression: Option<Agreement>,
}

/// Why a client does not take an answer for that to its opening handshake (RFC 6455 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// HTTP/1.0, which has no upgrade (RFC 9110 §7.8).
    Version,
    /// A status code other than 101.
    Status(Status),
    /// `Upgrade` is not `websocket`.
    Upgrade,
    /// `Connection` does not name `upgrade`.
    Connection,
    /// `Sec-WebSocket-Accept` is not the one of our key.
    Accept,
    /// A subprotocol that was not named, or several.
    Protocol,
    /// An extension that was not offered, or not so.
    Extensions,
}

impl<'c> Opening<'c> {
    /// One without subprotocols, compression or further field lines.
    #[must_use]
    pub const fn new(target: &'c str, authority: &'c str, nonce: [u8; 16]) -> Self {
        Self {
            target,
            authority,
            nonce,
            protocols: &[],
            deflate: None,
            fields: &[],
        }
    }

    /// Writes the head of the request to `out` and answers its length in bytes; `None` where it does
    /// not fit, or a part of it is not what it should be.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let is_legal = |(index, name): (usize, &&str)| {
            let before = self.protocols.iter().take(index);
            is_token(name.as_bytes()) && !before.into_iter().any(|other| other == name)
        };
        let are_protocols = self.protocols.iter().enumerate().all(is_legal);
        if !are_protocols || self.authority.is_empty() || self.fields.iter().any(is_own) {
            return None;
        }
        let head = emit::request_head(
            out,
            Method::Get,
            self.target,
            self.authority,
            self.fields,
            Framing::None,
        )?;
        // The rest goes in front of the empty line.
        let at = head.checked_sub(2)?;
        let mut writer = crate::window::Writer::new(out.get_mut(at..)?);
        writer
            .put(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
            .put(b"Sec-WebSocket-Key: ")
            .put(&key(&self.nonce))
            .put(b"\r\n");
        for (index, name) in self.protocols.iter().enumerate() {
            let before: &[u8] = if index == 0 {
                b"Sec-WebSocket-Protocol: "
            } else {
                b", "
            };
            writer.put(before).put(name.as_bytes());
        }
        if !self.protocols.is_empty() {
            writer.put(b"\r\n");
        }
        if let Some(deflate) = &self.deflate {
            let mut offer = [0; extension::MAX_LEN];
            let len = extension::emit_offer(deflate, &mut offer)?;
            writer
                .put(extension::FIELD_NAME.as_bytes())
                .put(b": ")
                .put(offer.get(..len)?)
                .put(b"\r\n");
        }
        writer.put(b"\r\n");
        at.checked_add(writer.len()?)
    }

    /// Checks the answer.
    ///
    /// # Errors
    ///
    /// The first rule of RFC 6455 §4.1 that it breaks: the connection is to be closed.
    pub fn check(&self, answer: &Response<'_>) -> Result<Opened<'c>, AnswerError> {
        let fields = answer.fields();
        if answer.version() != Version::Http11 {
            return Err(AnswerError::Version);
        }
        if answer.status() != Status::SWITCHING_PROTOCOLS {
            return Err(AnswerError::Status(answer.status()));
        }
        let names = |name, token: &[u8]| fields.list(name).any(|part| eq_ignore_case(part, token));
        match one(fields.values("Upgrade")) {
            Count::One(value) if eq_ignore_case(value, b"websocket") => {}
            Count::One(_) | Count::None | Count::Several => return Err(AnswerError::Upgrade),
        }
        if !names("Connection", b"upgrade") {
            return Err(AnswerError::Connection);
        }
        match one(fields.values("Sec-WebSocket-Accept")) {
            Count::One(value) if *value == accept(&key(&self.nonce)) => {}
            Count::One(_) | Count::None | Count::Several => return Err(AnswerError::Accept),
        }
        let protocol = match one(fields.values(PROTOCOL)) {
            Count::None => None,
            Count::One(value) => {
                let named = self.protocols.iter().find(|name| name.as_bytes() == value);
                Some(*named.ok_or(AnswerError::Protocol)?)
            }
            Count::Several => return Err(AnswerError::Protocol),
        };
        let compression = extension::check_answer(fields, self.deflate.as_ref())
            .map_err(|_| AnswerError::Extensions)?;
        Ok(Opened {
            protocol,
            compression,
        })
    }
}

/// Whether a field is one that [`Opening::emit`] writes.
fn is_own(field: &Field<'_>) -> bool {
    const OURS: [&str; 6] = [
        "Host",
        "Upgrade",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
        PROTOCOL,
        extension::FIELD_NAME,
    ];
    OURS.iter()
        .any(|name| name.eq_ignore_ascii_case(field.name()))
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                write!(f, "expected status code 101, found {}", status.code())
            }
            Self::Version => f.write_str("expected HTTP/1.1"),
            Self::Upgrade => f.write_str("expected an upgrade to websocket"),
            Self::Connection => f.write_str("expected Connection: upgrade"),
            Self::Accept => f.write_str("expected the Sec-WebSocket-Accept of our key"),
            Self::Protocol => f.write_str("expected a subprotocol that was named"),
            Self::Extensions => f.write_str("expected only extensions that were offered"),
        }
    }
}

impl core::error::Error for AnswerError {}
