//! How fast each stage is by itself: `cargo bench --bench stages`, in bytes of the log per second.
//!
//! Two logs are made for it, one that is mostly logons and one that is mostly other records. "decode" and "decode, collect"
//! read the log, "machines, timeline" and "sessions, csv" begin with what is in memory, "all" does everything but the last; "limit" is
//! what reading costs at least. One thread. Whole processes: `benches/whole`.

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use winsessions::analysis::{Options, analyse, pair};
use winsessions::event::{Collector, LogIndex};
use winsessions::evidence::Content;
use winsessions::export::{Format, View, Writer};
use winsessions::log::{Account, Decoding, Reader, Record, blocks};
use winsessions::session::{self, Session, Source};
use winsessions::synth;

#[allow(dead_code, reason = "it is a program by itself")]
#[path = "limit.rs"]
mod limit;

/// A day of a server, as often as makes a log of some 16 MB.
const BYTES: u64 = 16_000_000;

const SERVER: &str = r#"
    [domain.CORP]
    sid = "S-1-5-21-1122334455-667788990-1357924680"
    dns = "corp.example"

    [account.backup]
    domain = "CORP"
    rid = 1140
    admin = true

    [account.carol]
    domain = "CORP"
    rid = 1120
    admin = true

    [account.dave]
    domain = "CORP"
    rid = 1121

    [[machine]]
    name = "SRV-LARCH"
    os = "server-2016"
    sid = "S-1-5-21-3030405060-2021222324-2526272829"
    domain = "CORP"

    [[machine.step]]
    at = "2024-03-06T02:00:00Z"
    do = "boot"
"#;

/// A server that many use: logons over the network, jobs, desktops, guesses.
fn busy() -> String {
    let mut story = SERVER.to_owned();
    for hour in 3..23 {
        let _ = write!(
            story,
            r#"
            [[machine.step]]
            at = "{hour:02}:00:00"
            do = "logon"
            kind = "network"
            account = "dave"
            address = "10.20.0.{hour}"
            count = 90
            every = "15s"
            ends_after = "7s"

            [[machine.step]]
            at = "{hour:02}:30:00"
            do = "logon"
            kind = "batch"
            account = "backup"
            count = 10
            every = "20s"
            ends_after = "5s"

            [[machine.step]]
            at = "{hour:02}:40:00"
            do = "logon-failed"
            name = "administrator"
            address = "198.51.100.9"
            count = 10
            every = "3s"

            [[machine.step]]
            at = "{hour:02}:45:00"
            do = "logon"
            kind = "rdp"
            account = "carol"
            address = "10.20.0.5"
            as = "carol-{hour}"

            [[machine.step]]
            at = "{hour:02}:55:00"
            do = "logoff"
            session = "carol-{hour}"
            "#
        );
    }
    story + "[[machine.step]]\nat = \"23:30:00\"\ndo = \"stop\"\n"
}

/// A server that audits what its few users open.
fn quiet() -> String {
    let mut story = SERVER.to_owned();
    for hour in 3..23 {
        let _ = write!(
            story,
            r#"
            [[machine.step]]
            at = "{hour:02}:00:00"
            do = "logon"
            kind = "network"
            account = "dave"
            address = "10.20.0.{hour}"
            logon_id = "0x{hour}5000"
            as = "dave-{hour}"
            "#
        );
        for record in 0..90 {
            let _ = write!(
                story,
                r#"
                [[machine.step]]
                after = "20s"
                do = "record"
                event = 4663
                version = 1
                task = 12800
                provider = "Microsoft-Windows-Security-Auditing"
                provider_guid = "{{54849625-5478-4994-a5ba-3e3b0328c30d}}"
                channel = "Security"
                data = [
                  {{ name = "SubjectUserSid", value = "S-1-5-21-1122334455-667788990-1357924680-1121", type = "sid" }},
                  {{ name = "SubjectUserName", value = "dave" }},
                  {{ name = "SubjectDomainName", value = "CORP" }},
                  {{ name = "SubjectLogonId", value = "0x{hour}5000", type = "hex64" }},
                  {{ name = "ObjectServer", value = "Security" }},
                  {{ name = "ObjectType", value = "File" }},
                  {{ name = "ObjectName", value = 'E:\Shares\Plans\{hour}\sheet-{record}.dwg' }},
                  {{ name = "HandleId", value = "0x1{record:02}c", type = "pointer" }},
                  {{ name = "AccessList", value = "%%4416" }},
                  {{ name = "AccessMask", value = "0x1", type = "hex32" }},
                  {{ name = "ProcessId", value = "0x4", type = "pointer" }},
                  {{ name = "ProcessName", value = "" }},
                  {{ name = "ResourceAttributes", value = "S:AI" }},
                ]
                "#
            );
        }
        let _ = write!(
            story,
            "[[machine.step]]\nat = \"{hour:02}:50:00\"\ndo = \"logoff\"\nsession = \"dave-{hour}\"\n"
        );
    }
    story + "[[machine.step]]\nat = \"23:30:00\"\ndo = \"stop\"\n"
}

