//! Agreeing on permessage-deflate (RFC 6455 §9.1, RFC 7692 §5, §7.1).
//!
//! ```text
//! client                                                             server
//! Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, ...
//!            what it can do, the best offer first  ---------------->
//!        <--- permessage-deflate; client_max_window_bits=12          the first that suits
//! ```
//!
//! What is not understood is not an error: an offer with a parameter that is unknown, repeated or out
//! of its range is declined, and the next one is looked at (RFC 7692 §7.1). What is not even a list of
//! extensions fails the handshake (RFC 6455 §9.1).

use super::deflate::Takeover;
use crate::http::Fields;
use crate::syntax::number::decimal;
use crate::syntax::parameter::split_extension_parameter;
use crate::syntax::token::{eq_ignore_case, is_tchar, split_token};
use crate::window::Writer;

/// What our side is willing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from a preset"
)]
pub struct Deflate {
    /// The server's window has at most 2 to the power of this many bytes: 8 to 15, as which count what
    /// is below and above.
    pub server_max_window_bits: u8,
    /// The client's window. Below 15, only clients are agreed with that offer to limit theirs.
    pub client_max_window_bits: u8,
    /// Whether the server may refer to its earlier messages.
    pub server_takeover: Takeover,
    /// Whether the client may refer to its earlier messages.
    pub client_takeover: Takeover,
}

impl Deflate {
    const fn server_bits(&self) -> u8 {
        in_range(self.server_max_window_bits)
    }

    const fn client_bits(&self) -> u8 {
        in_range(self.client_max_window_bits)
    }

    /// The best compression: a window of 32 KiB for each direction of each connection.
    pub const SERVER: Self = Self {
        server_max_window_bits: 15,
        client_max_window_bits: 15,
        server_takeover: Takeover::Allowed,
        client_takeover: Takeover::Allowed,
    };

    /// No memory between messages: what one connection used, the next can have.
    pub const SHARED: Self = Self {
        server_takeover: Takeover::Forbidden,
        client_takeover: Takeover::Forbidden,
        ..Self::SERVER
    };

    /// Windows of 1 KiB, and no memory between messages.
    pub const MICROCONTROLLER: Self = Self {
        server_max_window_bits: 10,
        client_max_window_bits: 10,
        ..Self::SHARED
    };
}

/// A window's size as it may be, whatever is asked for.
const fn in_range(bits: u8) -> u8 {
    match bits {
        0..=8 => 8,
        9..=14 => bits,
        15.. => 15,
    }
}

/// What both sides have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    server_window_bits: u8,
    client_window_bits: u8,
    server_takeover: Takeover,
    client_takeover: Takeover,
}

impl Agreement {
    /// The server's window, as a power of two, and whether it stays between messages.
    #[must_use]
    pub const fn server(&self) -> (u8, Takeover) {
        (self.server_window_bits, self.server_takeover)
    }

    /// The client's window, as a power of two, and whether it stays between messages.
    #[must_use]
    pub const fn client(&self) -> (u8, Takeover) {
        (self.client_window_bits, self.client_takeover)
    }
}

/// An offer that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    agreement: Agreement,
    /// Whether the offer named a bound for the server's window, which the answer then does, too.
    server_bits: Naming,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    /// Only where it differs from the default.
    AsNeeded,
    Always,
}

/// `Sec-WebSocket-Extensions` is no list of extensions, or answers what was not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say")]
pub struct InvalidExtensions;

impl Accepted {
    /// What was agreed on.
    #[must_use]
    pub const fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Writes the value of `Sec-WebSocket-Extensions` that says so; answers its length in bytes.
    #[must_use]
    pub fn emit(&self, to: &mut [u8; MAX_LEN]) -> Option<usize> {
        let Agreement {
            server_window_bits,
            client_window_bits,
            server_takeover,
            client_takeover,
        } = self.agreement;
        let names_server_bits = server_window_bits < 15 || self.server_bits == Naming::Always;
        let server_bits = names_server_bits.then_some(server_window_bits);
        let client_bits = (client_window_bits < 15).then_some(client_window_bits);
        let mut writer = Writer::new(to);
        writer.put(NAME.as_bytes());
        put_takeovers(&mut writer, server_takeover, client_takeover);
        put_bits(&mut writer, SERVER_MAX_WINDOW_BITS, server_bits);
        put_bits(&mut writer, CLIENT_MAX_WINDOW_BITS, client_bits);
        writer.len()
    }
}

