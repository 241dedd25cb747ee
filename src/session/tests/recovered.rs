//! What was recovered adds what it tells, and takes nothing away from what live logs tell.

use super::*;

/// The sessions of a live log and of what was recovered beside it.
fn told(live: &Story, recovered: &Story) -> Vec<(Machine, Vec<Session>)> {
    let mut events = recovered.events.clone();
    events.iter_mut().for_each(|event| event.log = LogIndex(1));
    let recovered = Source {
        spans: events.iter().map(span).collect(),
        events,
        recovered: true,
        ..Source::default()
    };
    let machines = machines(vec![live.source(), recovered]);
    let with_sessions = machines.into_iter().map(|machine| {
        let sessions = sessions_of(&machine);
        (machine, sessions)
    });
    with_sessions.collect()
}

fn own(sessions: &[Session]) -> Vec<&Session> {
    sessions.iter().filter(|s| !s.is_standing()).collect()
}

/// A story whose record `lost` and those up to `upto` are taken out, and those.
fn parted(story: &Story, lost: std::ops::RangeInclusive<u64>) -> (Story, Story) {
    let part = |inside: bool| Story {
        computer: story.computer,
        events: story
            .events
            .iter()
            .filter(|event| lost.contains(&event.record_id()) == inside)
            .cloned()
            .collect(),
        ..*story
    };
    (part(false), part(true))
}

fn day() -> Story {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(500).user_logoff(0x5000, ALICE);
    story.at(600).screen(2, 0x9000, BOB);
    story.at(900).user_logoff(0x9000, BOB);
    story.at(9000).stop();
    story
}

#[test]
fn a_recovered_end_ends_its_session_and_marks_it_alone() {
    let (live, lost) = parted(&day(), 4..=4);
    let found = told(&live, &lost);
    assert_eq!(found.len(), 1);
    let sessions = own(&found[0].1);
    assert_eq!(sessions[0].end.time(), Some(clock(500.0)));
    assert!(sessions[0].flags.contains(&Flag::Recovered));
    assert!(!sessions[1].flags.contains(&Flag::Recovered));
}

#[test]
fn a_gap_with_a_recovered_record_in_it_is_still_a_gap() {
    let (live, _) = parted(&day(), 4..=5);
    let (_, only_the_logoff) = parted(&day(), 4..=4);
    let found = told(&live, &only_the_logoff);
    let coverage = timeline(found[0].0.clone()).coverage;
    let gaps = &coverage[0].gaps;
    assert_eq!((gaps[0].first, gaps[0].last), (4, 5));
    assert_eq!((coverage[0].records, coverage[0].recovered), (5, 1));
    let without = told(&live, &Story::new());
    assert_eq!(
        timeline(without[0].0.clone()).coverage[0].gaps,
        coverage[0].gaps
    );
    let (with, without) = (own(&found[0].1), own(&without[0].1));
    assert!(with.iter().all(|s| s.flags.contains(&Flag::SpansGap)));
    assert_eq!(with.len(), without.len());
}

#[test]
fn between_recovered_records_anything_may_have_happened() {
    let mut live = Story::booted();
    live.at(10).screen(2, 0x5000, ALICE);
    let mut lost = Story::new();
    lost.record = 100;
    lost.at(500).screen(2, 0x9000, BOB);
    lost.record = 200;
    lost.at(900).screen(7, 0x9900, BOB);
    let found = told(&live, &lost);
    let sessions = own(&found[0].1);
    let bob = sessions
        .iter()
        .filter(|s| s.account.sid.as_ref().unwrap().as_str() == BOB);
    assert!(bob.clone().count() > 0);
    for session in bob {
        assert!(session.flags.contains(&Flag::SpansGap), "{session:?}");
        assert!(session.flags.contains(&Flag::Recovered));
    }
}

#[test]
fn a_recovered_record_never_outranks_a_live_one() {
    let live = day();
    let mut other = day();
    other.events.retain(|event| event.record_id() == 4);
    other.events[0].account = account("mallory", "WS01", BOB);
    let found = told(&live, &other);
    assert_eq!(found.len(), 1);
    let (machine, sessions) = &found[0];
    assert_eq!(*sessions, live.sessions());
    assert!(machine.conflicts.is_empty());
    let coverage = &timeline(machine.clone()).coverage[0];
    assert_eq!((coverage.contradicting, coverage.recovered), (1, 0));
    // Under a number that the live log gives to another record.
    let mut other = day();
    other.events.retain(|event| event.record_id() == 4);
    other.events[0].time = clock(501.0);
    let found = told(&live, &other);
    assert_eq!(found[0].1, live.sessions());
    let coverage = &timeline(found[0].0.clone()).coverage[0];
    assert_eq!((coverage.contradicting, coverage.duplicates), (1, 0));
    // The same record is a copy.
    let mut copy = day();
    copy.events.retain(|event| event.record_id() == 4);
    let found = told(&live, &copy);
    assert_eq!(found[0].1, live.sessions());
    let coverage = &timeline(found[0].0.clone()).coverage[0];
    assert_eq!((coverage.contradicting, coverage.duplicates), (0, 1));
}

