//! Where the events of each action stand: most steps ask for few of a machine's events.
//!
//! In: the events of a machine. Out: [`Actions`], which gives those of an action without a look at all others.

use super::place::Place;
use crate::event::{Action, Event};
use std::ops::Range;

/// What a log of logons consists of. Few steps ask for one of them, so their places are looked for then.
const COMMON: [Action; 4] = [
    Action::Logon,
    Action::Logoff,
    Action::SpecialPrivileges,
    Action::Used,
];

/// The events of a machine by their actions, in record order.
pub(super) struct Actions<'a> {
    events: &'a [Event],
    /// By the action's place in its declaration; none of [`COMMON`] ones.
    places: Vec<Vec<Place>>,
}

impl<'a> Actions<'a> {
    pub(super) fn of(events: &'a [Event]) -> Self {
        let mut places = vec![Vec::new(); Action::ALL.len()];
        let rare = |(_, event): &(usize, &Event)| !COMMON.contains(&event.action);
        for (index, event) in events.iter().enumerate().filter(rare) {
            if let Some(own) = places.get_mut(event.action as usize) {
                own.push(Place::of(index));
            }
        }
        Actions { events, places }
    }

    /// The events of an action, each with its position.
    pub(super) fn all(&self, action: Action) -> impl Iterator<Item = (usize, &'a Event)> + Clone {
        self.within(action, 0..self.events.len())
    }

    /// Those of them in a range of positions.
    pub(super) fn within(
        &self,
        action: Action,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Event)> + Clone {
        let all = self.places.get(action as usize);
        let all = all.map(Vec::as_slice).unwrap_or_default();
        let from = all.partition_point(|place| place.index() < range.start);
        let to = all.partition_point(|place| place.index() < range.end);
        let events = self.events;
        let own = all.get(from..to).unwrap_or_default().iter();
        let own = own.map(|place| place.index());
        let sought = match COMMON.contains(&action) {
            true => range,
            false => 0..0,
        };
        let all = own.chain(sought);
        let all = all.filter_map(move |index| Some((index, events.get(index)?)));
        all.filter(move |(_, event)| event.action == action)
    }

    /// The events of several actions, in record order.
    pub(super) fn any_of(&self, actions: &[Action]) -> Vec<(usize, &'a Event)> {
        self.any_within(actions, 0..self.events.len())
    }

    /// Those of them in a range of positions.
    pub(super) fn any_within(
        &self,
        actions: &[Action],
        range: Range<usize>,
    ) -> Vec<(usize, &'a Event)> {
        let own = actions.iter();
        let own = own.flat_map(|&action| self.within(action, range.clone()));
        let mut found: Vec<(usize, &Event)> = own.collect();
        // They are runs in order already, which this sort finds.
        found.sort_by_key(|(index, _)| *index);
        found
    }

    /// Whether there is an event of an action.
    pub(super) fn has(&self, action: Action) -> bool {
        self.all(action).next().is_some()
    }
}
