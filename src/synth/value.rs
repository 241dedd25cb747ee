//! Typed values as they stand in an event, their binary form and their text.
//!
//! In: what a scenario or the story of a machine says. Out: the bytes of a BinXml value
//! (\[MS-EVEN6\] 2.2.12, libevtx's list of value types) and the text that Windows shows for it.

use std::fmt::Write as _;

/// One value of an event field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    /// Several texts as one value: the strings of a classic event.
    Texts(Vec<String>),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    Bool(bool),
    Binary(Vec<u8>),
    Guid(Guid),
    Time(u64),
    Sid(Sid),
    Hex32(u32),
    Hex64(u64),
    /// Declared `win:Pointer` in the manifest, stored as a 64-bit hexadecimal number.
    Pointer(u64),
}

/// The type of a field in a manifest, by which text from a scenario becomes a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    U8,
    U16,
    U32,
    U64,
    Bool,
    Binary,
    Guid,
    Time,
    Sid,
    Hex32,
    Hex64,
    Pointer,
}

impl Kind {
    const NAMES: [(&'static str, Kind); 14] = [
        ("string", Kind::Text),
        ("strings", Kind::Texts),
        ("u8", Kind::U8),
        ("u16", Kind::U16),
        ("u32", Kind::U32),
        ("u64", Kind::U64),
        ("bool", Kind::Bool),
        ("binary", Kind::Binary),
        ("guid", Kind::Guid),
        ("time", Kind::Time),
        ("sid", Kind::Sid),
        ("hex32", Kind::Hex32),
        ("hex64", Kind::Hex64),
        ("pointer", Kind::Pointer),
    ];

    /// The kind that a scenario names (`type = "hex64"`).
    pub(super) fn named(name: &str) -> Option<Kind> {
        Kind::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }

    /// The name of the kind in scenarios.
    pub(super) fn name(self) -> &'static str {
        Kind::NAMES
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(name, _)| name)
    }

    /// What Windows writes where it has nothing to say.
    pub(super) fn nothing(self) -> Value {
        match self {
            Kind::Text => Value::Text("-".into()),
            Kind::Texts => Value::Texts(Vec::new()),
            Kind::U8 => Value::U8(0),
            Kind::U16 => Value::U16(0),
            Kind::U32 => Value::U32(0),
            Kind::U64 => Value::U64(0),
            Kind::Bool => Value::Bool(false),
            Kind::Binary => Value::Binary(Vec::new()),
            Kind::Guid => Value::Guid(Guid::ZERO),
            Kind::Time => Value::Time(0),
            Kind::Sid => Value::Sid(Sid::nobody()),
            Kind::Hex32 => Value::Hex32(0),
            Kind::Hex64 => Value::Hex64(0),
            Kind::Pointer => Value::Pointer(0),
        }
    }

    /// Reads the text that a scenario gives for a field of this kind.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        let fault = |what: &str| format!("`{text}` is not {what}");
        Ok(match self {
            Kind::Text => Value::Text(text.into()),
            Kind::Texts => Value::Texts(text.split('\n').map(str::to_string).collect()),
            Kind::U8 => Value::U8(narrow(text).ok_or_else(|| fault("a number 0 to 255"))?),
            Kind::U16 => Value::U16(narrow(text).ok_or_else(|| fault("a 16-bit number"))?),
            Kind::U32 => Value::U32(narrow(text).ok_or_else(|| fault("a 32-bit number"))?),
            Kind::U64 => Value::U64(number(text).ok_or_else(|| fault("a 64-bit number"))?),
            Kind::Hex32 => Value::Hex32(narrow(text).ok_or_else(|| fault("a 32-bit number"))?),
            Kind::Hex64 => Value::Hex64(number(text).ok_or_else(|| fault("a 64-bit number"))?),
            Kind::Pointer => Value::Pointer(number(text).ok_or_else(|| fault("a 64-bit number"))?),
            Kind::Bool => Value::Bool(match text {
                "true" => true,
                "false" => false,
                _ => return Err(fault("true or false")),
            }),
            Kind::Binary => {
                Value::Binary(hex_bytes(text).ok_or_else(|| fault("hex digits in pairs"))?)
            }
            Kind::Guid => Value::Guid(
                Guid::parse(text)
                    .ok_or_else(|| fault("a GUID like {54849625-5478-4994-a5ba-3e3b0328c30d}"))?,
            ),
            Kind::Time => Value::Time(
                super::time::parse(text)
                    .ok_or_else(|| fault("a time like 2024-03-04T08:00:00.1234567Z"))?,
            ),
            Kind::Sid => {
                Value::Sid(Sid::parse(text).ok_or_else(|| fault("a SID like S-1-5-21-1-2-3-1001"))?)
            }
        })
    }
}

