//! Where a redirection leads, and what goes along (RFC 9110 §15.4).

use kinglet_core::http::{Field, Length, Method};
use url::Url;

use super::Error;
use super::pool::Origin;

/// One request of those that redirections make of one.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude each other"
)]
pub(super) struct Hop<'r> {
    pub(super) url: Url,
    pub(super) origin: Origin,
    pub(super) method: Method<'r>,
    /// Whether the content, and what describes it, stays behind.
    pub(super) is_without_content: bool,
    /// Whether it has left the origin that was first asked: credentials stay behind for good.
    pub(super) is_abroad: bool,
}

/// What speaks of content.
const ABOUT_CONTENT: [&str; 6] = [
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-Range",
    "Digest",
];

/// What is meant for one origin only.
const CREDENTIALS: [&str; 4] = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

impl<'r> Hop<'r> {
    pub(super) fn new(url: &str, method: Method<'r>) -> Result<Self, Error> {
        let refused = || Error::Url(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        // RFC 9110 §4.2.4: user information in a URL is deprecated, and a means of deception.
        let has_user = !parsed.username().is_empty() || parsed.password().is_some();
        let origin = Origin::of(&parsed).filter(|_| !has_user);
        Ok(Self {
            origin: origin.ok_or_else(refused)?,
            url: parsed,
            method,
            is_without_content: false,
            is_abroad: false,
        })
    }

    /// The request target: path and query.
    pub(super) fn target(&self) -> String {
        match self.url.query() {
            None => self.url.path().to_owned(),
            Some(query) => format!("{}?{query}", self.url.path()),
        }
    }

    /// Whether a field line of the request that was first made goes along.
    pub(super) fn takes(&self, field: &Field<'_>) -> bool {
        let is_one = |names: &[&str]| {
            let is = |name: &&str| field.name().eq_ignore_ascii_case(name);
            names.iter().any(is)
        };
        let stays = (self.is_without_content && is_one(&ABOUT_CONTENT))
            || (self.is_abroad && is_one(&CREDENTIALS));
        !stays
    }

    /// The request that follows an answer with this status and `Location`; none where it is the last.
    pub(super) fn next(
        &self,
        status: u16,
        location: Option<&[u8]>,
        fields: &[Field<'_>],
        content: Option<Length>,
    ) -> Result<Option<Self>, Error> {
        let method = match (status, self.method) {
            // See the notes of §15.4.2 and §15.4.3: so it has always been done with POST.
            (301 | 302, Method::Post) => Method::Get,
            (303, method) if method != Method::Head => Method::Get,
            (301 | 302 | 303 | 307 | 308, method) => method,
            _ => return Ok(None),
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(location);
        let refused = || Error::Url(text.clone().into_owned());
        let url = self.url.join(&text).map_err(|_| refused())?;
        let mut next = Self::new(url.as_str(), method)?;
        next.is_without_content = self.is_without_content || method != self.method;
        next.is_abroad = self.is_abroad || next.origin != self.origin;
        let brings = |field: &Field<'_>| {
            let is = |name: &&str| field.name().eq_ignore_ascii_case(name);
            self.takes(field) && CREDENTIALS[..3].iter().any(is)
        };
        let is_told_something =
            fields.iter().any(brings) || (content.is_some() && !next.is_without_content);
        if self.origin.is_secure && !next.origin.is_secure && is_told_something {
            return Err(Error::Downgrade);
        }
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Option<Length> = Some(Length::Exact(1));

    #[test]
    fn a_redirection_says_where_to_go_and_what_stays_behind() {
        use Method::{Get, Head, Post, Put};
        let rows = [
            (301, Get, "/b", "GET http://a/b"),
            (301, Post, "b?c", "GET http://a/x/b?c without content"),
            (302, Post, "//b/", "GET http://b/ without content abroad"),
            (302, Put, "/b", "PUT http://a/b"),
            (303, Put, "/b", "GET http://a/b without content"),
            (303, Head, "/b", "HEAD http://a/b"),
            (307, Post, "/b", "POST http://a/b"),
            (308, Post, "https://a/", "POST https://a/ abroad"),
            (308, Get, "http://a:8080/", "GET http://a:8080/ abroad"),
            (308, Get, "http://A:80/#c", "GET http://a/#c"),
            (300, Get, "/b", "none"),
            (304, Get, "/b", "none"),
            (302, Get, "ftp://a/", "refused"),
            (302, Get, "http://u:p@a/", "refused"),
            (302, Get, "http://", "refused"),
        ];
        for (status, method, location, expected) in rows {
            let hop = Hop::new("http://a/x/y", method).unwrap();
            let text = match hop.next(status, Some(location.as_bytes()), &[], SOME) {
                Ok(None) => String::from("none"),
                Err(_) => String::from("refused"),
                Ok(Some(next)) => {
                    let note = |is: bool, note| if is { note } else { "" };
                    format!(
                        "{} {}{}{}",
                        next.method.as_str(),
                        next.url,
                        note(next.is_without_content, " without content"),
                        note(next.is_abroad, " abroad")
                    )
                }
            };
            assert_eq!(text, expected, "{status} {method:?} {location}");
        }
    }

    #[test]
    fn nothing_that_is_secret_goes_on_without_tls() {
        let secret = [Field::new("cookie", b"a").unwrap()];
        let plain = [Field::new("accept", b"a").unwrap()];
        for (fields, content, is_allowed) in [
            (&plain, None, true),
            (&secret, None, false),
            (&plain, SOME, false),
        ] {
            let hop = Hop::new("https://a/", Method::Put).unwrap();
            let next = hop.next(307, Some(b"http://a/"), fields, content);
            assert_eq!(next.is_ok(), is_allowed);
        }
        // Once abroad, what was left behind does not come back.
        let mut hop = Hop::new("https://a/", Method::Get).unwrap();
        for location in [b"https://b/", b"https://a/"] {
            hop = hop
                .next(302, Some(location), &secret, None)
                .unwrap()
                .unwrap();
            assert!(!hop.takes(&secret[0]) && hop.takes(&plain[0]));
        }
    }
}
