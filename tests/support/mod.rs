//! What the tests share: bytes as text, a simulated link, rows of vectors, and noise.
#![allow(dead_code, reason = "each test uses a part of this")]

pub mod damage;
pub mod escape;
pub mod frames;
pub mod link;
pub mod messages;
pub mod noise;
pub mod recorder;
pub mod script;
pub mod vectors;
