//! Type `examples/firmware/run`, then `curl http://127.0.0.1:8080/`.
//!
//! A web server on a microcontroller: no operating system, no allocator, no thread. All memory that it
//! will ever use is in [`Memory`] and on the stack of [`serve`].
#![no_std]
#![no_main]

mod board;
mod clock;
mod host;
#[cfg(feature = "mps2")]
mod lan9118;
mod log;
mod panel;
mod registers;
#[cfg(feature = "lm3s6965evb")]
mod stellaris;

use core::convert::Infallible;
use core::panic::PanicInfo;

use cortex_m::Peripherals;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use kinglet_core::Stamp;
use kinglet_device::{Device, Exchange, LIMITS};
use kinglet_embedded::codecs::Pool;
use kinglet_embedded::tcp::Server;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
#[cfg(feature = "dhcp")]
use smoltcp::socket::dhcpv4;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address, Ipv4Cidr, Ipv6Address, Ipv6Cidr};

use crate::board::{Board, Current, Losses, Nic};
use crate::clock::{Clock, MAX_SLEEP_MILLIS};
use crate::host::Words;
use crate::log::say;
use crate::panel::Panel;

const CONNECTIONS: usize = Current::CONNECTIONS;

/// Compresses for so many WebSockets at once, with windows of 1 KiB: 5.3 KiB each.
type Codecs = Pool<{ Current::CODECS }, 1024, 512>;

/// Where we are when nobody is asked: what QEMU's network gives to its first guest.
#[cfg(not(feature = "dhcp"))]
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
#[cfg(not(feature = "dhcp"))]
const ROUTER: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

type Connections = Server<Exchange, CONNECTIONS, { Current::WINDOW_LEN }, Codecs>;

/// One more socket than connections, which asks for an address.
type Storage<'s> = [SocketStorage<'s>; CONNECTIONS + 1];

