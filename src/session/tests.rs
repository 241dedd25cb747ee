//! Little stories, each named as what it claims.

mod channels;
mod gaps;
mod ledger;
mod recovered;
mod remote;
mod shells;
mod span;

use super::*;
use crate::event::{Action, Event, Span};
use crate::sid::Sid;
use crate::time::TICKS_PER_SECOND;
pub(super) use span::span;

const ALICE: &str = "S-1-5-21-1-2-3-1001";
const BOB: &str = "S-1-5-21-1-2-3-1002";

/// What happened on one machine, record by record.
struct Story {
    computer: &'static str,
    events: Vec<Event>,
    second: u64,
    record: u64,
    lsass: u32,
}

/// The sessions of a machine.
fn sessions_of(machine: &Machine) -> Vec<Session> {
    timeline(machine.clone()).sessions().collect()
}

/// Seconds after the story's day began.
fn clock(second: f64) -> Time {
    "2024-03-04"
        .parse::<Time>()
        .unwrap()
        .plus((second * TICKS_PER_SECOND as f64) as i64)
}

impl Story {
    fn new() -> Self {
        Story {
            computer: "WS01",
            events: Vec::new(),
            second: 0,
            record: 1,
            lsass: 600,
        }
    }

    /// A machine that has just started.
    fn booted() -> Self {
        let mut story = Story::new();
        story.boot();
        story
    }

    fn at(&mut self, second: u64) -> &mut Self {
        self.second = second;
        self
    }

    fn write(&mut self, event_id: u16, action: Action) -> &mut Event {
        let mut event = Event::of(action);
        event.time = clock(self.second as f64);
        event.set_record_id(self.record);
        (event.event_id, event.version) = (event_id, 2);
        (event.computer, event.channel) = (self.computer.into(), "Security".into());
        event.writer = Some(self.lsass);
        self.record += 1;
        self.events.push(event);
        self.events.last_mut().unwrap()
    }

    fn boot(&mut self) -> &mut Self {
        self.write(4608, Action::Boot);
        let event = self.write(4624, Action::Logon);
        event.logon_type = Some(LogonType(0));
        event.set_logon_id(LogonId::new(0x3e7));
        event.account = account("SYSTEM", "NT AUTHORITY", "S-1-5-18");
        self
    }

    /// A clean stop.
    fn stop(&mut self) -> &mut Self {
        self.write(1100, Action::LogServiceStop);
        self
    }

    fn logon(&mut self, logon_type: u32, id: u64, sid: &str) -> &mut Event {
        let event = self.write(4624, Action::Logon);
        event.logon_type = Some(LogonType(logon_type));
        event.set_logon_id(LogonId::new(id));
        event.account = account("somebody", "WS01", sid);
        (event.subject_logon_id, event.subject) = (
            LogonId::new(0x3e7),
            account("WS01$", "WORKGROUP", "S-1-5-18"),
        );
        event
    }

    /// A logon at the logon screen.
    fn screen(&mut self, logon_type: u32, id: u64, sid: &str) -> &mut Event {
        let event = self.logon(logon_type, id, sid);
        event.logon_process = Some("User32".into());
        event.process_name = Some("C:\\Windows\\System32\\svchost.exe".into());
        event.source_address = Some(
            if logon_type == 10 {
                "192.0.2.7"
            } else {
                "127.0.0.1"
            }
            .into(),
        );
        event
    }

    fn about(&mut self, event_id: u16, action: Action, id: u64, sid: &str) -> &mut Event {
        let event = self.write(event_id, action);
        event.account = account("somebody", "WS01", sid);
        event.set_logon_id(LogonId::new(id));
        event
    }

    fn logoff(&mut self, id: u64, sid: &str) -> &mut Event {
        self.about(4634, Action::Logoff, id, sid)
    }

    fn user_logoff(&mut self, id: u64, sid: &str) -> &mut Event {
        self.about(4647, Action::UserLogoff, id, sid)
    }

    fn source(&self) -> Source {
        Source {
            events: self.events.clone(),
            spans: self.events.iter().map(span).collect(),
            ..Source::default()
        }
    }

    fn sessions(&self) -> Vec<Session> {
        let machines = machines(vec![self.source()]);
        assert_eq!(machines.len(), 1);
        sessions_of(&machines[0])
    }

    /// The sessions of people and programs: all but the standing ones.
    fn own(&self) -> Vec<Session> {
        self.sessions()
            .into_iter()
            .filter(|session| session.logon_id.is_none_or(|id| id.get() > 0x3e7))
            .collect()
    }
}

fn account(name: &str, domain: &str, sid: &str) -> Account {
    Account {
        name: Some(name.into()),
        domain: Some(domain.into()),
        sid: Sid::parse(sid),
    }
}

fn exact(second: f64) -> (Option<Time>, Option<Time>) {
    (Some(clock(second)), Some(clock(second)))
}

fn end(session: &Session) -> ((Option<Time>, Option<Time>), EndReason, EndSource) {
    (
        (session.end.min, session.end.max),
        session.end.reason,
        session.end.source,
    )
}

#[test]
fn a_logon_id_is_a_new_session_after_a_reboot() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story
        .at(100)
        .stop()
        .at(200)
        .boot()
        .at(210)
        .screen(2, 0x5000, BOB);
    let sessions = story.own();
    assert_eq!(sessions.len(), 2);
    assert_ne!(sessions[0].id, sessions[1].id);
    assert_eq!(
        end(&sessions[0]),
        (exact(100.0), EndReason::Shutdown, EndSource::Recorded)
    );
    assert_eq!(sessions[1].end.reason, EndReason::LogEnds);
    assert_eq!(
        (sessions[0].boot, sessions[1].boot),
        (Some(clock(0.0)), Some(clock(200.0)))
    );
}

#[test]
fn a_boot_without_a_clean_stop_before_it_leaves_a_range_and_says_no_more_than_is_known() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(50).logon(3, 0x6000, BOB);
    story.at(300).boot();
    let ended = end(&story.own()[0]);
    assert_eq!(
        ended,
        (
            (Some(clock(50.0)), Some(clock(300.0))),
            EndReason::Unclean,
            EndSource::Inferred
        )
    );
    assert_eq!(story.own()[0].duration, None);
}

