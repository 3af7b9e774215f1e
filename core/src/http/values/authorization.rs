//! Authorization, RFC 9110 §11.6.2: the credentials of a request.
//!
//! ```text
//!  Basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==      Aladdin:open sesame, RFC 7617 §2
//!  Bearer mF_9.B5f-4.1JqM                   RFC 6750 §2.1
//!  scheme token68
//! ```
//!
//! The value of Proxy-Authorization has the same form.

use core::error::Error;
use core::fmt;

use base64ct::{Base64, Encoding};
use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{take_while, take_while1};

use crate::syntax::emit::{Emitter, NoRoom};
use crate::syntax::span;
use crate::syntax::token::{eq_ignore_case, token};
use crate::syntax::whole;

/// The value of Authorization or Proxy-Authorization.
///
/// ```
/// use kinglet_core::http::values::authorization::Authorization;
///
/// let value = b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
/// let Authorization::Basic(credentials) = Authorization::parse(value)? else {
///     panic!("another scheme");
/// };
/// let mut buffer = [0; 64];
/// let user_pass = credentials.decode_into(&mut buffer)?;
/// assert!(user_pass.matches(b"Aladdin", b"open sesame"));
/// # Ok::<(), kinglet_core::http::values::authorization::AuthorizationError>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Authorization<'a> {
    /// A user-id and a password, RFC 7617.
    Basic(BasicCredentials<'a>),
    /// A bearer token as received, RFC 6750 §2.1: a token68.
    Bearer(&'a [u8]),
    /// Another scheme.
    Other {
        /// The name of the scheme, a token whose case does not count.
        scheme: &'a [u8],
        /// What follows it, unchecked.
        credentials: &'a [u8],
    },
}

impl<'a> Authorization<'a> {
    /// Parses the field value.
    ///
    /// ```abnf
    /// credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthorizationError::Scheme`] if `value` does not start with a token
    /// that a space or the end follows, [`AuthorizationError::Token68`] if the
    /// scheme is Basic or Bearer and something else than one token68 follows.
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthorizationError> {
        let (rest, scheme) = token(value).map_err(|_| AuthorizationError::Scheme)?;
        let credentials = match rest {
            [] => rest,
            [b' ', rest @ ..] => trim_spaces(rest),
            _ => return Err(AuthorizationError::Scheme),
        };
        let checked = || whole(token68, credentials).ok_or(AuthorizationError::Token68);
        if eq_ignore_case(scheme, b"basic") {
            Ok(Self::Basic(BasicCredentials {
                encoded: checked()?,
            }))
        } else if eq_ignore_case(scheme, b"bearer") {
            Ok(Self::Bearer(checked()?))
        } else {
            Ok(Self::Other {
                scheme,
                credentials,
            })
        }
    }
}

// Secrets do not belong in logs, so only the scheme shows.
impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Other { .. } => "Other { .. }",
        })
    }
}

/// The credentials of the scheme Basic, still encoded.
#[derive(Clone, Copy)]
pub struct BasicCredentials<'a> {
    // A token68.
    encoded: &'a [u8],
}

impl BasicCredentials<'_> {
    /// Decodes into `out`, RFC 7617 §2.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError::NoRoom`] if `out` is too small, and three bytes
    /// for four of the field value are always enough;
    /// [`AuthorizationError::Base64`] if the credentials are not base64 with
    /// its padding; [`AuthorizationError::UserPass`] if there is no colon or
    /// if there is a control character in what they stand for.
    pub fn decode_into<'out>(
        &self,
        out: &'out mut [u8],
    ) -> Result<UserPass<'out>, AuthorizationError> {
        let decoded = Base64::decode(self.encoded, out).map_err(|error| match error {
            base64ct::Error::InvalidLength => AuthorizationError::NoRoom,
            base64ct::Error::InvalidEncoding => AuthorizationError::Base64,
        })?;
        user_pass(decoded).ok_or(AuthorizationError::UserPass)
    }
}

impl fmt::Debug for BasicCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicCredentials(..)")
    }
}

/// A user-id and a password, RFC 7617 §2.
///
/// Their bytes are usually UTF-8, but nothing says so.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct UserPass<'a> {
    /// What is before the first colon.
    pub user_id: &'a [u8],
    /// What is after it.
    pub password: &'a [u8],
}

impl<'a> UserPass<'a> {
    /// These two, to be sent. They are checked when they are emitted.
    #[must_use]
    pub const fn new(user_id: &'a [u8], password: &'a [u8]) -> Self {
        Self { user_id, password }
    }

