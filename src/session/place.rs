//! Positions in four bytes: there are some of them in every draft, and one for every event.

use std::num::NonZeroU32;

/// The position of an event among those of its machine, or of a draft among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(NonZeroU32);

impl Place {
    /// Beyond four billion, which fit into no memory, all are the last.
    pub(super) fn of(index: usize) -> Self {
        let next = u32::try_from(index).map_or(u32::MAX, |index| index.saturating_add(1));
        Place(NonZeroU32::new(next).unwrap_or(NonZeroU32::MAX))
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// For each event of a machine the draft that it belongs to.
#[derive(Debug)]
pub(super) struct Places(Vec<Option<Place>>);

impl Places {
    /// None of so many events belongs to a draft.
    pub(super) fn new(events: usize) -> Self {
        Places(vec![None; events])
    }

    pub(super) fn get(&self, event: usize) -> Option<usize> {
        self.0.get(event).copied().flatten().map(Place::index)
    }

    pub(super) fn put(&mut self, event: usize, draft: usize) {
        if let Some(place) = self.0.get_mut(event) {
            *place = Some(Place::of(draft));
        }
    }

    /// The same, unless it belongs to one already; whether it is new.
    pub(super) fn put_new(&mut self, event: usize, draft: usize) -> bool {
        let free = self.0.get_mut(event).filter(|place| place.is_none());
        free.map(|place| *place = Some(Place::of(draft))).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_index_and_none_takes_no_more_space() {
        for index in [0, 1, 619_000, u32::MAX as usize - 1] {
            assert_eq!(Place::of(index).index(), index);
        }
        assert_eq!(Place::of(usize::MAX).index(), u32::MAX as usize - 1);
        assert!(Place::of(1) < Place::of(2));
        assert_eq!(size_of::<Option<Place>>(), 4);
    }
}
