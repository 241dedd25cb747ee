//! Values of fields: how they lie in a chunk, and what they say.
//!
//! Sources: \[MS-EVEN6\] 2.2.12 for the types, \[MS-DTYP\] for SID, GUID, FILETIME and SYSTEMTIME.

use super::bytes::{Extent, array, u16_at, u32_at, u64_at};
use crate::guid::Guid;
use crate::time::Time;
use std::borrow::Cow;
use std::fmt::Write;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A text, or a value whose text form says all: a time, bytes in hex, a truth value, a negative number.
    Text(Cow<'a, str>),
    /// A text as UTF-16, not empty, without padding.
    Utf16(&'a [u8]),
    /// A number.
    Number(u64),
    /// A number that is written in hex.
    Hex(u64),
    /// A SID.
    Sid(&'a [u8]),
    /// A GUID.
    Guid([u8; 16]),
    /// A FILETIME.
    FileTime(u64),
}

impl<'a> Value<'a> {
    /// A value that was written as nothing.
    pub(super) const EMPTY: Value<'static> = Value::Text(Cow::Borrowed(""));

    /// The text form, as Windows shows it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Utf16(units) => decode(units).into(),
            Value::Number(number) => number.to_string().into(),
            Value::Hex(number) => format!("{number:#x}").into(),
            Value::Sid(bytes) => sid_text(bytes).into(),
            Value::Guid(guid) => Guid::stored(*guid).to_string().into(),
            Value::FileTime(ticks) => filetime_text(*ticks).into(),
        }
    }

    /// The text form, borrowed from the record where it can be.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Value::Text(text) => text,
            other => Cow::Owned(other.text().into_owned()),
        }
    }

    /// A number, also one that is written as text in decimal or as `0x` hex.
    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) | Value::Hex(number) => Some(*number),
            Value::Sid(_) | Value::Guid(_) | Value::FileTime(_) => None,
            Value::Text(text) => number_in(text),
            Value::Utf16(units) => decimal(units).or_else(|| {
                let mut digits = [0; MOST_DIGITS];
                match ascii(units, &mut digits) {
                    Some(digits) => number_in(digits),
                    None => number_in(&decode(units)),
                }
            }),
        }
    }

    /// A text's UTF-16, where it is stored so: the same bytes say the same.
    pub fn units(&self) -> Option<&'a [u8]> {
        match self {
            Value::Utf16(units) => Some(units),
            _ => None,
        }
    }

    /// Whether it says exactly this.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Value::Utf16(units) => {
                let units = units.as_chunks().0.iter();
                units
                    .map(|unit| u16::from_le_bytes(*unit))
                    .eq(text.encode_utf16())
            }
            _ => self.text() == text,
        }
    }

    /// A time, also one that is written as text.
    pub fn time(&self) -> Option<Time> {
        match self {
            Value::FileTime(ticks) if *ticks < YEAR_10000 => Some(Time::from_filetime(*ticks)),
            Value::Number(_) => None,
            other => other.time_in_text(),
        }
    }

    #[inline(never)]
    fn time_in_text(&self) -> Option<Time> {
        up_to_nul(&self.text()).parse().ok()
    }

    /// Whether it is stored as a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Number(_))
    }
}

/// The number that a text of nothing but digits is, if any number of as many is one.
fn decimal(units: &[u8]) -> Option<u64> {
    let units = units.as_chunks().0;
    let digit = |number: u64, unit: &[u8; 2]| match unit {
        [digit @ b'0'..=b'9', 0] => Some(10 * number + u64::from(digit - b'0')),
        _ => None,
    };
    let is_short = !units.is_empty() && units.len() < 20;
    is_short.then(|| units.iter().try_fold(0, digit))?
}

/// The longest text that is read as a number without a copy: the digits of any number and some blanks.
const MOST_DIGITS: usize = 64;

/// UTF-16 as ASCII, if it is that and fits.
fn ascii<'d>(units: &[u8], digits: &'d mut [u8; MOST_DIGITS]) -> Option<&'d str> {
    let units = units.as_chunks().0;
    let digits = digits.get_mut(..units.len())?;
    for (digit, unit) in digits.iter_mut().zip(units) {
        match unit {
            [byte, 0] if byte.is_ascii() => *digit = *byte,
            _ => return None,
        }
    }
    std::str::from_utf8(digits).ok()
}

