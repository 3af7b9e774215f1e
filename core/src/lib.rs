//! Kinglet's protocol engine: bytes and time in, events and bytes out.
//!
//! ```text
//!        +-------------------------- a driver -------------------------+
//!        |  socket or TCP stack, buffers, clock, threads               |
//!        +-----+-----------------------------------------------+-------+
//!              | Input: what has come      Output: room to send |
//!              v                                                ^
//!        +-------------------------------------------------------------+
//!        |  Session::turn      joins a connection to the application   |
//!        |  Connection::step   one exchange after the other            |
//!        |  parsers, framing   grammar of RFC 9112, nothing else       |
//!        +-------------------------------------------------------------+
//! ```
//!
//! Nothing here allocates, reads a clock or knows a socket. A driver lends the bytes that have come
//! and room for those to send; what is not consumed comes back next time. So an idle connection is
//! its state and no buffer.
//!
//! Read on in this order: [`Application`] for what a server is written as, [`http::server`] for a
//! connection, [`http`] for messages, [`window`] and [`Context`] for what a driver lends.
#![no_std]
#![deny(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    clippy::alloc_instead_of_core
)]

#[cfg(test)]
extern crate std;

mod application;
pub mod assets;
mod context;
pub mod http;
mod limits;
#[cfg(feature = "middleware")]
pub mod middleware;
mod outcome;
mod pace;
pub mod routes;
mod scan;
pub mod syntax;
mod time;
pub mod websocket;
pub mod window;

pub use application::{Application, Session, Turn};
pub use context::{Compression, Context, Stamp};
pub use limits::Limits;
pub use outcome::{Outcome, Traffic};
pub use time::Instant;
pub use window::{Input, Output};
