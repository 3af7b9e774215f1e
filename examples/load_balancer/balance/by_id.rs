//! Something for each backend of a pool.

use super::{BackendId, Candidate};

/// A value for each backend, in the order of their ids.
#[derive(Debug)]
pub(crate) struct ById<T>(Vec<(BackendId, T)>);

impl<T: Default> ById<T> {
    /// Keeps the values of those who are there, forgets the others, and makes one for who is new.
    pub(crate) fn align(&mut self, all: &[Candidate]) {
        let mut old = core::mem::take(&mut self.0).into_iter().peekable();
        self.0.extend(all.iter().map(|candidate| {
            while old.next_if(|(id, _)| *id < candidate.id).is_some() {}
            old.next_if(|(id, _)| *id == candidate.id)
                .unwrap_or_else(|| (candidate.id, T::default()))
        }));
    }

    /// The value of a backend that is there.
    pub(crate) fn value_mut(&mut self, id: BackendId) -> Option<&mut T> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// The value at the place that its backend has among all.
    pub(crate) fn at(&self, index: usize) -> Option<&T> {
        self.0.get(index).map(|(_, value)| value)
    }

    /// All values, in the order of the candidates.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::with_weights;
    use super::*;

    #[test]
    fn who_stays_keeps_its_value() {
        let mut values = ById::<u32>::default();
        let mut pool = with_weights(&[1, 1, 1, 1]);
        values.align(&pool);
        for (value, told) in values.iter_mut().zip(10..) {
            *value = told;
        }
        pool.remove(1);
        pool.remove(1);
        let mut came = pool[0];
        came.id = BackendId(7);
        pool.push(came);
        values.align(&pool);
        assert_eq!(
            values
                .0
                .iter()
                .map(|&(id, value)| (id.0, value))
                .collect::<Vec<_>>(),
            [(0, 10), (3, 13), (7, 0)]
        );
        assert_eq!(values.value_mut(BackendId(1)), None);
        assert_eq!(values.value_mut(BackendId(3)), Some(&mut 13));
        assert_eq!(values.at(2), Some(&0));
    }
}
