//! What is remembered of a request while it is passed on.

use core::cell::RefCell;
use core::net::SocketAddr;
use std::rc::Rc;

use kinglet_core::http::{Length, Method};
use kinglet_hosted::outgoing::Outgoing;

use crate::backends::{Backends, Underway};
use crate::balance::BackendId;
use crate::balance::sticky::Token;
use crate::lines::Lines;
use crate::outlier::Outcome;
use crate::queue::Place;
use crate::time::Millis;

/// An exchange; in a box, since most connections are idle.
#[derive(Default)]
pub(crate) struct Exchange(pub(super) Option<Box<Passing>>);

/// A request that is passed on.
pub(super) struct Passing {
    pub(super) outgoing: Option<Outgoing>,
    pub(super) underway: Option<Underway>,
    /// Whom it is from.
    pub(super) client: Option<SocketAddr>,
    pub(super) pool: usize,
    pub(super) key: u64,
    pub(super) token: Option<Token>,
    pub(super) method: Method<'static>,
    pub(super) content: Content,
    pub(super) tries: u32,
    pub(super) tried: Vec<BackendId>,
    /// When it is answered with 504, whatever has come.
    pub(super) deadline: Option<Millis>,
    /// That it waits for a backend.
    pub(super) waiting: Option<Waiting>,
    pub(super) is_switched: bool,
    /// What there is to tell when the answer is whole.
    pub(super) latency: Option<Millis>,
    pub(super) outcome: Outcome,
}

/// Whether the request's content is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Whole,
    Coming,
}

/// The head of a request.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) method: Method<'a>,
    pub(super) target: &'a [u8],
    pub(super) authority: &'a str,
    pub(super) content: Option<Length>,
    pub(super) offers_upgrade: bool,
}

/// A request that waits until a backend has room: its head, and its place in the queue, which it leaves
/// however it ends.
pub(super) struct Waiting {
    backends: Rc<RefCell<Backends>>,
    pool: usize,
    place: Place,
    method: String,
    target: Vec<u8>,
    authority: String,
    content: Option<Length>,
    offers_upgrade: bool,
    pub(super) lines: Lines,
}

impl Passing {
    pub(super) const fn new(pool: usize, method: Method<'static>, content: Content) -> Self {
        Self {
            outgoing: None,
            underway: None,
            client: None,
            pool,
            key: 0,
            token: None,
            method,
            content,
            tries: 0,
            tried: Vec::new(),
            deadline: None,
            waiting: None,
            is_switched: false,
            latency: None,
            outcome: Outcome::Served,
        }
    }

    /// Keeps what is needed to send the request when a backend has room.
    pub(super) fn waits(
        &mut self,
        place: Place,
        backends: &Rc<RefCell<Backends>>,
        head: &Head<'_>,
        lines: &Lines,
    ) {
        self.waiting = Some(Waiting {
            backends: Rc::clone(backends),
            pool: self.pool,
            place,
            method: head.method.as_str().into(),
            target: head.target.into(),
            authority: head.authority.into(),
            content: head.content,
            offers_upgrade: head.offers_upgrade,
            lines: lines.clone(),
        });
    }
}

impl Waiting {
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            method: Method::from_token(self.method.as_bytes()),
            target: &self.target,
            authority: &self.authority,
            content: self.content,
            offers_upgrade: self.offers_upgrade,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.backends.borrow_mut().leave(self.pool, self.place);
    }
}