/// What a connection takes besides its rings, with a window of 512 bytes: `docs/your-first-board.md`
/// has the sum.
const _: () = {
    let slot = size_of::<Server<(), 2, 512>>() - size_of::<Server<(), 1, 512>>();
    assert!(slot <= 656 && size_of::<SocketStorage<'_>>() <= 392);
    assert!(size_of::<Pool<1, 1024, 512>>() <= 5456);
    // What `serve` makes on the stack. The codecs are there twice, until they have moved into the server.
    let made = size_of::<Connections>() + size_of::<Codecs>() + size_of::<Storage<'_>>();
    assert!(made <= Current::STACK_LEN);
};

/// What is lent to connections. All zeros, so that none of it is in the image.
struct Memory {
    receive: [[u8; Current::RECEIVE_LEN]; CONNECTIONS],
    send: [[u8; Current::SEND_LEN]; CONNECTIONS],
    words: [u8; 128],
}

impl Memory {
    const fn new() -> Self {
        Self {
            receive: [[0; Current::RECEIVE_LEN]; CONNECTIONS],
            send: [[0; Current::SEND_LEN]; CONNECTIONS],
            words: [0; 128],
        }
    }
}

#[entry]
fn main() -> ! {
    // The macro lends it once, to this call.
    static mut MEMORY: Memory = Memory::new();
    cortex_m::interrupt::disable();
    match Peripherals::take().map(|core| serve(MEMORY, core)) {
        Some(Err(fault)) => say!("{}: {fault}", Current::NAME),
        None => say!("the processor is taken"),
    }
    host::fail()
}

fn serve(memory: &'static mut Memory, core: Peripherals) -> Result<Infallible, &'static str> {
    let mut board = Current::start()?;
    let mut clock = Clock::start(core.SYST, Current::HERTZ);
    // SAFETY: all interrupts are masked for good, so nothing that a handler could disturb is disturbed.
    unsafe { NVIC::unmask(Current::NIC) };
    // SAFETY: as before.
    unsafe { NVIC::unmask(Current::ALARM) };

    let words = Words::ask(&mut memory.words);
    let hardware = board.nic().address();
    let mut config = Config::new(HardwareAddress::Ethernet(hardware));
    config.random_seed = words.number("seed").unwrap_or_default();
    let mut interface = Interface::new(config, board.nic(), instant(clock.now()));
    add_link_local(&mut interface, hardware.0);

    let mut storage: Storage<'_> = [SocketStorage::EMPTY; _];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let stamp = Stamp::new("kinglet");
    let mut server: Connections = Server::new(80, LIMITS, stamp, Codecs::new());
    let mut application = Device::new(Panel::new(Current::NAME));
    for (receive, send) in memory.receive.iter_mut().zip(&mut memory.send) {
        let (receive, send) = (&mut receive[..], &mut send[..]);
        let socket = tcp::Socket::new(
            tcp::SocketBuffer::new(receive),
            tcp::SocketBuffer::new(send),
        );
        let added = server.add(sockets.add(socket));
        added.map_err(|_| "there are more sockets than connections")?;
    }
    let url = words.text("url").unwrap_or("http://[the board's address]/");

    #[cfg(feature = "dhcp")]
    let dhcp = sockets.add(dhcpv4::Socket::new());
    #[cfg(not(feature = "dhcp"))]
    move_to(&mut interface, Some((ADDRESS, Some(ROUTER))), url);

    let started = words.number("time");
    let mut seconds = None;
    let mut losses = Losses::default();
    loop {
        let millis = clock.now();
        let now = instant(millis);
        interface.poll(now, board.nic(), &mut sockets);
        #[cfg(feature = "dhcp")]
        match sockets.get_mut::<dhcpv4::Socket<'_>>(dhcp).poll() {
            None => {}
            Some(dhcpv4::Event::Deconfigured) => move_to(&mut interface, None, url),
            Some(dhcpv4::Event::Configured(lease)) => {
                move_to(&mut interface, Some((lease.address, lease.router)), url);
            }
        }
        if let Some(started) = started
            && seconds.replace(millis / 1000) != Some(millis / 1000)
        {
            server.stamp_mut().set_date(started + millis / 1000);
        }
        let due = server.poll(&mut application, now, &mut sockets);
        board.light(application.board().is_lit());

        // What the server has put into its sockets makes the interface's delay zero.
        let delays = [due, interface.poll_delay(now, &sockets)];
        let limit = Duration::from_millis(MAX_SLEEP_MILLIS.into());
        let delay = delays.into_iter().flatten().fold(limit, Duration::min);
        let worked_until = clock.now();
        if delay > Duration::ZERO {
            board.sleep(delay.total_millis() as u32);
        }
        let slept_until = clock.now();
        let panel = application.board_mut();
        panel.note_round(
            (worked_until - millis) as u32,
            (slept_until - worked_until) as u32,
        );
        panel.connections = server.connections();
        panel.accepted = server.counters().accepted;
        panel.turned_away = server.counters().turned_away;
        report(&mut losses, board.nic().losses());
    }
}

fn instant(millis: u64) -> Instant {
    Instant::from_millis(millis as i64)
}

/// The address that every host has on its own network (RFC 4291 §2.5.6, appendix A).
fn add_link_local(interface: &mut Interface, mac: [u8; 6]) {
    let [a, b, c, d, e, f] = mac;
    let [first, second, third, fourth] =
        [[a ^ 2, b], [c, 0xff], [0xfe, d], [e, f]].map(u16::from_be_bytes);
    let address = Ipv6Address::new(0xfe80, 0, 0, 0, first, second, third, fourth);
    let cidr = Ipv6Cidr::new(address, 64);
    interface.update_ip_addrs(|addresses| {
        // There is room for two, and this is the first.
        let _ = addresses.push(IpCidr::Ipv6(cidr));
    });
}

/// Takes up an address of IPv4 and the way to other networks, or gives it up.
fn move_to(interface: &mut Interface, to: Option<(Ipv4Cidr, Option<Ipv4Address>)>, url: &str) {
    interface.update_ip_addrs(|addresses| {
        addresses.retain(|cidr| !matches!(cidr, IpCidr::Ipv4(_)));
        if let Some((address, _)) = to {
            let _ = addresses.push(IpCidr::Ipv4(address));
        }
    });
    interface.routes_mut().remove_default_ipv4_route();
    let Some((address, router)) = to else {
        return;
    };
    if let Some(router) = router {
        // The table has room for it: it was emptied.
        let _ = interface.routes_mut().add_default_ipv4_route(router);
    }
    say!("{} at {address}: {url}", Current::NAME);
}

/// Logs frames that were lost, once.
fn report(before: &mut Losses, now: Losses) {
    if *before != now {
        *before = now;
        let Losses {
            bad,
            dropped,
            unsent,
        } = now;
        say!("frames lost: {bad} bad, {dropped} dropped, {unsent} not sent");
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    host::fail()
}

// SAFETY: it ends the program, and so never returns into what has failed.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    say!("fault at {:#010x}", frame.pc());
    host::fail()
}
