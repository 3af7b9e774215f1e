//! The connections of one thread to other servers, idle and at work, and what the reactor does for them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use kinglet_core::Instant;
use kinglet_core::http::Ticket;
use kinglet_core::http::client::Request;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, sockopt};

use super::exchange::SendError;
use super::upstream::{Shared, Upstream};
use super::{ClientOptions, Destination, DestinationId, Name};
use crate::Address;
use crate::listener::stream_socket;
use crate::poller::Poller;
use crate::table::Table;
use crate::tls::channel::Channel;
use crate::wheel::Wheel;

/// What a [`Client`](super::Client) and its reactor share.
#[derive(Debug)]
pub(crate) struct Pool {
    options: ClientOptions,
    destinations: Vec<Option<Known>>,
    upstreams: Table<Upstream>,
    shared: Shared,
    /// Connections that something was done with, and that the poller or the socket may have to be told.
    changed: Vec<u32>,
    /// Whom there is news for.
    news: Vec<Ticket>,
    /// Sockets that are to be closed when the poller has forgotten them.
    closing: Vec<OwnedFd>,
    wheel: Wheel,
    due: Vec<u32>,
    millis: u64,
}

/// A destination, and its connections that are idle: the last used is the first used again.
#[derive(Debug)]
struct Known {
    destination: Destination,
    idle: Vec<u32>,
}

impl Pool {
    pub(super) fn new(options: ClientOptions) -> Self {
        Self {
            options,
            destinations: Vec::new(),
            upstreams: Table::new(),
            shared: Shared::default(),
            changed: Vec::new(),
            news: Vec::new(),
            closing: Vec::new(),
            wheel: Wheel::new(),
            due: Vec::new(),
            millis: 0,
        }
    }

    pub(super) fn add(&mut self, destination: Destination) -> DestinationId {
        let known = Some(Known {
            destination,
            idle: Vec::new(),
        });
        let free = self.destinations.iter().position(Option::is_none);
        let index = free.unwrap_or(self.destinations.len());
        match self.destinations.get_mut(index) {
            Some(place) => *place = known,
            None => self.destinations.push(known),
        }
        DestinationId(index as u32)
    }

    pub(super) fn forget(&mut self, destination: DestinationId) {
        let known = self.destinations.get_mut(destination.0 as usize);
        for index in known
            .and_then(Option::take)
            .into_iter()
            .flat_map(|known| known.idle)
        {
            self.close(index);
        }
    }

    pub(super) fn idle(&self, destination: DestinationId) -> usize {
        let known = self.destinations.get(destination.0 as usize);
        known
            .and_then(Option::as_ref)
            .map_or(0, |known| known.idle.len())
    }

    /// The exchange of that name, if it is not over.
    pub(super) fn find(&mut self, name: Name) -> Option<(&mut Upstream, &ClientOptions)> {
        if self.upstreams.key(name.key.index) != name.key {
            return None;
        }
        let upstream = self.upstreams.get_mut(name.key.index)?;
        let is_it = upstream.exchange == name.exchange && upstream.ticket.is_some();
        is_it.then_some((upstream, &self.options))
    }

    /// Something was done with an exchange.
    pub(super) fn touch(&mut self, name: Name) {
        self.changed.push(name.key.index);
    }

    pub(super) fn send(
        &mut self,
        destination: DestinationId,
        request: &Request<'_>,
        ticket: Ticket,
    ) -> Result<Name, SendError> {
        let index = self.connection_to(destination)?;
        let begun = match self.upstreams.get_mut(index) {
            Some(upstream) => upstream
                .begin(request, ticket, &mut self.shared)
                .map_err(SendError::Request),
            None => Err(SendError::Unknown),
        };
        begun.inspect_err(|_| self.close(index))?;
        Ok(self.began(index))
    }

    pub(super) fn retry(
        &mut self,
        name: Name,
        destination: DestinationId,
        ticket: Ticket,
    ) -> Result<Name, SendError> {
        let (upstream, _) = self.find(name).ok_or(SendError::TooLate)?;
        let again = upstream.take_again().ok_or(SendError::TooLate)?;
        self.close(name.key.index);
        let index = self.connection_to(destination)?;
        if let Some(upstream) = self.upstreams.get_mut(index) {
            upstream.begin_again(again, ticket);
        }
        Ok(self.began(index))
    }

    fn began(&mut self, index: u32) -> Name {
        self.changed.push(index);
        let exchange = self.upstreams.get_mut(index).map_or(0, |upstream| {
            upstream.deadline = None;
            upstream.exchange
        });
        Name {
            key: self.upstreams.key(index),
            exchange,
        }
    }

    /// The application has dropped an exchange: where that is over, its connection may be used again.
    pub(super) fn give_up(&mut self, name: Name) {
        if let Some((upstream, _)) = self.find(name) {
            upstream.notes.is_given_up = true;
            self.changed.push(name.key.index);
        }
    }

    /// A connection that is idle, or a new one.
    fn connection_to(&mut self, destination: DestinationId) -> Result<u32, SendError> {
        let known = self.destinations.get_mut(destination.0 as usize);
        let known = known.and_then(Option::as_mut).ok_or(SendError::Unknown)?;
        if let Some(index) = known.idle.pop() {
            return Ok(index);
        }
        let Destination {
            address,
            tls,
            preamble,
        } = &known.destination;
        let channel = match tls {
            None => None,
            Some((config, name)) => {
                // The time it has is the pool's to keep.
                let until = Instant::from_millis(0);
                let channel = Channel::to_server(Arc::clone(config), name.clone(), until);
                Some(Box::new(channel.map_err(SendError::Tls)?))
            }
        };
        let socket = connect(address).map_err(SendError::Socket)?;
        let preamble = preamble.as_deref().unwrap_or_default();
        let upstream = Upstream::new(socket, destination, channel, preamble);
        self.upstreams.insert(upstream).ok_or(SendError::Unknown)
    }

