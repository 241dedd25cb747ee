//! What the logs do not hold, and what that does to sessions.

use super::*;

const AUDITING: &str = "Microsoft-Windows-Security-Auditing";

/// The log of another channel beside that of a story.
fn channel(name: &str, story: &Story) -> Source {
    let mut source = story.source();
    let name = Text::from(name);
    source
        .events
        .iter_mut()
        .for_each(|event| event.channel = name.clone());
    source
        .spans
        .iter_mut()
        .for_each(|span| span.channel = name.clone());
    source
}

/// The one session of somebody that these logs of a machine tell of.
fn only(sources: Vec<Source>) -> Session {
    let found = machines(sources);
    assert_eq!(found.len(), 1);
    let sessions = sessions_of(&found[0]).into_iter();
    let mut own: Vec<_> = sessions
        .filter(|session| session.logon_id.is_none_or(|id| id.get() > 0x3e7))
        .collect();
    assert_eq!(own.len(), 1);
    own.remove(0)
}

/// 1108: an audit event could not be written.
fn lose(story: &mut Story, event_id: Option<u16>, provider: &str) {
    let details = story
        .write(1108, Action::AuditLost)
        .more
        .get_or_insert_default();
    details.lost_event_id = event_id;
    details.object = Some(provider.into());
}

#[test]
fn a_lost_4647_ends_the_one_desktop_that_is_open_and_says_that_this_is_inferred() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(20).logon(3, 0x6000, BOB);
    story.at(100);
    lose(&mut story, Some(4647), AUDITING);
    let left = (exact(100.0), EndReason::UserLogoff, EndSource::Inferred);
    story.at(5000).stop();
    let sessions = story.own();
    assert_eq!(end(&sessions[0]), left);
    let record = sessions[0]
        .end_record
        .map(|record| &sessions[0].records[record]);
    assert_eq!(record.map(|record| record.event_id), Some(1108));
    assert_eq!(
        sessions[1].end.reason,
        EndReason::Shutdown,
        "a network logon is none that somebody leaves"
    );

    // The token that closes later is not when she left.
    story.events.pop();
    story.record -= 1;
    story.at(200).logoff(0x5000, ALICE);
    let session = &story.own()[0];
    assert_eq!(
        (end(session), session.token_closed),
        (left, Some(clock(200.0)))
    );
    // Her next logon is a new session, no unlock.
    story.at(300).screen(2, 0x7000, ALICE);
    let desktops = story
        .own()
        .into_iter()
        .filter(|session| session.kind == Kind::Console);
    assert_eq!(desktops.count(), 2);
}

#[test]
fn a_lost_4647_ends_nothing_where_it_can_be_of_another_session() {
    let ends = |story: &mut Story| {
        let sessions = story.at(5000).stop();
        let sessions = sessions.own();
        sessions
            .iter()
            .map(|session| session.end.reason)
            .collect::<Vec<_>>()
    };
    let mut two = Story::booted();
    two.at(10).screen(2, 0x5000, ALICE);
    two.at(20).screen(10, 0x6000, BOB);
    two.at(100);
    lose(&mut two, Some(4647), AUDITING);
    assert_eq!(ends(&mut two), [EndReason::Shutdown; 2]);

    let mut mid_boot = Story::new();
    mid_boot.at(10).screen(2, 0x5000, ALICE);
    lose(&mut mid_boot, Some(4647), AUDITING);
    assert_eq!(
        ends(&mut mid_boot),
        [EndReason::Shutdown],
        "somebody may have been on before"
    );

    let mut goes_on = Story::booted();
    goes_on.at(10).screen(2, 0x5000, ALICE);
    lose(&mut goes_on, Some(4647), AUDITING);
    goes_on.at(100).about(4800, Action::Lock, 0x5000, ALICE);
    assert_eq!(ends(&mut goes_on), [EndReason::Shutdown]);
}

#[test]
fn a_lost_4634_may_be_of_any_session_and_ends_none_but_leaves_no_end_that_comes_later_sure() {
    for (lost, provider, is_doubted) in [
        (Some(4634), AUDITING, true),
        (None, AUDITING, true),
        (Some(4688), AUDITING, false),
    ] {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        story.at(100);
        lose(&mut story, lost, provider);
        story.at(5000).stop();
        let session = &story.own()[0];
        assert_eq!(
            session.flags.contains(&Flag::SpansGap),
            is_doubted,
            "{lost:?}"
        );
        let ended = match is_doubted {
            true => (
                (Some(clock(10.0)), Some(clock(5000.0))),
                EndReason::Shutdown,
                EndSource::Inferred,
            ),
            false => (exact(5000.0), EndReason::Shutdown, EndSource::Recorded),
        };
        assert_eq!(end(session), ended, "{lost:?}");
    }
}

