//! A random history of one machine: told as a scenario, with the truth of every session beside it.
//!
//! The truth comes from the steps of the story; the records that `synth` makes of it are asked for no more than what the
//! story leaves to it: which Logon IDs were given, and when exactly Windows wrote of what it does by itself.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use winsessions::session::{EndReason, Kind, State};
use winsessions::synth::{self, ExpectedRecord};
use winsessions::time::Time;

pub const SECOND: u64 = 10_000_000;
const MILLISECOND: u64 = SECOND / 1000;

pub const SECURITY: &str = "Security";
pub const SYSTEM: &str = "System";
pub const SESSIONS: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
pub const PROFILES: &str = "Microsoft-Windows-User Profile Service/Operational";

/// SplitMix64: small, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// A span of a session in a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub state: State,
    pub from: u64,
    /// `None` if it lasted to the session's end.
    pub to: Option<u64>,
}

/// A session as it was. Times are what the machine's clock showed.
#[derive(Debug, Clone)]
pub struct Truth {
    pub boot: usize,
    pub account: String,
    pub sid: String,
    pub kind: Kind,
    /// One of those that exist as long as their boot.
    pub standing: bool,
    pub desktop: bool,
    pub start: u64,
    /// When it ended, and why: what the complete evidence must tell.
    pub end: u64,
    pub reason: EndReason,
    /// When its last token closed, where that is not `end`.
    pub closed: Option<u64>,
    /// When LocalSessionManager told that it began and ended.
    pub told: (Option<u64>, Option<u64>),
    /// How far the clock was off at its start and at its end: what it really lasted.
    pub error: (i64, i64),
    pub parent: Option<usize>,
    /// Nothing tells which session it was shown in: without a logoff of its own nothing tells its end.
    pub is_orphan: bool,
    pub spans: Vec<Span>,
}

/// A boot as it was.
#[derive(Debug, Clone)]
pub struct Boot {
    /// What its column must show.
    pub shown: u64,
    /// When its 4608 was written.
    pub audited: u64,
    pub end: u64,
    pub reason: EndReason,
    error: i64,
    /// Its first record in Security.
    pub first_record: u64,
}

/// A history with its truth.
pub struct History {
    pub logs: Vec<(PathBuf, Vec<u8>)>,
    /// All records of each channel, those that a clear took away included.
    pub records: BTreeMap<String, Vec<ExpectedRecord>>,
    pub truths: Vec<Truth>,
    pub boots: Vec<Boot>,
    /// When the clock was set, in true time, and how far it was off from then on.
    pub settings: Vec<(i64, i64)>,
    /// Which session each Logon ID of a boot belongs to.
    pub by_id: HashMap<(usize, u64), usize>,
    /// Whether other channels than Security are kept.
    pub is_full: bool,
    pub was_cleared: bool,
}

impl Boot {
    /// The times of the records that tell of its stop: 1100 and 6006, Kernel-General 13, LocalSessionManager 54.
    pub fn stops(&self) -> [u64; 3] {
        let asked = 3307 * MILLISECOND;
        [self.end, self.end + 936 * MILLISECOND + 7, self.end - asked]
    }
}

impl History {
    /// The true times at which the clock can have shown a time.
    pub fn true_times(&self, shown: u64) -> impl Iterator<Item = i64> {
        // Some records are written a moment before or after what they tell of.
        let slack = 10 * SECOND as i64;
        let until = self.settings.iter().skip(1).map(|setting| setting.0);
        let until = until.chain([i64::MAX - slack]);
        let settings = self.settings.iter().zip(until);
        settings.filter_map(move |(&(from, error), until)| {
            let time = shown as i64 - error;
            (from.saturating_sub(slack)..=until + slack)
                .contains(&time)
                .then_some(time)
        })
    }
    /// Whether a time is one of those that a boot is known by.
    pub fn is_boot(&self, boot: usize, time: u64) -> bool {
        let boot = &self.boots[boot];
        [boot.shown, boot.audited, boot.audited + 25_000].contains(&time)
    }
}

struct Person {
    name: &'static str,
    sid: String,
    admin: bool,
}

