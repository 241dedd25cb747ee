//! The completions, in the shells that they are for: each has to load them without a word and complete by them. A shell that is
//! not installed is told on standard error as `NOT CHECKED`; `tests/run` installs them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Lines that are begun, and what completes them.
const LINES: [(&str, &str); 6] = [
    ("winsessions sess", "sessions"),
    ("winsessions sessions --inter", "--interactive"),
    ("winsessions sessions --sort du", "duration"),
    ("winsessions events --format timesketch-", "timesketch-csv"),
    ("winsessions batch run --plan", "--planned"),
    ("winsessions schema mess", "messages"),
];

/// The completions for a shell, as a file in a folder of their own.
fn completions(shell: &str, name: &str) -> (TempDir, PathBuf) {
    let output = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(["completions", shell])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, output.stdout).unwrap();
    (folder, file)
}

/// What a shell says; nothing if it is not installed, which is told.
fn said(shell: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(shell).args(arguments).output() {
        Ok(output) => output,
        Err(_) => {
            // Not by the macro, whose words are kept back where a test passes.
            let told = format!("NOT CHECKED: completions ({shell} is not installed)");
            let _ = writeln!(std::io::stderr(), "{told}");
            return None;
        }
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell}: {told}");
    assert_eq!(told, "", "{shell}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn bash_completes_commands_options_and_their_words() {
    let (_folder, file) = completions("bash", "winsessions");
    for (line, wanted) in LINES {
        let script = r#"
            source "$1"
            read -ra COMP_WORDS <<< "$2"
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _winsessions winsessions "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf '%s\n' "${COMPREPLY[@]}""#;
        let asked = ["--norc", "-c", script, "bash", text(&file), line];
        let Some(told) = said("bash", &asked) else {
            return;
        };
        assert_eq!(told.lines().collect::<Vec<_>>(), [wanted], "{line}");
    }
}

#[test]
fn zsh_completes_commands_options_and_their_words() {
    let (folder, _file) = completions("zsh", "_winsessions");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shells/complete.zsh");
    let lines = LINES.map(|(line, _)| line);
    let asked = [&["-f", text(&script), text(folder.path())], &lines[..]].concat();
    let Some(told) = said("zsh", &asked) else {
        return;
    };
    let wanted = LINES.map(|(line, wanted)| {
        let (before, _) = line.rsplit_once(' ').unwrap();
        format!("<<{before} {wanted} >>")
    });
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn fish_completes_commands_options_and_their_words() {
    let (_folder, file) = completions("fish", "winsessions.fish");
    for (line, wanted) in LINES {
        let script = "source $argv[1]; complete -C $argv[2]";
        let asked = ["--no-config", "-c", script, text(&file), line];
        let Some(told) = said("fish", &asked) else {
            return;
        };
        let words: Vec<&str> = told
            .lines()
            .filter_map(|word| word.split('\t').next())
            .collect();
        assert_eq!(words, [wanted], "{line}");
    }
}