    /// Whether both are as expected.
    ///
    /// The time that this takes tells the lengths, but not how many bytes
    /// agree.
    #[must_use]
    pub fn matches(&self, user_id: &[u8], password: &[u8]) -> bool {
        let user_id_agrees = agrees(self.user_id, user_id);
        let password_agrees = agrees(self.password, password);
        user_id_agrees & password_agrees
    }

    /// Writes the value of Authorization to the front of `out` and returns
    /// what was written: 6 bytes, and 4 for each 3 of `user-id:password`.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError::NoRoom`] if it does not fit,
    /// [`AuthorizationError::UserPass`] if there is a colon in the user-id or
    /// a control character in either.
    pub fn emit_into<'out>(
        &self,
        out: &'out mut [u8],
    ) -> Result<&'out mut [u8], AuthorizationError> {
        let has_control = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_control);
        if self.user_id.contains(&b':') || has_control(self.user_id) || has_control(self.password) {
            return Err(AuthorizationError::UserPass);
        }
        let mut emitter = Emitter::new(out);
        emitter.push(b"Basic ")?;
        let mut bytes = self
            .user_id
            .iter()
            .chain(b":")
            .chain(self.password)
            .copied();
        while let Some(first) = bytes.next() {
            let encoded = match (bytes.next(), bytes.next()) {
                (None, _) => encode(&[first])?,
                (Some(second), None) => encode(&[first, second])?,
                (Some(second), Some(third)) => encode(&[first, second, third])?,
            };
            emitter.push(&encoded)?;
        }
        Ok(emitter.finish())
    }
}

impl fmt::Debug for UserPass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserPass(..)")
    }
}

/// Why credentials are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// No scheme at the start.
    Scheme,
    /// Not one token68 after the scheme.
    Token68,
    /// The token68 is not base64.
    Base64,
    /// Not a user-id, a colon and a password without control characters.
    UserPass,
    /// The lent slice is too small.
    NoRoom,
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "expected the name of an authentication scheme",
            Self::Token68 => "expected one token68 after the scheme",
            Self::Base64 => "expected base64 with padding",
            Self::UserPass => "expected a user-id, a colon and a password without controls",
            Self::NoRoom => return NoRoom.fmt(f),
        })
    }
}

impl Error for AuthorizationError {}

impl From<NoRoom> for AuthorizationError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

// 1*SP; the first one is gone already.
fn trim_spaces(mut input: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = input {
        input = rest;
    }
    input
}

// token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
fn token68(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let characters = take_while1(|byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    });
    span((characters, take_while(|byte| byte == b'='))).parse(input)
}

// user-pass = user-id ":" password
fn user_pass(decoded: &[u8]) -> Option<UserPass<'_>> {
    if decoded.iter().any(u8::is_ascii_control) {
        return None;
    }
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (user_id, rest) = decoded.split_at_checked(colon)?;
    let (_, password) = rest.split_first()?;
    Some(UserPass { user_id, password })
}

// `group` has one to three bytes.
fn encode(group: &[u8]) -> Result<[u8; 4], NoRoom> {
    let mut encoded = [0; 4];
    Base64::encode(group, &mut encoded).map_err(|_| NoRoom)?;
    Ok(encoded)
}

