//! One event record before it is encoded, and its description for comparison with a reader.

use super::value::{Guid, Kind, Sid, Value};

/// A record, all but its number in the log.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) provider: String,
    pub(super) provider_guid: Option<Guid>,
    /// The name that the provider had before it had a manifest.
    pub(super) source_name: Option<String>,
    /// Written through the interface of before Windows Vista, on a Windows before 10: without
    /// version, opcode and process.
    pub(super) classic: bool,
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
    /// The data of a classic event: strings without names, and `Binary`.
    Classic(Vec<Field>),
    /// What is left of an event that Windows could not write out.
    ProcessingError(Vec<Field>),
    UserData {
        element: String,
        namespace: String,
        fields: Vec<Field>,
    },
}

impl Payload {
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Payload::EventData(fields)
            | Payload::Classic(fields)
            | Payload::ProcessingError(fields)
            | Payload::UserData { fields, .. } => fields,
        }
    }

    pub(super) fn fields_mut(&mut self) -> &mut Vec<Field> {
        match self {
            Payload::EventData(fields)
            | Payload::Classic(fields)
            | Payload::ProcessingError(fields)
            | Payload::UserData { fields, .. } => fields,
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
    pub system: Vec<ExpectedValue>,
    /// The element under `UserData`; `None` for `EventData`.
    pub user_data: Option<String>,
    /// The data, in order.
    pub fields: Vec<ExpectedValue>,
}

/// One value that a reader must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedValue {
    /// The field's name, or its place in `System`.
    pub name: String,
    /// Its text as Windows shows it.
    pub text: String,
    /// Its type by the name it has in a scenario; `null` for an absent value.
    pub kind: &'static str,
}

impl Record {
    /// The time in the record's header.
    pub(super) fn written(&self) -> u64 {
        self.collected.unwrap_or(self.time)
    }

    pub(super) fn expected(&self, number: u64) -> ExpectedRecord {
        let show = |name: &str, value: Value| ExpectedValue {
            name: name.into(),
            text: if self.forwarded {
                value.forwarded_text()
            } else {
                value.text()
            },
            kind: match value.kind() {
                Some(_) if self.forwarded => Kind::Text.name(),
                Some(kind) => kind.name(),
                None => "null",
            },
        };
        let text = |text: &str| Value::Text(text.into());
        let number_in_data = self
            .source_number
            .filter(|_| self.forwarded)
            .unwrap_or(number);
        let modern = |value| Some(value).filter(|_| !self.classic);
        let values = [
            ("Provider/Name", Some(text(&self.provider))),
            ("Provider/Guid", self.provider_guid.map(Value::Guid)),
            (
                "Provider/EventSourceName",
                self.source_name.as_deref().map(text),
            ),
            ("EventID", Some(Value::U16(self.event_id))),
            ("EventID/Qualifiers", self.qualifiers.map(Value::U16)),
            ("Version", modern(Value::U8(self.version))),
            ("Level", Some(Value::U8(self.level))),
            ("Task", Some(Value::U16(self.task))),
            ("Opcode", modern(Value::U8(self.opcode))),
            ("Keywords", Some(Value::Hex64(self.keywords))),
            ("TimeCreated/SystemTime", Some(Value::Time(self.time))),
            ("EventRecordID", Some(Value::U64(number_in_data))),
            ("Correlation/ActivityID", self.activity.map(Value::Guid)),
            ("Execution/ProcessID", modern(Value::U32(self.process_id))),
            ("Execution/ThreadID", modern(Value::U32(self.thread_id))),
            ("Channel", Some(text(&self.channel))),
            ("Computer", Some(text(&self.computer))),
            ("Security/UserID", self.user.clone().map(Value::Sid)),
        ];
        let fields = self.payload.fields().iter();
        ExpectedRecord {
            record_id: number,
            written: super::time::format(self.written()),
            system: values
                .into_iter()
                .filter_map(|(name, value)| Some(show(name, value?)))
                .collect(),
            user_data: match &self.payload {
                Payload::EventData(_) | Payload::Classic(_) | Payload::ProcessingError(_) => None,
                Payload::UserData { element, .. } => Some(element.clone()),
            },
            fields: fields
                .flat_map(|field| match &field.value {
                    Value::Texts(texts) => {
                        let shown = texts.iter().map(|each| show(&field.name, text(each)));
                        let kind = |value| ExpectedValue {
                            kind: if self.forwarded { "string" } else { "strings" },
                            ..value
                        };
                        shown.map(kind).collect()
                    }
                    value => vec![show(&field.name, value.clone())],
                })
                .collect(),
        }
    }
}
