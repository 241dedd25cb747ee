//! Desktops as the session manager, Winlogon and Remote Desktop's own channels tell of them.

use super::channels::*;
use super::connection::{LISTENER, PROTOCOL};
use super::*;

const CONNECTION: &str = "{f4200001-0000-0000-0000-000000000001}";
const CONSOLE: &str = "{61a55000-55e5-1017-0000-000000000000}";

/// A machine with one Remote Desktop logon at 10 s, Logon ID 0x5000.
fn remote() -> Channels {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    Channels::new(story)
}

#[test]
fn a_desktop_is_joined_to_its_logon_with_a_stated_link() {
    for (has_sid, score) in [(true, Score::EXACT), (false, Score::NAMED)] {
        let mut channels = remote();
        channels.ts(10.1, 41, Action::TsArbitration, 2, "");
        channels.ts(10.2, 42, Action::TsArbitrated, 2, "");
        channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
        channels.ts(10.9, 22, Action::TsShell, 2, "192.0.2.7");
        if has_sid {
            channels.of_number(SYSTEM, 10.3, 7001, Action::WinlogonLogon, 2);
        }
        let sessions = channels.own();
        assert_eq!(sessions.len(), 1);
        let session = &sessions[0];
        assert_eq!(session.link(), Some(score));
        assert_eq!(link(session, 41), Some((LinkRule::Logon, score)));
        for later in [21, 22, 42] {
            assert_eq!(link(session, later), Some((LinkRule::SessionNumber, score)));
        }
        assert_eq!(link(session, 4624), None, "it names the Logon ID");
        assert_eq!(session.flags, []);
    }
}

#[test]
fn each_change_that_is_audited_joins_a_desktop_within_its_window() {
    let rules: [(f64, u16, Action, LinkRule, Score); 4] = [
        (12.0, 21, Action::TsLogon, LinkRule::Logon, Score::NAMED),
        (
            101.5,
            24,
            Action::TsDisconnect,
            LinkRule::Leave,
            Score::BESIDE,
        ),
        (
            208.0,
            25,
            Action::TsReconnect,
            LinkRule::Return,
            Score::NAMED,
        ),
        (315.0, 23, Action::TsLogoff, LinkRule::Logoff, Score::BESIDE),
    ];
    for (second, event_id, action, rule, score) in rules {
        for (late, is_joined) in [(0.0, true), (50.0, false)] {
            let mut channels = remote();
            let story = &mut channels.story;
            story.at(100).about(4779, Action::Disconnect, 0x5000, ALICE);
            story.at(200).about(4778, Action::Reconnect, 0x5000, ALICE);
            story.at(300).user_logoff(0x5000, ALICE);
            channels.ts(second + late, event_id, action, 2, "192.0.2.7");
            let sessions = channels.own();
            assert_eq!(sessions.len(), if is_joined { 1 } else { 2 }, "{event_id}");
            if is_joined {
                assert_eq!(link(&sessions[0], event_id), Some((rule, score)));
            } else {
                assert_eq!(sessions[0].link(), None);
                assert_eq!(
                    sessions[1].logon_id, None,
                    "only the session manager shows it"
                );
            }
        }
    }
}

#[test]
fn of_several_sessions_that_fit_the_nearest_is_taken_and_flagged() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(12).screen(10, 0x6000, ALICE);
    story.at(195).logon(3, 0x7000, ALICE);
    story.at(500).user_logoff(0x5000, ALICE);
    story.at(600).user_logoff(0x6000, ALICE);
    let mut channels = Channels::new(story);
    channels.ts(13.0, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.ts(100.0, 24, Action::TsDisconnect, 2, "192.0.2.7");
    channels.ts(200.0, 25, Action::TsReconnect, 2, "192.0.2.7");
    let sessions = channels.own();
    assert_eq!(sessions.len(), 3);
    assert_eq!(
        (sessions[0].link(), &sessions[0].flags[..]),
        (None, &[][..])
    );
    assert_eq!(sessions[1].link(), Some(Score::NEAREST));
    assert_eq!(sessions[1].flags, [Flag::UncertainLink]);
    let away = &sessions[1].intervals[0];
    assert_eq!(
        (away.from, away.to, away.source),
        (Some(clock(100.0)), Some(clock(200.0)), EndSource::Inferred)
    );
}

