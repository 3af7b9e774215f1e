//! The values of well-known fields, parsed and emitted.
//!
//! What a field means is RFC 9110's matter; each meaning is one file here:
//!
//! | module | field or rule | RFC |
//! |---|---|---|
//! | [`accept`] | Accept | RFC 9110 §12.5.1 |
//! | [`accept_encoding`] | Accept-Encoding | RFC 9110 §12.5.3 |
//! | [`accept_language`] | Accept-Language | RFC 9110 §12.5.4 |
//! | [`authority`] | Host, authority of a URI | RFC 9110 §7.2, RFC 3986 §3.2 |
//! | [`authorization`] | Authorization, Proxy-Authorization | RFC 9110 §11.6.2, RFC 7617, RFC 6750 |
//! | [`cache_control`] | Cache-Control | RFC 9111 §5.2 |
//! | [`conditional`] | If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range | RFC 9110 §13 |
//! | [`cookie`] | Cookie, Set-Cookie | RFC 6265 §4 |
//! | [`date`] | Date, Last-Modified and every other HTTP-date | RFC 9110 §5.6.7 |
//! | [`dot_segments`] | path of a URI | RFC 3986 §5.2.4 |
//! | [`entity_tag`] | ETag | RFC 9110 §8.8.3 |
//! | [`media_type`] | Content-Type | RFC 9110 §8.3 |
//! | [`origin`] | Origin | RFC 6454 §7 |
//! | [`quality`] | weights | RFC 9110 §12.4.2 |
//! | [`query`] | query of a URI, content of a form | URL standard of WHATWG, §5.1 |
//! | [`range`] | Range, Content-Range | RFC 9110 §14 |
//! | [`uri`] | Location, Referer and every other URI reference | RFC 3986 §4.1 |
//!
//! ```text
//!  field value --parse--> a view that borrows from it --> meaning
//!                                                             |
//!  lent slice <------------------emit_into--------------------+
//! ```
//!
//! A value to be parsed is without the whitespace around it, as the field
//! line has it taken away (RFC 9112 §5). Where a field may come in several
//! field lines, `from_lines` takes them as they are; elsewhere the value is
//! the combined one.
//!
//! - A value is checked whole when it is parsed, or else each element when it
//!   is reached; the module page says which, and what a broken one means.
//! - Nothing is stored and nothing is decoded before it is read.
//! - Work is linear in the value. The Accept fields read it once for each
//!   offer, and offers come from the application.
//!
//! ```
//! use kinglet_core::http::values::accept::Accept;
//! use kinglet_core::http::values::date::HttpDate;
//!
//! let accept = Accept::new(b"text/html, application/json;q=0.9");
//! assert_eq!(accept.best_of(&["application/json", "text/plain"]), Some(0));
//!
//! let date = HttpDate::from_unix(784_111_777);
//! assert_eq!(&date.emit(), b"Sun, 06 Nov 1994 08:49:37 GMT");
//! ```

pub mod accept;
pub mod accept_encoding;
pub mod accept_language;
pub mod authority;
pub mod authorization;
pub mod cache_control;
pub mod conditional;
pub mod cookie;
pub mod date;
pub mod dot_segments;
pub mod entity_tag;
pub mod media_type;
pub mod origin;
pub mod quality;
pub mod query;
pub mod range;
pub mod uri;
