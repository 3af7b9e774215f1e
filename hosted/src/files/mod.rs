//! Files of a folder, answered with: static files.
//!
//! ```text
//!   path --- decoded, checked ---> cache of the thread --- fresh ------------------+
//!                                     |  nothing, or too old                       |
//!                                     v                                            v
//!                                  open below the folder, look, compare      variant by Accept-Encoding
//!                                                                                  |
//!            304, 412 <--- preconditions (RFC 9110 §13) <--------------------------+
//!                                     |
//!            206, 416 <--- Range, If-Range (RFC 9110 §14)
//!                                     |
//!                                    200
//! ```
//!
//! [`Files`] is a folder and what is set about it; it is shared by all threads. A [`FileServer`] is the
//! part of one thread: what it remembers of paths, the small files among them in memory. The application
//! hands both of its calls on:
//!
//! ```no_run
//! use kinglet_core::http::{Handled, Reply, Request, Stream};
//! use kinglet_core::Application;
//! use kinglet_hosted::files::{FileExchange, FileServer, Files, FilesOptions};
//! use kinglet_hosted::{Options, Server};
//!
//! struct Site {
//!     files: FileServer,
//! }
//!
//! impl Application for Site {
//!     type Exchange = FileExchange;
//!
//!     fn request(&mut self, file: &mut FileExchange, request: &Request<'_>, reply: Reply<'_>) -> Handled {
//!         self.files.answer(file, request, request.path(), reply)
//!     }
//!
//!     fn stream(&mut self, file: &mut FileExchange, stream: Stream<'_>) -> Handled {
//!         self.files.stream(file, stream)
//!     }
//! }
//!
//! let files = Files::open("/srv/www", FilesOptions::default())?;
//! let server = Server::bind(&"127.0.0.1:8080".parse()?, Options::default())?;
//! server.run(|_thread| Site { files: files.for_thread() })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds up a thread
//!
//! A file is opened and read by the reactor's thread itself. What is in the kernel's cache of pages
//! comes at once; a read of what is not waits for the disk, and all connections of the thread wait with
//! it. So no read is longer than 64 KiB. For files that are not in memory, on a disk that is slow, use
//! more threads than processors.

mod answer;
mod asked;
mod body;
mod cache;
mod entry;
mod listing;
mod load;
pub(crate) mod media;
mod open;
mod options;
mod path;
mod ranges;
mod refusal;

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use kinglet_core::Instant;
use kinglet_core::field;
use kinglet_core::http::{Field, FieldBuf, Handled, Method, Reply, Request, Status, Stream};
use kinglet_core::syntax::percent;

use answer::Manner;
use asked::Asked;
use cache::{Cache, Cost, Known};
use entry::{MAX_TYPE_LEN, Outcome};
use load::Look;
use open::Root;
use refusal::{PLAIN, Refusal};

pub use answer::FileExchange;
pub use options::{DotFiles, FilesOptions, Listing, Precompressed, SendFile, Symlinks};

/// A folder whose files are served. A clone is the same folder.
#[derive(Clone, Debug)]
pub struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: Root,
    options: FilesOptions,
    manner: Manner,
}

/// The part of [`Files`] that belongs to one thread.
#[derive(Debug)]
pub struct FileServer {
    shared: Arc<Shared>,
    cache: Cache,
    /// Where paths are decoded.
    decoded: Vec<u8>,
}

/// Bytes of a path past which it is not remembered.
const MAX_CACHED_PATH_LEN: usize = 1024;

