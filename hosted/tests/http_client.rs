//! The client that waits: against our own server, and against scripts of bytes.

mod support;

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use kinglet_core::http::{Field, Length, Method};
use kinglet_hosted::http_client::{
    Content, Error, Expect, HttpClientOptions, Phase, Redirects, Request, Timeouts,
};
use kinglet_hosted::{HttpClient, Options, Tls, Trust};
use support::{LARGE, start};

/// What a server does with one connection: for each request, the answer to it.
type Script = Vec<&'static [u8]>;

/// A server that answers each connection by the next script, closes it, and tells what it was asked.
struct Scripted {
    url: String,
    thread: JoinHandle<Vec<String>>,
}

fn scripted(scripts: Vec<Script>) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
            for answer in script {
                asked.push(read_head(&mut stream));
                stream.write_all(answer).unwrap();
            }
        }
        asked
    });
    Scripted { url, thread }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            break;
        }
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

fn client() -> HttpClient {
    HttpClient::new(HttpClientOptions::default())
}

fn read(client: &HttpClient, url: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut response = client.get(url)?;
    let content = response.read_all(LARGE.len())?;
    Ok((response.status().code(), content))
}

#[test]
fn content_ends_where_its_framing_says() {
    type Row = (Method<'static>, &'static [u8], Option<&'static [u8]>);
    let rows: [Row; 12] = [
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            Some(b"hi"),
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            Some(b"until the end"),
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n",
            Some(b"hi"),
        ),
        (
            Method::Head,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            Some(b""),
        ),
        (Method::Get, b"HTTP/1.1 204 No Content\r\n\r\n", Some(b"")),
        (
            Method::Get,
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
            Some(b""),
        ),
        (
            Method::Get,
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            Some(b"a"),
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            None,
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            None,
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
            None,
        ),
        (
            Method::Get,
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            None,
        ),
        (Method::Get, b"SSH-2.0-OpenSSH_9\r\n", None),
    ];
    for (method, answer, expected) in rows {
        let server = scripted(vec![vec![answer]]);
        let request = Request {
            method,
            ..Request::get(&server.url)
        };
        let content = client().send(request).map_err(io::Error::from);
        let content = content.and_then(|mut response| response.read_all(100));
        let text = String::from_utf8_lossy(answer);
        assert_eq!(content.ok().as_deref(), expected, "{text}");
        server.thread.join().unwrap();
    }
}

#[test]
fn a_connection_is_used_again_unless_it_was_closed() {
    const HI: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    const MORE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!";
    for scripts in [
        vec![vec![HI, HI, HI]],
        // Closed while idle: found when it is looked at, or by the retry.
        vec![vec![HI], vec![HI], vec![HI]],
        vec![vec![HI, b""], vec![HI, HI]],
        vec![vec![LAST], vec![MORE], vec![HI]],
    ] {
        let (connections, requests) = (scripts.len(), scripts.iter().flatten().count());
        let server = scripted(scripts);
        let client = client();
        for _ in 0..3 {
            let answer = read(&client, &server.url).unwrap();
            assert_eq!(answer, (200, b"hi".to_vec()), "{connections}");
        }
        assert!(client.idle() <= 1);
        assert_eq!(server.thread.join().unwrap().len(), requests);
    }
    // What is not idempotent is not repeated.
    let server = scripted(vec![vec![HI, b""]]);
    let client = client();
    read(&client, &server.url).unwrap();
    let request = Request {
        method: Method::Post,
        ..Request::get(&server.url)
    };
    assert!(matches!(client.send(request), Err(Error::Closed)));
    server.thread.join().unwrap();
}

#[test]
fn redirections_are_followed_by_choice() {
    const AWAY: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nno";
    const HERE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (redirects, expected) in [
        (Redirects::HandedOver, Ok(302)),
        (Redirects::Followed(1), Err("too many redirections")),
        (Redirects::Followed(2), Ok(200)),
    ] {
        let server = scripted(vec![match expected {
            Ok(302) => vec![AWAY],
            Ok(_) => vec![AWAY, AWAY, HERE],
            Err(_) => vec![AWAY, AWAY],
        }]);
        let client = HttpClient::new(HttpClientOptions {
            redirects,
            ..HttpClientOptions::default()
        });
        let request = Request {
            method: Method::Post,
            content: Content::Bytes(b""),
            ..Request::get(&server.url)
        };
        match (client.send(request), expected) {
            (Ok(response), Ok(code)) => {
                assert_eq!(response.status().code(), code);
                assert_eq!(response.url().ends_with("/b"), code == 200);
            }
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (result, _) => panic!("{result:?}"),
        }
        let asked = server.thread.join().unwrap();
        for head in &asked[1..] {
            assert!(
                head.starts_with("GET /b ") && !head.contains("Content-Length"),
                "{head}"
            );
        }
    }
}

