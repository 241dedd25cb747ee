//! What keeps text from being markup, and a document from running what is not its own.

use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::{self, Write};

/// The policy of a document that has these scripts and styles, and nothing else.
pub(super) fn policy(scripts: &[&str], styles: &[&str]) -> String {
    let digests = |texts: &[&str]| {
        let digests = texts.iter().map(|text| {
            let digest = Sha256::digest(text.as_bytes());
            format!("'sha256-{}'", base64(&digest))
        });
        digests.collect::<Vec<_>>().join(" ")
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        digests(scripts),
        digests(styles)
    )
}

/// Text as it stands in an element or a quoted attribute.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// Text as it stands in an element, with places where a line may break: behind what parts a name.
pub(super) fn breakable(text: &str) -> String {
    let parts = text.split_inclusive(['\\', '.', ':', '@', '_', '/']);
    let parts: Vec<Cow<'_, str>> = parts.map(escaped).collect();
    parts.join("<wbr>")
}

/// Takes JSON and writes it as it can stand in an element: what could end that is written as an escape. Only strings hold it.
pub(super) struct Embedded<W>(pub W);

impl<W: Write> Write for Embedded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let acts = |byte: &u8| matches!(byte, b'<' | b'>' | b'&');
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(acts) {
            let (before, from) = rest.split_at(at);
            self.0.write_all(before)?;
            if let Some((byte, behind)) = from.split_first() {
                write!(self.0, "\\u{byte:04x}")?;
                rest = behind;
            }
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(match digit <= three.len() {
                true => char::from(DIGITS[value as usize]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (text, wanted) in pairs {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn nothing_in_a_text_or_in_json_can_end_its_element() {
        let hostile = "</script><!--<img src=x onerror='alert(1)'>&amp;\"";
        assert_eq!(breakable("A\\<b>.c"), "A\\<wbr>&lt;b&gt;.<wbr>c");
        let text = escaped(hostile);
        assert!(!text.contains(['<', '>', '"', '\'']), "{text}");
        let mut json = Vec::new();
        serde_json::to_writer(Embedded(&mut json), hostile).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(!json.contains(['<', '>', '&']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }
}
