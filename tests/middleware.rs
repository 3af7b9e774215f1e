//! What stands around an application, seen from the peer.

mod support;

use kinglet_core::field;
use kinglet_core::http::{Field, Status};
use kinglet_core::middleware::SecurityHeaders;
use support::link::Link;
use support::messages::LIMITS;
use support::script::Script;

const OWN: Field<'static> = field!("Content-Security-Policy", "sandbox");
const LINES: &[Field<'static>] = &[
    field!("X-Frame-Options", "DENY"),
    field!("Content-Security-Policy", "default-src 'self'"),
];

/// Answers as its path says.
fn script() -> Script {
    Script::new(|request, reply| match request.path() {
        "/own" => reply.send(Status::OK, &[OWN], b""),
        _ => reply.send(Status::NOT_FOUND, &[], b""),
    })
}

#[test]
fn security_headers_are_in_every_answer_of_the_application() {
    let both = "X-Frame-Options: DENY\\r\\nContent-Security-Policy: default-src 'self'\\r\\n";
    let own = "Content-Security-Policy: sandbox\\r\\nX-Frame-Options: DENY\\r\\n";
    let rows = [
        ("/none", format!("Content-Length: 0\\r\\n{both}\\r\\n")),
        ("/own", format!("Content-Length: 0\\r\\n{own}\\r\\n")),
    ];
    for (path, expected) in rows {
        let mut link = Link::new(SecurityHeaders::with(script(), LINES), LIMITS);
        link.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = link.received_text();
        assert!(answer.ends_with(&expected), "{path}: {answer}");
    }
}
