//! What can be set about a folder that is served.

use core::time::Duration;

/// The settings of [`Files`](super::Files). Each has a default that suits a folder of a public site.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from the default"
)]
pub struct FilesOptions {
    /// What becomes of a path that goes through a symbolic link. Default: links that stay below the
    /// folder are followed.
    pub symlinks: Symlinks,
    /// What becomes of names that begin with a dot. Default: they are not there.
    pub dot_files: DotFiles,
    /// Names that stand for their folder, the first that is there. Default: `index.html`.
    pub index: Vec<String>,
    /// Whether a folder without an index is listed. Default: it is not.
    pub listing: Listing,
    /// Names in a listing; a folder with more of them is listed in part. Default: 1,000.
    pub max_listed: usize,
    /// Whether a file's compressed siblings are sent in its place. Default: they are.
    pub precompressed: Precompressed,
    /// Whether the kernel sends files itself. Default: it does.
    pub sendfile: SendFile,
    /// The value of `Cache-Control` in answers with a file (RFC 9111 §5.2); empty for none, which is the
    /// default.
    pub cache_control: String,
    /// Media types for extensions, before those that are known: `("mjs", "text/javascript")`.
    pub media_types: Vec<(String, String)>,
    /// Ranges that one request may ask for; one with more gets the whole file (RFC 9110 §14.2). 0 turns
    /// ranges off. Default: 16.
    pub max_ranges: usize,
    /// How long a thread answers from what it knows of a file before it looks at it again. Default: 1 s.
    pub fresh_for: Duration,
    /// Bytes of a file that is held in memory rather than open. Default: 16 KiB.
    pub max_small_len: usize,
    /// Paths that each thread remembers, and as many again that lead nowhere. Default: 4,096.
    pub max_cached: usize,
    /// Descriptors that each thread keeps open for files that nobody is being sent. Default: 128.
    pub max_open: usize,
    /// Bytes of paths and small files that each thread holds. Default: 8 MiB.
    pub max_held_len: usize,
}

/// What becomes of a path that goes through a symbolic link.
///
/// The folder itself may be one, or lie behind one: it is opened once, at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Symlinks {
    /// It is refused with 403.
    Deny,
    /// It is followed as long as it stays below the folder. A link to an absolute path, wherever that
    /// leads, and one that leaves the folder and comes back do not: 403.
    #[default]
    Within,
    /// It is followed wherever it leads. For folders to which nobody else can write.
    Follow,
}

/// What becomes of a path with a name that begins with a dot, such as `.git` or `.htpasswd`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DotFiles {
    /// It is not there: 404. `.well-known` at the top is (RFC 8615 §3).
    #[default]
    Hide,
    /// It is like any other.
    Serve,
}

/// Whether a folder without an index is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listing {
    /// It is refused with 403.
    #[default]
    Off,
    /// It is listed: a page with a link to each file and folder that is served.
    On,
}

/// Whether `page.html.br`, `.zst` and `.gz` are sent in the place of `page.html`, to a client that
/// accepts the coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precompressed {
    /// They are not.
    Ignore,
    /// Those that are shorter than the file itself, and not older, are. They are looked for where the
    /// media type is one that compresses.
    #[default]
    Serve,
}

/// Whether the kernel sends what is not held in memory, without a copy, or it is read and then sent.
///
/// The kernel sends the bytes that the file has when they leave, or when they are sent once more. So a file
/// that is written to in its place, rather than replaced by one of its name, can reach a client as a mixture
/// of both versions: where the change is seen in time the answer is cut off, but what lies in the socket
/// already goes out as it is by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFile {
    /// It is read, and sent only while the file is what it was: for files that are written to in their
    /// place. It costs a copy.
    Off,
    /// The kernel sends it, but for the last bytes. For files that are replaced as a whole, by a rename.
    #[default]
    On,
}

impl Default for FilesOptions {
    fn default() -> Self {
        Self {
            symlinks: Symlinks::default(),
            dot_files: DotFiles::default(),
            index: vec![String::from("index.html")],
            listing: Listing::default(),
            max_listed: 1000,
            precompressed: Precompressed::default(),
            sendfile: SendFile::default(),
            cache_control: String::new(),
            media_types: Vec::new(),
            max_ranges: 16,
            fresh_for: Duration::from_secs(1),
            max_small_len: 16 * 1024,
            max_cached: 4096,
            max_open: 128,
            max_held_len: 8 * 1024 * 1024,
        }
    }
}
