//! The conditions under which an exchange takes place: the state of its connection, and the limits.

use std::fmt::Write;
use std::time::Duration;

use kinglet_core::Limits;
use kinglet_core::http::{Framing, Request, Target};

use crate::html::grouped;
use crate::rfc::Place;

/// One thing that is so: its name, what it is, why, and the rule.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) reason: String,
    pub(crate) place: Place,
}

/// What the engine knows of the exchange. `exchange` counts those on the connection, this included.
pub(crate) fn facts(request: &Request<'_>, exchange: u32, limits: &Limits) -> Vec<Fact> {
    let is_last = exchange >= limits.max_exchanges;
    let (persistence, reason) = match (request.persists(), is_last) {
        (true, false) => (
            "persists",
            format!("{}, and nobody said close", request.version()),
        ),
        (true, true) => (
            "closes after it",
            String::from("it has served as many as it may"),
        ),
        (false, _) => (
            "closes after it",
            String::from("the client does not keep it open"),
        ),
    };
    let (framing, framing_reason) = match request.framing() {
        Framing::None => (
            String::from("none"),
            "neither a length nor a transfer coding",
        ),
        Framing::Length(len) => (format!("{} bytes", grouped(len)), "as Content-Length says"),
        Framing::Chunked => (String::from("chunked"), "as Transfer-Encoding says"),
        _ => (String::from("until the close"), "no length is known"),
    };
    let form = match request.target() {
        Target::Absolute { .. } => ("absolute-form", "3.2.2"),
        _ => ("origin-form", "3.2.1"),
    };
    vec![
        Fact {
            name: "Exchange",
            value: format!("No. {}", grouped(exchange.into())),
            reason: format!(
                "of at most {} on this connection",
                grouped(limits.max_exchanges.into())
            ),
            place: Place::Rfc(9112, "9.3"),
        },
        Fact {
            name: "Connection",
            value: persistence.to_owned(),
            reason,
            place: Place::Rfc(9112, "9.3"),
        },
        Fact {
            name: "Target",
            value: form.0.to_owned(),
            reason: String::from("one of four forms"),
            place: Place::Rfc(9112, form.1),
        },
        Fact {
            name: "Content of the request",
            value: framing,
            reason: framing_reason.to_owned(),
            place: Place::Rfc(9112, "6.3"),
        },
    ]
}

/// The limits in force as table rows, with how much of each this request has used.
pub(crate) fn limit_rows(request: &Request<'_>, limits: &Limits) -> String {
    let head_len = request.head_len() as u64;
    let target_len = request.raw_target().len() as u64;
    let line_count = request.fields().count() as u64;
    let used = [
        (
            "Head",
            head_len,
            u64::from(limits.max_head_len),
            "bytes",
            "431",
        ),
        (
            "Target",
            target_len,
            limits.max_target_len.into(),
            "bytes",
            "414",
        ),
        (
            "Field lines",
            line_count,
            limits.max_field_lines.into(),
            "lines",
            "431",
        ),
    ];
    let mut html = String::new();
    for (name, used, max, unit, status) in used {
        let (used_text, max_text) = (grouped(used), grouped(max));
        let _ = writeln!(
            html,
            "<tr><th>{name}<td><meter max=\"{max}\" value=\"{used}\">{used_text}</meter>\
             <b>{used_text}</b> of {max_text} {unit}<td>{status}"
        );
    }
    let others = [
        (
            "Content",
            format!("{} bytes", grouped(limits.max_content_len)),
            "413",
        ),
        (
            "Trailers",
            format!("{} bytes", grouped(limits.max_trailers_len.into())),
            "431",
        ),
        (
            "A whole head takes at most",
            seconds(limits.head_timeout),
            "408",
        ),
        (
            "Content comes at no less than",
            rate(limits.min_receive_rate),
            "408",
        ),
        (
            "Answers are read at no less than",
            rate(limits.min_send_rate),
            "it closes",
        ),
        ("Rates are taken over", seconds(limits.rate_window), ""),
        (
            "Between two exchanges",
            seconds(limits.idle_timeout),
            "it closes",
        ),
        (
            "After the last answer",
            seconds(limits.drain_timeout),
            "it closes",
        ),
    ];
    for (name, bound, consequence) in others {
        let _ = writeln!(html, "<tr><th>{name}<td>{bound}<td>{consequence}");
    }
    html
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}

fn rate(bytes_per_second: u32) -> String {
    format!("{} bytes/s", grouped(bytes_per_second.into()))
}
