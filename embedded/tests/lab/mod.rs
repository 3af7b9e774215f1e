//! Two hosts on one cable, in virtual time.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod application;
pub(crate) mod cable;
pub(crate) mod hosts;
pub(crate) mod messages;
