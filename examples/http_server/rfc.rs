//! Where the parts of a request are defined, and what the well-known fields are for.

use std::fmt;

use kinglet_core::http::Method;

/// A place in a specification. It displays as an HTML link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A section of an RFC.
    Rfc(u16, &'static str),
    /// Another page: what to call it, and its address without the scheme.
    Page(&'static str, &'static str),
}

use Place::{Page, Rfc};

impl Place {
    /// The start tag of a link to it.
    pub(crate) fn open(self) -> String {
        match self {
            Rfc(number, section) => {
                let page = format!("https://www.rfc-editor.org/rfc/rfc{number}#section-{section}");
                format!("<a href=\"{page}\" title=\"RFC {number} §{section}\">")
            }
            Page(title, address) => format!("<a href=\"https://{address}\" title=\"{title}\">"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.open())?;
        match self {
            Rfc(number, section) => write!(f, "RFC {number} §{section}</a>"),
            Page(title, _) => write!(f, "{title}</a>"),
        }
    }
}

/// Where a method is defined, and what it asks for. Only those come here that the page is served to.
pub(crate) fn method(method: Method<'_>) -> (Place, &'static str) {
    match method {
        Method::Get => (Rfc(9110, "9.3.1"), "send me the resource"),
        Method::Head => (Rfc(9110, "9.3.2"), "send me the head of that answer"),
        _ => (Rfc(9110, "9.1"), "what is asked for"),
    }
}

/// Where a field is defined, and what it is for.
pub(crate) fn field(name: &str) -> (Place, &'static str) {
    FIELDS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
        .map_or(
            (Rfc(9110, "5.1"), "a field that this page does not know"),
            |&(_, place, purpose)| (place, purpose),
        )
}

const METADATA: Place = Page("Fetch Metadata", "www.w3.org/TR/fetch-metadata/");
const HINTS: Place = Page("UA Client Hints", "wicg.github.io/ua-client-hints/");
const UPGRADE: Place = Page("W3C", "www.w3.org/TR/upgrade-insecure-requests/#preference");
const TRACKING: Place = Page("W3C", "www.w3.org/TR/tracking-dnt/#dnt-header-field");
const PRIVACY: Place = Page("W3C", "www.w3.org/TR/gpc/");
const FETCH: Place = Page("Fetch", "fetch.spec.whatwg.org/#sec-purpose-header");

/// Field name, where it is defined, and what it is for.
const FIELDS: [(&str, Place, &str); 49] = [
    (
        "Accept",
        Rfc(9110, "12.5.1"),
        "media types it can use, with weights",
    ),
    (
        "Accept-Charset",
        Rfc(9110, "12.5.2"),
        "character encodings; deprecated",
    ),
    (
        "Accept-Encoding",
        Rfc(9110, "12.5.3"),
        "content codings it can undo",
    ),
    (
        "Accept-Language",
        Rfc(9110, "12.5.4"),
        "languages its user reads, with weights",
    ),
    (
        "Authorization",
        Rfc(9110, "11.6.2"),
        "credentials for this resource",
    ),
    (
        "Cache-Control",
        Rfc(9111, "5.2.1"),
        "what caches on the way may do",
    ),
    (
        "Connection",
        Rfc(9110, "7.6.1"),
        "options for this connection alone",
    ),
    (
        "Content-Encoding",
        Rfc(9110, "8.4"),
        "codings applied to the content",
    ),
    (
        "Content-Language",
        Rfc(9110, "8.5"),
        "the language of the content",
    ),
    (
        "Content-Length",
        Rfc(9110, "8.6"),
        "how many bytes of content follow",
    ),
    (
        "Content-Type",
        Rfc(9110, "8.3"),
        "the media type of the content",
    ),
    (
        "Cookie",
        Rfc(6265, "4.2"),
        "state that servers asked it to keep",
    ),
    ("Date", Rfc(9110, "6.6.1"), "when the message was made"),
    ("DNT", TRACKING, "the wish not to be tracked"),
    (
        "Expect",
        Rfc(9110, "10.1.1"),
        "wait for 100 (Continue) before the content",
    ),
    (
        "Forwarded",
        Rfc(7239, "4"),
        "what proxies know of the client",
    ),
    (
        "From",
        Rfc(9110, "10.1.2"),
        "the address of whoever runs the client",
    ),
    (
        "Host",
        Rfc(9110, "7.2"),
        "which of the sites at this address is meant",
    ),
    (
        "If-Match",
        Rfc(9110, "13.1.1"),
        "only if it still has one of these tags",
    ),
    (
        "If-Modified-Since",
        Rfc(9110, "13.1.3"),
        "only if it is newer than this",
    ),
    (
        "If-None-Match",
        Rfc(9110, "13.1.2"),
        "only if it has none of these tags",
    ),
    (
        "If-Range",
        Rfc(9110, "13.1.5"),
        "a part if it is unchanged, else all",
    ),
    (
        "If-Unmodified-Since",
        Rfc(9110, "13.1.4"),
        "only if it is not newer than this",
    ),
    ("Keep-Alive", Rfc(9110, "7.6.1"), "a relic of HTTP/1.0"),
    (
        "Max-Forwards",
        Rfc(9110, "7.6.2"),
        "how many proxies may pass it on",
    ),
    ("Origin", Rfc(6454, "7"), "which site made the client ask"),
    (
        "Pragma",
        Rfc(9111, "5.4"),
        "no-cache, as HTTP/1.0 said it; deprecated",
    ),
    ("Priority", Rfc(9218, "5"), "how urgent the answer is"),
    (
        "Proxy-Authorization",
        Rfc(9110, "11.7.2"),
        "credentials for a proxy",
    ),
    (
        "Proxy-Connection",
        Rfc(9110, "7.6.1"),
        "a mistake of old clients; ignored",
    ),
    ("Range", Rfc(9110, "14.2"), "only these parts of it"),
    (
        "Referer",
        Rfc(9110, "10.1.3"),
        "the page on which it found the link",
    ),
    (
        "Sec-CH-UA",
        HINTS,
        "brands of the browser, one of them made up",
    ),
    (
        "Sec-CH-UA-Mobile",
        HINTS,
        "whether it prefers pages for phones",
    ),
    ("Sec-CH-UA-Platform", HINTS, "the system it runs on"),
    (
        "Sec-Fetch-Dest",
        METADATA,
        "what the answer is to be used as",
    ),
    ("Sec-Fetch-Mode", METADATA, "how it is fetched"),
    (
        "Sec-Fetch-Site",
        METADATA,
        "how the asking site relates to this one",
    ),
    ("Sec-Fetch-User", METADATA, "a person set it off"),
    ("Sec-GPC", PRIVACY, "the wish that data are not sold"),
    ("Sec-Purpose", FETCH, "it is fetched ahead of need"),
    (
        "TE",
        Rfc(9110, "10.1.4"),
        "transfer codings it takes; whether trailers",
    ),
    (
        "Trailer",
        Rfc(9110, "6.6.2"),
        "fields that will follow the content",
    ),
    (
        "Transfer-Encoding",
        Rfc(9112, "6.1"),
        "how the content is framed",
    ),
    (
        "Upgrade",
        Rfc(9110, "7.8"),
        "protocols it would rather speak",
    ),
    (
        "Upgrade-Insecure-Requests",
        UPGRADE,
        "it would rather have HTTPS",
    ),
    ("User-Agent", Rfc(9110, "10.1.5"), "the program that asks"),
    ("Via", Rfc(9110, "7.6.3"), "proxies on the way"),
    (
        "X-Forwarded-For",
        Rfc(7239, "1"),
        "what came before Forwarded",
    ),
];
