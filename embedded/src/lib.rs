//! Kinglet's engine on microcontrollers: no allocator, no operating system.
//!
//! ```text
//!     the application            written once, for Linux and for this
//!   ------------------------------------------------------------------
//!     kinglet-core               HTTP, WebSocket
//!   --------------------------------+---------------------------------
//!     tcp                           |  blocking, asynchronous
//!     N connections in static       |  servers and clients, each over
//!     memory                        |  one stream
//!   --------------------------------+---------------------------------
//!     smoltcp: TCP, IP, ARP, DHCP   |  embedded-io, embedded-io-async:
//!     a `smoltcp::phy::Device`: the |  embassy, a modem, TLS, a serial
//!     chip's Ethernet controller    |  line, or what a system has
//! ```
//!
//! | feature | for |
//! |---|---|
//! | `smoltcp` (default) | `tcp`: a server of several connections over smoltcp's sockets, and a stream over one |
//! | | `codecs`: what the server's WebSockets are compressed with |
//! | | [`blocking`]: a server and clients over `embedded-io`, which are always here |
//! | `async` | `asynchronous`: the same over `embedded-io-async`, in a task for each connection |
//! | `log`, `defmt` | what happens to connections, told to one or the other |
//!
//! Read on in this order: [`Memory`] and [`Buffers`] for what a connection is lent, [`Pump`] for what
//! every server's driver does, [`blocking::serve`] for the shortest of them, [`blocking::Http`] and
//! [`blocking::WebSocket`] for a device that reports to a server. `docs/your-first-board.md` has a
//! firmware's side of it.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::alloc_instead_of_core
)]

#[allow(dead_code, unused_macros, reason = "each driver says a part of this")]
mod fmt;

#[cfg(feature = "async")]
pub mod asynchronous;
pub mod blocking;
mod client;
mod clock;
#[cfg(feature = "smoltcp")]
pub mod codecs;
mod notice;
mod pump;
#[cfg(feature = "smoltcp")]
pub mod tcp;
mod wire;

/// The page's examples compile.
#[cfg(all(doctest, feature = "smoltcp"))]
#[doc = include_str!("../../docs/your-first-board.md")]
struct YourFirstBoard;

pub use client::{Close, Error, Failure, Received};
pub use notice::Notice;
pub use pump::{Next, Pump};
pub use wire::{Buffers, Memory};