fn log_of(story: &str, folder: &Path) -> PathBuf {
    let (_, bytes) = synth::render(story).expect("the story").remove(0);
    let (day, log) = (folder.join("day.evtx"), folder.join("Security.evtx"));
    std::fs::write(&day, &bytes).expect("a file");
    let copies = (BYTES / bytes.len() as u64) as u32;
    let mut file = std::fs::File::create(&log).expect("a file");
    synth::tile(&day, copies, &mut file).expect("a log");
    log
}

/// Reads a whole log in one thread.
fn read(log: &Path, each: &mut dyn FnMut(&Record<'_>)) -> Account {
    let mut reader = Reader::new(Decoding::Plans);
    let mut account = Account::default();
    let content = Content::File(log.to_owned());
    for block in blocks(content.size()) {
        account.add(reader.read(&content, block, each));
    }
    account
}

fn collect(log: &Path) -> Source {
    let mut collector = Collector::new(LogIndex(0));
    read(log, &mut |record| collector.add(record));
    let uses = collector.take_uses();
    Source {
        events: collector.events,
        spans: collector.spans,
        uses,
        ..Source::default()
    }
}

fn stages(criterion: &mut Criterion) {
    for (name, story) in [("busy", busy()), ("quiet", quiet())] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log_of(&story, folder.path());
        let options = Options {
            threads: Some(1),
            ..Options::default()
        };
        let analysis = analyse(std::slice::from_ref(&log), options).expect("sessions");
        let account = &analysis.logs[0].account;
        let source = collect(&log);
        eprintln!(
            "{name}: {} bytes, {} records, {} events, {} sessions",
            account.bytes,
            account.read,
            source.events.len(),
            analysis.sessions.len()
        );
        assert!(!analysis.is_partial());

        let mut group = criterion.benchmark_group(name);
        group
            .throughput(Throughput::Bytes(account.bytes))
            .sampling_mode(SamplingMode::Flat)
            .sample_size(20)
            .measurement_time(Duration::from_secs(3))
            .warm_up_time(Duration::from_secs(1));
        group.bench_function("limit", |b| b.iter(|| limit::sound_chunks(&log, 1)));
        group.bench_function("decode", |b| b.iter(|| read(&log, &mut |_| {})));
        group.bench_function("decode, collect", |b| {
            b.iter_with_large_drop(|| collect(&log))
        });
        group.bench_function("all", |b| {
            b.iter_with_large_drop(|| pair(std::slice::from_ref(&log), options))
        });
        group.bench_function("machines, timeline", |b| {
            b.iter_batched(
                || vec![source.clone()],
                |sources| {
                    let machines = session::machines(sources).into_iter();
                    machines.map(session::timeline).collect::<Vec<_>>()
                },
                BatchSize::LargeInput,
            );
        });
        group.bench_function("sessions, csv", |b| {
            let paired = pair(std::slice::from_ref(&log), options).expect("sessions");
            let view = View::new(paired.analysis(), None);
            let writer = Writer {
                format: Format::Csv,
                width: 80,
                threads: Some(1),
                colours: false,
                csv_raw: true,
            };
            let session = |place: &usize| paired.session(*place);
            let places = 0..paired.sessions();
            b.iter(|| {
                let mut out = std::io::sink();
                writer.write::<Session, _, _>(&view, places.clone(), session, &mut out)
            });
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    stages(&mut criterion);
    criterion.final_summary();
}
