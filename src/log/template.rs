//! Template definitions: the elements that records of one shape share, with places for the values of each.
//!
//! In: the bytes of a definition in a chunk. Out: its tree of elements; or nothing where it holds something that this
//! module has no rule for, which leaves its records to the `evtx` crate. A definition holds offsets of its chunk, so the
//! same one looks different in each chunk; [`Definition::is_at`] tells whether it is the same. Sources: \[MS-EVEN6\]
//! 2.2.12, libevtx's format notes.

use super::bytes::{ALLOCATION, array, u16_at, u32_at};
use super::value::{self, kind};

/// Bytes of a definition before its elements: the next definition's offset, its GUID, the size of its elements.
pub(super) const HEADER_SIZE: usize = 24;

/// The deepest nesting of elements. Real ones have four levels.
const DEEPEST: usize = 16;

/// The tokens of a definition; [`MORE`] may be set on some.
mod token {
    pub(super) const END: u8 = 0x00;
    pub(super) const OPEN_START: u8 = 0x01;
    pub(super) const CLOSE_START: u8 = 0x02;
    pub(super) const CLOSE_EMPTY: u8 = 0x03;
    pub(super) const END_ELEMENT: u8 = 0x04;
    pub(super) const VALUE: u8 = 0x05;
    pub(super) const ATTRIBUTE: u8 = 0x06;
    pub(super) const SUBSTITUTION: u8 = 0x0d;
    pub(super) const OPTIONAL_SUBSTITUTION: u8 = 0x0e;
    pub(super) const FRAGMENT: u8 = 0x0f;
    /// Says that something of the same kind follows.
    pub(super) const MORE: u8 = 0x40;
}

/// Stands for no dependency.
const NO_DEPENDENCY: u16 = 0xffff;

/// What definitions are told apart by at first sight; [`Definition::is_at`] decides.
pub(super) type Identity = ([u8; 16], u32);

/// A definition as it stands in one chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    chunk: &'a [u8],
    at: usize,
    body: &'a [u8],
    /// GUID and size of the body.
    pub identity: Identity,
}

impl<'a> Place<'a> {
    /// The definition at an offset, if it lies in the chunk.
    pub(super) fn at(chunk: &'a [u8], at: usize) -> Option<Self> {
        let guid = array(chunk, at.checked_add(4)?)?;
        let size = u32_at(chunk, at + 20)?;
        let start = at + HEADER_SIZE;
        let body = chunk.get(start..start.checked_add(size as usize)?)?;
        Some(Place {
            chunk,
            at,
            body,
            identity: (guid, size),
        })
    }

    /// The first byte after the definition.
    pub(super) fn end(&self) -> usize {
        self.at + HEADER_SIZE + self.body.len()
    }

    /// Bytes of its elements.
    pub(super) fn size(&self) -> usize {
        self.body.len()
    }
}

/// A definition, read.
#[derive(Debug)]
pub(super) struct Definition {
    /// GUID and size of the body.
    pub identity: Identity,
    /// All elements; the first is the root.
    pub elements: Vec<Element>,
    body: Box<[u8]>,
    /// Which bits of the body are the same in all chunks: all but offsets.
    mask: Box<[u8]>,
    names: Box<[NameReference]>,
    /// Whether its last byte says that it ends.
    is_complete: bool,
}

/// An element of a definition.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    /// The substitution without which the element is left out.
    pub dependency: Option<u16>,
    /// In their order.
    pub attributes: Vec<(String, Vec<Part>)>,
    /// What it holds besides elements.
    pub parts: Vec<Part>,
    /// The elements in it, by their places in the definition.
    pub children: Vec<usize>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The same in all records; may be empty.
    Literal(String),
    /// The value of a substitution.
    Value(u16),
}

/// Where a definition refers to a name.
#[derive(Debug)]
struct NameReference {
    /// Where in the body the offset of the name is.
    at: usize,
    /// The name, if it lies elsewhere in the chunk; otherwise it follows the offset.
    elsewhere: Option<Elsewhere>,
}

/// A name that lies elsewhere in the chunk than where it is referred to.
#[derive(Debug)]
struct Elsewhere {
    /// Its characters.
    units: Box<[u8]>,
    /// Where in the body the same name was referred to before.
    before: Option<usize>,
}

