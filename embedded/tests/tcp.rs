//! The server over smoltcp, against clients over smoltcp.

mod support;

use support::application::{Everything, LARGE};
use support::hosts::{Lab, Setup};

const CLOSE: &str = "Host: lab\r\nConnection: close\r\n\r\n";

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{CLOSE}").into_bytes()
}

fn post(path: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Length: {}\r\n{CLOSE}",
        content.len()
    );
    [head.as_bytes(), content].concat()
}

/// The content of an answer, with its head before it.
fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(answer))) + 4;
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head is ASCII");
    (head, answer[end..].to_vec())
}

/// What is left of chunks when their framing is taken off.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let line = bytes
            .windows(2)
            .position(|end| end == b"\r\n")
            .expect("a size");
        let size = std::str::from_utf8(&bytes[..line]).expect("hexadecimal");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        bytes = &bytes[line + 2..];
        if size == 0 {
            assert_eq!(bytes, b"\r\n");
            return content;
        }
        content.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

#[test]
fn answers_requests_of_every_kind() {
    for ring in [512, 700, 1024, 4096] {
        let setup = Setup {
            ring,
            ..Setup::default()
        };
        let mut lab = Lab::new(Everything::default(), &setup);
        let (head, content) = split(&lab.request(&get("/")));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(content, b"hello\n");
        let (_, content) = split(&lab.request(&get("/large")));
        assert!(content == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&get("/flash")));
        assert!(unchunked(&content) == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&post("/echo", &LARGE)));
        assert!(content == LARGE, "{} bytes", content.len());
        let (_, content) = split(&lab.request(&post("/collect", &LARGE[..200])));
        assert!(content == LARGE[..200], "{} bytes", content.len());
        let (head, _) = split(&lab.request(&post("/collect", &LARGE[..201])));
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    }
}
