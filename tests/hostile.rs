//! Logs made to take more than they weigh: whole runs of the program end, say what was damaged, and stay within bounds of
//! memory.
//!
//! What a scenario can tell of is in `fixtures/hostile`; the rest is made here byte by byte. Logs take 4 MB each, with
//! `WINSESSIONS_ROBUST=all` 100 MB. Peak memory is the system's own account of the process, so it is held against its bound on
//! Linux alone.

#[path = "fuzz/src/lib.rs"]
#[allow(dead_code, unused_imports)]
mod targets;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use targets::log_of;

/// Where in its chunk the definition of the first record is: behind the chunk's header, the record's own and the instance's.
const DEFINITION: usize = 512 + 24 + 14;
const BODY: usize = DEFINITION + 24;
const RECORDS: usize = 65536 - 512;

/// What a run takes without any record, with its threads and what each of them may keep of definitions, texts and contents.
const BASE: u64 = 96 << 20;

/// What a record may take. Where no two have anything in common, an event and its row on the timeline take some 2,300 bytes.
const PER_RECORD: u64 = 3_000;

/// What a machine may take, of which some 11,000 bytes are what is known of it, of its channels and boots.
const PER_MACHINE: u64 = 12_000;

/// Longer than any run takes; nothing but a hang gets there.
const HANGS: Duration = Duration::from_secs(600);

fn size() -> usize {
    match std::env::var_os("WINSESSIONS_ROBUST") {
        Some(_) => 100 << 20,
        None => 4 << 20,
    }
}

/// The body of a definition: tokens and names.
#[derive(Default)]
struct Body {
    /// Where in the chunk it begins.
    at: usize,
    bytes: Vec<u8>,
    names: HashMap<String, u32>,
}

impl Body {
    /// One element around what `inside` writes.
    fn of(inside: impl FnOnce(&mut Body)) -> Vec<u8> {
        let mut body = Body {
            at: BODY,
            ..Body::default()
        };
        body.event(inside);
        body.bytes
    }

    fn event(&mut self, inside: impl FnOnce(&mut Body)) {
        self.bytes.extend([0x0f, 1, 1, 0]);
        self.element("Event", inside);
        self.bytes.push(0);
    }

    /// A definition, with others like it in a text of it; notes where each begins.
    fn definition(&mut self, guid: u32, others: usize, places: &mut Vec<u32>) {
        places.push((self.at + self.bytes.len()) as u32);
        self.bytes.extend([0; 4]);
        self.bytes.extend(guid.to_le_bytes());
        self.bytes.extend([0; 16]);
        let start = self.bytes.len();
        self.event(|body| {
            audit_fields(body);
            if others > 0 {
                body.element("Rest", |body| {
                    body.bytes.extend([0x05, 0x01, 0, 0]);
                    let start = body.bytes.len();
                    body.definition(guid, others - 1, places);
                    if !(body.bytes.len() - start).is_multiple_of(2) {
                        body.bytes.push(0);
                    }
                    let units = ((body.bytes.len() - start) / 2) as u16;
                    body.bytes[start - 2..start].copy_from_slice(&units.to_le_bytes());
                });
            }
        });
        let size = (self.bytes.len() - start) as u32;
        self.bytes[start - 4..start].copy_from_slice(&size.to_le_bytes());
    }

    fn name(&mut self, name: &str) {
        let here = (self.at + self.bytes.len() + 4) as u32;
        let known = self.names.get(name).copied();
        self.bytes.extend(known.unwrap_or(here).to_le_bytes());
        if known.is_none() {
            self.names.insert(name.into(), here);
            self.bytes.extend([0; 4]);
            let hash = name.encode_utf16().fold(0_u32, |hash, unit| {
                hash.wrapping_mul(65599).wrapping_add(u32::from(unit))
            });
            self.bytes.extend((hash as u16).to_le_bytes());
            self.text(name);
            self.bytes.extend([0; 2]);
        }
    }

    fn text(&mut self, text: &str) {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.bytes.extend((units.len() as u16 / 2).to_le_bytes());
        self.bytes.extend(units);
    }

    fn open(&mut self, name: &str, attribute: bool) {
        self.bytes.push(if attribute { 0x41 } else { 0x01 });
        self.bytes.extend([0xff, 0xff, 0, 0, 0, 0]);
        self.name(name);
        if attribute {
            self.bytes.extend([0; 4]);
        }
    }

