//! What an application that observes is told: once for each exchange, however it ends.

mod support;

use std::fmt::Write;

use kinglet_core::http::server::Part;
use kinglet_core::http::{Field, Handled, Length, Reply, Request, Status, Stream, Ticket};
use kinglet_core::websocket::{self, Closed, Socket, Terms};
use kinglet_core::{Application, Outcome, Traffic, field};
use support::frames::{self, Masking};
use support::link::Link;
use support::messages::LIMITS;
use support::script::Script;

/// Writes down what it is told. Each answer bears a line that was added around the handler.
#[derive(Default)]
struct Observing {
    told: String,
    tickets: Vec<Ticket>,
}

#[derive(Default)]
struct Exchange {
    path: String,
    received: usize,
    sent: usize,
}

const ADDED: [Field<'static>; 1] = [field!("X-A", "b")];

impl Application for Observing {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        exchange.path = request.path().to_owned();
        reply.with_fields(&ADDED, |reply| match request.path() {
            "/" => reply.send(Status::OK, &[], b"ok"),
            "/static" => reply.send_static(Status::OK, &[], b"ok"),
            "/stream" | "/cut" => reply.start(Status::ACCEPTED, &[], Length::Unknown),
            "/later" => {
                let (ticket, handled) = reply.later();
                self.tickets.push(ticket);
                handled
            }
            "/collect" if request.content().is_none() => reply.collect(8),
            "/receive" => reply.receive(),
            "/misuse" => reply.send(Status::CONTINUE, &[], b""),
            "/websocket" => reply.websocket(request, &Terms::ANY),
            _ => reply.send(Status::NOT_FOUND, &[], b""),
        })
    }

    fn content(&mut self, _: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match part {
            Part::Data(_) => reply.receive(),
            Part::End(_) => reply.send(Status::NO_CONTENT, &[], b""),
        }
    }

    fn stream(&mut self, exchange: &mut Exchange, mut stream: Stream<'_>) -> Handled {
        stream.write(b"0123456789");
        match exchange.path.as_str() {
            "/stream" => stream.finish(),
            _ => stream.abort(),
        }
    }

    fn relay(
        &mut self,
        _: &mut Exchange,
        reply: Reply<'_>,
        answer: &mut dyn FnMut(Reply<'_>) -> Handled,
    ) -> Handled {
        reply.with_fields(&ADDED, answer)
    }

    fn observes(&self) -> bool {
        true
    }

    fn moved(&mut self, exchange: &mut Exchange, traffic: Traffic) {
        exchange.received += traffic.received;
        exchange.sent += traffic.sent;
    }

    fn finished(&mut self, exchange: &mut Exchange, outcome: &Outcome<'_>) {
        let Exchange {
            path,
            received,
            sent,
        } = exchange;
        let status = outcome.status().map_or(0, Status::code);
        let _ = write!(self.told, "[{path} {status} {received}/{sent}");
        if let Some(cause) = outcome.cause() {
            let _ = write!(self.told, " {cause:?}");
        }
        self.told.push(']');
    }

    fn message(&mut self, _: &mut Exchange, part: websocket::Part<'_>, socket: &mut Socket<'_>) {
        socket.forward(part).unwrap();
    }

    fn closed(&mut self, exchange: &mut Exchange, closed: Closed<'_>) {
        let Exchange {
            path,
            received,
            sent,
        } = exchange;
        let code = closed.code();
        let _ = write!(self.told, "[{path} closed {code:?} {received}/{sent}]");
    }
}

fn link() -> Link<Observing> {
    Link::new(Observing::default(), LIMITS)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(path: &str, rest: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{rest}")
}

#[test]
fn each_exchange_is_told_of_once() {
    let chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let rows = [
        (get("/"), "[/ 200 27/48]"),
        (get("/static"), "[/static 200 33/48]"),
        (get("/none"), "[/none 404 31/53]"),
        (get("/") + &get("/"), "[/ 200 27/48][/ 200 27/48]"),
        (get("/") + "\r\n" + &get("/"), "[/ 200 27/48][/ 200 27/48]"),
        (get("/stream"), "[/stream 202 33/81]"),
        (get("/cut"), "[/cut 202 30/76 Aborted]"),
        (get("/misuse"), "[/misuse 500 33/125 Aborted]"),
        (
            post("/receive", "Content-Length: 4\r\n\r\nabcd"),
            "[/receive 204 58/27]",
        ),
        (post("/receive", chunked), "[/receive 204 76/27]"),
        (
            post("/collect", "Content-Length: 4\r\n\r\nabcd"),
            "[/collect 404 58/53]",
        ),
        (
            post("/collect", "Content-Length: 9\r\n\r\nabcdefghi"),
            "[/collect 413 54/124 Failed(Limit(ContentTooLarge))]",
        ),
        // Answered before its content, of which the rest is nobody's.
        (
            post("/", "Content-Length: 4\r\n\r\nabcd") + &get("/"),
            "[/ 200 47/48][/ 200 27/48]",
        ),
        // What is no request has an answer all the same.
        (
            get("/") + "GET\r\n\r\n",
            "[/ 200 27/48][ 400 0/120 Failed(Syntax(InvalidMethod))]",
        ),
        (String::from("\r\n"), ""),
        (String::from("GET / HT"), ""),
    ];
    for (sent, told) in rows {
        let mut whole = link();
        whole.send(&sent);
        assert_eq!(whole.application.told, told, "{sent}");
        let mut trickled = link();
        trickled.trickle(&sent);
        assert_eq!(trickled.application.told, told, "{sent} in single bytes");
        // What is lost after its end is no news.
        trickled.lose();
        let is_part = sent == "GET / HT";
        assert!(is_part || trickled.application.told == told, "{sent}");
    }
}

#[test]
fn an_exchange_that_is_lost_is_told_of() {
    let mut idle = link();
    idle.send(get("/")).lose();
    assert_eq!(idle.application.told, "[/ 200 27/48]");
    let mut deferred = link();
    deferred.send(get("/later")).lose();
    assert_eq!(deferred.application.told, "[/later 0 32/0 Peer]");
    let mut receiving = link();
    receiving.send(post("/receive", "Content-Length: 4\r\n\r\nab"));
    receiving.finish();
    let told = "[/receive 0 56/0 Failed(Syntax(Truncated))]";
    assert_eq!(receiving.application.told, told);
}

#[test]
fn an_answer_from_elsewhere_is_told_of_and_has_what_is_added() {
    let mut link = link();
    link.send(get("/later"));
    let ticket = link.application.tickets[0];
    assert!(link.answer(ticket, |reply| reply.send(Status::OK, &[], b"late")));
    assert_eq!(link.application.told, "[/later 200 32/50]");
    let expected = "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\nX-A: b\\r\\n\\r\\nlate";
    assert_eq!(link.received_text(), expected);
}

#[test]
fn a_websocket_is_told_of_when_it_is_closed() {
    let handshake = "GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut link = link();
    link.send(handshake);
    let answer = link.received_text();
    assert!(answer.contains("X-A: b\\r\\n"), "{answer}");
    assert_eq!(link.application.told, "");
    let before = (handshake.len(), answer.replace("\\r\\n", "??").len());
    link.send(frames::bytes("text \"hello\"", Masking::Masked).unwrap());
    link.send(frames::bytes("close 1000", Masking::Masked).unwrap());
    let (received, sent) = (before.0 + 11 + 8, before.1 + 7 + 4);
    let told = format!("[/websocket closed CloseCode(1000) {received}/{sent}]");
    assert_eq!(link.application.told, told);
}

#[test]
fn default_fields_give_way_to_the_answers_own() {
    const OWN: Field<'_> = field!("x-a", "own");
    let rows: [(&[Field<'_>], &str); 2] = [
        (&[], "X-B: outer\\r\\nX-A: outer\\r\\n"),
        (&[OWN], "x-a: own\\r\\nX-B: outer\\r\\n"),
    ];
    for (own, expected) in rows {
        let script = Script::new(move |_, reply| {
            let outer = [field!("X-A", "outer")];
            reply.with_default_fields(&outer, |reply| {
                let inner = [field!("X-B", "outer")];
                reply.with_fields(&inner, |reply| reply.send(Status::OK, own, b""))
            })
        });
        let mut link = Link::new(script, LIMITS);
        link.send(get("/"));
        let head = "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n";
        assert_eq!(link.received_text(), format!("{head}{expected}\\r\\n"));
    }
}
