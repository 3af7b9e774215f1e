//! Answers that are made in memory, compressed by gzip (RFC 9110 §8.4.1.3).
//!
//! ```text
//!   status, fields, content
//!     |
//!     +-- not 2xx but 206, encoded already, no-transform, a type that does not compress,
//!     |   a length out of bounds ------------------------------------> as it is
//!     +-- the client does not prefer gzip ---------------------------> as it is, Vary
//!     +-- it does not become shorter --------------------------------> as it is, Vary
//!     +--------------------------------------------------------------> gzip, Vary, a weak tag
//! ```
//!
//! Compressing holds up the thread, so what is compressed is bounded in length; what is longer is better
//! compressed once, and stored, see [`files`](crate::files).
//!
//! A page that has a secret in it, and beside that something that an attacker may choose, tells the secret
//! by its compressed length. Such pages are not to be sent through here.

use flate2::{Compress, Compression, Crc, FlushCompress, Status as Progress};
use kinglet_core::field;
use kinglet_core::http::values::accept_encoding::AcceptEncoding;
use kinglet_core::http::values::cache_control::CacheControl;
use kinglet_core::http::{Field, Handled, Reply, Request, Status};

use crate::files::media::compresses;

/// The bounds of a [`Compressor`].
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct CompressorOptions {
    /// How hard to try, from 1 to 9. Default: 4.
    pub level: u32,
    /// Bytes of content below which it is not worth the while. Default: 1 KiB.
    pub min_len: usize,
    /// Bytes of content above which it would take too long. Default: 1 MiB.
    pub max_len: usize,
    /// Media types that are compressed besides those of text and the like, without parameters.
    pub media_types: Vec<String>,
}

impl Default for CompressorOptions {
    fn default() -> Self {
        Self {
            level: 4,
            min_len: 1024,
            max_len: 1024 * 1024,
            media_types: Vec::new(),
        }
    }
}

/// What compresses the answers of one thread.
///
/// ```
/// use kinglet_core::http::{Field, Handled, Reply, Request, Status};
/// use kinglet_core::{Application, field};
/// use kinglet_hosted::Compressor;
///
/// struct Report {
///     compressor: Compressor,
/// }
///
/// impl Application for Report {
///     type Exchange = ();
///
///     fn request(&mut self, _: &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
///         const JSON: Field<'_> = field!("Content-Type", "application/json");
///         let content = format!("[{}1]", "0, ".repeat(10_000));
///         self.compressor.send(request, reply, Status::OK, &[JSON], content.as_bytes())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Compressor {
    options: CompressorOptions,
    /// About 300 KiB, from the first answer that needs it.
    state: Option<Compress>,
    /// Where answers are compressed.
    out: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new(CompressorOptions::default())
    }
}

/// What may be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes as it is, for every client.
    Never,
    /// It goes as it is, for this client.
    Plain,
    Gzip,
}

const GZIP: Field<'static> = field!("Content-Encoding", "gzip");
const VARY: Field<'static> = field!("Vary", "Accept-Encoding");

/// What a gzip member begins with: deflate, no name, no time, no system (RFC 1952 §2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

impl Compressor {
    /// A compressor with these bounds, which has no memory yet.
    #[must_use]
    pub const fn new(options: CompressorOptions) -> Self {
        Self {
            options,
            state: None,
            out: Vec::new(),
        }
    }

    /// Answers with `content`, compressed where that is worth it and the client prefers it.
    ///
    /// `Vary` is put behind `fields` where the answer depends on what the client accepts, and an `ETag`
    /// among them becomes a weak one where it is compressed: other bytes need another strong one
    /// (RFC 9110 §8.8.3.3).
    pub fn send(
        &mut self,
        request: &Request<'_>,
        reply: Reply<'_>,
        status: Status,
        fields: &[Field<'_>],
        content: &[u8],
    ) -> Handled {
        let verdict = self.judge(request, status, fields, content);
        if verdict == Verdict::Never {
            return reply.send(status, fields, content);
        }
        let mut all = fields.to_vec();
        all.push(VARY);
        if verdict == Verdict::Plain || self.compress(content).is_none() {
            return reply.send(status, &all, content);
        }
        let mut weak = Vec::new();
        let mut tags = all.iter_mut().filter(|field| is(field, "etag"));
        if let Some(tag) = tags.find(|tag| !tag.value().starts_with(b"W/")) {
            weak.extend(b"W/");
            weak.extend(tag.value());
            match Field::new("ETag", &weak) {
                Ok(field) => *tag = field,
                Err(_) => return reply.send(status, fields, content),
            }
        }
        all.push(GZIP);
        reply.send(status, &all, &self.out)
    }

    fn judge(
        &self,
        request: &Request<'_>,
        status: Status,
        fields: &[Field<'_>],
        content: &[u8],
    ) -> Verdict {
        let value = |name: &str| fields.iter().find(|field| is(field, name));
        let is_transformed = |field: &Field<'_>| {
            let control = CacheControl::new(field.value());
            control.has("no-transform")
        };
        let media_type = value("content-type").map_or(&b""[..], Field::value);
        let bounds = self.options.min_len..=self.options.max_len;
        if !status.is_success()
            || status == Status::PARTIAL_CONTENT
            || !bounds.contains(&content.len())
            || !(compresses(media_type) || self.is_listed(media_type))
            || value("content-encoding").is_some()
            || value("cache-control").is_some_and(is_transformed)
        {
            return Verdict::Never;
        }
        let named = request.fields().filter(|line| line.is("accept-encoding"));
        let accepted = AcceptEncoding::from_lines(named.clone().map(|line| line.value()));
        if named.count() > 0 && accepted.best_of(&["gzip", "identity"]) == Some(0) {
            Verdict::Gzip
        } else {
            Verdict::Plain
        }
    }

    fn is_listed(&self, media_type: &[u8]) -> bool {
        let essence = media_type.split(|byte| *byte == b';').next();
        let essence = essence.unwrap_or_default().trim_ascii();
        let mut listed = self.options.media_types.iter();
        listed.any(|one| one.as_bytes().eq_ignore_ascii_case(essence))
    }

    /// Compresses `content` into `out`; none where it would not become shorter.
    fn compress(&mut self, content: &[u8]) -> Option<()> {
        const TRAILER_LEN: usize = 8;
        let level = Compression::new(self.options.level.clamp(1, 9));
        let state = self
            .state
            .get_or_insert_with(|| Compress::new(level, false));
        state.reset();
        self.out.clear();
        self.out.reserve_exact(content.len());
        self.out.extend(HEADER);
        // What does not fit is not shorter. The room of a vector may be more than was asked for.
        let progress = state
            .compress_vec(content, &mut self.out, FlushCompress::Finish)
            .ok()?;
        if progress != Progress::StreamEnd || self.out.len() + TRAILER_LEN >= content.len() {
            return None;
        }
        let mut sum = Crc::new();
        sum.update(content);
        self.out.extend(sum.sum().to_le_bytes());
        self.out.extend(sum.amount().to_le_bytes());
        Some(())
    }
}

fn is(field: &Field<'_>, name: &str) -> bool {
    field.name().eq_ignore_ascii_case(name)
}
