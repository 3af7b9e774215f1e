//! Decides whether short code goes before fast code.
//!
//! It does where there is no operating system: flash is scarcer there than cycles. What is accepted and
//! what is sent are the same; the feature `small` chooses it anywhere else, as for tests.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let is_bare = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    if is_bare || env::var_os("CARGO_FEATURE_SMALL").is_some() {
        println!("cargo::rustc-cfg=small");
    }
}
