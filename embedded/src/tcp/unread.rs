//! Where a head goes that lies around the end of a receive ring.

/// Bytes that were taken out of a ring and are not consumed: up to `W` of them, in one piece.
///
/// ```text
/// ring    [ continued |   free   | begun ]
/// unread  [ begun | continued | spare    ]
/// ```
///
/// It is empty nearly always: what the engine consumes is read where the ring has it.
#[derive(Debug)]
pub(super) struct Unread<const W: usize> {
    // len <= W
    len: usize,
    bytes: [u8; W],
}

impl<const W: usize> Unread<W> {
    pub(super) const EMPTY: Self = Self {
        len: 0,
        bytes: [0; W],
    };

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Takes as much of `bytes` as there is room for, and answers how much that was.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let spare = self.bytes.get_mut(self.len..).unwrap_or_default();
        let mut pushed: usize = 0;
        for (to, from) in spare.iter_mut().zip(bytes) {
            *to = *from;
            pushed = pushed.saturating_add(1);
        }
        self.len = self.len.saturating_add(pushed);
        pushed
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Keeps `remaining` bytes, which lie behind `consumed` others.
    pub(super) fn keep(&mut self, consumed: usize, remaining: usize) {
        let end = consumed.saturating_add(remaining);
        if consumed > 0 && end <= self.bytes.len() {
            self.bytes.copy_within(consumed..end, 0);
        }
        self.len = remaining.min(self.bytes.len());
    }
}
