//! A device that asks: the clients of `blocking` over a socket of smoltcp, against the server over
//! smoltcp, on a cable with and without faults.

mod lab;

use core::cell::RefCell;
use core::time::Duration;

use embedded_io::{ErrorKind, Read, ReadReady, Write, WriteReady};
use kinglet_core::http::client::Request;
use kinglet_core::http::{Length, Method};
use kinglet_core::websocket::{CloseCode, Opening};
use kinglet_core::{Instant, Limits};
use kinglet_embedded::blocking::{Http, Platform, WebSocket};
use kinglet_embedded::tcp::Stream;
use kinglet_embedded::{Error, Failure, Memory, Received};
use lab::application::{Everything, LARGE};
use lab::cable::Faults;
use lab::hosts::{Lab, Setup};
use smoltcp::iface::SocketSet;
use smoltcp::wire::IpAddress;

const LIMITS: Limits = Limits::MICROCONTROLLER;

type Sockets = RefCell<SocketSet<'static>>;

/// The lab, whose clients' sockets are shared with streams.
struct Desk<'a> {
    lab: Lab<Everything>,
    sockets: &'a Sockets,
    /// How often there was nothing to do.
    idled: u32,
}

fn sockets() -> Sockets {
    RefCell::new(SocketSet::new(vec![]))
}

impl<'a> Desk<'a> {
    fn new(sockets: &'a Sockets) -> Self {
        // What a peer takes is counted over longer than smoltcp's longest wait.
        let limits = Limits {
            rate_window: Duration::from_secs(120),
            ..LIMITS
        };
        let setup = Setup {
            limits,
            ..Setup::default()
        };
        let lab = Lab::new(Everything::default(), &setup);
        Self {
            lab,
            sockets,
            idled: 0,
        }
    }

    /// Has the lab do something while it has the sockets.
    fn act<R>(&mut self, act: impl FnOnce(&mut Lab<Everything>) -> R) -> R {
        core::mem::swap(
            &mut self.lab.clients.sockets,
            &mut *self.sockets.borrow_mut(),
        );
        let result = act(&mut self.lab);
        core::mem::swap(
            &mut self.lab.clients.sockets,
            &mut *self.sockets.borrow_mut(),
        );
        result
    }

    /// A stream with rings of so many bytes, on its way to the server or to nobody.
    fn connect(&mut self, ring: usize, number: u8) -> Stream<'a, 'static> {
        let address = IpAddress::v4(192, 0, 2, number);
        let handle = self.act(|lab| lab.connect_with(ring, address));
        Stream::new(self.sockets, handle)
    }
}

impl Platform<Stream<'_, '_>> for Desk<'_> {
    fn now(&mut self) -> Instant {
        Instant::from_millis(self.lab.now.total_millis().unsigned_abs())
    }

    fn idle(&mut self, stream: &mut Stream<'_, '_>, until: Option<Instant>) {
        self.idled += 1;
        let before = is_ready(stream);
        let now = self.lab.now;
        self.act(|lab| lab.step(now));
        if is_ready(stream) != before {
            return;
        }
        let far = Instant::from_millis(u64::from(u32::MAX >> 1));
        let wait = self.now().until(until.unwrap_or(far));
        let until = self.lab.now + wait.into();
        if !self.act(|lab| lab.step(until)) {
            self.lab.now = until;
        }
    }

    fn close_sending(&mut self, stream: &mut Stream<'_, '_>) -> Result<(), ErrorKind> {
        stream.close_sending();
        Ok(())
    }
}

fn is_ready(stream: &mut Stream<'_, '_>) -> (bool, bool) {
    let (read, write) = (stream.read_ready(), stream.write_ready());
    (read.expect("no error"), write.expect("no error"))
}

fn post(target: &str, length: Length) -> Request<'_> {
    Request {
        method: Method::Post,
        content: Some(length),
        ..Request::get(target, "lab")
    }
}

#[test]
fn exchanges_follow_each_other_on_one_socket() {
    let faulty = Faults {
        lost: 10,
        corrupted: 5,
        duplicated: 5,
        reordered: 10,
    };
    for (ring, faults) in [
        (4096, Faults::default()),
        (512, Faults::default()),
        (4096, faulty),
    ] {
        let sockets = sockets();
        let mut desk = Desk::new(&sockets);
        desk.lab.cable.set_faults(faults);
        let stream = desk.connect(ring, 1);
        let mut memory = Memory::<512, 512>::new();
        let mut client = Http::new(stream, &mut desk, memory.lend(), LIMITS);
        client.set_timeout(Duration::from_secs(600));
        let mut ask = |request: Request<'_>, content: &[u8]| {
            let status = client.ask(&request, content).expect("an answer").status();
            assert_eq!(status.code(), 200, "{}", request.target);
            let mut came = Vec::new();
            while let Some(data) = client.read().expect("content") {
                came.extend_from_slice(data);
            }
            assert!(client.is_reusable());
            came
        };
        assert_eq!(ask(Request::get("/", "lab"), &[]), b"hello\n");
        assert!(ask(Request::get("/large", "lab"), &[]) == LARGE);
        for (target, len) in [("/echo", 100), ("/collect", 200)] {
            let request = post(target, Length::Exact(len as u64));
            assert!(ask(request, &LARGE[..len]) == LARGE[..len], "{target}");
        }
        assert_eq!(desk.lab.server.counters().accepted, 1);
    }
}

