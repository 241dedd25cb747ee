//! Positions in four bytes: there are some of them in every draft, and one for every event.

use std::num::NonZeroU32;

/// The position of an event among those of its machine, or of a draft among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(NonZeroU32);

impl Place {
    /// `None` beyond four billion: so many events do not fit into any memory.
    pub(super) fn of(index: usize) -> Option<Self> {
        let next = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(next).map(Place)
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_index_and_none_takes_no_more_space() {
        for index in [0, 1, 619_000, u32::MAX as usize - 1] {
            assert_eq!(Place::of(index).map(Place::index), Some(index));
        }
        assert_eq!(Place::of(u32::MAX as usize), None);
        assert!(Place::of(1) < Place::of(2));
        assert_eq!(size_of::<Option<Place>>(), 4);
    }
}
