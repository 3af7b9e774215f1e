//! What a platform has to bring.

use core::time::Duration;

use kinglet_core::Instant;

/// The platform that a [`Device`](crate::Device) runs on.
pub trait Board {
    /// What the page calls it: short, without quotes or backslashes.
    fn name(&self) -> &'static str;

    /// The reading of a sensor, which are counted from 0; `None` past the last. A message holds eight
    /// or so.
    fn reading(&mut self, index: usize, now: Instant) -> Option<Reading>;

    /// The settings that hold.
    fn settings(&self) -> Settings;

    /// Makes these the settings that hold. They have been checked.
    fn apply(&mut self, settings: Settings);
}

/// What a sensor tells: a decimal number, for which no floating point is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "boards make them")]
pub struct Reading {
    /// Short, without quotes or backslashes.
    pub name: &'static str,
    /// The same; may be empty.
    pub unit: &'static str,
    /// The value, times 10 to the power of `decimals`.
    pub value: i32,
    /// Digits behind the point.
    pub decimals: u8,
}

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "boards keep them")]
pub struct Settings {
    /// From one report of the readings to the next.
    pub interval: Duration,
    /// The light on the board.
    pub led: Led,
}

/// Whether the light is lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two are all there is")]
pub enum Led {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            led: Led::Off,
        }
    }
}
