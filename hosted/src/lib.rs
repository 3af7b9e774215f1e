//! The kinglet engine on sockets: an HTTP server with one reactor per thread.
//!
//! ```text
//!              accept                      one thread
//!   listener ---------> table of connections
//!                         |  ^
//!              readiness  |  |  timer wheel            Handle (any thread)
//!                         v  |                            |
//!   poller ----------> reactor <--------- queue, wake ----+
//!                         |
//!                         | one receive buffer, one send buffer
//!                         v
//!              kinglet_core::Session::turn  --->  the application
//! ```
//!
//! A reactor reads into the one large buffer of its thread, lets the engine take its turn, and writes
//! what came of it with one system call. What is left over is copied into a spill of the connection's
//! own, so a connection that waits owns no buffer. No protocol is known here.
//!
//! ```no_run
//! use kinglet_core::http::{Handled, Reply, Request, Status};
//! use kinglet_core::Application;
//! use kinglet_hosted::{Options, Server};
//!
//! struct Hello;
//!
//! impl Application for Hello {
//!     type Exchange = ();
//!
//!     fn request(&mut self, _: &mut (), _: &Request<'_>, reply: Reply<'_>) -> Handled {
//!         reply.send(Status::OK, &[], b"Hello, World!")
//!     }
//! }
//!
//! let server = Server::bind(&"127.0.0.1:8080".parse()?, Options::default())?;
//! server.drain_on_signals()?;
//! server.run(|_thread| Hello)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

mod address;
mod admission;
mod buffers;
mod cancellation;
mod client;
mod clock;
mod codecs;
#[cfg(feature = "compression")]
mod compress;
mod connection;
mod connector;
mod file_part;
pub mod files;
mod forwarded;
mod hand_over;
pub mod http_client;
mod limits;
mod listener;
mod network;
mod options;
mod outbox;
pub mod outgoing;
mod peers;
mod poller;
pub mod proxy_protocol;
mod reactor;
mod remote;
mod server;
mod store;
mod table;
mod tls;
mod topics;
mod transport;
mod turns;
mod wheel;
mod workers;

pub use address::{Address, AddressError};
pub use client::{Direction, Received, WebSocketClient, WebSocketOptions};
#[cfg(feature = "compression")]
pub use compress::{Compressor, CompressorOptions};
pub use file_part::write_file;
pub use forwarded::{Client, Forwarding, Scheme, client_address};
pub use http_client::HttpClient;
pub use limits::Reason;
pub use network::{Network, NetworkError};
pub use options::{Backend, Options, SlowReceiver};
pub use peers::{Peer, peer};
pub use remote::{Answer, Handle};
pub use server::Server;
pub use store::HeapStore;
pub use tls::{CertificateFiles, ClientCertificates, Tls, TlsError, TlsOptions, Trust};
pub use workers::{Job, Workers};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
