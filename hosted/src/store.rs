//! Memory on the heap for messages that come in several parts.

use kinglet_core::websocket::Store;

/// Grows with what has come of a message, up to a bound; see
/// [`Collector`](kinglet_core::websocket::Collector).
///
/// Memory is given back when it is [cleared](Store::clear), so a WebSocket that waits has none.
#[derive(Debug)]
pub struct HeapStore {
    bytes: Vec<u8>,
    max_len: u32,
}

impl HeapStore {
    /// An empty store for messages of up to `max_len` bytes.
    #[must_use]
    pub const fn new(max_len: u32) -> Self {
        Self {
            bytes: Vec::new(),
            max_len,
        }
    }
}

impl Default for HeapStore {
    /// For messages of up to 16 MiB.
    fn default() -> Self {
        Self::new(16 * 1024 * 1024)
    }
}

impl Store for HeapStore {
    fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = self.bytes.len() + bytes.len() <= self.max_len as usize;
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_up_to_its_bound_and_no_further() {
        let mut store = HeapStore::new(4);
        assert!(store.append(b"abc"));
        assert!(!store.append(b"de"));
        assert!(store.append(b"d"));
        assert_eq!(store.bytes(), b"abcd");
        store.clear();
        assert_eq!(store.bytes.capacity(), 0);
    }
}