#[test]
fn a_session_that_has_ended_before_a_gap_a_clear_or_a_change_of_the_clock_touches_none() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(100).user_logoff(0x5000, ALICE);
    story.at(101);
    lose(&mut story, None, AUDITING);
    story.record += 5;
    story.at(110).write(1102, Action::LogCleared);
    let change = story.at(120).write(4616, Action::ClockChange);
    (change.previous_time, change.new_time) = (Some(clock(60.0)), Some(clock(120.0)));
    story.at(130).logon(3, 0x6000, BOB);
    assert!(story.own().iter().all(|session| session.flags.is_empty()));
}

#[test]
fn each_of_a_gap_a_clear_and_a_change_of_the_clock_inside_a_session_is_told() {
    let during = |happens: &dyn Fn(&mut Story)| {
        let mut story = Story::booted();
        story.at(10).screen(2, 0x5000, ALICE);
        story.at(100);
        happens(&mut story);
        story.at(200).user_logoff(0x5000, ALICE);
        story.own().remove(0).flags
    };
    assert_eq!(during(&|story| story.record += 5), [Flag::SpansGap]);
    let clear = |story: &mut Story| {
        story.write(1102, Action::LogCleared);
    };
    assert_eq!(during(&clear), [Flag::SpansClear]);
    let step = |seconds: f64| {
        move |story: &mut Story| {
            let change = story.write(4616, Action::ClockChange);
            (change.previous_time, change.new_time) =
                (Some(clock(100.0 - seconds)), Some(clock(100.0)));
        }
    };
    assert_eq!(during(&step(1.0)), [Flag::ClockChanged]);
    assert_eq!(during(&step(0.5)), [], "the time service at work");
}

/// Alice's desktop from 10 to 200 s as LocalSessionManager alone tells it; `beside` happens in between.
fn desktop(beside: impl Fn(&mut Story)) -> Source {
    let mut manager = Story::new();
    let of_alice = |event: &mut Event| {
        (event.session_number, event.source_address) = (Some(2), Some("192.0.2.7".into()));
        event.account = account("alice", "WS01", ALICE);
        event.account.sid = None;
    };
    of_alice(manager.at(10).write(21, Action::TsLogon));
    beside(manager.at(100));
    of_alice(manager.at(200).write(23, Action::TsLogoff));
    channel(desktop::CHANNEL, &manager)
}

#[test]
fn what_a_session_of_the_session_manager_alone_touches_is_told_too() {
    let booted = || Story::booted().source();
    let session = only(vec![booted(), desktop(|_| {})]);
    assert_eq!(
        (session.flags, session.duration),
        (vec![], Some(190 * TICKS_PER_SECOND))
    );
    // What comes after the gap may be of another desktop with the same number.
    let found = machines(vec![booted(), desktop(|story| story.record += 5)]);
    let mut sessions = sessions_of(&found[0]).into_iter();
    let session =
        sessions.find(|session| session.kind == Kind::Rdp || session.kind == Kind::Console);
    assert_eq!(session.unwrap().flags, [Flag::SpansGap]);

    let system = |second: u64, tell: &dyn Fn(&mut Story)| {
        let mut system = Story::new();
        tell(system.at(second));
        channel("System", &system)
    };
    let clear = |story: &mut Story| {
        let details = story
            .write(104, Action::LogCleared)
            .more
            .get_or_insert_default();
        details.object = Some(desktop::CHANNEL.into());
    };
    let during = only(vec![booted(), desktop(|_| {}), system(100, &clear)]);
    assert_eq!(during.flags, [Flag::SpansClear]);
    let after = only(vec![booted(), desktop(|_| {}), system(300, &clear)]);
    assert_eq!(after.flags, []);

    let set = |reason: u32| {
        move |story: &mut Story| {
            let change = story.write(1, Action::ClockChange);
            (change.previous_time, change.new_time) = (Some(clock(40.0)), Some(clock(100.0)));
            change.more.get_or_insert_default().reason = Some(reason);
        }
    };
    let changed = only(vec![booted(), desktop(|_| {}), system(100, &set(1))]);
    assert_eq!(
        (changed.flags, changed.duration),
        (vec![Flag::ClockChanged], None)
    );
    let woke = only(vec![booted(), desktop(|_| {}), system(100, &set(2))]);
    assert_eq!(
        (woke.flags, woke.duration),
        (vec![], Some(190 * TICKS_PER_SECOND)),
        "asleep is on"
    );
}

