//! Any text as a scenario.

use std::collections::BTreeMap;
use winsessions::evidence::Content;
use winsessions::log::{Account, Reader, blocks};
use winsessions::synth;

/// More digits than this in a row would ask for more records than there is time for.
const DIGITS: usize = 4;

/// A text is no scenario, or one whose logs hold what it says, each record once.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if asks_for_much(text) {
        return;
    }
    let Ok(logs) = synth::render(text) else {
        return;
    };
    let expected: BTreeMap<_, _> = synth::expected(text).unwrap().into_iter().collect();
    for (path, bytes) in logs {
        let content = Content::Memory(bytes);
        let mut account = Account::default();
        let mut reader = Reader::default();
        for block in blocks(content.size()) {
            account.add(reader.read(&content, block, &mut |_| ()));
        }
        if !text.contains("damage") {
            assert!(account.damage.is_empty(), "{:?}", account.damage);
            assert_eq!(account.read, expected[&path].len() as u64);
        }
    }
}

/// Whether a number there could be a count, not the part of a SID or a time.
fn asks_for_much(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    let counted = lines.filter(|line| !line.starts_with("sid") && !line.starts_with("at"));
    let numbers = counted.flat_map(|line| line.split(|c: char| !c.is_ascii_hexdigit() && c != '_'));
    numbers
        .into_iter()
        .any(|number| number.len() > DIGITS && number.bytes().any(|b| b.is_ascii_digit()))
}
