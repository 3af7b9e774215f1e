//! What a client makes of responses: framing (RFC 9112 §6.3) and persistence (RFC 9112 §9.3).

use kinglet_core::Limits;
use kinglet_core::http::{
    Decoder, Error, Framing, LimitError, Method, Piece, ResponseParser, SyntaxError,
};

type Outcome = Result<(Framing, bool), SyntaxError>;

/// The framing of a response as the answer to `method`, and whether the connection persists.
fn outcome(method: Method<'_>, head: &str) -> Outcome {
    let response = ResponseParser::new().parse(head.as_bytes(), &Limits::SERVER);
    let response = match response {
        Ok(response) => response.expect("a whole head"),
        Err(Error::Syntax(error)) => return Err(error),
        Err(error) => panic!("{error:?}"),
    };
    Ok((response.framing(method)?, response.persists()))
}

#[test]
fn the_rules_of_message_body_length_apply_in_their_order() {
    use Method::{Connect, Get, Head};
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    const FIVE: &str = "Content-Length: 5\r\n";
    let both = &format!("{CHUNKED}{FIVE}");
    let rows: [(Method<'_>, &str, &str, Result<Framing, SyntaxError>); 26] = [
        // Rule 1.
        (Head, "1.1 200 OK", FIVE, Ok(Framing::None)),
        (Head, "1.1 200 OK", CHUNKED, Ok(Framing::None)),
        (Get, "1.1 100 Continue", FIVE, Ok(Framing::None)),
        (Get, "1.1 204 No Content", FIVE, Ok(Framing::None)),
        (Get, "1.1 304 Not Modified", CHUNKED, Ok(Framing::None)),
        (
            Get,
            "1.1 101 Switching Protocols",
            FIVE,
            Ok(Framing::Switched),
        ),
        // Rule 2.
        (Connect, "1.1 200 OK", FIVE, Ok(Framing::Switched)),
        (Connect, "1.1 299 OK", CHUNKED, Ok(Framing::Switched)),
        (Connect, "1.1 403 Forbidden", FIVE, Ok(Framing::Length(5))),
        // Rule 3, which we refuse.
        (
            Get,
            "1.1 200 OK",
            both,
            Err(SyntaxError::LengthAndTransferCoding),
        ),
        (
            Get,
            "1.0 200 OK",
            CHUNKED,
            Err(SyntaxError::TransferCodingInHttp10),
        ),
        // Rule 4.
        (Get, "1.1 200 OK", CHUNKED, Ok(Framing::Chunked)),
        (
            Get,
            "1.1 200 OK",
            "transfer-encoding: , CHUNKED\r\n",
            Ok(Framing::Chunked),
        ),
        (
            Get,
            "1.1 200 OK",
            "Transfer-Encoding: gzip\r\n",
            Ok(Framing::UntilClose),
        ),
        (
            Get,
            "1.1 200 OK",
            "Transfer-Encoding: chunked, gzip\r\n",
            Ok(Framing::UntilClose),
        ),
        (
            Get,
            "1.1 200 OK",
            "Transfer-Encoding: gzip, chunked\r\n",
            Err(SyntaxError::UnknownTransferCoding),
        ),
        (
            Get,
            "1.1 200 OK",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            Err(SyntaxError::UnknownTransferCoding),
        ),
        (
            Get,
            "1.1 200 OK",
            "Transfer-Encoding: chunked, chunked\r\n",
            Err(SyntaxError::ChunkedNotFinal),
        ),
        // Rules 5 and 6.
        (
            Get,
            "1.1 200 OK",
            "Content-Length: +5\r\n",
            Err(SyntaxError::InvalidContentLength),
        ),
        (
            Get,
            "1.1 200 OK",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            Err(SyntaxError::InvalidContentLength),
        ),
        (
            Get,
            "1.1 200 OK",
            "Content-Length: 5, 5\r\n",
            Ok(Framing::Length(5)),
        ),
        (
            Get,
            "1.1 200 OK",
            "Content-Length: 0\r\n",
            Ok(Framing::None),
        ),
        (Get, "1.0 200 OK", FIVE, Ok(Framing::Length(5))),
        (Get, "1.1 205 Reset Content", FIVE, Ok(Framing::Length(5))),
        // Rule 8.
        (Get, "1.1 200 OK", "", Ok(Framing::UntilClose)),
        (
            Get,
            "1.0 200 OK",
            "Connection: keep-alive\r\n",
            Ok(Framing::UntilClose),
        ),
    ];
    for (method, line, fields, expected) in rows {
        let framing = outcome(method, &format!("HTTP/{line}\r\n{fields}\r\n"));
        let framing = framing.map(|(framing, _)| framing);
        assert_eq!(framing, expected, "{method}: {line} {fields}");
    }
}

#[test]
fn a_server_has_its_say_in_persistence() {
    let rows = [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false),
        (
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", true),
    ];
    for (head, expected) in rows {
        let persists = outcome(Method::Get, head).map(|(_, persists)| persists);
        assert_eq!(persists, Ok(expected), "{head}");
    }
}

#[test]
fn content_until_close_is_bounded_wherever_it_is_cut() {
    let limits = Limits {
        max_content_len: 5,
        ..Limits::SERVER
    };
    let content = b"hello!";
    for cut in 0..=content.len() {
        let mut decoder = Decoder::new(Framing::UntilClose, &limits).expect("no length yet");
        let mut taken = 0;
        let mut error = None;
        for end in [cut, content.len()] {
            while error.is_none() {
                match decoder.decode(&content[taken..end], &limits) {
                    Ok(Piece::Data { end, .. }) => taken += end,
                    Ok(_) => break,
                    Err(found) => error = Some(found),
                }
            }
        }
        let too_large = Error::Limit(LimitError::ContentTooLarge);
        assert_eq!((taken, error), (5, Some(too_large)), "cut at {cut}");
    }
}
