//! Requests and responses for tests.

use kinglet_core::Limits;
use kinglet_core::http::{Request, RequestParser, Response, ResponseParser};

/// Shows a request with this method and these field lines behind `Host`.
pub(crate) fn with_request<T>(method: &str, lines: &str, see: impl FnOnce(Request<'_>) -> T) -> T {
    let head = format!("{method} / HTTP/1.1\r\nHost: example.com\r\n{lines}\r\n");
    let mut parser = RequestParser::new();
    let request = parser.parse(head.as_bytes(), &Limits::SERVER);
    see(request.expect("a valid head").expect("a whole head"))
}

/// Shows a response with these field lines.
pub(crate) fn with_response<T>(lines: &str, see: impl FnOnce(Response<'_>) -> T) -> T {
    let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
    let mut parser = ResponseParser::new();
    let response = parser.parse(head.as_bytes(), &Limits::SERVER);
    see(response.expect("a valid head").expect("a whole head"))
}