    /// A socket is ready.
    pub(crate) fn on_event(&mut self, index: u32) {
        let Some(upstream) = self.upstreams.get_mut(index) else {
            return;
        };
        let is_news = upstream.on_ready(&self.options, &mut self.shared);
        match upstream.ticket {
            Some(ticket) if is_news => self.news.push(ticket),
            Some(_) => {}
            // Nothing was asked, so what came is an end, or as good as one.
            None if is_news => return self.close(index),
            None => {}
        }
        upstream.deadline = upstream.due(self.millis, &self.options);
        self.changed.push(index);
    }

    /// Who waits has waited for long enough.
    pub(crate) fn on_time(&mut self, millis: u64) {
        self.millis = millis;
        let mut due = core::mem::take(&mut self.due);
        self.wheel.advance(millis, &mut due);
        for &index in &due {
            let Some(upstream) = self.upstreams.get_mut(index) else {
                continue;
            };
            match (upstream.deadline, upstream.ticket) {
                (None, _) => {}
                (Some(at), _) if at > millis => self.wheel.set(index, at),
                (Some(_), None) => self.close(index),
                (Some(_), Some(ticket)) => {
                    if upstream.expire() {
                        self.news.push(ticket);
                    } else {
                        upstream.deadline = upstream.due(millis, &self.options);
                    }
                    self.changed.push(index);
                }
            }
        }
        self.due = due;
    }

    pub(crate) fn next_timeout(&self, millis: u64) -> Option<u64> {
        self.wheel.next(millis)
    }

    /// Whether there is anything for [`tend`](Self::tend) to do.
    pub(crate) fn is_quiet(&self) -> bool {
        self.changed.is_empty() && self.news.is_empty() && self.closing.is_empty()
    }

    /// Sends what was written, lets go of what is over, and has the poller watch for what comes next.
    /// The tickets of those that there is news for are moved into `news`.
    pub(crate) fn tend(
        &mut self,
        poller: &mut dyn Poller,
        key: impl Fn(u32) -> usize,
        news: &mut Vec<Ticket>,
    ) {
        let mut changed = core::mem::take(&mut self.changed);
        for index in changed.drain(..) {
            self.tend_one(index, poller, key(index));
        }
        self.changed = changed;
        for socket in self.closing.drain(..) {
            // A socket that the poller does not know is what is wanted.
            let _ = poller.remove(socket.as_fd());
        }
        news.append(&mut self.news);
    }

    fn tend_one(&mut self, index: u32, poller: &mut dyn Poller, key: usize) {
        let Some(upstream) = self.upstreams.get_mut(index) else {
            return;
        };
        if let Some(ticket) = upstream.ticket {
            if upstream.send(&self.options) {
                self.news.push(ticket);
            }
            if upstream.notes.is_over {
                self.release(index);
            } else if upstream.notes.is_given_up {
                return self.close(index);
            }
        }
        let Some(upstream) = self.upstreams.get_mut(index) else {
            return;
        };
        if upstream.has_failed() && upstream.ticket.is_none() {
            return self.close(index);
        }
        if upstream.has_failed() {
            // It is kept for its failure to be read, and is not watched any more.
            if upstream.watched.take().is_some() {
                let _ = poller.remove(upstream.socket.as_fd());
            }
            return;
        }
        let deadline = upstream.due(self.millis, &self.options);
        if upstream.deadline.is_none() {
            upstream.deadline = deadline;
        }
        if let Some(at) = upstream.deadline {
            self.wheel.set(index, at);
        }
        let interest = upstream.interest(&self.options);
        let socket = upstream.socket.as_fd();
        let result = match upstream.watched {
            Some(watched) if watched == interest => Ok(()),
            Some(_) => poller.modify(socket, key, interest),
            None => poller.add(socket, key, interest),
        };
        upstream.watched = Some(interest);
        if let Err(error) = result {
            log::error!("cannot watch a connection to a server: {error}");
            self.close(index);
        }
    }

    /// An exchange is over: its connection is idle, or closed where no other may follow.
    fn release(&mut self, index: u32) {
        let Some(upstream) = self.upstreams.get_mut(index) else {
            return;
        };
        let may_rest = upstream.rest(&mut self.shared);
        upstream.deadline = None;
        let known = self.destinations.get_mut(upstream.destination.0 as usize);
        match known.and_then(Option::as_mut) {
            Some(known) if may_rest && known.idle.len() < self.options.max_idle => {
                known.idle.push(index);
            }
            _ => self.close(index),
        }
    }

    fn close(&mut self, index: u32) {
        self.wheel.clear(index);
        let Some(upstream) = self.upstreams.remove(index) else {
            return;
        };
        if upstream.ticket.is_none()
            && let Some(Some(known)) = self.destinations.get_mut(upstream.destination.0 as usize)
        {
            known.idle.retain(|&idle| idle != index);
        }
        self.closing.push(upstream.socket);
    }
}

/// A socket that is being connected.
fn connect(address: &Address) -> io::Result<OwnedFd> {
    let (socket, result) = match address {
        Address::Tcp(address) => {
            let family = if address.is_ipv4() {
                AddressFamily::INET
            } else {
                AddressFamily::INET6
            };
            let socket = stream_socket(family)?;
            sockopt::set_tcp_nodelay(&socket, true)?;
            let result = rustix::net::connect(&socket, address);
            (socket, result)
        }
        Address::Unix(path) => {
            let socket = stream_socket(AddressFamily::UNIX)?;
            let result = rustix::net::connect(&socket, &SocketAddrUnix::new(path)?);
            (socket, result)
        }
    };
    match result {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
