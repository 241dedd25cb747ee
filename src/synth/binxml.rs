//! Records as BinXml inside one chunk: templates, names, values.
//!
//! In: [`Record`]s, one after the other. Out: the bytes of a chunk's records with the name table
//! and the template table that go with them. A definition stands in the record that needs it
//! first; later records of the chunk point at it. Sources: \[MS-EVEN6\] 2.2.12 for the grammar,
//! libevtx's format notes for the tables, real logs for what Windows makes of both.

use std::collections::HashMap;

use super::record::{Field, Payload, Record};
use super::value::{Guid, Kind, Value};

pub(super) const EOF: u8 = 0x00;
pub(super) const OPEN_START: u8 = 0x01;
pub(super) const CLOSE_START: u8 = 0x02;
pub(super) const CLOSE_EMPTY: u8 = 0x03;
pub(super) const END_ELEMENT: u8 = 0x04;
pub(super) const VALUE_TEXT: u8 = 0x05;
pub(super) const ATTRIBUTE: u8 = 0x06;
pub(super) const TEMPLATE: u8 = 0x0c;
pub(super) const SUBSTITUTION: u8 = 0x0d;
pub(super) const OPTIONAL_SUBSTITUTION: u8 = 0x0e;
pub(super) const FRAGMENT: [u8; 4] = [0x0f, 1, 1, 0];
/// Set on a token that something follows: attributes on an element, another attribute on one.
pub(super) const MORE: u8 = 0x40;

pub(super) const TYPE_STRING: u8 = 0x01;
const TYPE_BINXML: u8 = 0x21;
const TYPE_ARRAY: u8 = 0x80;

/// Where the first record of a chunk begins: after the header and both tables.
pub(super) const RECORDS_START: usize = 512;
/// The namespace of every event.
const EVENT_NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";

/// The records of one chunk as they grow, at their final offsets.
pub(super) struct Body {
    /// The whole chunk so far; the first [`RECORDS_START`] bytes stay zero until the end.
    pub(super) bytes: Vec<u8>,
    /// Heads of the name chains, by hash.
    pub(super) name_heads: [u32; 64],
    /// Heads of the template chains, by hash of the GUID.
    pub(super) template_heads: [u32; 32],
    names: HashMap<String, u32>,
    templates: HashMap<Guid, u32>,
}

impl Body {
    pub(super) fn new() -> Body {
        Body {
            bytes: vec![0; RECORDS_START],
            name_heads: [0; 64],
            template_heads: [0; 32],
            names: HashMap::new(),
            templates: HashMap::new(),
        }
    }

    /// Appends one record with its frame; returns its offset.
    pub(super) fn push(&mut self, number: u64, record: &Record) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(b"**\0\0");
        self.u32(0);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes
            .extend_from_slice(&record.written().to_le_bytes());
        if record.forwarded {
            self.forwarded(record);
        } else {
            self.bytes.extend_from_slice(&FRAGMENT);
            self.instance(&event_template(record), &event_values(number, record));
        }
        self.bytes.push(EOF);
        while !(self.bytes.len() - start + 4).is_multiple_of(8) {
            self.bytes.push(0);
        }
        let size = (self.bytes.len() - start + 4) as u32;
        self.u32(size);
        self.bytes[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
        start
    }

