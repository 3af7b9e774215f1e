//! Cookies, RFC 6265: the values of Cookie and Set-Cookie.
//!
//! ```text
//!  Cookie: SID=31d4d96e407aad42; lang=en-US
//!          |-| |--------------|
//!          name     value
//!
//!  Set-Cookie: SID=31d4d96e407aad42; Path=/; Secure; HttpOnly
//!                                    |----------------------|
//!                                          attributes
//! ```
//!
//! In Cookie, a pair that breaks the grammar of RFC 6265 §4.1.1 is skipped:
//! the name has to be a token and the value cookie-octets, which leaves out
//! spaces, commas, backslashes and bytes above 0x7E. Any script on a page can
//! plant such a cookie, so it must not make the other pairs unreadable.
//!
//! Quotes around a value belong to the value (RFC 6265 §5.2 keeps them), so
//! what comes back is what was set.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;
use core::time::Duration;

use crate::syntax::emit::{Emitter, NoRoom};
use crate::syntax::list::split_once;
use crate::syntax::number::Decimal;
use crate::syntax::token::{is_token, trim_ows};

/// Iterator over the pairs in the value of Cookie, RFC 6265 §4.2.1.
///
/// ```
/// use kinglet_core::http::values::cookie::Cookies;
///
/// let cookies = Cookies::new(b"SID=31d4d96e; lang=en-US");
/// assert_eq!(cookies.value_of("lang"), Some(&b"en-US"[..]));
/// assert_eq!(cookies.value_of("LANG"), None);
/// ```
#[derive(Debug, Clone)]
pub struct Cookies<'a> {
    rest: &'a [u8],
}

impl<'a> Cookies<'a> {
    /// The pairs in `value`, which is the value of Cookie.
    #[must_use]
    pub const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// The value of the first cookie with this name, whose case counts.
    ///
    /// A client that has several sends the one with the longest path first,
    /// RFC 6265 §5.4.
    #[must_use]
    pub fn value_of(&self, name: &str) -> Option<&'a [u8]> {
        let mut pairs = self.clone();
        let found = pairs.find(|cookie| cookie.name == name.as_bytes())?;
        Some(found.value)
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = Cookie<'a>;

    // cookie-string = cookie-pair *( ";" SP cookie-pair )
    fn next(&mut self) -> Option<Cookie<'a>> {
        while !self.rest.is_empty() {
            let (pair, rest) = split_once(self.rest, b';');
            self.rest = rest;
            if let Some(cookie) = cookie_pair(trim_ows(pair)) {
                return Some(cookie);
            }
        }
        None
    }
}

impl FusedIterator for Cookies<'_> {}

/// One pair of Cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie<'a> {
    /// The name: a token, whose case counts.
    pub name: &'a [u8],
    /// The value: cookie-octets, perhaps in quotes, perhaps none.
    pub value: &'a [u8],
}

/// A value of Set-Cookie to be, RFC 6265 §4.1.
///
/// Nothing is checked before [`emit_into`](Self::emit_into).
///
/// ```
/// use kinglet_core::http::values::cookie::{SameSite, SetCookie};
///
/// let mut out = [0; 64];
/// let value = SetCookie::new("SID", "31d4d96e")
///     .path("/")
///     .secure()
///     .http_only()
///     .same_site(SameSite::Lax)
///     .emit_into(&mut out)?;
/// assert_eq!(value, b"SID=31d4d96e; Path=/; Secure; HttpOnly; SameSite=Lax");
/// # Ok::<(), kinglet_core::http::values::cookie::SetCookieError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct SetCookie<'a> {
    name: &'a str,
    value: &'a str,
    path: Option<&'a str>,
    domain: Option<&'a str>,
    max_age: Option<Duration>,
    transport: Transport,
    access: Access,
    same_site: Option<SameSite>,
}

impl<'a> SetCookie<'a> {
    /// A cookie without attributes: sent back to this host, for the directory
    /// of this path, until the client ends its session.
    pub const fn new(name: &'a str, value: &'a str) -> Self {
        Self {
            name,
            value,
            path: None,
            domain: None,
            max_age: None,
            transport: Transport::Any,
            access: Access::Any,
            same_site: None,
        }
    }

