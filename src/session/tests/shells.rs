//! Remote command lines.

use super::channels::*;
use super::*;

const SSH: &str = "OpenSSH/Operational";
const WINRM: &str = "Microsoft-Windows-WinRM/Operational";

/// A machine with an SSH logon at 10 s, Logon ID 0x5000, by process 4332.
fn server() -> Channels {
    let mut story = Story::booted();
    let logon = story.at(10).logon(8, 0x5000, ALICE);
    logon.process_name = Some("C:\\Windows\\System32\\OpenSSH\\sshd.exe".into());
    (logon.process_id, logon.source_address) = (Some(4332), None);
    Channels::new(story)
}

fn line<'a>(channels: &'a mut Channels, second: f64, pid: u32, text: &str) -> &'a mut Event {
    let event = channels.tell(SSH, second, 4, Action::SshMessage);
    event.writer = Some(pid);
    event.source_address = Some("192.0.2.7".into());
    event.set_source_port(Some(56_605));
    event.account.name = Some("somebody".into());
    event.more.get_or_insert_default().message = Some(text.into());
    event
}

const ACCEPTED: &str = "Accepted password for somebody from 192.0.2.7 port 56605 ssh2";

#[test]
fn the_servers_line_tells_where_an_ssh_session_came_from() {
    let mut channels = server();
    line(&mut channels, 10.001, 4332, ACCEPTED);
    line(
        &mut channels,
        300.0,
        4500,
        "Disconnected from user somebody 192.0.2.7 port 56605",
    );
    let sessions = channels.own();
    let session = &sessions[0];
    assert_eq!(session.kind, Kind::Ssh);
    assert_eq!(
        (session.source_address.as_deref(), session.source_port),
        (Some("192.0.2.7"), Some(56_605))
    );
    let lines: Vec<_> = session
        .records
        .iter()
        .filter(|record| record.event_id == 4)
        .map(|record| (record.role, record.link.map(|link| (link.rule, link.score))))
        .collect();
    assert_eq!(
        lines,
        [
            (Role::Credentials, Some((LinkRule::Process, Score::EXACT))),
            (Role::Connection, Some((LinkRule::Endpoint, Score::EXACT)))
        ]
    );
    assert_eq!(
        session.end.reason,
        EndReason::LogEnds,
        "the token says when"
    );
    assert_eq!(session.interactivity, Interactivity::Network);
}

#[test]
fn an_ssh_session_is_interactive_only_if_the_log_shows_a_terminal() {
    for (start, interactivity) in [
        (
            "Starting session: shell on windows-pty for",
            Interactivity::Interactive,
        ),
        ("Starting session: shell for", Interactivity::Network),
        ("Starting session: command for", Interactivity::Network),
        (
            "Starting session: subsystem 'sftp' for",
            Interactivity::Network,
        ),
    ] {
        let mut channels = server();
        line(&mut channels, 10.001, 4332, ACCEPTED);
        let text = format!("{start} somebody from 192.0.2.7 port 56605 id 0");
        line(&mut channels, 10.5, 4500, &text);
        assert_eq!(channels.own()[0].interactivity, interactivity, "{start}");
    }
}

#[test]
fn a_connection_that_its_server_closed_before_anybody_was_accepted_was_refused() {
    let failed = "Failed password for somebody from 192.0.2.7 port 56605 ssh2";
    let closed = "Disconnecting authenticating user somebody 192.0.2.7 port 56605: Too many authentication failures [preauth]";
    let mut channels = server();
    line(&mut channels, 14.3, 4332, failed);
    line(&mut channels, 42.6, 4332, closed);
    let session = &channels.own()[0];
    assert_eq!(session.flags, [Flag::Refused]);
    assert_eq!(session.source_address.as_deref(), Some("192.0.2.7"));
    let mut channels = server();
    line(&mut channels, 9.0, 4332, failed);
    line(&mut channels, 10.001, 4332, ACCEPTED);
    assert_eq!(channels.own()[0].flags, []);
}

#[test]
fn the_logon_that_looks_an_account_up_is_not_the_one_that_was_accepted() {
    for accepted in [20.0002, 19.999] {
        let mut channels = server();
        let logon = channels.story.at(20).logon(3, 0x6000, ALICE);
        logon.process_name = Some("C:\\Windows\\System32\\OpenSSH\\sshd.exe".into());
        (logon.process_id, logon.source_address) = (Some(4332), None);
        line(&mut channels, accepted, 4332, ACCEPTED);
        let sessions = channels.own();
        assert_eq!(roles(&sessions[0], 4), [Role::Connection]);
        assert_eq!(roles(&sessions[1], 4), [Role::Credentials]);
        let ports = sessions.iter().map(|session| session.source_port);
        assert!(ports.into_iter().all(|port| port == Some(56_605)));
    }
}

#[test]
fn another_process_or_another_time_is_another_connection() {
    let mut channels = server();
    line(&mut channels, 15.1, 5000, ACCEPTED);
    assert!(!channels.belongs(4), "5 s after it, by another process");
    let mut channels = server();
    line(&mut channels, 200.0, 4332, ACCEPTED);
    assert!(!channels.belongs(4), "the process ID was given anew");
}

#[test]
fn without_process_ids_the_name_joins_what_came_at_the_same_time() {
    let mut channels = server();
    line(&mut channels, 10.5, 5000, ACCEPTED);
    let session = &channels.own()[0];
    assert_eq!(link(session, 4), Some((LinkRule::Account, Score::NAMED)));
    assert_eq!(session.source_port, Some(56_605));
    let second = channels.story.at(11).logon(8, 0x6000, ALICE);
    second.process_name = Some("C:\\Windows\\System32\\OpenSSH\\sshd.exe".into());
    let sessions = channels.own();
    assert_eq!(
        link(&sessions[0], 4),
        Some((LinkRule::Account, Score::NEAREST))
    );
    assert_eq!(sessions[0].flags, [Flag::UncertainLink]);
    assert_eq!(
        sessions[0].source_port, None,
        "an unsure record tells no address"
    );
}

#[test]
fn a_remote_shell_is_of_the_network_logon_that_it_follows() {
    let mut story = Story::booted();
    story.at(10).logon(3, 0x5000, ALICE);
    story.at(11).logon(3, 0x6000, BOB);
    let mut channels = Channels::new(story);
    channels
        .tell(WINRM, 12.0, 91, Action::RemoteShell)
        .account
        .sid = Sid::parse(ALICE);
    let sessions = channels.own();
    assert_eq!(
        link(&sessions[0], 91),
        Some((LinkRule::Account, Score::NAMED))
    );
    assert_eq!(roles(&sessions[0], 91), [Role::Use]);
    channels.story.at(12).logon(3, 0x7000, ALICE);
    let sessions = channels.own();
    assert_eq!(sessions[0].link(), None);
    assert_eq!(
        (link(&sessions[2], 91), &sessions[2].flags[..]),
        (
            Some((LinkRule::Account, Score::NEAREST)),
            &[Flag::UncertainLink][..]
        )
    );
    let mut late = Channels::new(Story::booted());
    late.story.at(10).logon(3, 0x5000, ALICE);
    late.tell(WINRM, 16.0, 91, Action::RemoteShell).account.sid = Sid::parse(ALICE);
    assert!(!late.belongs(91));
    let mut local = Channels::new(Story::booted());
    local.story.at(10).screen(2, 0x5000, ALICE);
    local.tell(WINRM, 12.0, 91, Action::RemoteShell).account.sid = Sid::parse(ALICE);
    assert!(!local.belongs(91), "a shell from the machine itself");
}
