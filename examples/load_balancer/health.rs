//! Active checks: is a backend there, asked from time to time.
//!
//! ```text
//!            due            answered, failed or too late
//!  Waiting -------> Asking -----------------------------> Waiting, until the next interval
//!                                       |
//!                    `fall` failures in a row: down;  `rise` successes in a row: up
//!                    before anything is known, the first answer decides
//! ```
//!
//! The machine says when to ask and what the answers come to; whoever drives it connects, and sends the
//! request where it is one of HTTP. One thread checks for all, and passes on what has changed.

use core::ops::RangeInclusive;

use crate::rng::Rng;
use crate::time::Millis;

/// How backends are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) probe: Probe,
    /// From the end of one check to the begin of the next.
    pub(crate) interval: Millis,
    /// How much earlier or later the next one begins, by lot, in percent of the interval: so checks of
    /// many balancers do not fall together.
    pub(crate) jitter_percent: u32,
    /// How long an answer may take.
    pub(crate) timeout: Millis,
    /// Successes in a row until a backend that was down is up.
    pub(crate) rise: u32,
    /// Failures in a row until a backend that was up is down.
    pub(crate) fall: u32,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether it takes a connection.
    Tcp,
    /// Whether it answers `GET path` with one of these status codes.
    Http {
        path: String,
        /// The value of `Host`; the backend's address where there is none.
        host: Option<String>,
        expected: Vec<RangeInclusive<u16>>,
    },
}

impl Probe {
    /// Whether a response with this status code is a success.
    pub(crate) fn expects(&self, status: u16) -> bool {
        match self {
            Self::Tcp => true,
            Self::Http { expected, .. } => expected.iter().any(|range| range.contains(&status)),
        }
    }
}

/// Whether a backend is there, as far as its checks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It has not been asked yet, or never is: it is taken to be there.
    #[default]
    Unknown,
    Up,
    Down,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    Failure,
}

/// The checks of one backend.
#[derive(Debug)]
pub(crate) struct Check {
    health: Health,
    state: State,
    /// Answers in a row that speak against what is known.
    against: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Millis },
    Asking { until: Millis },
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask, and say with [`Check::receive`] how it went.
    Ask,
    /// Stop asking: it took too long, and that is counted. The health is given where it has changed.
    GiveUp(Option<Health>),
}

impl Check {
    /// Begins soon, at some time within the first interval, but a second at most.
    pub(crate) const fn new(settings: &Settings, now: Millis, rng: &mut Rng) -> Self {
        let spread = if settings.interval < 1_000 {
            settings.interval
        } else {
            1_000
        };
        let until = now + rng.below(spread);
        Self {
            health: Health::Unknown,
            state: State::Waiting { until },
            against: 0,
        }
    }

    /// What is known.
    #[cfg(test)]
    pub(crate) const fn health(&self) -> Health {
        self.health
    }

    /// When [`poll`](Self::poll) has something to do, unless an answer comes before.
    pub(crate) const fn next_timeout(&self) -> Millis {
        match self.state {
            State::Waiting { until } | State::Asking { until } => until,
        }
    }

    /// What is to be done at this time, if anything.
    pub(crate) fn poll(
        &mut self,
        settings: &Settings,
        now: Millis,
        rng: &mut Rng,
    ) -> Option<Action> {
        match self.state {
            State::Waiting { until } | State::Asking { until } if now < until => None,
            State::Waiting { .. } => {
                let until = now + settings.timeout;
                self.state = State::Asking { until };
                Some(Action::Ask)
            }
            State::Asking { .. } => {
                let changed = self.receive(settings, Answer::Failure, now, rng);
                Some(Action::GiveUp(changed))
            }
        }
    }

