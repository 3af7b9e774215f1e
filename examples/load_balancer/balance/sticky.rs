//! Sticky sessions: a cookie that brings a client back to the backend it had.
//!
//! ```text
//!  response   Set-Cookie: backend=5b1e0f3c9a7d2e84; Path=/; HttpOnly; SameSite=Lax
//!  request    Cookie: backend=5b1e0f3c9a7d2e84
//! ```
//!
//! The token is a hash of the backend's name under a secret: it stays valid when backends come and go or
//! the balancer starts anew, and tells nobody what is behind it. It is no proof of anything. Who sends
//! the token of another backend is served by that one, as anybody may be.

use kinglet_core::http::Fields;
use kinglet_core::http::values::cookie::{SameSite, SetCookie};

use super::key::cookie;
use crate::siphash::HashKey;

/// The cookie of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Sticky {
    name: String,
    secret: HashKey,
}

/// What stands for a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Sticky {
    /// With a cookie of this name, which is a token (RFC 6265 §4.1.1), and a secret that all threads and
    /// all balancers of a site share.
    pub(crate) const fn new(name: String, secret: HashKey) -> Self {
        Self { name, secret }
    }

    /// The token of the backend with this name.
    pub(crate) fn token(&self, backend: &str) -> Token {
        Token(self.secret.hash(backend.as_bytes()))
    }

    /// The token that a request has brought.
    pub(crate) fn of_request(&self, fields: Fields<'_>) -> Option<Token> {
        let digits = cookie(fields, &self.name)?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_token = digits.len() == 16 && digits.iter().all(is_digit);
        let text = str::from_utf8(digits).ok().filter(|_| is_token)?;
        u64::from_str_radix(text, 16).ok().map(Token)
    }

    /// Writes the value of `Set-Cookie` that brings a client back. `is_secure` says that it came by TLS
    /// and is to send the cookie no other way.
    pub(crate) fn set_cookie<'out>(
        &self,
        token: Token,
        security: Security,
        out: &'out mut [u8; SET_COOKIE_LEN],
    ) -> Option<&'out [u8]> {
        let value = format!("{:016x}", token.0);
        let cookie = SetCookie::new(&self.name, &value)
            .path("/")
            .http_only()
            .same_site(SameSite::Lax);
        let cookie = match security {
            Security::Tls => cookie.secure(),
            Security::None => cookie,
        };
        cookie.emit_into(out).ok().map(|value| &*value)
    }
}

/// How the client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// By TLS: the cookie is to come back in no other way.
    Tls,
    /// In the clear.
    None,
}

/// Room for the value of a `Set-Cookie` with the longest name that a configuration may have.
pub(crate) const SET_COOKIE_LEN: usize = 192;

/// The longest name of a cookie, in bytes.
pub(crate) const MAX_NAME_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::with_request;

    fn sticky() -> Sticky {
        Sticky::new(String::from("backend"), HashKey(1, 2))
    }

    fn of_request(lines: &str) -> Option<Token> {
        with_request("GET", lines, |request| {
            sticky().of_request(request.fields())
        })
    }

    #[test]
    fn what_was_set_comes_back() {
        let token = sticky().token("10.0.0.7:8080");
        let mut out = [0; SET_COOKIE_LEN];
        let value = sticky().set_cookie(token, Security::Tls, &mut out).unwrap();
        let value = str::from_utf8(value).unwrap();
        let (pair, attributes) = value.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(of_request(&format!("Cookie: a=b; {pair}\r\n")), Some(token));
        let value = sticky()
            .set_cookie(token, Security::None, &mut out)
            .unwrap();
        assert!(!str::from_utf8(value).unwrap().contains("Secure"));
    }

    #[test]
    fn other_cookies_are_none() {
        for lines in [
            "",
            "Cookie: other=0123456789abcdef\r\n",
            "Cookie: backend=\r\n",
            "Cookie: backend=0123456789abcde\r\n",
            "Cookie: backend=0123456789abcdef0\r\n",
            "Cookie: backend=0123456789ABCDEF\r\n",
            "Cookie: backend=+123456789abcdef\r\n",
        ] {
            assert_eq!(of_request(lines), None, "{lines}");
        }
    }

    #[test]
    fn a_token_says_nothing_without_the_secret() {
        let other = Sticky::new(String::from("backend"), HashKey(1, 3));
        assert_ne!(
            sticky().token("10.0.0.7:8080"),
            other.token("10.0.0.7:8080")
        );
        assert_ne!(
            sticky().token("10.0.0.7:8080"),
            sticky().token("10.0.0.8:8080")
        );
    }

    #[test]
    fn the_longest_name_fits() {
        let sticky = Sticky::new("x".repeat(MAX_NAME_LEN), HashKey(1, 2));
        let mut out = [0; SET_COOKIE_LEN];
        let token = sticky.token("a");
        assert!(sticky.set_cookie(token, Security::Tls, &mut out).is_some());
    }
}
