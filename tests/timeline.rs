//! Whole runs over logs that `synth` writes for the purpose.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use winsessions::analysis::{Analysis, Options, analyse};
use winsessions::synth;

/// Analyses the logs of a scenario that `wanted` picks by their paths.
fn analysed(scenario: &str, wanted: impl Fn(&Path) -> bool) -> Analysis {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in synth::render(scenario).unwrap() {
        if wanted(&path) {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
    }
    analyse(&[folder.path().to_owned()], Options::default()).unwrap()
}

fn fixture(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}/scenario.toml")),
    )
    .unwrap()
}

#[test]
fn forwarded_records_give_the_sessions_that_the_live_log_gives() {
    for (name, host) in [
        ("workday", "WS-ALDER"),
        ("server", "SRV-BIRCH"),
        ("crash", "WS-OAK"),
    ] {
        let collected = format!(
            "{}\n[[collector]]\nname = \"COLLECT\"\nfrom = [\"{host}\"]\n",
            fixture(name)
        );
        let live = analysed(&collected, |path| path.ends_with("Security.evtx"));
        let forwarded = analysed(&collected, |path| path.ends_with("ForwardedEvents.evtx"));
        assert!(
            live.sessions.len() > 3 && forwarded.events.iter().any(|row| row.event.stored_as_text)
        );
        assert_eq!(live.sessions, forwarded.sessions, "{name}");
    }
}

#[test]
fn a_log_and_what_a_collector_got_of_it_are_one_machine_and_each_record_counts_once() {
    let collected = format!(
        "{}\n[[collector]]\nname = \"COLLECT\"\nfrom = [\"WS-OAK\"]\n",
        fixture("crash")
    );
    let live = analysed(&collected, |path| path.ends_with("Security.evtx"));
    let both = analysed(&collected, |_| true);
    assert_eq!(live.events.len(), both.events.len());
    assert!(both.events.iter().all(|row| row.sources.len() == 2));
    assert_eq!(
        (both.sessions.len(), both.conflicts),
        (live.sessions.len(), 0)
    );
}

#[test]
fn hundreds_of_hosts_in_one_run_stay_apart_though_their_logon_ids_are_the_same() {
    let (machines, story) = (200, fixture("crash"));
    let folder = tempfile::tempdir().unwrap();
    for number in 0..machines {
        let scenario = story.replace("WS-OAK", &format!("WS-{number:04}"));
        for (path, bytes) in synth::render(&scenario).unwrap() {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
    }
    let all = analyse(&[folder.path().to_owned()], Options::default()).unwrap();
    let one = analysed(&story, |_| true);
    assert_eq!(all.sessions.len(), machines * one.sessions.len());
    let hosts: BTreeSet<&str> = all.sessions.iter().map(|session| &*session.host).collect();
    let ids: BTreeSet<&str> = all.sessions.iter().map(|session| &*session.id).collect();
    assert_eq!((hosts.len(), ids.len()), (machines, all.sessions.len()));
}