#[test]
fn audit_events_dropped_at_a_boot_tell_of_a_crash() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(290).write(1101, Action::AuditDropped);
    story.at(300).boot();
    let ended = end(&story.own()[0]);
    assert_eq!(
        ended,
        (
            (Some(clock(10.0)), Some(clock(290.0))),
            EndReason::Crash,
            EndSource::Inferred
        )
    );
}

#[test]
fn somebody_leaves_at_4647_and_the_token_closes_whenever_it_does() {
    for closed in [None, Some(100), Some(9000)] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        story.at(100).user_logoff(0x5000, ALICE);
        if let Some(closed) = closed {
            story.at(closed).logoff(0x5000, ALICE);
        }
        let sessions = story.own();
        assert_eq!(sessions.len(), 1);
        assert_eq!(
            end(&sessions[0]),
            (exact(100.0), EndReason::UserLogoff, EndSource::Recorded)
        );
        assert_eq!(
            sessions[0].token_closed,
            closed.map(|second| clock(second as f64))
        );
        assert_eq!(sessions[0].duration, Some(90 * TICKS_PER_SECOND));
    }
}

#[test]
fn a_logoff_written_after_the_event_log_stopped_belongs_to_the_old_boot() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(100).stop().at(99).user_logoff(0x5000, ALICE);
    story.at(200).boot();
    assert_eq!(
        end(&story.own()[0]),
        (exact(99.0), EndReason::UserLogoff, EndSource::Recorded)
    );
}

#[test]
fn two_linked_logon_ids_are_one_session_that_lives_as_long_as_its_last_half() {
    let mut story = Story::booted();
    let first = story.at(10).screen(2, 0x5000, ALICE);
    (first.linked_logon_id, first.elevated) = (LogonId::new(0x5030), Some(true));
    let second = story.screen(2, 0x5030, ALICE);
    (second.linked_logon_id, second.elevated) = (LogonId::new(0x5000), Some(false));
    story
        .about(4672, Action::SpecialPrivileges, 0x5000, ALICE)
        .privileges = Some("SeA SeB".into());
    story.at(50).logoff(0x5000, ALICE);
    story.at(60).logoff(0x5030, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    let session = &sessions[0];
    assert_eq!(
        (session.logon_id, session.linked_logon_id),
        (LogonId::new(0x5030), LogonId::new(0x5000))
    );
    assert_eq!(
        (
            session.elevated,
            session.logons,
            session.privileges.as_deref()
        ),
        (Some(true), 2, Some("SeA SeB"))
    );
    assert_eq!(
        end(session),
        (exact(60.0), EndReason::Logoff, EndSource::Recorded)
    );
    assert_eq!(
        session
            .parts
            .iter()
            .map(|part| part.reason)
            .collect::<Vec<_>>(),
        [PartReason::Logon, PartReason::UacTwin]
    );
}

#[test]
fn old_versions_have_no_link_and_their_halves_are_known_by_being_alike() {
    for (process, sessions) in [(700, 1), (701, 2)] {
        let mut story = Story::booted();
        for (id, process) in [(0x5000, 700), (0x5030, process)] {
            let event = story.at(10).logon(2, id, ALICE);
            (event.version, event.process_id, event.logon_process) =
                (1, Some(process), Some("Advapi".into()));
        }
        assert_eq!(story.own().len(), sessions, "process {process}");
    }
}

#[test]
fn one_half_without_its_own_logon_record_still_belongs_to_the_session() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE).linked_logon_id = LogonId::new(0x5030);
    story.at(90).user_logoff(0x5030, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (sessions[0].logon_id, sessions[0].linked_logon_id),
        (LogonId::new(0x5030), LogonId::new(0x5000))
    );
    assert_eq!(sessions[0].end.reason, EndReason::UserLogoff);
}

#[test]
fn an_unlock_is_part_of_the_session_and_its_own_logon_id_never_a_session() {
    for logon_type in [7, 2] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        story.at(100).about(4800, Action::Lock, 0x5000, ALICE);
        story.at(160).screen(logon_type, 0x7000, ALICE);
        story.logoff(0x7000, ALICE);
        story.at(161).about(4801, Action::Unlock, 0x5000, ALICE);
        story.at(200).user_logoff(0x5000, ALICE);
        let sessions = story.own();
        assert_eq!(sessions.len(), 1);
        let session = &sessions[0];
        assert_eq!((session.kind, session.logons), (Kind::Console, 2));
        assert_eq!(session.intervals.len(), 1);
        assert_eq!(
            (session.locked, session.active),
            (Some(61 * TICKS_PER_SECOND), Some(129 * TICKS_PER_SECOND))
        );
        assert_eq!(session.parts[1].reason, PartReason::Unlock);
    }
}

#[test]
fn an_unlock_whose_lock_was_not_recorded_is_kept_and_not_counted() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(160).screen(7, 0x7000, ALICE);
    story.at(200).user_logoff(0x5000, ALICE);
    let sessions = story.own();
    assert_eq!((sessions.len(), sessions[0].locked), (1, Some(0)));
    let interval = &sessions[0].intervals[0];
    assert_eq!(
        (interval.from, interval.to, interval.source),
        (None, Some(clock(160.0)), EndSource::Inferred)
    );
}

#[test]
fn a_remote_session_that_was_left_and_taken_up_again_is_one_session() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(100).about(4779, Action::Disconnect, 0x5000, ALICE);
    let pre = story.at(398).logon(3, 0x6f00, ALICE);
    (pre.subject, pre.subject_logon_id) = (account("-", "-", "S-1-0-0"), None);
    story.at(400).screen(7, 0x7000, ALICE);
    story
        .at(401)
        .about(4778, Action::Reconnect, 0x5000, ALICE)
        .source_address = Some("192.0.2.9".into());
    story.logoff(0x7000, ALICE);
    story.at(500).user_logoff(0x5000, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 2);
    let (session, pre) = (&sessions[0], &sessions[1]);
    assert_eq!(
        (session.kind, session.disconnected),
        (Kind::Rdp, Some(301 * TICKS_PER_SECOND))
    );
    assert_eq!(session.parts[1].reason, PartReason::RdpReconnect);
    assert_eq!(session.intervals[0].address.as_deref(), Some("192.0.2.9"));
    assert_eq!(
        (pre.kind, &pre.flags[..], &pre.parent),
        (Kind::Network, &[Flag::Nla][..], &Some(session.id.clone()))
    );
}