    /// A template instance: the definition, if the chunk lacks it, then the values.
    fn instance(&mut self, template: &Element, values: &[Slot]) {
        let guid = template.guid();
        self.bytes.extend_from_slice(&[TEMPLATE, 1]);
        self.bytes.extend_from_slice(&guid.0[..4]);
        match self.templates.get(&guid) {
            Some(&offset) => self.u32(offset),
            None => {
                let offset = self.bytes.len() as u32 + 4;
                self.u32(offset);
                let bucket = (hash(guid.0.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]))) % 32)
                    as usize;
                self.u32(self.template_heads[bucket]);
                self.template_heads[bucket] = offset;
                self.templates.insert(guid, offset);
                self.bytes.extend_from_slice(&guid.0);
                let size = self.placeholder();
                self.bytes.extend_from_slice(&FRAGMENT);
                self.element(template, true);
                self.bytes.push(EOF);
                self.fill(size);
            }
        }
        self.u32(values.len() as u32);
        let descriptors = self.bytes.len();
        self.bytes.resize(descriptors + 4 * values.len(), 0);
        for (index, slot) in values.iter().enumerate() {
            let from = self.bytes.len();
            let kind = match slot {
                Slot::Nothing(size) => {
                    self.bytes.resize(from + size, 0);
                    0
                }
                Slot::System(value) => self.value(value, false),
                Slot::Data(value) => self.value(value, true),
                Slot::Nested {
                    template,
                    values,
                    fragment,
                } => {
                    if *fragment {
                        self.bytes.extend_from_slice(&FRAGMENT);
                    }
                    self.instance(template, values);
                    self.bytes.push(EOF);
                    TYPE_BINXML
                }
            };
            let size = (self.bytes.len() - from) as u16;
            let at = descriptors + 4 * index;
            self.bytes[at..at + 2].copy_from_slice(&size.to_le_bytes());
            self.bytes[at + 2] = kind;
        }
    }

    /// A value's bytes; returns its type. Strings among event data end in a NUL, those of System do not.
    fn value(&mut self, value: &Value, terminated: bool) -> u8 {
        match value {
            Value::Null => return 0,
            Value::Text(text) => {
                self.utf16(text);
                if terminated {
                    self.u16(0);
                }
            }
            Value::Texts(texts) => {
                for text in texts {
                    self.utf16(text);
                    self.u16(0);
                }
            }
            Value::U8(n) => self.bytes.push(*n),
            Value::U16(n) => self.u16(*n),
            Value::U32(n) | Value::Hex32(n) => self.u32(*n),
            Value::U64(n) | Value::Hex64(n) | Value::Pointer(n) | Value::Time(n) => {
                self.bytes.extend_from_slice(&n.to_le_bytes());
            }
            Value::Bool(b) => self.u32(u32::from(*b)),
            Value::Binary(bytes) => self.bytes.extend_from_slice(bytes),
            Value::Guid(guid) => self.bytes.extend_from_slice(&guid.0),
            Value::Sid(sid) => self.bytes.extend_from_slice(&sid.bytes()),
        }
        match value.kind() {
            // Windows declares a pointer and stores the number.
            Some(Kind::Pointer) => stored_type(Kind::Hex64),
            Some(kind) => stored_type(kind),
            None => 0,
        }
    }

    /// An element with its name, attributes and content. Only a template has dependency numbers.
    fn element(&mut self, element: &Element, in_template: bool) {
        let more = if element.attributes.is_empty() {
            0
        } else {
            MORE
        };
        self.bytes.push(OPEN_START | more);
        if in_template {
            self.u16(element.dependency);
        }
        let size = self.placeholder();
        self.name(&element.name);
        if !element.attributes.is_empty() {
            let list = self.placeholder();
            for (index, (name, content)) in element.attributes.iter().enumerate() {
                let more = if index + 1 < element.attributes.len() {
                    MORE
                } else {
                    0
                };
                self.bytes.push(ATTRIBUTE | more);
                self.name(name);
                self.content(content);
            }
            self.fill(list);
        }
        match &element.inside {
            Inside::Empty => self.bytes.push(CLOSE_EMPTY),
            Inside::Content(content) => {
                self.bytes.push(CLOSE_START);
                self.content(content);
                self.bytes.push(END_ELEMENT);
            }
            Inside::Children(children, content) => {
                self.bytes.push(CLOSE_START);
                for child in children {
                    self.element(child, in_template);
                }
                if let Some(content) = content {
                    self.content(content);
                }
                self.bytes.push(END_ELEMENT);
            }
        }
        self.fill(size);
    }

    fn content(&mut self, content: &Content) {
        match content {
            Content::Literal(text) => {
                self.bytes.extend_from_slice(&[VALUE_TEXT, TYPE_STRING]);
                self.u16(text.encode_utf16().count() as u16);
                self.utf16(text);
            }
            Content::Slot {
                number,
                declared,
                optional,
            } => {
                self.bytes.push(if *optional {
                    OPTIONAL_SUBSTITUTION
                } else {
                    SUBSTITUTION
                });
                self.u16(*number);
                self.bytes.push(*declared);
            }
        }
    }

    /// The offset of a name; the name itself follows when the chunk meets it for the first time.
    fn name(&mut self, name: &str) {
        if let Some(&offset) = self.names.get(name) {
            return self.u32(offset);
        }
        let offset = self.bytes.len() as u32 + 4;
        self.u32(offset);
        let hash = hash(name.encode_utf16());
        let bucket = (hash % 64) as usize;
        self.u32(self.name_heads[bucket]);
        self.name_heads[bucket] = offset;
        self.u16(hash as u16);
        self.u16(name.encode_utf16().count() as u16);
        self.utf16(name);
        self.u16(0);
        self.names.insert(name.into(), offset);
    }

    /// A forwarded event: the collector parsed XML text, so there is no template and no type.
    fn forwarded(&mut self, record: &Record) {
        self.bytes.extend_from_slice(&FRAGMENT);
        let event = forwarded_event(record);
        self.element(&event, false);
    }

    fn u16(&mut self, n: u16) {
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    fn u32(&mut self, n: u32) {
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    fn utf16(&mut self, text: &str) {
        text.encode_utf16().for_each(|unit| self.u16(unit));
    }

    /// A length to come: [`Body::fill`] writes the count of bytes that followed.
    fn placeholder(&mut self) -> usize {
        self.u32(0);
        self.bytes.len()
    }

    fn fill(&mut self, after: usize) {
        let size = (self.bytes.len() - after) as u32;
        self.bytes[after - 4..after].copy_from_slice(&size.to_le_bytes());
    }
}

/// The hash of names and of template GUIDs alike, over 16-bit units.
fn hash(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(0, |hash, unit| {
        hash.wrapping_mul(65599).wrapping_add(u32::from(unit))
    })
}

/// One value of a template instance.
enum Slot {
    /// A null; Windows keeps the room of the type that could stand there.
    Nothing(usize),
    System(Value),
    Data(Value),
    Nested {
        template: Element,
        values: Vec<Slot>,
        fragment: bool,
    },
}

#[derive(Clone)]
enum Content {
    Literal(String),
    Slot {
        number: u16,
        declared: u8,
        optional: bool,
    },
}

enum Inside {
    Empty,
    Content(Content),
    Children(Vec<Element>, Option<Content>),
}

struct Element {
    name: String,
    /// The value whose absence makes the whole element vanish; 0xffff for none.
    dependency: u16,
    attributes: Vec<(String, Content)>,
    inside: Inside,
}

impl Element {
    fn new(name: &str, inside: Inside) -> Element {
        Element {
            name: name.into(),
            dependency: 0xffff,
            attributes: Vec::new(),
            inside,
        }
    }

    fn text(name: &str, text: String) -> Element {
        let inside = if text.is_empty() {
            Inside::Empty
        } else {
            Inside::Content(Content::Literal(text))
        };
        Element::new(name, inside)
    }

    fn attribute(mut self, name: &str, content: Content) -> Element {
        self.attributes.push((name.into(), content));
        self
    }

    /// The identity of a template: the same content gives the same GUID.
    fn guid(&self) -> Guid {
        let mut description = Vec::new();
        self.describe(&mut description);
        let seed = |start| {
            description.iter().fold(start, |hash: u64, &b| {
                (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
            })
        };
        let mut guid = [0; 16];
        guid[..8].copy_from_slice(&seed(0xcbf2_9ce4_8422_2325).to_le_bytes());
        guid[8..].copy_from_slice(&seed(0x9ae1_6a3b_2f90_404f).to_le_bytes());
        Guid(guid)
    }

    fn describe(&self, out: &mut Vec<u8>) {
        let content = |content: &Content, out: &mut Vec<u8>| match content {
            Content::Literal(text) => {
                out.push(b'=');
                out.extend_from_slice(text.as_bytes());
            }
            Content::Slot {
                number,
                declared,
                optional,
            } => {
                out.extend_from_slice(&[b'%', *number as u8, *declared, u8::from(*optional)]);
            }
        };
        out.push(b'<');
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(&self.dependency.to_le_bytes());
        for (name, value) in &self.attributes {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            content(value, out);
        }
        match &self.inside {
            Inside::Empty => out.push(b'/'),
            Inside::Content(value) => content(value, out),
            Inside::Children(children, value) => {
                children.iter().for_each(|child| child.describe(out));
                value.iter().for_each(|value| content(value, out));
            }
        }
        out.push(b'>');
    }
}

/// The type byte of a kind, as declared in a template.
fn declared_type(kind: Kind) -> u8 {
    match kind {
        Kind::Pointer => 0x10,
        other => stored_type(other),
    }
}

fn stored_type(kind: Kind) -> u8 {
    match kind {
        Kind::Text => TYPE_STRING,
        Kind::Texts => TYPE_ARRAY | TYPE_STRING,
        Kind::U8 => 0x04,
        Kind::U16 => 0x06,
        Kind::U32 => 0x08,
        Kind::U64 => 0x0a,
        Kind::Bool => 0x0d,
        Kind::Binary => 0x0e,
        Kind::Guid => 0x0f,
        Kind::Pointer => 0x10,
        Kind::Time => 0x11,
        Kind::Sid => 0x13,
        Kind::Hex32 => 0x14,
        Kind::Hex64 => 0x15,
    }
}

fn literal(text: &str) -> Content {
    Content::Literal(text.into())
}

fn optional(number: u16, kind: Kind) -> Content {
    Content::Slot {
        number,
        declared: declared_type(kind),
        optional: true,
    }
}

/// The numbers of the values that every event has, in Windows' order.
mod slot {
    pub(super) const LEVEL: u16 = 0;
    pub(super) const OPCODE: u16 = 1;
    pub(super) const TASK: u16 = 2;
    pub(super) const EVENT_ID: u16 = 3;
    pub(super) const QUALIFIERS: u16 = 4;
    pub(super) const KEYWORDS: u16 = 5;
    pub(super) const TIME: u16 = 6;
    pub(super) const ACTIVITY: u16 = 7;
    pub(super) const PROCESS: u16 = 8;
    pub(super) const THREAD: u16 = 9;
    pub(super) const RECORD: u16 = 10;
    pub(super) const VERSION: u16 = 11;
    pub(super) const USER: u16 = 12;
    pub(super) const RELATED: u16 = 13;
    pub(super) const PROVIDER: u16 = 14;
    pub(super) const PROVIDER_GUID: u16 = 15;
    pub(super) const CHANNEL: u16 = 16;
    pub(super) const DATA: u16 = 17;
    /// Where the event log service keeps its own data.
    pub(super) const OWN_DATA: u16 = 19;
}

/// The event log service writes about itself with provider and channel as literals in the
/// template; everybody else's records leave both open.
fn by_event_log(record: &Record) -> bool {
    record.provider == super::events::EVENTLOG
}

/// The template of a whole event. The computer's name is a literal in it, so that a rename makes a new one.
fn event_template(record: &Record) -> Element {
    let valued = |name: &str, number, kind| {
        let mut element = Element::new(name, Inside::Content(optional(number, kind)));
        element.dependency = number;
        element
    };
    let own = by_event_log(record);
    let provider = Element::new("Provider", Inside::Empty);
    let renamed = |provider: Element| match &record.source_name {
        Some(name) => provider.attribute("EventSourceName", literal(name)),
        None => provider,
    };
    let (provider, channel) = if !own {
        (
            renamed(
                provider
                    .attribute("Name", optional(slot::PROVIDER, Kind::Text))
                    .attribute("Guid", optional(slot::PROVIDER_GUID, Kind::Guid)),
            ),
            valued("Channel", slot::CHANNEL, Kind::Text),
        )
    } else {
        let named = provider.attribute("Name", literal(&record.provider));
        let named = match &record.provider_guid {
            Some(guid) => named.attribute("Guid", literal(&Value::Guid(*guid).text())),
            None => named,
        };
        (named, Element::text("Channel", record.channel.clone()))
    };
    let mut system = vec![
        provider,
        valued("EventID", slot::EVENT_ID, Kind::U16)
            .attribute("Qualifiers", optional(slot::QUALIFIERS, Kind::U16)),
        valued("Version", slot::VERSION, Kind::U8),
        valued("Level", slot::LEVEL, Kind::U8),
        valued("Task", slot::TASK, Kind::U16),
        valued("Opcode", slot::OPCODE, Kind::U8),
        valued("Keywords", slot::KEYWORDS, Kind::Hex64),
        Element::new("TimeCreated", Inside::Empty)
            .attribute("SystemTime", optional(slot::TIME, Kind::Time)),
        valued("EventRecordID", slot::RECORD, Kind::U64),
        Element::new("Correlation", Inside::Empty)
            .attribute("ActivityID", optional(slot::ACTIVITY, Kind::Guid))
            .attribute("RelatedActivityID", optional(slot::RELATED, Kind::Guid)),
        Element::new("Execution", Inside::Empty)
            .attribute("ProcessID", optional(slot::PROCESS, Kind::U32))
            .attribute("ThreadID", optional(slot::THREAD, Kind::U32)),
        channel,
        Element::text("Computer", record.computer.clone()),
    ];
    if record.classic {
        system.retain(|element| {
            !matches!(
                element.name.as_str(),
                "Version" | "Opcode" | "Correlation" | "Execution"
            )
        });
    }
    system.push(
        Element::new("Security", Inside::Empty)
            .attribute("UserID", optional(slot::USER, Kind::Sid)),
    );
    let nested = |number| Content::Slot {
        number,
        declared: TYPE_BINXML,
        optional: true,
    };
    let mut children = vec![Element::new("System", Inside::Children(system, None))];
    let mut content = None;
    let mut dependency = 0xffff;
    match record.payload {
        Payload::EventData(_) | Payload::Classic(_) | Payload::ProcessingError(_) => {
            content = Some(nested(slot::DATA));
            dependency = slot::DATA;
        }
        Payload::UserData { .. } => {
            let number = if own { slot::OWN_DATA } else { slot::DATA };
            let mut data = Element::new("UserData", Inside::Content(nested(number)));
            data.dependency = number;
            children.push(data);
        }
    }
    let mut event = Element::new("Event", Inside::Children(children, content))
        .attribute("xmlns", literal(EVENT_NAMESPACE));
    event.dependency = dependency;
    event
}

fn event_values(number: u64, record: &Record) -> Vec<Slot> {
    let own = by_event_log(record);
    let or_nothing = |value: Option<Value>, room| {
        value.map_or(Slot::Nothing(if own { 0 } else { room }), Slot::System)
    };
    let modern = |value: Value, room| match record.classic {
        true => Slot::Nothing(room),
        false => Slot::System(value),
    };
    let mut values = vec![
        Slot::System(Value::U8(record.level)),
        modern(Value::U8(record.opcode), 1),
        Slot::System(Value::U16(record.task)),
        Slot::System(Value::U16(record.event_id)),
        or_nothing(record.qualifiers.map(Value::U16), 2),
        Slot::System(Value::Hex64(record.keywords)),
        Slot::System(Value::Time(record.time)),
        or_nothing(record.activity.map(Value::Guid), 16),
        modern(Value::U32(record.process_id), 4),
        modern(Value::U32(record.thread_id), 4),
        Slot::System(Value::U64(number)),
        modern(Value::U8(record.version), 1),
        or_nothing(record.user.clone().map(Value::Sid), 0),
        Slot::Nothing(0),
    ];
    if own {
        values.extend([Slot::Nothing(0), Slot::Nothing(0), Slot::Nothing(0)]);
    } else {
        values.push(Slot::System(Value::Text(record.provider.clone())));
        values.push(or_nothing(record.provider_guid.map(Value::Guid), 16));
        values.push(Slot::System(Value::Text(record.channel.clone())));
    }
    if own && matches!(record.payload, Payload::UserData { .. }) {
        values.extend([Slot::Nothing(0), Slot::Nothing(0)]);
    }
    let (template, fields) = payload_template(&record.payload);
    values.push(Slot::Nested {
        template,
        values: fields,
        fragment: own,
    });
    values
}

/// The template of the data alone, and its values.
fn payload_template(payload: &Payload) -> (Element, Vec<Slot>) {
    let slot = |index: usize, value: &Value| Content::Slot {
        number: index as u16,
        declared: value.kind().map_or(TYPE_STRING, declared_type),
        // libevtx refuses a null in a substitution that is not optional.
        optional: *value == Value::Null,
    };
    let fields = payload.fields();
    let values = fields
        .iter()
        .map(|field| Slot::Data(field.value.clone()))
        .collect();
    let template = match payload {
        Payload::EventData(fields) => {
            let data = fields.iter().enumerate().map(|(index, field)| {
                let data = Element::new("Data", Inside::Content(slot(index, &field.value)));
                match field.name.as_str() {
                    "" => data,
                    name => data.attribute("Name", literal(name)),
                }
            });
            Element::new("EventData", Inside::Children(data.collect(), None))
        }
        Payload::Classic(fields) => {
            let data = fields.iter().enumerate().map(|(index, field)| {
                let name = if field.name.is_empty() {
                    "Data"
                } else {
                    &field.name
                };
                Element::new(name, Inside::Content(slot(index, &field.value)))
            });
            Element::new("EventData", Inside::Children(data.collect(), None))
        }
        Payload::ProcessingError(fields) => {
            let data = fields.iter().enumerate().map(|(index, field)| {
                Element::new(&field.name, Inside::Content(slot(index, &field.value)))
            });
            Element::new(
                "ProcessingErrorData",
                Inside::Children(data.collect(), None),
            )
        }
        Payload::UserData {
            element,
            namespace,
            fields,
        } => {
            let data = fields.iter().enumerate().map(|(index, field)| {
                Element::new(&field.name, Inside::Content(slot(index, &field.value)))
            });
            let element = Element::new(element, Inside::Children(data.collect(), None));
            match namespace.as_str() {
                "" => element,
                namespace => element.attribute("xmlns", literal(namespace)),
            }
        }
    };
    (template, values)
}

/// The event as the collector received it: text throughout.
fn forwarded_event(record: &Record) -> Element {
    let mut correlation = Element::new("Correlation", Inside::Empty);
    if let Some(activity) = record.activity {
        correlation = correlation.attribute(
            "ActivityID",
            Content::Literal(Value::Guid(activity).forwarded_text()),
        );
    }
    let mut provider =
        Element::new("Provider", Inside::Empty).attribute("Name", literal(&record.provider));
    if let Some(guid) = record.provider_guid {
        provider = provider.attribute("Guid", Content::Literal(Value::Guid(guid).forwarded_text()));
    }
    if let Some(name) = &record.source_name {
        provider = provider.attribute("EventSourceName", literal(name));
    }
    let mut security = Element::new("Security", Inside::Empty);
    if let Some(user) = &record.user {
        security = security.attribute("UserID", Content::Literal(user.text()));
    }
    let mut event_id = Element::text("EventID", record.event_id.to_string());
    if let Some(qualifiers) = record.qualifiers {
        event_id = event_id.attribute("Qualifiers", Content::Literal(qualifiers.to_string()));
    }
    let mut system = vec![
        provider,
        event_id,
        Element::text("Version", record.version.to_string()),
        Element::text("Level", record.level.to_string()),
        Element::text("Task", record.task.to_string()),
        Element::text("Opcode", record.opcode.to_string()),
        Element::text("Keywords", Value::Hex64(record.keywords).text()),
        Element::new("TimeCreated", Inside::Empty).attribute(
            "SystemTime",
            Content::Literal(Value::Time(record.time).forwarded_text()),
        ),
        Element::text(
            "EventRecordID",
            record.source_number.unwrap_or_default().to_string(),
        ),
        correlation,
        Element::new("Execution", Inside::Empty)
            .attribute("ProcessID", Content::Literal(record.process_id.to_string()))
            .attribute("ThreadID", Content::Literal(record.thread_id.to_string())),
        Element::text("Channel", record.channel.clone()),
        Element::text("Computer", record.computer.clone()),
        security,
    ];
    if record.classic {
        system.retain(|element| {
            !matches!(
                element.name.as_str(),
                "Version" | "Opcode" | "Correlation" | "Execution"
            )
        });
    }
    let data = match &record.payload {
        Payload::EventData(fields) => Element::new(
            "EventData",
            Inside::Children(
                fields
                    .iter()
                    .map(|field| {
                        let data = Element::text("Data", field.value.forwarded_text());
                        match field.name.as_str() {
                            "" => data,
                            name => data.attribute("Name", literal(name)),
                        }
                    })
                    .collect(),
                None,
            ),
        ),
        Payload::Classic(fields) => {
            let texts = |field: &Field| match &field.value {
                Value::Texts(texts) => texts.clone(),
                value => vec![value.forwarded_text()],
            };
            let data = |field: &Field| {
                let name = if field.name.is_empty() {
                    "Data"
                } else {
                    &field.name
                };
                let texts = texts(field).into_iter();
                texts
                    .map(|text| Element::text(name, text))
                    .collect::<Vec<_>>()
            };
            let data = fields.iter().flat_map(data).collect();
            Element::new("EventData", Inside::Children(data, None))
        }
        Payload::ProcessingError(fields) => {
            let data = fields
                .iter()
                .map(|field| Element::text(&field.name, field.value.forwarded_text()))
                .collect();
            Element::new("ProcessingErrorData", Inside::Children(data, None))
        }
        Payload::UserData {
            element,
            namespace,
            fields,
        } => {
            let inner = fields
                .iter()
                .map(|field| Element::text(&field.name, field.value.forwarded_text()))
                .collect();
            let mut inner = Element::new(element, Inside::Children(inner, None));
            if !namespace.is_empty() {
                inner = inner.attribute("xmlns", literal(namespace));
            }
            Element::new("UserData", Inside::Children(vec![inner], None))
        }
    };
    Element::new(
        "Event",
        Inside::Children(
            vec![Element::new("System", Inside::Children(system, None)), data],
            None,
        ),
    )
    .attribute("xmlns", literal(EVENT_NAMESPACE))
}