fn agrees(left: &[u8], right: &[u8]) -> bool {
    let differing = left
        .iter()
        .zip(right)
        .fold(0, |differing, (left, right)| differing | (left ^ right));
    // Without the barrier the loop could be made to stop at a difference.
    left.len() == right.len() && core::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &[u8], expected: Result<(&[u8], &[u8]), AuthorizationError>) {
        let mut out = [0; 64];
        let decoded = Authorization::parse(value).and_then(|parsed| match parsed {
            Authorization::Basic(credentials) => credentials.decode_into(&mut out),
            Authorization::Bearer(_) | Authorization::Other { .. } => {
                Err(AuthorizationError::Scheme)
            }
        });
        let found = decoded.map(|found| (found.user_id, found.password));
        assert_eq!(found, expected, "{value:?}");
    }

    #[test]
    fn decodes_basic_credentials() {
        check(
            b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            Ok((b"Aladdin", b"open sesame")),
        );
        check(b"BASIC   YTpi", Ok((b"a", b"b")));
        check(b"basic Og==", Ok((b"", b"")));
        check(b"basic YTpiOmM=", Ok((b"a", b"b:c")));
        check(b"Basic dGVzdDoxMjPCow==", Ok((b"test", b"123\xc2\xa3")));
    }

    #[test]
    fn rejects_what_is_not_basic_credentials() {
        check(b"", Err(AuthorizationError::Scheme));
        check(b" Basic YTpi", Err(AuthorizationError::Scheme));
        check(b"Basic,YTpi", Err(AuthorizationError::Scheme));
        check(b"Basic", Err(AuthorizationError::Token68));
        check(b"Basic ", Err(AuthorizationError::Token68));
        check(b"Basic\tYTpi", Err(AuthorizationError::Scheme));
        check(b"Basic YTpi YTpi", Err(AuthorizationError::Token68));
        check(b"Basic YTpi, x=y", Err(AuthorizationError::Token68));
        check(b"Basic ====", Err(AuthorizationError::Token68));
        check(b"Basic YTpiOmM", Err(AuthorizationError::Base64));
        check(b"Basic YTpi====", Err(AuthorizationError::Base64));
        check(b"Basic YTp-", Err(AuthorizationError::Base64));
        check(b"Basic Y", Err(AuthorizationError::Base64));
        check(b"Basic YWI=", Err(AuthorizationError::UserPass));
        check(b"Basic YToA", Err(AuthorizationError::UserPass));
    }

    #[test]
    fn other_schemes_keep_their_credentials() {
        assert!(matches!(
            Authorization::parse(b"bearer mF_9.B5f-4.1JqM"),
            Ok(Authorization::Bearer(b"mF_9.B5f-4.1JqM"))
        ));
        for value in [
            &b"Bearer"[..],
            b"Bearer a b",
            b"Bearer a=b",
            b"Bearer \"a\"",
        ] {
            let error = Authorization::parse(value).unwrap_err();
            assert_eq!(error, AuthorizationError::Token68);
        }
        assert!(matches!(
            Authorization::parse(b"Digest username=\"a\", realm=\"b\""),
            Ok(Authorization::Other {
                scheme: b"Digest",
                credentials: b"username=\"a\", realm=\"b\"",
            })
        ));
        assert!(matches!(
            Authorization::parse(b"Negotiate"),
            Ok(Authorization::Other {
                scheme: b"Negotiate",
                credentials: b""
            })
        ));
    }

    #[test]
    fn says_when_there_is_no_room() {
        let Ok(Authorization::Basic(credentials)) = Authorization::parse(b"Basic YTpiOmM=") else {
            panic!("rejected");
        };
        let mut out = [0; 5];
        assert!(credentials.decode_into(&mut out).is_ok());
        let error = credentials.decode_into(&mut out[..4]).unwrap_err();
        assert_eq!(error, AuthorizationError::NoRoom);
    }

    #[test]
    fn emits_what_it_parses() {
        #[track_caller]
        fn check(user_id: &[u8], password: &[u8], expected: Result<&[u8], AuthorizationError>) {
            let user_pass = UserPass::new(user_id, password);
            let mut out = [0; 64];
            let emitted = user_pass.emit_into(&mut out).map(|value| &*value);
            assert_eq!(emitted, expected);
            for len in 0..expected.map_or(0, <[u8]>::len) {
                let emitted = user_pass.emit_into(&mut out[..len]);
                assert_eq!(emitted, Err(AuthorizationError::NoRoom));
            }
        }
        check(
            b"Aladdin",
            b"open sesame",
            Ok(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        );
        check(b"", b"", Ok(b"Basic Og=="));
        check(b"a", b"b:c", Ok(b"Basic YTpiOmM="));
        check(b"a:b", b"c", Err(AuthorizationError::UserPass));
        check(b"a", b"\n", Err(AuthorizationError::UserPass));
    }

    #[test]
    fn matches_compares_both_and_the_lengths() {
        let user_pass = UserPass::new(b"user", b"pass");
        assert!(user_pass.matches(b"user", b"pass"));
        for (user_id, password) in [
            ("user", "pasS"),
            ("useR", "pass"),
            ("user", "pas"),
            ("", ""),
        ] {
            assert!(!user_pass.matches(user_id.as_bytes(), password.as_bytes()));
        }
    }

    #[test]
    fn noise_decodes_or_is_rejected() {
        noise::each(b"ABab01+/=:", |bytes| {
            let mut value = [0; 70];
            let value = &mut value[..bytes.len() + 6];
            value[..6].copy_from_slice(b"Basic ");
            value[6..].copy_from_slice(bytes);
            if let Ok(Authorization::Basic(credentials)) = Authorization::parse(value) {
                let (mut out, mut again) = ([0; 64], [0; 70]);
                if let Ok(user_pass) = credentials.decode_into(&mut out) {
                    assert_eq!(user_pass.emit_into(&mut again).unwrap(), value);
                }
            }
        });
    }
}