#[test]
fn a_name_that_another_account_has_too_is_not_joined_against_the_sid() {
    let mut channels = remote();
    channels.ts(11.0, 21, Action::TsLogon, 2, "192.0.2.7");
    let other = channels.of_number(SYSTEM, 11.0, 7001, Action::WinlogonLogon, 2);
    other.account.sid = Sid::parse(BOB);
    let sessions = channels.own();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].link(), None);
}

#[test]
fn a_session_number_that_somebody_else_has_is_of_another_desktop() {
    let mut channels = remote();
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.lose(desktop::CHANNEL, 2);
    let name = |event: &mut Event| event.account.name = Some("carol".into());
    name(channels.ts(100.0, 22, Action::TsShell, 2, "192.0.2.8"));
    name(channels.ts(300.0, 23, Action::TsLogoff, 2, ""));
    let sessions = channels.own();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].end.reason, EndReason::LogEnds);
    assert_eq!(
        (sessions[1].account.name.as_deref(), end(&sessions[1])),
        (
            Some("carol"),
            (exact(300.0), EndReason::TsLogoff, EndSource::Recorded)
        )
    );
}

#[test]
fn a_connection_tells_where_its_session_came_from() {
    let mut channels = remote();
    channels.story.events.last_mut().unwrap().source_address = None;
    over(channels.ts(10.5, 21, Action::TsLogon, 2, ""), CONNECTION);
    let accepted = channels.tell(LISTENER, 9.0, 1149, Action::RdpAuth);
    accepted.source_address = Some("192.0.2.7".into());
    over(accepted, CONNECTION);
    let knock = channels.tell(PROTOCOL, 8.0, 131, Action::RdpConnection);
    knock.source_address = Some("192.0.2.7".into());
    knock.set_source_port(Some(50_123));
    over(knock, CONNECTION);
    over(
        channels.tell(PROTOCOL, 9.1, 98, Action::RdpConnected),
        CONNECTION,
    );
    let sessions = channels.own();
    let session = &sessions[0];
    assert_eq!(
        (session.source_address.as_deref(), session.source_port),
        (Some("192.0.2.7"), Some(50_123))
    );
    let source = session.source_record.map(|at| session.records[at].event_id);
    assert_eq!(source, Some(131));
    assert_eq!(roles(session, 1149), [Role::Credentials]);
    assert_eq!(roles(session, 131), [Role::Connection]);
    for event_id in [1149, 131, 98] {
        assert_eq!(
            link(session, event_id),
            Some((LinkRule::Activity, Score::NAMED)),
            "as sure as the desktop's own join"
        );
        assert!(channels.belongs(event_id));
    }
    assert_eq!(session.start.time, Some(clock(10.0)), "the logon starts it");
}

#[test]
fn what_contradicts_the_logon_tells_no_address() {
    let mut channels = remote();
    over(
        channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7"),
        CONNECTION,
    );
    let knock = channels.tell(PROTOCOL, 8.0, 131, Action::RdpConnection);
    knock.source_address = Some("198.51.100.1".into());
    knock.set_source_port(Some(50_123));
    over(knock, CONNECTION);
    let sessions = channels.own();
    assert_eq!(
        (
            sessions[0].source_address.as_deref(),
            sessions[0].source_port
        ),
        (Some("192.0.2.7"), None)
    );
    assert_eq!(sessions[0].source_record, None);
    assert!(channels.belongs(131), "a gateway stands between");
}

