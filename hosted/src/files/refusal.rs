//! Why there is no file to answer with.

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Status};
use rustix::io::Errno;

/// Why a path has no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The path is broken.
    Malformed,
    /// Nothing has this name.
    Missing,
    /// It is not for others to read, or is none of the things that are served.
    Forbidden,
    /// No descriptor or memory is left for it.
    Busy,
    /// The system fails.
    Failed,
}

impl Refusal {
    /// What comes of an error of opening, whose other causes are logged.
    pub(super) fn of(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => {
                Self::Missing
            }
            // NXIO is a socket, or a device without a driver.
            Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::MLINK
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NODEV => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Busy,
            error => {
                log::warn!("cannot open a file: {error}");
                Self::Failed
            }
        }
    }

    /// Whether the answer may be the same for a while.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::Missing | Self::Forbidden)
    }

    pub(super) fn answer(self, reply: Reply<'_>) -> Handled {
        const SOON: Field<'_> = field!("Retry-After", "1");
        let (status, text) = match self {
            Self::Malformed => (Status::BAD_REQUEST, "malformed path\n"),
            Self::Missing => (Status::NOT_FOUND, "no such file\n"),
            Self::Forbidden => (Status::FORBIDDEN, "not to be read\n"),
            Self::Busy => (Status::SERVICE_UNAVAILABLE, "too many files are open\n"),
            Self::Failed => (Status::INTERNAL_SERVER_ERROR, "the file cannot be read\n"),
        };
        match self {
            Self::Busy => reply.send(status, &[PLAIN, SOON], text.as_bytes()),
            _ => reply.send(status, &[PLAIN], text.as_bytes()),
        }
    }
}

pub(super) const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