/// How many of a definition's first names are looked through for one that comes again: `Data` and `Name` do.
const NAMES_BEFORE: usize = 64;

/// The longest name that a plan is made with, in UTF-16 units.
const LONGEST_NAME: usize = 256;

/// Bytes of the names that a definition refers to elsewhere, each as often as it is referred to: enough for more
/// fields than a plan is made for.
const MOST_ELSEWHERE: usize = 16 << 10;

/// Bytes of the link before a name: the next name's offset and a hash.
const NAME_LINK: usize = 6;

impl Definition {
    /// Reads a definition; `None` where it holds something that there is no rule for.
    pub(super) fn read(place: &Place<'_>) -> Option<Self> {
        let mut reader = Reader {
            place,
            next: 0,
            names: Vec::new(),
            elsewhere: 0,
        };
        let elements = reader.elements()?;
        let is_complete = reader.next == place.body.len() && place.body.ends_with(&[token::END]);
        let names = reader.names;
        let mut mask = vec![0xff; place.body.len()];
        for name in &names {
            // After a name's offset comes, where the name follows, that of the next name in the chunk's table.
            let offsets = if name.elsewhere.is_some() { 4 } else { 8 };
            mask.get_mut(name.at..name.at + offsets)?.fill(0);
        }
        Some(Definition {
            identity: place.identity,
            elements,
            body: place.body.into(),
            mask: mask.into(),
            names: names.into(),
            is_complete,
        })
    }

    /// Bytes that it holds, besides its elements.
    pub(super) fn bytes(&self) -> usize {
        let elsewhere = self.names.iter().filter_map(|name| name.elsewhere.as_ref());
        let units: usize = elsewhere.map(|name| ALLOCATION + name.units.len()).sum();
        self.body.len() + self.mask.len() + size_of_val(&*self.names) + units
    }

    /// Whether the definition at a place is this one: the same bytes, but for offsets in the chunk, and the same names.
    pub(super) fn is_at(&self, place: &Place<'_>) -> bool {
        let pairs = self.body.iter().zip(place.body).zip(&self.mask);
        let differences = pairs.fold(0, |all, ((one, other), mask)| all | (one ^ other) & mask);
        let offset_at = |at: usize| u32_at(place.body, at).map(|offset| offset as usize);
        self.identity == place.identity
            && differences == 0
            && self.names.iter().all(|name| {
                let Some(offset) = offset_at(name.at) else {
                    return false;
                };
                let follows = offset == place.at + HEADER_SIZE + name.at + 4;
                match &name.elsewhere {
                    None => follows,
                    Some(Elsewhere { units, before }) => {
                        let is_known = before.is_some_and(|at| offset_at(at) == Some(offset));
                        !follows && (is_known || name_at(place.chunk, offset) == Some(units))
                    }
                }
            })
    }

    /// Whether nothing has been written over the definition at a place that it [`is_at`](Self::is_at), as far as that can be seen:
    /// it ends where its size says, and each name has the hash of its characters.
    pub(super) fn is_sound_at(&self, place: &Place<'_>) -> bool {
        let mut names = self.names.iter();
        self.is_complete
            && names.all(|name| {
                let offset = u32_at(place.body, name.at).map(|offset| offset as usize);
                let found = offset.and_then(|at| {
                    let hash = u16_at(place.chunk, at.checked_add(4)?)?;
                    Some(hash == hash_of(name_at(place.chunk, at)?))
                });
                found == Some(true)
            })
    }
}

/// The hash that stands before a name.
fn hash_of(units: &[u8]) -> u16 {
    let units = units.as_chunks().0.iter();
    let hash = units.fold(0, |hash: u32, unit| {
        hash.wrapping_mul(65599)
            .wrapping_add(u16::from_le_bytes(*unit).into())
    });
    hash as u16
}

/// The characters of the name at an offset.
fn name_at(chunk: &[u8], at: usize) -> Option<&[u8]> {
    let start = at.checked_add(NAME_LINK)?;
    let length = usize::from(u16_at(chunk, start)?);
    let units = chunk.get(start + 2..)?.get(..2 * length)?;
    // A NUL follows.
    u16_at(chunk, start + 2 + 2 * length)?;
    Some(units)
}

