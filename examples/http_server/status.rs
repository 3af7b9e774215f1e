//! `/status/{code}`: an answer with any status code that can be a final one.

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Status};

use crate::application::{PLAIN, bad_request};

/// Answers with the status code in the path, or with 400 where it cannot be.
pub(crate) fn answer(code: &str, reply: Reply<'_>) -> Handled {
    let number = code.parse().ok().filter(|_| code.len() == 3);
    let Some(status) = number.and_then(Status::new) else {
        return bad_request(reply, "expected a status code of three digits");
    };
    match status.code() {
        101 => bad_request(reply, "101 needs a client that offers another protocol"),
        100..=199 => bad_request(
            reply,
            "1xx are interim: a final status code must follow them",
        ),
        // `Upgrade` asks for `Connection: upgrade`, which is the engine's to write.
        426 => bad_request(reply, "426 needs another protocol to upgrade to"),
        200..=599 => {
            let content = format!("{}\n", status.to_string().trim_end());
            let range = format!("bytes 0-{}/{}", content.len() - 1, content.len());
            let unsatisfied = format!("bytes */{}", content.len());
            let companion = match status.code() {
                206 => Field::new("Content-Range", range.as_bytes()).ok(),
                416 => Field::new("Content-Range", unsatisfied.as_bytes()).ok(),
                code => companion(code),
            };
            let fields = [PLAIN, companion.unwrap_or(PLAIN)];
            let len = if companion.is_some() { 2 } else { 1 };
            reply.send(status, &fields[..len], content.as_bytes())
        }
        _ => bad_request(reply, "expected a status code from 200 to 599"),
    }
}

/// The field that an answer with this code has to have, or else means nothing.
const fn companion(code: u16) -> Option<Field<'static>> {
    Some(match code {
        // RFC 9110 §15.4
        301 | 302 | 303 | 307 | 308 => field!("Location", "/hello"),
        // RFC 9110 §15.5.2
        401 => field!("WWW-Authenticate", "Basic realm=\"example\""),
        // RFC 9110 §15.5.6
        405 => field!("Allow", "GET, HEAD, OPTIONS"),
        // RFC 9110 §15.5.8
        407 => field!("Proxy-Authenticate", "Basic realm=\"example\""),
        _ => return None,
    })
}
