//! From a record to an event: looks the record up in its channel's table and fills the event's fields.

use super::{Account, Action, Event, LogIndex, LogonId, LogonType, Span, Text, security};
use crate::log::{Record, Value};
use crate::sid::Sid;
use crate::time::Time;
use std::collections::HashSet;

/// One line of a channel's table.
#[derive(Debug)]
pub(super) struct Entry {
    provider: &'static str,
    event_id: u16,
    action: Action,
    fields: &'static [&'static [(&'static str, Slot)]],
    subject_unnamed: bool,
}

impl Entry {
    pub(super) const fn new(
        provider: &'static str,
        event_id: u16,
        action: Action,
        fields: &'static [&'static [(&'static str, Slot)]],
    ) -> Self {
        Entry {
            provider,
            event_id,
            action,
            fields,
            subject_unnamed: false,
        }
    }

    /// Takes the record only if its subject has no name: it was written before anybody was logged on.
    pub(super) const fn if_subject_unnamed(mut self) -> Self {
        self.subject_unnamed = true;
        self
    }

    fn slot(&self, name: &str) -> Option<Slot> {
        self.fields
            .iter()
            .flat_map(|group| group.iter())
            .find(|(field, _)| *field == name)
            .map(|(_, slot)| *slot)
    }
}

/// Where in an [`Event`] a field goes, and how it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    AccountSid,
    AccountName,
    AccountDomain,
    LogonId,
    LinkedLogonId,
    SubjectSid,
    SubjectName,
    SubjectDomain,
    SubjectLogonId,
    LogonType,
    LogonProcess,
    AuthenticationPackage,
    LmPackage,
    Workstation,
    ProcessName,
    ProcessId,
    SourceAddress,
    SourcePort,
    LogonGuid,
    OutboundName,
    OutboundDomain,
    Elevated,
    VirtualAccount,
    Privileges,
    Status,
    SubStatus,
    SessionName,
    SessionNumber,
    TargetServer,
    PreviousTime,
    NewTime,
}

/// Collects the events of a log, in file order, and where its records lie.
#[derive(Debug)]
pub struct Collector {
    log: LogIndex,
    texts: HashSet<Text>,
    /// The events so far.
    pub events: Vec<Event>,
    /// Runs of all records so far, wanted or not.
    pub spans: Vec<Span>,
}

impl Collector {
    /// An empty collection of events of `log`.
    pub fn new(log: LogIndex) -> Self {
        Collector {
            log,
            texts: HashSet::new(),
            events: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Takes the next record of the log.
    pub fn add(&mut self, record: &Record<'_>) {
        let previous = self.extend_span(record);
        let Some(entry) = entry(record) else { return };
        let mut event = Event {
            log: self.log,
            record_id: record.record_id,
            number: record.number,
            time: record.time,
            computer: self.text(&record.computer),
            channel: self.text(&record.channel),
            event_id: record.event_id,
            version: record.version,
            writer: record.writer,
            previous,
            ..Event::of(entry.action)
        };
        for (name, value) in record.fields() {
            if let Some(slot) = entry.slot(&name) {
                self.fill(&mut event, slot, &value);
            }
        }
        if !(entry.subject_unnamed && event.subject.name.is_some()) {
            self.events.push(event);
        }
    }

    /// Adds the record to the last run of its machine and channel, or starts a new run. Returns the time of
    /// the record before it in the run.
    fn extend_span(&mut self, record: &Record<'_>) -> Option<Time> {
        let (id, time) = (record.record_id, record.time);
        // In an exported or forwarded log the numbers in between were left out on purpose.
        let live = record.number == id;
        let of_same = |span: &&mut Span| {
            *span.channel == *record.channel && *span.computer == *record.computer
        };
        match self.spans.iter_mut().rev().take(RUNS_AT_ONCE).find(of_same) {
            Some(span) if id > span.last_id && (!(live && span.live) || id == span.last_id + 1) => {
                let previous = span.last_time;
                span.last_id = id;
                span.records += 1;
                span.last_time = time;
                span.latest = span.latest.max(time);
                span.earliest = span.earliest.min(time);
                span.live &= live;
                Some(previous)
            }
            _ => {
                let (channel, computer) = (self.text(&record.channel), self.text(&record.computer));
                self.spans.push(Span {
                    log: self.log,
                    channel,
                    computer,
                    first_id: id,
                    last_id: id,
                    records: 1,
                    first_time: time,
                    last_time: time,
                    earliest: time,
                    latest: time,
                    live,
                });
                None
            }
        }
    }

    /// The one shared copy of a text.
    fn text(&mut self, text: &str) -> Text {
        match self.texts.get(text) {
            Some(shared) => shared.clone(),
            None => {
                let shared = Text::from(text);
                self.texts.insert(shared.clone());
                shared
            }
        }
    }

    /// A text as it stands; `None` where Windows wrote `-` for absent.
    fn present(&mut self, value: &Value<'_>) -> Option<Text> {
        match value {
            Value::Text(text) if text.is_empty() || text == "-" => None,
            Value::Text(text) => Some(self.text(text)),
            Value::Number(number) => Some(self.text(&number.to_string())),
        }
    }

    /// A text without the padding that Windows gives it.
    fn trimmed(&mut self, value: &Value<'_>) -> Option<Text> {
        let text = self.present(value)?;
        match text.trim() {
            "" => None,
            trimmed => Some(self.text(trimmed)),
        }
    }

    fn fill(&mut self, event: &mut Event, slot: Slot, value: &Value<'_>) {
        let number = || value.number().filter(|&number| number != 0);
        let small = || value.number().and_then(|number| u32::try_from(number).ok());
        let logon_id = || number().map(LogonId);
        let sid = || {
            if let Value::Text(text) = value {
                Sid::parse(text)
            } else {
                None
            }
        };
        let time = || {
            if let Value::Text(text) = value {
                text.parse().ok()
            } else {
                None
            }
        };
        match slot {
            Slot::AccountSid => event.account.sid = sid(),
            Slot::AccountName => event.account.name = self.present(value),
            Slot::AccountDomain => event.account.domain = self.present(value),
            Slot::LogonId => event.logon_id = logon_id(),
            Slot::LinkedLogonId => event.linked_logon_id = logon_id(),
            Slot::SubjectSid => event.subject.sid = sid(),
            Slot::SubjectName => event.subject.name = self.present(value),
            Slot::SubjectDomain => event.subject.domain = self.present(value),
            Slot::SubjectLogonId => event.subject_logon_id = logon_id(),
            Slot::LogonType => {
                event.stored_as_text = matches!(value, Value::Text(_));
                event.logon_type = small().map(LogonType);
            }
            Slot::LogonProcess => event.logon_process = self.trimmed(value),
            Slot::AuthenticationPackage => event.authentication_package = self.present(value),
            Slot::LmPackage => event.lm_package = self.present(value),
            Slot::Workstation => event.workstation = self.present(value),
            Slot::ProcessName => event.process_name = self.present(value),
            Slot::ProcessId => event.process_id = number(),
            Slot::SourceAddress => event.source_address = self.present(value),
            Slot::SourcePort => {
                event.source_port = number().and_then(|port| u16::try_from(port).ok())
            }
            Slot::LogonGuid => event.logon_guid = self.guid(value),
            Slot::OutboundName => event.outbound.name = self.present(value),
            Slot::OutboundDomain => event.outbound.domain = self.present(value),
            Slot::Elevated => event.elevated = yes_or_no(value),
            Slot::VirtualAccount => event.virtual_account = yes_or_no(value),
            Slot::Privileges => event.privileges = self.list(value),
            Slot::Status => event.status = small().filter(|&status| status != 0),
            Slot::SubStatus => event.sub_status = small().filter(|&status| status != 0),
            Slot::SessionName => event.session_name = self.present(value),
            Slot::SessionNumber => event.session_number = small(),
            Slot::TargetServer => event.target_server = self.present(value),
            Slot::PreviousTime => event.previous_time = time(),
            Slot::NewTime => event.new_time = time(),
        }
    }

    fn guid(&mut self, value: &Value<'_>) -> Option<Text> {
        let guid = self.trimmed(value)?.to_lowercase();
        // All zero means that there is none.
        guid.bytes()
            .any(|byte| byte.is_ascii_hexdigit() && byte != b'0')
            .then(|| self.text(&guid))
    }

    /// The words of a list that is written over several lines, some in `%{}`.
    fn list(&mut self, value: &Value<'_>) -> Option<Text> {
        let text = self.present(value)?;
        let word = |word: &str| {
            word.strip_prefix("%{")
                .and_then(|w| w.strip_suffix('}'))
                .unwrap_or(word)
                .to_owned()
        };
        let words: Vec<String> = text.split_whitespace().map(word).collect();
        (!words.is_empty()).then(|| self.text(&words.join(" ")))
    }
}

/// How many machines and channels may take turns in a log before a run is cut for it.
const RUNS_AT_ONCE: usize = 64;

fn entry(record: &Record<'_>) -> Option<&'static Entry> {
    let table = match &*record.channel {
        security::CHANNEL => security::TABLE,
        _ => return None,
    };
    let at = table
        .binary_search_by_key(&record.event_id, |entry| entry.event_id)
        .ok()?;
    table
        .get(at)
        .filter(|entry| entry.provider.eq_ignore_ascii_case(&record.provider))
}

/// `%%1842` and `%%1843` of the auditing provider's messages.
fn yes_or_no(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Text(text) if text == "%%1842" => Some(true),
        Value::Text(text) if text == "%%1843" => Some(false),
        _ => None,
    }
}

impl Event {
    /// An event of which nothing is known but what happened.
    pub(crate) fn of(action: Action) -> Self {
        let empty = Text::from("");
        Event {
            log: LogIndex(0),
            record_id: 0,
            number: 0,
            time: Time::from_filetime(0),
            computer: empty.clone(),
            channel: empty,
            event_id: 0,
            version: 0,
            writer: None,
            previous: None,
            action,
            stored_as_text: false,
            account: Account::default(),
            logon_id: None,
            linked_logon_id: None,
            subject: Account::default(),
            subject_logon_id: None,
            logon_type: None,
            logon_process: None,
            authentication_package: None,
            lm_package: None,
            workstation: None,
            process_name: None,
            process_id: None,
            source_address: None,
            source_port: None,
            logon_guid: None,
            outbound: Account::default(),
            elevated: None,
            virtual_account: None,
            privileges: None,
            status: None,
            sub_status: None,
            session_name: None,
            session_number: None,
            target_server: None,
            previous_time: None,
            new_time: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_sorted_by_event_id() {
        assert!(security::TABLE.is_sorted_by_key(|entry| entry.event_id));
    }

    fn record(json: &str) -> Option<Event> {
        let mut collector = Collector::new(LogIndex(0));
        crate::log::with_record(json, |record| collector.add(record));
        collector.events.pop()
    }

    fn auditing(id: &str, data: &str) -> String {
        format!(
            r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"Microsoft-Windows-Security-Auditing"}}}},"EventID":{id},
            "Channel":"Security","Computer":"pc"}},"EventData":{data}}}}}"##
        )
    }

    #[test]
    fn what_windows_writes_for_absent_is_absent() {
        let event = record(&auditing(
            "4624",
            r#"{"SubjectUserName":"-","SubjectLogonId":"0x0","TargetLogonId":"0x3E7","LogonType":5,"LogonProcessName":"Advapi  ",
            "LogonGuid":"{00000000-0000-0000-0000-000000000000}","IpAddress":"-","IpPort":"0","TargetLinkedLogonId":"0x0","ElevatedToken":"%%1842","VirtualAccount":"%%1843"}"#,
        ))
        .unwrap();
        assert_eq!(
            (event.subject.name, event.subject_logon_id, event.logon_id),
            (None, None, Some(LogonId(0x3e7)))
        );
        assert_eq!(
            (event.logon_type, event.logon_process.as_deref()),
            (Some(LogonType(5)), Some("Advapi"))
        );
        assert_eq!(
            (
                event.logon_guid,
                event.source_address,
                event.source_port,
                event.linked_logon_id
            ),
            (None, None, None, None)
        );
        assert_eq!(
            (event.elevated, event.virtual_account, event.stored_as_text),
            (Some(true), Some(false), false)
        );
    }

    #[test]
    fn a_forwarded_record_means_the_same_and_is_known_as_forwarded() {
        let event = record(&auditing(
            "\"4624\"",
            r#"{"TargetUserSid":"S-1-5-18","TargetLogonId":"0x88f313a8","LogonType":"3","LogonGuid":"{500826FC-0D33-FC69-5CB3-DE2713BDC56A}","IpPort":"62173"}"#,
        ))
        .unwrap();
        assert_eq!(
            (event.logon_type, event.logon_id, event.source_port),
            (Some(LogonType(3)), Some(LogonId(0x88f3_13a8)), Some(62173))
        );
        assert_eq!(
            event.logon_guid.as_deref(),
            Some("{500826fc-0d33-fc69-5cb3-de2713bdc56a}")
        );
        assert!(event.stored_as_text);
    }

    #[test]
    fn special_privileges_belong_to_the_logon_that_they_name_as_subject() {
        let data = r#"{"SubjectUserSid":"S-1-5-18","SubjectUserName":"SYSTEM","SubjectLogonId":"0x3e7","PrivilegeList":"SeA\n\t\t\tSeB"}"#;
        let event = record(&auditing("4672", data)).unwrap();
        assert_eq!(
            (event.logon_id, event.subject_logon_id),
            (Some(LogonId(0x3e7)), None)
        );
        assert_eq!(event.privileges.as_deref(), Some("SeA SeB"));
    }

    #[test]
    fn an_event_id_counts_only_with_its_provider_and_channel() {
        let right = auditing("4634", "{}");
        assert!(record(&right).is_some());
        assert!(record(&right.replace("Security-Auditing", "Other")).is_none());
        assert!(
            record(&right.replace(r#""Channel":"Security""#, r#""Channel":"System""#)).is_none()
        );
        assert!(record(&auditing("4688", r#"{"SubjectUserName":"alice"}"#)).is_none());
        assert!(record(&auditing("4688", r#"{"SubjectUserName":"-"}"#)).is_some());
    }
}