/// A session that is open in the story.
#[derive(Clone)]
struct Open {
    truth: usize,
    handle: String,
    person: usize,
    desktop: bool,
    connected: bool,
    at_console: bool,
    /// Its session number is that of the first console session.
    from_console: bool,
    locked: bool,
}

struct Story {
    random: Random,
    text: String,
    /// When the clock was set, in true time, and how far it was off from then on.
    settings: Vec<(i64, i64)>,
    /// What the clock shows, and how far that is from the true time.
    clock: u64,
    error: i64,
    people: Vec<Person>,
    server: bool,
    full: bool,
    open: Vec<Open>,
    /// When each person was last heard of: what one person does does not come at once.
    heard: Vec<u64>,
    truths: Vec<Truth>,
    boots: Vec<Boot>,
    handles: usize,
    /// Which session the 4624 of an account at a time belongs to.
    given: HashMap<(String, u64), usize>,
    /// Which session the network logon of an account at a time prepares.
    prepares: HashMap<(String, u64), usize>,
    /// What ends with its parent, if nothing else ends it.
    of_parent: Vec<(usize, usize)>,
    cleared: bool,
}

/// The history of a seed, with about as many sessions of people and programs as wanted.
pub fn history(seed: u64, wanted: usize) -> History {
    let mut random = Random::new(seed);
    let full = seed % 2 == 1;
    let (os, server) = *random.pick(&[
        ("windows-7", false),
        ("windows-10-1607", false),
        ("windows-10", false),
        ("windows-11", false),
        ("server-2012r2", true),
        ("server-2019", true),
        ("server-2022", true),
    ]);
    let (own, domain) = (
        "S-1-5-21-2020304050-1011121314-1516171819",
        "S-1-5-21-1122334455-667788990-1357924680",
    );
    let people: Vec<Person> = [
        ("ann", true, true),
        ("bob", false, true),
        ("cyd", true, false),
        ("dan", false, false),
        ("eve", false, true),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (name, admin, in_domain))| Person {
        name,
        admin,
        sid: format!("{}-{}", if in_domain { domain } else { own }, 1101 + at),
    })
    .collect();
    let mut text = format!("[domain.CORP]\nsid = \"{domain}\"\ndns = \"corp.example\"\n");
    for (at, person) in people.iter().enumerate() {
        let home = if person.sid.starts_with(domain) {
            "domain = \"CORP\"\n"
        } else {
            ""
        };
        let Person { name, admin, .. } = person;
        writeln!(
            text,
            "[account.{name}]\n{home}rid = {}\nadmin = {admin}",
            1101 + at
        )
        .unwrap();
    }
    let channels = if full {
        format!(
            "channels = [\"{SECURITY}\", \"{SYSTEM}\", \"LocalSessionManager\", \"UserProfile\"]\n"
        )
    } else {
        String::new()
    };
    writeln!(
        text,
        "[[machine]]\nname = \"HOST-0\"\nos = \"{os}\"\nsid = \"{own}\"\ndomain = \"CORP\"\n{channels}log = [{{ channel = \"Security\", chunk_records = 60 }}]"
    )
    .unwrap();
    let begin: Time = "2024-03-04T06:00:00Z".parse().unwrap();
    let mut story = Story {
        settings: vec![(i64::MIN, 0)],
        clock: begin.filetime() + random.below(86_400 * SECOND),
        random,
        text,
        error: 0,
        heard: vec![0; people.len()],
        people,
        server,
        full,
        open: Vec::new(),
        truths: Vec::new(),
        boots: Vec::new(),
        handles: 0,
        given: HashMap::new(),
        prepares: HashMap::new(),
        of_parent: Vec::new(),
        cleared: false,
    };
    story.boot(false);
    while story.truths.len() < wanted {
        story.something();
    }
    story.last();
    story.finish()
}

impl Story {
    /// Time goes by.
    fn wait(&mut self, least: u64, most: u64) {
        self.clock += least * SECOND + self.random.below((most - least) * SECOND);
    }

    fn step(&mut self, what: &str) {
        let at = Time::from_filetime(self.clock);
        write!(self.text, "\n[[machine.step]]\nat = \"{at}\"\n{what}\n").unwrap();
    }

    fn boot_number(&self) -> usize {
        self.boots.len() - 1
    }