fn number_in(text: &str) -> Option<u64> {
    let text = up_to_nul(text).trim();
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What of a text is read as a number or a time: it ends where Windows' own texts do.
fn up_to_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// The types of substitutions, by their bytes.
pub(super) mod kind {
    pub(in crate::log) const NULL: u8 = 0x00;
    pub(in crate::log) const STRING: u8 = 0x01;
    pub(super) const ANSI_STRING: u8 = 0x02;
    pub(super) const INT8: u8 = 0x03;
    pub(super) const UINT8: u8 = 0x04;
    pub(super) const INT16: u8 = 0x05;
    pub(super) const UINT16: u8 = 0x06;
    pub(super) const INT32: u8 = 0x07;
    pub(super) const UINT32: u8 = 0x08;
    pub(super) const INT64: u8 = 0x09;
    pub(super) const UINT64: u8 = 0x0a;
    pub(super) const BOOL: u8 = 0x0d;
    pub(super) const BINARY: u8 = 0x0e;
    pub(super) const GUID: u8 = 0x0f;
    pub(super) const SIZE: u8 = 0x10;
    pub(in crate::log) const FILETIME: u8 = 0x11;
    pub(super) const SYSTEMTIME: u8 = 0x12;
    pub(super) const SID: u8 = 0x13;
    pub(super) const HEX32: u8 = 0x14;
    pub(super) const HEX64: u8 = 0x15;
    pub(in crate::log) const BINXML: u8 = 0x21;
    pub(super) const STRING_LIST: u8 = 0x81;
}

/// A value as it stands in the log: equal ones say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Raw<'r> {
    /// The byte of its type.
    pub kind: u8,
    /// Its bytes, padding included.
    pub bytes: &'r [u8],
}

/// Where a value lies behind the array of sizes and types, and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Substitution {
    at: u32,
    size: u16,
    pub kind: u8,
}

impl Substitution {
    /// How many bytes behind the array it begins.
    pub(super) fn at(self) -> u32 {
        self.at
    }

    /// The first byte behind it.
    pub(super) fn end(self) -> u32 {
        self.at + u32::from(self.size)
    }

    pub(super) fn is_null(self) -> bool {
        self.kind == kind::NULL
    }

    /// Which of eight bytes that begin where it does are its own, if it is a number without a sign; else none.
    pub(super) fn mask(self) -> u64 {
        match self.kind {
            kind::UINT8 => 0xff,
            kind::UINT16 => 0xffff,
            kind::UINT32 => 0xffff_ffff,
            kind::UINT64 | kind::HEX64 => u64::MAX,
            _ => 0,
        }
    }

    /// Whether it is a part of a record.
    pub(super) fn is_fragment(self) -> bool {
        self.kind == kind::BINXML && self.size > 0
    }

    /// Whether nothing stands where a part of a record could.
    pub(super) fn is_nothing(self) -> bool {
        self.is_null() || self.kind == kind::BINXML && self.size == 0
    }

    /// Where in the chunk it lies, if `values` do so.
    pub(super) fn extent(self, values: Extent) -> Extent {
        Extent {
            start: values.start + self.at,
            end: values.start + self.end(),
        }
    }
}

/// The sizes that values of a type may have: those that, of the bits in `mask`, have exactly `bits`.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
struct Sizes {
    mask: u16,
    bits: u16,
    /// Whether more has to be looked at.
    more: bool,
}

impl Sizes {
    const ANY: Self = Sizes::of(0, 0);
    const EVEN: Self = Sizes::of(1, 0);
    /// There is no rule here for the type: floating point numbers and lists of others than texts are left to the `evtx`
    /// crate.
    const NONE: Self = Sizes::of(0, 1);

    const fn of(mask: u16, bits: u16) -> Self {
        let more = false;
        Sizes { mask, bits, more }
    }

    const fn exactly(size: u16) -> Self {
        Sizes::of(u16::MAX, size)
    }

    const fn and_more(self) -> Self {
        Sizes { more: true, ..self }
    }

    /// The sizes of values of a type.
    const fn of_type(kind: u8) -> Self {
        match kind {
            kind::NULL | kind::ANSI_STRING | kind::BINARY => Sizes::ANY,
            kind::STRING => Sizes::EVEN,
            kind::INT8 | kind::UINT8 => Sizes::exactly(1),
            kind::INT16 | kind::UINT16 => Sizes::exactly(2),
            kind::INT32 | kind::UINT32 | kind::BOOL | kind::HEX32 => Sizes::exactly(4),
            kind::INT64 | kind::UINT64 | kind::FILETIME | kind::HEX64 => Sizes::exactly(8),
            kind::GUID | kind::SYSTEMTIME => Sizes::exactly(16),
            kind::SIZE | kind::SID | kind::BINXML => Sizes::ANY.and_more(),
            kind::STRING_LIST => Sizes::EVEN.and_more(),
            _ => Sizes::NONE,
        }
    }
}

/// The sizes of values of each type.
#[expect(clippy::indexing_slicing, reason = "the compiler computes it")]
static SIZES: [Sizes; 256] = {
    let mut sizes = [Sizes::NONE; 256];
    let mut kind = 0;
    while kind < 256 {
        sizes[kind] = Sizes::of_type(kind as u8);
        kind += 1;
    }
    sizes
};

