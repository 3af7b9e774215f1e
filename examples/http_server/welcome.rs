//! `/`: a page that shows the anatomy of the request that asked for it.

use std::fmt::Write;

use kinglet_core::Limits;
use kinglet_core::http::{FieldError, Handled, Reply, Request, Status};
use kinglet_hosted::Answer;

use crate::anatomy::{self, Kind, Part};
use crate::application::Demo;
use crate::conditions::{self, Fact};
use crate::html::{Bytes, fill};
use crate::rfc::{self, Place};

const TEMPLATE: &str = include_str!("assets/welcome.html");
const STYLE: &str = include_str!("assets/style.css");
/// What shows the frames of a WebSocket. The policy below names its SHA-256, which the check compares.
const SCRIPT: &str = include_str!("assets/frames.js");
const ICON: &str = include_str!("assets/favicon.svg");

/// Answers with the page.
pub(crate) fn answer(demo: &Demo, request: &Request<'_>, reply: Reply<'_>) -> Handled {
    let limits = reply.context().limits.clone();
    // It is the ticket of a deferred exchange that knows which one it is. The page is ready by then
    // all the same, so the answer follows at once.
    let (ticket, handled) = reply.later();
    let page = page(demo, request, ticket.exchange(), &limits);
    let answer = with_fields(page)
        .unwrap_or_else(|error| Answer::new(Status::INTERNAL_SERVER_ERROR, error.to_string()));
    demo.handle.answer(ticket, answer);
    handled
}

/// The page is the client's own request: nobody else is to keep it, it loads nothing, and it runs no
/// script but its own.
fn with_fields(page: String) -> Result<Answer, FieldError> {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; \
                          script-src 'sha256-6oFR0wAxIhdCfdCEooCQ7xgmIOhWvBEgDgxe3A/byaE='; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    Answer::new(Status::OK, page)
        .with_field("Content-Type", "text/html; charset=utf-8")?
        .with_field("Content-Security-Policy", POLICY)?
        .with_field("X-Content-Type-Options", "nosniff")?
        .with_field("Referrer-Policy", "no-referrer")?
        .with_field("Cache-Control", "no-store")
}

fn page(demo: &Demo, request: &Request<'_>, exchange: u32, limits: &Limits) -> String {
    let lines = anatomy::lines(request);
    let facts = conditions::facts(request, exchange, limits);
    let websocket = demo.site.origin.replacen("http", "ws", 1);
    let websocket = Bytes(websocket.as_bytes()).to_string();
    fill(
        TEMPLATE,
        &[
            ("style", STYLE),
            ("icon", ICON),
            ("script", SCRIPT),
            ("plate", &anatomy::plate(&lines)),
            ("parts", &part_rows(request, &lines)),
            ("facts", &fact_cards(&facts)),
            ("limits", &conditions::limit_rows(request, limits)),
            ("origin", &Bytes(demo.site.origin.as_bytes()).to_string()),
            ("websocket", &websocket),
            ("curl", &Bytes(demo.site.curl.as_bytes()).to_string()),
            ("version", env!("CARGO_PKG_VERSION")),
            ("repository", env!("CARGO_PKG_REPOSITORY")),
        ],
    )
}

/// Every part of the head in its order: what it is called, what it says, what that is for.
fn part_rows(request: &Request<'_>, lines: &[Vec<Part<'_>>]) -> String {
    let mut html = String::new();
    for part in lines.iter().flatten() {
        let row = match part.kind {
            Kind::Method => ("method", "Method", rfc::method(request.method()).1),
            Kind::Authority => ("authority", "Authority", "the site, in place of Host"),
            Kind::Path => ("path", "Path", "which resource"),
            Kind::Query => (
                "query",
                "Query",
                "more about which, in words of the resource",
            ),
            Kind::Version => ("version", "Version", "what the client can understand"),
            Kind::Name | Kind::Value | Kind::Between | Kind::End => continue,
        };
        push_row(&mut html, row, part.bytes, part.place);
    }
    for line in request.fields() {
        let (place, purpose) = rfc::field(line.name());
        push_row(
            &mut html,
            ("name", line.name(), purpose),
            line.value(),
            place,
        );
    }
    let empty = (
        "end",
        "Empty line",
        "the head ends here; content would follow",
    );
    push_row(&mut html, empty, b"", Place::Rfc(9112, "2.1"));
    html
}

fn push_row(html: &mut String, row: (&str, &str, &str), value: &[u8], place: Place) {
    let (class, name, purpose) = row;
    let _ = writeln!(
        html,
        "<tr><th class=\"{class}\">{name}<td><code>{value}</code><p>{purpose}<td>{place}",
        name = Bytes(name.as_bytes()),
        value = Bytes(value),
    );
}

fn fact_cards(facts: &[Fact]) -> String {
    let mut html = String::new();
    for fact in facts {
        let Fact {
            name,
            value,
            reason,
            place,
        } = fact;
        let _ = writeln!(
            html,
            "<li><h3>{name}</h3><b>{value}</b><p>{reason}<p>{place}"
        );
    }
    html
}
