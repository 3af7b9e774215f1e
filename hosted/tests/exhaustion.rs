//! A process that has no descriptors left for long tells those that wait for one.
//!
//! The process's descriptors are shared, so this test is alone in its binary.

mod support;

use std::net::TcpStream;

use kinglet_hosted::{Address, Backend, Options, Reason};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{PATIENCE, get, read_to_end, start};

#[test]
fn who_waits_too_long_for_a_descriptor_is_sent_away() {
    for backend in [Backend::Native, Backend::Polling] {
        let options = Options {
            backend,
            ..Options::default()
        };
        let server = start("127.0.0.1:0", options, None);
        let Address::Tcp(address) = server.address else {
            panic!("not TCP")
        };
        let mut honest = server.connect();
        get(&mut honest, "/");
        let before = getrlimit(Resource::Nofile);
        let mut clients: Vec<_> = (0..5).map(|_| unconnected()).collect();
        let few = Rlimit {
            current: Some(64),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, few).unwrap();
        let fillers: Vec<_> = core::iter::from_fn(|| honest.try_clone().ok()).collect();
        for client in &mut clients {
            rustix::net::connect(&*client, &address).unwrap();
        }
        for client in &mut clients {
            assert_eq!(read_to_end(client), b"");
        }
        while server.handle.refused(Reason::NoDescriptors) < 5 {
            std::thread::yield_now();
        }
        // Who is in already is served as ever.
        assert_eq!(get(&mut honest, "/").1, b"hello");
        setrlimit(Resource::Nofile, before).unwrap();
        drop((fillers, honest));
        server.finish();
    }
}

/// A client's end that has its descriptor already.
fn unconnected() -> TcpStream {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let client = TcpStream::from(socket);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}