    fn boot(&mut self, after_crash: bool) {
        self.wait(60, 4 * 3600);
        let mut what = format!("do = \"boot\"\nservices = {}", self.random.below(4));
        if after_crash && self.random.chance(60) {
            what += "\ndropped = true";
            self.boots.last_mut().unwrap().reason = EndReason::Crash;
        }
        if self.boots.len() > 1 && self.random.chance(10) {
            write!(what, "\nname = \"HOST-{}\"", self.boots.len()).unwrap();
        }
        self.step(&what);
        self.boots.push(Boot {
            shown: self.clock,
            audited: self.clock,
            end: 0,
            reason: EndReason::LogEnds,
            error: self.error,
            first_record: 0,
        });
        self.wait(60, 300);
    }

    fn add(&mut self, person: usize, kind: Kind) -> usize {
        let person = &self.people[person];
        self.given
            .insert((person.sid.clone(), self.clock), self.truths.len());
        self.truths.push(Truth {
            boot: self.boot_number(),
            account: person.name.into(),
            sid: person.sid.clone(),
            kind,
            standing: false,
            desktop: kind.is_desktop(),
            start: self.clock,
            end: 0,
            reason: EndReason::LogEnds,
            closed: None,
            told: (None, None),
            error: (self.error, self.error),
            parent: None,
            is_orphan: false,
            spans: Vec::new(),
        });
        self.truths.len() - 1
    }

    fn opened(&mut self, truth: usize, person: usize, desktop: bool, at_console: bool) -> String {
        self.handles += 1;
        let handle = format!("s{}", self.handles);
        self.open.push(Open {
            truth,
            handle: handle.clone(),
            person,
            desktop,
            connected: desktop,
            at_console,
            from_console: at_console,
            locked: false,
        });
        handle
    }

    fn ended(&mut self, truth: usize, at: u64, reason: EndReason) {
        let error = self.error;
        let truth = &mut self.truths[truth];
        (truth.end, truth.reason, truth.error.1) = (at, reason, error);
    }

    /// A person who has not been heard of for a while.
    fn somebody(&mut self) -> Option<usize> {
        let person = self.random.below(self.people.len() as u64) as usize;
        let quiet = self.heard[person].abs_diff(self.clock) > 30 * SECOND;
        quiet.then_some(person)
    }

    fn some_open(&mut self, wanted: impl Fn(&Open) -> bool) -> Option<usize> {
        let fits: Vec<usize> = (0..self.open.len())
            .filter(|&at| {
                let open = &self.open[at];
                wanted(open) && self.heard[open.person].abs_diff(self.clock) > 30 * SECOND
            })
            .collect();
        (!fits.is_empty()).then(|| *self.random.pick(&fits))
    }

    fn hear(&mut self, person: usize) {
        self.heard[person] = self.clock;
    }

    /// One thing happens.
    fn something(&mut self) {
        let most = if self.random.chance(50) { 90 } else { 4000 };
        self.wait(8, most);
        match self.random.below(100) {
            0..=15 => self.desktop_logon(),
            16..=25 => self.logoff(),
            26..=33 => self.lock_or_unlock(),
            34..=41 => self.leave_or_return(),
            42..=48 => self.runas(),
            49..=53 => self.elevate(),
            54..=73 => self.other_logon(),
            74..=79 => self.close(),
            80..=85 => self.failed(),
            86..=89 => self.step("do = \"logon\"\nkind = \"service\"\naccount = \"SYSTEM\""),
            90..=92 => self.clock_change(),
            93 => self.clear(),
            94..=96 => self.stop(),
            97..=98 => self.power_loss(),
            _ => self.wait(3600, 40 * 3600),
        }
    }