#[test]
fn a_session_that_only_the_session_manager_shows_has_its_connection_too() {
    let mut channels = Channels::new(Story::booted());
    over(
        channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7"),
        CONNECTION,
    );
    let accepted = channels.tell(LISTENER, 9.0, 1149, Action::RdpAuth);
    over(accepted, CONNECTION);
    let sessions = channels.own();
    assert_eq!(
        link(&sessions[0], 1149),
        Some((LinkRule::Activity, Score::EXACT))
    );
    assert_eq!(link(&sessions[0], 21), None, "it is the session");
}

#[test]
fn the_consoles_activity_joins_nothing() {
    let mut story = Story::booted();
    story.at(10).screen(2, 0x5000, ALICE);
    let mut channels = Channels::new(story);
    over(channels.ts(10.5, 21, Action::TsLogon, 1, "LOCAL"), CONSOLE);
    let accepted = channels.tell(LISTENER, 900.0, 1149, Action::RdpAuth);
    accepted.account = account("carol", "WS01", BOB);
    over(accepted, CONSOLE);
    assert!(!channels.belongs(1149));
}

#[test]
fn accepted_credentials_are_no_session() {
    let mut channels = Channels::new(Story::booted());
    let accepted = channels.tell(LISTENER, 9.0, 1149, Action::RdpAuth);
    accepted.account = account("somebody", "WS01", ALICE);
    accepted.source_address = Some("192.0.2.7".into());
    over(accepted, CONNECTION);
    assert_eq!(channels.own(), []);
    assert!(!channels.belongs(1149));
}

/// 1149 of Windows 7, which knows no ActivityID.
fn accept<'a>(channels: &'a mut Channels, second: f64, address: &str) -> &'a mut Event {
    let accepted = channels.tell(LISTENER, second, 1149, Action::RdpAuth);
    accepted.account = Account {
        sid: None,
        ..account("SOMEBODY", "WS01", ALICE)
    };
    accepted.source_address = Some(address.into());
    accepted
}

#[test]
fn credentials_that_were_accepted_right_before_a_logon_were_given_for_it() {
    let mut channels = remote();
    accept(&mut channels, 2.0, "192.0.2.7");
    accept(&mut channels, 9.0, "192.0.2.7");
    accept(&mut channels, 9.5, "192.0.2.8");
    let sessions = channels.own();
    let records: Vec<_> = sessions[0]
        .records
        .iter()
        .filter(|record| record.event_id == 1149)
        .map(|record| (record.time, record.role, record.link))
        .collect();
    let link = Link::new(LinkRule::Authentication, Score::NAMED);
    assert_eq!(
        records,
        [(clock(9.0), Role::Credentials, Some(link))],
        "one of each logon, the nearest, from its address"
    );
    let mut late = remote();
    accept(&mut late, 0.0, "192.0.2.7").time = clock(-0.5);
    accept(&mut late, 11.0, "192.0.2.7");
    assert_eq!(late.own()[0].link(), None, "10 s, and before it");
}

#[test]
fn without_the_listeners_word_the_clients_address_joins_its_connection() {
    let mut channels = remote();
    for (second, activity, stands) in [(7.0, "{f42-a}", true), (9.5, "{f42-b}", false)] {
        let knock = channels.tell(PROTOCOL, second, 131, Action::RdpConnection);
        knock.source_address = Some("192.0.2.7".into());
        knock.set_source_port(Some(50_000));
        over(knock, activity);
        if stands {
            let connected = channels.tell(PROTOCOL, second + 0.5, 98, Action::RdpConnected);
            over(connected, activity);
        }
    }
    let session = &channels.own()[0];
    assert_eq!(
        roles(session, 131),
        [Role::Connection],
        "the one that stands"
    );
    assert_eq!(link(session, 98), Some((LinkRule::Address, Score::NAMED)));
    assert_eq!(link(session, 131), Some((LinkRule::Activity, Score::NAMED)));
    assert_eq!(session.source_port, Some(50_000));
}