#[test]
fn an_unlock_inside_a_remote_session_is_no_reconnect() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(400).screen(7, 0x7000, ALICE).source_address = Some("192.0.2.7".into());
    assert_eq!(story.own()[0].parts[1].reason, PartReason::Unlock);
}

#[test]
fn a_logon_that_says_it_asked_for_itself_is_one_session_without_a_parent() {
    let mut story = Story::booted();
    story.at(10).logon(3, 0x5000, ALICE).subject_logon_id = LogonId::new(0x5000);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].parent, None);
}

#[test]
fn runas_is_a_child_of_the_session_that_it_was_called_in() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    let credentials = story.at(50).write(4648, Action::ExplicitCredentials);
    (credentials.subject_logon_id, credentials.process_id) = (LogonId::new(0x5000), Some(900));
    let child = story.logon(2, 0x8000, BOB);
    (
        child.logon_process,
        child.subject_logon_id,
        child.process_id,
    ) = (Some("seclogo".into()), LogonId::new(0x5000), Some(900));
    let netonly = story.at(60).logon(9, 0x9000, ALICE);
    (netonly.logon_process, netonly.subject_logon_id) =
        (Some("seclogo".into()), LogonId::new(0x5000));
    let sessions = story.own();
    assert_eq!(
        sessions.iter().map(|s| s.kind).collect::<Vec<_>>(),
        [Kind::Console, Kind::Runas, Kind::RunasNetonly]
    );
    for child in &sessions[1..] {
        assert_eq!(child.parent.as_ref(), Some(&sessions[0].id));
    }
    let roles: Vec<(u16, Role)> = sessions[1]
        .records
        .iter()
        .map(|record| (record.event_id, record.role))
        .collect();
    assert_eq!(roles, [(4648, Role::Credentials), (4624, Role::Start)]);
}

#[test]
fn an_answered_prompt_ends_with_the_desktop_that_it_was_shown_on() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(50).logon(11, 0x8000, BOB).process_name =
        Some("C:\\Windows\\System32\\consent.exe".into());
    story.at(90).user_logoff(0x5000, ALICE);
    let sessions = story.own();
    assert_eq!(
        (sessions[1].kind, sessions[1].parent.as_ref()),
        (Kind::Elevation, Some(&sessions[0].id))
    );
    assert_eq!(
        end(&sessions[1]),
        (exact(90.0), EndReason::UserLogoff, EndSource::Inferred)
    );
}

#[test]
fn service_logons_are_counted_in_one_standing_session_per_account_and_boot() {
    let mut story = Story::booted();
    for _ in 0..3 {
        story.at(5).logon(5, 0x3e7, "S-1-5-18");
        story.at(6).logon(5, 0x3e4, "S-1-5-20");
    }
    story
        .at(50)
        .stop()
        .at(100)
        .boot()
        .logon(5, 0x3e4, "S-1-5-20");
    let sessions = story.sessions();
    let seen: Vec<_> = sessions
        .iter()
        .map(|s| (s.logon_id.unwrap().get(), s.kind, s.logons, s.start.source))
        .collect();
    assert_eq!(
        seen,
        [
            (0x3e7, Kind::System, 4, StartSource::Recorded),
            (0x3e4, Kind::Service, 3, StartSource::Inferred),
            (0x3e7, Kind::System, 1, StartSource::Recorded),
            (0x3e4, Kind::Service, 1, StartSource::Inferred),
        ]
    );
    assert!(
        sessions
            .iter()
            .all(|s| s.interactivity == Interactivity::NonInteractive)
    );
    assert_eq!(
        end(&sessions[1]),
        (exact(50.0), EndReason::Shutdown, EndSource::Recorded)
    );
}

#[test]
fn special_privileges_before_a_network_logon_do_not_make_its_start_unknown() {
    let mut story = Story::booted();
    story
        .at(20)
        .about(4672, Action::SpecialPrivileges, 0x5000, ALICE)
        .privileges = Some("SeA".into());
    story.logon(3, 0x5000, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (sessions[0].start.source, sessions[0].privileges.as_deref()),
        (StartSource::Recorded, Some("SeA"))
    );
}

#[test]
fn a_session_without_its_logon_has_an_unknown_start_and_what_proves_it() {
    let mut story = Story::new();
    story.at(100).logoff(0x5000, ALICE).logon_type = Some(LogonType(3));
    story.at(200).user_logoff(0x6000, BOB);
    let sessions = story.own();
    assert_eq!(
        sessions.iter().map(|s| s.kind).collect::<Vec<_>>(),
        [Kind::Network, Kind::Unknown]
    );
    for (session, second) in sessions.iter().zip([100.0, 200.0]) {
        assert_eq!(
            session.start,
            Start {
                time: None,
                max: Some(clock(second)),
                source: StartSource::BeforeLog
            }
        );
        assert_eq!(
            (session.duration, session.start_record, session.end_record),
            (None, None, Some(0))
        );
    }
}

#[test]
fn a_clock_set_back_makes_no_negative_duration() {
    let mut story = Story::booted();
    story.at(4000).screen(2, 0x5000, ALICE);
    let change = story.at(500).write(4616, Action::ClockChange);
    (change.previous_time, change.new_time) = (Some(clock(4100.0)), Some(clock(500.0)));
    story.at(700).user_logoff(0x5000, ALICE);
    let session = &story.own()[0];
    assert_eq!(session.duration, Some(300 * TICKS_PER_SECOND));
    assert!(session.flags.contains(&Flag::ClockChanged));
}

#[test]
fn an_absurd_or_unreadable_clock_change_leaves_the_duration_unknown() {
    for previous in [None, Some("2296-01-01".parse().unwrap())] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        let change = story.at(50).write(4616, Action::ClockChange);
        (change.previous_time, change.new_time) = (previous, Some(clock(50.0)));
        story.at(100).user_logoff(0x5000, ALICE);
        assert_eq!(story.own()[0].duration, None);
    }
}

#[test]
fn boots_that_no_record_shows_are_known_by_lsass_or_by_logon_ids_that_start_again() {
    for sign in ["lsass", "lower", "again"] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x90000, ALICE);
        story.at(20).logon(3, 0x90010, BOB);
        story.lsass = if sign == "lsass" { 604 } else { 600 };
        let id = match sign {
            "lsass" => 0x90020,
            "lower" => 0x5000,
            _ => 0x90010,
        };
        story.at(500).logon(3, id, BOB);
        let sessions = story.own();
        assert_eq!(
            end(&sessions[0]),
            (
                (Some(clock(20.0)), Some(clock(500.0))),
                EndReason::LostBoot,
                EndSource::Inferred
            ),
            "{sign}"
        );
        assert_eq!(sessions.last().unwrap().boot, None);
    }
}

