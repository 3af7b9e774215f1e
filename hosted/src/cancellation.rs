//! Who is to be told that nobody waits for an answer any more.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

/// The jobs that answer requests of one thread, by the index of the connection.
#[derive(Debug, Default)]
pub(crate) struct Watched(HashMap<u32, Arc<AtomicBool>>);

impl Watched {
    pub(crate) fn watch(&mut self, index: u32, is_cancelled: Arc<AtomicBool>) {
        self.0.insert(index, is_cancelled);
    }

    /// The answer has come.
    pub(crate) fn forget(&mut self, index: u32) {
        self.0.remove(&index);
    }

    /// The client has gone.
    pub(crate) fn cancel(&mut self, index: u32) {
        if let Some(is_cancelled) = self.0.remove(&index) {
            is_cancelled.store(true, Ordering::Relaxed);
        }
    }
}