/// Reads tokens.
struct Reader<'p, 'a> {
    place: &'p Place<'a>,
    /// Where in the body the next byte is.
    next: usize,
    names: Vec<NameReference>,
    /// Bytes of the names that lie elsewhere, so far.
    elsewhere: usize,
}

impl Reader<'_, '_> {
    fn u8(&mut self) -> Option<u8> {
        let byte = *self.place.body.get(self.next)?;
        self.next += 1;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        let number = u16_at(self.place.body, self.next)?;
        self.next += 2;
        Some(number)
    }

    fn u32(&mut self) -> Option<u32> {
        let number = u32_at(self.place.body, self.next)?;
        self.next += 4;
        Some(number)
    }

    /// All elements, the root first.
    fn elements(&mut self) -> Option<Vec<Element>> {
        let mut elements: Vec<Element> = Vec::new();
        // The elements that are open, and whether the last one's start is.
        let mut open: Vec<usize> = Vec::new();
        let mut in_start = false;
        while self.next < self.place.body.len() {
            let token = self.u8()?;
            match token & !token::MORE {
                token::END if token == token::END => break,
                token::FRAGMENT if token == token::FRAGMENT => {
                    self.next += 3;
                }
                token::OPEN_START if !in_start && open.len() < DEEPEST => {
                    let element = self.element(token & token::MORE != 0)?;
                    let place = elements.len();
                    match open.last() {
                        Some(&parent) => elements.get_mut(parent)?.children.push(place),
                        // There is one root.
                        None if place > 0 => return None,
                        None => {}
                    }
                    elements.push(element);
                    open.push(place);
                    in_start = true;
                }
                token::CLOSE_START if in_start && token == token::CLOSE_START => in_start = false,
                token::CLOSE_EMPTY if in_start && token == token::CLOSE_EMPTY => {
                    open.pop()?;
                    in_start = false;
                }
                token::END_ELEMENT if !in_start && token == token::END_ELEMENT => {
                    open.pop()?;
                }
                token::ATTRIBUTE if in_start => {
                    let name = self.name()?;
                    let element = elements.get_mut(*open.last()?)?;
                    element.attributes.push((name, Vec::new()));
                }
                token::VALUE => {
                    let part = self.literal()?;
                    parts(elements.get_mut(*open.last()?)?, in_start)?.push(part);
                }
                token::SUBSTITUTION | token::OPTIONAL_SUBSTITUTION if token & token::MORE == 0 => {
                    let part = Part::Value(self.u16()?);
                    self.substitution_kind()?;
                    parts(elements.get_mut(*open.last()?)?, in_start)?.push(part);
                }
                _ => return None,
            }
        }
        (open.is_empty() && !elements.is_empty()).then_some(elements)
    }

    /// An element up to its attributes.
    fn element(&mut self, has_attributes: bool) -> Option<Element> {
        let dependency = Some(self.u16()?).filter(|&id| id != NO_DEPENDENCY);
        let _size = self.u32()?;
        let name = self.name()?;
        if has_attributes {
            let _size = self.u32()?;
        }
        Some(Element {
            name,
            dependency,
            ..Element::default()
        })
    }

    /// A name, which follows where it is first used in the chunk.
    fn name(&mut self) -> Option<String> {
        let at = self.next;
        let offset = self.u32()?;
        let follows = offset as usize == self.place.at + HEADER_SIZE + self.next;
        let units = name_at(self.place.chunk, offset as usize)?;
        if units.len() > 2 * LONGEST_NAME {
            return None;
        }
        if follows {
            self.next += NAME_LINK + 2 + units.len() + 2;
            // All of it belongs to the definition, or a comparison would not see it.
            if self.next > self.place.body.len() {
                return None;
            }
        } else {
            // References are short and may all be to one name, which each of them holds.
            self.elsewhere += units.len();
            if self.elsewhere > MOST_ELSEWHERE {
                return None;
            }
        }
        let known = |name: &&NameReference| u32_at(self.place.body, name.at) == Some(offset);
        let before = self.names.iter().take(NAMES_BEFORE).find(known);
        self.names.push(NameReference {
            at,
            elsewhere: (!follows).then(|| Elsewhere {
                units: units.into(),
                before: before.map(|name| name.at),
            }),
        });
        plain_name(units)
    }