#[test]
fn a_renamed_machine_is_one_machine_and_a_collector_holds_many() {
    let mut renamed = Story {
        computer: "FACTORY",
        ..Story::new()
    };
    renamed.boot().at(50).stop();
    renamed.computer = "WS01";
    renamed.at(100).boot().screen(2, 0x5000, ALICE);
    let found = machines(vec![renamed.source()]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&*found[0].host, &*found[0].aliases[0]),
        ("WS01", "FACTORY")
    );

    let mut collector = Story::new();
    for computer in ["A", "B", "A", "B"] {
        collector.computer = computer;
        let id = 0x5000 + collector.record;
        collector.at(10).logon(3, id, ALICE);
    }
    let found = machines(vec![collector.source()]);
    assert_eq!(
        found
            .iter()
            .map(|machine| &*machine.host)
            .collect::<Vec<_>>(),
        ["A", "B"]
    );
}

/// Record 1045 of plaso's `System.evtx`: the Key Distribution Center leaves out the domain.
#[test]
fn a_name_without_its_domain_in_mid_log_is_no_other_machine() {
    let mut story = Story::new();
    story.computer = "DC1.example.com";
    story.boot().at(10).logon(3, 0x5000, BOB);
    story.computer = "DC1";
    story.at(20).logon(3, 0x6000, BOB);
    story.computer = "DC1.example.com";
    story.at(30).logon(3, 0x7000, BOB);
    let found = machines(vec![story.source()]);
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].host, "DC1.example.com");
}

#[test]
fn logs_of_one_name_are_one_machine_only_if_something_else_agrees() {
    let mut live = Story::booted();
    live.at(10).screen(2, 0x5000, ALICE);
    let same = live.source();
    let elsewhere = Source {
        folder: 1,
        ..same.clone()
    };
    assert_eq!(
        machines(vec![same.clone(), elsewhere]).len(),
        1,
        "the same records in two folders"
    );

    let mut archive = Story::new();
    archive.record = 4;
    archive.at(20).logon(3, 0x6000, BOB);
    assert_eq!(
        machines(vec![same.clone(), archive.source()]).len(),
        1,
        "the same folder"
    );
    let apart = machines(vec![
        same.clone(),
        Source {
            folder: 1,
            ..archive.source()
        },
    ]);
    assert_eq!(
        (apart.len(), apart.iter().all(|machine| machine.same_name)),
        (2, true)
    );

    let mut other = Story::new();
    other.at(7777).logon(3, 0x6000, BOB);
    assert_eq!(
        machines(vec![same, other.source()]).len(),
        2,
        "other records under the same numbers"
    );
}

#[test]
fn a_record_found_twice_counts_once_and_keeps_both_sources() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    let mut copy = story.source();
    copy.events
        .iter_mut()
        .for_each(|event| event.log = LogIndex(1));
    let found = machines(vec![story.source(), copy]);
    assert_eq!(
        (found.len(), found[0].events.len(), found[0].conflicts.len()),
        (1, 3, 0)
    );
    assert!(
        found[0]
            .copies
            .iter()
            .all(|(_, logs)| logs == &[LogIndex(0), LogIndex(1)])
    );
    assert_eq!(sessions_of(&found[0]).len(), 2);
}

#[test]
fn the_order_of_logs_and_their_split_do_not_change_the_sessions() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(30).user_logoff(0x5000, ALICE);
    story
        .at(50)
        .stop()
        .at(60)
        .boot()
        .at(70)
        .screen(2, 0x5000, BOB);
    let whole = story.sessions();
    let source = story.source();
    for cut in 1..source.events.len() {
        let part = |range: std::ops::Range<usize>| Source {
            events: source.events[range.clone()].to_vec(),
            spans: source.spans[range].to_vec(),
            ..Source::default()
        };
        let split = machines(vec![part(cut..source.events.len()), part(0..cut)]);
        assert_eq!(split.len(), 1);
        assert_eq!(sessions_of(&split[0]), whole, "cut at {cut}");
    }
}

#[test]
fn missing_record_numbers_inside_a_session_are_flagged() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.record += 5;
    story.at(30).user_logoff(0x5000, ALICE);
    story.at(40).screen(2, 0x6000, ALICE);
    let sessions = story.own();
    assert_eq!(
        (&sessions[0].flags[..], &sessions[1].flags[..]),
        (&[Flag::SpansGap][..], &[][..])
    );
}

#[test]
fn a_cleared_log_does_not_end_a_session() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(20).write(1102, Action::LogCleared);
    story.at(30).user_logoff(0x5000, ALICE);
    let session = &story.own()[0];
    assert_eq!(
        (session.end.time(), &session.flags[..]),
        (Some(clock(30.0)), &[Flag::SpansClear][..])
    );
}

#[test]
fn a_microsoft_account_is_one_session_by_its_sid_whatever_it_is_called() {
    let mut story = Story::booted();
    story.at(10).screen(11, 0x5000, ALICE).account =
        account("alice@example.com", "MicrosoftAccount", ALICE);
    story.at(30).user_logoff(0x5000, ALICE).account = account("alice", "WS01", ALICE);
    let sessions = story.own();
    assert_eq!(
        (sessions.len(), sessions[0].class, sessions[0].kind),
        (1, AccountClass::LocalUser, Kind::ConsoleCached)
    );
}

#[test]
fn lsass_validating_a_logon_anew_is_a_part_of_it_before_or_after() {
    for refresh_first in [false, true] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        let refresh = |story: &mut Story| {
            story.logon(7, 0x7001, ALICE).process_name =
                Some("C:\\Windows\\System32\\lsass.exe".into());
        };
        story.at(100);
        if refresh_first {
            refresh(&mut story);
        }
        story.screen(7, 0x7000, ALICE);
        if !refresh_first {
            refresh(&mut story);
        }
        let sessions = story.own();
        assert_eq!(
            (sessions.len(), sessions[0].logons),
            (1, 3),
            "refresh first: {refresh_first}"
        );
    }
}

