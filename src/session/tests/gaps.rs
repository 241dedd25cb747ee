//! Where records are missing: what follows from there being no record is no longer said.

use super::*;

/// Loses some records.
fn lose(story: &mut Story) -> &mut Story {
    story.record += 5;
    story
}

#[test]
fn a_logon_after_a_gap_may_be_new_or_a_return_and_is_said_to_be_neither() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    lose(&mut story).at(500).screen(10, 0x9000, ALICE);
    story.at(9000).stop();
    let sessions = story.own();
    assert_eq!(sessions.len(), 2);
    let unclear = &sessions[1];
    assert_eq!(unclear.kind, Kind::Unknown);
    assert_eq!(unclear.interactivity, Interactivity::Interactive);
    assert_eq!(unclear.logon_type, Some(LogonType(10)));
    assert_eq!(
        (unclear.start.time, unclear.start.max),
        (None, Some(clock(500.0)))
    );
    assert_eq!(unclear.start_record, None);
}

#[test]
fn the_first_logon_after_a_gap_may_be_a_return_unless_its_account_was_seen_to_leave_since() {
    let mut story = Story::booted();
    lose(&mut story).at(500).screen(10, 0x9000, ALICE);
    assert_eq!(story.own()[0].kind, Kind::Unknown);
    let mut story = Story::booted();
    lose(&mut story).at(400).user_logoff(0x5000, ALICE);
    story.at(500).screen(10, 0x9000, ALICE);
    assert_eq!(story.own()[1].kind, Kind::Rdp);
}

#[test]
fn what_is_seen_again_after_a_gap_was_there_all_the_time() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story).at(500).screen(7, 0x9000, ALICE);
    story.at(501).logoff(0x9000, ALICE);
    story.at(900).user_logoff(0x5000, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].parts.len(), 2);
}

#[test]
fn a_logon_id_that_lives_on_after_a_gap_is_a_session_and_no_return() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story).at(500).screen(2, 0x9000, ALICE);
    story.at(900).about(4688, Action::Used, 0x9000, ALICE);
    let sessions = story.own();
    assert_eq!(
        sessions.iter().map(|s| s.start.time).collect::<Vec<_>>(),
        [Some(clock(10.0)), Some(clock(500.0))]
    );
}

#[test]
fn an_unlock_after_a_gap_is_of_a_session_of_which_nothing_else_is_known() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story).at(500).screen(7, 0x9000, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].parts.len(), 1);
    assert_eq!(
        (sessions[1].start.time, sessions[1].parts[0].reason),
        (None, PartReason::Unlock)
    );
}

#[test]
fn the_end_of_an_unlock_alone_ends_no_session() {
    let mut story = Story::booted();
    lose(&mut story).at(500);
    story.logoff(0x9000, ALICE).logon_type = Some(LogonType(7));
    story.at(600).logon(3, 0x9100, BOB);
    story.at(9000).stop();
    let sessions = story.own();
    assert_eq!(sessions[0].kind, Kind::Unlock);
    assert_eq!(
        end(&sessions[0]),
        (
            (Some(clock(500.0)), Some(clock(9000.0))),
            EndReason::Shutdown,
            EndSource::Inferred
        )
    );
}

#[test]
fn the_logoff_of_a_return_over_remote_desktop_does_not_tell_how_its_session_began() {
    let mut story = Story::booted();
    lose(&mut story).at(500);
    story.logoff(0x9000, ALICE).logon_type = Some(LogonType(10));
    let sessions = story.own();
    assert_eq!(sessions[0].kind, Kind::Unknown);
    assert_eq!(sessions[0].logon_type, Some(LogonType(10)));
    assert_eq!(sessions[0].end_record, None);
}

#[test]
fn half_a_logon_that_closed_says_nothing_of_the_other_whose_logoff_is_missing() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE).linked_logon_id = LogonId::new(0x5010);
    story.at(10).screen(2, 0x5010, ALICE).linked_logon_id = LogonId::new(0x5000);
    lose(&mut story).at(500).logoff(0x5010, ALICE);
    story.at(9000).stop();
    assert_eq!(
        end(&story.own()[0]),
        (
            (Some(clock(500.0)), Some(clock(9000.0))),
            EndReason::Shutdown,
            EndSource::Inferred
        )
    );
}

#[test]
fn a_gap_may_hide_a_whole_boot_and_what_comes_after_it_is_of_an_unknown_one() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story).at(5000).logon(3, 0x9000, BOB);
    story.at(9000).stop();
    let sessions = story.sessions();
    let system = sessions.iter().find(|s| s.kind == Kind::System).unwrap();
    assert_eq!(
        (system.boot, end(system)),
        (
            Some(clock(0.0)),
            (
                (Some(clock(10.0)), Some(clock(9000.0))),
                EndReason::Shutdown,
                EndSource::Inferred
            )
        )
    );
    let network = sessions.iter().find(|s| s.kind == Kind::Network).unwrap();
    assert_eq!(
        (network.boot, end(network)),
        (
            None,
            (exact(9000.0), EndReason::Shutdown, EndSource::Recorded)
        )
    );
}