#[test]
fn a_logon_that_came_to_no_desktop_has_its_connection_by_its_arbitration() {
    let mut channels = remote();
    over(
        channels.ts(10.03, 41, Action::TsArbitration, 3, ""),
        CONNECTION,
    );
    let accepted = channels.tell(LISTENER, 9.7, 1149, Action::RdpAuth);
    over(accepted, CONNECTION);
    let session = &channels.own()[0];
    assert_eq!(link(session, 41), Some((LinkRule::Logon, Score::NAMED)));
    assert_eq!(
        link(session, 1149),
        Some((LinkRule::Activity, Score::NAMED))
    );
}

#[test]
fn a_logon_right_after_accepted_credentials_is_a_return_over_remote_desktop() {
    for (second, reason) in [
        (395.0, PartReason::RdpReconnect),
        (385.0, PartReason::Unlock),
    ] {
        let mut channels = remote();
        channels
            .story
            .at(400)
            .screen(7, 0x7000, ALICE)
            .source_address = None;
        accept(&mut channels, second, "192.0.2.9");
        assert_eq!(channels.own()[0].parts[1].reason, reason);
    }
}

#[test]
fn a_logon_after_which_the_session_manager_sees_a_return_is_one() {
    let mut story = Story::booted();
    story.at(400).screen(2, 0x7000, ALICE);
    let mut channels = Channels::new(story);
    channels.ts(402.0, 25, Action::TsReconnect, 2, "192.0.2.9");
    let sessions = channels.own();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].start.source, StartSource::BeforeLog);
    assert_eq!(sessions[0].parts[0].reason, PartReason::RdpReconnect);
}

#[test]
fn a_logon_after_which_the_session_manager_sees_no_return_was_turned_away() {
    let away = |is_covered: bool, returns: bool| {
        let mut channels = remote();
        channels.story.at(400).screen(10, 0x7000, ALICE);
        channels.story.at(407).logoff(0x7000, ALICE);
        channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
        if returns {
            channels.ts(402.0, 25, Action::TsReconnect, 2, "192.0.2.9");
        }
        if is_covered {
            channels.tell(desktop::CHANNEL, 900.0, 54, Action::TsStop);
        }
        away(&channels.own()[0])
    };
    let inferred = EndSource::Inferred;
    assert_eq!(away(true, false), []);
    assert_eq!(
        away(false, false),
        [(None, Some(clock(400.0)), inferred)],
        "nothing would tell"
    );
    assert_eq!(away(true, true), [(None, Some(clock(402.0)), inferred)]);
}

#[test]
fn the_session_managers_logon_makes_a_logon_a_new_session() {
    let mut story = Story::booted();
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(400).screen(10, 0x7000, ALICE);
    let mut channels = Channels::new(story);
    assert_eq!(channels.own().len(), 1);
    channels.ts(400.7, 21, Action::TsLogon, 3, "192.0.2.7");
    assert_eq!(channels.own().len(), 2);
}

#[test]
fn the_last_record_that_shows_a_session_bounds_its_end() {
    let mut channels = remote();
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.ts(700.0, 24, Action::TsDisconnect, 2, "192.0.2.7");
    let open = |channels: &Channels| {
        let session = channels.own().remove(0);
        assert_eq!(session.end.reason, EndReason::LogEnds);
        session.end.min
    };
    assert_eq!(open(&channels), Some(clock(700.0)));
    // The clock was set: times of two channels cannot be compared.
    let change = channels.story.at(800).write(4616, Action::ClockChange);
    (change.previous_time, change.new_time) = (Some(clock(800.0)), Some(clock(500.0)));
    channels.story.at(501).logon(3, 0x6000, BOB);
    assert_eq!(open(&channels), Some(clock(10.0)));
    // What comes after missing records can be of the end of the session, or of another with its number.
    let mut lossy = remote();
    lossy.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    lossy.lose(desktop::CHANNEL, 1);
    lossy.ts(700.0, 24, Action::TsDisconnect, 2, "192.0.2.7");
    assert_eq!(open(&lossy), Some(clock(10.5)));
}

