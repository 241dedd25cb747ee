//! When something happened to an account, asked by its SID, or by its name for records that hold none.

use crate::event::{Account, Event};
use crate::sid::Sid;
use crate::time::Time;
use ahash::RandomState;
use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;

/// The times of events, by what tells their accounts apart.
#[derive(Debug)]
pub(super) struct Moments<K> {
    times: HashMap<K, Vec<Time>, RandomState>,
}

impl Moments<String> {
    /// The times of events by their accounts' names.
    pub(super) fn by_name<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let named = |event: &Event| Some((folded_name(&event.account)?.into_owned(), event.time));
        Moments::of(events.filter_map(named))
    }

    /// Whether one of the account's name lies from a time to another, both included.
    pub(super) fn any_named(&self, account: &Account, from: Time, to: Time) -> bool {
        !self.times.is_empty()
            && folded_name(account).is_some_and(|name| self.any(&*name, from, to))
    }
}

impl<'a> Moments<&'a Sid> {
    /// The times of events by their accounts' SIDs.
    pub(super) fn by_sid(events: impl Iterator<Item = &'a Event>) -> Self {
        Moments::of(events.filter_map(|event| Some((event.account.sid.as_ref()?, event.time))))
    }

    /// Whether one of the account's SID lies from a time to another, both included.
    pub(super) fn any_of(&self, account: &Account, from: Time, to: Time) -> bool {
        let sid = account.sid.as_ref();
        sid.is_some_and(|sid| self.any(&sid, from, to))
    }
}

impl<K: Eq + Hash> Moments<K> {
    fn of(moments: impl Iterator<Item = (K, Time)>) -> Self {
        let mut times: HashMap<K, Vec<Time>, RandomState> = HashMap::default();
        for (key, time) in moments {
            times.entry(key).or_default().push(time);
        }
        times.values_mut().for_each(|own| own.sort_unstable());
        Moments { times }
    }

    fn any<Q: Eq + Hash + ?Sized>(&self, key: &Q, from: Time, to: Time) -> bool
    where
        K: Borrow<Q>,
    {
        let own = self.times.get(key).map(Vec::as_slice).unwrap_or_default();
        let first = own.partition_point(|time| *time < from);
        own.get(first).is_some_and(|time| *time <= to)
    }
}

/// The name by which records without a SID are compared: without case, and without the domain of `name@domain`.
pub(super) fn folded_name(account: &Account) -> Option<Cow<'_, str>> {
    let name = account.name.as_deref()?;
    let name = name.split('@').next().unwrap_or(name);
    let is_folded = name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    Some(match is_folded {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    })
}