    fn desktop_logon(&mut self) {
        let Some(person) = self.somebody() else {
            return;
        };
        let has_desktop = |open: &Open| open.desktop && open.person == person;
        let connected = self.open.iter().filter(|open| open.connected).count();
        if self.open.iter().any(has_desktop) || (connected > 0 && !self.server) {
            return;
        }
        let at_console = !self.open.iter().any(|open| open.at_console) && self.random.chance(50);
        let cached = self.random.chance(10);
        let kind = match (at_console, cached) {
            (true, false) => Kind::Console,
            (true, true) => Kind::ConsoleCached,
            (false, false) => Kind::Rdp,
            (false, true) => Kind::RdpCached,
        };
        // Another person at the console gets a session number of their own.
        let again = at_console && self.open.iter().any(|open| open.from_console);
        self.wait(5, 8);
        self.hear(person);
        let truth = self.add(person, kind);
        let handle = self.opened(truth, person, true, at_console);
        let name = self.people[person].name;
        let mut what =
            format!("do = \"logon\"\nkind = \"{kind}\"\naccount = \"{name}\"\nas = \"{handle}\"");
        if !at_console {
            write!(
                what,
                "\naddress = \"192.0.2.{}\"",
                1 + self.random.below(250)
            )
            .unwrap();
            let before = self.clock - 1500 * MILLISECOND;
            self.prepares
                .insert((self.people[person].sid.clone(), before), truth);
        }
        if again {
            write!(what, "\nsession = {}", 100 + self.handles).unwrap();
        }
        if self.people[person].admin && self.random.chance(20) {
            what += "\nuac = false";
        }
        self.step(&what);
        if self.full {
            self.truths[truth].told.0 = Some(self.clock + 133_000 + 1_489_000);
        }
        self.wait(5, 10);
    }

    fn logoff(&mut self) {
        let Some(at) = self.some_open(|open| open.desktop && !open.locked) else {
            return;
        };
        let open = self.open.remove(at);
        let of_parent = &self.of_parent;
        self.open
            .retain(|other| !of_parent.contains(&(open.truth, other.truth)));
        self.hear(open.person);
        let handle = &open.handle;
        let way = match self.random.below(100) {
            0..=4 => "token",
            5..=8 if self.full => "ts",
            _ => "user",
        };
        let after = match self.random.below(4) {
            _ if way != "user" => 0,
            0 => 60_000 + self.random.below(600_000),
            _ => 120,
        };
        self.step(&format!("do = \"logoff\"\nsession = \"{handle}\"\nended = \"{way}\"\ntoken_after = \"{after}ms\""));
        let told = self.clock + 170_000;
        let reason = match way {
            "ts" => EndReason::TsLogoff,
            "token" => EndReason::Logoff,
            _ => EndReason::UserLogoff,
        };
        let end = if way == "ts" { told } else { self.clock };
        self.ended(open.truth, end, reason);
        let truth = &mut self.truths[open.truth];
        truth.told.1 = self.full.then_some(told);
        if way == "user" {
            truth.closed = Some(self.clock + after * MILLISECOND);
        }
        self.wait(5, 10);
    }

    fn lock_or_unlock(&mut self) {
        let Some(at) = self.some_open(|open| open.desktop && open.connected) else {
            return;
        };
        let open = self.open[at].clone();
        self.hear(open.person);
        let handle = &open.handle;
        if open.locked {
            self.given.insert(
                (self.people[open.person].sid.clone(), self.clock),
                open.truth,
            );
            self.step(&format!("do = \"unlock\"\nsession = \"{handle}\""));
            let to = self.clock + 30 * MILLISECOND;
            self.truths[open.truth].spans.last_mut().unwrap().to = Some(to);
        } else {
            self.step(&format!("do = \"lock\"\nsession = \"{handle}\""));
            let from = self.clock;
            self.truths[open.truth].spans.push(Span {
                state: State::Locked,
                from,
                to: None,
            });
        }
        self.open[at].locked = !open.locked;
        self.wait(5, 10);
    }

