//! Decides whether short code goes before fast code, and whether prose is left out of what is sent.
//!
//! Both are so where there is no operating system: flash is scarcer there than cycles. `small` changes
//! nothing that is accepted or sent; the feature chooses it anywhere else, so that it can be tested.
//! `terse` leaves out what is for people only: reason phrases, and what was wrong with a request.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small, terse)");
    let is_bare = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    if is_bare || env::var_os("CARGO_FEATURE_SMALL").is_some() {
        println!("cargo::rustc-cfg=small");
    }
    if is_bare {
        println!("cargo::rustc-cfg=terse");
    }
}
