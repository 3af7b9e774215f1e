//! Files that are part of the program, as in a microcontroller's flash.
//!
//! ```text
//!   GET, If-None-Match ---- the variant's entity tag ----> 304
//!    |
//!    +-- Accept-Encoding prefers gzip, and there is one --> 200, the compressed bytes as they lie
//!    +----------------------------------------------------> 200, the plain bytes as they lie
//! ```
//!
//! Nothing is copied and nothing compressed while the program runs. An entity tag is worked out by the
//! compiler, from the bytes: it changes when they do, and needs no clock.
//!
//! ```
//! use kinglet_core::assets::Asset;
//! use kinglet_core::field;
//! use kinglet_core::http::{Handled, Reply, Request, Status};
//!
//! const PAGE: Asset = Asset::new(field!("Content-Type", "text/html"), b"<title>Hello</title>")
//!     .with_field(field!("Cache-Control", "no-cache"));
//!
//! fn request(request: &Request<'_>, reply: Reply<'_>) -> Handled {
//!     match request.path() {
//!         "/" => PAGE.answer(request, reply),
//!         _ => reply.send(Status::NOT_FOUND, &[], b""),
//!     }
//! }
//! ```

use crate::field;
use crate::http::values::accept_encoding::AcceptEncoding;
use crate::http::values::conditional::{Evaluation, MethodClass, Preconditions, Validators};
use crate::http::values::date::HttpDate;
use crate::http::values::entity_tag::EntityTag;
use crate::http::{Field, Handled, Reply, Request, Status};

/// A file, and the same compressed where that is worth its room.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    media_type: Field<'static>,
    more: Option<Field<'static>>,
    plain: Variant,
    gzip: Option<Variant>,
}

/// One encoding of a file. Each has a tag of its own, RFC 9110 §8.8.3.3.
#[derive(Clone, Copy, Debug)]
struct Variant {
    content: &'static [u8],
    /// The entity tag, with its quotes.
    tag: [u8; TAG_LEN],
}

/// Sixteen hexadecimal digits and two quotes.
const TAG_LEN: usize = 18;

impl Asset {
    /// A file with its `Content-Type`.
    ///
    /// Meant for a `const`: its tag is worked out from each of the bytes. For a file of a megabyte the
    /// compiler has to be told that it may take long, with `#[allow(long_running_const_eval)]`.
    #[must_use]
    pub const fn new(media_type: Field<'static>, content: &'static [u8]) -> Self {
        Self {
            media_type,
            more: None,
            plain: Variant::new(content),
            gzip: None,
        }
    }

    /// The same, with its content compressed by gzip (RFC 9110 §8.4.1.3).
    #[must_use]
    pub const fn with_gzip(mut self, content: &'static [u8]) -> Self {
        self.gzip = Some(Variant::new(content));
        self
    }

    /// The same, with one more field, such as `Cache-Control`. It goes into 304 too.
    #[must_use]
    pub const fn with_field(mut self, field: Field<'static>) -> Self {
        self.more = Some(field);
        self
    }