#[test]
fn winlogon_and_the_profile_service_tell_a_logoff_that_nothing_else_tells() {
    let mut channels = remote();
    channels.of_number(SYSTEM, 10.2, 7001, Action::WinlogonLogon, 2);
    channels.of_number(SYSTEM, 300.1, 7002, Action::WinlogonLogoff, 2);
    let session = &channels.own()[0];
    assert_eq!(
        end(session),
        (exact(300.1), EndReason::TsLogoff, EndSource::Recorded)
    );
    assert_eq!(session.duration, Some(2901 * TICKS_PER_SECOND / 10));
    assert_eq!(link(session, 7001), Some((LinkRule::Logon, Score::BESIDE)));
    assert_eq!(
        link(session, 7002),
        Some((LinkRule::SessionNumber, Score::BESIDE))
    );
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.ts(300.3, 24, Action::TsDisconnect, 2, "192.0.2.7");
    assert_eq!(
        away(&channels.own()[0]),
        [],
        "the session is being torn down"
    );
    channels.of_number(PROFILES, 10.3, 1, Action::ProfileLoad, 2);
    channels.of_number(PROFILES, 300.0, 3, Action::ProfileUnload, 2);
    assert_eq!(end(&channels.own()[0]).0, exact(300.0), "the earlier word");
    channels.story.at(299).user_logoff(0x5000, ALICE);
    assert_eq!(
        end(&channels.own()[0]),
        (exact(299.0), EndReason::UserLogoff, EndSource::Recorded)
    );
}

#[test]
fn a_logoff_after_missing_records_or_a_boot_is_of_no_known_desktop() {
    let logoff = |between: &dyn Fn(&mut Channels)| {
        let mut channels = remote();
        channels.of_number(SYSTEM, 10.2, 7001, Action::WinlogonLogon, 2);
        between(&mut channels);
        channels.of_number(SYSTEM, 300.0, 7002, Action::WinlogonLogoff, 2);
        channels.own()[0].end.reason
    };
    assert_eq!(logoff(&|_| {}), EndReason::TsLogoff);
    assert_eq!(
        logoff(&|channels| channels.lose(SYSTEM, 1)),
        EndReason::LogEnds
    );
    let boot = |channels: &mut Channels| {
        channels.tell(SYSTEM, 200.0, 12, Action::Boot);
    };
    assert_ne!(logoff(&boot), EndReason::TsLogoff);
}

#[test]
fn remote_desktop_through_a_tunnel_shows_in_every_channel_that_names_the_client() {
    let mut channels = Channels::new(Story::booted());
    channels.ts(10.0, 21, Action::TsLogon, 2, "::1");
    assert_eq!(channels.own()[0].flags, [Flag::Tunnel]);

    let mut channels = remote();
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.ts(300.0, 25, Action::TsReconnect, 2, "127.0.0.1");
    assert_eq!(channels.own()[0].flags, [Flag::Tunnel]);

    let mut channels = remote();
    channels.story.at(299).logon(3, 0x6000, ALICE);
    let back = channels
        .story
        .at(300)
        .about(4778, Action::Reconnect, 0x5000, ALICE);
    back.source_address = Some("127.0.0.1".into());
    assert_eq!(channels.own()[0].flags, [Flag::Tunnel]);

    let mut channels = remote();
    channels.story.events.last_mut().unwrap().source_address = None;
    accept(&mut channels, 9.0, "127.0.0.1");
    assert_eq!(channels.own()[0].flags, [Flag::Tunnel]);
}

#[test]
fn a_virtual_machines_console_is_remote_desktop_from_nowhere() {
    let flags = |address: &str| {
        let mut channels = remote();
        channels.story.events.last_mut().unwrap().source_address = Some("0.0.0.0".into());
        channels.ts(10.5, 21, Action::TsLogon, 2, address);
        channels.own().remove(0).flags
    };
    assert_eq!(flags(""), [Flag::Vmconnect]);
    assert_eq!(flags("192.0.2.7"), []);
}

