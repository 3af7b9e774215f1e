use std::string::String;
use std::vec::Vec;

use super::*;
use crate::http::Method;
use crate::window::Queue;

fn ask(connection: &mut Connection, request: &Request<'_>) -> Result<String, SendError> {
    let (mut room, mut queue) = ([0; 256], Queue::new());
    let mut output = Output::new(&mut room, &mut queue);
    connection.request(request, &Input::new(&mut [], Outlook::More), &mut output)?;
    let bytes = queue.slices(&room).flatten().copied().collect();
    Ok(String::from_utf8(bytes).unwrap())
}

/// Status, content and trailers as text, or the error, of an answer that comes `step` bytes at a
/// time into a window of `capacity`.
fn read(method: Method<'_>, answer: &str, step: usize, capacity: usize) -> (String, bool) {
    let mut connection = Connection::new();
    let request = Request {
        method,
        ..Request::get(
            if method == Method::Connect {
                "a:1"
            } else {
                "/"
            },
            "a:1",
        )
    };
    ask(&mut connection, &request).unwrap();
    let mut in_flight = answer.as_bytes();
    let mut window: Vec<u8> = Vec::new();
    let (mut text, mut ended) = (String::new(), false);
    loop {
        let outlook = match (ended, window.len()) {
            (true, _) => Outlook::Ended,
            (false, len) if len == capacity => Outlook::Full,
            (false, _) => Outlook::More,
        };
        let mut input = Input::new(&mut window, outlook);
        let event = connection.step(&Limits::MICROCONTROLLER, &mut input);
        let remaining = input.remaining().to_vec();
        match event {
            Ok(Event::Receive) => {
                let len = step
                    .min(in_flight.len())
                    .min(capacity.saturating_sub(remaining.len()));
                ended |= len == 0;
                let (come, rest) = in_flight.split_at(len);
                in_flight = rest;
                window = [&remaining, come].concat();
                continue;
            }
            Ok(Event::Head) => {
                let response = connection.response(&remaining).unwrap();
                text.push_str(std::format!("{}:", response.status().code()).as_str());
            }
            Ok(Event::Data { .. }) => {
                text.push_str(core::str::from_utf8(event.unwrap().data(&remaining)).unwrap());
            }
            Ok(Event::End { .. }) => {
                for line in event.unwrap().trailers(&remaining) {
                    text.push_str(std::format!("|{}", line.name()).as_str());
                }
                return (text, connection.persists());
            }
            Ok(Event::Closed) => return (String::from("closed"), connection.persists()),
            Err(error) => {
                assert!(!connection.persists());
                return (std::format!("{error:?}"), false);
            }
        }
        window = remaining;
    }
}

