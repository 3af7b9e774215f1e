//! `/settings`: what the board's settings are, and how they are changed.
//!
//! A change is a form or JSON, names what is to be changed, and holds as a whole or not at all.

use core::time::Duration;

use kinglet_core::http::values::media_type::MediaType;
use kinglet_core::http::values::origin::is_same_origin;
use kinglet_core::http::values::query::Query;
use kinglet_core::http::{Handled, Reply, Request, Status};
use serde::Deserialize;
use serde_json_core::de::Error;

use crate::board::{Board, Led, Settings};
use crate::text::Text;
use crate::{JSON, NO_STORE, PLAIN};

/// What a request wants to be changed.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Milliseconds.
    interval: Option<u32>,
    led: Option<bool>,
}

/// Why nothing was changed: what to answer, and what was expected.
type Mistake = (Status, &'static str);

/// Tells the settings, and what the board is called.
pub(crate) fn tell<B: Board>(board: &B, reply: Reply<'_>) -> Handled {
    let mut text = Text::<LEN>::new();
    match put(board, &mut text) {
        Some(()) => reply.send(Status::OK, &[JSON, NO_STORE], text.as_bytes()),
        None => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
    }
}

/// Changes the settings, and tells them.
pub(crate) fn change<B: Board>(board: &mut B, request: &Request<'_>, reply: Reply<'_>) -> Handled {
    if !is_from_here(request) {
        let mistake = b"expected a page of this device\n";
        return reply.send(Status::FORBIDDEN, &[PLAIN], mistake);
    }
    let Some(form) = Form::of(request) else {
        let mistake = b"expected application/json or application/x-www-form-urlencoded\n";
        return reply.send(Status::UNSUPPORTED_MEDIA_TYPE, &[PLAIN], mistake);
    };
    let Some(content) = request.content() else {
        return reply.collect(MAX_CONTENT_LEN);
    };
    let change = match form {
        Form::Json => from_json(content),
        Form::Urlencoded => from_form(content),
    };
    match change.and_then(|change| change.of(board.settings())) {
        Ok(settings) => {
            board.apply(settings);
            tell(board, reply)
        }
        Err((status, mistake)) => reply.send(status, &[PLAIN], mistake.as_bytes()),
    }
}

/// The media types that a change may have.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Urlencoded,
}

impl Form {
    fn of(request: &Request<'_>) -> Option<Self> {
        let value = request.fields().value("content-type")?;
        let media_type = MediaType::parse(value).ok()?;
        if media_type.is("application", "json") {
            Some(Self::Json)
        } else if media_type.is("application", "x-www-form-urlencoded") {
            Some(Self::Urlencoded)
        } else {
            None
        }
    }
}

impl Change {
    /// The settings with the change.
    fn of(self, settings: Settings) -> Result<Settings, Mistake> {
        let interval = match self.interval {
            None => settings.interval,
            Some(millis @ MIN_INTERVAL..=MAX_INTERVAL) => Duration::from_millis(u64::from(millis)),
            Some(_) => return Err(INTERVAL),
        };
        let led = match self.led {
            None => settings.led,
            Some(true) => Led::On,
            Some(false) => Led::Off,
        };
        Ok(Settings { interval, led })
    }
}

fn from_json(content: &[u8]) -> Result<Change, Mistake> {
    match serde_json_core::from_slice(content) {
        Ok((change, _)) => Ok(change),
        // JSON, but not of the right form.
        Err(Error::InvalidType | Error::InvalidNumber | Error::CustomError) => Err((
            Status::UNPROCESSABLE_CONTENT,
            "expected {\"interval\": milliseconds, \"led\": true or false}\n",
        )),
        Err(_) => Err((Status::BAD_REQUEST, "expected an object in JSON\n")),
    }
}

fn from_form(content: &[u8]) -> Result<Change, Mistake> {
    const UNKNOWN: Mistake = (
        Status::UNPROCESSABLE_CONTENT,
        "expected interval=milliseconds and led=on or led=off\n",
    );
    let mut change = Change::default();
    for pair in Query::new(content).pairs() {
        let mut value = [0; 8];
        let value = pair.value.decode_into(&mut value).unwrap_or_default();
        if pair.key == "interval" {
            let number = core::str::from_utf8(value).map(str::parse);
            change.interval = Some(number.ok().and_then(Result::ok).ok_or(INTERVAL)?);
        } else if pair.key == "led" {
            change.led = Some(match &*value {
                b"on" => true,
                b"off" => false,
                _ => return Err((Status::UNPROCESSABLE_CONTENT, "led: expected on or off\n")),
            });
        } else {
            return Err(UNKNOWN);
        }
    }
    Ok(change)
}

/// Whether no other site's page has sent the request. A client that names no origin is no browser.
fn is_from_here(request: &Request<'_>) -> bool {
    request.fields().values("origin").all(|origin| {
        core::str::from_utf8(origin).is_ok_and(|origin| is_same_origin(origin, request.authority()))
    })
}

fn put<B: Board>(board: &B, text: &mut Text<LEN>) -> Option<()> {
    let settings = board.settings();
    text.put("{\"name\":\"")?;
    text.put(board.name())?;
    text.put("\",\"interval\":")?;
    text.put_number(u64::try_from(settings.interval.as_millis()).ok()?)?;
    text.put(match settings.led {
        Led::On => ",\"led\":true}\n",
        Led::Off => ",\"led\":false}\n",
    })
}

const INTERVAL: Mistake = (
    Status::UNPROCESSABLE_CONTENT,
    "interval: expected 100 to 60000 milliseconds\n",
);
const MIN_INTERVAL: u32 = 100;
const MAX_INTERVAL: u32 = 60_000;
/// Bytes that tell of all settings.
const LEN: usize = 160;
/// Bytes of a change.
const MAX_CONTENT_LEN: u32 = 128;