impl Value {
    /// The manifest's kind of this value; `None` for a null.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Value::Null => return None,
            Value::Text(_) => Kind::Text,
            Value::Texts(_) => Kind::Texts,
            Value::U8(_) => Kind::U8,
            Value::U16(_) => Kind::U16,
            Value::U32(_) => Kind::U32,
            Value::U64(_) => Kind::U64,
            Value::Bool(_) => Kind::Bool,
            Value::Binary(_) => Kind::Binary,
            Value::Guid(_) => Kind::Guid,
            Value::Time(_) => Kind::Time,
            Value::Sid(_) => Kind::Sid,
            Value::Hex32(_) => Kind::Hex32,
            Value::Hex64(_) => Kind::Hex64,
            Value::Pointer(_) => Kind::Pointer,
        })
    }

    /// The text that Windows shows: SIDs as `S-1-...`, GUIDs in braces and lower case, hexadecimal
    /// numbers without leading zeros, times in UTC with seven digits.
    pub(super) fn text(&self) -> String {
        match self {
            Value::Null => String::new(),
            Value::Text(text) => text.clone(),
            Value::Texts(texts) => texts.join("\n"),
            Value::U8(n) => n.to_string(),
            Value::U16(n) => n.to_string(),
            Value::U32(n) => n.to_string(),
            Value::U64(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::Binary(bytes) => bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02X}");
                text
            }),
            Value::Guid(guid) => guid.text(),
            Value::Time(ticks) => super::time::format(*ticks),
            Value::Sid(sid) => sid.text(),
            Value::Hex32(n) => format!("{n:#x}"),
            Value::Hex64(n) | Value::Pointer(n) => format!("{n:#x}"),
        }
    }

    /// The text in a forwarded log: as [`Value::text`], but GUIDs in capitals and nine digits of time.
    pub(super) fn forwarded_text(&self) -> String {
        match self {
            Value::Guid(guid) => guid.text().to_uppercase(),
            Value::Time(ticks) => super::time::format_nine(*ticks),
            other => other.text(),
        }
    }
}

/// Decimal or `0x` hexadecimal.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn narrow<N: TryFrom<u64>>(text: &str) -> Option<N> {
    N::try_from(number(text)?).ok()
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(
        digits
            .chunks(2)
            .map(|pair| (pair[0] << 4 | pair[1]) as u8)
            .collect(),
    )
}

/// A GUID in its on-disk form: the first three parts little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Guid(pub(super) [u8; 16]);

impl Guid {
    pub(super) const ZERO: Guid = Guid([0; 16]);

    pub(super) fn parse(text: &str) -> Option<Guid> {
        let text = text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .unwrap_or(text);
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        if lengths != [8, 4, 4, 4, 12] {
            return None;
        }
        let mut bytes: [u8; 16] = hex_bytes(&text.replace('-', ""))?.try_into().ok()?;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        Some(Guid(bytes))
    }

    fn text(self) -> String {
        let b = self.0;
        let mut text = String::from("{");
        for (place, index) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
            .into_iter()
            .enumerate()
        {
            if matches!(place, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            let _ = write!(text, "{:02x}", b[index]);
        }
        text.push('}');
        text
    }
}

/// A security identifier (\[MS-DTYP\] 2.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    /// S-1-0-0, which Windows writes for "no account".
    pub(super) fn nobody() -> Sid {
        Sid {
            authority: 0,
            parts: vec![0],
        }
    }

    /// S-1-5-18 and its neighbours.
    pub(super) fn nt(parts: &[u32]) -> Sid {
        Sid {
            authority: 5,
            parts: parts.to_vec(),
        }
    }

    /// This SID with one more sub-authority.
    pub(super) fn with(&self, rid: u32) -> Sid {
        let mut sid = self.clone();
        sid.parts.push(rid);
        sid
    }

    pub(super) fn parse(text: &str) -> Option<Sid> {
        let mut parts = text.strip_prefix("S-1-")?.split('-');
        let authority = number(parts.next()?).filter(|&n| n < 1 << 48)?;
        let parts: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
        (parts.len() <= 15).then_some(Sid { authority, parts })
    }

    pub(super) fn text(&self) -> String {
        self.parts
            .iter()
            .fold(format!("S-1-{}", self.authority), |mut text, part| {
                let _ = write!(text, "-{part}");
                text
            })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1, self.parts.len() as u8];
        bytes.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        for part in &self.parts {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_has_its_text_and_its_bytes() {
        let sid = Sid::parse("S-1-5-32-544").unwrap();
        assert_eq!(
            sid.bytes(),
            [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]
        );
        assert_eq!(sid.text(), "S-1-5-32-544");
        assert_eq!(Sid::parse("S-1-5-x"), None);
        assert_eq!(Sid::parse("S-2-5-1"), None);
    }

    #[test]
    fn a_guid_stores_its_first_parts_little_endian() {
        let text = "{54849625-5478-4994-a5ba-3e3b0328c30d}";
        let guid = Guid::parse(text).unwrap();
        assert_eq!(
            guid.0[..8],
            [0x25, 0x96, 0x84, 0x54, 0x78, 0x54, 0x94, 0x49]
        );
        assert_eq!(guid.text(), text);
        assert_eq!(Guid::parse("{54849625}"), None);
    }
}
