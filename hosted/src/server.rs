//! A server: an address, and reactors that share it.

use std::io;
use std::sync::Arc;
use std::thread;

use kinglet_core::Application;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::listener::{Listener, Sharing};
use crate::poller::{self, Poller};
use crate::reactor::{Dealing, Place, Reactor};
use crate::remote::{Handle, Mailbox, Name};
use crate::{Address, Options};

/// A server that listens, and serves once it is [`run`](Self::run).
#[derive(Debug)]
pub struct Server {
    options: Options,
    listeners: Vec<Listener>,
    dealing: Dealing,
    pollers: Vec<Box<dyn Poller + Send>>,
    handle: Handle,
    local_address: Address,
}

impl Server {
    /// Listens on `address`. Connections wait in the kernel until the server runs.
    ///
    /// Where the kernel balances, each thread has a listener of its own; else the first thread accepts
    /// and deals connections out to the others.
    ///
    /// # Errors
    ///
    /// The address is in use or not ours, or the system refuses what a reactor needs.
    pub fn bind(address: &Address, options: Options) -> io::Result<Self> {
        let threads = options.threads.get();
        if threads > Name::MAX_THREADS {
            let text = format!("at most {} threads", Name::MAX_THREADS);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let balanced = threads > 1 && Sharing::is_balanced(address);
        let sharing = if balanced {
            Sharing::Shared
        } else {
            Sharing::Alone
        };
        if balanced {
            Listener::check_unused(address).map_err(|error| cannot_listen(address, &error))?;
        }
        let first = Listener::bind(address, options.backlog, sharing)
            .map_err(|error| cannot_listen(address, &error))?;
        let local_address = first.local_address()?;
        let mut listeners = vec![first];
        while balanced && listeners.len() < threads {
            listeners.push(Listener::bind(&local_address, options.backlog, sharing)?);
        }
        let mut pollers = Vec::new();
        let mut mailboxes = Vec::new();
        for _ in 0..threads {
            let (poller, wake) = poller::new(options.backend)?;
            pollers.push(poller);
            mailboxes.push(Mailbox::new(wake));
        }
        let handle = Handle {
            mailboxes: mailboxes.into(),
            counts: Arc::default(),
        };
        let dealing = if balanced || threads == 1 {
            Dealing::Kept
        } else {
            Dealing::Dealt
        };
        Ok(Self {
            options,
            listeners,
            dealing,
            pollers,
            handle,
            local_address,
        })
    }

    /// The address it listens on, with the port that the system chose.
    #[must_use]
    pub const fn local_address(&self) -> &Address {
        &self.local_address
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Drains the server on the first SIGINT or SIGTERM; a second one ends the process at once.
    ///
    /// # Errors
    ///
    /// The system refuses the handlers or the thread that waits for them.
    pub fn drain_on_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let handle = self.handle();
        thread::Builder::new()
            .name(String::from("kinglet-signals"))
            .spawn(move || {
                let mut is_draining = false;
                for signal in signals.forever() {
                    if is_draining {
                        // 128 and the signal's number is what a shell makes of such an end.
                        std::process::exit(128 + signal);
                    }
                    is_draining = true;
                    log::info!("draining");
                    handle.drain();
                }
            })?;
        Ok(())
    }

    /// Serves until it is [drained](Handle::drain). `make` makes the application of each thread, on
    /// that thread; this one is thread 0.
    ///
    /// # Errors
    ///
    /// A reactor's poller or listener fails, or a thread cannot be started. The others are drained
    /// then.
    ///
    /// # Panics
    ///
    /// A panic of the application ends its thread and the connections of that; it comes out of here
    /// when the other threads have been drained.
    pub fn run<A, F>(self, make: F) -> io::Result<()>
    where
        A: Application,
        F: Fn(usize) -> A + Sync,
    {
        let Self {
            options,
            listeners,
            dealing,
            pollers,
            handle,
            ..
        } = self;
        let addresses = Arc::default();
        let mut listeners = listeners.into_iter();
        let mut places = pollers
            .into_iter()
            .enumerate()
            .map(|(thread, poller)| Place {
                addresses: Arc::clone(&addresses),
                thread,
                poller,
                mailboxes: Arc::clone(&handle.mailboxes),
                counts: Arc::clone(&handle.counts),
                listener: listeners.next(),
            });
        let serve = |place: Place| {
            // However this one ends, by a panic of the application too, the others end with it.
            let _guard = DrainOnDrop(&handle);
            Reactor::new(make(place.thread), &options, place).run(dealing)
        };
        let first = places.next();
        thread::scope(|scope| {
            let mut others = Vec::new();
            for place in places {
                let name = format!("kinglet-{}", place.thread);
                let serve = &serve;
                match thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, move || serve(place))
                {
                    Ok(thread) => others.push(thread),
                    Err(error) => {
                        handle.drain();
                        return Err(error);
                    }
                }
            }
            let mut result = first.map_or(Ok(()), serve);
            for thread in others {
                let other = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(other);
            }
            result
        })
    }
}

/// Drains the server when a reactor's thread ends.
struct DrainOnDrop<'h>(&'h Handle);

impl Drop for DrainOnDrop<'_> {
    fn drop(&mut self) {
        self.0.drain();
    }
}

/// The error of an address, with the address.
fn cannot_listen(address: &Address, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}
