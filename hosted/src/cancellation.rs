//! Who is to be told that nobody waits for an answer any more.

use core::sync::atomic::{AtomicU8, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

/// Whether a client waits for the answer to its request.
#[derive(Debug, Default)]
pub(crate) struct Presence(AtomicU8);

/// It has closed its side, as one does that has said all, and as one does that has gone.
const SILENT: u8 = 1;
/// The connection is closed.
const GONE: u8 = 2;

/// The clients whose requests others answer, by the index of the connection in its thread.
#[derive(Debug, Default)]
pub(crate) struct Watched(HashMap<u32, Arc<Presence>>);

impl Presence {
    /// Whether it may have gone.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= SILENT
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GONE
    }

    pub(crate) fn end(&self) {
        self.0.store(GONE, Ordering::Relaxed);
    }
}

impl Watched {
    pub(crate) fn watch(&mut self, index: u32, presence: Arc<Presence>) {
        self.0.insert(index, presence);
    }

    /// The answer has come.
    pub(crate) fn forget(&mut self, index: u32) {
        self.0.remove(&index);
    }

    /// The client has closed its side.
    pub(crate) fn doubt(&self, index: u32) {
        if let Some(presence) = self.0.get(&index) {
            presence.0.store(SILENT, Ordering::Relaxed);
        }
    }

    /// The connection is closed.
    pub(crate) fn end(&mut self, index: u32) {
        if let Some(presence) = self.0.remove(&index) {
            presence.end();
        }
    }
}
