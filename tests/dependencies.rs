//! What the program is built of: nothing that opens a socket, nothing under a licence that is not allowed. Both lists stand in
//! `.ci/deny.toml`; where that is not, as in the package that is published, there is nothing to hold the crates to.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::{Table, Value as Listed};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lists, if they are here.
fn lists() -> Option<Table> {
    let text = fs::read_to_string(root().join(".ci/deny.toml")).ok()?;
    Some(toml::from_str(&text).unwrap())
}

/// Every crate that the program, its build or its tests use on any system.
fn crates() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["packages"].as_array().unwrap().clone()
}

fn texts<'a>(list: &'a Listed, of: impl Fn(&'a Listed) -> &'a Listed) -> Vec<&'a str> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| of(item).as_str().unwrap()).collect()
}

#[test]
fn no_crate_that_opens_sockets_is_used() {
    let Some(lists) = lists() else { return };
    let denied = texts(&lists["bans"]["deny"], |item| &item["name"]);
    assert!(denied.contains(&"tokio") && denied.contains(&"socket2"));
    let crates = crates();
    assert!(crates.iter().any(|one| one["name"] == "evtx"));
    for one in &crates {
        let name = one["name"].as_str().unwrap();
        assert!(!denied.contains(&name), "{name} is denied");
    }
}

#[test]
fn every_crate_has_an_allowed_licence_and_comes_from_the_registry() {
    let Some(lists) = lists() else { return };
    let allowed = texts(&lists["licenses"]["allow"], |item| item);
    for one in crates() {
        let licence = one["license"].as_str().unwrap_or_default();
        assert!(
            is_allowed(licence, &allowed),
            "{}: {licence:?}",
            one["name"]
        );
        let from = one["source"].as_str();
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        assert!(
            from == Some(registry) || one["name"] == "winsessions",
            "{one}"
        );
    }
}

/// Whether an SPDX expression can be met by allowed licences alone.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a, 'b> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'b>>;

fn any(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any(words, allowed);
        return words.next() == Some(")") && met;
    }
    let licence = words.next().unwrap_or_default();
    match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => allowed.contains(&&*format!("{licence} WITH {exception}")),
        None => allowed.contains(&licence),
    }
}

#[test]
fn an_expression_of_licences_is_met_by_those_that_are_allowed() {
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("MIT/GPL-3.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("(GPL-3.0 OR MIT) AND BSL-1.0", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT WITH LLVM-exception", false),
        ("(MIT", false),
    ] {
        assert_eq!(
            is_allowed(expression, &["MIT", "Zlib"]),
            met,
            "{expression}"
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = paths.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    below.collect()
}

#[test]
fn the_program_itself_opens_no_socket_and_starts_no_other_program() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 50);
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
    {
        let text = fs::read_to_string(path).unwrap();
        for word in [
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "UnixDatagram",
            "process::Command",
        ] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}
