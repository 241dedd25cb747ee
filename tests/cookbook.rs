//! `docs/cookbook.md`: every command of it is run, and shows what stands below it.
//!
//! `WINSESSIONS_BLESS=1` puts what the commands show below them instead; read the difference before it is kept.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How an investigation's commands begin.
const PROMPT: &str = "$ winsessions ";

/// The arguments of a command as a shell takes them: apart by blanks, but for what stands in apostrophes.
fn arguments(line: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => arguments.push(String::new()),
            other => arguments.last_mut().unwrap().push(other),
        }
    }
    assert!(!quoted, "{line}");
    arguments
}

/// What a command shows on a terminal of 120 columns.
fn shown(line: &str) -> String {
    let arguments = arguments(line);
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_winsessions"));
    command.args(&arguments).env("COLUMNS", "120");
    if !named("--format") && !named("explain") {
        command.args(["--format", "table"]);
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {told}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.lines().count() > 1, "{line} shows nothing");
    shown
}

#[test]
fn every_command_of_the_cookbook_shows_what_stands_below_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cookbook.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut made = String::new();
    let mut commands = 0;
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```text";
        }
        match line.strip_prefix(PROMPT) {
            Some(command) if inside => {
                commands += 1;
                let output = shown(command);
                made.push_str(&format!("{line}\n{}\n", output.trim_end()));
            }
            _ if inside && line != "```text" => {}
            _ => made.push_str(&format!("{line}\n")),
        }
    }
    assert!(commands >= 10, "{commands}");
    assert_eq!(page.matches("\n## ").count(), 10);
    if std::env::var_os("WINSESSIONS_BLESS").is_some() {
        fs::write(&path, made).unwrap();
        return;
    }
    let differs = page
        .lines()
        .zip(made.lines())
        .find(|(kept, now)| kept != now);
    assert!(page == made, "{differs:?}");
}