    fn element(&mut self, name: &str, inside: impl FnOnce(&mut Body)) {
        self.open(name, false);
        self.bytes.push(0x02);
        inside(self);
        self.bytes.push(0x04);
    }

    fn substitution(&mut self, index: u16, kind: u8) {
        self.bytes.push(0x0e);
        self.bytes.extend(index.to_le_bytes());
        self.bytes.push(kind);
    }

    /// An element with an attribute that is a substitution.
    fn attribute(&mut self, element: &str, name: &str, index: u16, kind: u8) {
        self.open(element, true);
        self.bytes.push(0x06);
        self.name(name);
        self.substitution(index, kind);
        self.bytes.push(0x03);
    }

    /// A field with a name.
    fn data(&mut self, name: &str, index: u16, kind: u8) {
        self.open("Data", true);
        self.bytes.push(0x06);
        self.name("Name");
        self.bytes.extend([0x05, 0x01]);
        self.text(name);
        self.bytes.push(0x02);
        self.substitution(index, kind);
        self.bytes.push(0x04);
    }
}

/// The body of an audit record's definition.
fn audit() -> Vec<u8> {
    Body::of(audit_fields)
}

fn audit_fields(body: &mut Body) {
    body.element("System", |body| {
        body.attribute("Provider", "Name", 0, 0x01);
        body.element("EventID", |body| body.substitution(1, 0x06));
        body.attribute("TimeCreated", "SystemTime", 2, 0x11);
        body.element("EventRecordID", |body| body.substitution(3, 0x0a));
        body.element("Channel", |body| body.substitution(4, 0x01));
        body.element("Computer", |body| body.substitution(5, 0x01));
    });
    body.element("EventData", |body| {
        body.data("TargetUserSid", 6, 0x13);
        body.data("TargetUserName", 7, 0x01);
        body.data("TargetDomainName", 8, 0x01);
        body.data("TargetLogonId", 9, 0x15);
        body.data("LogonType", 10, 0x08);
        body.data("SubjectLogonId", 11, 0x15);
        body.data("TargetLinkedLogonId", 12, 0x15);
    });
}

/// A value with its type.
type Value = (u8, Vec<u8>);

fn text(text: &str) -> Value {
    (
        0x01,
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    )
}

/// What is different from record to record.
struct Audit {
    event_id: u16,
    time: u64,
    computer: String,
    name: String,
    id: u64,
    logon_type: u32,
    subject: u64,
    linked: u64,
}

const NOON: u64 = 133_500_000_000_000_000;

impl Audit {
    fn logon(number: u64) -> Self {
        Audit {
            event_id: 4624,
            time: NOON + number,
            computer: "PC-1".into(),
            name: "ann".into(),
            id: 0x10_0000 + number,
            logon_type: 3,
            subject: 0x3e7,
            linked: 0,
        }
    }

    fn values(&self, number: u64) -> Vec<u8> {
        let sid = [1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xe9, 3, 0, 0];
        let hex = |number: u64| (0x15, number.to_le_bytes().to_vec());
        array(&[
            text("Microsoft-Windows-Security-Auditing"),
            (0x06, self.event_id.to_le_bytes().to_vec()),
            (0x11, self.time.to_le_bytes().to_vec()),
            (0x0a, number.to_le_bytes().to_vec()),
            text("Security"),
            text(&self.computer),
            (0x13, sid.to_vec()),
            text(&self.name),
            text("PC-1"),
            hex(self.id),
            (0x08, self.logon_type.to_le_bytes().to_vec()),
            hex(self.subject),
            hex(self.linked),
        ])
    }
}

/// An array of values as an instance has it.
fn array(values: &[Value]) -> Vec<u8> {
    let mut bytes = (values.len() as u32).to_le_bytes().to_vec();
    for (kind, value) in values {
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend([*kind, 0]);
    }
    bytes.extend(values.iter().flat_map(|(_, value)| value));
    bytes
}

