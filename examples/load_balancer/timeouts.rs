//! How long each part of an exchange with a backend may take.
//!
//! ```text
//!  |-- connect --|-- response head, for each try --|- idle -|- idle -|      between bytes
//!  |---------------------------- overall ----------------------------|
//! ```

use crate::time::Millis;

/// How long each part may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until there is a connection, with TLS where that is spoken.
    pub(crate) connect: Millis,
    /// From the end of the request to the end of the response's head, for each try.
    pub(crate) response_head: Millis,
    /// Without a byte in either direction, once content is passed.
    pub(crate) idle: Millis,
    /// From the request's head to the end of the response, all tries included; `None` for any time. A
    /// WebSocket is over when it is over.
    pub(crate) overall: Option<Millis>,
}

/// What an exchange waits for, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connect {
        since: Millis,
    },
    ResponseHead {
        since: Millis,
    },
    /// More content, or room for it.
    Content {
        last_byte: Millis,
    },
    /// Frames of a protocol that was switched to.
    Switched {
        last_byte: Millis,
    },
}

/// When an exchange has taken too long, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Millis,
    pub(crate) limit: Limit,
}

/// What has taken too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Connect,
    ResponseHead,
    Idle,
    Overall,
}

impl Timeouts {
    /// When a phase of an exchange that began at `began` is over at the latest.
    pub(crate) fn deadline(&self, phase: Phase, began: Millis) -> Deadline {
        let (at, limit) = match phase {
            Phase::Connect { since } => (since + self.connect, Limit::Connect),
            Phase::ResponseHead { since } => (since + self.response_head, Limit::ResponseHead),
            Phase::Content { last_byte } => (last_byte + self.idle, Limit::Idle),
            Phase::Switched { last_byte } => {
                let at = last_byte + self.idle;
                return Deadline {
                    at,
                    limit: Limit::Idle,
                };
            }
        };
        match self.overall.map(|overall| began + overall) {
            Some(end) if end <= at => Deadline {
                at: end,
                limit: Limit::Overall,
            },
            _ => Deadline { at, limit },
        }
    }

    /// Whether there is time for another try.
    pub(crate) fn has_time(&self, began: Millis, now: Millis) -> bool {
        self.overall.is_none_or(|overall| now < began + overall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        connect: 100,
        response_head: 1_000,
        idle: 500,
        overall: Some(2_000),
    };

    #[test]
    fn the_first_limit_counts() {
        for (phase, at, limit) in [
            (Phase::Connect { since: 10 }, 110, Limit::Connect),
            (Phase::Connect { since: 1_950 }, 2_010, Limit::Overall),
            (
                Phase::ResponseHead { since: 30 },
                1_030,
                Limit::ResponseHead,
            ),
            (Phase::ResponseHead { since: 1_500 }, 2_010, Limit::Overall),
            (Phase::Content { last_byte: 1_510 }, 2_010, Limit::Overall),
            (Phase::Content { last_byte: 1_509 }, 2_009, Limit::Idle),
            (Phase::Switched { last_byte: 9_000 }, 9_500, Limit::Idle),
        ] {
            assert_eq!(
                TIMEOUTS.deadline(phase, 10),
                Deadline { at, limit },
                "{phase:?}"
            );
        }
    }

    #[test]
    fn without_an_overall_limit_there_is_always_time() {
        assert!(TIMEOUTS.has_time(10, 2_009) && !TIMEOUTS.has_time(10, 2_010));
        let timeouts = Timeouts {
            overall: None,
            ..TIMEOUTS
        };
        assert!(timeouts.has_time(10, 1 << 40));
        let deadline = timeouts.deadline(Phase::Connect { since: 5_000 }, 10);
        assert_eq!(
            deadline,
            Deadline {
                at: 5_100,
                limit: Limit::Connect
            }
        );
    }
}
