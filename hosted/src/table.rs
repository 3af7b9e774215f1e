//! The connections of a reactor: a slab whose entries are told apart by their generation.

/// Entries at stable indices. An index is used again; its generation is not, so a name kept from an
/// earlier entry finds nothing.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    entry: Entry<T>,
}

#[derive(Debug)]
enum Entry<T> {
    Taken(T),
    Free { next: Option<u32> },
}

/// The name of an entry, outside of the reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: None,
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many indices have been in use at once.
    pub(crate) const fn indices(&self) -> usize {
        self.slots.len()
    }

    /// `None` when all indices are in use.
    pub(crate) fn insert(&mut self, entry: T) -> Option<u32> {
        let index = match self.free {
            Some(index) => {
                let slot = self.slots.get_mut(index as usize)?;
                let Entry::Free { next } = slot.entry else {
                    return None;
                };
                self.free = next;
                slot.entry = Entry::Taken(entry);
                index
            }
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot {
                    generation: 0,
                    entry: Entry::Taken(entry),
                });
                index
            }
        };
        self.len += 1;
        Some(index)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let slot = self.slots.get_mut(index as usize)?;
        if matches!(slot.entry, Entry::Free { .. }) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        let entry = core::mem::replace(&mut slot.entry, Entry::Free { next: self.free });
        self.free = Some(index);
        self.len -= 1;
        match entry {
            Entry::Taken(entry) => Some(entry),
            Entry::Free { .. } => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.slots.get_mut(index as usize) {
            Some(Slot {
                entry: Entry::Taken(entry),
                ..
            }) => Some(entry),
            _ => None,
        }
    }

    /// The name of the entry at `index`.
    #[inline]
    pub(crate) fn key(&self, index: u32) -> Key {
        let generation = self
            .slots
            .get(index as usize)
            .map_or(0, |slot| slot.generation);
        Key { index, generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_used_again_under_another_name() {
        let mut table = Table::new();
        let a = table.insert('a').unwrap();
        let b = table.insert('b').unwrap();
        let old = table.key(a);
        assert_eq!(table.remove(a), Some('a'));
        assert_eq!((table.remove(a), table.get_mut(a)), (None, None));
        assert_eq!(table.insert('c'), Some(a));
        assert_eq!((table.len(), table.indices()), (2, 2));
        assert_eq!(table.get_mut(b), Some(&mut 'b'));
        assert_ne!(table.key(a), old);
    }
}