#[test]
fn remote_desktop_from_a_loopback_address_is_a_tunnel_and_a_console_logon_is_none() {
    for (logon_type, address, flags) in [
        (10, "127.0.0.1", &[Flag::Tunnel][..]),
        (10, "::ffff:127.0.0.1", &[Flag::Tunnel]),
        (10, "192.0.2.1", &[]),
        (2, "127.0.0.1", &[]),
    ] {
        let mut story = Story::booted();
        story
            .at(10)
            .screen(logon_type, 0x5000, ALICE)
            .source_address = Some(address.into());
        assert_eq!(story.own()[0].flags, flags, "{logon_type} {address}");
    }
}

#[test]
fn what_happens_under_a_session_that_is_still_open_at_the_end_of_the_log_is_flagged() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.logon(5, 0x3e4, "S-1-5-20");
    let change = story.at(50).write(4616, Action::ClockChange);
    (change.previous_time, change.new_time) = (Some(clock(50.0)), Some(clock(90.0)));
    story.write(1102, Action::LogCleared);
    story.record += 5;
    story.at(100).logon(3, 0x6000, BOB);
    let sessions = story.sessions();
    for session in sessions
        .iter()
        .filter(|session| session.kind != Kind::Network)
    {
        assert_eq!(session.end.reason, EndReason::LogEnds);
        assert_eq!(
            session.flags,
            [Flag::SpansClear, Flag::SpansGap, Flag::ClockChanged],
            "{:?}",
            session.logon_id
        );
    }
    assert_eq!(sessions.last().unwrap().flags, []);
}

/// DeepBlueCLI's `metasploit-psexec-pwshpayload.evtx` after another log of its machine: 22808, then 1102 as 23133, 23134.
#[test]
fn a_lost_boot_began_where_records_are_missing_and_not_between_two_that_follow_each_other() {
    let mut story = Story::new();
    story.at(10).logon(3, 0x50000, BOB);
    story.record += 300;
    story.lsass = 604;
    let cleared = story.at(80_000).write(1102, Action::LogCleared);
    cleared.writer = Some(988);
    cleared.subject_logon_id = LogonId::new(0x42c3d);
    cleared.subject = account("somebody", "WS01", ALICE);
    story.at(80_007).logon(3, 0x1861f7, BOB);
    let shown = story.at(80_300).write(4798, Action::Used);
    shown.subject_logon_id = LogonId::new(0x42c3d);
    let sessions = story.own();
    let of = |id| {
        let own = sessions
            .iter()
            .filter(move |one| one.logon_id == LogonId::new(id));
        own.map(|one| (one.end.min, one.end.max))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0x50000), [(Some(clock(10.0)), Some(clock(80_000.0)))]);
    assert_eq!(of(0x42c3d), [(Some(clock(80_300.0)), None)]);
}

#[test]
fn a_logon_id_that_was_used_long_before_it_is_given_is_of_another_boot() {
    let mut story = Story::booted();
    story.at(10).user_logoff(0x20000, ALICE);
    for id in 0..12 {
        story.at(20).logon(3, 0x10000 + id, BOB);
    }
    story.at(5000).screen(2, 0x20000, ALICE);
    let sessions = story.own();
    assert_eq!(
        (sessions[0].start.source, sessions[0].end.reason),
        (StartSource::BeforeLog, EndReason::UserLogoff)
    );
    let last = sessions.last().unwrap();
    assert_eq!(
        (last.start.time, last.end.reason, last.boot),
        (Some(clock(5000.0)), EndReason::LogEnds, None)
    );
    assert_eq!(sessions[1].end.reason, EndReason::LostBoot);
}

#[test]
fn a_logoff_written_just_before_its_logon_closes_it() {
    let mut story = Story::booted();
    story.at(10).logoff(0x5000, ALICE).logon_type = Some(LogonType(3));
    story.logon(3, 0x5000, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        end(&sessions[0]),
        (exact(10.0), EndReason::Logoff, EndSource::Recorded)
    );
}

#[test]
fn a_logon_that_somebody_logs_off_from_is_a_session_and_no_reconnect() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x20000, ALICE);
    story.at(100).screen(10, 0x21000, ALICE);
    story.at(200).user_logoff(0x21000, ALICE);
    let sessions = story.own();
    assert_eq!(
        sessions
            .iter()
            .map(|s| (s.kind, s.logon_id.unwrap().get(), s.end.reason))
            .collect::<Vec<_>>(),
        [
            (Kind::Console, 0x20000, EndReason::LogEnds),
            (Kind::Rdp, 0x21000, EndReason::UserLogoff),
        ]
    );
    assert!(
        sessions
            .iter()
            .all(|session| session.linked_logon_id.is_none())
    );
}

#[test]
fn probable_halves_are_two_and_one_of_them_was_a_desktop() {
    let mut story = Story::new();
    for id in [0x5000, 0x5010, 0x5020] {
        story.at(10).about(4672, Action::SpecialPrivileges, id, BOB);
    }
    story
        .at(20)
        .about(4672, Action::SpecialPrivileges, 0x7000, ALICE);
    story.at(30).user_logoff(0x7020, ALICE);
    let twins: Vec<u64> = story
        .own()
        .iter()
        .filter(|s| s.flags == [Flag::Twin])
        .map(|s| s.logon_id.unwrap().get())
        .collect();
    assert_eq!(twins, [0x7000, 0x7020]);
}

#[test]
fn a_disconnect_after_the_logoff_is_no_state_of_the_session() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(100).user_logoff(0x5000, ALICE);
    story.at(101).about(4779, Action::Disconnect, 0x5000, ALICE);
    let session = &story.own()[0];
    assert_eq!(
        (session.intervals.len(), session.disconnected),
        (0, Some(0))
    );
    assert!(session.records.iter().any(|record| record.event_id == 4779));
}

#[test]
fn a_console_session_taken_over_by_remote_desktop_says_so() {
    for (name, flags) in [("RDP-Tcp#0", &[Flag::Moved][..]), ("Console", &[])] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        story.at(100).about(4779, Action::Disconnect, 0x5000, ALICE);
        story.at(101).logon(3, 0x7777, ALICE);
        let back = story.at(102).about(4778, Action::Reconnect, 0x5000, ALICE);
        (back.session_name, back.source_address) = (Some(name.into()), Some("192.0.2.9".into()));
        assert_eq!(story.own()[0].flags, flags);
    }
}

