//! An answer, whose content is read as it comes.

use core::fmt;
use std::io::{self, Read};

use kinglet_core::http::{Fields, Status};
use url::Url;

use super::exchange::Exchange;
use super::pool::Origin;
use super::{Error, HttpClient};

/// An answer: its head, and its content to [`Read`] as it comes. Content that is read to its end gives
/// the connection back for the next request; where the answer is dropped before, it is closed.
#[derive(Debug)]
pub struct Response<'r> {
    pub(super) head: Vec<u8>,
    pub(super) status: Status,
    pub(super) url: Url,
    pub(super) len: Option<u64>,
    pub(super) body: Body<'r>,
}

/// Where content comes from.
pub(super) enum Body<'r> {
    Plain(Wire<'r>),
    #[cfg(feature = "compression")]
    Gzip(Box<Gunzip<'r>>),
}

/// Content as it comes over the connection.
pub(super) struct Wire<'r> {
    exchange: Option<Box<Exchange<'r>>>,
    client: HttpClient,
    origin: Origin,
}

/// Inflates content, up to a bound.
#[cfg(feature = "compression")]
pub(super) struct Gunzip<'r> {
    decoder: flate2::bufread::MultiGzDecoder<io::BufReader<Wire<'r>>>,
    left: u64,
}

impl Response<'_> {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The URL that has answered: that of the last redirection which was followed.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The field lines, as they came.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        super::parse(&self.head).map_or_else(Fields::default, |response| response.fields())
    }

    /// The value of a field, by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().value(name)
    }

    /// How many bytes of content there are, where that was declared and they are handed over as they
    /// come.
    #[must_use]
    pub const fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether there is no content, as far as that was declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Reads all of the content, up to `max_len` bytes.
    ///
    /// # Errors
    ///
    /// It is longer, or does not come whole.
    pub fn read_all(&mut self, max_len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut part = [0; 8192];
        loop {
            match self.read(&mut part)? {
                0 => return Ok(bytes),
                len if len > max_len - bytes.len() => return Err(Error::TooLong.into()),
                len => bytes.extend_from_slice(&part[..len]),
            }
        }
    }
}

impl Read for Response<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match &mut self.body {
            Body::Plain(wire) => wire.read(room),
            #[cfg(feature = "compression")]
            Body::Gzip(gunzip) => gunzip.read(room),
        }
    }
}

impl<'r> Wire<'r> {
    pub(super) fn new(exchange: Exchange<'r>, client: HttpClient, origin: Origin) -> Self {
        Self {
            exchange: Some(Box::new(exchange)),
            client,
            origin,
        }
    }

    /// Reads to the end where that is known to be here: then the connection is free already.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let left = self
            .exchange
            .as_ref()
            .and_then(|exchange| exchange.content_left());
        match left {
            Some(0) => self.pull(&mut [0]).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn pull(&mut self, room: &mut [u8]) -> Result<usize, Error> {
        let Some(exchange) = self.exchange.as_mut().filter(|_| !room.is_empty()) else {
            return Ok(0);
        };
        let read = exchange.read(room);
        if !matches!(read, Ok(1..)) {
            let over = self.exchange.take().filter(|_| read.is_ok());
            if let Some(idle) = over.and_then(|exchange| exchange.into_idle()) {
                self.client.keep(self.origin.clone(), idle);
            }
        }
        read
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.pull(room).map_err(io::Error::from)
    }
}

#[cfg(feature = "compression")]
impl<'r> Gunzip<'r> {
    pub(super) fn new(wire: Wire<'r>, max_len: u64) -> Self {
        Self {
            decoder: flate2::bufread::MultiGzDecoder::new(io::BufReader::new(wire)),
            left: max_len,
        }
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.decoder.read(room)?;
        self.left = (self.left.checked_sub(len as u64)).ok_or(Error::TooLong)?;
        Ok(len)
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}
