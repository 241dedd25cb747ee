//! What a record says, as a sentence: the meaning of its event and what its fields add to it.
//!
//! In: an event of the timeline. Out: plain English, which may hold anything that the record holds.

use super::table::account;
use crate::analysis::TimelineEvent;
use crate::event::{Action, Details, Event, Text};
use crate::session::first_label;

/// The meaning of a record with its details: `Somebody's client left (session number 2, from 10.0.0.5).`
pub(super) fn said(row: &TimelineEvent) -> String {
    let event = &row.event;
    let meaning = meaning(event.action);
    let facts = facts(row);
    match facts.is_empty() {
        true => format!("{meaning}."),
        false => format!("{meaning} ({}).", facts.join(", ")),
    }
}

/// What an action means, without the records that tell it, with a capital letter and no full stop.
pub(super) fn meaning(action: Action) -> String {
    if action == Action::TsReason {
        return "A desktop session was disconnected".to_owned();
    }
    let meaning = action.meaning();
    let said = meaning.split_once(": ").map_or(meaning, |(_, said)| said);
    let mut characters = said.trim_end_matches('.').chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}

fn facts(row: &TimelineEvent) -> Vec<String> {
    use Action::*;
    let event = &row.event;
    let more = event.details();
    let about = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let by = || {
        Some(account(&event.subject))
            .filter(|who| !who.is_empty())
            .map(|who| format!("by {who}"))
    };
    let facts: Vec<Option<String>> = match event.action {
        TsLogon | TsShell | TsLogoff | TsDisconnect | TsReconnect | Reconnect | Disconnect
        | RdpAuth | RdpConnection | RdpRefused => vec![number(event), station(event), from(event)],
        TsArbitration | TsArbitrated | TsError | WinlogonLogon | WinlogonLogoff | ProfileLoad
        | ProfileLoaded | ProfileUnload | ProfileUnloaded | Lock | Unlock | ScreensaverOn
        | ScreensaverOff => vec![number(event)],
        TsReason | RdpDisconnected => vec![number(event), reason(more)],
        TsDisconnectedBy => vec![
            number(event),
            more.other_session_number
                .map(|other| format!("by session number {other}")),
        ],
        LogonFailed => vec![why_failed(row), from(event)],
        ExplicitCredentials => {
            let whose = Some(account(&event.account)).filter(|whose| !whose.is_empty());
            vec![
                whose.map(|whose| format!("those of {whose}")),
                event
                    .target_server
                    .as_deref()
                    .map(|server| format!("for {server}")),
                by(),
            ]
        }
        StopRequest => vec![
            about(&more.stop_type),
            by(),
            event
                .process_name
                .as_deref()
                .map(|path| format!("through {path}")),
            reason(more),
            about(&more.message).map(|comment| format!("comment: {comment}")),
        ],
        ShutdownStarted => vec![about(&more.stop_type)],
        LogCleared => vec![about(&more.object), by()],
        ClockChange => vec![
            event.previous_time.map(|time| format!("from {time}")),
            event.new_time.map(|time| format!("to {time}")),
            by(),
        ],
        TimeZone => vec![
            more.utc_offset_minutes
                .map(|minutes| format!("{minutes:+} minutes")),
        ],
        Boot | Wake => vec![
            more.start_time
                .map(|time| format!("at {time} by its own account")),
        ],
        Shutdown => vec![
            more.stop_time
                .map(|time| format!("at {time} by its own account")),
        ],
        Crash => vec![
            more.stop_time
                .map(|time| format!("last known to run at {time}")),
            more.reason
                .filter(|&code| code != 0)
                .map(|code| format!("stop code {code:#x}")),
        ],
        BootType => vec![more.boot_type.map(boot_type)],
        Sleep => vec![more.target_state.map(power_state)],
        AuditLost => vec![event.lost_audit_event().map(|lost| format!("event {lost}"))],
        ServiceInstalled | TaskCreated | ProfilePath => {
            vec![about(&more.object), about(&more.command), by()]
        }
        SshMessage => vec![about(&more.message).map(|message| format!("{message:?}"))],
        _ => vec![],
    };
    facts.into_iter().flatten().collect()
}

fn number(event: &Event) -> Option<String> {
    event
        .session_number
        .map(|number| format!("session number {number}"))
}