#[test]
fn logs_are_put_together_by_what_they_say_and_not_by_their_order() {
    // An archive that overlaps with the live log in another folder, and a third log that overlaps with the archive.
    let mut story = Story::booted();
    for id in 0..12 {
        story.at(10 + id).logon(3, 0x5000 + id, ALICE);
    }
    let whole = story.source();
    let part = |range: std::ops::Range<usize>, folder, log| {
        let mut events = whole.events[range.clone()].to_vec();
        events
            .iter_mut()
            .for_each(|event| event.log = LogIndex(log));
        Source {
            events,
            spans: whole.spans[range].to_vec(),
            folder,
            ..Source::default()
        }
    };
    let parts = [part(0..6, 0, 0), part(8..14, 1, 1), part(4..10, 2, 2)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let found = machines(order.map(|at| parts[at].clone()).to_vec());
        assert_eq!(found.len(), 1, "{order:?}");
        assert_eq!(sessions_of(&found[0]).len(), 13);
    }
}

#[test]
fn a_log_with_more_names_than_any_machine_has_is_a_collectors() {
    let mut story = Story::new();
    for (at, computer) in [
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R",
    ]
    .into_iter()
    .enumerate()
    {
        story.computer = computer;
        story.at(at as u64 * 100).boot().stop();
    }
    assert_eq!(machines(vec![story.source()]).len(), 18);
}

/// A log of another channel beside those of a story.
fn beside(channel: &str, records: &[(&str, u16, Action)]) -> Source {
    let mut story = Story::new();
    for (computer, event_id, action) in records {
        story.write(*event_id, *action).computer = (*computer).into();
    }
    let mut source = story.source();
    for event in &mut source.events {
        event.channel = channel.into();
    }
    for span in &mut source.spans {
        span.channel = channel.into();
    }
    source
}

#[test]
fn other_channels_change_no_session_and_belong_to_none() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(30).user_logoff(0x5000, ALICE);
    let alone = story.sessions();
    let boot = [("WS01", 12, Action::Boot), ("WS01", 1, Action::ClockChange)];
    let shell = [("WS01", 21, Action::TsLogon), ("WS01", 32, Action::TsStart)];
    let found = machines(vec![
        beside("System", &boot),
        story.source(),
        beside("A channel", &shell),
    ]);
    assert_eq!(found.len(), 1);
    let timeline = timeline(found[0].clone());
    assert!(timeline.sessions().eq(alone));
    let mut named = 0;
    for (at, event) in found[0].events.iter().enumerate() {
        let (session, kind) = (timeline.session_of(at), timeline.kind_of(at));
        assert!(*event.channel == *"Security" || (session.is_none() && kind.is_none()));
        named += usize::from(session.is_some());
    }
    assert_eq!(named, 3, "boot logon, logon, logoff");
}

#[test]
fn a_machine_without_audit_records_has_events_and_no_sessions() {
    let found = machines(vec![beside("System", &[("WS01", 12, Action::Boot)])]);
    assert_eq!(found[0].events.len(), 1);
    let timeline = timeline(found[0].clone());
    assert_eq!((timeline.count(), timeline.session_of(0)), (0, None));
}

#[test]
fn a_channel_without_boots_takes_its_rename_from_the_logs_beside_it() {
    let mut story = Story::new();
    story.computer = "WIN-SETUP";
    story.boot();
    story.computer = "WS01";
    story.at(60).boot();
    let authentications = [
        ("WIN-SETUP", 1149, Action::RdpAuth),
        ("WS01", 1149, Action::RdpAuth),
    ];
    // Its record numbers say nothing of the latest name.
    let mut early = beside("A channel", &authentications);
    early.events[0].set_record_id(900);
    (early.spans[0].first_id, early.spans[0].last_id) = (900, 900);
    let found = machines(vec![early, story.source()]);
    let names: Vec<_> = found
        .iter()
        .map(|machine| (&*machine.host, &*machine.aliases))
        .collect();
    assert_eq!(names, [("WS01", &["WIN-SETUP".into()][..])]);
    let renamed = [
        ("WIN-SETUP", 54, Action::TsStop),
        ("WS01", 32, Action::TsStart),
    ];
    assert_eq!(
        machines(vec![beside("A channel", &renamed)]).len(),
        1,
        "32 marks a boot"
    );
}

#[test]
fn a_run_of_uses_that_two_logs_hold_is_kept_once() {
    let mut source = Story::booted().source();
    let seen = |record_id| crate::event::Seen {
        record_id,
        event_id: 5379,
        time: clock(5.0),
    };
    source.uses = vec![crate::event::Use {
        log: LogIndex(0),
        computer: "WS01".into(),
        logon_id: LogonId::new(0x5000).unwrap(),
        account: Account::default(),
        first: seen(3),
        last: seen(9),
    }];
    let found = machines(vec![source.clone(), source]);
    let used = found[0]
        .events
        .iter()
        .filter(|event| event.action == Action::Used);
    assert_eq!((found.len(), used.count()), (1, 2));
}

/// Records of another channel beside those of a story: seconds, event ID, action, and what they say.
type Beside<'a> = (f64, u16, Action, &'a dyn Fn(&mut Event));

fn with_system(story: &Story, records: &[Beside]) -> Vec<Session> {
    let mut system = Story::new();
    for (second, event_id, action, say) in records {
        let event = system.write(*event_id, *action);
        event.time = clock(*second);
        say(event);
    }
    let mut system = system.source();
    system
        .events
        .iter_mut()
        .for_each(|event| event.channel = "System".into());
    system
        .spans
        .iter_mut()
        .for_each(|span| span.channel = "System".into());
    for (event, span) in system.events.iter().zip(&mut system.spans) {
        (span.first_time, span.last_time, span.earliest, span.latest) =
            (event.time, event.time, event.time, event.time);
    }
    let found = machines(vec![story.source(), system]);
    assert_eq!(found.len(), 1);
    let sessions = sessions_of(&found[0]);
    sessions
        .into_iter()
        .filter(|session| session.logon_id.is_none_or(|id| id.get() > 0x3e7))
        .collect()
}

fn started(second: f64) -> impl Fn(&mut Event) {
    move |event| event.more.get_or_insert_default().start_time = Some(clock(second))
}

fn nothing(_: &mut Event) {}

