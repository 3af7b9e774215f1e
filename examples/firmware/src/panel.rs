//! What the application is told of the board: its readings, its settings.

use kinglet_core::Instant;
use kinglet_device::{Board, Led, Reading, Settings};

/// Readings that the main loop keeps up to date.
pub(crate) struct Panel {
    name: &'static str,
    settings: Settings,
    /// Milliseconds since the last span of a second began, and how many of them were slept through.
    awake: u32,
    asleep: u32,
    /// Of the last whole span: thousandths of the time in which the processor had something to do.
    busy: i32,
    pub(crate) connections: usize,
    pub(crate) accepted: u32,
    pub(crate) turned_away: u32,
}

impl Panel {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            settings: Settings::default(),
            awake: 0,
            asleep: 0,
            busy: 0,
            connections: 0,
            accepted: 0,
            turned_away: 0,
        }
    }

    pub(crate) fn is_lit(&self) -> bool {
        self.settings.led == Led::On
    }

    /// Takes note of a round of the main loop: milliseconds that it worked, and then slept.
    pub(crate) fn note_round(&mut self, worked: u32, slept: u32) {
        self.awake += worked;
        self.asleep += slept;
        let span = self.awake + self.asleep;
        if span >= 1000 {
            self.busy = (self.awake * 1000 / span) as i32;
            (self.awake, self.asleep) = (0, 0);
        }
    }
}

impl Board for Panel {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reading(&mut self, index: usize, now: Instant) -> Option<Reading> {
        let (name, unit, value, decimals) = match index {
            0 => ("processor", "%", self.busy, 1),
            1 => ("connections", "", self.connections as i32, 0),
            2 => ("accepted", "", self.accepted as i32, 0),
            3 => ("turned away", "", self.turned_away as i32, 0),
            4 => ("uptime", "s", (now.as_millis() / 1000) as i32, 0),
            _ => return None,
        };
        Some(Reading {
            name,
            unit,
            value,
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