#[test]
fn a_logon_id_named_on_both_sides_of_a_gap_shows_that_the_boot_went_on() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story).at(5000).logon(3, 0x9000, BOB);
    story.at(6000).user_logoff(0x5000, ALICE);
    story.at(9000).stop();
    let sessions = story.sessions();
    assert!(sessions.iter().all(|s| s.boot == Some(clock(0.0))));
    let system = sessions.iter().find(|s| s.kind == Kind::System).unwrap();
    assert_eq!(
        end(system),
        (exact(9000.0), EndReason::Shutdown, EndSource::Recorded)
    );
}

#[test]
fn a_boot_that_only_the_system_channel_shows_in_a_gap_parts_the_sessions() {
    let mut story = Story::new();
    story.at(1000).boot().at(1100).screen(2, 0x5000, ALICE);
    lose(&mut story).at(5000).logon(3, 0x9000, BOB);
    story.at(9000).stop();
    let sessions = with_system(
        &story,
        &[
            (993.0, 12, Action::Boot, &started(993.0)),
            (2000.0, 13, Action::Shutdown, &nothing),
            (2900.0, 12, Action::Boot, &started(2900.0)),
        ],
    );
    assert_eq!(sessions[0].boot, Some(clock(993.0)));
    assert_eq!(
        end(&sessions[0]),
        (
            (Some(clock(1100.0)), Some(clock(2000.0))),
            EndReason::Shutdown,
            EndSource::Inferred
        )
    );
    assert_eq!(sessions[1].boot, Some(clock(2900.0)));
}

#[test]
fn a_gap_before_a_boot_may_hide_another_so_that_the_crash_it_tells_of_is_not_the_last_one_known() {
    let crash = |story: &mut Story| {
        let dropped = story.at(8000).write(1101, Action::AuditDropped);
        dropped.time = clock(8000.0);
        story.boot();
        end(&story.own()[0])
    };
    let mut whole = Story::booted();
    whole.at(10).screen(2, 0x5000, ALICE);
    assert_eq!(crash(&mut whole).1, EndReason::Crash);
    let mut torn = Story::booted();
    torn.at(10).screen(2, 0x5000, ALICE);
    assert_eq!(
        crash(lose(&mut torn)),
        (
            (Some(clock(10.0)), Some(clock(8000.0))),
            EndReason::Unclean,
            EndSource::Inferred
        )
    );
}

#[test]
fn a_prompt_of_unknown_origin_may_have_ended_with_whoever_left() {
    let prompt = |story: &mut Story| {
        let event = story.at(30).logon(2, 0x6000, BOB);
        event.process_name = Some("C:\\Windows\\System32\\consent.exe".into());
    };
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    lose(&mut story);
    prompt(&mut story);
    story.at(40).user_logoff(0x5000, ALICE);
    story.at(9000).stop();
    let sessions = story.own();
    let elevation = sessions.iter().find(|s| s.kind == Kind::Elevation).unwrap();
    assert_eq!(elevation.parent, None);
    assert_eq!(
        end(elevation),
        (
            (Some(clock(30.0)), Some(clock(9000.0))),
            EndReason::Shutdown,
            EndSource::Inferred
        )
    );
}

#[test]
fn a_lock_that_goes_on_over_a_gap_is_not_said_to_be_recorded() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    story.at(20).about(4800, Action::Lock, 0x5000, ALICE);
    lose(&mut story)
        .at(500)
        .about(4801, Action::Unlock, 0x5000, ALICE);
    assert_eq!(story.own()[0].intervals[0].source, EndSource::Inferred);
}

#[test]
fn bounds_hold_whichever_way_the_clock_was_set_in_between() {
    let mut story = Story::booted();
    story.at(5000).screen(2, 0x5000, ALICE);
    let set = story.at(1000).write(4616, Action::ClockChange);
    (set.previous_time, set.new_time) = (Some(clock(7000.0)), Some(clock(1000.0)));
    lose(&mut story).at(2000).logon(3, 0x9000, BOB);
    story.at(3000).stop();
    let session = &story.own()[0];
    assert_eq!(
        (session.end.min, session.end.max),
        (Some(clock(1000.0)), Some(clock(7000.0)))
    );
}

#[test]
fn a_half_whose_logon_is_missing_is_known_by_its_logon_id_in_old_versions() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE).version = 1;
    story.record += 1;
    story.at(500).logon(3, 0x9000, BOB);
    story.at(900).user_logoff(0x5020, ALICE);
    let sessions = story.own();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].logon_id, LogonId::new(0x5020));
    assert_eq!(
        end(&sessions[0]),
        (exact(900.0), EndReason::UserLogoff, EndSource::Recorded)
    );
}
