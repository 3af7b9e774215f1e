//! Type `cargo run --release --example device_server`, then open http://127.0.0.1:8080/ in a browser.
//!
//! The application that `examples/firmware` runs on a microcontroller, here with readings of this
//! computer. `--listen ADDRESS:PORT` says where; with `--microcontroller` it keeps the firmware's bounds,
//! so that the answers of both can be compared.

use std::error::Error;
use std::fs;

use kinglet_core::{Instant, Limits};
use kinglet_device::{Board, Device, Reading, Settings};
use kinglet_hosted::{Address, Options, Server};

/// This computer, with a light that is a variable.
#[derive(Default)]
struct Host {
    settings: Settings,
}

impl Board for Host {
    fn name(&self) -> &'static str {
        "this computer"
    }

    fn reading(&mut self, index: usize, _: Instant) -> Option<Reading> {
        let (name, unit, decimals) = *SENSORS.get(index)?;
        let value = match name {
            "load" => number("/proc/loadavg", "")? * 100.0,
            "memory free" => number("/proc/meminfo", "MemAvailable:")? / 1024.0,
            "memory cached" => number("/proc/meminfo", "Cached:")? / 1024.0,
            _ => number("/proc/uptime", "")? / 60.0,
        };
        Some(Reading {
            name,
            unit,
            value: value as i32,
            decimals,
        })
    }

    fn settings(&self) -> Settings {
        self.settings
    }

    fn apply(&mut self, settings: Settings) {
        self.settings = settings;
    }
}

/// Name, unit, and digits behind the point.
const SENSORS: [(&str, &str, u8); 4] = [
    ("load", "", 2),
    ("memory free", "MiB", 0),
    ("memory cached", "MiB", 0),
    ("uptime", "min", 0),
];

/// The first number behind `label` in a file that the system writes.
fn number(path: &str, label: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let (_, behind) = text.split_once(label)?;
    behind.split_whitespace().next()?.parse().ok()
}

fn main() -> Result<(), Box<dyn Error>> {
    let (address, options) = parse_arguments()?;
    let server = Server::bind(&address, options)?;
    server.drain_on_signals()?;
    println!("listening on {}", server.local_address());
    server.run(|_thread| Device::new(Host::default()))?;
    Ok(())
}

fn parse_arguments() -> Result<(Address, Options), Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut address = "127.0.0.1:8080".parse()?;
    // One thread: there is one board.
    let mut options = Options {
        limits: Limits {
            max_content_len: kinglet_device::LIMITS.max_content_len,
            ..Limits::SERVER
        },
        ..Options::default()
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("microcontroller") => options.limits = kinglet_device::LIMITS,
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok((address, options))
}