/// Opens a WebSocket over a ring of 512 bytes.
fn open<'b, 'a, 'd>(
    desk: &'d mut Desk<'a>,
    memory: &'b mut Memory<512, 512>,
    target: &str,
) -> WebSocket<'b, Stream<'a, 'static>, &'d mut Desk<'a>> {
    let stream = desk.connect(512, 1);
    let opening = Opening::new(target, "lab", [7; 16]);
    let random = || [1, 2, 3, 4];
    let opened = WebSocket::open(stream, desk, memory.lend(), LIMITS, opening, random, None);
    opened.expect("an open WebSocket").0
}

#[test]
fn messages_go_there_and_back() {
    let sockets = sockets();
    let mut desk = Desk::new(&sockets);
    let mut memory = Memory::new();
    let mut websocket = open(&mut desk, &mut memory, "/ws");
    let mut room = [0; 1000];
    for len in [0, 5, 400, 1000] {
        websocket.send(&LARGE[..len]).expect("sent");
        let received = websocket.receive(&mut room, None).expect("received");
        let Received::Message(message) = received else {
            panic!("{received:?}");
        };
        assert!(message.data() == &LARGE[..len], "{len} bytes");
    }
    websocket.close(CloseCode::NORMAL, "").expect("sent");
    let received = websocket.receive(&mut room, None).expect("received");
    assert!(matches!(received, Received::Closed(close) if close.code() == CloseCode::NORMAL));
}

#[test]
fn a_message_waits_for_room_in_the_ring() {
    let sockets = sockets();
    let mut desk = Desk::new(&sockets);
    let mut memory = Memory::new();
    let mut websocket = open(&mut desk, &mut memory, "/sink");
    websocket.send(&LARGE[..]).expect("sent");
    websocket.close(CloseCode::NORMAL, "").expect("sent");
    let received = websocket.receive(&mut [], None).expect("received");
    assert!(matches!(received, Received::Closed(_)));
    assert_eq!(desk.lab.application.sunk, LARGE.len());
}

#[test]
fn a_client_hears_why_there_is_no_answer() {
    type Told = Result<(), Error<ErrorKind>>;
    let ask = |number: u8, pulled: bool| -> (Told, u32) {
        let sockets = sockets();
        let mut desk = Desk::new(&sockets);
        let stream = desk.connect(512, number);
        let mut memory = Memory::<512, 512>::new();
        if pulled {
            desk.lab.cable.pull();
        }
        let mut client = Http::new(stream, &mut desk, memory.lend(), LIMITS);
        client.set_timeout(Duration::from_secs(20));
        let told = client.ask(&Request::get("/", "lab"), &[]).map(|_| ());
        (told, desk.idled)
    };
    assert_eq!(ask(1, false).0, Ok(()));
    // The cable is pulled; there is no such host. In both cases it waits, and asleep.
    for (number, pulled) in [(1, true), (77, false)] {
        let (told, idled) = ask(number, pulled);
        assert_eq!(told, Err(Error::Failed(Failure::Late)));
        assert!(idled < 200, "{idled} times");
    }
    // Nobody listens.
    let sockets = sockets();
    let mut desk = Desk::new(&sockets);
    desk.lab.server.drain();
    desk.lab.pass(smoltcp::time::Duration::from_secs(1));
    let stream = desk.connect(512, 1);
    let mut memory = Memory::<512, 512>::new();
    let mut client = Http::new(stream, &mut desk, memory.lend(), LIMITS);
    client.set_timeout(Duration::from_secs(20));
    let told = client.ask(&Request::get("/", "lab"), &[]).map(|_| ());
    assert_eq!(told, Err(Error::Stream(ErrorKind::ConnectionReset)));
}

#[test]
fn a_stream_is_ready_when_a_call_would_not_block() {
    let sockets = sockets();
    let mut desk = Desk::new(&sockets);
    let mut stream = desk.connect(512, 1);
    let mut room = [0; 100];
    // Not connected yet.
    assert_eq!(is_ready(&mut stream), (false, false));
    assert_eq!(stream.read(&mut room), Err(ErrorKind::Interrupted));
    assert_eq!(stream.write(b"x"), Err(ErrorKind::Interrupted));
    while stream.write_ready() == Ok(false) {
        desk.idle(&mut stream, None);
    }
    // Nothing to read.
    assert_eq!(stream.read_ready(), Ok(false));
    assert_eq!(stream.read(&mut room), Err(ErrorKind::Interrupted));
    assert_eq!(stream.read(&mut []), Ok(0));
    // No room: as much as the ring has is taken.
    assert_eq!(stream.write(&[b'\n'; 1000]), Ok(512));
    assert_eq!(stream.write_ready(), Ok(false));
    assert_eq!(stream.write(b"x"), Err(ErrorKind::Interrupted));
    assert_eq!(stream.write(&[]), Ok(0));
    // The answer, then the end of it, and then nothing for good.
    let until = desk.now().after(Duration::from_secs(60));
    let (mut came, mut ends) = (0, 0);
    while ends < 3 && !desk.now().has_reached(until) {
        if stream.read_ready() == Ok(true) {
            match stream.read(&mut room) {
                Ok(0) | Err(ErrorKind::ConnectionReset) => ends += 1,
                Ok(len) => came += len,
                Err(error) => panic!("{error:?}"),
            }
        } else {
            desk.idle(&mut stream, Some(until));
        }
    }
    assert!(came > 0 && ends == 3, "{came} bytes");
    stream.close_sending();
    assert_eq!(stream.write_ready(), Ok(true));
    assert_eq!(stream.write(b"x"), Err(ErrorKind::ConnectionReset));
}