#[test]
fn credentials_stay_with_their_origin() {
    let other = scripted(vec![vec![b"HTTP/1.1 204 No Content\r\n\r\n"]]);
    let answer = format!(
        "HTTP/1.1 307 Away\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
        other.url
    );
    let server = scripted(vec![vec![answer.leak().as_bytes()]]);
    let fields = [
        Field::new("Authorization", b"secret").unwrap(),
        Field::new("Cookie", b"secret").unwrap(),
        Field::new("X-Kept", b"yes").unwrap(),
    ];
    let request = Request {
        fields: &fields,
        ..Request::get(&server.url)
    };
    assert_eq!(client().send(request).unwrap().status().code(), 204);
    assert_eq!(
        server.thread.join().unwrap()[0].matches("secret").count(),
        2
    );
    let asked = other.thread.join().unwrap();
    assert!(!asked[0].contains("secret") && asked[0].contains("X-Kept: yes"));
}

#[test]
fn each_phase_has_its_timeout() {
    const SOON: Duration = Duration::from_millis(100);
    let patient = Timeouts::default();
    let rows: [(Timeouts, &'static [u8], &str, Phase); 4] = [
        (
            Timeouts {
                head: SOON,
                ..patient
            },
            b"HTTP/1.1 200",
            "http",
            Phase::Head,
        ),
        (
            Timeouts {
                content: SOON,
                ..patient
            },
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh",
            "http",
            Phase::Content,
        ),
        (
            Timeouts {
                overall: Some(SOON),
                ..patient
            },
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh",
            "http",
            Phase::Overall,
        ),
        (
            Timeouts {
                tls: SOON,
                ..patient
            },
            b"",
            "https",
            Phase::Tls,
        ),
    ];
    for (timeouts, answer, scheme, expected) in rows {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        // It says no more, and stays until the client leaves.
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let client = HttpClient::new(HttpClientOptions {
            timeouts,
            trust: Trust::Anybody,
            ..HttpClientOptions::default()
        });
        let error = match client.get(&url) {
            Err(error) => error,
            Ok(mut response) => {
                let error = response.read_all(100).unwrap_err();
                *error.into_inner().unwrap().downcast().unwrap()
            }
        };
        assert!(
            matches!(error, Error::Timeout(phase) if phase == expected),
            "{expected:?}: {error}"
        );
        server.join().unwrap();
    }
}

#[test]
fn content_waits_for_the_server_where_it_is_asked() {
    let patient = Expect::From(1, support::PATIENCE);
    let rows: [(Expect, Script, bool, u16); 5] = [
        (patient, vec![b"HTTP/1.1 100 Continue\r\n\r\n"], true, 200),
        (
            patient,
            vec![b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"],
            false,
            413,
        ),
        // It does not know of the expectation, and waits.
        (
            Expect::From(1, Duration::from_millis(50)),
            vec![b""],
            true,
            200,
        ),
        (Expect::Never, vec![b""], true, 200),
        (Expect::From(100, support::PATIENCE), vec![b""], true, 200),
    ];
    for (expect, script, is_sent, code) in rows {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let first = script[0];
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = read_head(&mut stream);
            stream.write_all(first).unwrap();
            let mut content = [0; 5];
            let is_there = stream.read_exact(&mut content).is_ok();
            if is_there {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
            }
            (head.contains("Expect: 100-continue"), is_there)
        });
        let options = HttpClientOptions {
            expect,
            ..HttpClientOptions::default()
        };
        let request = Request {
            method: Method::Put,
            content: Content::Bytes(b"hello"),
            ..Request::get(&url)
        };
        let client = HttpClient::new(options);
        assert_eq!(client.send(request).unwrap().status().code(), code);
        let asks = matches!(expect, Expect::From(1, _));
        assert_eq!(server.join().unwrap(), (asks, is_sent), "{expect:?}");
        assert_eq!(
            client.idle(),
            usize::from(is_sent),
            "what was withheld ends the connection"
        );
    }
}