    fn leave_or_return(&mut self) {
        let Some(at) = self.some_open(|open| open.desktop && !open.locked) else {
            return;
        };
        let open = self.open[at].clone();
        let elsewhere =
            |other: &Open| other.at_console || (other.from_console && other.truth != open.truth);
        let to_console = !self.open.iter().any(elsewhere) && self.random.chance(30);
        // Where the client's leave is told first.
        let told = if self.full { 1_170_000 } else { 0 };
        if open.connected && self.random.chance(75) {
            if open.at_console && !self.server {
                return;
            }
            self.hear(open.person);
            self.step(&format!(
                "do = \"disconnect\"\nsession = \"{}\"",
                open.handle
            ));
            let from = self.clock - told;
            self.truths[open.truth].spans.push(Span {
                state: State::Disconnected,
                from,
                to: None,
            });
            (self.open[at].connected, self.open[at].at_console) = (false, false);
            self.wait(5, 10);
            return;
        }
        let others = self
            .open
            .iter()
            .filter(|other| other.connected && other.truth != open.truth)
            .count();
        if others > 0 && !self.server {
            return;
        }
        self.wait(8, 12);
        self.hear(open.person);
        let sid = self.people[open.person].sid.clone();
        let mut what = format!("do = \"reconnect\"\nsession = \"{}\"", open.handle);
        if !to_console {
            write!(
                what,
                "\naddress = \"192.0.2.{}\"",
                1 + self.random.below(250)
            )
            .unwrap();
            self.prepares
                .insert((sid.clone(), self.clock - 3 * SECOND), open.truth);
        }
        self.given
            .insert((sid, self.clock - 1800 * MILLISECOND), open.truth);
        self.step(&what);
        let (now, truth) = (self.clock, &mut self.truths[open.truth]);
        if open.connected {
            let from = now - 1500 * MILLISECOND - told;
            truth.spans.push(Span {
                state: State::Disconnected,
                from,
                to: Some(now),
            });
        } else {
            truth.spans.last_mut().unwrap().to = Some(now);
        }
        (self.open[at].connected, self.open[at].at_console) = (true, to_console);
        self.wait(5, 10);
    }

    fn runas(&mut self) {
        let Some(at) = self.some_open(|open| open.desktop && open.connected && !open.locked) else {
            return;
        };
        let Some(person) = self.somebody() else {
            return;
        };
        let by = self.open[at].clone();
        let only_net = self.random.chance(25);
        let person = if only_net { by.person } else { person };
        let kind = if only_net {
            Kind::RunasNetonly
        } else {
            Kind::Runas
        };
        let truth = self.add(person, kind);
        self.truths[truth].parent = Some(by.truth);
        let handle = self.opened(truth, person, false, false);
        let whose = match only_net {
            true => "netonly = true\noutbound = 'CORP\\far'".to_owned(),
            false => format!("account = \"{}\"", self.people[person].name),
        };
        self.step(&format!(
            "do = \"runas\"\nby = \"{}\"\n{whose}\nas = \"{handle}\"",
            by.handle
        ));
    }

    fn elevate(&mut self) {
        let Some(at) = self.some_open(|open| open.desktop && open.connected && !open.locked) else {
            return;
        };
        let by = self.open[at].clone();
        let admins: Vec<usize> = (0..self.people.len())
            .filter(|&at| self.people[at].admin)
            .collect();
        let person = *self.random.pick(&admins);
        let truth = self.add(person, Kind::Elevation);
        // No record names the session that asked: with two of them nothing tells.
        let only = self.open.iter().filter(|open| open.desktop).count() == 1;
        if only {
            self.truths[truth].parent = Some(by.truth);
        }
        self.truths[truth].is_orphan = !only;
        let name = self.people[person].name;
        let mut what = format!(
            "do = \"elevate\"\nby = \"{}\"\naccount = \"{name}\"\n",
            by.handle
        );
        if self.random.chance(30) {
            what += "type = 11\n";
        }
        if only {
            self.of_parent.push((by.truth, truth));
        }
        if !only || self.random.chance(70) {
            let handle = self.opened(truth, person, false, false);
            write!(what, "as = \"{handle}\"").unwrap();
        }
        self.step(&what);
    }