#[test]
fn records_of_another_time_with_numbers_among_the_live_ones_are_told_of_by_themselves() {
    let live = day();
    let mut old = Story::booted();
    old.at(10).screen(2, 0x7000, ALICE);
    old.at(20).user_logoff(0x7000, ALICE);
    for event in &mut old.events {
        event.time = event.time.plus(-400 * 86_400 * TICKS_PER_SECOND);
    }
    let found = told(&live, &old);
    assert_eq!(found.len(), 2);
    let of_live = found.iter().find(|(machine, _)| !machine.spans.is_empty());
    let (machine, sessions) = of_live.unwrap();
    let alone = live.sessions().into_iter().map(|session| Session {
        machine: machine.number,
        ..session
    });
    assert_eq!(*sessions, alone.collect::<Vec<_>>());
    assert!(!machine.same_name);
    let apart = found.iter().find(|(machine, _)| machine.spans.is_empty());
    let (machine, sessions) = apart.unwrap();
    assert!(machine.same_name);
    assert!(sessions.iter().all(|s| s.flags.contains(&Flag::Recovered)));
    assert_eq!(own(sessions).len(), 1);
}

#[test]
fn what_a_log_left_behind_is_of_its_machine_and_not_of_another_of_that_name() {
    let (one, lost) = parted(&day(), 4..=4);
    let mut other = day();
    for event in &mut other.events {
        event.time = event.time.plus(-400 * 86_400 * TICKS_PER_SECOND);
        event.log = LogIndex(1);
    }
    let mut events = lost.events;
    events.iter_mut().for_each(|event| event.log = LogIndex(2));
    let recovered = Source {
        spans: events.iter().map(span).collect(),
        events,
        recovered: true,
        beside: Some(LogIndex(0)),
        ..Source::default()
    };
    let found = machines(vec![one.source(), other.source(), recovered]);
    assert_eq!(found.len(), 2);
    let holds = |machine: &&Machine| machine.events.iter().any(|e| e.log == LogIndex(2));
    let with: Vec<&Machine> = found.iter().filter(holds).collect();
    assert_eq!(with.len(), 1);
    assert_eq!(with[0].events[0].log, LogIndex(0));
    assert_eq!(own(&sessions_of(with[0]))[0].end.time(), Some(clock(500.0)));
}

#[test]
fn what_stands_since_boot_lives_as_long_as_live_records_show_behind_a_recovered_one() {
    let mut live = Story::new();
    live.record = 300;
    live.at(5000).screen(2, 0x5000, ALICE);
    live.at(6000).user_logoff(0x5000, ALICE);
    for event in &mut live.events {
        event.subject_logon_id = LogonId::new(0x3e7);
    }
    let mut lost = Story::new();
    lost.record = 100;
    lost.at(100).screen(2, 0x4000, BOB);
    lost.events[0].subject_logon_id = LogonId::new(0x3e7);
    let standing = |sessions: &[Session]| {
        let mut own = sessions.iter().filter(|s| s.is_standing());
        own.next().cloned().unwrap()
    };
    let alone = standing(&live.sessions());
    let found = told(&live, &lost);
    let with = standing(&found[0].1);
    assert_eq!(
        (with.id, with.start, with.end),
        (alone.id, alone.start, alone.end)
    );
    assert!(with.flags.contains(&Flag::Recovered));
}

#[test]
fn what_stands_since_boot_does_not_go_over_a_gap_behind_its_first_record() {
    let mut live = Story::new();
    live.record = 300;
    live.at(5000).screen(2, 0x5000, ALICE);
    let mut lost = Story::new();
    for (record, second) in [(100, 100), (200, 200)] {
        lost.record = record;
        lost.at(second).screen(2, 0x4000 + record, BOB);
    }
    // The first record names SYSTEM, those behind the first gap another.
    lost.events[1].subject_logon_id = LogonId::new(0x3e5);
    let found = told(&live, &lost);
    let of_service = found[0]
        .1
        .iter()
        .find(|s| s.logon_id == LogonId::new(0x3e5));
    let end = of_service.unwrap().end;
    assert_eq!((end.min, end.max), (Some(clock(200.0)), None));
}

