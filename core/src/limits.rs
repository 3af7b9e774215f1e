//! Every bound that the engine keeps, in one place.
//!
//! Nothing that a peer sends can make the engine use memory, time or work past these. Each field
//! names its unit and what happens when it is reached; the defaults are in the presets, and
//! `docs/limits.md` has the table.

use core::time::Duration;

/// The bounds of a connection.
///
/// Limits are read through the [`Context`](crate::Context) at every call, so a driver may change
/// them while connections are open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by functional update from a preset"
)]
pub struct Limits {
    /// Bytes of a head: start-line, header section and the empty line. Over it: 431.
    pub max_head_len: u16,
    /// Bytes of a request target (RFC 9112 §3). Over it: 414.
    pub max_target_len: u16,
    /// Field lines in a header section, and again in a trailer section. Over it: 431.
    pub max_field_lines: u16,
    /// Bytes of content in one message, after any transfer coding is removed. Over it: 413.
    pub max_content_len: u64,
    /// Bytes of chunk extensions in one message (RFC 9112 §7.1.1). Over it: 413.
    pub max_chunk_extensions_len: u16,
    /// Bytes of a trailer section. Over it: 431.
    pub max_trailers_len: u16,
    /// Bytes of unwanted request content that are read and dropped to keep a connection that was
    /// answered early. Over it: the connection closes after the answer.
    pub max_discarded_len: u32,
    /// Exchanges on one connection; the last is answered with `Connection: close`.
    pub max_exchanges: u32,
    /// Bytes of room in the output that the engine waits for before it hands over a request, or
    /// before it asks a stream for more. An answer of that length, head included, always fits. A
    /// refusal has about 200 bytes; below that it is left out, and the connection just closes.
    pub min_room: u16,
    /// From the first byte of a head to its last. Over it: 408.
    pub head_timeout: Duration,
    /// Between two exchanges, or before the first. Over it: the connection closes.
    pub idle_timeout: Duration,
    /// The span over which a rate is measured, while content is awaited or output is stuck.
    pub rate_window: Duration,
    /// Bytes per second of content, below which a sending peer is given up: 408.
    pub min_receive_rate: u32,
    /// Bytes per second of output, below which a receiving peer is given up: the connection closes.
    pub min_send_rate: u32,
    /// Bytes of one WebSocket message, inflated. Over it: close code 1009. Nothing is reserved for it:
    /// an application that collects messages has a bound of its own.
    pub max_message_len: u64,
    /// Frames of one WebSocket message (RFC 6455 §5.4). Over it: close code 1008.
    pub max_fragments: u32,
    /// Bytes that one byte of a compressed WebSocket message may inflate to, on average, past the first
    /// 64 KiB. Over it: close code 1009.
    pub max_inflate_ratio: u16,
    /// Silence of a WebSocket's peer after which a ping is sent.
    pub ping_interval: Duration,
    /// After that ping: how long until anything has to come. Over it: the connection closes.
    pub pong_timeout: Duration,
    /// After our Close frame: how long until the peer's has to come. Over it: the connection closes.
    pub close_timeout: Duration,
    /// After our last byte: how long the peer has to read it and close its side (RFC 9112 §9.6).
    pub drain_timeout: Duration,
}

impl Limits {
    /// For a server with memory to spare.
    pub const SERVER: Self = Self {
        max_head_len: 16 * 1024,
        max_target_len: 8 * 1024,
        max_field_lines: 100,
        max_content_len: 64 * 1024 * 1024,
        max_chunk_extensions_len: 1024,
        max_trailers_len: 4 * 1024,
        max_discarded_len: 256 * 1024,
        max_exchanges: 1_000_000,
        min_room: 4 * 1024,
        head_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
        rate_window: Duration::from_secs(20),
        min_receive_rate: 256,
        min_send_rate: 256,
        max_message_len: 64 * 1024 * 1024,
        max_fragments: 100_000,
        max_inflate_ratio: 200,
        ping_interval: Duration::from_secs(30),
        pong_timeout: Duration::from_secs(20),
        close_timeout: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(5),
    };

    /// For a microcontroller: a head and an answer of 512 bytes each, short patience.
    pub const MICROCONTROLLER: Self = Self {
        max_head_len: 512,
        max_target_len: 128,
        max_field_lines: 32,
        max_content_len: 1024 * 1024,
        max_chunk_extensions_len: 64,
        max_trailers_len: 128,
        max_discarded_len: 4 * 1024,
        max_exchanges: 1_000,
        min_room: 512,
        head_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(15),
        rate_window: Duration::from_secs(5),
        min_receive_rate: 64,
        min_send_rate: 64,
        max_message_len: 16 * 1024 * 1024,
        max_fragments: 100_000,
        max_inflate_ratio: 200,
        ping_interval: Duration::from_secs(15),
        pong_timeout: Duration::from_secs(5),
        close_timeout: Duration::from_secs(2),
        drain_timeout: Duration::from_secs(2),
    };

    /// The least number of bytes that a rate allows in one window; 1 at least, so that a peer that
    /// stands still is always too slow.
    pub(crate) fn least_in_window(&self, rate: u32) -> u32 {
        let seconds = u32::try_from(self.rate_window.as_secs()).unwrap_or(u32::MAX);
        let millis = self.rate_window.subsec_millis();
        // Below a second, in thousands and what they leave, since the product needs more than 32 bits.
        let (thousands, rest) = (rate / 1000, rate % 1000);
        let part = thousands.saturating_mul(millis);
        let part = part.saturating_add(rest.saturating_mul(millis) / 1000);
        rate.saturating_mul(seconds).saturating_add(part).max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::SERVER
    }
}