    fn other_logon(&mut self) {
        let Some(person) = self.somebody() else {
            return;
        };
        let (kind, more) = match self.random.below(10) {
            0 => (Kind::Batch, String::new()),
            1 => (Kind::Service, String::new()),
            2 => (Kind::NetworkCleartext, "address = \"192.0.2.9\"\n".into()),
            3 => (Kind::Program, String::new()),
            4 => (Kind::NewCredentials, String::new()),
            at => {
                let address = 1 + self.random.below(250);
                let auth = if at % 2 == 0 { "ntlm" } else { "kerberos" };
                (
                    Kind::Network,
                    format!("address = \"198.51.100.{address}\"\nauth = \"{auth}\"\n"),
                )
            }
        };
        self.hear(person);
        let truth = self.add(person, kind);
        let handle = self.opened(truth, person, false, false);
        let by = self
            .some_open(|open| open.desktop && open.connected)
            .filter(|_| matches!(kind, Kind::Program | Kind::NewCredentials));
        let by = by.map(|at| self.open[at].clone());
        let mut what = format!(
            "do = \"logon\"\nkind = \"{kind}\"\naccount = \"{}\"\n{more}as = \"{handle}\"",
            self.people[person].name
        );
        if let Some(by) = by {
            write!(what, "\nby = \"{}\"", by.handle).unwrap();
            self.truths[truth].parent = Some(by.truth);
        }
        self.step(&what);
        if matches!(kind, Kind::Network) && self.random.chance(70) {
            self.wait(1, 60);
            let at = self.open.len() - 1;
            self.close_at(at);
        }
    }

    /// A session without a desktop ends.
    fn close(&mut self) {
        if let Some(at) = self.some_open(|open| !open.desktop) {
            self.close_at(at);
        }
    }

    fn close_at(&mut self, at: usize) {
        let open = self.open.remove(at);
        self.step(&format!("do = \"logoff\"\nsession = \"{}\"", open.handle));
        self.ended(open.truth, self.clock, EndReason::Logoff);
    }

    fn failed(&mut self) {
        let kinds = ["network", "console", "unlock", "rdp", "batch"];
        let (kind, name) = (
            *self.random.pick(&kinds),
            *self.random.pick(&["ann", "bob", "dan"]),
        );
        let count = 1 + self.random.below(4);
        self.step(&format!("do = \"logon-failed\"\naccount = \"{name}\"\nkind = \"{kind}\"\naddress = \"203.0.113.5\"\ncount = {count}"));
        self.wait(10, 20);
    }

    fn clock_change(&mut self) {
        self.wait(700, 1500);
        let to = match self.random.below(3) {
            0 => self.clock - self.random.below(5400 * SECOND),
            1 => self.clock + self.random.below(5400 * SECOND),
            _ => self.clock + self.random.below(SECOND / 2),
        };
        self.step(&format!(
            "do = \"clock\"\nto = \"{}\"",
            Time::from_filetime(to)
        ));
        self.error += to as i64 - self.clock as i64;
        self.clock = to;
        self.settings.push((to as i64 - self.error, self.error));
        self.wait(700, 1500);
    }

    fn clear(&mut self) {
        if let Some(at) = self.some_open(|open| open.desktop && open.connected) {
            let handle = self.open[at].handle.clone();
            self.step(&format!("do = \"clear-log\"\nby = \"{handle}\""));
            self.cleared = true;
        }
    }

    /// The machine stops, in order.
    fn stop(&mut self) {
        self.wait(700, 1500);
        self.step("do = \"stop\"");
        self.boot_ends(EndReason::Shutdown);
        self.boot(false);
    }

    fn power_loss(&mut self) {
        self.wait(700, 1500);
        self.step("do = \"power-loss\"");
        let reason = if self.full {
            EndReason::Crash
        } else {
            EndReason::Unclean
        };
        self.boot_ends(reason);
        self.boot(true);
    }

    fn boot_ends(&mut self, reason: EndReason) {
        let boot = self.boots.last_mut().unwrap();
        (boot.end, boot.reason, boot.error) = (self.clock, reason, self.error);
        self.open.clear();
    }

    /// The evidence ends: in mid boot, or with a stop.
    fn last(&mut self) {
        self.wait(700, 1500);
        if self.random.chance(50) {
            self.step("do = \"stop\"");
            self.boot_ends(EndReason::Shutdown);
        } else {
            self.step("do = \"logon\"\nkind = \"service\"\naccount = \"SYSTEM\"");
            self.boot_ends(EndReason::LogEnds);
        }
    }