#[test]
fn recovered_records_whose_numbers_follow_each_other_have_no_gap_between_them() {
    let mut live = Story::booted();
    live.at(5).screen(2, 0x3000, ALICE);
    let mut lost = Story::new();
    lost.record = 100;
    lost.at(100).screen(2, 0x9000, BOB);
    lost.at(200).user_logoff(0x9000, BOB);
    let of_bob = |lost: &Story| {
        let found = told(&live, lost);
        let own = own(&found[0].1)
            .into_iter()
            .find(|s| s.logon_id == LogonId::new(0x9000));
        let bob = own.cloned().unwrap();
        (bob.end.time(), bob.flags.contains(&Flag::SpansGap))
    };
    assert_eq!(of_bob(&lost), (Some(clock(200.0)), false));
    // A number in between is missing.
    lost.events[1].set_record_id(105);
    assert_eq!(of_bob(&lost), (Some(clock(200.0)), true));
}

/// A session whose last live sign of life is at second 2000 with record 4, before a gap up to a boot.
fn used_before_a_gap() -> Story {
    let mut live = Story::booted();
    live.at(10).screen(2, 0x5000, ALICE);
    live.at(2000).about(4672, Action::Used, 0x5000, ALICE);
    live.record = 60;
    live.at(3000).boot();
    live
}

/// One that names it, of this record number and second.
fn found_again(record: u64, second: u64) -> Story {
    let mut lost = Story::new();
    lost.record = record;
    lost.at(second).about(4672, Action::Used, 0x5000, ALICE);
    lost
}

#[test]
fn a_recovered_record_that_live_ones_contradict_in_time_moves_no_last_sign_of_life() {
    let live = used_before_a_gap();
    let end = |lost: &Story| {
        let found = told(&live, lost);
        assert_eq!(found.len(), 1);
        let of_alice = own(&found[0].1)[0].end;
        let standing = found[0].1.iter().find(|s| s.is_standing()).unwrap().end;
        (of_alice.min, standing.min)
    };
    let alone = end(&Story::new());
    assert_eq!(alone.0, Some(clock(2000.0)));
    // With a higher number and an earlier time; and later than what comes after it.
    assert_eq!(end(&found_again(50, 1500)), alone);
    assert_eq!(end(&found_again(50, 3500)), alone);
    // In order it tells of a later one.
    assert_eq!(end(&found_again(50, 2500)).0, Some(clock(2500.0)));
}

#[test]
fn a_recovered_logoff_that_live_ones_contradict_in_time_is_not_the_last_of_a_session() {
    let mut live = Story::booted();
    live.at(10).screen(2, 0x5000, ALICE).linked_logon_id = LogonId::new(0x5100);
    live.at(10).screen(2, 0x5100, ALICE).linked_logon_id = LogonId::new(0x5000);
    live.at(2000).logoff(0x5000, ALICE);
    live.record = 60;
    live.at(3000).stop();
    let end = |second| {
        let mut lost = Story::new();
        lost.record = 50;
        lost.at(second).logoff(0x5100, ALICE);
        let found = told(&live, &lost);
        let own = own(&found[0].1);
        assert_eq!(own.len(), 1);
        own[0].end.time()
    };
    assert_eq!(end(2500), Some(clock(2500.0)));
    assert_eq!(end(1500), Some(clock(2000.0)));
}

#[test]
fn what_has_no_logon_began_when_live_records_say_whatever_was_recovered_before_them() {
    let mut live = Story::new();
    live.record = 60;
    live.at(2000).about(4672, Action::Used, 0x5000, ALICE);
    let start = |second| {
        let found = told(&live, &found_again(50, second));
        let session = own(&found[0].1)[0].clone();
        (session.start.max, session.id)
    };
    let alone = own(&live.sessions())[0].clone();
    assert_eq!(start(2500), (alone.start.max, alone.id));
    assert_eq!(start(1500).0, Some(clock(1500.0)));
}

#[test]
fn no_desktop_is_of_a_boot_that_one_of_several_gaps_in_it_may_have_ended() {
    let mut live = Story::booted();
    live.at(100).about(4672, Action::Used, 0x5000, ALICE);
    live.record = 60;
    live.at(2000).screen(2, 0x7000, ALICE);
    // Behind the first gap by its number, and later than what is behind the second.
    let mut lost = Story::new();
    lost.record = 50;
    lost.at(4000).screen(2, 0x6000, BOB);
    live.at(5000).about(4672, Action::Used, 0x7000, ALICE);
    let desktop = live.at(3000).write(21, Action::TsLogon);
    desktop.channel = desktop::CHANNEL.into();
    desktop.set_record_id(5);
    desktop.session_number = Some(9);
    desktop.account = account("carol", "WS01", "S-1-5-21-1-2-3-1003");
    let boot = |lost: &Story| {
        let found = told(&live, lost);
        let mut own = own(&found[0].1).into_iter();
        let of_carol = own.find(|s| s.account.name.as_deref() == Some("carol"));
        of_carol.unwrap().boot
    };
    assert_eq!(boot(&Story::new()), None);
    assert_eq!(boot(&lost), None);
}
