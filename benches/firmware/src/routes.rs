//! A small application: one handler of each kind.

use kinglet_core::http::{Field, Handled, Length, Reply, Request, Status, Stream};
use kinglet_core::routes::Parameters;
use kinglet_core::{Application, field};

/// Defines `$name`, an application of four handlers and further rows, with HTTP alone.
#[macro_export]
macro_rules! http_application {
    ($name:ident $(, $pattern:literal)*) => {
        struct $name;

        const ROUTES: kinglet_core::routes::Routes<$name> = {
            use kinglet_core::routes::{Route, Routes};
            Routes::new(&[
                Route::get("/", $crate::routes::hello),
                Route::get("/items/{item}", $crate::routes::item),
                Route::post("/content", $crate::routes::content),
                Route::get("/stream", $crate::routes::stream),
                $(Route::get($pattern, $crate::routes::hello),)*
            ])
        };

        impl kinglet_core::Application for $name {
            type Exchange = u32;

            fn request(
                &mut self,
                lines: &mut u32,
                request: &kinglet_core::http::Request<'_>,
                reply: kinglet_core::http::Reply<'_>,
            ) -> kinglet_core::http::Handled {
                ROUTES.dispatch(self, lines, request, reply)
            }

            fn has_websockets(&self) -> bool {
                false
            }

            fn stream(
                &mut self,
                lines: &mut u32,
                stream: kinglet_core::http::Stream<'_>,
            ) -> kinglet_core::http::Handled {
                $crate::routes::stream_on(lines, stream)
            }
        }
    };
}

/// Defines `$name`, an application of the same four handlers and a WebSocket that sends back what comes.
#[macro_export]
macro_rules! websocket_application {
    ($name:ident, $terms:expr) => {
        struct $name;

        const ROUTES: kinglet_core::routes::Routes<$name> = {
            use kinglet_core::routes::{Route, Routes};
            Routes::new(&[
                Route::get("/", $crate::routes::hello),
                Route::get("/items/{item}", $crate::routes::item),
                Route::post("/content", $crate::routes::content),
                Route::get("/stream", $crate::routes::stream),
                Route::get("/ws", $name::open),
            ])
        };

        impl $name {
            fn open(
                &mut self,
                _: &mut u32,
                request: &kinglet_core::http::Request<'_>,
                _: kinglet_core::routes::Parameters<'_>,
                reply: kinglet_core::http::Reply<'_>,
            ) -> kinglet_core::http::Handled {
                reply.websocket(request, &$terms)
            }
        }

        impl kinglet_core::Application for $name {
            type Exchange = u32;

            fn request(
                &mut self,
                lines: &mut u32,
                request: &kinglet_core::http::Request<'_>,
                reply: kinglet_core::http::Reply<'_>,
            ) -> kinglet_core::http::Handled {
                ROUTES.dispatch(self, lines, request, reply)
            }

            fn stream(
                &mut self,
                lines: &mut u32,
                stream: kinglet_core::http::Stream<'_>,
            ) -> kinglet_core::http::Handled {
                $crate::routes::stream_on(lines, stream)
            }

            fn message(
                &mut self,
                _: &mut u32,
                part: kinglet_core::websocket::Part<'_>,
                socket: &mut kinglet_core::websocket::Socket<'_>,
            ) {
                let _ = socket.forward(part);
            }
        }
    };
}

/// `/` answers with a constant.
pub fn hello<A: Application>(
    _: &mut A,
    _: &mut A::Exchange,
    _: &Request<'_>,
    _: Parameters<'_>,
    reply: Reply<'_>,
) -> Handled {
    const PLAIN: Field<'_> = field!("Content-Type", "text/plain");
    reply.send(Status::OK, &[PLAIN], b"Hello, World!")
}

/// `/items/{item}` answers with what the path says.
pub fn item<A: Application>(
    _: &mut A,
    _: &mut A::Exchange,
    _: &Request<'_>,
    path: Parameters<'_>,
    reply: Reply<'_>,
) -> Handled {
    let item = path.value("item").unwrap_or_default();
    reply.send(Status::OK, &[], item.as_bytes())
}

/// `/content` answers with the content of the request.
pub fn content<A: Application>(
    _: &mut A,
    _: &mut A::Exchange,
    request: &Request<'_>,
    _: Parameters<'_>,
    reply: Reply<'_>,
) -> Handled {
    match request.content() {
        Some(content) => reply.send(Status::OK, &[], content),
        None => reply.collect(256),
    }
}

/// `/stream` answers with lines, until there are enough.
pub fn stream<A: Application>(
    _: &mut A,
    _: &mut A::Exchange,
    _: &Request<'_>,
    _: Parameters<'_>,
    reply: Reply<'_>,
) -> Handled {
    reply.start(Status::OK, &[], Length::Unknown)
}

/// One part of what `/stream` answers.
pub fn stream_on(lines: &mut u32, mut stream: Stream<'_>) -> Handled {
    if *lines == 3 {
        return stream.finish();
    }
    if stream.write(b"one more line\n") > 0 {
        *lines += 1;
    }
    stream.more()
}
