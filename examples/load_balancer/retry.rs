//! Trying again: when that is safe, how often, and how much of it in all.
//!
//! ```text
//!  what has failed                          any method      idempotent only
//!  no connection, nothing was sent          again
//!  closed, reset or silent after sending                    again
//!  a response that is none                                  again
//!  502, 503 or 504 from the backend                         again
//!  some of the response was passed on       never           never
//! ```
//!
//! And only where the content, if there was any, is still at hand; and within the budget: when a
//! backend that is overloaded fails, tries on top of what it cannot do would keep it down.

use core::fmt;

use kinglet_core::http::Method;

use crate::time::Millis;

/// How often and for what is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Tries of one request in all; 1 for no second one.
    pub(crate) max_tries: u32,
    /// Status codes of responses that are not passed on but tried again.
    pub(crate) statuses: Vec<u16>,
    /// Tries again, in percent of requests.
    pub(crate) budget_percent: u32,
    /// Tries again in each second that are allowed however few requests there are.
    pub(crate) min_per_second: u32,
}

/// A try that has come to nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) method: Method<'a>,
    /// Tries until now, this one included.
    pub(crate) tries: u32,
    pub(crate) failure: Failure,
    pub(crate) content: Content,
}

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Before any byte of the request was handed to the system.
    NothingSent,
    /// After some was, and before any byte of a response: closed, reset, or silent for too long. A
    /// connection that was idle may have been closed before the request came, but that is not known.
    NoResponse,
    /// What came is no response, and none of it was passed on.
    Garbage,
    /// A response with this status code, of which nothing was passed on.
    Status(u16),
}

/// Whether the content can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// There is none, all of it has been kept, or nothing of it has been read yet.
    Kept,
    /// Some was passed on and not kept.
    Gone,
}

/// Why there is no other try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    StatusIsFinal,
    NotIdempotent,
    ContentGone,
    TooManyTries,
    BudgetSpent,
}

impl Settings {
    /// Whether a request can be tried again, by all but the budget. The first reason why not is the one
    /// that no setting changes, if there is one.
    pub(crate) fn allow(&self, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        let may_have_been_acted_on = match attempt.failure {
            Failure::NothingSent => false,
            Failure::NoResponse | Failure::Garbage => true,
            Failure::Status(status) if self.statuses.contains(&status) => true,
            Failure::Status(_) => return Err(Refusal::StatusIsFinal),
        };
        // RFC 9110 §9.2.2: a proxy must not repeat what is not idempotent.
        if may_have_been_acted_on && !attempt.method.is_idempotent() {
            return Err(Refusal::NotIdempotent);
        }
        match attempt.content {
            Content::Gone => Err(Refusal::ContentGone),
            Content::Kept if attempt.tries >= self.max_tries => Err(Refusal::TooManyTries),
            Content::Kept => Ok(()),
        }
    }
}

/// Seconds that a budget looks back.
const WINDOW: u64 = 10;

/// How much is tried again in all: the budget of a pool, on one thread.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Of each second; the present one is at its number modulo the window.
    seconds: [Second; WINDOW as usize],
    now: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    requests: u32,
    retries: u32,
}

impl Budget {
    /// Takes note of a request, which may then be tried as often as it is allowed to.
    pub(crate) fn request(&mut self, now: Millis) {
        let second = self.second(now);
        second.requests = second.requests.saturating_add(1);
    }

    /// Spends a try, if there is one left.
    pub(crate) fn spend(&mut self, settings: &Settings, now: Millis) -> Result<(), Refusal> {
        self.second(now);
        let sum = |count: fn(&Second) -> u32| self.seconds.iter().map(count).map(u64::from).sum();
        let (requests, retries): (u64, u64) = (sum(|one| one.requests), sum(|one| one.retries));
        let by_share = requests * u64::from(settings.budget_percent) / 100;
        let at_least = u64::from(settings.min_per_second) * WINDOW;
        if retries >= by_share.max(at_least) {
            return Err(Refusal::BudgetSpent);
        }
        self.second(now).retries += 1;
        Ok(())
    }

