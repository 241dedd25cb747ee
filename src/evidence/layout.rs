//! What the place of a log tells: where the collection that it belongs to begins, and of which machine that is. The same for
//! packages and for folders that they were unpacked to.
//!
//! A log of a Windows stands in `<root>[/uploads/<accessor>][/fs]/<volume>[/Windows.old]/Windows/System32/winevt/...`; one that
//! DFIR-ORC took in a package named after the machine, and under a name that tells nothing.

use serde_json::Value;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Files of its own that a collection may begin with: of Velociraptor.
pub(super) const CLIENT_INFO: &str = "client_info.json";

/// Text at the end of which a time begins in the names of Velociraptor's collections.
const COLLECTION: &str = "Collection-";

/// The beginning of the names of DFIR-ORC's archives.
const DFIR_ORC: &str = "DFIR-ORC_";

/// What the place of a log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where its collection begins: what lies there may be of one machine.
    pub root: PathBuf,
    /// The machine that the collection is named after.
    pub host: Option<String>,
}

/// A part of a path.
struct Part<'a> {
    /// Where it begins in the path.
    start: usize,
    text: &'a str,
    /// Decoded, in lower case.
    name: String,
}

/// What the path of a log tells.
pub(super) fn of(path: &Path) -> Layout {
    let text = path.to_string_lossy();
    let mut parts = Vec::new();
    let mut start = 0;
    for part in text.split(['/', '\\']) {
        parts.push(Part {
            start,
            text: part,
            name: decoded(part).to_lowercase(),
        });
        start += part.len() + 1;
    }
    parts.pop();
    let host = parts.iter().rev().find_map(|part| host_of(part.text));
    let orc = parts
        .iter()
        .find_map(|part| Some((part.start, dfir_orc(part.text)?)));
    if let Some((start, orc)) = orc {
        // Its archives lie side by side.
        let before = text.get(..start).unwrap_or_default();
        return Layout {
            root: format!("{before}{}", orc.collection).into(),
            host: Some(orc.host.to_owned()),
        };
    }
    let first = windows(&parts).or_else(|| uploads(&parts));
    let root = match first.and_then(|first| parts.get(first)) {
        Some(part) => {
            let before = text.get(..part.start).unwrap_or_default();
            PathBuf::from(before.trim_end_matches(['/', '\\']))
        }
        None => path.parent().unwrap_or(path).to_owned(),
    };
    Layout { root, host }
}

