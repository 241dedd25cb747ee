//! Records of other channels beside the audit records of a story.

use super::*;

pub(super) const SYSTEM: &str = "System";
pub(super) const PROFILES: &str = "Microsoft-Windows-User Profile Service/Operational";

/// A story and what other channels tell of it.
pub(super) struct Channels {
    pub story: Story,
    beside: Vec<(&'static str, Story)>,
}

impl Channels {
    pub(super) fn new(story: Story) -> Self {
        Channels {
            story,
            beside: Vec::new(),
        }
    }

    /// The next record of a channel.
    pub(super) fn tell(
        &mut self,
        channel: &'static str,
        second: f64,
        event_id: u16,
        action: Action,
    ) -> &mut Event {
        let known = self.beside.iter().position(|(name, _)| *name == channel);
        let at = known.unwrap_or_else(|| {
            self.beside.push((channel, Story::new()));
            self.beside.len() - 1
        });
        let event = self.beside[at].1.write(event_id, action);
        event.channel = channel.into();
        event.time = clock(second);
        event
    }

    /// Leaves out numbers of a channel: records that are missing.
    pub(super) fn lose(&mut self, channel: &str, records: u64) {
        let lossy = self.beside.iter_mut().find(|(name, _)| *name == channel);
        lossy.unwrap().1.record += records;
    }

    /// LocalSessionManager about somebody's desktop.
    pub(super) fn ts(
        &mut self,
        second: f64,
        event_id: u16,
        action: Action,
        number: u32,
        address: &str,
    ) -> &mut Event {
        let event = self.tell(desktop::CHANNEL, second, event_id, action);
        event.session_number = Some(number);
        event.source_address = Some(address.into()).filter(|_| !address.is_empty());
        event.account = Account {
            sid: None,
            ..account("somebody", "WS01", ALICE)
        };
        event
    }

    /// Winlogon or the User Profile Service about a session number of somebody.
    pub(super) fn of_number(
        &mut self,
        channel: &'static str,
        second: f64,
        event_id: u16,
        action: Action,
        number: u32,
    ) -> &mut Event {
        let event = self.tell(channel, second, event_id, action);
        event.session_number = Some(number);
        event.account.sid = Sid::parse(ALICE);
        event
    }

    pub(super) fn timeline(&self) -> Timeline {
        let mut sources = vec![self.story.source()];
        sources.extend(self.beside.iter().map(|(_, story)| story.source()));
        let mut found = machines(sources);
        assert_eq!(found.len(), 1);
        timeline(found.remove(0))
    }

    /// The sessions of people and programs.
    pub(super) fn own(&self) -> Vec<Session> {
        let timeline = self.timeline();
        let own = timeline.sessions();
        own.filter(|session| session.logon_id.is_none_or(|id| id.get() > 0x3e7))
            .collect()
    }

    /// Whether every record of an event belongs to a session.
    pub(super) fn belongs(&self, event_id: u16) -> bool {
        let timeline = self.timeline();
        let mut events = timeline.machine().events.iter().enumerate();
        events.all(|(at, event)| event.event_id != event_id || timeline.session_of(at).is_some())
    }
}

/// Says that a record is of a connection.
pub(super) fn over(event: &mut Event, activity: &str) {
    event.more.get_or_insert_default().activity = Some(activity.into());
}

/// The link of a session's record of an event.
pub(super) fn link(session: &Session, event_id: u16) -> Option<(LinkRule, Score)> {
    let record = session
        .records
        .iter()
        .find(|record| record.event_id == event_id)
        .unwrap_or_else(|| panic!("no {event_id}"));
    record.link.map(|link| (link.rule, link.score))
}

/// The roles of a session's records of an event.
pub(super) fn roles(session: &Session, event_id: u16) -> Vec<Role> {
    let of_event = session.records.iter();
    of_event
        .filter(|record| record.event_id == event_id)
        .map(|record| record.role)
        .collect()
}