/// As a server: the first offer among the field lines of a request that suits `ours`, if any does.
///
/// # Errors
///
/// The field lines are no list of extensions.
pub fn accept_offer(
    fields: Fields<'_>,
    ours: &Deflate,
) -> Result<Option<Accepted>, InvalidExtensions> {
    check(fields)?;
    let mut accepted = None;
    for element in fields.list(FIELD_NAME) {
        let offer = Offer::parse(element)?;
        if accepted.is_none() {
            accepted = offer.and_then(|offer| offer.accept(ours));
        }
    }
    Ok(accepted)
}

/// Whether the field lines of a head are a list of extensions, whatever is in it; an empty one is none.
pub(super) fn check(fields: Fields<'_>) -> Result<(), InvalidExtensions> {
    if fields.value(FIELD_NAME).is_some() && fields.list(FIELD_NAME).next().is_none() {
        return Err(InvalidExtensions);
    }
    fields
        .list(FIELD_NAME)
        .try_for_each(|element| Offer::parse(element).map(|_| ()))
}

/// As a client: writes the offer of `ours`; answers its length in bytes.
#[must_use]
pub fn emit_offer(ours: &Deflate, to: &mut [u8; MAX_LEN]) -> Option<usize> {
    let server_bits = ours.server_bits();
    let server_bits = (server_bits < 15).then_some(server_bits);
    let client_bits = ours.client_bits();
    let client_bits = (client_bits < 15).then_some(client_bits);
    let mut writer = Writer::new(to);
    writer.put(NAME.as_bytes());
    put_takeovers(&mut writer, ours.server_takeover, ours.client_takeover);
    put_bits(&mut writer, SERVER_MAX_WINDOW_BITS, server_bits);
    match client_bits {
        Some(_) => put_bits(&mut writer, CLIENT_MAX_WINDOW_BITS, client_bits),
        // Any bound of the server's is kept to.
        None => {
            writer.put(b"; ").put(CLIENT_MAX_WINDOW_BITS.as_bytes());
        }
    }
    writer.len()
}

/// As a client: what the server has agreed to of the offer of `ours`, from its response; `None` where
/// it has not. `ours` is `None` where nothing was offered.
///
/// # Errors
///
/// The server answers what was not offered (RFC 6455 §4.1, RFC 7692 §7.1).
pub fn check_answer(
    fields: Fields<'_>,
    ours: Option<&Deflate>,
) -> Result<Option<Agreement>, InvalidExtensions> {
    check(fields)?;
    let mut agreement = None;
    for element in fields.list(FIELD_NAME) {
        let answer = Offer::parse(element)?.ok_or(InvalidExtensions)?;
        let ours = ours.ok_or(InvalidExtensions)?;
        if agreement.is_some() {
            return Err(InvalidExtensions);
        }
        agreement = Some(answer.agree(ours)?);
    }
    Ok(agreement)
}

/// One element of the list that is a valid permessage-deflate, as an offer or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    server_takeover: Takeover,
    client_takeover: Takeover,
    server_bits: Option<u8>,
    client_bits: ClientBits,
}

/// What an offer or an answer says of `client_max_window_bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientBits {
    Absent,
    /// In an offer: the client can keep to a bound.
    Any,
    Most(u8),
}

impl Offer {
    const PLAIN: Self = Self {
        server_takeover: Takeover::Allowed,
        client_takeover: Takeover::Allowed,
        server_bits: None,
        client_bits: ClientBits::Absent,
    };

    /// Reads one extension; `None` where it is another one, or one to be declined.
    fn parse(element: &[u8]) -> Result<Option<Self>, InvalidExtensions> {
        let (name, mut rest) = split_token(element).ok_or(InvalidExtensions)?;
        let mut offer = eq_ignore_case(name, NAME.as_bytes()).then_some(Self::PLAIN);
        while !rest.is_empty() {
            let parameter = split_extension_parameter(rest);
            let ((name, value), behind) = parameter.ok_or(InvalidExtensions)?;
            // The value behind quotes has to be a token, too (RFC 6455 §9.1).
            if value.is_some_and(|value| !value.bytes().all(is_tchar) || value.raw().is_empty()) {
                return Err(InvalidExtensions);
            }
            // No value that means something is longer.
            let mut bytes = [0; 2];
            let value = value.map(|value| value.copy_into(&mut bytes));
            offer = match value {
                Some(Err(_)) => None,
                Some(Ok(value)) => offer.and_then(|offer| offer.with(name, Some(value))),
                None => offer.and_then(|offer| offer.with(name, None)),
            };
            rest = behind;
        }
        Ok(offer)
    }