    fn finish(mut self) -> History {
        if self.cleared {
            self.text += "\n[[copy]]\nlog = \"HOST-0/Security.evtx\"\nfile = \"HOST-0/Security-whole.evtx\"\n";
        }
        let scenario = std::mem::take(&mut self.text);
        let logs = synth::render(&scenario).unwrap_or_else(|error| panic!("{error}\n{scenario}"));
        let mut records: BTreeMap<String, Vec<ExpectedRecord>> = BTreeMap::new();
        for (path, list) in synth::expected(&scenario).unwrap() {
            if let Some(first) = list.first() {
                let channel = value(first, "Channel").unwrap().to_owned();
                let whole = path.ends_with(Path::new("Security-whole.evtx"));
                if whole || !(self.cleared && channel == SECURITY) {
                    records.insert(channel, list);
                }
            }
        }
        let by_id = self.accompany(&records);
        History {
            logs,
            records,
            truths: self.truths,
            boots: self.boots,
            settings: self.settings,
            by_id,
            is_full: self.full,
            was_cleared: self.cleared,
        }
    }

    /// Takes from the records which Logon IDs were given, adds the sessions that Windows made by itself, and the ends that
    /// came with the boots'.
    fn accompany(
        &mut self,
        records: &BTreeMap<String, Vec<ExpectedRecord>>,
    ) -> HashMap<(usize, u64), usize> {
        let security = &records[SECURITY];
        self.find_boots(records);
        let mut by_id: HashMap<(usize, u64), usize> = HashMap::new();
        let mut window_managers: HashMap<(usize, String), usize> = HashMap::new();
        let mut left: HashMap<(usize, u64), u64> = HashMap::new();
        let mut tokens: HashMap<usize, (usize, usize, u64)> = HashMap::new();
        // The Logon IDs that a session lives by, without those that only unlocked it or came back to it.
        let mut carriers: HashMap<(usize, u64), usize> = HashMap::new();
        let own = self.truths.len();
        let mut boot = 0;
        for record in security {
            while self
                .boots
                .get(boot + 1)
                .is_some_and(|next| next.first_record <= record.record_id)
            {
                boot += 1;
            }
            let time = written(record);
            let id = || number(record, "TargetLogonId").unwrap();
            match event_id(record) {
                4624 => {
                    let (id, sid) = (id(), value(record, "TargetUserSid").unwrap().to_owned());
                    if by_id.contains_key(&(boot, id)) {
                        continue;
                    }
                    let script = [0, 130]
                        .iter()
                        .find_map(|after| self.given.get(&(sid.clone(), time - after)));
                    if let Some(&truth) = script {
                        by_id.insert((boot, id), truth);
                        if self.truths[truth].start + 130 >= time
                            && self.truths[truth].start <= time
                        {
                            tokens.entry(truth).or_default().0 += 1;
                            carriers.insert((boot, id), truth);
                        }
                        continue;
                    }
                    let is_half = sid.starts_with("S-1-5-90");
                    let half = window_managers
                        .remove(&(boot, sid.clone()))
                        .filter(|_| is_half);
                    let truth =
                        half.unwrap_or_else(|| self.add_systems(record, boot, &sid, id, time));
                    if is_half && half.is_none() {
                        window_managers.insert((boot, sid), truth);
                    }
                    tokens.entry(truth).or_default().0 += 1;
                    carriers.insert((boot, id), truth);
                    by_id.insert((boot, id), truth);
                }
                4647 => {
                    left.insert((boot, id()), time);
                }
                4634 => {
                    let Some(truth) = carriers.get(&(boot, id())) else {
                        continue;
                    };
                    let Some(state) = tokens.get_mut(truth) else {
                        continue;
                    };
                    (state.1, state.2) = (state.1 + 1, time);
                }
                _ => {}
            }
        }
        for (at, truth) in self.truths.iter_mut().enumerate() {
            let boot = &self.boots[truth.boot];
            let (given, closed, last) = tokens.get(&at).copied().unwrap_or_default();
            if at >= own && given == closed && given > 0 {
                (truth.end, truth.reason) = (last, EndReason::Logoff);
            } else if truth.end == 0 {
                (truth.end, truth.reason) = (boot.end, boot.reason);
            } else if truth.reason == EndReason::Logoff {
                // The last of its tokens.
                truth.end = last;
            }
            truth.closed = truth
                .closed
                .and((given == closed && given > 0).then_some(last));
        }
        // Whom the stop logged off.
        for ((boot, id), time) in left {
            let truth = &mut self.truths[by_id[&(boot, id)]];
            if truth.end != time {
                assert_eq!(truth.reason, EndReason::Shutdown, "{truth:?}");
                (truth.end, truth.reason) = (time, EndReason::UserLogoff);
                truth.error.1 = self.boots[boot].error;
                truth.told.1 = self.full.then_some(time + 170_000);
            }
        }
        for &(parent, child) in &self.of_parent {
            let parent = self.truths[parent].clone();
            let child = &mut self.truths[child];
            // No rule says when it ended.
            child.is_orphan |= matches!(parent.reason, EndReason::Logoff | EndReason::TsLogoff);
            if parent.reason == EndReason::UserLogoff {
                if child.end != self.boots[child.boot].end {
                    continue;
                }
                (child.end, child.reason, child.error.1) =
                    (parent.end, parent.reason, parent.error.1);
            }
        }
        self.truths.iter_mut().for_each(|truth| {
            if truth.reason == self.boots[truth.boot].reason
                && truth.end == self.boots[truth.boot].end
            {
                truth.error.1 = self.boots[truth.boot].error;
            }
        });
        by_id
    }

