//! One application, for Linux and for a microcontroller.
//!
//! ```text
//!   the system      /proc, a light that is a variable        registers, a light that is one
//!                                   \                          /
//!   Board                      readings, settings: what a platform brings
//!                                            |
//!   Device                       routes, page, streams, WebSockets
//!                                            |
//!   kinglet-core                      the protocol engine
//!                                   /                          \
//!   the driver            kinglet-hosted                 kinglet-embedded
//! ```
//!
//! No answer needs a buffer of more than 512 bytes: what is longer is sent from where it lies, or is
//! streamed. What is remembered of an exchange is a few words.
//!
//! | path | |
//! |---|---|
//! | `/`, `/app.js`, `/style.css`, `/favicon.svg` | a page that shows the readings as they change |
//! | `/hello` | one line of text |
//! | `/echo`, `/upload` | POST and PUT of up to 1 GiB: sent back, or counted and summed |
//! | `/lines?n=` | as many lines as that |
//! | `/ws` | a WebSocket that sends messages back: of up to 16 MiB, that inflate by no more than 200 to 1 |
//! | `/sensors`, `/events` | the readings at each interval, as WebSocket and as server-sent events |
//! | `/settings` | the settings as JSON; POST of JSON or a form changes them |
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

#[cfg(test)]
extern crate std;

mod board;
mod echo;
mod lines;
mod page;
mod sensors;
mod settings;
mod text;
mod upload;

use kinglet_core::http::{Field, Handled, Part, Reply, Request, Status, Stream};
use kinglet_core::routes::{Parameters, Route, Routes};
use kinglet_core::websocket::{self, Socket};
use kinglet_core::{Application, Limits, field};

pub use board::{Board, Led, Reading, Settings};

use lines::Lines;
use sensors::Rhythm;
use upload::Upload;

/// The bounds that the application is made for, on any platform. They are those of a microcontroller,
/// but browsers send heads of up to 1 KiB, and what is long is streamed.
pub const LIMITS: Limits = Limits {
    max_head_len: 1024,
    max_content_len: 1024 * 1024 * 1024,
    ..Limits::MICROCONTROLLER
};

/// The application, on a board.
#[derive(Debug)]
pub struct Device<B> {
    board: B,
}

/// What is remembered of an exchange.
#[derive(Debug, Default)]
pub struct Exchange(Memory);

/// The same: a variant for each route that remembers something.
#[derive(Debug, Default)]
enum Memory {
    #[default]
    Nothing,
    Echo,
    Upload(Upload),
    Lines(Lines),
    Sensors(Rhythm),
}

impl<B: Board + 'static> Device<B> {
    /// All that is answered. The table itself answers what is not there with 404, another method with
    /// 405, and HEAD and OPTIONS.
    const ROUTES: Routes<Self> = Routes::new(&[
        Route::get("/", |_, _, request, _, reply| {
            page::PAGE.answer(request, reply)
        }),
        Route::get("/app.js", |_, _, request, _, reply| {
            page::SCRIPT.answer(request, reply)
        }),
        Route::get("/style.css", |_, _, request, _, reply| {
            page::STYLE.answer(request, reply)
        }),
        Route::get("/favicon.svg", |_, _, request, _, reply| {
            page::ICON.answer(request, reply)
        }),
        Route::get("/hello", Self::hello),
        Route::post("/echo", Self::echo),
        Route::put("/echo", Self::echo),
        Route::post("/upload", Self::upload),
        Route::put("/upload", Self::upload),
        Route::get("/lines", Self::lines),
        Route::get("/ws", |_, exchange: &mut Exchange, request, _, reply| {
            exchange.0 = Memory::Echo;
            echo::open(request, reply)
        }),
        Route::get("/sensors", Self::sensors),
        Route::get("/events", Self::events),
        Route::get("/settings", |device, _, _, _, reply| {
            settings::tell(&device.board, reply)
        }),
        Route::post("/settings", |device, _, request, _, reply| {
            settings::change(&mut device.board, request, reply)
        }),
    ]);

    /// The application on `board`.
    #[must_use]
    pub const fn new(board: B) -> Self {
        Self { board }
    }

    /// The board.
    #[must_use]
    pub const fn board(&self) -> &B {
        &self.board
    }

    /// The board, to tell it what has changed.
    pub const fn board_mut(&mut self) -> &mut B {
        &mut self.board
    }

    fn hello(
        &mut self,
        _: &mut Exchange,
        _: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        reply.send_static(Status::OK, &[PLAIN], b"Hello, World!\n")
    }

    fn echo(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        exchange.0 = Memory::Echo;
        echo::begin(request, reply)
    }

    fn upload(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        exchange.0 = Memory::Upload(Upload::new());
        Upload::begin(request, reply)
    }

    fn lines(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let Some(lines) = Lines::of(request) else {
            let mistake = b"n: expected a number from 1 to 1000000\n";
            return reply.send(Status::BAD_REQUEST, &[PLAIN], mistake);
        };
        exchange.0 = Memory::Lines(lines);
        Lines::begin(reply)
    }

    fn events(
        &mut self,
        exchange: &mut Exchange,
        _: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        exchange.0 = Memory::Sensors(Rhythm::default());
        Rhythm::begin(reply)
    }

    fn sensors(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        exchange.0 = Memory::Sensors(Rhythm::default());
        Rhythm::open(request, reply)
    }
}

impl<B: Board + 'static> Application for Device<B> {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        Self::ROUTES.dispatch(self, exchange, request, reply)
    }

    fn content(&mut self, exchange: &mut Exchange, part: Part<'_>, reply: Reply<'_>) -> Handled {
        match &mut exchange.0 {
            Memory::Upload(upload) => upload.content(part, reply),
            _ => reply.send(Status::INTERNAL_SERVER_ERROR, &[], b""),
        }
    }

    fn stream(&mut self, exchange: &mut Exchange, stream: Stream<'_>) -> Handled {
        match &mut exchange.0 {
            Memory::Echo => echo::go_on(stream),
            Memory::Lines(lines) => lines.go_on(stream),
            Memory::Sensors(rhythm) => rhythm.go_on(&mut self.board, stream),
            Memory::Nothing | Memory::Upload(_) => stream.abort(),
        }
    }

    fn opened(&mut self, exchange: &mut Exchange, socket: &mut Socket<'_>) {
        self.ready(exchange, socket);
    }

    fn message(
        &mut self,
        exchange: &mut Exchange,
        part: websocket::Part<'_>,
        socket: &mut Socket<'_>,
    ) {
        if let Memory::Echo = exchange.0 {
            echo::message(part, socket);
        }
    }

    fn ready(&mut self, exchange: &mut Exchange, socket: &mut Socket<'_>) {
        if let Memory::Sensors(rhythm) = &mut exchange.0 {
            rhythm.ready(&mut self.board, socket);
        }
    }
}

const PLAIN: Field<'_> = field!("Content-Type", "text/plain; charset=utf-8");
const JSON: Field<'_> = field!("Content-Type", "application/json");
/// What is told holds for now only.
const NO_STORE: Field<'_> = field!("Cache-Control", "no-store");
/// Keeps a browser from guessing another media type than the one that is declared.
const NO_SNIFFING: Field<'_> = field!("X-Content-Type-Options", "nosniff");