    /// The same with one more parameter, if that is one and not there already.
    fn with(mut self, name: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let is = |other: &str| eq_ignore_case(name, other.as_bytes());
        let bits = value.map(window_bits);
        match bits {
            None if is(SERVER_NO_CONTEXT_TAKEOVER) => forbid(&mut self.server_takeover)?,
            None if is(CLIENT_NO_CONTEXT_TAKEOVER) => forbid(&mut self.client_takeover)?,
            Some(Some(bits)) if is(SERVER_MAX_WINDOW_BITS) && self.server_bits.is_none() => {
                self.server_bits = Some(bits);
            }
            None | Some(Some(_))
                if is(CLIENT_MAX_WINDOW_BITS) && self.client_bits == ClientBits::Absent =>
            {
                self.client_bits = bits.flatten().map_or(ClientBits::Any, ClientBits::Most);
            }
            _ => return None,
        }
        Some(self)
    }

    /// As a server: the offer as we accept it.
    fn accept(self, ours: &Deflate) -> Option<Accepted> {
        let client_window_bits = match self.client_bits {
            ClientBits::Absent if ours.client_bits() < 15 => return None,
            ClientBits::Absent => 15,
            ClientBits::Any => ours.client_bits(),
            ClientBits::Most(bits) => bits.min(ours.client_bits()),
        };
        let server_bits = self.server_bits.unwrap_or(15);
        let agreement = Agreement {
            server_window_bits: server_bits.min(ours.server_bits()),
            client_window_bits,
            server_takeover: either(self.server_takeover, ours.server_takeover),
            client_takeover: either(self.client_takeover, ours.client_takeover),
        };
        Some(Accepted {
            agreement,
            server_bits: match self.server_bits {
                Some(_) => Naming::Always,
                None => Naming::AsNeeded,
            },
        })
    }

    /// As a client: what follows from an answer to the offer of `ours`.
    fn agree(self, ours: &Deflate) -> Result<Agreement, InvalidExtensions> {
        let server_window_bits = self.server_bits.unwrap_or(15);
        let client_window_bits = match self.client_bits {
            ClientBits::Absent => 15,
            ClientBits::Most(bits) if bits <= ours.client_bits() => bits,
            ClientBits::Any | ClientBits::Most(_) => return Err(InvalidExtensions),
        };
        let wants = |takeover| takeover == Takeover::Forbidden;
        let is_forgetful = wants(self.server_takeover) || !wants(ours.server_takeover);
        if server_window_bits > ours.server_bits() || !is_forgetful {
            return Err(InvalidExtensions);
        }
        Ok(Agreement {
            server_window_bits,
            client_window_bits: client_window_bits.min(ours.client_bits()),
            server_takeover: self.server_takeover,
            client_takeover: either(self.client_takeover, ours.client_takeover),
        })
    }
}

const fn either(one: Takeover, other: Takeover) -> Takeover {
    match (one, other) {
        (Takeover::Allowed, Takeover::Allowed) => Takeover::Allowed,
        _ => Takeover::Forbidden,
    }
}

/// Notes that a takeover is forbidden, which is said once.
fn forbid(takeover: &mut Takeover) -> Option<()> {
    let is_new = *takeover == Takeover::Allowed;
    *takeover = Takeover::Forbidden;
    is_new.then_some(())
}

/// A window's size: `8` to `15`, in decimal without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    let number = decimal(value).filter(|_| value.first() != Some(&b'0'))?;
    u8::try_from(number)
        .ok()
        .filter(|bits| (8..=15).contains(bits))
}

fn put_takeovers(writer: &mut Writer<'_>, server: Takeover, client: Takeover) {
    for &(takeover, name) in &[
        (server, SERVER_NO_CONTEXT_TAKEOVER),
        (client, CLIENT_NO_CONTEXT_TAKEOVER),
    ] {
        if takeover == Takeover::Forbidden {
            writer.put(b"; ").put(name.as_bytes());
        }
    }
}