    /// Sends the cookie back for this path and what is below it, RFC 6265
    /// §5.2.4. It starts with a slash.
    pub const fn path(mut self, path: &'a str) -> Self {
        self.path = Some(path);
        self
    }

    /// Sends the cookie back to this host and those below it, RFC 6265
    /// §5.2.3. Without a dot in front.
    pub const fn domain(mut self, domain: &'a str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Keeps the cookie for this time, in whole seconds, RFC 6265 §5.2.2.
    ///
    /// Zero removes it. The grammar of RFC 6265 §4.1.1 has no zero, but the
    /// algorithm of §5.2.2 gives it this meaning, and clients follow that.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Sends the cookie back over secure connections only, RFC 6265 §5.2.5.
    pub const fn secure(mut self) -> Self {
        self.transport = Transport::Secure;
        self
    }

    /// Hides the cookie from scripts, RFC 6265 §5.2.6.
    pub const fn http_only(mut self) -> Self {
        self.access = Access::Http;
        self
    }

    /// Says which requests from other sites carry the cookie.
    ///
    /// RFC 6265 does not have this attribute; every browser does.
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// Writes the value of Set-Cookie to the front of `out` and returns what
    /// was written.
    ///
    /// # Errors
    ///
    /// One of [`SetCookieError`] for the first part that may not be sent.
    /// What clients would refuse is an error too: see
    /// [`SetCookieError::Insecure`] and [`SetCookieError::Prefix`].
    pub fn emit_into<'out>(&self, out: &'out mut [u8]) -> Result<&'out mut [u8], SetCookieError> {
        self.check()?;
        let mut emitter = Emitter::new(out);
        emitter.push(self.name.as_bytes())?;
        emitter.push_byte(b'=')?;
        emitter.push(self.value.as_bytes())?;
        if let Some(path) = self.path {
            emitter.push(b"; Path=")?;
            emitter.push(path.as_bytes())?;
        }
        if let Some(domain) = self.domain {
            emitter.push(b"; Domain=")?;
            emitter.push(domain.as_bytes())?;
        }
        if let Some(max_age) = self.max_age {
            emitter.push(b"; Max-Age=")?;
            emitter.push(Decimal::new(max_age.as_secs()).as_bytes())?;
        }
        if self.is_secure() {
            emitter.push(b"; Secure")?;
        }
        if matches!(self.access, Access::Http) {
            emitter.push(b"; HttpOnly")?;
        }
        match self.same_site {
            Some(SameSite::Strict) => emitter.push(b"; SameSite=Strict")?,
            Some(SameSite::Lax) => emitter.push(b"; SameSite=Lax")?,
            Some(SameSite::None) => emitter.push(b"; SameSite=None")?,
            None => {}
        }
        Ok(emitter.finish())
    }

    fn check(&self) -> Result<(), SetCookieError> {
        if !is_token(self.name.as_bytes()) {
            return Err(SetCookieError::Name);
        }
        if !is_cookie_value(self.value.as_bytes()) {
            return Err(SetCookieError::Value);
        }
        if !self.path.is_none_or(|path| is_path(path.as_bytes())) {
            return Err(SetCookieError::Path);
        }
        if !self
            .domain
            .is_none_or(|domain| is_domain(domain.as_bytes()))
        {
            return Err(SetCookieError::Domain);
        }
        if matches!(self.same_site, Some(SameSite::None)) && !self.is_secure() {
            return Err(SetCookieError::Insecure);
        }
        let is_for_host = self.is_secure() && self.path == Some("/") && self.domain.is_none();
        if has_prefix(self.name, b"__Host-") && !is_for_host
            || has_prefix(self.name, b"__Secure-") && !self.is_secure()
        {
            return Err(SetCookieError::Prefix);
        }
        Ok(())
    }

    const fn is_secure(&self) -> bool {
        matches!(self.transport, Transport::Secure)
    }
}

