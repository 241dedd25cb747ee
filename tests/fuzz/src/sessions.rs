//! Any events, as far from what Windows writes as bytes can ask for.
//!
//! Each event is one of the fixtures' with another number, time, Logon ID and account, and perhaps another kind of logon,
//! desktop, client or machine.

#[path = "../../../src/session/tests/span.rs"]
mod span;

use super::take::Take;
use span::span;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::LazyLock;
use winsessions::analysis::Analysis;
use winsessions::event::{
    Account, Collector, Event, LogIndex, LogonId, LogonType, Seen, Span, Text, Use,
};
use winsessions::evidence::{self, Content};
use winsessions::export::{Format, View, Writer};
use winsessions::log::{Reader, blocks};
use winsessions::session::{self, Flag, Machine, Role, Session, Source};
use winsessions::sid::Sid;
use winsessions::time::{TICKS_PER_SECOND, Time};

/// Events of one run at most.
const MOST: usize = 512;

/// One event of each kind in the fixtures: of its channel, event ID, provider, logon type and version.
static KINDS: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let mut roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let fixtures = roots.find_map(|root| Some(root.join("fixtures")).filter(|path| path.is_dir()));
    let mut kinds = BTreeMap::new();
    for item in evidence::find(&[fixtures.expect("fixtures")]).items {
        let content = Content::File(item.path);
        let mut collector = Collector::new(LogIndex(0));
        for block in blocks(content.size()) {
            Reader::default().read(&content, block, &mut |record| collector.add(record));
        }
        for event in collector.events {
            let id = (event.event_id, event.version);
            let key = (event.channel.clone(), id, event.provider, event.logon_type);
            kinds.entry(key).or_insert(event);
        }
    }
    assert!(kinds.len() > 80, "{} kinds of events", kinds.len());
    kinds.into_values().collect()
});

const IDS: [u64; 12] = [
    0x3e7,
    0x3e5,
    0x3e4,
    0,
    0x1_0000,
    0x1_0001,
    0x2_0000,
    0x3_0000,
    u64::MAX,
    1 << 32,
    0x3e3,
    1,
];
const STEPS: [i64; 8] = [0, 1, 2, 60, 3_600, -3_600, 86_400 * 40, -1];
const NUMBERS: [i64; 8] = [1, 1, 1, 2, 0, -1, 64, 100_000];
const COMPUTERS: [&str; 4] = ["PC-1", "PC-1.example", "pc-2", ""];
const ADDRESSES: [&str; 6] = [
    "192.0.2.1",
    "192.0.2.2",
    "127.0.0.1",
    "0.0.0.0",
    "::1",
    "=1+1\u{1b}[2J",
];

fn accounts() -> [Account; 6] {
    let of = |name: &str, domain: &str, sid: &str| Account {
        name: Some(name.into()).filter(|_| !name.is_empty()),
        domain: Some(domain.into()),
        sid: Sid::parse(sid),
    };
    [
        of("ann", "PC-1", "S-1-5-21-1-2-3-1001"),
        of("ben", "CORP", "S-1-5-21-9-9-9-1002"),
        of("", "", "S-1-5-18"),
        of("PC-1$", "CORP", "S-1-5-18"),
        of("DWM-1", "Window Manager", "S-1-5-90-0-1"),
        Account::default(),
    ]
}

/// Any events of up to three logs come to sessions that hold what is promised of them.
pub fn sessions(bytes: &[u8]) {
    let mut take = Take(bytes);
    let mut logs: [Source; 3] = Default::default();
    for (number, log) in logs.iter_mut().enumerate() {
        log.folder = number / 2;
    }
    let mut now = Time::from_filetime(133_500_000_000_000_000);
    let mut next: BTreeMap<(usize, Text), u64> = BTreeMap::new();
    for _ in 0..MOST {
        if take.is_done() {
            break;
        }
        let choice = take.u16();
        let kind = usize::from(choice & 0x1fff);
        let log = usize::from(choice >> 13) % logs.len();
        let [unusual, of_id] = take.array();
        let mut event = KINDS[kind % KINDS.len()].clone();
        let seconds = match unusual & 1 {
            0 => 1,
            _ => take.one_of(&STEPS),
        };
        now = match unusual & 2 {
            0 => now.plus(seconds.saturating_mul(TICKS_PER_SECOND)),
            _ => Time::from_filetime(take.u64()),
        };
        let known = next.entry((log, event.channel.clone())).or_insert(1);
        let step = match unusual & 4 {
            0 => 1,
            _ => take.one_of(&NUMBERS),
        };
        *known = match unusual & 8 {
            0 => known.saturating_add_signed(step),
            _ => take.u64(),
        };
        event.set_record_id(*known);
        event.time = now;
        event.log = LogIndex(log as u32);
        let id = LogonId::new(IDS[usize::from(of_id & 15) % IDS.len()]);
        event.set_logon_id(event.logon_id().and(id));
        if event.account != Account::default() {
            event.account = accounts()[usize::from(of_id >> 4) % 6].clone();
        }
        event.computer = COMPUTERS[0].into();
        if unusual & 16 > 0 {
            event.computer = take.one_of(&COMPUTERS).into();
            event.subject_logon_id = LogonId::new(take.one_of(&IDS));
            event.linked_logon_id = LogonId::new(take.one_of(&IDS));
            event.subject = take.one_of(&accounts());
        }
        if unusual & 32 > 0 {
            event.logon_type = Some(LogonType(u32::from(take.u8() % 16)));
            event.source_address = Some(take.one_of(&ADDRESSES).into());
        }
        if unusual & 64 > 0 {
            event.session_number = Some(u32::from(take.u8() % 4));
            let activity = take.u8() % 4;
            if let Some(more) = &mut event.more {
                more.activity = (activity > 0).then(|| activity.to_string().into());
                more.reason = Some(u32::from(take.u8()));
                more.other_session_number = Some(u32::from(take.u8() % 4));
                more.last_boot_id = Some(u32::from(take.u8()));
                more.boot_type = Some(u32::from(take.u8() % 4));
                more.utc_offset_minutes = Some(i32::from(take.u16() as i16));
                more.uptime_seconds = Some(take.u64());
            }
        }
        if unusual & 128 > 0 {
            event.previous_time = Some(now.plus(take.u64() as i64));
            event.new_time = Some(now.plus(take.one_of(&STEPS) * TICKS_PER_SECOND));
        }
        let source = &mut logs[log];
        source.spans.push(span(&event));
        match kind & 0x1000 {
            0 => source.events.push(event),
            _ => source.uses.extend(used(&event)),
        }
    }
    check(session::machines(logs.into()));
}

