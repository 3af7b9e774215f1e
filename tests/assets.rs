//! Files in flash: which variant a client gets, and when it has that already.

mod support;

use kinglet_core::assets::Asset;
use kinglet_core::http::{Handled, Reply, Request};
use kinglet_core::{Application, Limits, field};
use support::link::Link;

const PAGE: Asset = Asset::new(field!("Content-Type", "text/html"), b"plain")
    .with_gzip(b"compressed")
    .with_field(field!("Cache-Control", "no-cache"));
const NOTE: Asset = Asset::new(field!("Content-Type", "text/plain"), b"plain");

struct Files;

impl Application for Files {
    type Exchange = ();

    fn request(&mut self, (): &mut (), request: &Request<'_>, reply: Reply<'_>) -> Handled {
        match request.path() {
            "/page" => PAGE.answer(request, reply),
            _ => NOTE.answer(request, reply),
        }
    }
}

/// All of an answer to a request with these field lines.
fn answer(start: &str, lines: &str) -> String {
    let mut link = Link::new(Files, Limits::SERVER);
    link.send(format!("{start} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    String::from_utf8(link.received()).expect("ASCII")
}

fn tag_of(answer: &str) -> String {
    let (_, rest) = answer.split_once("ETag: ").expect("a tag");
    rest.split("\r\n").next().expect("its line").to_owned()
}

#[test]
fn a_client_gets_the_variant_that_it_prefers() {
    let rows = [
        ("", "plain"),
        ("Accept-Encoding: gzip\r\n", "compressed"),
        ("Accept-Encoding: br, GZIP\r\n", "compressed"),
        (
            "Accept-Encoding: br\r\nAccept-Encoding: x-gzip, gzip\r\n",
            "compressed",
        ),
        ("Accept-Encoding: br\r\n", "plain"),
        ("Accept-Encoding: gzip;q=0\r\n", "plain"),
        (
            "Accept-Encoding: gzip;q=0.5, identity;q=0.4\r\n",
            "compressed",
        ),
        ("Accept-Encoding: gzip;q=0.5, identity\r\n", "plain"),
        ("Accept-Encoding:\r\n", "plain"),
    ];
    for (lines, content) in rows {
        let answer = answer("GET /page", lines);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.ends_with(&format!("\r\n\r\n{content}")),
            "{lines}{answer}"
        );
        let is_compressed = content == "compressed";
        assert_eq!(answer.contains("Content-Encoding: gzip\r\n"), is_compressed);
        assert!(answer.contains("Vary: Accept-Encoding\r\n"));
        assert!(answer.contains("Cache-Control: no-cache\r\n"));
        assert!(answer.contains("Content-Type: text/html\r\n"));
    }
    let note = answer("GET /note", "Accept-Encoding: gzip\r\n");
    assert!(
        note.ends_with("\r\n\r\nplain") && !note.contains("Vary"),
        "{note}"
    );
}

#[test]
fn each_variant_has_its_own_tag() {
    let plain = answer("GET /page", "");
    let compressed = answer("GET /page", "Accept-Encoding: gzip\r\n");
    assert_ne!(tag_of(&plain), tag_of(&compressed));
    assert_eq!(
        tag_of(&plain),
        tag_of(&answer("GET /note", "")),
        "the same bytes"
    );
    assert_eq!(tag_of(&plain), tag_of(&answer("HEAD /page", "")));
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let plain = tag_of(&answer("GET /page", ""));
    let gzip = tag_of(&answer("GET /page", "Accept-Encoding: gzip\r\n"));
    let rows = [
        (format!("If-None-Match: {plain}\r\n"), "304"),
        (format!("If-None-Match: W/{plain}\r\n"), "304"),
        (format!("If-None-Match: \"x\", {plain}\r\n"), "304"),
        (
            format!("If-None-Match: \"x\"\r\nIf-None-Match: {plain}\r\n"),
            "304",
        ),
        (String::from("If-None-Match: *\r\n"), "304"),
        (format!("If-None-Match: {gzip}\r\n"), "200"),
        (
            format!("If-None-Match: {gzip}\r\nAccept-Encoding: gzip\r\n"),
            "304",
        ),
        (String::from("If-None-Match: nonsense\r\n"), "200"),
        (format!("If-Match: {plain}\r\n"), "200"),
        (format!("If-Match: \"x\"\r\nIf-Match: {plain}\r\n"), "200"),
        (String::from("If-Match: \"x\"\r\n"), "412"),
        (
            format!("If-Match: \"x\"\r\nIf-None-Match: {plain}\r\n"),
            "412",
        ),
        (
            String::from("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            "200",
        ),
    ];
    for (lines, status) in rows {
        let answer = answer("GET /page", &lines);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{lines}{answer}"
        );
        assert!(answer.contains("ETag: ") && answer.contains("Cache-Control: "));
        if status == "304" {
            assert!(answer.ends_with("\r\n\r\n"), "{answer}");
            assert!(!answer.contains("Content-Type") && !answer.contains("Content-Length"));
        }
    }
}
