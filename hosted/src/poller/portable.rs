//! The `polling` crate: epoll, kqueue, event ports and others behind one interface.

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use polling::{Events, PollMode};

use super::{Event, Interest, MAX_EVENTS, Poller, Readiness, Wake};

#[derive(Debug)]
struct Portable {
    poller: Arc<polling::Poller>,
    events: Events,
}

pub(super) fn new() -> io::Result<(Box<dyn Poller + Send>, Arc<dyn Wake>)> {
    let poller = Arc::new(polling::Poller::new()?);
    let capacity = NonZeroUsize::new(MAX_EVENTS).unwrap_or(NonZeroUsize::MIN);
    let events = Events::with_capacity(capacity);
    let wake = Arc::clone(&poller) as Arc<dyn Wake>;
    Ok((Box::new(Portable { poller, events }), wake))
}

impl Poller for Portable {
    #[expect(
        unsafe_code,
        reason = "polling asks its caller to remove a socket before closing it"
    )]
    fn add(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        // SAFETY: a reactor removes every socket before it closes it, and the poller is dropped
        // together with the table that owns them: that is the contract of `Poller::add`.
        unsafe {
            self.poller
                .add_with_mode(socket.as_raw_fd(), event(key, interest), PollMode::Level)
        }
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        self.poller
            .modify_with_mode(socket, event(key, interest), PollMode::Level)
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(socket)
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        events.clear();
        match self.poller.wait(&mut self.events, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        events.extend(self.events.iter().map(|event| {
            let closed = event.is_interrupt() || event.is_err() == Some(true);
            let readiness = if closed {
                Readiness::Closed
            } else {
                Readiness::Ready
            };
            Event {
                key: event.key,
                readiness,
            }
        }));
        Ok(())
    }
}

impl Wake for polling::Poller {
    fn wake(&self) -> io::Result<()> {
        self.notify()
    }
}

const fn event(key: usize, interest: Interest) -> polling::Event {
    match interest {
        Interest::None => polling::Event::none(key),
        Interest::Read | Interest::Lazy => polling::Event::readable(key),
        Interest::Write => polling::Event::writable(key),
        Interest::Both => polling::Event::all(key),
    }
}
