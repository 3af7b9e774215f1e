//! A device that serves and a host full of clients, each with its own TCP stack.

use kinglet_core::{Application, Limits, Stamp};
use kinglet_embedded::codecs::Pool;
use kinglet_embedded::tcp::Server;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use super::cable::{End, cable};

pub(crate) const MAX_SOCKETS: usize = 32;
pub(crate) const WINDOW: usize = 512;

pub(crate) type Codecs = Pool<2, 1024, 512>;

/// Everything there is, and what time it is.
pub(crate) struct Lab<A: Application> {
    pub(crate) now: Instant,
    pub(crate) cable: End,
    pub(crate) application: A,
    pub(crate) server: Server<A::Exchange, MAX_SOCKETS, WINDOW, Codecs>,
    pub(crate) device: Host,
    pub(crate) clients: Host,
    pub(crate) limits: Limits,
    /// How often everybody was asked what there is to do.
    pub(crate) steps: u64,
    next_port: u16,
}

/// A TCP stack at one end of the cable.
pub(crate) struct Host {
    pub(crate) interface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    end: End,
}

/// How a lab is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) sockets: usize,
    /// Bytes of each ring of the device.
    pub(crate) ring: usize,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    pub(crate) start: Instant,
    pub ipv6: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            sockets: 4,
            ring: 1024,
            limits: Limits::MICROCONTROLLER,
            seed: 7,
            start: Instant::from_millis(1000),
            ipv6: false,
        }
    }
}

impl Host {
    fn new(end: End, number: u8, now: Instant) -> Self {
        let address = EthernetAddress([2, 0, 0, 0, 0, number]);
        let mut config = Config::new(HardwareAddress::Ethernet(address));
        config.random_seed = u64::from(number) * 0x9e37_79b9;
        let mut end = end;
        let mut interface = Interface::new(config, &mut end, now);
        interface.update_ip_addrs(|addresses| {
            let v4 = IpCidr::new(IpAddress::v4(192, 0, 2, number), 24);
            let v6 = IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, number.into());
            addresses.push(v4).unwrap();
            addresses.push(IpCidr::new(v6, 64)).unwrap();
        });
        Self {
            interface,
            sockets: SocketSet::new(vec![]),
            end,
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.end, &mut self.sockets);
    }

    fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }

    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

fn socket(ring: usize) -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; ring]);
    Socket::new(buffer(), buffer())
}

impl<A: Application> Lab<A> {
    pub(crate) fn new(application: A, setup: &Setup) -> Self {
        let [near, far] = cable(setup.seed);
        let mut device = Host::new(near.clone(), 1, setup.start);
        let limits = setup.limits.clone();
        let mut server = Server::new(80, limits, Stamp::new("lab"), Codecs::new());
        for _ in 0..setup.sockets {
            let handle = device.sockets.add(socket(setup.ring));
            server.add(handle).expect("room for it");
        }
        Self {
            now: setup.start,
            cable: near,
            application,
            server,
            device,
            clients: Host::new(far, 2, setup.start),
            limits: setup.limits.clone(),
            steps: 0,
            next_port: 40_000,
        }
    }

    /// A client that connects over IPv4.
    pub(crate) fn connect(&mut self) -> SocketHandle {
        self.connect_to(IpAddress::v4(192, 0, 2, 1))
    }

    pub(crate) fn connect_to(&mut self, address: IpAddress) -> SocketHandle {
        self.connect_with(64 * 1024, address)
    }

    /// A client with rings of its own choice.
    pub(crate) fn connect_with(&mut self, ring: usize, address: IpAddress) -> SocketHandle {
        let mut socket = socket(ring);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        let handle = self.clients.sockets.add(socket);
        self.next_port = self.next_port.checked_add(1).unwrap_or(40_000);
        let port = self.next_port;
        let context = self.clients.interface.context();
        let socket = self.clients.sockets.get_mut::<Socket<'_>>(handle);
        socket
            .connect(context, (address, 80), port)
            .expect("a closed socket");
        handle
    }

    /// A client is there no more, whatever comes for it.
    pub(crate) fn forget(&mut self, client: SocketHandle) {
        self.clients.sockets.remove(client);
    }

    /// Lets both hosts do what they can now, and moves on to when there is more to do, but not past
    /// `until`. Answers whether there is more.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        self.steps += 1;
        self.device.poll(self.now);
        let delay = self
            .server
            .poll(&mut self.application, self.now, &mut self.device.sockets);
        self.device.poll(self.now);
        self.clients.poll(self.now);
        let served = delay.map(|delay| self.now + delay);
        let device = self.device.poll_at(self.now);
        let clients = self.clients.poll_at(self.now);
        let due = [served, device, clients, self.cable.next()];
        match due.into_iter().flatten().min() {
            Some(at) if at <= until => {
                // A millisecond at least, so that nothing can stand still.
                self.now = at.max(self.now + Duration::from_millis(1));
                true
            }
            _ => false,
        }
    }

    /// Lets `duration` pass.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) && self.now < until {}
        self.now = until;
        self.step(until);
    }

    /// Goes on until `done`, for `seconds` at most. Answers whether it came to that.
    pub(crate) fn run(&mut self, seconds: u64, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            if done(self) {
                return true;
            }
            if self.now > until {
                return false;
            }
            if !self.step(until) {
                self.now += Duration::from_millis(1);
            }
        }
    }

    /// Sends `bytes` as they are taken, and receives until `is_whole` or the peer closes.
    pub(crate) fn exchange(
        &mut self,
        client: SocketHandle,
        bytes: &[u8],
        is_whole: impl Fn(&[u8]) -> bool,
    ) -> Vec<u8> {
        let mut sent = 0;
        let mut received = Vec::new();
        self.run(3600, |lab| {
            let socket = lab.clients.socket(client);
            if socket.may_send() && sent < bytes.len() {
                sent += socket.send_slice(&bytes[sent..]).unwrap_or(0);
            }
            let _ = socket.recv(|ring| {
                received.extend_from_slice(ring);
                (ring.len(), ())
            });
            let is_over = !socket.is_active() || socket.state() == State::CloseWait;
            is_whole(&received) || (is_over && !socket.can_recv())
        });
        received
    }

    /// One request on a connection of its own, which the server closes.
    pub(crate) fn request(&mut self, bytes: &[u8]) -> Vec<u8> {
        let client = self.connect();
        let answer = self.exchange(client, bytes, |_| false);
        self.clients.socket(client).close();
        answer
    }
}
