use super::*;
use crate::analysis::{Analysis, TimelineEvent};
use crate::session::Session;

/// Holds `found` against a file that people review. `WINSESSIONS_BLESS=1` writes the file anew.
fn golden(name: &str, found: &[u8]) {
    let path = format!("{}/src/export/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("WINSESSIONS_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read(&path).unwrap();
    assert!(
        found == expected,
        "{path} differs; found:\n{}",
        String::from_utf8_lossy(found)
    );
}

fn sessions(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    let rows: Vec<&Session> = analysis.sessions.iter().collect();
    let mut out = Vec::new();
    write(format, &View::new(analysis, None), &rows, width, &mut out).unwrap();
    out
}

fn events(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    let rows: Vec<&TimelineEvent> = analysis.events.iter().collect();
    let mut out = Vec::new();
    write(format, &View::new(analysis, None), &rows, width, &mut out).unwrap();
    out
}

#[test]
fn every_format_gives_the_bytes_that_were_reviewed() {
    let analysis = sample::analysis();
    golden("sessions.csv", &sessions(&analysis, Format::Csv, 0));
    golden("sessions.json", &sessions(&analysis, Format::Json, 0));
    golden("sessions.jsonl", &sessions(&analysis, Format::Jsonl, 0));
    golden("sessions-100.txt", &sessions(&analysis, Format::Table, 100));
    golden("sessions-200.txt", &sessions(&analysis, Format::Table, 200));
    golden("events.csv", &events(&analysis, Format::Csv, 0));
    golden("events.json", &events(&analysis, Format::Json, 0));
    golden("events-100.txt", &events(&analysis, Format::Table, 100));
    golden("events-160.txt", &events(&analysis, Format::Table, 160));
    let mut told = Vec::new();
    messages::write(&analysis, &mut told).unwrap();
    golden("messages.txt", &told);
}
