//! Globally unique identifiers, as records have them.

use crate::log::Value;
use std::fmt::{self, Write};

/// A GUID: its bytes in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

impl Guid {
    /// Reads a value; `None` if it is no GUID, or all zero, which means that there is none.
    pub(super) fn of(value: &Value<'_>) -> Option<Self> {
        let guid = match value {
            Value::Guid(bytes) => Guid::stored(*bytes),
            _ => Guid::parse(&value.text())?,
        };
        (guid.0 != [0; 16]).then_some(guid)
    }

    /// The first three fields are stored with the lowest byte first ([MS-DTYP] 2.3.4.2).
    fn stored(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let [i, j, k, l, m, n, o, p] = rest;
        Guid([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
    }

    /// Reads the text form in either case, `{500826fc-0d33-fc69-5cb3-de2713bdc56a}`; `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        let mut number: u128 = 0;
        let mut parts = inner.split('-');
        for digits in [8, 4, 4, 4, 12] {
            let part = parts.next().filter(|part| part.len() == digits)?;
            for digit in part.chars() {
                number = number << 4 | u128::from(digit.to_digit(16)?);
            }
        }
        parts.next().is_none().then_some(Guid(number.to_be_bytes()))
    }
}

impl Guid {
    /// The text form: ASCII, lower case with braces.
    pub fn text(self) -> [u8; 38] {
        let mut text = [b'-'; 38];
        let mut places = text.iter_mut();
        places.next().into_iter().for_each(|brace| *brace = b'{');
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                places.next();
            }
            for (half, digit) in [byte >> 4, byte & 0xf].into_iter().zip(&mut places) {
                *digit = b"0123456789abcdef"[usize::from(half)];
            }
        }
        places.next().into_iter().for_each(|brace| *brace = b'}');
        text
    }
}

impl fmt::Display for Guid {
    /// Lower case with braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text()
            .iter()
            .try_for_each(|&byte| f.write_char(char::from(byte)))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_the_same_stored_and_written() {
        let stored = [
            0xfc, 0x26, 0x08, 0x50, 0x33, 0x0d, 0x69, 0xfc, 0x5c, 0xb3, 0xde, 0x27, 0x13, 0xbd,
            0xc5, 0x6a,
        ];
        let text = "{500826fc-0d33-fc69-5cb3-de2713bdc56a}";
        let guid = Guid::of(&Value::Guid(stored)).unwrap();
        assert_eq!(guid.to_string(), text);
        assert_eq!(Guid::parse(&text.to_uppercase()), Some(guid));
    }

    #[test]
    fn what_is_no_guid_or_all_zero_is_none() {
        assert_eq!(Guid::of(&Value::Guid([0; 16])), None);
        for text in [
            "",
            "-",
            "{}",
            "{500826fc-0d33-fc69-5cb3-de2713bdc56a",
            "{00000000-0000-0000-0000-000000000000}",
            "{500826fc-0d33-fc69-5cb3-de2713bdc56a-}",
            "{500826fc0d33fc695cb3de2713bdc56a}",
        ] {
            assert_eq!(Guid::of(&Value::Text(text.into())), None, "{text}");
        }
    }
}