#[test]
fn a_remote_logon_that_closes_at_once_and_begins_no_desktop_was_refused() {
    let flags = |closes: u64, is_covered: bool, begins: bool| {
        let mut channels = remote();
        channels.story.at(closes).logoff(0x5000, ALICE);
        if is_covered {
            channels
                .of_number(SYSTEM, 1.0, 7001, Action::WinlogonLogon, 9)
                .account
                .sid = None;
            channels
                .of_number(SYSTEM, 90.0, 7002, Action::WinlogonLogoff, 9)
                .account
                .sid = None;
        }
        if begins {
            channels.of_number(PROFILES, 10.4, 1, Action::ProfileLoad, 2);
        }
        channels.own().remove(0).flags
    };
    assert_eq!(flags(17, true, false), [Flag::Refused]);
    assert_eq!(flags(21, true, false), [], "it lived over 10 s");
    assert_eq!(
        flags(17, false, false),
        [],
        "nothing would tell of a desktop"
    );
    assert_eq!(flags(17, true, true), [], "its desktop began");
}

#[test]
fn a_session_that_the_session_manager_sees_taken_up_without_a_logon_is_flagged() {
    for (logs_on, leaves, flags) in [
        (true, true, &[][..]),
        (false, false, &[Flag::HijackSuspected]),
        (false, true, &[Flag::Hijack]),
    ] {
        let mut channels = remote();
        channels.story.at(20).screen(10, 0x6000, BOB).account = account("carol", "WS01", BOB);
        if logs_on {
            channels.story.at(480).logon(3, 0x8000, ALICE);
        }
        channels.story.at(900).logon(3, 0x9000, BOB);
        channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
        channels.ts(100.0, 24, Action::TsDisconnect, 2, "192.0.2.7");
        let carol = channels.ts(499.0, 24, Action::TsDisconnect, 3, "192.0.2.8");
        carol.account.name = Some("carol".into());
        if !leaves {
            carol.time = clock(480.0);
        }
        channels.ts(500.0, 25, Action::TsReconnect, 2, "192.0.2.8");
        assert_eq!(
            channels.own()[0].flags,
            flags,
            "logs on: {logs_on}, leaves: {leaves}"
        );
    }
    let mut channels = remote();
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    channels.ts(500.0, 25, Action::TsReconnect, 2, "192.0.2.8");
    assert_eq!(channels.own()[0].flags, [], "the audit records end before");
}

/// The network logon of a client's pre-authentication.
fn pre_authenticate(story: &mut Story, second: u64, id: u64) -> &mut Event {
    let network = story.at(second).logon(3, id, ALICE);
    (network.subject, network.subject_logon_id) = (account("-", "-", "S-1-0-0"), None);
    network.workstation = Some("CLIENT".into());
    network
}

/// A Remote Desktop session from 10 s on whose pre-authentication closes.
fn prepared(closes: u64) -> Story {
    let mut story = Story::booted();
    pre_authenticate(&mut story, 8, 0x4f00);
    story.at(10).screen(10, 0x5000, ALICE);
    story.at(closes).logoff(0x4f00, ALICE);
    story
}

fn away(session: &Session) -> Vec<(Option<Time>, Option<Time>, EndSource)> {
    let away = session.intervals.iter();
    away.filter(|interval| interval.state == State::Disconnected)
        .map(|interval| (interval.from, interval.to, interval.source))
        .collect()
}

fn desktop_of(sessions: &[Session]) -> &Session {
    let mut desktops = sessions.iter().filter(|session| session.kind == Kind::Rdp);
    desktops.next().unwrap()
}

#[test]
fn the_end_of_a_pre_authentication_that_outlived_its_logon_is_a_disconnection() {
    let mut story = prepared(500);
    story.at(900).user_logoff(0x5000, ALICE);
    let sessions = story.own();
    let session = desktop_of(&sessions);
    let left = (Some(clock(500.0)), None, EndSource::Inferred);
    assert_eq!(away(session), [left]);
    assert_eq!(
        (session.disconnected, session.active),
        (Some(400 * TICKS_PER_SECOND), Some(490 * TICKS_PER_SECOND))
    );
    // A return whose beginning nothing tells begins there.
    let mut story = prepared(500);
    story.at(700).screen(10, 0x7000, ALICE);
    story.logoff(0x7000, ALICE);
    let sessions = story.own();
    assert_eq!(
        away(desktop_of(&sessions)),
        [(Some(clock(500.0)), Some(clock(700.0)), EndSource::Inferred)]
    );
}