    /// Takes the answer, and says what is known from now on where that has changed. An answer that was
    /// not waited for is none.
    pub(crate) fn receive(
        &mut self,
        settings: &Settings,
        answer: Answer,
        now: Millis,
        rng: &mut Rng,
    ) -> Option<Health> {
        let State::Asking { .. } = self.state else {
            return None;
        };
        let until = now + jittered(settings, rng);
        self.state = State::Waiting { until };
        let (told, needed) = match answer {
            Answer::Success => (Health::Up, settings.rise),
            Answer::Failure => (Health::Down, settings.fall),
        };
        if told == self.health {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.health != Health::Unknown && self.against < needed {
            return None;
        }
        self.against = 0;
        self.health = told;
        Some(told)
    }
}

fn jittered(settings: &Settings, rng: &mut Rng) -> Millis {
    let most = settings.interval * u64::from(settings.jitter_percent) / 100;
    settings.interval - most.min(settings.interval) + rng.below(2 * most + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            probe: Probe::Tcp,
            interval: 5_000,
            jitter_percent: 10,
            timeout: 1_000,
            rise: 2,
            fall: 3,
        }
    }

    /// What is known after each answer: `+` a success, `-` a failure, `.` none in time.
    fn play(answers: &str) -> String {
        let (settings, mut rng, mut now) = (settings(), Rng::new(5), 0);
        let mut check = Check::new(&settings, now, &mut rng);
        let mut known = String::new();
        for answer in answers.chars() {
            now = check.next_timeout();
            assert_eq!(check.poll(&settings, now, &mut rng), Some(Action::Ask));
            let before = check.health();
            let changed = match answer {
                '.' => {
                    assert_eq!(check.next_timeout(), now + 1_000);
                    now += 1_000;
                    assert_eq!(check.poll(&settings, now - 1, &mut rng), None);
                    match check.poll(&settings, now, &mut rng) {
                        Some(Action::GiveUp(changed)) => changed,
                        other => panic!("{other:?}"),
                    }
                }
                '+' => check.receive(&settings, Answer::Success, now, &mut rng),
                _ => check.receive(&settings, Answer::Failure, now, &mut rng),
            };
            assert_eq!(
                changed,
                Some(check.health()).filter(|health| *health != before)
            );
            known.push(match check.health() {
                Health::Unknown => '?',
                Health::Up => 'U',
                Health::Down => 'D',
            });
        }
        known
    }

    #[test]
    fn the_first_answer_decides_and_later_ones_have_to_agree() {
        for (answers, expected) in [
            ("+", "U"),
            ("-", "D"),
            (".", "D"),
            ("+--+--+---", "UUUUUUUUUD"),
            ("---+-++", "DDDDDDU"),
            ("+-.-++", "UUUDDU"),
        ] {
            assert_eq!(play(answers), expected, "{answers}");
        }
    }

    #[test]
    fn intervals_are_about_as_long_as_was_said() {
        let (settings, mut rng) = (settings(), Rng::new(5));
        let spans: Vec<_> = (0..1_000).map(|_| jittered(&settings, &mut rng)).collect();
        assert!(spans.iter().all(|span| (4_500..=5_500).contains(span)));
        assert!(spans.iter().any(|&span| span < 4_550));
        assert!(spans.iter().any(|&span| span > 5_450));
        let exact = Settings {
            jitter_percent: 0,
            ..settings
        };
        assert_eq!(jittered(&exact, &mut rng), 5_000);
    }

    #[test]
    fn the_first_checks_are_spread_and_soon() {
        let (settings, mut rng) = (settings(), Rng::new(5));
        let first: Vec<_> = (0..100)
            .map(|_| Check::new(&settings, 70, &mut rng).next_timeout())
            .collect();
        assert!(first.iter().all(|at| (70..1_070).contains(at)));
        assert!(first.iter().max().unwrap() - first.iter().min().unwrap() > 800);
    }

    #[test]
    fn an_answer_that_comes_too_late_is_none() {
        let (settings, mut rng) = (settings(), Rng::new(5));
        let mut check = Check::new(&settings, 0, &mut rng);
        assert_eq!(check.receive(&settings, Answer::Success, 0, &mut rng), None);
        assert_eq!(check.health(), Health::Unknown);
    }

    #[test]
    fn status_codes_are_expected_or_not() {
        let probe = Probe::Http {
            path: String::from("/"),
            host: None,
            expected: vec![200..=299, 401..=401],
        };
        let expected = [199, 200, 299, 300, 400, 401, 402].map(|status| probe.expects(status));
        assert_eq!(expected, [false, true, true, false, false, true, false]);
    }
}