#[test]
fn the_kernel_tells_when_a_boot_began_and_when_it_stopped() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(3000).boot();
    let sessions = with_system(
        &story,
        &[
            (994.0, 12, Action::Boot, &started(993.0)),
            (2000.0, 13, Action::Shutdown, &nothing),
            (2995.0, 12, Action::Boot, &started(2994.0)),
        ],
    );
    assert_eq!(sessions[0].boot, Some(clock(993.0)));
    assert_eq!(
        end(&sessions[0]),
        (exact(2000.0), EndReason::Shutdown, EndSource::Recorded)
    );
    assert_eq!(sessions[0].duration, Some(900 * TICKS_PER_SECOND));
    assert_eq!(
        sessions[0].records.last().unwrap().channel.as_ref(),
        "System"
    );
}

#[test]
fn a_stop_after_the_last_audit_record_leaves_open_when_a_session_ended_before_it() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    let sessions = with_system(
        &story,
        &[
            (994.0, 12, Action::Boot, &started(993.0)),
            (2000.0, 13, Action::Shutdown, &nothing),
            (2995.0, 12, Action::Boot, &started(2994.0)),
        ],
    );
    assert_eq!(
        end(&sessions[0]),
        (
            (Some(clock(1100.0)), Some(clock(2000.0))),
            EndReason::Shutdown,
            EndSource::Inferred
        )
    );
}

#[test]
fn a_crash_is_told_by_6008_and_lies_between_the_last_sign_of_life_and_the_next_start() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(3000).boot();
    let alive =
        |event: &mut Event| event.more.get_or_insert_default().stop_time = Some(clock(1900.0));
    let records: [Beside; 4] = [
        (994.0, 12, Action::Boot, &started(993.0)),
        (1500.0, 42, Action::Uptime, &nothing),
        (3001.0, 6008, Action::Crash, &alive),
        (2995.0, 12, Action::Boot, &started(2994.0)),
    ];
    let ended = |records: &[Beside]| end(&with_system(&story, records)[0]);
    assert_eq!(
        ended(&records),
        (
            (Some(clock(1900.0)), Some(clock(2994.0))),
            EndReason::Crash,
            EndSource::Inferred
        )
    );
    // Without 6008 nothing says that it was one.
    assert_eq!(
        ended(&[records[0], records[1], records[3]]).1,
        EndReason::Unclean
    );
}

#[test]
fn a_41_after_boots_that_left_no_other_trace_is_no_crash_of_the_boot_before() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(3000).boot();
    let counter = |number: u32| {
        move |event: &mut Event| event.more.get_or_insert_default().last_boot_id = Some(number)
    };
    for (number, reason) in [(8, EndReason::Crash), (9, EndReason::Unclean)] {
        let sessions = with_system(
            &story,
            &[
                (994.0, 12, Action::Boot, &started(993.0)),
                (994.5, 20, Action::BootStatus, &counter(7)),
                (2995.0, 12, Action::Boot, &started(2994.0)),
                (2995.5, 20, Action::BootStatus, &counter(number)),
                (2996.0, 41, Action::Crash, &nothing),
            ],
        );
        assert_eq!(sessions[0].end.reason, reason, "LastBootId {number}");
    }
}

#[test]
fn fast_startup_ends_desktops_and_lets_the_boot_go_on() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(1200).logon(3, 0x6000, BOB);
    story.at(9000).screen(2, 0x90000, ALICE);
    let off = |event: &mut Event| event.more.get_or_insert_default().target_state = Some(6);
    let on = |event: &mut Event| event.more.get_or_insert_default().boot_type = Some(1);
    let sessions = with_system(
        &story,
        &[
            (994.0, 12, Action::Boot, &started(993.0)),
            (2000.0, 42, Action::Sleep, &off),
            (8900.0, 27, Action::BootType, &on),
        ],
    );
    let told: Vec<_> = sessions
        .iter()
        .map(|session| {
            (
                session.kind,
                session.end.reason,
                session.end.source,
                session.boot,
            )
        })
        .collect();
    let boot = Some(clock(993.0));
    assert_eq!(
        told,
        [
            (
                Kind::Console,
                EndReason::Shutdown,
                EndSource::Inferred,
                boot
            ),
            (Kind::Network, EndReason::LogEnds, EndSource::Unknown, boot),
            (Kind::Console, EndReason::LogEnds, EndSource::Unknown, boot),
        ]
    );
    assert_eq!(sessions[0].end.time(), Some(clock(2000.0)));
}

#[test]
fn a_start_mark_makes_a_logon_a_new_session_though_an_old_one_seems_open() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(1500).screen(2, 0x9000, ALICE);
    let alice = |event: &mut Event| event.account.sid = Sid::parse(ALICE);
    let mark: Beside = (1502.0, 7001, Action::WinlogonLogon, &alice);
    assert_eq!(with_system(&story, &[mark]).len(), 2);
    assert_eq!(with_system(&story, &[]).len(), 1);
}

#[test]
fn somebody_who_left_because_windows_was_asked_to_stop_is_flagged() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    story.at(1500).user_logoff(0x5000, ALICE);
    for (second, flags) in [
        (1400.0, &[Flag::AtShutdown][..]),
        (1504.0, &[Flag::AtShutdown]),
        (1300.0, &[]),
        (1600.0, &[]),
    ] {
        assert_eq!(
            with_system(&story, &[(second, 1074, Action::StopRequest, &nothing)])[0].flags,
            flags,
            "{second}"
        );
    }
}

#[test]
fn refused_logons_are_tied_to_the_logon_that_ended_them() {
    let mut story = Story::booted();
    let refused = |story: &mut Story, second: u64| {
        story.at(second).write(4625, Action::LogonFailed).account =
            account("Somebody", "ELSEWHERE", "S-1-0-0");
    };
    refused(&mut story, 10);
    for second in 5000..5007 {
        refused(&mut story, second);
    }
    story.at(5100).logon(3, 0x5000, ALICE);
    story.at(5200).logon(3, 0x6000, ALICE);
    refused(&mut story, 6000);
    story.at(9000).logon(3, 0x7000, ALICE);
    let told: Vec<_> = story
        .own()
        .iter()
        .map(|session| session.failures_before)
        .collect();
    // One long before is of no burst; one long after ends nothing.
    assert_eq!(told, [Some(7), None, None]);
    let proofs = story.own()[0]
        .records
        .iter()
        .filter(|record| record.role == Role::Failure)
        .map(|record| record.time)
        .collect::<Vec<_>>();
    assert_eq!(proofs, [clock(5000.0), clock(5006.0)]);
}