/// Which requests from other sites carry a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// None.
    Strict,
    /// Only those that navigate here by a safe method.
    Lax,
    /// All; the cookie has to be secure.
    None,
}

/// Why a cookie cannot be set: a misuse by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetCookieError {
    /// The name is not a token.
    Name,
    /// The value has a byte that is no cookie-octet.
    Value,
    /// The path does not start with a slash, or it has a semicolon, a control
    /// character or a byte above 0x7E.
    Path,
    /// The domain is not made of labels of letters, digits and hyphens.
    Domain,
    /// `SameSite=None` without `Secure`, which clients refuse.
    Insecure,
    /// The name starts with `__Secure-` or `__Host-` and the attributes are
    /// not those that clients demand of such a cookie.
    Prefix,
    /// The lent slice is too small.
    NoRoom,
}

impl fmt::Display for SetCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "expected a token as name of the cookie",
            Self::Value => "expected a cookie value without spaces, commas, quotes and the like",
            Self::Path => "expected a path that starts with a slash and has no semicolon",
            Self::Domain => "expected a domain of letters, digits, hyphens and dots",
            Self::Insecure => "expected a cookie for all sites to be secure",
            Self::Prefix => "expected the attributes that the prefix of the name promises",
            Self::NoRoom => return NoRoom.fmt(f),
        })
    }
}

impl Error for SetCookieError {}

impl From<NoRoom> for SetCookieError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    Any,
    Secure,
}

#[derive(Debug, Clone, Copy)]
enum Access {
    Any,
    Http,
}

// cookie-pair = cookie-name "=" cookie-value
fn cookie_pair(pair: &[u8]) -> Option<Cookie<'_>> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (name, rest) = pair.split_at_checked(equals)?;
    let (_, value) = rest.split_first()?;
    (is_token(name) && is_cookie_value(value)).then_some(Cookie { name, value })
}

// cookie-value = *cookie-octet / ( DQUOTE *cookie-octet DQUOTE )
fn is_cookie_value(value: &[u8]) -> bool {
    let octets = match value {
        [b'"', octets @ .., b'"'] => octets,
        octets => octets,
    };
    octets.iter().copied().all(is_cookie_octet)
}

// cookie-octet = %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

// path-value = <any CHAR except CTLs or ";">
fn is_path(path: &[u8]) -> bool {
    path.starts_with(b"/")
        && path
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~' if *byte != b';'))
}

// <subdomain>, RFC 1034 §3.5 as RFC 1123 §2.1 has it
fn is_domain(domain: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
            && label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    domain.len() <= 253 && domain.split(|&byte| byte == b'.').all(is_label)
}