#[test]
fn an_expectation_that_is_refused_is_dropped() {
    let server = scripted(vec![
        vec![b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"],
        vec![b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ]);
    let options = HttpClientOptions {
        expect: Expect::From(1, support::PATIENCE),
        ..HttpClientOptions::default()
    };
    let mut content = &b"a"[..];
    let request = Request {
        method: Method::Post,
        content: Content::Stream(&mut content, Length::Exact(1)),
        ..Request::get(&server.url)
    };
    let answer = HttpClient::new(options).send(request).unwrap();
    assert_eq!(answer.status().code(), 200);
    let asked = server.thread.join().unwrap();
    assert!(asked[0].contains("Expect: ") && !asked[1].contains("Expect: "));
}

#[cfg(feature = "compression")]
#[test]
fn compressed_content_is_inflated_up_to_a_bound() {
    use kinglet_hosted::http_client::Decompression;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&LARGE[..1 << 20]).unwrap();
    let bytes = encoder.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    let whole: &'static [u8] = [head.as_bytes(), &bytes].concat().leak();
    let broken: &'static [u8] =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone";
    for (decompression, answer, expected) in [
        (Decompression::None, whole, Some(bytes.len())),
        (Decompression::Gzip(1 << 20), whole, Some(1 << 20)),
        (Decompression::Gzip((1 << 20) - 1), whole, None),
        (Decompression::Gzip(100), broken, None),
    ] {
        let server = scripted(vec![vec![answer]]);
        let client = HttpClient::new(HttpClientOptions {
            decompression,
            ..HttpClientOptions::default()
        });
        let content = read(&client, &server.url)
            .ok()
            .map(|(_, content)| content.len());
        assert_eq!(content, expected, "{decompression:?}");
        let asked = server.thread.join().unwrap();
        let asks = asked[0].contains("Accept-Encoding: gzip");
        assert_eq!(asks, decompression != Decompression::None);
    }
}

#[test]
fn our_own_server_is_understood_with_tls_and_without() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    for (scheme, tls) in [("http", None), ("https", Some(tls))] {
        let server = start(
            "127.0.0.1:0",
            Options {
                tls,
                ..Options::default()
            },
            None,
        );
        let url = |path: &str| format!("{scheme}://{}{path}", server.address);
        let client = HttpClient::new(HttpClientOptions {
            trust: Trust::Pem(chain.clone().into_bytes()),
            ..HttpClientOptions::default()
        });
        for _ in 0..3 {
            assert_eq!(read(&client, &url("/")).unwrap(), (200, b"hello".to_vec()));
        }
        assert_eq!(client.idle(), 1);
        for path in ["/static", "/streamed", "/whole"] {
            assert!(read(&client, &url(path)).unwrap().1 == LARGE, "{path}");
        }
        assert!(read(&client, &url("/cut")).is_err());
        for (path, length) in [
            ("/upload", Length::Exact(LARGE.len() as u64)),
            ("/upload", Length::Unknown),
            ("/echo", Length::Unknown),
        ] {
            let mut content = &LARGE[..];
            let url = url(path);
            let request = Request {
                method: Method::Post,
                content: Content::Stream(&mut content, length),
                ..Request::get(&url)
            };
            let answer = client.send(request).unwrap().read_all(LARGE.len()).unwrap();
            // An echo goes on in both directions at once.
            let expected = if path == "/echo" {
                LARGE.to_vec()
            } else {
                LARGE.len().to_string().into()
            };
            assert!(answer == expected, "{scheme} {path} {length:?}");
        }
        let upload = url("/upload");
        let short = Request {
            method: Method::Post,
            content: Content::Stream(&mut &b"less"[..], Length::Exact(5)),
            ..Request::get(&upload)
        };
        assert!(matches!(client.send(short), Err(Error::Content(_))));
        drop(client);
        server.finish();
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let server = start(
        "127.0.0.1:0",
        Options {
            tls: Some(tls),
            ..Options::default()
        },
        None,
    );
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    for (trust, is_trusted) in [
        (Trust::Anybody, true),
        // The right roots and the wrong name; the right name and other roots.
        (Trust::Pem(chain.clone().into_bytes()), false),
        (Trust::Pem(other.cert.pem().into_bytes()), false),
    ] {
        let client = HttpClient::new(HttpClientOptions {
            trust,
            ..HttpClientOptions::default()
        });
        let answer = client.get(&format!("https://{}/", server.address));
        assert_eq!(answer.is_ok(), is_trusted);
        assert!(is_trusted || matches!(answer, Err(Error::Tls(_))));
    }
    server.finish();
}

#[test]
fn what_cannot_be_asked_is_not() {
    for url in [
        "",
        "/",
        "ftp://a/",
        "http://",
        "http://u@a/",
        "http://a:65536/",
    ] {
        assert!(matches!(client().get(url), Err(Error::Url(_))), "{url}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(client().get(&url), Err(Error::Connect(_))));
}

#[test]
fn what_happens_is_told() {
    let server = scripted(vec![vec![b"HTTP/1.1 204 No Content\r\n\r\n"; 2]]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tracer = {
        let told = Arc::clone(&told);
        kinglet_hosted::http_client::Tracer::new(move |trace| {
            let text = format!("{trace:?}");
            let name = text.split('(').next().unwrap().to_owned();
            told.lock().unwrap().push(name);
        })
    };
    let client = HttpClient::new(HttpClientOptions {
        tracer: Some(tracer),
        ..HttpClientOptions::default()
    });
    for _ in 0..2 {
        read(&client, &server.url).unwrap();
    }
    let told = told.lock().unwrap().join(" ");
    assert_eq!(
        told,
        "Resolved Connected Asked Answered Reused Asked Answered"
    );
    server.thread.join().unwrap();
}
