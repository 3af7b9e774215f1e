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
    clippy::cast_possible_truncation
)]

#[cfg(test)]
extern crate std;

pub mod codecs;
#[cfg(feature = "smoltcp")]
pub mod tcp;
