//! Globally unique identifiers.

use std::fmt::{self, Write};

/// A GUID: its bytes in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

impl Guid {
    /// A GUID as it is stored: its first three fields with the lowest byte first (\[MS-DTYP\] 2.3.4.2).
    pub fn stored(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Guid([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p])
    }

    /// Reads the text form in either case, `{500826fc-0d33-fc69-5cb3-de2713bdc56a}`, with or without braces; `None` if `text` is
    /// not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let inner = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}')?,
            None => text,
        };
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

    /// Whether it is all zero, which means that there is none.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 16]
    }

    /// The text form: ASCII, lower case with braces.
    pub fn text(self) -> [u8; 38] {
        const STARTS: [usize; 16] = [1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35];
        let mut text = [b'-'; 38];
        (text[0], text[37]) = (b'{', b'}');
        for (byte, start) in self.0.into_iter().zip(STARTS) {
            text[start] = b"0123456789abcdef"[usize::from(byte >> 4)];
            text[start + 1] = b"0123456789abcdef"[usize::from(byte & 0xf)];
        }
        text
    }
}

impl fmt::Display for Guid {
    /// Lower case with braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        text.iter()
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
        let guid = Guid::stored(stored);
        assert_eq!(guid.to_string(), text);
        assert_eq!(Guid::parse(&text.to_uppercase()), Some(guid));
        assert_eq!(
            Guid::parse("500826fc-0d33-fc69-5cb3-de2713bdc56a"),
            Some(guid)
        );
        assert!(!guid.is_zero() && Guid::stored([0; 16]).is_zero());
    }

    #[test]
    fn what_is_no_guid_is_none() {
        for text in [
            "",
            "-",
            "{}",
            "{500826fc-0d33-fc69-5cb3-de2713bdc56a",
            "500826fc-0d33-fc69-5cb3-de2713bdc56a}",
            "{500826fc-0d33-fc69-5cb3-de2713bdc56a-}",
            "{500826fc0d33fc695cb3de2713bdc56a}",
            "{500826fc-0d33-fc69-5cb3-de2713bdc5zz}",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }
}