fn record(number: u64, content: &[u8]) -> Vec<u8> {
    let size = (content.len() + 28) as u32;
    let mut bytes = b"**\0\0".to_vec();
    bytes.extend(size.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(NOON.to_le_bytes());
    bytes.extend(content);
    bytes.extend(size.to_le_bytes());
    bytes
}

/// An instance: with the definition where there is one, else of that of the chunk's first record.
fn instance(guid: u32, body: Option<&[u8]>, values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x0f, 1, 1, 0, 0x0c, 1];
    bytes.extend(guid.to_le_bytes());
    bytes.extend((DEFINITION as u32).to_le_bytes());
    if let Some(body) = body {
        bytes.extend([0; 4]);
        bytes.extend(guid.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(body);
    }
    bytes.extend(values);
    bytes
}

/// A log of one record.
fn one(body: &[u8], values: &[u8]) -> Vec<u8> {
    let content = [instance(7, Some(body), values), vec![0]].concat();
    log_of(&[&record(1, &content)])
}

/// A log of a size: chunks with one definition each, which is told by the number of the chunk, filled with records.
fn many(
    size: usize,
    body: impl Fn(u32) -> Vec<u8>,
    values: impl Fn(u64) -> Vec<u8>,
) -> (Vec<u8>, u64) {
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    let mut number = 1;
    while chunks.len() * 65536 < size {
        let guid = chunks.len() as u32;
        let body = body(guid);
        let mut chunk = Vec::new();
        loop {
            let body = chunk.is_empty().then_some(body.as_slice());
            let next = [instance(guid, body, &values(number)), vec![0]].concat();
            let next = record(number, &next);
            if chunk.len() + next.len() > RECORDS {
                break;
            }
            chunk.extend(next);
            number += 1;
        }
        assert!(!chunk.is_empty(), "a record is too large");
        chunks.push(chunk);
    }
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    (log_of(&chunks), number - 1)
}

/// A log of audit records.
fn audits(of: impl Fn(u64) -> Audit) -> (Vec<u8>, u64) {
    let body = audit();
    many(size(), |_| body.clone(), |number| of(number).values(number))
}

struct Run {
    status: Option<i32>,
    told: String,
    rows: usize,
    /// Bytes.
    peak: u64,
}

/// The peak memory of a process so far, where the system tells.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

fn run(command: &str, options: &[&str], log: &[u8]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("evidence")).unwrap();
    fs::write(path("evidence/Security.evtx"), log).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args([command, "--format", "csv", "--threads", "2", "-o"])
        .args([path("rows.csv"), path("evidence")])
        .args(options)
        .stderr(fs::File::create(path("told")).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (start, mut most) = (Instant::now(), 0);
    let status = loop {
        most = peak(child.id()).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > HANGS {
            child.kill().unwrap();
            panic!("it takes more than {HANGS:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let rows = fs::read_to_string(path("rows.csv")).unwrap_or_default();
    Run {
        status,
        told: fs::read_to_string(path("told")).unwrap(),
        rows: rows.lines().count().saturating_sub(1),
        peak: most,
    }
}

/// Runs both timelines over a log of one machine: they end with a status, and take what the records may take.
fn holds(what: &str, log: (Vec<u8>, u64), status: i32) -> Run {
    holds_of(what, log, 1, status, &[])
}

/// The same of a log of several machines, with `options`.
fn holds_of(
    what: &str,
    (log, records): (Vec<u8>, u64),
    machines: u64,
    status: i32,
    options: &[&str],
) -> Run {
    let [run, sessions] = ["events", "sessions"].map(|command| {
        let run = run(command, options, &log);
        let most = BASE + PER_RECORD * records + PER_MACHINE * machines;
        eprintln!(
            "{what}, {command}: {} MB, {records} records, {} rows, peak {} MB of {} MB",
            log.len() >> 20,
            run.rows,
            run.peak >> 20,
            most >> 20
        );
        assert_eq!(run.status, Some(status), "{what}: {}", run.told);
        assert!(
            run.peak <= most,
            "{what}: {} bytes, at most {most}",
            run.peak
        );
        run
    });
    assert!(sessions.rows as u64 <= 2 * records + 8, "{what}");
    run
}

#[test]
fn templates_that_refer_to_themselves_or_nest_without_end_cost_their_record() {
    let none = array(&[]);
    let fragment = |levels: usize| {
        let mut values = array(&[]);
        for _ in 0..levels {
            let inner = instance(7, None, &values);
            values = array(&[(0x21, inner)]);
        }
        values
    };
    let own = |body: &mut Body| {
        body.bytes
            .extend(instance(7, None, &array(&[])).split_off(4))
    };
    let deep = Body::of(|body| {
        (0..4_000).for_each(|_| {
            body.open("Event", false);
            body.bytes.push(0x02);
        });
        body.bytes.extend([0x04; 4_000]);
    });
    let places = |count: usize, kind: u8| {
        Body::of(|body| (0..count).for_each(|_| body.substitution(0, kind)))
    };
    let long = array(&[text(&"x".repeat(14_000))]);
    for (what, log) in [
        ("4,000 elements deep", one(&deep, &none)),
        ("a definition in itself", one(&Body::of(own), &none)),
        (
            "2,500 fragments deep",
            one(&places(1, 0x21), &fragment(2_500)),
        ),
        (
            "2 to the 24 fragments",
            one(&places(2, 0x21), &fragment(24)),
        ),
        (
            "a long text in 8,000 places",
            one(&places(8_000, 0x01), &long),
        ),
    ] {
        let run = holds(what, (log, 1), 3);
        assert!(run.told.contains("record"), "{what}: {}", run.told);
        assert_eq!(run.rows, 0, "{what}");
    }
}

#[test]
fn the_templates_of_the_scenario_cost_the_records_that_have_them_and_no_others() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = fs::read_to_string(root.join("fixtures/hostile/templates/scenario.toml"));
    let [(_, log)] = &winsessions::synth::render(&scenario.unwrap()).unwrap()[..] else {
        panic!("the scenario tells of one log");
    };
    for options in [&[][..], &["--decoder", "evtx"], &["--recover"]] {
        let run = holds_of("scenario", (log.clone(), 57), 1, 3, options);
        for number in [40, 45, 46, 47, 48, 49, 50, 51] {
            let place = format!("record {number},");
            assert!(run.told.contains(&place), "{number}: {}", run.told);
        }
        let read = "read 49 records in 11 chunks of 1 log; 8 records damaged";
        assert!(run.told.contains(read), "{}", run.told);
    }
}

#[test]
fn counts_and_claims_that_cannot_be_are_not_believed() {
    let (mut log, records) = audits(Audit::logon);
    for chunk in log[4096..].chunks_mut(65536) {
        chunk[0x08..0x10].copy_from_slice(&0_u64.to_le_bytes());
        chunk[0x10..0x18].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
        chunk[0x18..0x28].fill(0xff);
        chunk[0x28..0x30].fill(0xff);
    }
    let claimed = holds("2^64 records claimed", (log, records), 3);
    assert!(
        claimed.told.contains("more than a chunk can hold"),
        "{}",
        claimed.told
    );
    let (mut log, records) = audits(Audit::logon);
    let found: Vec<usize> = (4096..log.len() - 4)
        .filter(|&at| log[at..].starts_with(&[13, 0, 0, 0, 70, 0, 1, 0]))
        .collect();
    assert_eq!(found.len() as u64, records);
    for at in found {
        log[at..at + 4].fill(0xff);
    }
    let counted = holds("2^32 values in each record", (log, records), 3);
    assert_eq!(counted.rows, 0);
}

#[test]
fn definitions_and_names_that_never_come_again_are_not_all_kept() {
    let long = "n".repeat(200);
    let body = |guid: u32| {
        Body::of(|body| {
            body.element("System", |body| {
                body.element("EventID", |body| body.substitution(0, 0x06));
            });
            body.element("EventData", |body| {
                (0..100).for_each(|field| body.data(&format!("{long}{guid}-{field}"), 1, 0x01));
            });
        })
    };
    let values = array(&[(0x06, vec![0x10, 0x12]), text("x")]);
    // Of so many all would not fit, and none of the records is kept.
    let (log, _) = many(size().max(64 << 20), body, |_| values.clone());
    let run = holds("definitions", (log, 0), 0);
    assert_eq!(run.rows, 0);
}

#[test]
fn definitions_that_lie_in_one_another_and_are_met_anew_in_each_chunk_take_what_they_weigh() {
    // Of the first all can be looked at in a chunk; of the second more than a decoder looks at.
    for (what, others) in [("16 KiB", 30), ("48 KiB", 90)] {
        let (mut chunks, mut number): (Vec<Vec<u8>>, u64) = (Vec::new(), 0);
        while chunks.len() * 65536 < size() {
            let guid = chunks.len() as u32;
            let mut body = Body {
                at: DEFINITION,
                ..Body::default()
            };
            let mut places = Vec::new();
            body.definition(guid, others, &mut places);
            assert_eq!(places.len(), others + 1);
            let mut chunk = Vec::new();
            for place in places.iter().cycle() {
                let values = Audit::logon(number + 1).values(number + 1);
                let mut content = vec![0x0f, 1, 1, 0, 0x0c, 1];
                content.extend(guid.to_le_bytes());
                content.extend(place.to_le_bytes());
                if chunk.is_empty() {
                    content.extend(&body.bytes);
                }
                content.extend(values);
                content.push(0);
                let next = record(number + 1, &content);
                if chunk.len() + next.len() > RECORDS {
                    break;
                }
                chunk.extend(next);
                number += 1;
            }
            chunks.push(chunk);
        }
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let run = holds(what, (log_of(&chunks), number), 0);
        assert_eq!(
            run.rows as u64, number,
            "{what}: each is read, by whichever"
        );
    }
}

/// A log of so many chunks, in each of which every record but the last has the next one in it.
fn records_in_records(hurt: impl Fn(&mut Vec<u8>)) -> (Vec<u8>, u64) {
    let body = audit();
    let (mut chunks, mut number): (Vec<Vec<u8>>, u64) = (Vec::new(), 0);
    while chunks.len() * 65536 < size() {
        let mut next = Vec::new();
        let in_chunk = 180;
        for at in (1..=in_chunk).rev() {
            let id = number + at;
            let values = Audit::logon(id).values(id);
            // The first is the outermost, and holds the definition.
            let body = (at == 1).then_some(body.as_slice());
            next = record(id, &[instance(7, body, &values), vec![0], next].concat());
        }
        assert!(next.len() <= RECORDS, "{}", next.len());
        hurt(&mut next);
        number += in_chunk;
        chunks.push(next);
    }
    let count = chunks.len() as u64;
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    (log_of(&chunks), count)
}

#[test]
fn records_that_lie_in_one_another_count_once_and_take_what_they_weigh() {
    let (log, chunks) = records_in_records(|_| {});
    for options in [&[][..], &["--recover"]] {
        let what = format!("records in one another {options:?}");
        let run = holds_of(&what, (log.clone(), chunks), 1, 0, options);
        assert_eq!(run.rows as u64, chunks, "the outermost of each chunk");
    }
    // The outermost is not whole: the next one is found in it.
    let (log, chunks) = records_in_records(|outermost| {
        outermost.truncate(outermost.len() - 4);
        outermost.extend([0; 4]);
    });
    for (options, found) in [(&[][..], 0), (&["--recover"], chunks)] {
        let what = format!("records in a torn one {options:?}");
        let run = holds_of(&what, (log.clone(), chunks), 1, 3, options);
        assert_eq!(run.rows as u64, found, "{what}: {}", run.told);
    }
}

#[test]
fn records_that_have_nothing_in_common_take_what_they_weigh() {
    let computers = audits(|number| Audit {
        computer: format!("PC-{number}"),
        ..Audit::logon(number)
    });
    let machines = computers.1;
    holds_of("computers", computers, machines, 0, &[]);
    let accounts = audits(|number| Audit {
        name: format!("=cmd|'/c'!A{number}\u{1b}[2J\u{202e}\r\n\","),
        ..Audit::logon(number)
    });
    holds("accounts", accounts, 0);
    let ids = audits(|number| Audit {
        id: number << 40,
        subject: number << 39,
        linked: number << 41,
        ..Audit::logon(number)
    });
    holds("Logon IDs", ids, 0);
}

#[test]
fn the_same_logon_over_and_over_is_read_in_time() {
    for id in [0, 0x3e7, 0x5000, u64::MAX] {
        let same = audits(|number| Audit {
            time: NOON,
            id,
            subject: id,
            linked: id,
            logon_type: [2, 3, 7, 10, 11][(number / 7 % 5) as usize],
            ..Audit::logon(number)
        });
        holds(&format!("Logon ID {id:#x}"), same, 0);
    }
}

#[test]
fn boots_without_end_and_times_at_the_limits_are_read_in_time() {
    let boots = audits(|number| Audit {
        event_id: [4608, 4624, 4634, 4647][(number % 4) as usize],
        id: 0x5000 + number % 3,
        logon_type: [0, 2][(number % 2) as usize],
        ..Audit::logon(number)
    });
    holds("boots", boots, 0);
    let times = audits(|number| Audit {
        event_id: [4624, 4634, 4608, 4647, 4672, 4800][(number % 6) as usize],
        time: [
            0,
            1,
            NOON,
            i64::MAX as u64,
            u64::MAX,
            2_650_467_743_999_999_999,
        ][(number % 5) as usize],
        id: 0x5000 + number % 7,
        ..Audit::logon(number)
    });
    holds("times", times, 0);
}
