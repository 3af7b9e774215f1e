//! Type `cargo run --release --example device_server`, then open http://127.0.0.1:8080/ in a browser.
//!
//! The application that `examples/firmware` runs on a microcontroller, here with readings of this
//! computer. `--listen ADDRESS:PORT` says where; with `--microcontroller` it keeps the firmware's bounds,
//! so that the answers of both can be compared.

use std::error::Error;
use std::fs;
use std::time::Duration;

use kinglet_core::{Instant, Limits};
use kinglet_device::{Board, Device, Reading, Settings};
use kinglet_hosted::{Address, Options, Server};

/// This computer, with a light that is a variable.
#[derive(Default)]
struct Host {
    settings: Settings,
    processor: Processor,
}

impl Board for Host {
    fn name(&self) -> &'static str {
        "this computer"
    }

    fn reading(&mut self, index: usize, now: Instant) -> Option<Reading> {
        let (name, unit, decimals) = *SENSORS.get(index)?;
        let value = match name {
            "processor" => self.processor.percentage(now)? * 10.0,
            "load" => number("/proc/loadavg", "")? * 100.0,
            "free memory" => number("/proc/meminfo", "MemAvailable:")? / 1024.0,
            _ => number("/proc/uptime", "")? / 6.0,
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
    ("processor", "%", 1),
    ("load", "", 2),
    ("free memory", "MiB", 0),
    ("uptime", "min", 1),
];

/// How busy the processor is: a share of the time between two looks.
#[derive(Default)]
struct Processor {
    /// When the last look was; what had passed by then, and how much of it idle, in ticks.
    last: Option<(Instant, f64, f64)>,
    percentage: f64,
}

impl Processor {
    fn percentage(&mut self, now: Instant) -> Option<f64> {
        let is_due = |last: Instant| now.has_reached(last.after(Duration::from_millis(100)));
        if self.last.is_none_or(|(last, ..)| is_due(last)) {
            let text = fs::read_to_string("/proc/stat").ok()?;
            let ticks = text.lines().next()?.split_whitespace().skip(1);
            let ticks: Vec<f64> = ticks.filter_map(|tick| tick.parse().ok()).collect();
            let (passed, idle) = (ticks.iter().sum(), *ticks.get(3)?);
            let (_, before, idle_before) = self.last.unwrap_or((now, 0.0, 0.0));
            self.last = Some((now, passed, idle));
            if passed > before {
                self.percentage = 100.0 - 100.0 * (idle - idle_before) / (passed - before);
            }
        }
        Some(self.percentage)
    }
}

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
