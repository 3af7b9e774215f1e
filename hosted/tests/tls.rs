//! TLS over real sockets: what is served without it is served with it.

mod support;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use kinglet_hosted::{Answer, CertificateFiles, ClientCertificates, Options, Tls, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use support::{LARGE, PATIENCE, Running, get, impatient, read_to_end, start};

type Client = StreamOwned<ClientConnection, TcpStream>;
type Issuer = CertifiedIssuer<'static, KeyPair>;

/// An authority, and a folder for the files of what it signs.
struct Authority {
    issuer: Issuer,
    folder: PathBuf,
}

impl Authority {
    fn new(test: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("root.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Signs a certificate for `name` and answers its files.
    fn sign(&self, name: &str) -> CertificateFiles {
        let file = |kind| {
            self.folder
                .join(format!("{}.{kind}", name.replace('*', "any")))
        };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.into()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(file("pem"), certificate.pem()).unwrap();
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        CertificateFiles::new(file("pem"), file("key"))
    }

    /// What a client has that trusts the authority, and shows a certificate where it has one.
    fn trusting(&self, shown: Option<&CertificateFiles>) -> Arc<ClientConfig> {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match shown {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = vec![CertificateDer::from_pem_file(&files.chain).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

fn client(server: &Running, config: &Arc<ClientConfig>, name: &'static str) -> Client {
    let name = ServerName::try_from(name).unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(tls, server.connect())
}

fn options(tls: &Tls) -> Options {
    Options {
        tls: Some(tls.clone()),
        ..Options::default()
    }
}

/// A server with one certificate for `localhost`, and what its clients have.
fn start_one(test: &str, options: Options) -> (Running, Arc<ClientConfig>) {
    let authority = Authority::new(test);
    let certificates = vec![authority.sign("localhost")];
    let tls = Tls::new(TlsOptions::new(certificates)).unwrap();
    let options = Options {
        tls: Some(tls),
        ..options
    };
    let running = start("127.0.0.1:0", options, None);
    (running, authority.trusting(None))
}

#[test]
fn a_connection_is_used_again_and_its_end_is_said() {
    let (server, config) = start_one("again", Options::default());
    let mut client = client(&server, &config, "localhost");
    for _ in 0..3 {
        assert_eq!(get(&mut client, "/").1, b"hello");
    }
    assert_eq!(client.conn.alpn_protocol(), None, "it was not asked for");
    write!(
        client,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut rest = Vec::new();
    client
        .read_to_end(&mut rest)
        .expect("close_notify comes before the end of the connection");
    assert!(rest.ends_with(b"hello"));
    server.finish();
}

#[test]
fn the_protocol_is_agreed_on() {
    let (server, config) = start_one("alpn", Options::default());
    for (offered, agreed) in [
        (
            &[b"h2".as_slice(), b"http/1.1"][..],
            Some(b"http/1.1".as_slice()),
        ),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[b"h2"], None),
    ] {
        let mut config = ClientConfig::clone(&config);
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let mut client = client(&server, &Arc::new(config), "localhost");
        let result = write!(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        match agreed {
            Some(_) => assert_eq!(support::read_response(&mut client).1, b"hello"),
            // RFC 7301 §3.2: no_application_protocol.
            None => assert!(result.is_err() || client.read(&mut [0]).is_err()),
        }
        assert_eq!(client.conn.alpn_protocol(), agreed);
    }
    server.finish();
}

#[test]
fn large_content_comes_whole_in_both_directions() {
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let (server, config) = start_one(
            &format!("large-{threads}"),
            Options {
                threads,
                ..Options::default()
            },
        );
        let mut client = client(&server, &config, "localhost");
        for path in ["/static", "/streamed"] {
            assert!(get(&mut client, path).1 == LARGE, "{path}");
        }
        assert_eq!(get(&mut client, "/copied").1.len(), 1024 * 1024);
        write!(
            client,
            "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            LARGE.len()
        )
        .unwrap();
        client.write_all(&LARGE).unwrap();
        let answer = support::read_response(&mut client).1;
        assert_eq!(answer, LARGE.len().to_string().as_bytes());
        drop(client);
        server.finish();
    }
}

#[test]
fn requests_that_come_in_one_record_or_in_many_are_answered_in_order() {
    let (server, config) = start_one("pipelined", Options::default());
    let mut client = client(&server, &config, "localhost");
    let requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50);
    client.write_all(requests.as_bytes()).unwrap();
    for byte in requests.as_bytes() {
        client.write_all(&[*byte]).unwrap();
        client.flush().unwrap();
    }
    for _ in 0..100 {
        assert_eq!(support::read_response(&mut client).1, b"hello");
    }
    drop(client);
    server.finish();
}

#[test]
fn an_answer_from_another_thread_is_sealed_like_any() {
    let authority = Authority::new("later");
    let tls = Tls::new(TlsOptions::new(vec![authority.sign("localhost")])).unwrap();
    let (tickets, taken) = channel();
    let server = start("127.0.0.1:0", options(&tls), Some(tickets));
    let mut client = client(&server, &authority.trusting(None), "localhost");
    for content in ["short", &"long ".repeat(100_000)] {
        write!(client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let ticket = taken.recv_timeout(PATIENCE).unwrap();
        let answer = Answer::new(kinglet_core::http::Status::OK, content);
        server.handle.answer(ticket, answer);
        assert_eq!(support::read_response(&mut client).1, content.as_bytes());
    }
    drop(client);
    server.finish();
}

#[test]
fn a_client_is_shown_the_certificate_for_the_name_it_asks_for() {
    let authority = Authority::new("names");
    let names = ["first.example", "*.second.example", "third.example"];
    let certificates = names.map(|name| authority.sign(name)).to_vec();
    let tls = Tls::new(TlsOptions::new(certificates)).unwrap();
    let server = start("127.0.0.1:0", options(&tls), None);
    let config = authority.trusting(None);
    for (name, is_right) in [
        ("first.example", true),
        ("a.second.example", true),
        ("third.example", true),
        ("THIRD.example", true),
        // A wildcard is for one label, and none of these is the first's.
        ("a.b.second.example", false),
        ("second.example", false),
        ("other.example", false),
    ] {
        let mut client = client(&server, &config, name);
        let result = write!(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(result.is_ok(), is_right, "{name}");
    }
    server.finish();
}

#[test]
fn certificates_are_exchanged_while_connections_go_on() {
    let authority = Authority::new("reload");
    let tls = Tls::new(TlsOptions::new(vec![authority.sign("localhost")])).unwrap();
    let server = start("127.0.0.1:0", options(&tls), None);
    let config = authority.trusting(None);
    let mut before = client(&server, &config, "localhost");
    get(&mut before, "/");
    let shown = |client: &Client| client.conn.peer_certificates().unwrap().to_vec();

    authority.sign("localhost");
    tls.reload().unwrap();
    // Another configuration of the client, which has no session to resume.
    let mut after = client(&server, &authority.trusting(None), "localhost");
    get(&mut after, "/");
    assert_ne!(shown(&before), shown(&after));
    assert_eq!(get(&mut before, "/").1, b"hello");

    std::fs::write(authority.folder.join("localhost.pem"), "not a certificate").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("localhost.pem"), "{error}");
    let mut later = client(&server, &authority.trusting(None), "localhost");
    get(&mut later, "/");
    assert_eq!(shown(&later), shown(&after), "all stays as it was");
    drop((before, after, later));
    server.finish();
}

#[test]
fn sessions_are_resumed() {
    let (server, config) = start_one("resumed", Options::default());
    let kinds = [
        HandshakeKind::Full,
        HandshakeKind::Resumed,
        HandshakeKind::Resumed,
    ];
    for kind in kinds {
        let mut client = client(&server, &config, "localhost");
        get(&mut client, "/");
        assert_eq!(client.conn.handshake_kind(), Some(kind));
    }
    server.finish();
}

#[test]
fn clients_show_certificates_where_that_is_asked() {
    let authority = Authority::new("clients");
    let root = authority.folder.join("root.pem");
    let other = Authority::new("clients-other").sign("client");
    let known = authority.sign("client");
    let required = ClientCertificates::Required(root.clone());
    let optional = ClientCertificates::Optional(root);
    for (clients, shown, is_served) in [
        (&required, Some(&known), true),
        (&required, None, false),
        (&required, Some(&other), false),
        (&optional, Some(&known), true),
        (&optional, None, true),
        (&optional, Some(&other), false),
    ] {
        let mut tls_options = TlsOptions::new(vec![authority.sign("localhost")]);
        tls_options.clients = clients.clone();
        let tls = Tls::new(tls_options).unwrap();
        let server = start("127.0.0.1:0", options(&tls), None);
        let mut client = client(&server, &authority.trusting(shown), "localhost");
        let _ = write!(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.read(&mut [0; 1000]);
        assert_eq!(answer.is_ok(), is_served, "{clients:?} {shown:?}");
        drop(client);
        server.finish();
    }
}

#[test]
fn what_is_no_tls_is_told_so_and_others_go_on() {
    let (server, config) = start_one("garbage", Options::default());
    let mut honest = client(&server, &config, "localhost");
    get(&mut honest, "/");
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(),
        &[0x16; 70_000],
        b"\x16\x03\x01\xff\xff",
        &[0; 1000],
    ] {
        let mut rude = server.connect();
        // It may be told before it has said all.
        let _ = rude.write_all(bytes);
        let said = read_to_end(&mut rude);
        // An alert, or a reset where more had come than was read.
        assert!(said.is_empty() || said[0] == 21, "{said:?}");
        assert_eq!(get(&mut honest, "/").1, b"hello");
    }
    drop(honest);
    server.finish();
}

#[test]
fn a_handshake_has_its_time_and_no_more() {
    let (server, config) = start_one(
        "slow",
        Options {
            handshake_timeout: Duration::from_millis(300),
            limits: impatient(),
            ..Options::default()
        },
    );
    // Nothing is said; or the first byte of a record; or a client's first message without its end.
    for bytes in [
        b"".as_slice(),
        b"\x16",
        b"\x16\x03\x01\x00\xf0\x01\x00\x00\xec",
    ] {
        let mut slow = server.connect();
        slow.write_all(bytes).unwrap();
        assert_eq!(read_to_end(&mut slow), b"");
    }
    // After the handshake the engine's deadlines hold.
    let mut idle = client(&server, &config, "localhost");
    get(&mut idle, "/");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).expect("the end is said");
    assert_eq!(rest, b"");
    server.finish();
}

#[test]
fn many_handshakes_at_once_all_come_to_their_end() {
    let (server, config) = start_one(
        "many",
        Options {
            max_handshakes: NonZeroUsize::MIN,
            ..Options::default()
        },
    );
    let mut clients: Vec<Client> = (0..50)
        .map(|_| client(&server, &config, "localhost"))
        .collect();
    for client in &mut clients {
        client.conn.write_tls(&mut client.sock).unwrap();
    }
    for client in &mut clients {
        assert_eq!(get(client, "/").1, b"hello");
    }
    drop(clients);
    server.finish();
}

#[test]
fn a_connection_that_is_cut_in_the_handshake_is_forgotten() {
    let (server, config) = start_one("cut", Options::default());
    for _ in 0..20 {
        let mut client = client(&server, &config, "localhost");
        client.conn.write_tls(&mut client.sock).unwrap();
        client.sock.shutdown(Shutdown::Both).unwrap();
    }
    let mut honest = client(&server, &config, "localhost");
    assert_eq!(get(&mut honest, "/").1, b"hello");
    drop(honest);
    server.finish();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new("files");
    let (one, other) = (authority.sign("one"), authority.sign("other"));
    let missing = CertificateFiles::new("/nonexistent/chain.pem", &one.key);
    for (files, text) in [
        (vec![missing], "/nonexistent/chain.pem"),
        (
            vec![CertificateFiles::new(&one.key, &one.key)],
            "one.key: no certificate",
        ),
        (
            vec![CertificateFiles::new(&one.chain, &other.key)],
            "cannot be used",
        ),
        (vec![], "no certificate"),
    ] {
        let error = Tls::new(TlsOptions::new(files)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
