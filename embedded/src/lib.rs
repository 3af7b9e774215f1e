//! Kinglet's engine on microcontrollers: no allocator, no operating system.
//!
//! ```text
//!     the application            written once, for Linux and for this
//!   ------------------------------------------------------------------
//!     kinglet-core               HTTP, WebSocket
//!   ------------------------------------------------------------------
//!     tcp                        N connections in static memory
//!     smoltcp                    TCP, IP, ARP, DHCP
//!     a `smoltcp::phy::Device`   the chip's Ethernet controller
//! ```
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
    clippy::wildcard_enum_match_arm,
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

pub use client::{Close, Error, Failure, Received};
pub use notice::Notice;
pub use pump::{Next, Pump};
pub use wire::{Buffers, Memory};
