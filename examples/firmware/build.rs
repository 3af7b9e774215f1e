//! Gives the linker the memory of the board that was chosen.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let board = match (chosen("MPS2"), chosen("LM3S6965EVB")) {
        (true, false) => "mps2",
        (false, true) => "lm3s6965evb",
        _ => panic!("choose one board: --features mps2, or --features lm3s6965evb"),
    };
    let source = format!("src/board/{board}.x");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy(&source, folder.join("memory.x")).expect("the board's memory.x");
    println!("cargo::rerun-if-changed={source}");
    println!("cargo::rustc-link-search={}", folder.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic"); // Sections are not aligned to pages.
}

fn chosen(feature: &str) -> bool {
    env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}
