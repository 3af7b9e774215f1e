//! Who is on the other side of a connection: a table beside that of the connections.
//!
//! Most turns need none of it, so it is kept apart from them, one entry for each index of the table
//! of connections. An entry bears the generation of its connection, and answers for no other.

use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use kinglet_core::Context;

use crate::remote::Name;

/// The other side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its address; `None` on a Unix socket. An IPv4 address that came over an IPv6 socket is shown
    /// as what it is.
    pub address: Option<SocketAddr>,
}

/// The other side of the connection whose turn it is.
///
/// ```
/// # use kinglet_core::http::{Handled, Reply, Request, Status};
/// fn whoami(reply: Reply<'_>) -> Handled {
///     let peer = kinglet_hosted::peer(reply.context());
///     let address = peer.and_then(|peer| peer.address);
///     let text = address.map_or(String::from("a local socket"), |address| address.to_string());
///     reply.send(Status::OK, &[], text.as_bytes())
/// }
/// ```
///
/// `None` where `context` is not the one that a reactor of this thread lends: on another thread, under
/// another driver, or in one kept from a connection that is closed.
#[must_use]
pub fn peer(context: &Context) -> Option<Peer> {
    PEERS.with_borrow(|peers| peers.get(Name::from_u64(context.connection)))
}

/// An address in 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    scope_id: u32,
    port: u16,
    kind: Kind,
    counting: Counting,
    ip: [u8; 16],
}

/// Whether a connection is one of those that are counted for its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    Exempt,
    Counted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    V4,
    V6,
}

/// The peers of one reactor.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    thread: usize,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// As far as a [`Name`] tells generations apart.
    generation: u32,
    address: Packed,
}

thread_local! {
    /// Those of the reactor that runs on this thread.
    static PEERS: RefCell<Peers> = const { RefCell::new(Peers::new(usize::MAX)) };
}

/// The time during which a reactor runs on this thread; then it is the one before it.
#[derive(Debug)]
pub(crate) struct Running(Peers);

/// Makes room for the peers of a reactor that is about to run on this thread.
pub(crate) fn run(thread: usize) -> Running {
    Running(PEERS.replace(Peers::new(thread)))
}

impl Drop for Running {
    fn drop(&mut self) {
        PEERS.set(core::mem::take(&mut self.0));
    }
}

/// Takes note of who is on the other side of a connection.
pub(crate) fn set(name: Name, address: Packed) {
    PEERS.with_borrow_mut(|peers| peers.set(name, address));
}

/// Forgets a connection that is closed; who was on its other side.
pub(crate) fn take(name: Name) -> Option<Packed> {
    PEERS.with_borrow_mut(|peers| {
        let address = peers.entry(name)?.address;
        peers.entries[name.key.index as usize] = Entry::FREE;
        Some(address)
    })
}

impl Entry {
    const FREE: Self = Self {
        // No generation of a name is as high as this.
        generation: u32::MAX,
        address: Packed::NONE,
    };
}

impl Peers {
    const fn new(thread: usize) -> Self {
        Self {
            thread,
            entries: Vec::new(),
        }
    }

    fn set(&mut self, name: Name, address: Packed) {
        let index = name.key.index as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entry::FREE);
        }
        self.entries[index] = Entry {
            generation: Name::from_u64(name.to_u64()).key.generation,
            address,
        };
    }

    fn entry(&self, name: Name) -> Option<&Entry> {
        let entry = self.entries.get(name.key.index as usize)?;
        let generation = Name::from_u64(name.to_u64()).key.generation;
        (name.thread == self.thread && entry.generation == generation).then_some(entry)
    }

    fn get(&self, name: Name) -> Option<Peer> {
        let address = self.entry(name)?.address;
        Some(Peer {
            address: address.unpack(),
        })
    }
}

impl Packed {
    /// No address: a Unix socket.
    pub(crate) const NONE: Self = Self {
        scope_id: 0,
        port: 0,
        kind: Kind::None,
        counting: Counting::Exempt,
        ip: [0; 16],
    };

    /// The same, of a connection that is counted.
    pub(crate) const fn counted(mut self) -> Self {
        self.counting = Counting::Counted;
        self
    }

    pub(crate) const fn is_counted(self) -> bool {
        matches!(self.counting, Counting::Counted)
    }

    pub(crate) fn unpack(self) -> Option<SocketAddr> {
        let [a, b, c, d, ..] = self.ip;
        match self.kind {
            Kind::None => None,
            Kind::V4 => {
                let ip = Ipv4Addr::new(a, b, c, d);
                Some(SocketAddr::V4(SocketAddrV4::new(ip, self.port)))
            }
            Kind::V6 => {
                let ip = Ipv6Addr::from(self.ip);
                let address = SocketAddrV6::new(ip, self.port, 0, self.scope_id);
                Some(SocketAddr::V6(address))
            }
        }
    }
}

impl From<SocketAddr> for Packed {
    fn from(address: SocketAddr) -> Self {
        let (kind, ip) = match address.ip().to_canonical() {
            IpAddr::V4(v4) => {
                let mut ip = [0; 16];
                ip[..4].copy_from_slice(&v4.octets());
                (Kind::V4, ip)
            }
            IpAddr::V6(v6) => (Kind::V6, v6.octets()),
        };
        let scope_id = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        Self {
            scope_id,
            port: address.port(),
            kind,
            counting: Counting::Exempt,
            ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use kinglet_core::{Limits, Stamp};

    use super::*;
    use crate::table::Key;

    fn name(thread: usize, index: u32, generation: u32) -> Name {
        let key = Key { index, generation };
        Name { thread, key }
    }

    fn context(name: Name) -> Context {
        let mut context = Context::new(Limits::SERVER, Stamp::EMPTY);
        context.connection = name.to_u64();
        context
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 28, "{}", size_of::<Entry>());
    }

    #[test]
    fn an_address_comes_back_as_it_was() {
        for (text, shown) in [
            ("192.0.2.7:8080", "192.0.2.7:8080"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("[fe80::1%3]:443", "[fe80::1%3]:443"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7:80"),
        ] {
            let address: SocketAddr = text.parse().unwrap();
            let address = Packed::from(address).unpack().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        assert_eq!(Packed::NONE.unpack(), None);
    }

    #[test]
    fn a_peer_is_found_under_its_own_name_only() {
        let running = run(3);
        let address: SocketAddr = "192.0.2.7:8080".parse().unwrap();
        set(name(3, 5, 0x0100_0007), address.into());
        set(name(3, 6, 1), Packed::NONE);
        let found = |name| peer(&context(name));
        assert_eq!(
            found(name(3, 5, 7)).and_then(|peer| peer.address),
            Some(address)
        );
        assert_eq!(found(name(3, 6, 1)).map(|peer| peer.address), Some(None));
        for other in [name(3, 5, 8), name(2, 5, 7), name(3, 4, 0), name(3, 9, 0)] {
            assert_eq!(found(other), None);
        }
        drop(running);
        assert_eq!(found(name(3, 5, 7)), None);
    }
}