#[test]
fn reads_an_answer_however_it_is_cut() {
    let rows: [(Method<'_>, &str, &str, bool); 13] = [
        (
            Method::Get,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "200:hello",
            true,
        ),
        (Method::Get, "HTTP/1.1 204 No Content\r\n\r\n", "204:", true),
        (
            Method::Head,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "200:",
            true,
        ),
        (
            Method::Get,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "200:hi",
            true,
        ),
        (
            Method::Get,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nDigest: x\r\n\r\n",
            "200:hello!|Digest",
            true,
        ),
        (
            Method::Get,
            "HTTP/1.1 200 OK\r\n\r\nuntil the end",
            "200:until the end",
            false,
        ),
        (
            Method::Get,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
            "200:x",
            false,
        ),
        (
            Method::Get,
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "200:x",
            false,
        ),
        (
            Method::Connect,
            "HTTP/1.1 200 OK\r\n\r\ntunnel",
            "200:tunnel",
            false,
        ),
        (Method::Get, "", "closed", false),
        (Method::Get, "HTTP/1.1 20", "Syntax(Truncated)", false),
        (
            Method::Get,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "Syntax(Truncated)",
            false,
        ),
        (
            Method::Get,
            "HTTP/1.1 200 OK\nA: b\r\n\r\n",
            "Syntax(BareLf)",
            false,
        ),
    ];
    for (method, answer, expected, persists) in rows {
        for step in 1..=answer.len().max(1) {
            let expected = (String::from(expected), persists);
            assert_eq!(
                read(method, answer, step, 64),
                expected,
                "{answer:?} by {step}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_the_window_is_refused() {
    let head = "HTTP/1.1 200 OK\r\nA: 0123456789012345678901234567890123456789\r\n\r\n";
    assert_eq!(read(Method::Get, head, 9, 40).0, "Limit(HeadTooLarge)");
    let trailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 0123456789012345678901234567890123456789012345678901234567890123456789";
    assert_eq!(
        read(Method::Get, trailers, 9, 50).0,
        "Limit(TrailersTooLarge)"
    );
}

#[test]
fn content_is_framed_as_was_declared() {
    let (mut room, mut queue) = ([0; 256], Queue::new());
    for (length, expected) in [
        (Length::Exact(5), "Content-Length: 5\r\n\r\nhello"),
        (
            Length::Unknown,
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    ] {
        let mut connection = Connection::new();
        let request = Request {
            method: Method::Post,
            content: Some(length),
            ..Request::get("/", "a")
        };
        let input = Input::new(&mut [], Outlook::More);
        let mut output = Output::new(&mut room, &mut queue);
        connection.request(&request, &input, &mut output).unwrap();
        assert_eq!(
            connection.request(&request, &input, &mut output),
            Err(SendError::Busy)
        );
        assert_eq!(connection.write(b"hello", &mut output), Ok(5));
        let more = connection.write(b"!", &mut output);
        if length == Length::Unknown {
            output.truncate(output.filled() - 6);
            assert_eq!(more, Ok(1));
        } else {
            assert_eq!(more, Err(SendError::Length));
        }
        connection.finish(&[], &mut output).unwrap();
        assert_eq!(connection.write(b"!", &mut output), Err(SendError::Length));
        let bytes: Vec<u8> = queue.slices(&room).flatten().copied().collect();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            std::format!("POST / HTTP/1.1\r\nHost: a\r\n{expected}")
        );
        queue.clear();
    }
}

#[test]
fn less_content_than_was_declared_does_not_end() {
    let (mut room, mut queue) = ([0; 256], Queue::new());
    let mut connection = Connection::new();
    let request = Request {
        content: Some(Length::Exact(5)),
        ..Request::get("/", "a")
    };
    let input = Input::new(&mut [], Outlook::More);
    let mut output = Output::new(&mut room, &mut queue);
    connection.request(&request, &input, &mut output).unwrap();
    connection.pass(4);
    assert_eq!(connection.passable(), 1);
    assert_eq!(connection.finish(&[], &mut output), Err(SendError::Length));

    // An answer that does not wait for it is the last on this connection.
    let mut answer = *b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let mut input = Input::new(&mut answer, Outlook::More);
    for expected in [Event::Head, Event::End { start: 0, end: 0 }] {
        assert_eq!(connection.step(&Limits::SERVER, &mut input), Ok(expected));
    }
    assert!(!connection.is_busy() && !connection.persists());
}

#[test]
fn interim_responses_are_told_before_the_final_one() {
    let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    for step in [1, 7, answer.len()] {
        let mut connection = Connection::new();
        ask(&mut connection, &Request::get("/", "a")).unwrap();
        let (mut window, mut told) = (Vec::new(), Vec::new());
        let mut event = Event::Receive;
        for part in answer.chunks(step) {
            window.extend_from_slice(part);
            let mut input = Input::new(&mut window, Outlook::More);
            event = connection
                .step_with_interim(&Limits::SERVER, &mut input, |interim| {
                    told.push((interim.status().code(), interim.fields().count()));
                })
                .unwrap();
            let consumed = input.consumed();
            window.drain(..consumed);
        }
        assert_eq!(event, Event::Head);
        assert_eq!(told, [(100, 0), (103, 1)], "by {step}");
        assert_eq!(connection.content_left(), Some(2));
    }
}

#[test]
fn what_nobody_asked_for_is_no_answer() {
    let (mut room, mut queue) = ([0; 256], Queue::new());
    let mut connection = Connection::new();
    let mut junk = *b"HTTP/1.1 200 OK\r\n";
    let input = Input::new(&mut junk, Outlook::More);
    let mut output = Output::new(&mut room, &mut queue);
    for _ in 0..2 {
        let asked = connection.request(&Request::get("/", "a"), &input, &mut output);
        assert_eq!(asked, Err(SendError::Closed));
    }
}

#[test]
fn a_request_that_cannot_be_sent_is_not() {
    let mut connection = Connection::new();
    for request in [Request::get("no path", "a"), Request::get("/", "a b")] {
        assert_eq!(ask(&mut connection, &request), Err(SendError::Invalid));
    }
    assert!(!connection.is_busy() && ask(&mut connection, &Request::get("/", "a")).is_ok());
}
