//! Listening sockets go from one process to the next, and no connection is refused meanwhile.
//!
//! ```text
//!   old process                                new process
//!   offers, at a path                          connects to it
//!         |  -- version, number of listeners -->  |
//!         |  -- one listener a message -------->  |   both accept from here on
//!         |                                       |   every thread has begun to serve
//!         |                                       |   puts its own offer at the path
//!         |  <------------- begun --------------  |
//!   drains                                      serves
//! ```
//!
//! A listening socket is one thing in the kernel, whatever processes have it: connections that wait are
//! taken by whoever comes first, and the socket closes with the last. A new process that ends before it
//! has begun changes nothing: the old one goes on, and offers again.
//!
//! Only processes of the same user, or of root, are dealt with.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use crate::remote::Handle;

/// What the first message begins with.
const VERSION: u8 = 1;

/// What the new process says when it has begun to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Begun = b'b' as isize,
    /// The same, and an offer of its own is at the path.
    BegunAndOffers = b'o' as isize,
}

/// How long the other process may take for a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// An offer that is not at its path yet.
#[derive(Debug)]
pub(crate) struct Offer {
    control: UnixListener,
    listeners: Vec<OwnedFd>,
    path: PathBuf,
    /// Where it is until then.
    draft: PathBuf,
    is_published: bool,
    /// Whether it is another process that goes on with the listeners.
    is_elsewhere: Arc<AtomicBool>,
}

/// The process before this one, which serves until it is told that this one does.
#[derive(Debug)]
pub(crate) struct Predecessor(UnixStream);

impl Predecessor {
    /// The listeners of the process that offers them at `path`; `None` where there is none.
    pub(crate) fn ask(path: &Path) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let mut stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !is_of_us(&stream)? {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut head = [0; 3];
        stream.read_exact(&mut head)?;
        let [version, high, low] = head;
        if version != VERSION {
            let text = "the process before this one hands over in another way";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let count = u16::from_be_bytes([high, low]);
        let sockets = (0..count)
            .map(|_| receive_socket(&stream))
            .collect::<io::Result<_>>()?;
        Ok(Some((Self(stream), sockets)))
    }

    /// Tells it that this process serves.
    pub(crate) fn dismiss(mut self, word: Word) -> io::Result<()> {
        self.0.write_all(&[word as u8])
    }
}

impl Offer {
    /// Prepares to offer `listeners` at `path`.
    pub(crate) fn new(
        path: &Path,
        listeners: Vec<OwnedFd>,
        is_elsewhere: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}", std::process::id()));
        let draft = PathBuf::from(draft);
        // One of a process that had this number before.
        let _ = std::fs::remove_file(&draft);
        let control = UnixListener::bind(&draft)?;
        let offer = Self {
            control,
            listeners,
            path: path.to_owned(),
            draft,
            is_published: false,
            is_elsewhere,
        };
        std::fs::set_permissions(&offer.draft, std::fs::Permissions::from_mode(0o600))?;
        Ok(offer)
    }

    /// Puts the offer at its path, and answers it on a thread of its own until `stop` closes.
    pub(crate) fn publish(
        mut self,
        handle: Handle,
        stop: UnixStream,
    ) -> io::Result<JoinHandle<()>> {
        std::fs::rename(&self.draft, &self.path)?;
        self.is_published = true;
        thread::Builder::new()
            .name(String::from("kinglet-hand-over"))
            .spawn(move || {
                if let Err(error) = self.serve(&handle, &stop) {
                    log::error!("no hand-over any more: {error}");
                }
            })
    }

    fn serve(&self, handle: &Handle, stop: &UnixStream) -> io::Result<()> {
        while wait_for(&self.control, stop)? {
            let (stream, _) = self.control.accept()?;
            match self.hand_over(stream, stop) {
                Ok(false) => log::warn!("a hand-over came to nothing"),
                Ok(true) => {
                    log::info!("handed over: draining");
                    handle.drain();
                    return Ok(());
                }
                Err(error) => log::warn!("a hand-over failed: {error}"),
            }
        }
        Ok(())
    }

    /// Whether another process goes on in this one's stead.
    fn hand_over(&self, mut stream: UnixStream, stop: &UnixStream) -> io::Result<bool> {
        if !is_of_us(&stream)? {
            return Ok(false);
        }
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let [high, low] = u16::try_from(self.listeners.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        stream.write_all(&[VERSION, high, low])?;
        for listener in &self.listeners {
            send_socket(&stream, listener)?;
        }
        // It may take its time to begin. When it ends before that, this comes back too.
        if !wait_for(&stream, stop)? {
            return Ok(false);
        }
        let mut word = [0];
        // At its end nothing comes, and the word stays what it is.
        let _ = stream.read(&mut word)?;
        let has_offer = word_is(word, Word::BegunAndOffers);
        let has_begun = has_offer || word_is(word, Word::Begun);
        if has_begun {
            self.is_elsewhere.store(true, Ordering::Release);
            if !has_offer {
                // Nobody answers there any more.
                let _ = std::fs::remove_file(&self.path);
            }
        }
        Ok(has_begun)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // What is not there any more is as well.
        if !self.is_published {
            let _ = std::fs::remove_file(&self.draft);
        } else if !self.is_elsewhere.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn word_is(received: [u8; 1], word: Word) -> bool {
    received == [word as u8]
}

/// Waits until there is something to read; no, when `stop` has closed.
fn wait_for(source: &impl AsFd, stop: &UnixStream) -> io::Result<bool> {
    loop {
        let mut sources = [
            PollFd::new(source, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        match poll(&mut sources, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [source, stop] = sources.map(|source| !source.revents().is_empty());
        if stop || source {
            return Ok(!stop);
        }
    }
}

/// Whether the process at the other end is one of the same user, or of root.
#[cfg(target_os = "linux")]
fn is_of_us(stream: &UnixStream) -> io::Result<bool> {
    let other = rustix::net::sockopt::socket_peercred(stream)?.uid;
    let own = rustix::process::geteuid();
    Ok(own.is_root() || other.is_root() || other == own)
}

/// The path's permissions have to do.
#[cfg(not(target_os = "linux"))]
fn is_of_us(_: &UnixStream) -> io::Result<bool> {
    Ok(true)
}

fn send_socket(stream: &UnixStream, socket: &OwnedFd) -> io::Result<()> {
    let sockets = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let bytes = [IoSlice::new(&[0])];
    rustix::net::sendmsg(stream, &bytes, &mut control, SendFlags::empty())?;
    Ok(())
}

fn receive_socket(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    rustix::net::recvmsg(stream, &mut bytes, &mut control, flags)?;
    let mut sockets = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => sockets.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    sockets
        .next()
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