/// An audit record that shows the Logon ID of an event in use.
fn used(event: &Event) -> Option<Use> {
    let seen = Seen {
        record_id: event.record_id(),
        event_id: event.event_id,
        time: event.time,
    };
    Some(Use {
        log: event.log,
        computer: event.computer.clone(),
        logon_id: event.logon_id()?,
        account: event.account.clone(),
        first: seen,
        last: seen,
    })
}

/// What is promised of the sessions of any machines.
pub fn check(machines: Vec<Machine>) {
    let mut analysis = Analysis::default();
    for machine in machines {
        let events = machine.events.len();
        let timeline = session::timeline(machine);
        let mut order = timeline.order();
        let rows: Vec<Session> = order
            .iter()
            .map(|number| timeline.session(*number).expect("a session of each number"))
            .collect();
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..timeline.count() as u32));
        for event in 0..events {
            let session = timeline.session_of(event);
            assert!(session.is_none_or(|session| session < timeline.count()));
            timeline.kind_of(event);
        }
        let ids: HashSet<&Text> = rows.iter().map(|row| &row.id).collect();
        assert_eq!(ids.len(), rows.len(), "{rows:#?}");
        let mut starts = HashSet::new();
        for row in &rows {
            session_holds(row);
            let parent = row.parent.as_ref();
            assert!(parent.is_none_or(|parent| ids.contains(parent)), "{row:#?}");
            assert!(row.parent.as_ref() != Some(&row.id), "{row:#?}");
            if let Some(start) = row.start_record {
                let start = &row.records[start];
                let record = (&start.channel, start.record_id, start.log, start.time);
                assert!(starts.insert(record), "two sessions begin with {start:?}");
            }
        }
        drop(starts);
        drop(ids);
        analysis.sessions.extend(rows);
    }
    let view = View::new(&analysis, None);
    for format in [Format::Csv, Format::Jsonl, Format::Table] {
        let writer = Writer {
            format,
            width: 120,
            threads: Some(1),
            colours: false,
            csv_raw: false,
        };
        let mut out = Vec::new();
        let written = writer.write_all::<Session>(&view, &analysis.sessions, &mut out);
        written.expect("memory takes all that is written");
        assert!(String::from_utf8(out).is_ok());
    }
}

fn session_holds(row: &Session) {
    let changed = row.flags.contains(&Flag::ClockChanged);
    let known = |place: Option<usize>| place.map(|place| &row.records[place]);
    assert!(!row.records.is_empty(), "{row:#?}");
    if let Some(start) = known(row.start_record) {
        assert!(matches!(start.role, Role::Start | Role::Part), "{row:#?}");
    }
    known(row.end_record);
    known(row.source_record);
    let bounds = row.end.min.zip(row.end.max);
    assert!(bounds.is_none_or(|(min, max)| min <= max), "{row:#?}");
    assert!(
        changed || row.duration.is_none_or(|ticks| ticks >= 0),
        "{row:#?}"
    );
    for part in [row.active, row.disconnected, row.locked] {
        assert!(part.is_none_or(|ticks| ticks >= 0), "{row:#?}");
    }
    assert!(
        row.flags.is_sorted() && row.flags.windows(2).all(|f| f[0] != f[1]),
        "{row:#?}"
    );
    let mut refs = HashSet::new();
    let once =
        |r: &session::RecordRef| refs.insert((r.channel.clone(), r.record_id, r.log, r.time));
    assert!(row.records.iter().all(once), "{row:#?}");
}
