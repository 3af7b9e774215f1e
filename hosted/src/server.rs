//! A server: an address, and reactors that share it.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use listenfd::ListenFd;

use kinglet_core::Application;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::hand_over::{Offer, Predecessor, Word};
use crate::listener::{Dealing, Listener, Sharing};
use crate::poller::{self, Poller};
use crate::reactor::{Place, Reactor};
use crate::remote::{Handle, Mailbox, Name};
use crate::{Address, Options};

/// A server that listens, and serves once it is [`run`](Self::run).
#[derive(Debug)]
pub struct Server {
    options: Options,
    /// Each with the thread that it is for.
    listeners: Vec<(usize, Listener)>,
    pollers: Vec<Box<dyn Poller + Send>>,
    handle: Handle,
    /// One for each address; not empty.
    local_addresses: Vec<Address>,
    relief: Relief,
}

/// Whom this server relieves, and who may relieve it.
#[derive(Debug, Default)]
struct Relief {
    predecessor: Option<Predecessor>,
    offer: Option<Offer>,
    /// Whether it is another process that goes on with the listeners.
    is_elsewhere: Arc<AtomicBool>,
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
        Self::bind_all(core::slice::from_ref(address), options)
    }

    /// The same on several addresses, for the same application.
    ///
    /// # Errors
    ///
    /// As of [`bind`](Self::bind), and when there is no address.
    pub fn bind_all(addresses: &[Address], options: Options) -> io::Result<Self> {
        check_threads(&options)?;
        let threads = options.threads.get();
        let mut listeners = Vec::new();
        for address in addresses {
            let balanced = threads > 1 && Sharing::is_balanced(address);
            let sharing = if balanced {
                Sharing::Shared
            } else {
                Sharing::Alone
            };
            if balanced {
                Listener::check_unused(address).map_err(|error| cannot_listen(address, &error))?;
            }
            let listener = Listener::bind(address, options.backlog, sharing)
                .map_err(|error| cannot_listen(address, &error))?;
            listeners.push(listener);
        }
        Self::with_listeners(listeners, options)
    }

    /// Serves on sockets that listen already, such as a [`TcpListener`](std::net::TcpListener). The path
    /// of a Unix socket is not removed.
    ///
    /// # Errors
    ///
    /// There is none, one does not listen, or the system refuses what a reactor needs.
    pub fn from_listeners<I>(sockets: I, options: Options) -> io::Result<Self>
    where
        I: IntoIterator<Item: Into<OwnedFd>>,
    {
        check_threads(&options)?;
        let listeners = sockets
            .into_iter()
            .map(|socket| Ok(Listener::from_socket(socket.into())?.without_path()))
            .collect::<io::Result<_>>()?;
        Self::with_listeners(listeners, options)
    }

    /// Serves on the sockets that the service manager has made for this process: systemd's socket
    /// activation, with `LISTEN_FDS` and `LISTEN_PID`. `None` where it has made none.
    ///
    /// # Errors
    ///
    /// As of [`from_listeners`](Self::from_listeners).
    pub fn from_service_manager(options: Options) -> io::Result<Option<Self>> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for at in 0..passed.len() {
            let tcp = passed
                .take_tcp_listener(at)
                .map(|tcp| tcp.map(OwnedFd::from));
            let socket = match tcp {
                Ok(socket) => socket,
                Err(_) => passed.take_unix_listener(at)?.map(OwnedFd::from),
            };
            sockets.extend(socket);
        }
        if sockets.is_empty() {
            return Ok(None);
        }
        Self::from_listeners(sockets, options).map(Some)
    }

    /// Goes on in the stead of the server, in another process, that
    /// [offers this](Self::offer_hand_over) at `path`: it has the same sockets, and so the same
    /// addresses, and no connection is refused. `None` where nobody offers it.
    ///
    /// The other one serves on until this one [runs](Self::run) on every thread, and drains then.
    ///
    /// # Errors
    ///
    /// The other process belongs to another user or does not answer, or the system refuses what a
    /// reactor needs.
    pub fn take_over(path: impl AsRef<Path>, options: Options) -> io::Result<Option<Self>> {
        check_threads(&options)?;
        let Some((predecessor, sockets)) = Predecessor::ask(path.as_ref())? else {
            return Ok(None);
        };
        // Should this come to nothing, it is the other process that goes on.
        let is_elsewhere = Arc::new(AtomicBool::new(true));
        let listeners = sockets
            .into_iter()
            .map(|socket| {
                let mut listener = Listener::from_socket(socket)?;
                listener.share(&is_elsewhere);
                Ok(listener)
            })
            .collect::<io::Result<_>>()?;
        let mut server = Self::with_listeners(listeners, options)?;
        server.relief = Relief {
            predecessor: Some(predecessor),
            offer: None,
            is_elsewhere,
        };
        Ok(Some(server))
    }

    /// Offers the listeners to a process that [takes over](Self::take_over) at `path`, a Unix socket that
    /// only this user and root can use. When the other one serves, this one drains.
    ///
    /// The offer stands while the server runs. It takes the place of that of the process that this one
    /// has taken over from.
    ///
    /// # Errors
    ///
    /// The path cannot be used, or another process offers something there.
    pub fn offer_hand_over(&mut self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let relief = &mut self.relief;
        if relief.predecessor.is_none() && UnixStream::connect(path).is_ok() {
            let text = format!("another process offers a hand-over at {}", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        let sockets = self.listeners.iter();
        let sockets = sockets.map(|(_, listener)| listener.try_clone());
        let sockets = sockets.collect::<io::Result<_>>()?;
        let is_elsewhere = Arc::clone(&relief.is_elsewhere);
        relief.offer = Some(Offer::new(path, sockets, is_elsewhere)?);
        for (_, listener) in &mut self.listeners {
            listener.share(&relief.is_elsewhere);
        }
        Ok(())
    }

    /// Gives each listener a thread. Of those that can share their address, each thread gets one at
    /// least; what others accept is dealt out.
    fn with_listeners(listeners: Vec<Listener>, options: Options) -> io::Result<Self> {
        let threads = options.threads.get();
        let mut local_addresses: Vec<Address> = Vec::new();
        let mut placed = Vec::new();
        let mut groups: Vec<Vec<Listener>> = Vec::new();
        for listener in listeners {
            let address = listener.local_address()?;
            let known = local_addresses.iter().position(|known| *known == address);
            match known.and_then(|at| groups.get_mut(at)) {
                Some(group) => group.push(listener),
                None => {
                    local_addresses.push(address);
                    groups.push(vec![listener]);
                }
            }
        }
        for (mut group, address) in groups.into_iter().zip(&local_addresses) {
            let is_shared = threads > 1 && group.iter().all(Listener::is_shared);
            while is_shared && group.len() < threads {
                group.push(Listener::bind(address, options.backlog, Sharing::Shared)?);
            }
            for (at, mut listener) in group.into_iter().enumerate() {
                listener.dealing = if is_shared || threads == 1 {
                    Dealing::Kept
                } else {
                    Dealing::Dealt
                };
                placed.push((at % threads, listener));
            }
        }
        if placed.is_empty() {
            let text = "there is nothing to listen on";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
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
            until_drain: Arc::default(),
        };
        Ok(Self {
            options,
            listeners: placed,
            pollers,
            handle,
            local_addresses,
            relief: Relief::default(),
        })
    }

    /// The address it listens on, with the port that the system chose; the first of several.
    #[must_use]
    pub fn local_address(&self) -> &Address {
        &self.local_addresses[0]
    }

    /// All addresses it listens on.
    #[must_use]
    pub fn local_addresses(&self) -> &[Address] {
        &self.local_addresses
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

    /// Calls `reload` on each SIGHUP, on a thread of its own: such as to read the configuration anew and
    /// [`Handle::reconfigure`] the server.
    ///
    /// # Errors
    ///
    /// The system refuses the handler or the thread that waits for it.
    pub fn reload_on_signal(
        &self,
        mut reload: impl FnMut(&Handle) + Send + 'static,
    ) -> io::Result<()> {
        let mut signals = Signals::new([SIGHUP])?;
        let handle = self.handle();
        thread::Builder::new()
            .name(String::from("kinglet-reload"))
            .spawn(move || {
                for _ in signals.forever() {
                    log::info!("reloading");
                    reload(&handle);
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
            mut listeners,
            pollers,
            handle,
            relief,
            ..
        } = self;
        let threads = pollers.len();
        let addresses = Arc::default();
        let is_dealer = |thread: usize| {
            let mut own = listeners.iter().filter(|(at, _)| *at == thread);
            own.any(|(_, listener)| listener.dealing == Dealing::Dealt)
        };
        let dealers = (0..threads).filter(|&thread| is_dealer(thread)).count();
        let dealers = Arc::new(AtomicUsize::new(dealers));
        let relief = Mutex::new(Some(relief));
        let offering = Mutex::new(None);
        let begun = AtomicUsize::new(0);
        let mut places = pollers
            .into_iter()
            .enumerate()
            .map(|(thread, poller)| Place {
                addresses: Arc::clone(&addresses),
                dealers: Arc::clone(&dealers),
                thread,
                poller,
                mailboxes: Arc::clone(&handle.mailboxes),
                counts: Arc::clone(&handle.counts),
                listeners: listeners
                    .extract_if(.., |(at, _)| *at == thread)
                    .map(|(_, listener)| listener)
                    .collect(),
            });
        let serve = |place: Place| {
            // However this one ends, by a panic of the application too, the others end with it.
            let _guard = DrainOnDrop(&handle);
            let mut reactor = Reactor::new(make(place.thread), &options, place);
            if begun.fetch_add(1, Ordering::AcqRel) + 1 == threads {
                // All have begun, and this one has come last.
                let relief = lock(&relief).take().unwrap_or_default();
                *lock(&offering) = relief.begin(&handle)?;
            }
            reactor.run()
        };
        let first = places.next();
        let result = thread::scope(|scope| {
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
        });
        let offering = lock(&offering).take();
        if let Some(Err(panic)) = offering.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        result
    }
}

impl Relief {
    /// Tells the process before this one that its time is over, and answers the next. Answers the thread
    /// that does that.
    fn begin(self, handle: &Handle) -> io::Result<Option<JoinHandle<()>>> {
        let mut word = Word::Begun;
        let mut offering = None;
        self.is_elsewhere.store(false, Ordering::Release);
        if let Some(offer) = self.offer {
            let (stop, until_drain) = UnixStream::pair()?;
            offering = Some(offer.publish(handle.clone(), stop)?);
            *lock(&handle.until_drain) = Some(until_drain);
            word = Word::BegunAndOffers;
        }
        if let Some(predecessor) = self.predecessor
            && let Err(error) = predecessor.dismiss(word)
        {
            log::warn!("the process before this one is gone: {error}");
        }
        Ok(offering)
    }
}

/// The value of a lock that nothing is done under that could fail half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_threads(options: &Options) -> io::Result<()> {
    if options.threads.get() > Name::MAX_THREADS {
        let text = format!("at most {} threads", Name::MAX_THREADS);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
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
