//! An application knows who asks.

mod support;

use core::num::NonZeroUsize;
use std::os::unix::net::UnixStream;

use kinglet_hosted::{Backend, Options};
use support::{get, start};

#[test]
fn each_connection_has_its_own_peer() {
    for (listen, threads, backend) in [
        ("127.0.0.1:0", 1, Backend::Native),
        ("127.0.0.1:0", 3, Backend::Native),
        ("127.0.0.1:0", 1, Backend::Polling),
        ("[::1]:0", 1, Backend::Native),
    ] {
        let options = Options {
            threads: NonZeroUsize::new(threads).unwrap(),
            backend,
            ..Options::default()
        };
        let server = start(listen, options, None);
        // Those of the second round get indices that were in use before.
        for _ in 0..2 {
            let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
            for client in clients.iter_mut().rev() {
                let expected = client.local_addr().unwrap().to_string();
                assert_eq!(get(client, "/peer").1, expected.as_bytes());
            }
        }
        server.finish();
    }
}

#[test]
fn a_peer_on_a_unix_socket_has_no_address() {
    let path = std::env::temp_dir().join(format!("kinglet-peers-{}.sock", std::process::id()));
    for threads in [1, 3] {
        let options = Options {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..Options::default()
        };
        let server = start(&format!("unix:{}", path.display()), options, None);
        for _ in 0..4 {
            let mut client = UnixStream::connect(&path).unwrap();
            assert_eq!(get(&mut client, "/peer").1, b"");
        }
        server.finish();
    }
}