fn station(event: &Event) -> Option<String> {
    event
        .session_name
        .as_deref()
        .map(|name| format!("station {name}"))
}

fn from(event: &Event) -> Option<String> {
    let address = event.source_address.as_deref()?;
    Some(match event.source_port().filter(|&port| port > 0) {
        _ if address.eq_ignore_ascii_case("LOCAL") => "at the machine itself".to_owned(),
        Some(port) => format!("from {address}, port {port}"),
        None => format!("from {address}"),
    })
}

/// A reason in words, with its code.
fn reason(more: &Details) -> Option<String> {
    match (more.reason_text.as_deref(), more.reason) {
        (Some(text), Some(code)) if code > 0xffff => Some(format!("reason: {text}, {code:#x}")),
        (Some(text), Some(code)) => Some(format!("reason: {text}, code {code}")),
        (Some(text), None) => Some(format!("reason: {text}")),
        (None, Some(code)) => Some(format!("reason {code:#x}, which has no entry here")),
        (None, None) => None,
    }
}

/// Why a logon failed.
pub(crate) fn why_failed(row: &TimelineEvent) -> Option<String> {
    let event = &row.event;
    let code = event.sub_status.filter(|&code| code != 0).or(event.status);
    let text = row.failure_text().map(str::to_owned);
    text.or_else(|| code.map(|code| format!("{code:#010x}")))
}

fn boot_type(code: u32) -> String {
    match code {
        0 => "a cold start".to_owned(),
        1 => "after a Fast Startup's power-off, which is no boot".to_owned(),
        2 => "from hibernation".to_owned(),
        other => format!("type {other}"),
    }
}

fn power_state(state: u32) -> String {
    match state {
        2..=4 => "sleep".to_owned(),
        5 => "hibernation".to_owned(),
        6 => "off, for a Fast Startup".to_owned(),
        other => format!("state {other}"),
    }
}

/// The workstation name of a logon, if it is none of the machine's own: many a logon gives that, whoever came.
pub(crate) fn caller<'a, 'b>(
    workstation: Option<&'a str>,
    own: impl IntoIterator<Item = &'b str>,
) -> Option<&'a str> {
    let name = workstation?;
    let is_own = |own| first_label(own) == first_label(name);
    (!own.into_iter().any(is_own)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::event;

    fn told(action: Action, tell: impl Fn(&mut Event)) -> String {
        let mut row = event("2020-01-01", action, 1);
        row.event.subject.name = Some("ann".into());
        tell(&mut row.event);
        said(&row)
    }

    #[test]
    fn reasons_are_told_in_words_with_their_codes() {
        let disconnected = told(Action::TsReason, |event| {
            event.session_number = Some(2);
            let more = event.more.get_or_insert_default();
            (more.reason, more.reason_text) = (Some(12), Some("logged off by the person".into()));
        });
        assert_eq!(
            disconnected,
            "A desktop session was disconnected (session number 2, reason: logged off by the person, code 12)."
        );
        let stop = told(Action::StopRequest, |event| {
            event.process_name = Some(r"C:\Windows\System32\shutdown.exe".into());
            let more = event.more.get_or_insert_default();
            (more.reason, more.stop_type) = (Some(0x8002_0002), Some("restart".into()));
            more.reason_text = Some("Operating System: Recovery (Planned)".into());
        });
        assert_eq!(
            stop,
            "Somebody or something asked for a restart or a stop (restart, by ann, through \
             C:\\Windows\\System32\\shutdown.exe, reason: Operating System: Recovery (Planned), 0x80020002)."
        );
        let unknown = told(Action::RdpDisconnected, |event| {
            event.more.get_or_insert_default().reason = Some(4711);
        });
        assert!(
            unknown.contains("reason 0x1267, which has no entry here"),
            "{unknown}"
        );
    }

    #[test]
    fn a_client_at_the_machine_has_no_address() {
        let local = |event: &mut Event| event.source_address = Some("LOCAL".into());
        assert!(told(Action::TsLogon, local).ends_with("(at the machine itself)."));
        let remote = |event: &mut Event| {
            event.source_address = Some("10.0.0.5".into());
            event.set_source_port(Some(50123));
        };
        assert!(told(Action::TsReconnect, remote).ends_with("(from 10.0.0.5, port 50123)."));
        assert_eq!(
            told(Action::TsStop, |_| {}),
            "The session manager stops, with Windows."
        );
    }
}