#[test]
fn a_pre_authentication_tells_no_disconnection_where_something_else_explains_its_end() {
    let is_connected = |story: &Story| away(desktop_of(&story.own())).is_empty();
    assert!(is_connected(&prepared(12)), "closed with the logon");
    let mut story = prepared(500);
    story.at(510).user_logoff(0x5000, ALICE);
    assert!(is_connected(&story), "the session ended");
    let mut story = prepared(500);
    story.at(510).stop();
    assert!(is_connected(&story), "Windows stopped");
    let mut story = prepared(500);
    story.at(450).about(4778, Action::Reconnect, 0x9999, BOB);
    assert!(is_connected(&story), "disconnections are audited");
    let mut channels = Channels::new(prepared(500));
    channels.ts(10.5, 21, Action::TsLogon, 2, "192.0.2.7");
    assert_eq!(
        away(desktop_of(&channels.own())),
        [],
        "the session manager would tell"
    );
    // Another client took the session over: the first was sent away, and the session was never without one.
    let mut story = Story::booted();
    pre_authenticate(&mut story, 8, 0x4f00);
    story.at(10).screen(10, 0x5000, ALICE);
    pre_authenticate(&mut story, 398, 0x6f00);
    story.at(400).screen(10, 0x7000, ALICE);
    story.logoff(0x7000, ALICE);
    story.at(401).logoff(0x4f00, ALICE);
    assert_eq!(
        away(desktop_of(&story.own())),
        [(None, Some(clock(400.0)), EndSource::Inferred)]
    );
}

#[test]
fn a_lasting_network_logon_alone_takes_a_left_session_up_again() {
    let told = |shape: &dyn Fn(&mut Event)| {
        let mut story = prepared(500);
        shape(pre_authenticate(&mut story, 700, 0x6f00));
        story.at(800).logoff(0x6f00, ALICE);
        story.at(2000).user_logoff(0x5000, ALICE);
        let sessions = story.own();
        let network = sessions.iter().rev();
        let network = network
            .clone()
            .find(|session| session.kind == Kind::Network)
            .unwrap();
        (away(desktop_of(&sessions)), network.flags.clone())
    };
    let inferred = EndSource::Inferred;
    assert_eq!(
        told(&|_| {}),
        (
            vec![
                (Some(clock(500.0)), Some(clock(700.0)), inferred),
                (Some(clock(800.0)), None, inferred)
            ],
            vec![Flag::Nla]
        )
    );
    let left = vec![(Some(clock(500.0)), None, inferred)];
    let from_a_share = |logon: &mut Event| logon.set_source_port(Some(50_000));
    assert_eq!(told(&from_a_share), (left.clone(), vec![]));
    let elsewhere = |logon: &mut Event| logon.workstation = Some("OTHER".into());
    assert_eq!(told(&elsewhere), (left, vec![]));
}

#[test]
fn a_lasting_network_logon_is_a_return_only_if_its_client_was_let_in() {
    let told = |is_accepted: bool| {
        let mut story = prepared(500);
        pre_authenticate(&mut story, 700, 0x6f00);
        story.at(2000).user_logoff(0x5000, ALICE);
        let mut channels = Channels::new(story);
        accept(&mut channels, 9.0, "192.0.2.7");
        if is_accepted {
            accept(&mut channels, 700.5, "192.0.2.7");
        }
        let sessions = channels.own();
        away(desktop_of(&sessions)).remove(0).1
    };
    assert_eq!(told(true), Some(clock(700.0)));
    assert_eq!(told(false), None, "the listener would have said so");
}