/// Which words mean values of the same type: those that, of the bits in `mask`, have exactly `bits`, and say at least a size.
#[derive(Debug, Clone, Copy)]
struct Rule {
    mask: u32,
    bits: u32,
    least: u16,
}

impl Rule {
    /// The rule for words that mean the like of one. A fragment that is empty is not like one that is not.
    fn of([low, high, kind, _]: [u8; 4]) -> Self {
        let is_fragment = kind == kind::BINXML && [low, high] != [0, 0];
        let mask = match kind {
            kind::SIZE => u16::MAX,
            kind::BINXML if !is_fragment => u16::MAX,
            _ => SIZES.get(usize::from(kind)).unwrap_or(&Sizes::NONE).mask,
        };
        let [a, b] = mask.to_le_bytes();
        let mask = u32::from_le_bytes([a, b, u8::MAX, 0]);
        Rule {
            mask,
            bits: u32::from_le_bytes([low, high, kind, 0]) & mask,
            least: u16::from(is_fragment),
        }
    }

    /// The size that such a word says.
    fn size(self, word: [u8; 4]) -> Option<u16> {
        let word = u32::from_le_bytes(word);
        let size = word as u16;
        (word & self.mask == self.bits && size >= self.least).then_some(size)
    }
}

/// The most values of an instance that are read here: arrays are kept to compare the next with.
const MOST_VALUES: usize = 1024;

/// The array of sizes and types that an instance begins with, as it was read last. Of the next one only what differs is
/// read: most values have one size.
#[derive(Debug, Default)]
pub(super) struct Array {
    /// The array as it stands in the log.
    words: Vec<[u8; 4]>,
    /// What each of its words means.
    all: Vec<Substitution>,
    /// Which words in their places would mean values of the same types.
    rules: Vec<Rule>,
    /// Which of the values are fragments.
    fragments: Vec<usize>,
    /// Which of them are lists of texts.
    lists: Vec<usize>,
    /// Which of them are SIDs, whose sizes are told by their bytes too.
    sids: Vec<usize>,
    stayed: Stayed,
}

/// What of an array has stayed as it was since that was asked last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stayed {
    /// How many values have their places, sizes and types.
    pub places: usize,
    /// Whether all have their types, and no fragment was empty that is none now, or the other way round.
    pub types: bool,
}

impl Array {
    /// Reads the array at `at`. `None` unless all values lie before `end` and have the sizes of their types.
    #[inline(always)]
    pub(super) fn read(&mut self, chunk: &[u8], at: usize, end: usize) -> Option<Extent> {
        let (count, rest) = chunk.get(at..end)?.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        if count > MOST_VALUES {
            return None;
        }
        let (words, values) = rest.split_at_checked(count.checked_mul(4)?)?;
        let words = words.as_chunks().0;
        if !self.is_of(words) {
            self.change(words, values)?;
        }
        for &at in &self.sids {
            let sid = self.all.get(at)?;
            if !is_sid(values, sid.at, sid.size) {
                return None;
            }
        }
        let size = self.all.last().map_or(0, |value| value.end());
        let start = (end - values.len()) as u32;
        (size as usize <= values.len()).then_some(Extent {
            start,
            end: start + size,
        })
    }

    /// Whether the array is of these words, or now is since only the last size is another: that of the part with the fields, as a
    /// rule.
    #[inline(always)]
    fn is_of(&mut self, words: &[[u8; 4]]) -> bool {
        let (Some((new, words)), Some((last, known))) =
            (words.split_last(), self.words.split_last_mut())
        else {
            return false;
        };
        if words.as_flattened() != known.as_flattened() {
            return false;
        }
        if new == last {
            return true;
        }
        let size = self.rules.last().and_then(|rule| rule.size(*new));
        let (Some(value), Some(size)) = (self.all.last_mut(), size) else {
            return false;
        };
        (*last, value.size) = (*new, size);
        self.stayed.places = self.stayed.places.min(words.len());
        true
    }

    /// Takes over the sizes of values up to one that has another type, and what is behind anew.
    #[inline(never)]
    fn change(&mut self, words: &[[u8; 4]], values: &[u8]) -> Option<()> {
        let (mut at, mut same) = (0, 0);
        let known = self.words.iter_mut().zip(words);
        for ((known, new), (value, rule)) in known.zip(self.all.iter_mut().zip(&self.rules)) {
            if known != new {
                let Some(size) = rule.size(*new) else { break };
                (*known, value.size) = (*new, size);
                self.stayed.places = self.stayed.places.min(same);
            }
            value.at = at;
            at = value.end();
            same += 1;
        }
        if same < words.len().max(self.words.len()) {
            self.keep(same);
            self.add(words.get(same..)?, values)?;
        }
        Some(())
    }

