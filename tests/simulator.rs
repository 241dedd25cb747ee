//! Random histories of machines, told as evidence whole and damaged, and held against their truth.
//!
//! *Complete evidence*: every session comes out once, with exact account, kind, start, end, reason, parent, boot,
//! intervals and duration. *Damaged evidence* is **sound**: nothing that is marked recorded is wrong, the true start and
//! end lie within what is claimed, and every row is a true session or a part of one whose start is unknown.
//!
//! `cargo test --release --test simulator -- --nocapture` prints both measures; `WINSESSIONS_HISTORIES=1000` takes that many
//! histories in place of two dozen, `WINSESSIONS_STORIES=1` shows one story of each mistake.

#[path = "simulator/history.rs"]
mod history;
#[path = "simulator/measure.rs"]
mod measure;

use history::Random;
use measure::Damage;
use std::collections::BTreeMap;

/// How many histories there are, unless the environment says otherwise.
const HISTORIES: u64 = 24;
/// About how many sessions of people and programs a history has; those that Windows makes by itself come to them.
const SESSIONS: usize = 100;
/// Of a thousand sessions so many are told exactly where the evidence is complete.
const EXACT: usize = 999;

/// Histories that once made the program claim something false, told after the first two dozen.
const ONCE_FALSE: &[u64] = &[
    30, 32, 37, 45, 57, 59, 62, 68, 69, 71, 79, 80, 86, 94, 98, 100, 105, 106, 113, 124, 126, 133,
    137, 143, 145, 188, 223, 653, 692,
];
/// What ends so cannot be seen without the record of it: a logoff that LocalSessionManager alone told, where that is gone. The
/// session is said to have ended with its boot.
const UNSEEN: &str = " of ts-logoff";

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The seeds of the histories.
fn seeds() -> Vec<u64> {
    match from_environment("WINSESSIONS_HISTORIES") {
        Some(histories) => (0..histories).collect(),
        None => (0..HISTORIES).chain(ONCE_FALSE.iter().copied()).collect(),
    }
}

/// Prints how often each mistake was made, and some of its stories.
fn print<K: std::fmt::Debug>(faults: &BTreeMap<K, Vec<(u64, String)>>) {
    let stories = from_environment("WINSESSIONS_STORIES").unwrap_or(0);
    for (what, list) in faults {
        println!("{:6} {what:?}", list.len());
        for (seed, story) in list.iter().take(stories as usize) {
            println!("history {seed}: {story}");
        }
    }
}

#[test]
fn complete_evidence_gives_every_session_once_and_exactly() {
    let (mut truths, mut rows, mut exact) = (0, 0, 0);
    let mut faults: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for seed in seeds() {
        let history = history::history(seed, SESSIONS);
        let found = measure::complete(&history);
        let (right, wrong) = measure::hold_exact(&history, &found);
        truths += history.truths.len();
        rows += found.len();
        exact += right;
        for fault in wrong {
            faults
                .entry(fault.what)
                .or_default()
                .push((seed, fault.story));
        }
    }
    println!(
        "complete evidence: {truths} sessions in {} histories, {rows} rows, {exact} exact",
        seeds().len()
    );
    print(&faults);
    let enough = |whole: usize| exact * 1000 >= whole * EXACT;
    assert!(enough(truths), "recall: {exact} of {truths}");
    assert!(enough(rows), "precision: {exact} of {rows}");
}

#[test]
fn damaged_evidence_makes_no_false_claim() {
    let mut faults: BTreeMap<(String, Damage), Vec<(u64, String)>> = BTreeMap::new();
    let mut rows: BTreeMap<Damage, [usize; 3]> = BTreeMap::new();
    for seed in seeds() {
        let history = history::history(seed, SESSIONS);
        for damage in Damage::ALL {
            let mut random = Random::new(seed * 16 + damage as u64);
            let Some((found, how)) = measure::damaged(&history, damage, &mut random) else {
                continue;
            };
            let wrong = measure::hold_sound(&history, &found);
            let unseen = wrong
                .iter()
                .filter(|fault| fault.what.ends_with(UNSEEN))
                .count();
            let count = rows.entry(damage).or_default();
            count[0] += found.len();
            count[1] += wrong.len() - unseen;
            count[2] += unseen;
            for fault in wrong {
                let story = format!("{how}\n{}", fault.story);
                faults
                    .entry((fault.what, damage))
                    .or_default()
                    .push((seed, story));
            }
        }
    }
    for (damage, [rows, wrong, unseen]) in &rows {
        println!(
            "damaged evidence, {damage:?}: {rows} rows, {wrong} false claims, {unseen} logoffs that nothing tells"
        );
    }
    print(&faults);
    let made: Vec<_> = faults
        .keys()
        .filter(|(what, _)| !what.ends_with(UNSEEN))
        .collect();
    assert!(made.is_empty(), "false claims: {made:?}");
}