#[test]
fn a_change_of_the_clock_that_both_channels_tell_is_counted_once() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    let mut system = Story::new();
    for (story, event_id) in [(&mut story, 4616), (&mut system, 1)] {
        let change = story.at(100).write(event_id, Action::ClockChange);
        (change.previous_time, change.new_time) = (Some(clock(40.0)), Some(clock(100.0)));
    }
    story.at(200).user_logoff(0x5000, ALICE);
    let session = only(vec![story.source(), channel("System", &system)]);
    assert_eq!(session.flags, [Flag::ClockChanged]);
    assert_eq!(session.duration, Some(130 * TICKS_PER_SECOND));
}

#[test]
fn a_record_in_three_logs_counts_once_and_other_contents_in_one_of_them_are_told() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(20).screen(2, 0x6000, BOB);
    let copy = |log: u32| {
        let mut source = story.source();
        source
            .events
            .iter_mut()
            .for_each(|event| event.log = LogIndex(log));
        source
            .spans
            .iter_mut()
            .for_each(|span| span.log = LogIndex(log));
        source
    };
    let mut altered = copy(1);
    altered.events[2].source_address = Some("192.0.2.66".into());
    let found = machines(vec![copy(0), altered, copy(2)]);
    assert_eq!(found.len(), 1);
    let all = [LogIndex(0), LogIndex(1), LogIndex(2)];
    let copies: Vec<_> = (0..4).map(|place| (place, all.to_vec().into())).collect();
    assert_eq!(found[0].copies, copies);
    let told: Vec<_> = found[0]
        .conflicts
        .iter()
        .map(|c| (c.record_id, c.used, c.other))
        .collect();
    assert_eq!(told, [(3, LogIndex(0), LogIndex(1))]);
    let sessions = sessions_of(&found[0]);
    let flags: Vec<_> = sessions
        .iter()
        .map(|session| session.flags.clone())
        .collect();
    assert_eq!(
        flags,
        [vec![], vec![Flag::Conflict], vec![]],
        "of the session that rests on it"
    );
    assert_eq!(sessions[1].source_address.as_deref(), Some("127.0.0.1"));
}

#[test]
fn whoever_left_the_probable_half_of_a_logon_from_before_the_log_left_both() {
    let end_of_other = |used_after: bool| {
        let mut story = Story::new();
        let cleared = story.at(10).write(1102, Action::LogCleared);
        cleared.subject_logon_id = LogonId::new(0x5000);
        cleared.subject = account("somebody", "WS01", ALICE);
        story.at(20).user_logoff(0x5015, ALICE);
        if used_after {
            let asked = story.at(30).write(4648, Action::ExplicitCredentials);
            asked.subject_logon_id = LogonId::new(0x5000);
            asked.subject = account("somebody", "WS01", ALICE);
        }
        story.at(40).stop();
        let sessions = story.own();
        assert!(
            sessions
                .iter()
                .all(|session| session.flags.contains(&Flag::Twin))
        );
        end(&sessions[0])
    };
    assert_eq!(
        end_of_other(false),
        (exact(20.0), EndReason::UserLogoff, EndSource::Inferred)
    );
    assert_eq!(
        end_of_other(true),
        (exact(40.0), EndReason::Shutdown, EndSource::Recorded),
        "it went on, so it is another"
    );
}

/// EVTX-to-MITRE's "SMBexec service registration": a 4697 is all that a Logon ID is named by.
#[test]
fn whoever_acts_only_in_a_record_of_logon_related_events_has_a_session_of_unknown_start() {
    for (event_id, action) in [
        (4697, Action::ServiceInstalled),
        (4698, Action::TaskCreated),
        (4723, Action::PasswordChange),
    ] {
        let mut story = Story::booted();
        let acting = story.at(20).write(event_id, action);
        acting.subject_logon_id = LogonId::new(0x50000);
        acting.subject = account("alice", "WS01", ALICE);
        let told = story.own();
        let [session] = &told[..] else {
            panic!("{event_id}: {told:?}");
        };
        assert_eq!(session.logon_id, LogonId::new(0x50000));
        assert_eq!(session.account.name.as_deref(), Some("alice"));
        assert_eq!(session.start.max, Some(clock(20.0)), "{event_id}");
        assert_eq!(session.start.time, None, "{event_id}");
    }
}

#[test]
fn the_groups_of_a_logon_show_its_session() {
    let mut story = Story::booted();
    let groups = story.at(20).write(4627, Action::GroupMembership);
    groups.set_logon_id(LogonId::new(0x50000));
    groups.account = account("alice", "WS01", ALICE);
    let told = story.own();
    let ids: Vec<_> = told.iter().map(|session| session.logon_id).collect();
    assert_eq!(ids, [LogonId::new(0x50000)]);
    assert_eq!(told[0].account.name.as_deref(), Some("alice"));
}
