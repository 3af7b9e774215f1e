//! The bodies of the fuzz targets, beside which a target has three lines.

pub mod bodies;
pub mod proxy;
pub mod websocket;
#[path = "../../support/mod.rs"]
mod support;
