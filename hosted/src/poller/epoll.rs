//! Linux's epoll, with one system call a wait.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use super::{Event, Interest, MAX_EVENTS, Poller, Readiness, Wake};

#[derive(Debug)]
struct Epoll {
    epoll: OwnedFd,
    wake: Arc<Eventfd>,
}

/// A counter that is readable while it is not zero.
#[derive(Debug)]
struct Eventfd(OwnedFd);

/// The key of the [`Eventfd`].
const WAKE: u64 = u64::MAX;

pub(super) fn new() -> io::Result<(Box<dyn Poller + Send>, Arc<dyn Wake>)> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let wake = Arc::new(Eventfd(eventfd(
        0,
        EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
    )?));
    epoll::add(
        &epoll,
        wake.0.as_fd(),
        EventData::new_u64(WAKE),
        EventFlags::IN,
    )?;
    Ok((
        Box::new(Epoll {
            epoll,
            wake: Arc::clone(&wake),
        }),
        wake,
    ))
}

impl Poller for Epoll {
    fn add(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(key as u64),
            flags(interest),
        )?)
    }

    fn modify(&mut self, socket: BorrowedFd<'_>, key: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            EventData::new_u64(key as u64),
            flags(interest),
        )?)
    }

    fn remove(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    fn wait(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        events.clear();
        let mut ready = [const { MaybeUninit::uninit() }; MAX_EVENTS];
        let (ready, _) = match epoll::wait(&self.epoll, &mut ready, timeout.as_ref()) {
            Ok(ready) => ready,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in ready {
            let flags = event.flags;
            let key = event.data.u64();
            if key == WAKE {
                self.wake.clear();
                continue;
            }
            let closed = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            let readiness = if closed {
                Readiness::Closed
            } else {
                Readiness::Ready
            };
            events.push(Event {
                key: usize::try_from(key).unwrap_or(usize::MAX),
                readiness,
            });
        }
        Ok(())
    }
}

impl Eventfd {
    fn clear(&self) {
        // It is not blocking, and a count of zero is what is wanted.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl Wake for Eventfd {
    fn wake(&self) -> io::Result<()> {
        rustix::io::write(&self.0, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

const fn flags(interest: Interest) -> EventFlags {
    match interest {
        // Reported once, since it stays.
        Interest::None => EventFlags::RDHUP.union(EventFlags::ONESHOT),
        Interest::Read | Interest::Lazy => EventFlags::IN,
        Interest::Write => EventFlags::OUT,
        Interest::Both => EventFlags::IN.union(EventFlags::OUT),
    }
}