impl Files {
    /// Opens the folder `path`. It stays the same folder, whatever becomes of its name.
    ///
    /// # Errors
    ///
    /// There is no such folder, it cannot be read, or an option has a value that cannot be sent.
    pub fn open(path: impl AsRef<Path>, options: FilesOptions) -> io::Result<Self> {
        let path = path.as_ref();
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        let cache_control = match &*options.cache_control {
            "" => None,
            value => match FieldBuf::new("Cache-Control", value.as_bytes()) {
                None => return Err(invalid(format!("no value of Cache-Control: {value:?}"))),
                field => field,
            },
        };
        for (_, media_type) in &options.media_types {
            let field = FieldBuf::<MAX_TYPE_LEN>::new("Content-Type", media_type.as_bytes());
            if field.is_none() {
                return Err(invalid(format!("no media type: {media_type:?}")));
            }
        }
        for index in &options.index {
            if index.is_empty() || index.contains(['/', '\0']) || index == "." || index == ".." {
                return Err(invalid(format!("no name of a file: {index:?}")));
            }
        }
        let root = Root::open(path, options.symlinks).map_err(|error| {
            let text = format!("cannot open the folder {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        })?;
        let manner = Manner {
            max_ranges: options.max_ranges,
            cache_control,
        };
        Ok(Self(Arc::new(Shared {
            root,
            options,
            manner,
        })))
    }

    /// What one thread needs to answer with these files.
    #[must_use]
    pub fn for_thread(&self) -> FileServer {
        let options = &self.0.options;
        let bounds = Cost {
            entries: options.max_cached,
            descriptors: options.max_open,
            bytes: options.max_held_len,
        };
        FileServer {
            shared: Arc::clone(&self.0),
            cache: Cache::new(bounds, options.fresh_for),
            decoded: Vec::new(),
        }
    }
}

impl FileServer {
    /// Answers with the file that `path` names below the folder, or with why there is none.
    ///
    /// `path` is the request's path without what this folder is mounted at, still percent-encoded; with
    /// or without a slash at its start. Of the methods only GET and HEAD have an answer; OPTIONS is told
    /// so with 204, and others with 405.
    pub fn answer(
        &mut self,
        exchange: &mut FileExchange,
        request: &Request<'_>,
        path: &str,
        reply: Reply<'_>,
    ) -> Handled {
        const ALLOW: Field<'_> = field!("Allow", "GET, HEAD, OPTIONS");
        match request.method() {
            Method::Get | Method::Head => {}
            Method::Options => return reply.send(Status::NO_CONTENT, &[ALLOW], b""),
            _ => {
                let fields = [ALLOW, PLAIN];
                return reply.send(Status::METHOD_NOT_ALLOWED, &fields, b"method not allowed\n");
            }
        }
        if path.is_empty() && !request.path().ends_with('/') {
            return redirect(request, reply);
        }
        let asked = Asked::of(request);
        let outcome = match self.find(path, &asked, reply.context().now) {
            Ok(outcome) => outcome,
            Err(refusal) => return refusal.answer(reply),
        };
        match &*outcome {
            Outcome::File(resource) => {
                answer::file(resource, &asked, &self.shared.manner, exchange, reply)
            }
            Outcome::Redirected => redirect(request, reply),
            Outcome::Listed(page) => listing::answer(page, reply),
            Outcome::Refused(refusal) => refusal.answer(reply),
        }
    }

    /// Goes on with an answer that [`answer`](Self::answer) has begun: for the application's
    /// [`stream`](kinglet_core::Application::stream).
    ///
    /// A file that is changed while it is sent is cut off there, and the client sees that.
    pub fn stream(&mut self, exchange: &mut FileExchange, stream: Stream<'_>) -> Handled {
        answer::stream(exchange, stream)
    }

    /// What a path leads to, as far as is known for sure enough, or by looking.
    #[inline]
    fn find(
        &mut self,
        path: &str,
        asked: &Asked<'_>,
        now: Instant,
    ) -> Result<Rc<Outcome>, Refusal> {
        let path = path::decode(path, &mut self.decoded)?;
        let before = match self.cache.find(path, now) {
            Known::Fresh(outcome) if asked.may_be_told(&outcome) => return Ok(outcome),
            Known::Fresh(outcome) | Known::Stale(outcome) => Some(outcome),
            Known::Nothing => None,
        };
        Ok(look(
            &self.shared,
            &mut self.cache,
            path,
            before.as_deref(),
            now,
        ))
    }
}

/// Looks at the file system.
#[inline(never)]
fn look(
    shared: &Shared,
    cache: &mut Cache,
    path: &[u8],
    before: Option<&Outcome>,
    now: Instant,
) -> Rc<Outcome> {
    let look = Look {
        root: &shared.root,
        options: &shared.options,
        before: match before {
            Some(Outcome::File(resource)) => Some(resource),
            _ => None,
        },
    };
    let mut outcome = look.at(path);
    if matches!(outcome, Outcome::Refused(Refusal::Busy)) {
        // Some of the descriptors that are missing may be our own.
        cache.close_all();
        outcome = look.at(path);
    }
    let outcome = Rc::new(outcome);
    let lasts = match &*outcome {
        Outcome::Refused(refusal) => refusal.lasts(),
        Outcome::File(_) | Outcome::Redirected | Outcome::Listed(_) => true,
    };
    if lasts && path.len() <= MAX_CACHED_PATH_LEN {
        cache.insert(path, &outcome, now);
    }
    outcome
}

/// Sends the client to the same path with a slash behind it, where the links of a folder's page lead to
/// what is in it.
///
/// The reference is relative to the last segment, so that it cannot lead to another host.
fn redirect(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    let decoded: Result<Vec<u8>, _> = percent::decode(last.as_bytes()).collect();
    let Ok(name) = decoded else {
        return Refusal::Malformed.answer(reply);
    };
    if name.is_empty() {
        return Refusal::Missing.answer(reply);
    }
    let mut location = b"./".to_vec();
    path::encode(&name, &mut location);
    location.push(b'/');
    if let Some(query) = request.query() {
        location.push(b'?');
        location.extend(query.as_bytes());
    }
    match Field::new("Location", &location) {
        Ok(field) => {
            let fields = [field, PLAIN];
            reply.send(Status::MOVED_PERMANENTLY, &fields, b"it is a folder\n")
        }
        Err(_) => Refusal::Malformed.answer(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_shared_and_an_exchange_is_small() {
        fn is_shared<T: Clone + Send + Sync>() {}
        is_shared::<Files>();
        assert_eq!(size_of::<FileExchange>(), size_of::<usize>());
    }

    #[test]
    fn options_that_cannot_be_sent_are_refused() {
        let folder = std::env::temp_dir();
        for options in [
            FilesOptions {
                cache_control: "a\r\nb".into(),
                ..FilesOptions::default()
            },
            FilesOptions {
                media_types: vec![("a".into(), "b\n".into())],
                ..FilesOptions::default()
            },
            FilesOptions {
                index: vec!["../secret".into()],
                ..FilesOptions::default()
            },
        ] {
            let error = Files::open(&folder, options).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        let none = Files::open(folder.join("kinglet-none"), FilesOptions::default());
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