fn put_bits(writer: &mut Writer<'_>, name: &str, bits: Option<u8>) {
    if let Some(bits) = bits {
        writer.put(b"; ").put(name.as_bytes()).put(b"=");
        match bits {
            0..=9 => writer.put(&[b'0'.wrapping_add(bits)]),
            _ => writer.put(&[b'1', b'0'.wrapping_add(bits.wrapping_sub(10) % 10)]),
        };
    }
}

/// Bytes of the longest value that is written.
pub const MAX_LEN: usize = 160;

pub(super) const FIELD_NAME: &str = "Sec-WebSocket-Extensions";
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn fields(value: &str) -> std::vec::Vec<u8> {
        std::format!("sec-websocket-extensions: {value}\r\n").into_bytes()
    }

    /// The server's answer; "-" for none, "!" for a handshake that fails.
    fn answer(value: &str, ours: &Deflate) -> String {
        match accept_offer(Fields::over(&fields(value)), ours) {
            Err(InvalidExtensions) => String::from("!"),
            Ok(None) => String::from("-"),
            Ok(Some(accepted)) => {
                let mut bytes = [0; MAX_LEN];
                let len = accepted.emit(&mut bytes).unwrap();
                let text = core::str::from_utf8(&bytes[..len]).unwrap();
                text.replace("permessage-deflate", "pd")
            }
        }
    }

    #[test]
    fn a_server_takes_the_first_offer_that_suits() {
        const SMALL: Deflate = Deflate {
            server_max_window_bits: 12,
            client_max_window_bits: 11,
            ..Deflate::SERVER
        };
        #[rustfmt::skip]
        let rows = [
            // RFC 7692 §7.1.3, and what browsers send.
            ("pd", Deflate::SERVER, "pd"),
            ("pd; client_max_window_bits", Deflate::SERVER, "pd"),
            ("PERMESSAGE-DEFLATE; Client_Max_Window_Bits", Deflate::SERVER, "pd"),
            ("pd; client_max_window_bits; server_max_window_bits=10", Deflate::SERVER, "pd; server_max_window_bits=10"),
            ("pd; server_max_window_bits=15", Deflate::SERVER, "pd; server_max_window_bits=15"),
            ("pd; server_max_window_bits=\"10\"", Deflate::SERVER, "pd; server_max_window_bits=10"),
            ("pd; server_max_window_bits=\"1\\0\"", Deflate::SERVER, "pd; server_max_window_bits=10"),
            ("pd; x=\"long-token\"", Deflate::SERVER, "-"),
            ("pd; client_max_window_bits", Deflate { client_max_window_bits: 3, ..Deflate::SERVER }, "pd; client_max_window_bits=8"),
            ("pd; client_max_window_bits=9", Deflate::SERVER, "pd; client_max_window_bits=9"),
            // §7.1.1: either side may ask for no takeover.
            ("pd; server_no_context_takeover", Deflate::SERVER, "pd; server_no_context_takeover"),
            ("pd; client_no_context_takeover", Deflate::SERVER, "pd; client_no_context_takeover"),
            ("pd", Deflate::SHARED, "pd; server_no_context_takeover; client_no_context_takeover"),
            // §7.1.2.2: a client that does not offer it cannot be limited.
            ("pd", SMALL, "-"),
            ("pd, pd; client_max_window_bits", SMALL, "pd; server_max_window_bits=12; client_max_window_bits=11"),
            ("pd; client_max_window_bits=10; server_max_window_bits=9", SMALL, "pd; server_max_window_bits=9; client_max_window_bits=10"),
            // §7.1: what is not understood is declined, and the next is looked at.
            ("pd; unknown", Deflate::SERVER, "-"),
            ("pd; unknown=1, pd", Deflate::SERVER, "pd"),
            ("x-other; a=b, pd", Deflate::SERVER, "pd"),
            ("x-other", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits=7", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits=16", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits=08", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits=1a", Deflate::SERVER, "-"),
            ("pd; client_max_window_bits=99999999999999999999", Deflate::SERVER, "-"),
            ("pd; server_no_context_takeover=1", Deflate::SERVER, "-"),
            ("pd; server_no_context_takeover; server_no_context_takeover", Deflate::SERVER, "-"),
            ("pd; client_max_window_bits; client_max_window_bits=9", Deflate::SERVER, "-"),
            ("pd; server_max_window_bits=9; server_max_window_bits=9", Deflate::SERVER, "-"),
            // RFC 6455 §9.1: what is no list of extensions fails the handshake.
            ("", Deflate::SERVER, "!"),
            (" , ,", Deflate::SERVER, "!"),
            ("pd; a=\"\"", Deflate::SERVER, "!"),
            ("pd;", Deflate::SERVER, "!"),
            ("pd; =1", Deflate::SERVER, "!"),
            ("pd; a=", Deflate::SERVER, "!"),
            ("pd; a=\"not a token\"", Deflate::SERVER, "!"),
            ("pd a", Deflate::SERVER, "!"),
            ("@", Deflate::SERVER, "!"),
            ("pd, x; a=\"", Deflate::SERVER, "!"),
        ];
        for (offer, ours, expected) in rows {
            let offer = offer.replace("pd", "permessage-deflate");
            assert_eq!(answer(&offer, &ours), expected, "{offer}");
        }
    }

    fn check(value: &str, ours: Option<&Deflate>) -> Result<Option<Agreement>, InvalidExtensions> {
        let value = value.replace("pd", "permessage-deflate");
        check_answer(Fields::over(&fields(&value)), ours)
    }

    #[test]
    fn a_client_takes_no_answer_to_what_it_did_not_offer() {
        const SMALL: Deflate = Deflate {
            server_max_window_bits: 12,
            client_max_window_bits: 11,
            ..Deflate::SHARED
        };
        let agreed = |server, client, server_takeover, client_takeover| {
            Ok(Some(Agreement {
                server_window_bits: server,
                client_window_bits: client,
                server_takeover,
                client_takeover,
            }))
        };
        use Takeover::{Allowed, Forbidden};
        #[rustfmt::skip]
        let rows = [
            ("", Some(&Deflate::SERVER), Err(InvalidExtensions)),
            ("pd", Some(&Deflate::SERVER), agreed(15, 15, Allowed, Allowed)),
            ("pd; server_no_context_takeover; client_max_window_bits=9", Some(&Deflate::SERVER), agreed(15, 9, Forbidden, Allowed)),
            ("pd; server_no_context_takeover; server_max_window_bits=12", Some(&SMALL), agreed(12, 11, Forbidden, Forbidden)),
            ("pd; server_no_context_takeover; server_max_window_bits=13", Some(&SMALL), Err(InvalidExtensions)),
            ("pd; server_no_context_takeover", Some(&SMALL), Err(InvalidExtensions)),
            ("pd; server_max_window_bits=12", Some(&SMALL), Err(InvalidExtensions)),
            ("pd; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12", Some(&SMALL), Err(InvalidExtensions)),
            ("pd; client_max_window_bits", Some(&Deflate::SERVER), Err(InvalidExtensions)),
            ("pd; unknown", Some(&Deflate::SERVER), Err(InvalidExtensions)),
            ("pd, pd", Some(&Deflate::SERVER), Err(InvalidExtensions)),
            ("x-other", Some(&Deflate::SERVER), Err(InvalidExtensions)),
            ("pd", None, Err(InvalidExtensions)),
        ];
        for (value, ours, expected) in rows {
            assert_eq!(check(value, ours), expected, "{value}");
        }
    }

    #[test]
    fn what_a_server_answers_suits_the_client_that_offered() {
        let mut all = std::vec::Vec::new();
        for server_max_window_bits in 8..=15 {
            for client_max_window_bits in 8..=15 {
                for preset in [Deflate::SERVER, Deflate::SHARED] {
                    all.push(Deflate {
                        server_max_window_bits,
                        client_max_window_bits,
                        ..preset
                    });
                }
            }
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        for client in &all {
            let mut offer = [0; MAX_LEN];
            let len = emit_offer(client, &mut offer).unwrap();
            let offer = fields(&text(&offer[..len]));
            for server in &all {
                let accepted = accept_offer(Fields::over(&offer), server).unwrap().unwrap();
                let mut answer = [0; MAX_LEN];
                let len = accepted.emit(&mut answer).unwrap();
                let answer = fields(&text(&answer[..len]));
                let agreed = check_answer(Fields::over(&answer), Some(client));
                assert_eq!(agreed, Ok(Some(accepted.agreement())));
            }
        }
    }
}