    /// Forgets all but the first `count` values.
    fn keep(&mut self, count: usize) {
        if count < self.words.len() {
            self.words.truncate(count);
            self.all.truncate(count);
            self.rules.truncate(count);
            for places in [&mut self.fragments, &mut self.lists, &mut self.sids] {
                while places.pop_if(|place| *place >= count).is_some() {}
            }
        }
    }

    /// Adds values, if the sizes of all are those of their types.
    fn add(&mut self, words: &[[u8; 4]], values: &[u8]) -> Option<()> {
        let known = self.words.len();
        self.stayed.types = false;
        self.stayed.places = self.stayed.places.min(known);
        let Array {
            all,
            fragments,
            lists,
            sids,
            ..
        } = self;
        let mut at = all.last().map_or(0, |value| value.end());
        let mut fits = true;
        all.extend(
            words
                .iter()
                .enumerate()
                .map(|(place, &[low, high, kind, _])| {
                    let size = u16::from_le_bytes([low, high]);
                    let Sizes { mask, bits, more } =
                        *SIZES.get(usize::from(kind)).unwrap_or(&Sizes::NONE);
                    fits &= size & mask == bits;
                    if more {
                        match kind {
                            kind::SIZE => fits &= size == 4 || size == 8,
                            kind::SID => {
                                sids.push(known + place);
                                fits &= is_sid(values, at, size);
                            }
                            kind::STRING_LIST => lists.push(known + place),
                            _ if size > 0 => fragments.push(known + place),
                            _ => {}
                        }
                    }
                    let value = Substitution { at, size, kind };
                    at = value.end();
                    value
                }),
        );
        self.words.extend_from_slice(words);
        self.rules.extend(words.iter().map(|word| Rule::of(*word)));
        if !fits {
            self.keep(known);
        }
        fits.then_some(())
    }

    /// How many of the values are fragments.
    pub(super) fn fragments(&self) -> usize {
        self.fragments.len()
    }

    /// Which of the values are lists of texts.
    pub(super) fn lists(&self) -> &[usize] {
        &self.lists
    }

    pub(super) fn get(&self, index: u16) -> Option<Substitution> {
        self.all.get(usize::from(index)).copied()
    }

    /// Whether there is a value that is nothing.
    pub(super) fn is_null(&self, index: u16) -> bool {
        self.get(index).is_some_and(Substitution::is_null)
    }

    /// What has stayed since this was asked last.
    pub(super) fn stayed(&mut self) -> Stayed {
        let all = Stayed {
            places: usize::MAX,
            types: true,
        };
        std::mem::replace(&mut self.stayed, all)
    }
}

/// The values of an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    array: &'a Array,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// The values of an instance in a chunk, as its array was just read.
    pub(super) fn new(array: &'a Array, chunk: &'a [u8], extent: Extent) -> Option<Self> {
        let bytes = extent.of(chunk)?;
        Some(Values { array, bytes })
    }

    pub(super) fn array(self) -> &'a Array {
        self.array
    }

    /// The sizes and types of the values from one to another, and the values, as they stand in the log; `None` if one is not there.
    pub(super) fn run(self, first: u16, last: u16) -> Option<[&'a [u8]; 2]> {
        let (from, to) = (self.array.get(first)?, self.array.get(last)?);
        let words = self.array.words.get(first.into()..=last.into())?;
        let bytes = self.bytes.get(from.at as usize..to.end() as usize)?;
        Some([words.as_flattened(), bytes])
    }

    /// The eight bytes that begin where a value does.
    pub(super) fn u64_at(self, at: u32) -> Option<u64> {
        u64_at(self.bytes, at as usize)
    }

    /// The bytes from one to another.
    pub(super) fn between(self, (start, end): (u32, u32)) -> Option<&'a [u8]> {
        self.bytes.get(start as usize..end as usize)
    }

    /// The value of a substitution.
    pub(super) fn at(self, place: Substitution) -> Option<Raw<'a>> {
        let bytes = self.bytes.get(place.at as usize..place.end() as usize)?;
        let kind = place.kind;
        Some(Raw { kind, bytes })
    }
}