/// The first part that belongs to the layout of a Windows.
fn windows(parts: &[Part<'_>]) -> Option<usize> {
    let name = |at: usize| parts.get(at).map_or("", |part| part.name.as_str());
    let logs = (0..parts.len()).rev().find(|&at| {
        name(at) == "windows" && name(at + 1) == "system32" && name(at + 2) == "winevt"
    })?;
    let mut first = logs;
    let mut step = |fits: fn(&str) -> bool| {
        let before = first.checked_sub(1).filter(|&at| fits(name(at)));
        first = before.unwrap_or(first);
        before.is_some()
    };
    step(|name| name == "windows.old");
    if step(is_volume) {
        step(|name| name == "$fs$");
        step(|name| name == "fs");
    }
    match first.checked_sub(2) {
        Some(before) if name(before) == "uploads" => Some(before),
        _ => Some(first),
    }
}

/// Where Velociraptor puts what it takes, whatever that is.
fn uploads(parts: &[Part<'_>]) -> Option<usize> {
    let volume_of = |at: usize| parts.get(at + 2).is_some_and(|part| is_volume(&part.name));
    let named = |part: &Part<'_>| part.name == "uploads";
    (0..parts.len())
        .rev()
        .find(|&at| parts.get(at).is_some_and(named) && volume_of(at))
}

/// Whether a name, in lower case, is a volume's.
fn is_volume(name: &str) -> bool {
    let device = |name: &str| {
        name.strip_prefix(r"\\.\")
            .or_else(|| name.strip_prefix(r"\\?\"))
            .map(str::to_owned)
    };
    let device = device(name);
    let name = device.as_deref().unwrap_or(name).trim_end_matches('\\');
    let numbered = |prefix: &str| {
        let number = name.strip_prefix(prefix);
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let letter = name.strip_suffix(':').unwrap_or(name);
    let is_letter = letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase());
    is_letter
        || name == "sysvol"
        || numbered("fs") && name != "fs"
        || numbered("vss")
        || numbered("harddiskvolumeshadowcopy")
        || numbered(r"globalroot\device\harddiskvolumeshadowcopy")
        || numbered(r"globalroot\device\harddiskvolume")
}

/// A name with its percent escapes decoded, once.
pub(super) fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return name.into();
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%')
            .then(|| after.split_first_chunk::<2>())
            .flatten();
        let escaped = escaped.and_then(|(&[high, low], after)| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some(((digit(high)? * 16 + digit(low)?) as u8, after))
        });
        let (byte, after) = escaped.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The machine that a package or folder is named after.
fn host_of(name: &str) -> Option<String> {
    let name = decoded(name);
    if let Some(orc) = dfir_orc(&name) {
        return Some(orc.host.to_owned());
    }
    // The host may have hyphens too: the time is the last that looks like one.
    let rest = name.strip_prefix(COLLECTION)?;
    let is_date = |text: &str| {
        let shape = b"-dddd-dd-dd";
        let date = text.as_bytes().get(..shape.len());
        date.is_some_and(|date| {
            date.iter().zip(shape).all(|(byte, shape)| match shape {
                b'd' => byte.is_ascii_digit(),
                _ => byte == shape,
            })
        })
    };
    let hyphens = rest.rmatch_indices('-').map(|(at, _)| at);
    let time = hyphens.map(|at| rest.split_at(at));
    let (host, _) = { time }.find(|(_, time)| is_date(time))?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// The name of an archive of DFIR-ORC.
struct DfirOrc<'a> {
    host: &'a str,
    /// What all archives of the collection are named.
    collection: &'a str,
}

/// `DFIR-ORC_<system type>_<computer name>_<archive>.7z`, or a folder named so, or without the archive.
fn dfir_orc(name: &str) -> Option<DfirOrc<'_>> {
    let prefix = name.get(..DFIR_ORC.len())?;
    if !prefix.eq_ignore_ascii_case(DFIR_ORC) {
        return None;
    }
    let host_start = DFIR_ORC.len() + name.get(DFIR_ORC.len()..)?.find('_')? + 1;
    let rest = name.get(host_start..)?;
    let host = rest.rsplit_once('_').map_or(rest, |(host, _)| host);
    (!host.is_empty()).then_some(DfirOrc {
        host,
        collection: name.get(..host_start + host.len())?,
    })
}

/// The machine that Velociraptor's `client_info.json` names.
pub(super) fn client_host(info: &[u8]) -> Option<String> {
    let info: Value = serde_json::from_slice(info).ok()?;
    let info = info.get(0).unwrap_or(&info);
    let places = [Some(info), info.get("os_info")];
    let names = ["Fqdn", "fqdn", "Hostname", "hostname"];
    let mut named = places
        .into_iter()
        .flatten()
        .flat_map(|place| names.iter().filter_map(|name| place.get(name)?.as_str()));
    named.find(|host| !host.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &str) -> String {
        of(Path::new(path)).root.to_str().unwrap().to_owned()
    }

    #[test]
    fn every_layout_of_a_windows_has_its_root_before_the_volume() {
        let logs = "Windows/System32/winevt/Logs/Security.evtx";
        for (before, volume) in [
            ("out", "C"),
            ("case/out", "C"),
            (
                "x/Collection-WS1-2024-01-15T10_00_00Z.zip",
                "uploads/auto/C%3A",
            ),
            ("x", "uploads/ntfs/%5C%5C.%5CC%3A"),
            (
                "x",
                "uploads/ntfs_vss/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1",
            ),
            ("x", "uploads/ntfs/%5C%5C.%5CC%3A/Windows.old"),
            ("x", "C/Windows.old"),
            ("acquire.tar", "fs/c:"),
            ("acquire.tar", "fs/$fs$/fs0"),
            ("acquire.tar", "sysvol"),
            ("", "C:"),
        ] {
            let separator = if before.is_empty() { "" } else { "/" };
            let path = format!("{before}{separator}{volume}/{logs}");
            assert_eq!(root(&path), before, "{path}");
        }
        assert_eq!(
            root("/mnt/disk/windows/system32/winevt/logs/a.evtx"),
            "/mnt/disk"
        );
        assert_eq!(
            root(r"out.zip/C\Windows\System32\winevt\logs\a.evtx"),
            "out.zip"
        );
    }

    #[test]
    fn what_lies_elsewhere_has_its_folder_as_root() {
        assert_eq!(root("case/WS1/Security.evtx"), "case/WS1");
        assert_eq!(root("Security.evtx"), "");
        assert_eq!(
            root("a/Windows/System32/x/Security.evtx"),
            "a/Windows/System32/x"
        );
        assert_eq!(root("x.zip/uploads/auto/C%3A/Logs/OpenSSH.evtx"), "x.zip");
    }

    #[test]
    fn all_archives_of_one_run_of_dfir_orc_have_one_root() {
        let little = "case/DFIR-ORC_WorkStation_WS_1.corp.example_Little.7z/Event.7z/evtx/1_2.data";
        let general = "case/DFIR-ORC_WorkStation_WS_1.corp.example_General.7z/x/3.data";
        let of = |path: &str| of(Path::new(path));
        assert_eq!(of(little), of(general));
        assert_eq!(of(little).host.as_deref(), Some("WS_1.corp.example"));
        assert_eq!(
            root("DFIR-ORC_Server_SRV1/evtx/1.data"),
            "DFIR-ORC_Server_SRV1"
        );
    }

    #[test]
    fn a_collection_is_named_after_its_machine_hyphens_and_all() {
        let host = |name: &str| of(Path::new(name).join("a.evtx").as_path()).host;
        for (name, expected) in [
            ("Collection-WS1-2024-01-15T10_00_00Z.zip", Some("WS1")),
            (
                "Collection-DESKTOP-7F-3A-2022-08-10_20_53.zip",
                Some("DESKTOP-7F-3A"),
            ),
            (
                "Collection-WS-2021-01-01-x.corp.example-2024-01-15T10_00_00Z",
                Some("WS-2021-01-01-x.corp.example"),
            ),
            ("Collection-2024-01-15.zip", None),
            ("Collection-WS1.zip", None),
            ("Security.zip", None),
        ] {
            assert_eq!(host(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(decoded("C%3A"), "C:");
        assert_eq!(decoded("Sysmon%254Operational"), "Sysmon%4Operational");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%4Operational"), "%4Operational");
        assert_eq!(decoded("%+1%2"), "%+1%2");
    }

    #[test]
    fn the_client_is_named_in_the_collection() {
        let named = |info: &str| client_host(info.as_bytes());
        let server = r#"{"client_id":"C.1","os_info":{"system":"windows","hostname":"WS1","fqdn":"WS1.corp.example"}}"#;
        assert_eq!(named(server).as_deref(), Some("WS1.corp.example"));
        assert_eq!(named(r#"[{"Hostname":"WS1"}]"#).as_deref(), Some("WS1"));
        assert_eq!(named("{}"), None);
    }
}
