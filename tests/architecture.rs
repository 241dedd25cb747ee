//! The shape of the code: data goes one way.

use std::fs;
use std::path::{Path, PathBuf};

/// A module imports only from its left; leaves stand first.
const ORDER: [&str; 24] = [
    "named", "text", "spoof", "time", "digits", "sid", "guid", "damage", "progress", "evidence",
    "error", "log", "event", "session", "analysis", "filter", "overlap", "summary", "export",
    "report", "batch", "schema", "synth", "main",
];

/// The binary's own modules.
const BINARY: [&str; 10] = [
    "bar",
    "batches",
    "cli",
    "commands",
    "destination",
    "failure",
    "nearest",
    "output",
    "signals",
    "unmatched",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found
}

/// The top module of a file, and its text without comments and tests.
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&root).unwrap();
        let top = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .filter(|line| !line.trim().starts_with("//"))
            .collect();
        (top, path, code.join("\n"))
    };
    sources(&root)
        .into_iter()
        .map(read)
        .filter(|(top, ..)| top != "lib")
        .collect()
}

/// The modules of the library that a text names.
fn imports(text: &str) -> Vec<&'static str> {
    let named = |module: &&str| {
        ["crate::", "winsessions::"]
            .iter()
            .any(|root| text.contains(&format!("{root}{module}")))
    };
    ORDER.iter().copied().filter(named).collect()
}

#[test]
fn a_module_imports_only_from_its_left() {
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    for (module, path, text) in modules() {
        if path.ends_with("tests.rs") {
            continue;
        }
        // The binary's own modules sit on top of everything.
        let own = match module.as_str() {
            own if BINARY.contains(&own) => "main",
            own => own,
        };
        let own = place(own).unwrap_or_else(|| panic!("{module} has no place in the order"));
        for import in imports(&text) {
            assert!(
                place(import).unwrap() <= own,
                "{} imports {import}",
                path.display()
            );
        }
    }
}

#[test]
fn one_place_knows_the_format_one_the_threads_and_synth_shares_nothing() {
    for (module, path, text) in modules() {
        let at = path.display();
        assert!(
            module == "log" || !text.contains("evtx::"),
            "{at} uses the evtx crate"
        );
        assert!(
            module == "analysis" || !text.contains("rayon"),
            "{at} uses rayon"
        );
        assert!(
            module != "synth" || imports(&text).is_empty() || imports(&text) == ["synth"],
            "{at} shares code: {:?}",
            imports(&text)
        );
        assert!(
            module != "log"
                || imports(&text).iter().all(|import| [
                    "log", "evidence", "time", "guid", "damage", "named"
                ]
                .contains(import)),
            "{at}"
        );
    }
}
