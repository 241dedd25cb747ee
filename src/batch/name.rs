//! What the folder of a unit is called: host names come from evidence, so each character that is not known to be harmless in a
//! path is escaped.
//!
//! `host=` before the name makes `.`, `..` and the device names of Windows harmless too.

use sha2::{Digest, Sha256};

/// What folders of units begin with.
pub const PREFIX: &str = "host=";

/// What stands for a host that no record names.
const UNKNOWN: &str = "unknown";

/// Bytes of an encoded name at most: with what comes before and behind it still a name for every file system.
const LONGEST: usize = 120;

/// The folder of the unit of a host. Letters, digits, `-`, `_` and dots inside stay, every other byte becomes `%` and two hex
/// digits; of a name that is too long the beginning and `~` with a digest. No `~` comes from anything else, nor from
/// [`told_apart`].
pub fn folder(host: Option<&str>) -> String {
    let mut name = PREFIX.to_owned();
    let Some(host) = host else {
        return name + UNKNOWN;
    };
    let last = host.len().saturating_sub(1);
    for (place, byte) in host.bytes().enumerate() {
        let is_inside = place > 0 && place < last;
        let escaped = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => char::from(byte).to_string(),
            b'.' if is_inside => ".".to_owned(),
            _ => format!("%{byte:02X}"),
        };
        if name.len() + escaped.len() > PREFIX.len() + LONGEST {
            let digest = Sha256::digest(host.as_bytes());
            name.push('~');
            name.extend(digest.iter().take(8).map(|byte| format!("{byte:02x}")));
            break;
        }
        name.push_str(&escaped);
    }
    name
}

/// The name of a folder that another unit's would be taken for.
pub fn told_apart(folder: &str, id: &str) -> String {
    format!("{folder}~{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_names_stay_as_they_are() {
        for host in ["WS-ALDER.corp.example", "win_10", "7"] {
            assert_eq!(folder(Some(host)), format!("host={host}"));
        }
        assert_eq!(folder(None), "host=unknown");
    }

    #[test]
    fn what_means_something_in_a_path_is_escaped() {
        for (host, expected) in [
            ("", "host="),
            (".", "host=%2E"),
            ("..", "host=%2E%2E"),
            ("../../etc", "host=%2E.%2F..%2Fetc"),
            ("a.", "host=a%2E"),
            ("a/b\\c", "host=a%2Fb%5Cc"),
            ("C:\0\n*?", "host=C%3A%00%0A%2A%3F"),
            ("100%25", "host=100%2525"),
            ("a~b", "host=a%7Eb"),
            ("É", "host=%C3%89"),
            ("\u{202e}x", "host=%E2%80%AEx"),
            ("con", "host=con"),
        ] {
            assert_eq!(folder(Some(host)), expected, "{host:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_differ_by_what_was_cut() {
        let long = |end: &str| folder(Some(&("é".repeat(300) + end)));
        assert_ne!(long("a"), long("b"));
        assert!(long("").len() < 160, "{}", long(""));
        let name = folder(Some(&"x".repeat(500)));
        let (before, digest) = name.split_once('~').unwrap();
        assert_eq!((before.len(), digest.len()), (125, 16));
    }

    proptest! {
        #[test]
        fn a_name_is_always_one_harmless_component_and_short(host: String, more in "[./\\\\:~% a]{0,200}") {
            for host in [&host, &more, &format!("{host}{more}")] {
                let name = folder(Some(host));
                let rest = name.strip_prefix("host=").unwrap();
                prop_assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%~".contains(&b)));
                prop_assert!(!rest.starts_with('.') && !rest.ends_with('.'));
                prop_assert!(told_apart(&name, "0123456789abcdef").len() < 200);
            }
        }

        #[test]
        fn different_hosts_have_different_folders(one in "[a./~%]{0,6}", other in "[a./~%]{0,6}") {
            prop_assert_eq!(one == other, folder(Some(&one)) == folder(Some(&other)));
        }
    }
}
