//! One event record before it is encoded, and its description for comparison with a reader.

use super::value::{Guid, Sid, Value};

/// A record, all but its number in the log.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) provider: String,
    pub(super) provider_guid: Option<Guid>,
    pub(super) event_id: u16,
    pub(super) qualifiers: Option<u16>,
    pub(super) version: u8,
    pub(super) level: u8,
    pub(super) task: u16,
    pub(super) opcode: u8,
    pub(super) keywords: u64,
    /// When it happened, by the clock of the machine: `TimeCreated`.
    pub(super) time: u64,
    pub(super) activity: Option<Guid>,
    pub(super) process_id: u32,
    pub(super) thread_id: u32,
    pub(super) channel: String,
    pub(super) computer: String,
    pub(super) user: Option<Sid>,
    pub(super) payload: Payload,
    /// Stored as text by an event collector.
    pub(super) forwarded: bool,
    /// The number in the log of the machine that it was forwarded from.
    pub(super) source_number: Option<u64>,
    /// When the collector wrote it.
    pub(super) collected: Option<u64>,
}

/// What follows `System`.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    EventData(Vec<Field>),
    UserData {
        element: String,
        namespace: String,
        fields: Vec<Field>,
    },
}

impl Payload {
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Payload::EventData(fields) | Payload::UserData { fields, .. } => fields,
        }
    }

    pub(super) fn fields_mut(&mut self) -> &mut Vec<Field> {
        match self {
            Payload::EventData(fields) | Payload::UserData { fields, .. } => fields,
        }
    }
}

/// A named value. The name may be empty: old providers write `<Data>` without one.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Value,
}

/// What a reader must find in a record of a log that this module wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRecord {
    /// The number in the record's header.
    pub record_id: u64,
    /// The time in the record's header, as text with seven digits.
    pub written: String,
    /// The values of `System`, by element or `Element/Attribute`; an absent one is missing here.
    pub system: Vec<(&'static str, String)>,
    /// The element under `UserData`; `None` for `EventData`.
    pub user_data: Option<String>,
    /// Names and values of the data, in order.
    pub fields: Vec<(String, String)>,
}

impl Record {
    /// The time in the record's header.
    pub(super) fn written(&self) -> u64 {
        self.collected.unwrap_or(self.time)
    }

    pub(super) fn expected(&self, number: u64) -> ExpectedRecord {
        let text = |value: Value| {
            if self.forwarded {
                value.forwarded_text()
            } else {
                value.text()
            }
        };
        let mut system = vec![("Provider/Name", self.provider.clone())];
        if let Some(guid) = self.provider_guid {
            system.push(("Provider/Guid", text(Value::Guid(guid))));
        }
        system.push(("EventID", self.event_id.to_string()));
        if let Some(qualifiers) = self.qualifiers {
            system.push(("EventID/Qualifiers", qualifiers.to_string()));
        }
        system.extend([
            ("Version", self.version.to_string()),
            ("Level", self.level.to_string()),
            ("Task", self.task.to_string()),
            ("Opcode", self.opcode.to_string()),
            ("Keywords", text(Value::Hex64(self.keywords))),
            ("TimeCreated/SystemTime", text(Value::Time(self.time))),
            (
                "EventRecordID",
                self.source_number
                    .filter(|_| self.forwarded)
                    .unwrap_or(number)
                    .to_string(),
            ),
        ]);
        if let Some(activity) = self.activity {
            system.push(("Correlation/ActivityID", text(Value::Guid(activity))));
        }
        system.extend([
            ("Execution/ProcessID", self.process_id.to_string()),
            ("Execution/ThreadID", self.thread_id.to_string()),
            ("Channel", self.channel.clone()),
            ("Computer", self.computer.clone()),
        ]);
        if let Some(user) = &self.user {
            system.push(("Security/UserID", user.text()));
        }
        ExpectedRecord {
            record_id: number,
            written: super::time::format(self.written()),
            system,
            user_data: match &self.payload {
                Payload::EventData(_) => None,
                Payload::UserData { element, .. } => Some(element.clone()),
            },
            fields: self
                .payload
                .fields()
                .iter()
                .map(|field| (field.name.clone(), text(field.value.clone())))
                .collect(),
        }
    }
}
