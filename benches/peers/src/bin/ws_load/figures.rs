//! How many, and how late: what a mode prints.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Counts and latencies; recording allocates nothing.
#[derive(Debug)]
pub(crate) struct Figures {
    latencies: Histogram<u64>,
    /// Messages that came back, or were delivered, in time.
    pub(crate) messages: u64,
}

impl Figures {
    pub(crate) fn new() -> io::Result<Self> {
        // Nanoseconds up to a minute, to three digits.
        let latencies = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Self {
            latencies: latencies.map_err(io::Error::other)?,
            messages: 0,
        })
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.latencies.reset();
        self.messages = 0;
    }

    pub(crate) fn record(&mut self, latency: Duration, messages: usize) {
        self.messages += messages as u64;
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(nanoseconds);
    }

    /// One line: messages, seconds, and latencies in microseconds.
    pub(crate) fn print(&self, elapsed: Duration) {
        let microseconds = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "messages={} seconds={:.6} p50_us={:.1} p99_us={:.1} max_us={:.1}",
            self.messages,
            elapsed.as_secs_f64(),
            microseconds(0.50),
            microseconds(0.99),
            microseconds(1.0),
        );
    }
}
