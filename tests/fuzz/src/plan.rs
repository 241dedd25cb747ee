//! Any template and any values, in a chunk that is right otherwise: both decoders must read the same.
//!
//! The bytes tell which elements, attributes, texts and substitutions the template has and of which types the values are.

use super::compare::{CHUNK, compare};
use super::evidence::log_of;
use super::take::Take;
use std::collections::BTreeMap;
use winsessions::evidence::Content;
use winsessions::log::Reader;

const NAMES: [&str; 32] = [
    "Event",
    "System",
    "Provider",
    "Name",
    "EventID",
    "Version",
    "TimeCreated",
    "SystemTime",
    "EventRecordID",
    "Correlation",
    "ActivityID",
    "Execution",
    "ProcessID",
    "Channel",
    "Computer",
    "Security",
    "UserID",
    "EventData",
    "UserData",
    "Data",
    "ProcessingErrorData",
    "Qualifiers",
    "x",
    "SubjectLogonId",
    "Binary",
    "xmlns",
    "TargetUserName",
    "Level",
    "Guid",
    "ThreadID",
    "",
    "n\"",
];

const TYPES: [u8; 28] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x21, 0x81, 0x82, 0x8f, 0x94, 0x20,
];

/// What the records of the chunk begin at.
const START: usize = 512;

struct Writer<'b> {
    take: Take<'b>,
    /// The records so far.
    out: Vec<u8>,
    /// Where in the chunk each name lies.
    names: BTreeMap<&'static str, u32>,
    /// The definitions so far: where they begin in the chunk.
    definitions: Vec<u32>,
}

/// A template and values by these bytes: both decoders read the same.
pub fn plan(bytes: &[u8]) {
    let mut writer = Writer {
        take: Take(bytes),
        out: Vec::new(),
        names: BTreeMap::new(),
        definitions: Vec::new(),
    };
    for number in 1..=8 {
        if writer.take.is_done() {
            break;
        }
        writer.record(number);
    }
    if writer.out.len() <= CHUNK - START {
        let content = Content::Memory(log_of(&[&writer.out]));
        compare(&content, &mut Reader::default(), "a template");
    }
}