#[test]
fn refused_logons_before_a_pre_authentication_are_its_sessions_too() {
    let mut story = Story::booted();
    story.at(10).write(4625, Action::LogonFailed).account = account("somebody", "WS01", "S-1-0-0");
    let pre = story.at(11).logon(3, 0x6f00, ALICE);
    (pre.subject, pre.subject_logon_id) = (account("-", "-", "S-1-0-0"), None);
    story.at(12).screen(10, 0x7000, ALICE);
    assert_eq!(
        story
            .own()
            .iter()
            .map(|session| session.failures_before)
            .collect::<Vec<_>>(),
        [Some(1), Some(1)]
    );
}

#[test]
fn a_session_taken_up_by_somebody_who_did_not_log_on_as_its_owner_is_flagged() {
    let carol = || account("carol", "WS01", BOB);
    for (logs_on, leaves, flags) in [
        (true, true, &[][..]),
        (false, false, &[Flag::HijackSuspected]),
        (false, true, &[Flag::Hijack]),
    ] {
        let mut story = Story::booted();
        story.at(10).screen(10, 0x5000, ALICE);
        story.at(20).screen(10, 0x6000, BOB).account = carol();
        story
            .at(100)
            .about(4779, Action::Disconnect, 0x5000, ALICE)
            .session_name = Some("RDP-Tcp#1".into());
        if logs_on {
            story.at(480).logon(3, 0x8000, ALICE);
        }
        if leaves {
            let left = story.at(500).about(4779, Action::Disconnect, 0x6000, BOB);
            (left.session_name, left.account) = (Some("RDP-Tcp#2".into()), carol());
        }
        story
            .at(500)
            .about(4778, Action::Reconnect, 0x5000, ALICE)
            .session_name = Some("RDP-Tcp#2".into());
        assert_eq!(
            story.own()[0].flags,
            flags,
            "logs on: {logs_on}, leaves: {leaves}"
        );
    }
}

#[test]
fn any_record_that_a_session_asked_for_shows_that_it_was_still_there() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    let mut source = story.source();
    let seen = |record_id, second| crate::event::Seen {
        record_id,
        event_id: 4688,
        time: clock(second),
    };
    source.uses = vec![crate::event::Use {
        log: LogIndex(0),
        computer: "WS01".into(),
        logon_id: LogonId::new(0x5000).unwrap(),
        account: Account::default(),
        first: seen(4, 20.0),
        last: seen(9, 700.0),
    }];
    let sessions = sessions_of(&machines(vec![source])[0]);
    let session = sessions
        .iter()
        .find(|session| session.kind == Kind::Console)
        .unwrap();
    assert_eq!(
        (session.end.min, session.end.max, session.end.reason),
        (Some(clock(700.0)), None, EndReason::LogEnds)
    );
    let proof = session.records.last().unwrap();
    assert_eq!(
        (proof.record_id, proof.event_id, proof.role),
        (9, 4688, Role::Use)
    );
}

#[test]
fn a_stop_that_was_asked_for_in_the_boot_before_is_no_reason_to_leave_this_one() {
    let mut story = Story::new();
    story.at(1000).boot().at(1010).screen(2, 0x5000, ALICE);
    story.at(1060).user_logoff(0x5000, ALICE);
    let request: Beside = (950.0, 1074, Action::StopRequest, &nothing);
    let start: Beside = (994.0, 12, Action::Boot, &started(993.0));
    assert_eq!(with_system(&story, &[request, start])[0].flags, []);
    let later: Beside = (1001.0, 1074, Action::StopRequest, &nothing);
    assert_eq!(
        with_system(&story, &[start, later])[0].flags,
        [Flag::AtShutdown]
    );
}

#[test]
fn a_desktop_that_only_the_session_manager_shows_does_not_end_before_it_began() {
    let mut story = Story::booted();
    story.at(9000).boot();
    let mut manager = Story::new();
    let logon = manager.at(5000).write(21, Action::TsLogon);
    (logon.session_number, logon.source_address) = (Some(2), Some("192.0.2.7".into()));
    logon.account = Account {
        sid: None,
        ..account("alice", "WS01", ALICE)
    };
    let mut manager = manager.source();
    manager
        .events
        .iter_mut()
        .for_each(|event| event.channel = desktop::CHANNEL.into());
    manager
        .spans
        .iter_mut()
        .for_each(|span| span.channel = desktop::CHANNEL.into());
    let found = machines(vec![story.source(), manager]);
    let sessions = sessions_of(&found[0]);
    let session = sessions
        .iter()
        .find(|session| session.kind == Kind::Rdp)
        .unwrap();
    assert_eq!(
        (session.start.time, session.logon_id),
        (Some(clock(5000.0)), None)
    );
    assert_eq!(
        end(session),
        (
            (Some(clock(5000.0)), Some(clock(9000.0))),
            EndReason::Unclean,
            EndSource::Inferred
        )
    );
}

#[test]
fn a_session_with_a_name_that_hides_something_is_flagged_whichever_name_it_is() {
    type Set = fn(&mut Event);
    let cases: [(&[Flag], Set); 6] = [
        (&[], |_| {}),
        (&[Flag::SuspiciousName], |logon| {
            logon.account.name = Some("\u{430}dmin".into());
        }),
        (&[Flag::SuspiciousName], |logon| {
            logon.account.domain = Some("WS01 ".into());
        }),
        (&[Flag::SuspiciousName], |logon| {
            logon.workstation = Some("KA\u{200b}LI".into());
        }),
        (&[Flag::SuspiciousName], |logon| {
            logon.outbound.name = Some("\u{202e}cvs".into());
        }),
        (&[], |logon| logon.process_name = Some(" x\u{200b}".into())),
    ];
    for (number, (flags, set)) in cases.into_iter().enumerate() {
        let mut story = Story::booted();
        set(story.at(60).logon(3, 0x1_2345, ALICE));
        assert_eq!(story.own()[0].flags, flags, "{number}");
    }
    let mut story = Story::new();
    story.computer = "WS\u{2060}01";
    story.boot().at(60).logon(3, 0x1_2345, ALICE);
    assert_eq!(story.own()[0].flags, [Flag::SuspiciousName]);
}
