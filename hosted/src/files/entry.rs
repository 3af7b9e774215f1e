//! A file as it is remembered: its variants, each with its validators and the field lines of its answers.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use kinglet_core::http::values::conditional::Validators;
use kinglet_core::http::values::date::HttpDate;
use kinglet_core::http::values::entity_tag::EntityTag;
use kinglet_core::http::{Field, FieldBuf};
use rustix::fs::Stat;

use super::body::{OpenFile, Written};
use super::cache::Cost;
use super::refusal::Refusal;

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Outcome {
    File(Resource),
    /// A folder, without the slash at the end of its path.
    Redirected,
    /// A folder's page.
    Listed(Box<[u8]>),
    Refused(Refusal),
}

/// A file, and the same compressed.
#[derive(Debug)]
pub(super) struct Resource {
    /// All that are known fit, and those of the options have been tried.
    pub(super) media_type: Option<FieldBuf<MAX_TYPE_LEN>>,
    /// The file itself.
    pub(super) plain: Rc<Variant>,
    /// Compressed ones, the shortest first.
    pub(super) compressed: Vec<(Coding, Rc<Variant>)>,
}

/// One encoding of a file. Each has a tag of its own (RFC 9110 §8.8.3.3).
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) version: Version,
    pub(super) content: Content,
    tag: Option<FieldBuf<MAX_VALIDATOR_LEN>>,
    modified: Option<FieldBuf<MAX_VALIDATOR_LEN>>,
    last_modified: Option<HttpDate>,
    strength: Strength,
}

#[derive(Debug)]
pub(super) enum Content {
    Held(Box<[u8]>),
    Open(Rc<OpenFile>),
}

/// A content coding (RFC 9110 §8.4.1) that a file's sibling has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

/// What is looked at to tell whether a path leads to what it led to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    device: u64,
    inode: u64,
    pub(super) written: Written,
    changed: (i64, i64),
}

/// Whether the same tag means the same bytes, for sure (RFC 9110 §8.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// The longest line of a media type.
pub(super) const MAX_TYPE_LEN: usize = 128;

/// The longest line of a tag or a date.
const MAX_VALIDATOR_LEN: usize = 64;

/// For how long after it was written to a file's tag is weak. Clocks of file systems stand still for some
/// milliseconds, and those of some for two seconds: two versions of that span may look the same.
const YOUNG_SECONDS: i64 = 2;

impl Coding {
    pub(super) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// What a sibling's name ends with.
    pub(super) const fn suffix(self) -> &'static [u8] {
        match self {
            Self::Brotli => b".br",
            Self::Zstd => b".zst",
            Self::Gzip => b".gz",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

impl Version {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        reason = "the types of a stat differ from system to system"
    )]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            written: Written::of(stat),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Two versions of a file have different ones, and files of other names have others still. What is
    /// hashed is not told apart in the result, which says nothing of the file system.
    fn hash(&self) -> u64 {
        let Written {
            len,
            seconds,
            nanos,
        } = self.written;
        let parts = [
            self.device,
            self.inode,
            len,
            seconds.cast_unsigned(),
            nanos.cast_unsigned(),
        ];
        // FNV-1a.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in parts.into_iter().flat_map(u64::to_be_bytes) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash
    }
}

impl Variant {
    /// A file of this version, looked at `now`.
    pub(super) fn new(version: Version, content: Content, now: HttpDate) -> Self {
        let seconds = version.written.seconds;
        let is_old = seconds.saturating_add(YOUNG_SECONDS) <= now.unix_seconds();
        let (strength, weak) = if is_old {
            (Strength::Strong, "")
        } else {
            (Strength::Weak, "W/")
        };
        let tag = format!("{weak}\"{:016x}\"", version.hash());
        // One of the future must not be sent (RFC 9110 §8.8.2.1).
        let last_modified = u64::try_from(seconds)
            .ok()
            .map(HttpDate::from_unix)
            .filter(|date| *date <= now);
        let modified = last_modified.and_then(|date| FieldBuf::new("Last-Modified", &date.emit()));
        Self {
            version,
            content,
            tag: FieldBuf::new("ETag", tag.as_bytes()),
            modified,
            last_modified,
            strength,
        }
    }

    /// Whether its content is, for all that can be seen, what it was. What is held is.
    pub(super) fn is_unchanged(&self) -> bool {
        match &self.content {
            Content::Held(_) => true,
            Content::Open(file) => file.is_unchanged(),
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.version.written.len
    }

    /// Whether it may be kept where the path still leads to `version`. While it is young, what it holds
    /// may be older than what the file holds, for all that the version tells.
    pub(super) fn is_still(&self, version: &Version) -> bool {
        self.strength == Strength::Strong && self.version == *version
    }

    pub(super) fn tag(&self) -> Option<Field<'_>> {
        self.tag.as_ref().map(FieldBuf::as_field)
    }

    pub(super) fn modified(&self) -> Option<Field<'_>> {
        self.modified.as_ref().map(FieldBuf::as_field)
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators {
            entity_tag: self
                .tag()
                .and_then(|tag| EntityTag::parse(tag.value()).ok()),
            last_modified: self.last_modified,
        }
    }

    fn cost(&self) -> Cost {
        match &self.content {
            Content::Held(bytes) => Cost {
                bytes: bytes.len() + VARIANT_LEN,
                ..Cost::default()
            },
            Content::Open(_) => Cost {
                descriptors: 1,
                bytes: VARIANT_LEN,
                ..Cost::default()
            },
        }
    }
}

impl Resource {
    /// The file itself and all others.
    fn variants(&self) -> impl Iterator<Item = &Variant> {
        let compressed = self.compressed.iter().map(|(_, variant)| &**variant);
        core::iter::once(&*self.plain).chain(compressed)
    }

    /// The variant that was made from `version`, and may still be used.
    pub(super) fn reuse(&self, version: &Version) -> Option<Rc<Variant>> {
        let compressed = self.compressed.iter().map(|(_, variant)| variant);
        let mut variants = core::iter::once(&self.plain).chain(compressed);
        variants.find(|variant| variant.is_still(version)).cloned()
    }
}

impl Outcome {
    /// What it costs to remember it.
    pub(super) fn cost(&self) -> Cost {
        let mut cost = Cost {
            entries: 1,
            ..Cost::default()
        };
        match self {
            Self::File(resource) => {
                for variant in resource.variants() {
                    let one = variant.cost();
                    cost.descriptors += one.descriptors;
                    cost.bytes += one.bytes;
                }
            }
            Self::Listed(page) => cost.bytes = page.len(),
            Self::Redirected | Self::Refused(_) => {}
        }
        cost
    }
}

/// About what a variant takes beside its content.
const VARIANT_LEN: usize = 448;

/// The date, for what has no other way to know it.
pub(super) fn now() -> HttpDate {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    HttpDate::from_unix(since.map_or(0, |since| since.as_secs()))
}
