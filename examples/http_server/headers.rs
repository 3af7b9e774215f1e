//! `/headers`: the request's field lines, as plain text or as JSON.

use std::fmt::Write;

use kinglet_core::field;
use kinglet_core::http::values::accept::Accept;
use kinglet_core::http::{Field, Fields, Handled, Reply, Request, Status};

use crate::application::PLAIN;

/// Answers with the media type that the client prefers (RFC 9110 §12.5.1).
pub(crate) fn answer(request: &Request<'_>, reply: Reply<'_>) -> Handled {
    const JSON: Field<'_> = field!("Content-Type", "application/json");
    const FRESH: Field<'_> = field!("Cache-Control", "no-store");

    let fields = request.fields();
    let accepted = fields
        .filter(|line| line.is("accept"))
        .map(|line| line.value());
    let best = Accept::from_lines(accepted).best_of(&["text/plain", "application/json"]);
    match best {
        Some(1) => reply.send(Status::OK, &[JSON, FRESH], json(fields).as_bytes()),
        // Who accepts neither gets plain text as well, rather than nothing.
        _ => reply.send(Status::OK, &[PLAIN, FRESH], &text(fields)),
    }
}

/// One line each, with the bytes as they came.
fn text(fields: Fields<'_>) -> Vec<u8> {
    fields
        .flat_map(|line| [line.name().as_bytes(), b": ", line.value(), b"\n"].concat())
        .collect()
}

/// An array, since the order of field lines counts and names may come twice.
fn json(fields: Fields<'_>) -> String {
    let lines: Vec<String> = fields
        .map(|line| {
            let (name, value) = (quoted(line.name().as_bytes()), quoted(line.value()));
            format!("{{\"name\":{name},\"value\":{value}}}")
        })
        .collect();
    format!("[{}]\n", lines.join(","))
}

/// `bytes` as a JSON string. What is no UTF-8 is read as ISO-8859-1, as field values once were.
fn quoted(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_control() => {
                // Field values have no characters past U+00FF that are controls.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}
