//! What `docs/` says is so: its examples are played on the engine.

#[path = "docs/application.rs"]
mod application;
#[path = "support/escape.rs"]
mod escape;
#[path = "docs/example.rs"]
mod example;
#[path = "docs/markdown.rs"]
mod markdown;

use example::Delivery;
use markdown::blocks;

const ANATOMY: &str = include_str!("../docs/http-anatomy.md");

#[test]
fn every_example_of_the_anatomy_comes_out_as_shown() {
    for delivery in [Delivery::Whole, Delivery::ByteByByte] {
        let played = example::play(&blocks(ANATOMY), delivery);
        let answered = played.unwrap_or_else(|told| panic!("{told}"));
        assert!(answered > 20, "only {answered} examples");
    }
}

#[test]
fn an_example_that_is_wrong_does_not_pass() {
    let right = "```http-in\nGET /nothing HTTP/1.0\\r\\n\n\\r\\n\n```\n\
        ```http-out close\nHTTP/1.1 204 No Content\\r\\nServer: kinglet\\r\\n\n\
        Date: Sun, 06 Nov 1994 08:49:37 GMT\\r\\nConnection: close\\r\\n\n\\r\\n\n```\n";
    let verdict = |text: &str| example::play(&blocks(text), Delivery::Whole);
    assert_eq!(verdict(right), Ok(1));
    for (from, to) in [
        ("204", "200"),
        ("1994", "1995"),
        ("http-out close", "http-out"),
        ("http-out close", "http-out gone"),
        ("http-in", "http-in more"),
        ("http-in", "http-in later"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert!(verdict(&wrong).is_err(), "{from} is as good as {to}");
    }
}

#[test]
fn no_bytes_of_the_anatomy_escape_the_check() {
    let mut open = None;
    for block in blocks(ANATOMY) {
        match block.kind {
            "text" => {}
            "http-in" => open = Some(block.at),
            "http-out" => open = None,
            "http-line" | "http-field" | "http-framing" | "http-chunked" => {
                let rows = example::check_rows(&block).unwrap_or_else(|told| panic!("{told}"));
                assert!(rows > 0, "line {}", block.at);
            }
            other => panic!("line {}: a block of kind {other:?}", block.at),
        }
    }
    assert_eq!(open, None, "bytes sent, and no word of what comes of them");
}