    fn literal(&mut self) -> Option<Part> {
        if self.u8()? != kind::STRING {
            return None;
        }
        let bytes = 2 * usize::from(self.u16()?);
        let units = self.place.body.get(self.next..)?.get(..bytes)?;
        self.next += bytes;
        let text = value::decode(value::without_padding(units));
        // Windows ends texts of its own at a NUL; only values of records hold one on purpose.
        (!text.contains('\0')).then_some(Part::Literal(text))
    }

    /// The type that a definition gives a substitution: one that there is. What an instance says counts.
    fn substitution_kind(&mut self) -> Option<()> {
        let kind = self.u8()?;
        matches!(kind, 0x00..=0x15 | 0x20 | 0x21 | 0x23 | 0x81..=0x95).then_some(())
    }
}

/// Where a piece of text that comes next belongs.
fn parts(element: &mut Element, in_start: bool) -> Option<&mut Vec<Part>> {
    match in_start {
        true => element.attributes.last_mut().map(|(_, parts)| parts),
        false => Some(&mut element.parts),
    }
}

/// A name of ASCII without blanks, quotes and backslashes: all that Windows uses.
fn plain_name(units: &[u8]) -> Option<String> {
    let is_plain =
        |unit: &[u8; 2]| matches!(unit, [b, 0] if b.is_ascii_graphic() && !b"\"\\".contains(b));
    let units = units.as_chunks::<2>().0;
    let name = || units.iter().map(|[byte, _]| char::from(*byte)).collect();
    (!units.is_empty() && units.iter().all(is_plain)).then(name)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Where in [`chunk_of`] the definition is.
    pub(in crate::log) const AT: usize = 64;

    /// A chunk with a definition: an element without content that has attributes, and is of one name with all of them. The
    /// name lies elsewhere in the chunk.
    pub(in crate::log) fn chunk_of(guid: [u8; 16], attributes: usize, name: &str) -> Vec<u8> {
        // What the body holds besides attributes, and an attribute.
        let name_at = AT + HEADER_SIZE + 21 + 5 * attributes;
        let name_offset = (name_at as u32).to_le_bytes();
        let mut body = vec![token::FRAGMENT, 1, 1, 0, token::OPEN_START | token::MORE];
        body.extend([0xff, 0xff, 0, 0, 0, 0]);
        body.extend(name_offset);
        body.extend([0; 4]);
        for _ in 0..attributes {
            body.push(token::ATTRIBUTE | token::MORE);
            body.extend(name_offset);
        }
        body.extend([token::CLOSE_EMPTY, token::END]);
        let mut chunk = vec![0; AT + 4];
        chunk.extend(guid);
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend(body);
        assert_eq!(chunk.len(), name_at);
        // The link, the length, the name, a NUL.
        chunk.extend([0; NAME_LINK]);
        chunk.extend((name.len() as u16).to_le_bytes());
        chunk.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        chunk.extend([0; 2]);
        chunk
    }

    fn attributes(count: usize, name: &str) -> Option<usize> {
        let chunk = chunk_of([7; 16], count, name);
        let definition = Definition::read(&Place::at(&chunk, AT)?)?;
        Some(definition.elements.first()?.attributes.len())
    }

    #[test]
    fn a_definition_with_a_name_that_is_too_long_is_not_read() {
        assert_eq!(attributes(1, &"n".repeat(LONGEST_NAME)), Some(1));
        assert_eq!(attributes(1, &"n".repeat(LONGEST_NAME + 1)), None);
    }

    #[test]
    fn a_definition_that_refers_to_long_names_too_often_is_not_read() {
        let name = "n".repeat(128);
        // The element refers to it too.
        let most = MOST_ELSEWHERE / 256 - 1;
        assert_eq!(attributes(most, &name), Some(most));
        assert_eq!(attributes(most + 1, &name), None);
        assert_eq!(attributes(6_200, &name), None);
    }
}
