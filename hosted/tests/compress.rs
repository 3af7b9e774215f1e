//! Answers made in memory, compressed where the client prefers that.

mod support;

use std::io::{Read, Write};

use flate2::read::GzDecoder;
use kinglet_core::Application;
use kinglet_core::http::{Field, Handled, Reply, Request, Status};
use kinglet_hosted::{Address, Compressor, CompressorOptions, Options, Server};
use support::{connect, read_to_end};

/// Answers with content of the length and the type that the path names: `/1000/text/html`.
struct Site {
    compressor: Compressor,
}

impl Application for Site {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        let mut path = request.path().trim_start_matches('/').splitn(2, '/');
        let len = path.next().unwrap().parse().unwrap();
        let media_type = path.next().unwrap();
        let mut fields = vec![
            Field::new("Content-Type", media_type.as_bytes()).unwrap(),
            Field::new("ETag", b"\"v1\"").unwrap(),
        ];
        for pair in request
            .query()
            .into_iter()
            .flat_map(|query| query.split('&'))
        {
            let (name, value) = pair.split_once('=').unwrap();
            fields.push(Field::new(name, value.as_bytes()).unwrap());
        }
        let status = match request.method().as_str() {
            "POST" => Status::NOT_FOUND,
            _ => Status::OK,
        };
        let content = content(media_type, len);
        self.compressor
            .send(request, reply, status, &fields, &content)
    }
}

/// Words, or what has no pattern at all.
fn content(media_type: &str, len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let noise = (0..len).map(|at| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if media_type == "text/noise" {
            (state >> 56) as u8
        } else {
            b"all is well "[at % 12]
        }
    });
    noise.collect()
}

#[test]
fn what_is_worth_it_is_compressed_for_those_who_prefer_it() {
    let options = Options::default();
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), options).unwrap();
    let Address::Tcp(address) = server.local_address().clone() else {
        panic!("not a TCP server")
    };
    let handle = server.handle();
    let thread = std::thread::spawn(move || {
        server.run(|_| Site {
            compressor: Compressor::new(CompressorOptions {
                media_types: vec!["application/x-own".into()],
                ..CompressorOptions::default()
            }),
        })
    });
    let gzip = Some("gzip, deflate, br");
    for (method, path, accept, varies, is_gzip) in [
        ("GET", "/5000/text/html", gzip, true, true),
        ("GET", "/5000/text/html;charset=utf-8", gzip, true, true),
        ("GET", "/1000000/application/json", gzip, true, true),
        ("GET", "/5000/application/x-own", gzip, true, true),
        ("HEAD", "/5000/text/html", gzip, true, true),
        ("GET", "/1024/text/html", Some("gzip;q=0.5"), true, true),
        ("GET", "/5000/text/html", None, true, false),
        ("GET", "/5000/text/html", Some(""), true, false),
        ("GET", "/5000/text/html", Some("br"), true, false),
        ("GET", "/5000/text/html", Some("gzip;q=0"), true, false),
        (
            "GET",
            "/5000/text/html",
            Some("gzip;q=0.1, identity"),
            true,
            false,
        ),
        ("GET", "/5000/text/noise", gzip, true, false),
        ("GET", "/1023/text/html", gzip, false, false),
        ("GET", "/0/text/html", gzip, false, false),
        ("GET", "/1048577/text/html", gzip, false, false),
        ("GET", "/5000/image/png", gzip, false, false),
        ("GET", "/5000/text/event-stream", gzip, false, false),
        ("POST", "/5000/text/html", gzip, false, false),
        (
            "GET",
            "/5000/text/html?Content-Encoding=x",
            gzip,
            false,
            false,
        ),
        (
            "GET",
            "/5000/text/html?Cache-Control=no-transform",
            gzip,
            false,
            false,
        ),
        (
            "GET",
            "/5000/text/html?Cache-Control=max-age",
            gzip,
            true,
            true,
        ),
    ] {
        let mut client = connect(address);
        let line = accept.map_or(String::new(), |accept| {
            format!("Accept-Encoding: {accept}\r\n")
        });
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 0\r\n{line}\r\n"
        );
        client.write_all(request.as_bytes()).unwrap();
        let answer = read_to_end(&mut client);
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let (head, sent) = answer.split_at(end + 4);
        let head = core::str::from_utf8(head).unwrap();
        let told = format!("{method} {path} {accept:?}: {head}");
        assert_eq!(
            head.contains("\r\nVary: Accept-Encoding\r\n"),
            varies,
            "{told}"
        );
        assert_eq!(
            head.contains("\r\nContent-Encoding: gzip\r\n"),
            is_gzip,
            "{told}"
        );
        assert_eq!(head.contains("\r\nETag: W/\"v1\"\r\n"), is_gzip, "{told}");
        if method == "HEAD" {
            continue;
        }
        let mut parts = path.trim_start_matches('/').splitn(2, '/');
        let len = parts.next().unwrap().parse().unwrap();
        let media_type = parts.next().unwrap().split('?').next().unwrap();
        let mut inflated = Vec::new();
        if is_gzip {
            assert!(sent.len() < len / 2, "{told}");
            GzDecoder::new(sent).read_to_end(&mut inflated).unwrap();
        } else {
            inflated.extend(sent);
        }
        assert!(inflated == content(media_type, len), "{told}");
    }
    handle.drain();
    thread.join().unwrap().unwrap();
}
