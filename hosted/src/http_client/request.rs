//! What is asked, and the content that goes with it.

use core::fmt;
use std::io::{self, Read};

use kinglet_core::http::{Field, Length, Method};

/// What is asked of a server.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from `get`"
)]
pub struct Request<'r> {
    /// The method; CONNECT is refused.
    pub method: Method<'r>,
    /// An absolute URL of HTTP or HTTPS, without user information.
    pub url: &'r str,
    /// Further field lines. `Host` among them takes the place of the URL's.
    pub fields: &'r [Field<'r>],
    /// The content.
    pub content: Content<'r>,
}

/// The content of a request.
#[non_exhaustive]
pub enum Content<'r> {
    /// There is none.
    None,
    /// These bytes. They can be sent again, to the target of a redirection or on another connection.
    Bytes(&'r [u8]),
    /// As many bytes as are declared, or else all there are to read. They can be sent once.
    Stream(&'r mut (dyn Read + 'r), Length),
}

impl<'r> Request<'r> {
    /// GET, without further field lines.
    #[must_use]
    pub const fn get(url: &'r str) -> Self {
        Self {
            method: Method::Get,
            url,
            fields: &[],
            content: Content::None,
        }
    }
}

/// Where content comes from, and how much of it was read.
pub(super) struct Source<'r> {
    content: Content<'r>,
    at: u64,
}

impl<'r> Source<'r> {
    pub(super) const fn new(content: Content<'r>) -> Self {
        Self { content, at: 0 }
    }

    pub(super) const fn length(&self) -> Option<Length> {
        match &self.content {
            Content::None => None,
            Content::Bytes(bytes) => Some(Length::Exact(bytes.len() as u64)),
            Content::Stream(_, length) => Some(*length),
        }
    }

    /// Whether all of it can be sent, from the beginning.
    pub(super) const fn can_begin(&self) -> bool {
        self.at == 0 || !matches!(self.content, Content::Stream(..))
    }

    /// Begins again, where [`can_begin`](Self::can_begin) says so.
    pub(super) const fn rewind(mut self) -> Self {
        self.at = 0;
        self
    }

    /// Reads on; 0 bytes are the end.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = match &mut self.content {
            Content::None => 0,
            Content::Bytes(bytes) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.get(from..).unwrap_or_default().read(room)?
            }
            Content::Stream(reader, length) => {
                let left = match length {
                    Length::Exact(len) => len.saturating_sub(self.at),
                    Length::Unknown => u64::MAX,
                };
                let end = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                loop {
                    match reader.read(&mut room[..end]) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result?,
                    }
                }
            }
        };
        self.at += len as u64;
        Ok(len)
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_, length) => write!(f, "Stream({length:?})"),
        }
    }
}