impl<'r> Raw<'r> {
    /// The texts of a list: each ends with a NUL. `None` where one does not, where there is none, and where it is no list.
    pub(super) fn items(self) -> Option<impl Iterator<Item = Raw<'r>>> {
        if self.kind != kind::STRING_LIST {
            return None;
        }
        let units = self.bytes.as_chunks().0;
        let units = units.strip_suffix(&[[0, 0]])?;
        let items = units.split(|unit| *unit == [0, 0]);
        Some(items.map(|item| Raw {
            kind: kind::STRING,
            bytes: item.as_flattened(),
        }))
    }

    /// What it says, if that is a number.
    pub(super) fn number(self) -> Option<u64> {
        match self.kind {
            kind::UINT8 => self.bytes.first().copied().map(u64::from),
            kind::UINT16 => u16_at(self.bytes, 0).map(u64::from),
            kind::UINT32 => u32_at(self.bytes, 0).map(u64::from),
            kind::UINT64 | kind::HEX64 => u64_at(self.bytes, 0),
            _ => self.other_number(),
        }
    }

    #[inline(never)]
    fn other_number(self) -> Option<u64> {
        self.value()?.number()
    }

    /// What it says, if that is a time.
    #[inline(always)]
    pub(super) fn time(self) -> Option<Time> {
        match self.kind {
            kind::FILETIME => Value::FileTime(u64_at(self.bytes, 0)?).time(),
            _ => self.value()?.time(),
        }
    }

    /// What it says; `None` where that is nothing.
    pub(super) fn value(self) -> Option<Value<'r>> {
        let bytes = self.bytes;
        let signed = |number: i64| match u64::try_from(number) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Text(number.to_string().into()),
        };
        Some(match self.kind {
            kind::STRING => match without_padding(bytes) {
                [] => return None,
                units => Value::Utf16(units),
            },
            kind::ANSI_STRING => match decode_ansi(bytes) {
                text if text.is_empty() => return None,
                text => Value::Text(text.into()),
            },
            kind::INT8 => signed(i64::from(i8::from_le_bytes(array(bytes, 0)?))),
            kind::INT16 => signed(i64::from(i16::from_le_bytes(array(bytes, 0)?))),
            kind::INT32 => signed(i64::from(i32::from_le_bytes(array(bytes, 0)?))),
            kind::INT64 => signed(i64::from_le_bytes(array(bytes, 0)?)),
            kind::UINT8 => Value::Number(u64::from(*bytes.first()?)),
            kind::UINT16 => Value::Number(u64::from(u16_at(bytes, 0)?)),
            kind::UINT32 => Value::Number(u64::from(u32_at(bytes, 0)?)),
            kind::UINT64 => Value::Number(u64_at(bytes, 0)?),
            kind::BOOL => match i32::from_le_bytes(array(bytes, 0)?) {
                0 => Value::Text("false".into()),
                1 => Value::Text("true".into()),
                // Some providers keep flags in it.
                flags => signed(i64::from(flags)),
            },
            kind::BINARY if bytes.is_empty() => return None,
            kind::BINARY => Value::Text(hex(bytes).into()),
            kind::GUID => Value::Guid(array(bytes, 0)?),
            kind::SIZE | kind::HEX32 | kind::HEX64 => Value::Hex(match u64_at(bytes, 0) {
                Some(number) => number,
                None => u64::from(u32_at(bytes, 0)?),
            }),
            kind::FILETIME => Value::FileTime(u64_at(bytes, 0)?),
            kind::SYSTEMTIME => Value::Text(systemtime_text(bytes)?.into()),
            kind::SID => Value::Sid(bytes),
            _ => return None,
        })
    }
}

/// Whether a SID at this place has as many bytes.
fn is_sid(values: &[u8], at: u32, size: u16) -> bool {
    let parts = values.get(at as usize + 1);
    parts.is_some_and(|&parts| size == 8 + 4 * u16::from(parts))
}

/// UTF-16 without the NULs that fill up the space of a text.
pub(super) fn without_padding(mut units: &[u8]) -> &[u8] {
    while let [rest @ .., 0, 0] = units {
        units = rest;
    }
    units
}

