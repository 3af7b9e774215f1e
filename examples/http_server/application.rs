//! The application: its routes, and what it remembers of an exchange.

use kinglet_core::http::{Field, Handled, Method, Reply, Request, Status, Stream};
use kinglet_core::routes::{Parameters, Route, Routes};
use kinglet_core::websocket::{Part, Socket};
use kinglet_core::{Application, field};
use kinglet_hosted::files::{FileExchange, FileServer};
use kinglet_hosted::{Handle, Workers};

use crate::arguments::Site;
use crate::drip::Drip;
use crate::frames::{self, Frames};
use crate::lines::Lines;
use crate::{echo, headers, later, query, status, welcome};

/// One thread's application. Each reactor thread has its own, so nothing in it is locked.
#[derive(Debug)]
pub(crate) struct Demo {
    /// Where the server is reached.
    pub(crate) site: Site,
    pub(crate) handle: Handle,
    pub(crate) workers: Workers,
    /// What is served at all other paths, where there is a folder for that.
    files: Option<FileServer>,
}

/// What is remembered of an exchange while its answer is streamed: a variant for each route that
/// streams. It begins as the default with every request.
#[derive(Debug, Default)]
pub(crate) enum Exchange {
    /// Nothing: the answer is given at once, or by somebody else.
    #[default]
    Plain,
    Echo,
    Lines(Lines),
    Drip(Drip),
    Frames(Frames),
    File(FileExchange),
}

/// All that the server answers. Other paths are 404 and other methods 405; HEAD goes where GET does,
/// and OPTIONS tells the methods of a path: the table does all that.
const ROUTES: Routes<Demo> = Routes::new(&[
    Route::get("/", Demo::welcome),
    Route::get("/hello", Demo::hello),
    Route::post("/echo", Demo::echo),
    Route::put("/echo", Demo::echo),
    Route::new(Method::Patch, "/echo", Demo::echo),
    Route::get("/stream", Demo::lines),
    Route::get("/drip", Demo::drip),
    Route::get("/headers", Demo::headers),
    Route::get("/status/{code}", Demo::status),
    Route::get("/later", Demo::later),
    Route::get("/ws", Demo::websocket),
    Route::get("/favicon.svg", Demo::icon),
    Route::get("/favicon.ico", Demo::icon),
    Route::get("/{*path}", Demo::file),
]);

impl Application for Demo {
    type Exchange = Exchange;

    fn request(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        ROUTES.dispatch(self, exchange, request, reply)
    }

    fn stream(&mut self, exchange: &mut Exchange, stream: Stream<'_>) -> Handled {
        match exchange {
            Exchange::Echo => echo::go_on(stream),
            Exchange::Lines(lines) => lines.go_on(stream),
            Exchange::Drip(drip) => drip.go_on(stream),
            Exchange::File(file) => match &mut self.files {
                Some(files) => files.stream(file, stream),
                None => stream.abort(),
            },
            Exchange::Plain | Exchange::Frames(_) => stream.abort(),
        }
    }

    fn opened(&mut self, _: &mut Exchange, socket: &mut Socket<'_>) {
        Frames::opened(socket);
    }

    fn message(&mut self, exchange: &mut Exchange, part: Part<'_>, socket: &mut Socket<'_>) {
        if let Exchange::Frames(frames) = exchange {
            frames.message(part, socket);
        }
    }
}

/// The handlers: each reads what it needs from the request and leaves the rest to its module.
impl Demo {
    pub(crate) const fn new(
        site: Site,
        handle: Handle,
        workers: Workers,
        files: Option<FileServer>,
    ) -> Self {
        Self {
            site,
            handle,
            workers,
            files,
        }
    }

    fn welcome(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        parameters: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        if self.files.is_some() {
            return self.file(exchange, request, parameters, reply);
        }
        welcome::answer(self, request, reply)
    }

    fn file(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let Some(files) = &mut self.files else {
            return reply.send(
                Status::NOT_FOUND,
                &[PLAIN],
                b"there is nothing at this path\n",
            );
        };
        let mut file = FileExchange::default();
        let handled = files.answer(&mut file, request, request.path(), reply);
        *exchange = Exchange::File(file);
        handled
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
        *exchange = Exchange::Echo;
        echo::begin(request, reply)
    }

    fn lines(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        match query::number(request.query(), "lines", 1..=1_000_000, 16) {
            Ok(count) => {
                *exchange = Exchange::Lines(Lines::new(count));
                Lines::begin(reply)
            }
            Err(mistake) => bad_request(reply, &mistake),
        }
    }

    fn drip(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let bytes = query::number(request.query(), "bytes", 1..=1_000, 10);
        let millis = query::number(request.query(), "ms", 1..=10_000, 200);
        match (bytes, millis) {
            (Ok(bytes), Ok(millis)) => {
                let drip = Drip::new(bytes, millis, reply.context().now);
                let handled = drip.begin(reply);
                *exchange = Exchange::Drip(drip);
                handled
            }
            (Err(mistake), _) | (_, Err(mistake)) => bad_request(reply, &mistake),
        }
    }

    fn headers(
        &mut self,
        _: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        headers::answer(request, reply)
    }

    fn status(
        &mut self,
        _: &mut Exchange,
        _: &Request<'_>,
        path: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        status::answer(path.value("code").unwrap_or_default(), reply)
    }

    fn later(
        &mut self,
        _: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        match query::number(request.query(), "below", 2..=later::MAX, 1_000_000) {
            Ok(below) => later::answer(&self.workers, below, reply),
            Err(mistake) => bad_request(reply, &mistake),
        }
    }

    fn websocket(
        &mut self,
        exchange: &mut Exchange,
        request: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        *exchange = Exchange::Frames(Frames::default());
        frames::begin(request, reply)
    }

    fn icon(
        &mut self,
        _: &mut Exchange,
        _: &Request<'_>,
        _: Parameters<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        const SVG: Field<'_> = field!("Content-Type", "image/svg+xml");
        const KEEP: Field<'_> = field!("Cache-Control", "max-age=86400");
        let icon = include_bytes!("assets/favicon.svg");
        reply.send_static(Status::OK, &[SVG, KEEP], icon)
    }
}

/// Answers with 400 and one line on what was expected.
pub(crate) fn bad_request(reply: Reply<'_>, mistake: &str) -> Handled {
    reply.send(
        Status::BAD_REQUEST,
        &[PLAIN],
        format!("{mistake}\n").as_bytes(),
    )
}

pub(crate) const PLAIN: Field<'_> = field!("Content-Type", "text/plain; charset=utf-8");
/// Keeps a browser from guessing another media type than the one that is declared.
pub(crate) const NO_SNIFFING: Field<'_> = field!("X-Content-Type-Options", "nosniff");