    /// Answers GET or HEAD with the variant that the client prefers, or with 304 or 412 where its
    /// preconditions say so (RFC 9110 §13.2.2). There is no modification date, so those that speak of
    /// one are ignored.
    pub fn answer(&self, request: &Request<'_>, reply: Reply<'_>) -> Handled {
        const GZIP: Field<'_> = field!("Content-Encoding", "gzip");
        const VARY: Field<'_> = field!("Vary", "Accept-Encoding");
        // A browser is to take the media type as it is declared.
        const NO_SNIFFING: Field<'_> = field!("X-Content-Type-Options", "nosniff");

        let gzip = self.gzip.filter(|_| prefers_gzip(request));
        let variant = gzip.as_ref().unwrap_or(&self.plain);
        let Ok(tag) = Field::new("ETag", &variant.tag) else {
            return reply.send(Status::INTERNAL_SERVER_ERROR, &[], b"");
        };
        let vary = self.gzip.map(|_| VARY);
        let evaluation = variant.evaluate(request);
        let of_content = match evaluation {
            Evaluation::Proceed => [Some(self.media_type), Some(NO_SNIFFING), gzip.map(|_| GZIP)],
            Evaluation::NotModified | Evaluation::PreconditionFailed => [None; 3],
        };
        let mut fields = [tag; 6];
        let mut len: usize = 1;
        for field in [self.more, vary].into_iter().chain(of_content).flatten() {
            if let Some(place) = fields.get_mut(len) {
                *place = field;
                len = len.saturating_add(1);
            }
        }
        let fields = fields.get(..len).unwrap_or_default();
        match evaluation {
            Evaluation::Proceed => reply.send_static(Status::OK, fields, variant.content),
            Evaluation::NotModified => reply.send(Status::NOT_MODIFIED, fields, b""),
            Evaluation::PreconditionFailed => reply.send(Status::PRECONDITION_FAILED, fields, b""),
        }
    }
}

impl Variant {
    const fn new(content: &'static [u8]) -> Self {
        Self {
            content,
            tag: tag(content),
        }
    }

    fn evaluate(&self, request: &Request<'_>) -> Evaluation {
        let current = Validators {
            entity_tag: EntityTag::parse(&self.tag).ok(),
            last_modified: None,
        };
        let evaluate = |preconditions: Preconditions<'_>| {
            let now = HttpDate::from_unix(0);
            preconditions.evaluate(MethodClass::GetOrHead, Some(&current), now)
        };
        let fields = request.fields();
        // Either may come in several lines, and then counts as the list of all.
        let mut if_match = fields.values("if-match").map(|tags| {
            evaluate(Preconditions {
                if_match: Some(tags),
                ..Preconditions::default()
            })
        });
        if let Some(first) = if_match.next()
            && first != Evaluation::Proceed
            && if_match.all(|line| line != Evaluation::Proceed)
        {
            return Evaluation::PreconditionFailed;
        }
        let if_none_match = fields.values("if-none-match").map(|tags| {
            evaluate(Preconditions {
                if_none_match: Some(tags),
                ..Preconditions::default()
            })
        });
        let mut refused = if_none_match.filter(|line| *line != Evaluation::Proceed);
        refused.next().unwrap_or(Evaluation::Proceed)
    }
}

/// Whether the client would rather have gzip than the plain bytes. One that does not say is not asked
/// to inflate.
fn prefers_gzip(request: &Request<'_>) -> bool {
    let named = request.fields().filter(|line| line.is("accept-encoding"));
    let accepted = AcceptEncoding::from_lines(named.clone().map(|line| line.value()));
    named.count() > 0 && accepted.best_of(&["gzip", "identity"]) == Some(0)
}

/// The FNV-1a hash of the content, in 64 bits. It tells versions of a file apart, and nothing else.
const fn tag(content: &[u8]) -> [u8; TAG_LEN] {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut rest = content;
    while let [byte, behind @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = behind;
    }
    let mut tag = [b'"'; TAG_LEN];
    let [_, digits @ .., _] = &mut tag;
    let mut left: &mut [u8] = digits;
    while let [digit, behind @ ..] = left {
        let [.., value] = (hash >> 60).to_be_bytes();
        *digit = if value < 10 { b'0' } else { b'a' - 10 }.wrapping_add(value);
        hash <<= 4;
        left = behind;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_published_hash() {
        // From the reference vectors of FNV-1a.
        let rows: [(&[u8], &[u8; TAG_LEN]); 3] = [
            (b"", b"\"cbf29ce484222325\""),
            (b"a", b"\"af63dc4c8601ec8c\""),
            (b"foobar", b"\"85944171f73967e8\""),
        ];
        for (content, expected) in rows {
            assert_eq!(&tag(content), expected);
        }
    }
}