/// The text of UTF-16; a lone surrogate becomes U+FFFD.
pub(super) fn decode(units: &[u8]) -> String {
    let units = units.as_chunks().0;
    let mut text = String::with_capacity(units.len());
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

/// The text of Windows-1252 without its NULs.
fn decode_ansi(bytes: &[u8]) -> String {
    let letters = bytes.iter().filter(|byte| **byte != 0);
    let letter = |&byte: &u8| match byte {
        0x80..0xa0 => *HIGH
            .get(usize::from(byte - 0x80))
            .unwrap_or(&char::REPLACEMENT_CHARACTER),
        _ => char::from(byte),
    };
    letters.map(letter).collect()
}

/// The letters of Windows-1252 that are others in Unicode: 0x80 to 0x9f. Those that it leaves out are controls.
const HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// Upper-case hex digits.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// `S-1-5-18`: revision, authority, sub-authorities.
fn sid_text(bytes: &[u8]) -> String {
    let Some(([revision, _, authority @ ..], parts)) = bytes.split_first_chunk::<8>() else {
        return String::new();
    };
    let authority = authority
        .iter()
        .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts.as_chunks().0 {
        let _ = write!(text, "-{}", u32::from_le_bytes(*part));
    }
    text
}

/// The first FILETIME whose year has five digits.
pub(super) const YEAR_10000: u64 = 2_650_467_744_000_000_000;

/// Windows writes the last four digits of a year, and zeros for what no signed number can hold.
fn filetime_text(ticks: u64) -> String {
    if ticks > i64::MAX as u64 {
        return "0000-00-00T00:00:00.0000000Z".to_owned();
    }
    let text = Time::from_filetime(ticks).to_string();
    // `+12345-06-07T...`
    let long = text
        .strip_prefix('+')
        .and_then(|long| long.split_at_checked(1));
    match long {
        Some((_, last_four)) => last_four.to_owned(),
        None => text,
    }
}

/// Windows writes the first of all times for what is none.
fn systemtime_text(bytes: &[u8]) -> Option<String> {
    let field = |place: usize| u16_at(bytes, 2 * place).map(u64::from);
    let (year, month, day) = (field(0)?, field(1)?, field(3)?);
    let (hour, minute, second, millisecond) = (field(4)?, field(5)?, field(6)?, field(7)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_time = (1601..=30827).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days).contains(&day)
        && (hour < 24 && minute < 60 && second < 60 && millisecond < 1000);
    let year = year % 10_000;
    Some(match is_time {
        true => format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}0000Z"
        ),
        false => filetime_text(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_text_in_decimal_and_hex() {
        assert_eq!(Value::Text("0x3e7".into()).number(), Some(0x3e7));
        assert_eq!(Value::Text(" 42 ".into()).number(), Some(42));
        assert_eq!(Value::Text("0xfffffffffffffffff".into()).number(), None);
        assert_eq!(Value::Text("-".into()).number(), None);
    }

    #[test]
    fn a_number_in_utf16_is_the_number_that_its_text_is() {
        for text in [
            "0",
            "49731",
            "007",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "000000000000000000000000042",
            "0x3e7",
            " 5 ",
            "5a",
            "\u{665}",
            "-",
        ] {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let of_text = Value::Text(text.into()).number();
            assert_eq!(Value::Utf16(&units).number(), of_text, "{text:?}");
        }
    }

    #[test]
    fn a_number_or_a_time_in_a_text_ends_at_a_nul() {
        let number = |text: &str| {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let of_units = Value::Utf16(&units).number();
            assert_eq!(Value::Text(text.into()).number(), of_units);
            of_units
        };
        assert_eq!(number("42\x0003"), Some(42));
        assert_eq!(number("0x2a\0é"), Some(42));
        assert_eq!(number("\x0004"), None);
        let time = Value::Text("2024-03-04T08:00:00Z\0Z".into()).time();
        assert_eq!(time, "2024-03-04T08:00:00Z".parse().ok());
    }

    /// A chunk that holds nothing but the array of an instance.
    fn array_of(values: &[(u8, &[u8])]) -> Vec<u8> {
        let mut chunk = (values.len() as u32).to_le_bytes().to_vec();
        for (kind, bytes) in values {
            chunk.extend((bytes.len() as u16).to_le_bytes());
            chunk.extend([*kind, 0]);
        }
        chunk.extend(values.iter().flat_map(|(_, bytes)| *bytes));
        chunk
    }

    fn text_of(kind: u8, bytes: &[u8]) -> Option<String> {
        let chunk = array_of(&[(kind::UINT8, &[7]), (kind, bytes)]);
        let mut array = Array::default();
        let extent = array.read(&chunk, 0, chunk.len()).unwrap();
        assert_eq!(extent.end as usize, chunk.len(), "{kind:#x}");
        let value = Values::new(&array, &chunk, extent)?.at(array.get(1)?)?;
        let said = value.value()?;
        assert_eq!(value.number(), said.number(), "{kind:#x}");
        Some(said.text().into_owned())
    }

    #[test]
    fn each_type_has_the_text_that_windows_shows() {
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let systemtime = |fields: [u16; 8]| fields.map(u16::to_le_bytes).concat();
        let guid: Vec<u8> = (0..16).collect();
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let rows: &[(u8, &[u8], Option<&str>)] = &[
            (kind::NULL, b"abc", None),
            (kind::STRING, &utf16("a\0\u{e9}\0\0"), Some("a\0\u{e9}")),
            (kind::STRING, &utf16("\0"), None),
            (kind::STRING, &[0x3d, 0xd8, 0x78, 0], Some("\u{fffd}x")),
            (
                kind::ANSI_STRING,
                b"a\0b\x80\x81\xe9\0",
                Some("ab\u{20ac}\u{81}\u{e9}"),
            ),
            (kind::ANSI_STRING, b"\0", None),
            (kind::STRING_LIST, b"a\0\0\0", None),
            (kind::INT8, &[0xff], Some("-1")),
            (kind::INT16, &[0xfe, 0xff], Some("-2")),
            (kind::INT32, &[3, 0, 0, 0], Some("3")),
            (kind::INT64, &[0xff; 8], Some("-1")),
            (kind::UINT8, &[200], Some("200")),
            (kind::UINT16, &[0xff, 0xff], Some("65535")),
            (kind::UINT32, &[0xff; 4], Some("4294967295")),
            (kind::UINT64, &[0xff; 8], Some("18446744073709551615")),
            (kind::BOOL, &[1, 0, 0, 0], Some("true")),
            (kind::BOOL, &[0; 4], Some("false")),
            (kind::BOOL, &[2, 0, 0, 0], Some("2")),
            (kind::BINARY, &[0x0a, 0xff], Some("0AFF")),
            (kind::BINARY, &[], None),
            (
                kind::GUID,
                &guid,
                Some("{03020100-0504-0706-0809-0a0b0c0d0e0f}"),
            ),
            (kind::SIZE, &[16, 0, 0, 0], Some("0x10")),
            (kind::SIZE, &[0, 0, 0, 0, 1, 0, 0, 0], Some("0x100000000")),
            (kind::HEX32, &[0xe7, 3, 0, 0], Some("0x3e7")),
            (kind::HEX64, &[0; 8], Some("0x0")),
            (
                kind::FILETIME,
                &0_u64.to_le_bytes(),
                Some("1601-01-01T00:00:00.0000000Z"),
            ),
            (
                kind::FILETIME,
                &i64::MAX.to_le_bytes(),
                Some("0828-09-14T02:48:05.4775807Z"),
            ),
            (
                kind::FILETIME,
                &u64::MAX.to_le_bytes(),
                Some("0000-00-00T00:00:00.0000000Z"),
            ),
            (
                kind::SYSTEMTIME,
                &systemtime([2024, 2, 9, 29, 23, 59, 58, 7]),
                Some("2024-02-29T23:59:58.0070000Z"),
            ),
            (
                kind::SYSTEMTIME,
                &systemtime([2023, 2, 0, 29, 0, 0, 0, 0]),
                Some("1601-01-01T00:00:00.0000000Z"),
            ),
            (
                kind::SYSTEMTIME,
                &systemtime([12345, 1, 0, 2, 0, 0, 0, 0]),
                Some("2345-01-02T00:00:00.0000000Z"),
            ),
            (kind::SID, &sid, Some("S-1-5-32-544")),
        ];
        for (kind, bytes, text) in rows {
            assert_eq!(text_of(*kind, bytes).as_deref(), *text, "{kind:#x}");
        }
    }

    #[test]
    fn an_array_whose_values_have_other_sizes_than_their_types_is_none() {
        let odd: &[(u8, &[u8])] = &[
            (kind::STRING, &[1]),
            (kind::UINT32, &[]),
            (kind::UINT32, &[1, 2, 3]),
            (kind::SIZE, &[1, 2]),
            (kind::SID, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0]),
            (kind::SID, &[]),
            (0x0b, &[0; 4]),
            (0x81, &[0; 3]),
            (0x88, &[0; 4]),
            (0xee, &[]),
            (kind::SIZE, &[0; 12]),
            (kind::SIZE, &[]),
            (kind::UINT32, &[0; 256 + 4]),
        ];
        for (kind, bytes) in odd {
            let chunk = array_of(&[(*kind, bytes)]);
            let extent = Array::default().read(&chunk, 0, chunk.len());
            assert_eq!(extent, None, "{kind:#x}");
        }
        let sound = array_of(&[(kind::UINT8, &[7]), (kind::STRING, &[65, 0])]);
        for end in 0..sound.len() {
            assert_eq!(Array::default().read(&sound, 0, end), None, "{end}");
        }
        let mut many = sound.clone();
        many[..4].fill(0xff);
        assert_eq!(Array::default().read(&many, 0, many.len()), None);
    }

    #[test]
    fn an_array_of_too_many_values_is_none_and_takes_no_room() {
        for kind in [kind::NULL, kind::BINXML, kind::STRING_LIST] {
            let mut array = Array::default();
            let many = array_of(&vec![(kind, &[][..]); MOST_VALUES + 1]);
            assert_eq!(array.read(&many, 0, many.len()), None);
            assert_eq!(array.words.capacity() + array.all.capacity(), 0);
            let most = array_of(&vec![(kind, &[][..]); MOST_VALUES]);
            assert!(array.read(&most, 0, most.len()).is_some());
        }
    }

    #[test]
    fn what_is_read_of_an_array_does_not_depend_on_the_one_before() {
        let sid = |parts: u8| -> Vec<u8> {
            let length = 8 + 4 * usize::from(parts);
            [1, parts].into_iter().chain([0; 40]).take(length).collect()
        };
        let (short, long, odd) = (sid(1), sid(2), [vec![1, 9], vec![0; 10]].concat());
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let rows: Vec<Vec<(u8, Vec<u8>)>> = vec![
            vec![
                (kind::UINT8, vec![7]),
                (kind::SID, short.clone()),
                (kind::STRING, utf16("a")),
            ],
            vec![
                (kind::UINT8, vec![8]),
                (kind::SID, short.clone()),
                (kind::STRING, utf16("b")),
            ],
            vec![
                (kind::UINT8, vec![7]),
                (kind::SID, odd),
                (kind::STRING, utf16("a")),
            ],
            vec![
                (kind::UINT8, vec![7]),
                (kind::SID, long),
                (kind::STRING, utf16("a")),
            ],
            vec![(kind::UINT8, vec![7]), (kind::SID, short.clone())],
            vec![
                (kind::BINXML, vec![1, 2]),
                (kind::BINXML, vec![]),
                (kind::BINXML, vec![3]),
            ],
            vec![(kind::BINXML, vec![1, 2]), (kind::BINXML, vec![])],
            vec![(kind::BINXML, vec![1, 2]), (kind::BINXML, vec![3])],
            vec![(kind::BINXML, vec![1, 2]), (kind::BINXML, vec![3; 9])],
            vec![(kind::BINXML, vec![1, 2]), (kind::BINARY, vec![3; 9])],
            vec![(kind::UINT8, vec![7]), (kind::UINT32, vec![1])],
            vec![],
            vec![
                (kind::STRING, utf16("ab")),
                (kind::SIZE, vec![1; 4]),
                (kind::STRING, utf16("c")),
                (kind::BINXML, vec![4; 3]),
                (kind::UINT16, vec![5; 2]),
            ],
            vec![
                (kind::STRING, utf16("a")),
                (kind::SIZE, vec![1; 8]),
                (kind::STRING, utf16("cde")),
                (kind::BINXML, vec![4; 5]),
                (kind::UINT16, vec![6; 2]),
            ],
            vec![
                (kind::STRING, utf16("abcd")),
                (kind::SIZE, vec![1; 4]),
                (kind::STRING, utf16("")),
                (kind::BINXML, vec![]),
                (kind::UINT16, vec![7; 2]),
            ],
            vec![
                (kind::STRING, vec![9]),
                (kind::SIZE, vec![1; 4]),
                (kind::STRING, utf16("c")),
                (kind::BINXML, vec![4; 3]),
                (kind::UINT16, vec![5; 2]),
            ],
        ];
        let read = |array: &mut Array, row: &[(u8, Vec<u8>)]| {
            let row: Vec<(u8, &[u8])> = row
                .iter()
                .map(|(kind, bytes)| (*kind, &bytes[..]))
                .collect();
            let chunk = array_of(&row);
            let extent = array.read(&chunk, 0, chunk.len())?;
            let values = Values::new(array, &chunk, extent)?;
            let all: Vec<(u8, Vec<u8>)> = (0..=row.len() as u16)
                .map_while(|index| values.at(array.get(index)?))
                .map(|raw| (raw.kind, raw.bytes.to_vec()))
                .collect();
            Some((array.fragments(), all))
        };
        let alone: Vec<_> = rows
            .iter()
            .map(|row| read(&mut Array::default(), row))
            .collect();
        let sound = alone.iter().map(Option::is_some);
        assert_eq!(
            sound.collect::<Vec<_>>(),
            [
                true, true, false, true, true, true, true, true, true, true, false, true, true,
                true, true, false
            ]
        );
        for (row, alone) in rows.iter().zip(&alone) {
            assert!(alone.as_ref().is_none_or(|(_, all)| all == row));
            for before in &rows {
                let mut array = Array::default();
                read(&mut array, before);
                assert_eq!(&read(&mut array, row), alone, "{row:?} after {before:?}");
            }
        }
    }

    #[test]
    fn what_stayed_of_an_array_is_what_no_array_since_has_changed() {
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let (text, longer) = (utf16("ab"), utf16("abc"));
        let row = |text: &[u8], part: &[u8]| {
            array_of(&[
                (kind::UINT8, &[7]),
                (kind::STRING, text),
                (kind::BINXML, part),
            ])
        };
        let mut array = Array::default();
        let mut stayed = |chunks: &[Vec<u8>]| {
            for chunk in chunks {
                array.read(chunk, 0, chunk.len()).unwrap();
            }
            let Stayed { places, types } = array.stayed();
            (places.min(3), types)
        };
        assert_eq!(stayed(&[row(&text, &[1])]), (0, false));
        assert_eq!(stayed(&[row(&text, &[1])]), (3, true));
        assert_eq!(stayed(&[row(&text, &[1, 2])]), (2, true));
        assert_eq!(stayed(&[row(&longer, &[1]), row(&longer, &[1])]), (1, true));
        assert_eq!(stayed(&[row(&longer, &[]), row(&longer, &[1])]), (2, false));
    }
}
