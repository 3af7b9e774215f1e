//! How servers begin, end, and follow one another.

mod support;

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Instant;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Options, Reason, Server};
use support::{PATIENCE, connect, get, read_to_end, start_bound};

fn options(threads: usize) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        limits: Limits {
            drain_timeout: Duration::from_millis(300),
            ..Limits::SERVER
        },
        ..Options::default()
    }
}

/// A path that no other test uses.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kinglet-life-{name}-{}", std::process::id()))
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// Asks on a connection of its own, which has to be served.
fn ask(address: &Address) {
    let request = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let answer = match address {
        Address::Tcp(address) => {
            let mut client = connect(*address);
            client.write_all(request).expect("it is served");
            read_whole(&mut client)
        }
        Address::Unix(path) => {
            let mut client = UnixStream::connect(path).expect("it listens");
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.write_all(request).expect("it is served");
            read_whole(&mut client)
        }
        other => panic!("{other}"),
    };
    assert!(answer.ends_with(b"hello"), "{}", answer.escape_ascii());
}

/// Ends the clients, however the test ends.
struct SetOnDrop<'f>(&'f AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads to the end, which is no reset.
fn read_whole(client: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("no reset");
    bytes
}

#[test]
fn one_server_follows_another_and_no_connection_is_refused() {
    let unix = path("handed").with_extension("sock");
    for listen in ["127.0.0.1:0".into(), format!("unix:{}", unix.display())] {
        let offer = path("offer");
        let mut server = Server::bind(&listen.parse().unwrap(), options(3)).unwrap();
        server.offer_hand_over(&offer).unwrap();
        let address = server.local_address().clone();
        let mut running = start_bound(server, None);
        let (served, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let last = std::thread::scope(|scope| {
            let _guard = SetOnDrop(&is_over);
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        ask(&address);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            // As many threads, fewer, more.
            for threads in [3, 2, 1, 4] {
                let before = served.load(Ordering::Relaxed);
                let have_been_served = || served.load(Ordering::Relaxed) >= before + 300;
                wait_until("clients are served before", have_been_served);
                let mode = std::fs::metadata(&offer).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                let next = Server::take_over(&offer, options(threads)).unwrap();
                let mut next = next.expect("it is offered");
                assert_eq!(next.local_address(), &address);
                next.offer_hand_over(&offer).unwrap();
                let next = start_bound(next, None);
                // The old one drains without being told.
                running.join();
                running = next;
                let before = served.load(Ordering::Relaxed);
                let have_been_served = || served.load(Ordering::Relaxed) >= before + 300;
                wait_until("clients are served after", have_been_served);
            }
            running
        });
        last.finish();
        assert!(!offer.exists() && !unix.exists());
    }
}

#[test]
fn a_successor_that_never_begins_changes_nothing() {
    let offer = path("unused");
    let unix = path("unused").with_extension("sock");
    let listen = format!("unix:{}", unix.display()).parse().unwrap();
    assert!(Server::take_over(&offer, options(1)).unwrap().is_none());
    let mut server = Server::bind(&listen, options(2)).unwrap();
    server.offer_hand_over(&offer).unwrap();
    let running = start_bound(server, None);
    wait_until("it offers", || offer.exists());
    for _ in 0..3 {
        let mut next = Server::take_over(&offer, options(1)).unwrap().unwrap();
        next.offer_hand_over(&offer).unwrap();
        drop(next);
        ask(&running.address);
    }
    // Somebody else may not take its place.
    let mut other = Server::bind(&"127.0.0.1:0".parse().unwrap(), options(1)).unwrap();
    assert!(other.offer_hand_over(&offer).is_err());
    // One that has no offer of its own leaves none.
    let next = Server::take_over(&offer, options(1)).unwrap().unwrap();
    let next = start_bound(next, None);
    running.join();
    assert!(!offer.exists() && unix.exists());
    ask(&next.address);
    next.finish();
    assert!(!unix.exists());
}

#[test]
fn a_drained_server_takes_its_offer_back() {
    let offer = path("drained");
    let mut server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options(2)).unwrap();
    server.offer_hand_over(&offer).unwrap();
    let running = start_bound(server, None);
    let Address::Tcp(address) = running.address else {
        panic!("not TCP")
    };
    ask(&running.address);
    running.finish();
    assert!(!offer.exists());
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[test]
fn a_server_begins_with_sockets_that_listen_already() {
    let unix = path("given").with_extension("sock");
    for threads in [1, 3] {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets: [OwnedFd; 2] = [tcp.into(), UnixListener::bind(&unix).unwrap().into()];
        let server = Server::from_listeners(sockets, options(threads)).unwrap();
        let addresses = server.local_addresses().to_owned();
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[1], Address::Unix(unix.clone()));
        let running = start_bound(server, None);
        for _ in 0..20 {
            addresses.iter().for_each(ask);
        }
        running.finish();
        // The path is that of whoever has made it.
        std::fs::remove_file(&unix).unwrap();
    }
    let stream = UnixStream::pair().unwrap().0;
    assert!(Server::from_listeners([stream], options(1)).is_err());
    assert!(Server::from_listeners([] as [OwnedFd; 0], options(1)).is_err());
}

#[test]
fn a_server_listens_on_several_addresses() {
    let unix = format!("unix:{}", path("several").with_extension("sock").display());
    for threads in [1, 3] {
        let addresses = ["127.0.0.1:0", "[::1]:0", &unix].map(|text| text.parse().unwrap());
        let server = Server::bind_all(&addresses, options(threads)).unwrap();
        let addresses = server.local_addresses().to_owned();
        assert_eq!(addresses.len(), 3);
        let running = start_bound(server, None);
        for _ in 0..20 {
            addresses.iter().for_each(ask);
        }
        running.finish();
    }
}

#[test]
fn who_is_not_done_when_the_drain_is_over_is_reset() {
    let options = Options {
        drain_timeout: Duration::from_millis(300),
        ..options(1)
    };
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
    let running = start_bound(server, None);
    let mut idle = running.connect();
    get(&mut idle, "/");
    let mut slow = running.connect();
    // A request that never comes to its end, though it does not come too slowly yet.
    slow.write_all(b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nab")
        .unwrap();
    wait_until("both are there", || running.handle.connections() == 2);
    running.handle.drain();
    assert_eq!(read_to_end(&mut idle), b"", "an idle one is closed at once");
    drop(idle);
    let error = slow.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let handle = running.handle.clone();
    running.join();
    assert_eq!(handle.refused(Reason::DrainTimeout), 1);
}