fn has_prefix(name: &str, prefix: &[u8]) -> bool {
    let start = name.as_bytes().get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::noise;

    #[track_caller]
    fn check(value: &[u8], expected: &[(&str, &str)]) {
        let pairs = Cookies::new(value).map(|cookie| (cookie.name, cookie.value));
        let expected = expected
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        assert!(pairs.eq(expected), "{value:?}");
    }

    #[test]
    fn splits_pairs_at_semicolons() {
        check(b"", &[]);
        check(b"a=b", &[("a", "b")]);
        check(b"a=b; c=d", &[("a", "b"), ("c", "d")]);
        check(b"a=b;c=d ;\te=f;", &[("a", "b"), ("c", "d"), ("e", "f")]);
        check(b"a=b=c&d", &[("a", "b=c&d")]);
        check(
            b"a=; b=\"x\"; c=\"\"",
            &[("a", ""), ("b", "\"x\""), ("c", "\"\"")],
        );
        check(b"a=1; a=2", &[("a", "1"), ("a", "2")]);
    }

    #[test]
    fn skips_pairs_that_break_the_grammar() {
        check(
            b"noequals; =x; a b=c; a =c; d= e; q=\"; r=x\"y; s=a,b; t=\\; u=\xe4; v=\x01; ok=1",
            &[("ok", "1")],
        );
        check(b"q=\"a;b\"; ok=1", &[("ok", "1")]);
        check(b";;; ;", &[]);
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let cookies = Cookies::new(b"a=1; A=2; a=3");
        assert_eq!(cookies.value_of("a"), Some(&b"1"[..]));
        assert_eq!(cookies.value_of("A"), Some(&b"2"[..]));
        assert_eq!(cookies.value_of("b"), None);
    }

    #[track_caller]
    fn check_set(cookie: SetCookie<'_>, expected: Result<&str, SetCookieError>) {
        let mut out = [0; 128];
        let emitted = cookie.emit_into(&mut out).map(|value| &*value);
        assert_eq!(emitted, expected.map(str::as_bytes));
        if let Ok(expected) = expected {
            for len in 0..expected.len() {
                let emitted = cookie.emit_into(&mut out[..len]);
                assert_eq!(emitted, Err(SetCookieError::NoRoom));
            }
        }
    }

    #[test]
    fn emits_attributes() {
        let cookie = SetCookie::new("SID", "31d4");
        check_set(cookie, Ok("SID=31d4"));
        check_set(SetCookie::new("a", ""), Ok("a="));
        check_set(SetCookie::new("a", "\"x\""), Ok("a=\"x\""));
        check_set(
            cookie.path("/docs").domain("example.com"),
            Ok("SID=31d4; Path=/docs; Domain=example.com"),
        );
        check_set(
            cookie.max_age(Duration::from_millis(3_600_999)).http_only(),
            Ok("SID=31d4; Max-Age=3600; HttpOnly"),
        );
        check_set(cookie.max_age(Duration::ZERO), Ok("SID=31d4; Max-Age=0"));
        check_set(
            cookie.secure().same_site(SameSite::None),
            Ok("SID=31d4; Secure; SameSite=None"),
        );
        check_set(
            SetCookie::new("__Host-id", "1").path("/").secure(),
            Ok("__Host-id=1; Path=/; Secure"),
        );
    }

    #[test]
    fn rejects_what_may_not_be_sent() {
        for name in ["", "a b", "a=b", "a;b", "a\r\nb", "ä"] {
            check_set(SetCookie::new(name, "x"), Err(SetCookieError::Name));
        }
        for value in [
            "a b", "a;b", "a,b", "a\"b", "\"", "a\\b", "\r\n", "\u{7f}", "ä",
        ] {
            check_set(SetCookie::new("a", value), Err(SetCookieError::Value));
        }
        let cookie = SetCookie::new("a", "b");
        for path in ["", "docs", "/;", "/\n", "/ä"] {
            check_set(cookie.path(path), Err(SetCookieError::Path));
        }
        for domain in [
            "",
            ".example.com",
            "a..b",
            "a.",
            "-a",
            "a-",
            "a b",
            "a;b",
            "ä.de",
        ] {
            check_set(cookie.domain(domain), Err(SetCookieError::Domain));
        }
    }

    #[test]
    fn rejects_what_clients_refuse() {
        let cookie = SetCookie::new("a", "b");
        check_set(
            cookie.same_site(SameSite::None),
            Err(SetCookieError::Insecure),
        );
        let host = SetCookie::new("__Host-a", "b");
        check_set(host.secure(), Err(SetCookieError::Prefix));
        check_set(host.path("/"), Err(SetCookieError::Prefix));
        check_set(host.path("/a").secure(), Err(SetCookieError::Prefix));
        let with_domain = host.path("/").secure().domain("example.com");
        check_set(with_domain, Err(SetCookieError::Prefix));
        let secure = SetCookie::new("__secure-a", "b");
        check_set(secure, Err(SetCookieError::Prefix));
        check_set(secure.secure(), Ok("__secure-a=b; Secure"));
    }

    #[test]
    fn pairs_of_noise_can_be_set_again() {
        noise::each(b"ab=; \"\\,", |bytes| {
            for cookie in Cookies::new(bytes) {
                let name = str::from_utf8(cookie.name).unwrap();
                let value = str::from_utf8(cookie.value).unwrap();
                let mut out = [0; 64];
                let emitted = SetCookie::new(name, value).emit_into(&mut out).unwrap();
                assert_eq!(Cookies::new(emitted).next(), Some(cookie));
            }
        });
    }
}