impl Writer<'_> {
    fn here(&self) -> u32 {
        (START + self.out.len()) as u32
    }

    fn u16(&mut self, number: u16) {
        self.out.extend(number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.out.extend(number.to_le_bytes());
    }

    fn record(&mut self, number: u64) {
        let start = self.out.len();
        self.out.extend(b"**\0\0");
        self.u32(0);
        self.out.extend(number.to_le_bytes());
        self.out.extend(133_500_000_000_000_000_u64.to_le_bytes());
        self.instance(0);
        let size = (self.out.len() + 4 - start) as u32;
        self.u32(size);
        self.out[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
    }

    /// A fragment that is an instance of a template, a new one or one before.
    fn instance(&mut self, depth: usize) {
        self.out.extend([0x0f, 1, 1, 0, 0x0c, 1]);
        let how = self.take.u8();
        let known = self.definitions.get(usize::from(how >> 4)).copied();
        match known.filter(|_| how & 1 == 1) {
            Some(at) => {
                let guid = at as usize - START + 4;
                let id = self.out.get(guid..guid + 4).unwrap_or(&[0; 4]).to_vec();
                self.out.extend(id);
                self.u32(at);
            }
            None => self.definition(how),
        }
        self.values(depth);
        if how & 8 == 0 {
            self.out.push(0);
        }
    }

    fn definition(&mut self, how: u8) {
        let number = self.definitions.len() as u32;
        self.u32(number);
        self.u32(self.here() + 4);
        self.definitions.push(self.here());
        self.u32(0);
        self.u32(number);
        self.out.extend([how & 2; 12]);
        let size_at = self.out.len();
        self.u32(0);
        self.out.extend([0x0f, 1, 1, 0]);
        // Most events have a System that can be told.
        if how & 2 == 0 {
            self.frequent();
        } else {
            self.tokens();
        }
        self.out.push(0);
        let size = (self.out.len() - size_at - 4) as u32;
        self.out[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
    }

    /// An event as Windows has it, with anything in place of its fields.
    fn frequent(&mut self) {
        self.open("Event", false, 0xffff);
        self.out.push(0x02);
        self.open("System", false, 0xffff);
        self.out.push(0x02);
        let values: [(&str, Option<&str>, u8); 8] = [
            ("Provider", Some("Name"), 0x01),
            ("EventID", None, 0x06),
            ("TimeCreated", Some("SystemTime"), 0x11),
            ("EventRecordID", None, 0x0a),
            ("Execution", Some("ProcessID"), 0x08),
            ("Channel", None, 0x01),
            ("Computer", None, 0x01),
            ("Security", Some("UserID"), 0x13),
        ];
        for (index, (element, attribute, kind)) in (0..).zip(values) {
            let left_out = self.take.u8();
            if left_out == 0xff {
                continue;
            }
            let dependency = if left_out & 0xc0 == 0x40 {
                index
            } else {
                0xffff
            };
            self.open(element, attribute.is_some(), dependency);
            if let Some(attribute) = attribute {
                self.attribute(attribute, false);
            } else {
                self.out.push(0x02);
            }
            let (index, kind) = match left_out & 0x0f {
                0x0f => (u16::from(self.take.u8() % 24), self.take.one_of(&TYPES)),
                _ => (index, kind),
            };
            self.substitution(0x0d + (left_out >> 5 & 1), index, kind);
            self.out.push(if attribute.is_some() { 0x03 } else { 0x04 });
        }
        self.out.push(0x04);
        self.tokens();
        self.out.push(0x04);
    }

    fn open(&mut self, name: &'static str, attributes: bool, dependency: u16) {
        self.out.push(if attributes { 0x41 } else { 0x01 });
        self.u16(dependency);
        self.u32(0);
        self.name(name);
        if attributes {
            self.u32(0);
        }
    }

    fn attribute(&mut self, name: &'static str, more: bool) {
        self.out.push(if more { 0x46 } else { 0x06 });
        self.name(name);
    }

    fn substitution(&mut self, token: u8, index: u16, kind: u8) {
        self.out.push(token);
        self.u16(index);
        self.out.push(kind);
    }

    fn name(&mut self, name: &'static str) {
        let known = self.names.get(name).copied();
        let at = known.unwrap_or(self.here() + 4);
        self.u32(at);
        if known.is_none() {
            self.names.insert(name, at);
            self.u32(0);
            self.u16(0);
            self.text(name);
            self.u16(0);
        }
    }

    fn text(&mut self, text: &str) {
        self.u16(text.encode_utf16().count() as u16);
        self.out
            .extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    }

    /// Elements and what is in them; what is still open at the end is closed, as a rule.
    fn tokens(&mut self) {
        let mut open = 0_u32;
        let mut in_start = false;
        for _ in 0..64 {
            let token = self.take.u8();
            // What cannot stand here is left out, but for one in four.
            let any = token & 0x30 == 0x30;
            match token & 0x0f {
                0 if open == 0 || any => break,
                0..=2 if !in_start || any => {
                    let name = self.take.one_of(&NAMES);
                    let dependency = match token >> 6 {
                        3 => u16::from(self.take.u8() % 24),
                        _ => 0xffff,
                    };
                    in_start = token & 0x40 > 0;
                    self.open(name, in_start, dependency);
                    open += 1;
                    if !in_start {
                        self.out.push(0x02);
                    }
                }
                3 if in_start || any => {
                    self.out.push(0x02);
                    in_start = false;
                }
                4 if in_start || any => {
                    self.out.push(0x03);
                    in_start = false;
                    open = open.saturating_sub(1);
                }
                5 | 6 if (!in_start && open > 0) || any => {
                    self.out.push(0x04);
                    open = open.saturating_sub(1);
                }
                7 | 8 if in_start || any => {
                    let name = self.take.one_of(&NAMES);
                    self.attribute(name, token & 0x40 > 0);
                    let index = u16::from(self.take.u8() % 24);
                    match token >> 7 {
                        0 => self.literal(),
                        _ => self.substitution(0x0d, index, 0x01),
                    }
                }
                9 if open > 0 => self.literal(),
                10..=13 if open > 0 => {
                    let index = u16::from(self.take.u8() % 24);
                    let kind = self.take.one_of(&TYPES);
                    self.substitution(0x0d + (token >> 7), index, kind);
                }
                14 if any => {
                    let byte = self.take.u8();
                    self.out.push(byte);
                }
                _ => {}
            }
        }
        if in_start {
            self.out.push(0x03);
            open = open.saturating_sub(1);
        }
        self.out
            .extend(std::iter::repeat_n(0x04, open.min(64) as usize));
    }

    fn literal(&mut self) {
        self.out.extend([0x05, 0x01]);
        let texts = ["", "a", "Data", "4624", "a\0b", " b ", "%%1842"];
        let text = self.take.one_of(&texts);
        self.text(text);
    }

    /// The array of sizes and types, and the values.
    fn values(&mut self, depth: usize) {
        let count = usize::from(self.take.u8() % 32);
        let claimed = match self.take.u8() {
            0xff => self.take.u32(),
            _ => count as u32,
        };
        self.u32(claimed);
        let array = self.out.len();
        self.out.resize(array + 4 * count, 0);
        for value in 0..count {
            let before = self.out.len();
            let kind = self.value(value, depth);
            let size = (self.out.len() - before) as u16;
            let size = match kind {
                (_, true) => self.take.u16(),
                _ => size,
            };
            let [low, high] = size.to_le_bytes();
            let entry = array + 4 * value;
            self.out[entry..entry + 4].copy_from_slice(&[low, high, kind.0, 0]);
        }
    }

    /// Writes a value; its type, and whether its size is told wrong.
    fn value(&mut self, place: usize, depth: usize) -> (u8, bool) {
        let how = self.take.u8();
        let usual = [0x01, 0x06, 0x11, 0x0a, 0x08, 0x01, 0x01, 0x13];
        let kind = match (usual.get(place), how & 0x80) {
            (Some(kind), 0) => *kind,
            _ => self.take.one_of(&TYPES),
        };
        let size = match kind {
            0x00 => 0,
            0x01 | 0x02 | 0x0e | 0x81 | 0x82 => usize::from(how & 0x1f),
            0x03 | 0x04 => 1,
            0x05 | 0x06 => 2,
            0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
            0x0f | 0x12 | 0x8f => 16,
            0x13 => {
                let count = how & 7;
                self.out.extend([1, count, 0, 0, 0, 0, 0, 5]);
                4 * usize::from(count)
            }
            0x21 if depth < 3 => {
                self.instance(depth + 1);
                0
            }
            _ => 8,
        };
        if matches!(kind, 0x01 | 0x81) {
            let bytes = self.take.bytes(size).to_vec();
            self.out.extend(bytes.iter().flat_map(|byte| [*byte, 0]));
        } else {
            let bytes = self.take.bytes(size);
            self.out.extend(bytes);
            self.out.extend(std::iter::repeat_n(0, size - bytes.len()));
        }
        (kind, how & 0x60 == 0x60)
    }
}