    /// A session that Windows made by itself.
    fn add_systems(
        &mut self,
        record: &ExpectedRecord,
        boot: usize,
        sid: &str,
        id: u64,
        time: u64,
    ) -> usize {
        let prepares = self.prepares.get(&(sid.to_owned(), time)).copied();
        let kind = match sid {
            _ if sid.starts_with("S-1-5-90") => Kind::WindowManager,
            _ if sid.starts_with("S-1-5-96") => Kind::FontDriver,
            "S-1-5-18" => Kind::System,
            "S-1-5-19" | "S-1-5-20" => Kind::Service,
            _ if prepares.is_some() => Kind::Network,
            _ => panic!("nobody told of {record:?}"),
        };
        self.truths.push(Truth {
            boot,
            account: value(record, "TargetUserName")
                .unwrap_or_default()
                .to_owned(),
            sid: sid.to_owned(),
            kind,
            standing: id < 0x3e8,
            desktop: false,
            start: time,
            end: 0,
            reason: EndReason::LogEnds,
            closed: None,
            told: (None, None),
            error: (i64::MIN, i64::MIN),
            parent: prepares,
            is_orphan: false,
            spans: Vec::new(),
        });
        self.truths.len() - 1
    }

    fn find_boots(&mut self, records: &BTreeMap<String, Vec<ExpectedRecord>>) {
        let security = &records[SECURITY];
        let starts = security
            .iter()
            .enumerate()
            .filter(|(_, record)| event_id(record) == 4608);
        for (boot, (at, _)) in self.boots.iter_mut().zip(starts) {
            let opening = security[..at]
                .iter()
                .rev()
                .take_while(|record| matches!(event_id(record), 1101 | 4688 | 4696 | 4826));
            let first = opening.last().unwrap_or(&security[at]);
            boot.first_record = first.record_id;
        }
        let kernel = records.get(SYSTEM).into_iter().flatten();
        let kernel = kernel.filter(|record| {
            event_id(record) == 12
                && value(record, "Provider/Name")
                    .is_some_and(|name| name.ends_with("Kernel-General"))
        });
        for (boot, record) in self.boots.iter_mut().zip(kernel) {
            boot.shown = value(record, "StartTime")
                .unwrap()
                .parse::<Time>()
                .unwrap()
                .filetime();
        }
    }
}

/// A field of a record.
pub fn value<'a>(record: &'a ExpectedRecord, name: &str) -> Option<&'a str> {
    let fields = record.system.iter().chain(&record.fields);
    fields
        .into_iter()
        .find(|field| field.name == name)
        .map(|field| field.text.as_str())
}

pub fn number(record: &ExpectedRecord, name: &str) -> Option<u64> {
    let text = value(record, name)?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

pub fn event_id(record: &ExpectedRecord) -> u16 {
    number(record, "EventID").unwrap() as u16
}

pub fn written(record: &ExpectedRecord) -> u64 {
    record.written.parse::<Time>().unwrap().filetime()
}
