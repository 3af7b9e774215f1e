//! Clients without their stream: what is said to a server and read of its answers.
//!
//! [`blocking`](crate::blocking) and `asynchronous` move the bytes.

mod error;
mod http;
mod websocket;

pub use error::{Error, Failure};
pub(crate) use http::{Exchange, Progress};
pub(crate) use websocket::{Channel, Gathering, Handshake, Step};
pub use websocket::{Close, Received};