    /// The present second; those that are more than a window ago are forgotten.
    fn second(&mut self, now: Millis) -> &mut Second {
        let now = now / 1_000;
        let passed = now.saturating_sub(self.now).min(WINDOW);
        self.now = self.now.max(now);
        for ago in 0..passed {
            self.seconds[((self.now - ago) % WINDOW) as usize] = Second::default();
        }
        &mut self.seconds[(self.now % WINDOW) as usize]
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusIsFinal => "the status is not tried again",
            Self::NotIdempotent => "the method is not idempotent",
            Self::ContentGone => "the content was passed on",
            Self::TooManyTries => "tried as often as allowed",
            Self::BudgetSpent => "the retry budget is spent",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            max_tries: 3,
            statuses: vec![502, 503],
            budget_percent: 20,
            min_per_second: 0,
        }
    }

    #[test]
    fn only_what_is_safe_is_tried_again() {
        use Content::{Gone, Kept};
        use Failure::{Garbage, NoResponse, NothingSent, Status};
        use Refusal::{ContentGone, NotIdempotent, StatusIsFinal, TooManyTries};
        for (method, tries, failure, content, expected) in [
            (Method::Get, 1, NothingSent, Kept, Ok(())),
            (Method::Get, 2, NoResponse, Kept, Ok(())),
            (Method::Get, 3, NoResponse, Kept, Err(TooManyTries)),
            (Method::Get, 1, Garbage, Kept, Ok(())),
            (Method::Get, 1, Status(503), Kept, Ok(())),
            (Method::Get, 1, Status(504), Kept, Err(StatusIsFinal)),
            (Method::Post, 1, NothingSent, Kept, Ok(())),
            (Method::Post, 1, NothingSent, Gone, Err(ContentGone)),
            (Method::Post, 1, NoResponse, Kept, Err(NotIdempotent)),
            (Method::Post, 1, Garbage, Kept, Err(NotIdempotent)),
            (Method::Post, 1, Status(503), Kept, Err(NotIdempotent)),
            (Method::Patch, 1, NoResponse, Kept, Err(NotIdempotent)),
            (
                Method::Other("LOCK"),
                1,
                NoResponse,
                Kept,
                Err(NotIdempotent),
            ),
            (Method::Put, 1, NoResponse, Kept, Ok(())),
            (Method::Put, 1, NoResponse, Gone, Err(ContentGone)),
            (Method::Delete, 1, Status(502), Kept, Ok(())),
        ] {
            let attempt = Attempt {
                method,
                tries,
                failure,
                content,
            };
            assert_eq!(settings().allow(&attempt), expected, "{attempt:?}");
        }
    }

    #[test]
    fn tries_are_a_share_of_requests() {
        let mut budget = Budget::default();
        let mut spent = 0;
        for at in 0..1_000 {
            budget.request(at);
            spent += u32::from(budget.spend(&settings(), at).is_ok());
        }
        assert_eq!(spent, 200);
    }

    #[test]
    fn some_are_allowed_when_there_is_little_traffic() {
        let settings = Settings {
            min_per_second: 2,
            ..settings()
        };
        let mut budget = Budget::default();
        let spend = |budget: &mut Budget, now| {
            (0..100)
                .filter(|_| budget.spend(&settings, now).is_ok())
                .count()
        };
        assert_eq!(spend(&mut budget, 500), 20);
        assert_eq!(spend(&mut budget, 9_999), 0);
        assert_eq!(spend(&mut budget, 10_000), 20);
        assert_eq!(spend(&mut budget, 1_000_000), 20);
    }

    #[test]
    fn what_was_long_ago_is_forgotten_second_by_second() {
        let mut budget = Budget::default();
        for second in 0..10 {
            (0..100).for_each(|_| budget.request(second * 1_000));
        }
        // Seconds 5 to 9 are left at 14.
        let spent = (0..1_000).filter(|_| budget.spend(&settings(), 14_000).is_ok());
        assert_eq!(spent.count(), 100);
    }
}
