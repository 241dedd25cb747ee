//! One machine while its story runs: clock, boot, Logon IDs, open sessions, records so far.
//!
//! In: drafts of records from the steps of `story`. Out: the records of every
//! channel in the order of writing. Everything that looks random comes from the names in the
//! scenario, so that the same scenario makes the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{self, Layout, Shape, Writer};
use super::record::{Field, Payload, Record};
use super::scenario::{Locale, Machine, Os, Scenario, ScenarioError, Step, When};
use super::time::{DAY, LATEST, SECOND};
use super::value::{Guid, Sid, Value};

/// What a log consists of before it is numbered.
#[derive(Debug)]
pub(super) enum Entry {
    Record(Box<Record>),
    /// So many records were lost here: their numbers are skipped.
    Lose(u64),
    /// The log was full and became a file of its own, of this name.
    Archive(String),
    /// The log was cleared: all before is gone, the numbers go on.
    Clear,
}

/// An account as an event names it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) sid: Sid,
    pub(super) name: String,
    pub(super) domain: String,
}

/// An account with what a logon needs to know of it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The name at logon.
    pub(super) logon: Identity,
    /// The name at logoff: a Microsoft account has its local name there.
    pub(super) local: Identity,
    /// The domain's name in a Kerberos logon over the network.
    pub(super) realm: Option<String>,
    pub(super) admin: bool,
}

/// A logon session of the story.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) account: Identity,
    pub(super) target: Target,
    /// The Logon ID of the desktop: the filtered one of two.
    pub(super) id: u64,
    /// The elevated twin.
    pub(super) elevated: Option<u64>,
    pub(super) logon_type: u32,
    /// The session number, for desktops.
    pub(super) number: Option<u32>,
    pub(super) address: String,
    pub(super) client: String,
    /// The connection's name, `Console` or `RDP-Tcp#3`.
    pub(super) connection: String,
    /// The client's connection over Remote Desktop, and the process and port of one over SSH.
    pub(super) activity: Option<Guid>,
    pub(super) ssh: Option<(u32, u16)>,
    /// The network logon of the connection's pre-authentication, while it is open.
    pub(super) nla: Option<u64>,
    pub(super) window_managers: Vec<(Identity, u64)>,
    pub(super) open: bool,
    /// A desktop that somebody sees, at the console or through a client.
    pub(super) connected: bool,
}

/// What is fixed from one start of the machine to the next.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) lsass: u32,
    pub(super) services: u32,
    pub(super) winlogon: u32,
    pub(super) wininit: u32,
    pub(super) svchost: u32,
    eventlog: u32,
    /// The service hosts of the local session manager, of Remote Desktop and of the profiles.
    hosts: [u32; 3],
    activity: Guid,
    next_id: u64,
    last_id_at: i64,
    /// The next session's number, where numbers are not given out again.
    next_session: u32,
    /// The numbers in use.
    numbers: BTreeSet<u32>,
    pub(super) next_connection: u32,
    /// The session at the console, and what draws its desktop.
    pub(super) console: u32,
    pub(super) console_services: Vec<(Identity, u64)>,
    /// Nothing of this boot's start was written.
    pub(super) silent: bool,
    /// When it began.
    pub(super) since: i64,
}

/// How the last boot ended, as the next one finds it.
#[derive(Debug, Default)]
pub(super) struct LastStop {
    /// Without a clean stop.
    pub(super) unclean: bool,
    /// What the kernel wrote after the event log had stopped: it comes into the log at the next boot.
    pub(super) kernel: Vec<Record>,
    /// When the event log service last noted that it was alive, and since when it had been.
    pub(super) alive: Option<(i64, i64)>,
}

/// A machine that sleeps: since when, and how deep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sleep {
    pub(super) since: i64,
    /// The power state: 4 memory, 5 disk, 6 power off with Fast Startup.
    pub(super) state: u32,
}

pub(super) struct Host<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) machine: &'a Machine,
    pub(super) name: String,
    pub(super) computer: String,
    /// The machine's account, where a rename has not reached it yet.
    pub(super) account_name: Option<String>,
    pub(super) domain: Option<String>,
    /// True time; the clock shows this plus `clock_error`.
    pub(super) now: i64,
    pub(super) clock_error: i64,
    pub(super) boot: Option<Boot>,
    pub(super) last_stop: LastStop,
    pub(super) sleep: Option<Sleep>,
    pub(super) slept: u32,
    /// The boot loader's count.
    pub(super) boot_id: u32,
    boots: u64,
    last_lsass: u32,
    pub(super) sessions: BTreeMap<String, Session>,
    random: Random,
    /// For what stands in other channels than Security, which is the same with and without them.
    side: Random,
    /// The thread of lsass that serves the step: one for all records of a logon.
    pub(super) thread: u32,
    entries: Vec<(i64, String, Entry)>,
}

/// The records of one step with their offsets from the step's time.
pub(super) type Scene = Vec<(i64, Record)>;

impl<'a> Host<'a> {
    pub(super) fn new(scenario: &'a Scenario, machine: &'a Machine) -> Host<'a> {
        let mut host = Host {
            scenario,
            machine,
            name: String::new(),
            computer: String::new(),
            account_name: None,
            domain: machine.domain.clone(),
            now: 0,
            clock_error: 0,
            boot: None,
            last_stop: LastStop::default(),
            sleep: None,
            slept: 0,
            boot_id: 20,
            boots: 0,
            last_lsass: 0,
            sessions: BTreeMap::new(),
            random: Random::from_name(&machine.name),
            side: Random::from_name(&format!("{}/", machine.name)),
            thread: 1,
            entries: Vec::new(),
        };
        host.rename(&machine.name, machine.computer.as_deref());
        host
    }

    /// Gives the machine a name, at start and at boots.
    pub(super) fn rename(&mut self, name: &str, computer: Option<&str>) {
        self.name = name.into();
        let dns = self
            .domain
            .as_ref()
            .and_then(|domain| self.scenario.domains.get(domain)?.dns.as_ref());
        self.computer = match (computer, dns) {
            (Some(computer), _) => computer.into(),
            (None, Some(dns)) => format!("{name}.{dns}"),
            (None, None) => name.into(),
        };
    }

    pub(super) fn os(&self) -> Os {
        self.machine.os
    }

    /// What the clock shows now.
    pub(super) fn clock(&self) -> i64 {
        self.now + self.clock_error
    }

    /// Moves to the time of a step.
    pub(super) fn advance(&mut self, step: &Step) -> Result<(), ScenarioError> {
        let shown = match step.when {
            When::At(time) => {
                i64::try_from(time).map_err(|_| step.fault("the time is out of range"))?
            }
            When::TimeOfDay(_) | When::After(_) if self.now == 0 => {
                return Err(
                    step.fault("the first step needs a date: at = \"2024-03-04T08:00:00Z\"")
                );
            }
            When::After(span) => self.clock() + span,
            When::TimeOfDay(ticks) => self.clock() - self.clock() % DAY + ticks,
        };
        if shown > LATEST {
            return Err(step.fault("the time is after the year 9999"));
        }
        self.thread = 1 + self.random.below(40) as u32;
        if self.now == 0 || step.flag("clock_reset", false)? {
            let true_time = if self.now == 0 {
                shown
            } else {
                self.now + 30 * SECOND
            };
            self.clock_error = shown - true_time;
            self.now = true_time;
        } else if shown < self.clock() {
            return Err(step.fault("the step goes back in time; a changed clock is a step `clock`, or `clock_reset = true` at a boot"));
        } else {
            self.now = shown - self.clock_error;
        }
        Ok(())
    }

    pub(super) fn start_boot(&mut self, lsass: Option<u32>, ids_from: Option<u64>) {
        // What was still to come in the boot before never came.
        self.forget_after(self.now - 2 * SECOND);
        self.boots += 1;
        self.boot_id = self.boot_id.wrapping_add(1);
        self.random = Random::from_name(&format!("{}#{}", self.machine.name, self.boots));
        self.side = Random::from_name(&format!("{}#{}/", self.machine.name, self.boots));
        let mut pid = |from: u32, many: u32| 4 * (from + self.random.below(u64::from(many)) as u32);
        let (wininit, winlogon, services) = (pid(110, 20), pid(132, 20), pid(154, 10));
        let mut own = pid(166, 20);
        if own == self.last_lsass {
            own += 4;
        }
        let (svchost, eventlog) = (pid(240, 40), pid(300, 100));
        self.last_lsass = lsass.unwrap_or(own);
        let time = self.clock() as u64;
        let mut activity = [0; 16];
        activity[..6].copy_from_slice(&time.to_le_bytes()[..6]);
        activity[8..].copy_from_slice(&(time + 0x63).to_le_bytes());
        self.sessions.clear();
        self.sleep = None;
        self.slept = 0;
        let mut host = || 4 * (200 + self.side.below(40) as u32);
        let hosts = [host(), host() + 160, host() + 320];
        self.boot = Some(Boot {
            lsass: self.last_lsass,
            services,
            winlogon,
            wininit,
            svchost,
            eventlog,
            hosts,
            activity: Guid(activity),
            next_id: ids_from.unwrap_or(0xb000 + self.random.below(0x1000)),
            last_id_at: self.now,
            next_session: 2,
            numbers: BTreeSet::from([0, 1]),
            next_connection: 0,
            console: 1,
            console_services: Vec::new(),
            silent: false,
            since: self.clock(),
        });
    }

    /// Ends the boot: nothing of it is written after `last`.
    pub(super) fn end_boot(&mut self, last: i64) {
        self.forget_after(last);
        self.boot = None;
        self.sessions.clear();
    }

    /// A number for a new session; on a machine that keeps more than Security, Windows' lowest free one.
    pub(super) fn new_session_number(&mut self, wanted: Option<u32>) -> u32 {
        let reuse = self.machine.channels.is_some();
        let Some(boot) = &mut self.boot else { return 0 };
        let number = match wanted {
            Some(number) => {
                boot.next_session = boot.next_session.max(number.saturating_add(1));
                number
            }
            None if reuse => (2..)
                .find(|n| !boot.numbers.contains(n))
                .unwrap_or(u32::MAX),
            None => {
                boot.next_session = boot.next_session.saturating_add(1);
                boot.next_session - 1
            }
        };
        boot.numbers.insert(number);
        number
    }

    /// A session is gone: its number is free, unless the console keeps it for the next.
    pub(super) fn free_session_number(&mut self, number: u32) {
        if let Some(boot) = self.boot.as_mut().filter(|boot| boot.console != number) {
            boot.numbers.remove(&number);
        }
    }

    /// A session leaves the console, or another comes to it: the console gets a number of its own.
    pub(super) fn leave_console(&mut self, number: u32) {
        let reuse = self.machine.channels.is_some();
        if reuse
            && self
                .boot
                .as_ref()
                .is_some_and(|boot| boot.console == number)
        {
            let console = self.new_session_number(None);
            if let Some(boot) = &mut self.boot {
                boot.console = console;
            }
        }
    }

    fn forget_after(&mut self, last: i64) {
        self.entries.retain(|(at, ..)| *at <= last);
    }

    pub(super) fn booted(&self, step: &Step) -> Result<&Boot, ScenarioError> {
        self.boot.as_ref().ok_or_else(|| {
            step.fault("the machine is not running; a step `boot` is missing before")
        })
    }

    /// The next Logon ID, `near` the last one for the second of a pair.
    pub(super) fn next_id(&mut self, near: bool) -> u64 {
        let now = self.now;
        let step = 0x11
            + if near {
                self.random.below(0x30)
            } else {
                self.random.below(0x1800)
            };
        let Some(boot) = &mut self.boot else { return 0 };
        // LUIDs are spent on many other things as time goes by.
        let idle = ((now - boot.last_id_at) / SECOND).clamp(0, 0x8000) as u64 * 5;
        boot.next_id = boot.next_id.saturating_add(step + idle);
        boot.last_id_at = now;
        boot.next_id
    }

    /// Takes a Logon ID that the scenario names.
    pub(super) fn claim_id(&mut self, id: u64) -> u64 {
        if let Some(boot) = &mut self.boot {
            boot.next_id = boot.next_id.max(id);
        }
        id
    }

    pub(super) fn random_below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// A GUID that changes nothing in Security.
    pub(super) fn random_side_guid(&mut self) -> Guid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.side.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.side.next().to_le_bytes());
        Guid(bytes)
    }

    pub(super) fn random_guid(&mut self) -> Guid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.random.next().to_le_bytes());
        Guid(bytes)
    }

    /// LocalSystem, as the machine's own account, in the role of a subject.
    pub(super) fn machine_account(&self) -> (Identity, u64) {
        let domain = self.domain.clone().unwrap_or_else(|| "WORKGROUP".into());
        (
            Identity {
                sid: Sid::nt(&[18]),
                name: format!("{}$", self.account_name.as_ref().unwrap_or(&self.name)),
                domain,
            },
            0x3e7,
        )
    }

    /// The built-in accounts by their names in the language of the machine.
    pub(super) fn built_in(&self, handle: &str) -> Option<(Identity, u64)> {
        let names = match self.machine.locale {
            Locale::En => [
                "SYSTEM",
                "LOCAL SERVICE",
                "NETWORK SERVICE",
                "ANONYMOUS LOGON",
                "NT AUTHORITY",
            ],
            Locale::Fr => [
                "Système",
                "SERVICE LOCAL",
                "SERVICE RÉSEAU",
                "ANONYMOUS LOGON",
                "AUTORITE NT",
            ],
            Locale::De => [
                "SYSTEM",
                "LOKALER DIENST",
                "NETZWERKDIENST",
                "ANONYMOUS-ANMELDUNG",
                "NT-AUTORITÄT",
            ],
        };
        let (rid, name, id) = match handle {
            "SYSTEM" => (18, names[0], 0x3e7),
            "LOCAL SERVICE" => (19, names[1], 0x3e5),
            "NETWORK SERVICE" => (20, names[2], 0x3e4),
            "ANONYMOUS LOGON" => (7, names[3], 0),
            _ => return None,
        };
        Some((
            Identity {
                sid: Sid::nt(&[rid]),
                name: name.into(),
                domain: names[4].into(),
            },
            id,
        ))
    }

    /// Finds an account of the scenario.
    pub(super) fn account(&self, step: &Step, handle: &str) -> Result<Target, ScenarioError> {
        if let Some((identity, _)) = self.built_in(handle) {
            let admin = handle == "SYSTEM";
            return Ok(Target {
                logon: identity.clone(),
                local: identity,
                realm: None,
                admin,
            });
        }
        if handle == "machine" {
            let (identity, _) = self.machine_account();
            let realm = self.realm(self.domain.as_deref());
            return Ok(Target {
                logon: identity.clone(),
                local: identity,
                realm,
                admin: true,
            });
        }
        let Some(account) = self.scenario.accounts.get(handle) else {
            return Err(step.fault(format!("no account `{handle}`; write [account.{handle}]")));
        };
        let parse = |text: &str| {
            Sid::parse(text).ok_or_else(|| step.fault(format!("`{text}` is not a SID")))
        };
        let sid = match (&account.sid, account.rid, &account.domain) {
            (Some(sid), ..) => parse(sid)?,
            (None, Some(rid), None) => self.machine.sid.with(rid),
            (None, Some(rid), Some(domain)) => match self.scenario.domains.get(domain) {
                Some(domain) => parse(&domain.sid)?.with(rid),
                None => return Err(step.fault(format!("no domain `{domain}`"))),
            },
            (None, None, _) => return Err(step.fault(format!("account `{handle}` has no sid"))),
        };
        let name = account.name.clone().unwrap_or_else(|| handle.into());
        let domain = account.domain.clone().unwrap_or_else(|| self.name.clone());
        let local = Identity {
            sid: sid.clone(),
            name,
            domain,
        };
        let logon = match &account.microsoft {
            Some(mail) => Identity {
                sid,
                name: mail.clone(),
                domain: "MicrosoftAccount".into(),
            },
            None => local.clone(),
        };
        Ok(Target {
            logon,
            local,
            realm: self.realm(account.domain.as_deref()),
            admin: account.admin,
        })
    }

    fn realm(&self, domain: Option<&str>) -> Option<String> {
        Some(
            self.scenario
                .domains
                .get(domain?)?
                .dns
                .as_ref()?
                .to_uppercase(),
        )
    }

    /// A session that an earlier step named.
    pub(super) fn session(&self, step: &Step, key: &str) -> Result<Session, ScenarioError> {
        let handle = step.required(key)?;
        match self.sessions.get(handle) {
            Some(session) if session.open => Ok(session.clone()),
            Some(_) => Err(step.fault(format!("session `{handle}` has ended"))),
            None => Err(step.fault(format!(
                "no session `{handle}` in this boot; a logon names it with as = \"{handle}\""
            ))),
        }
    }

    /// A draft of a known event with what is given; all else as Windows leaves it.
    pub(super) fn draft<'f>(
        &mut self,
        event_id: u16,
        values: impl IntoIterator<Item = (&'f str, Value)>,
    ) -> Record {
        let version = match (event_id, self.os()) {
            (4624, Os::Seven) | (4688, Os::Seven) => 0,
            (4624 | 4688, Os::Eight) => 1,
            (1102, Os::Eleven24H2) => 1,
            (1102, _) => 0,
            (4624, Os::Eleven24H2) => 3,
            _ => 2,
        };
        match events::layout(event_id, version).or_else(|| events::layout(event_id, u8::MAX)) {
            Some(layout) => self.lay_out(layout, values),
            // The story asks for events of the table alone; an unknown one would be empty.
            None => self.blank(event_id),
        }
    }

    /// A draft of an event of another channel than Security, in this Windows' version of it.
    pub(super) fn report<'f>(
        &mut self,
        provider: &str,
        event_id: u16,
        values: impl IntoIterator<Item = (&'f str, Value)>,
    ) -> Record {
        let version = match (event_id, self.os()) {
            (1, Os::Seven) | (27, Os::Eight) => 0,
            (1, Os::Eight) if provider == events::system::KERNEL_GENERAL => 1,
            (20, Os::Seven | Os::Eight | Os::Ten1607) => 0,
            (41, Os::Seven | Os::Eight) => 2,
            _ => u8::MAX,
        };
        let layout = events::layout_of(provider, event_id, version)
            .or_else(|| events::layout_of(provider, event_id, u8::MAX));
        match layout {
            Some(layout) => self.lay_out(layout, values),
            // As in `draft`.
            None => self.blank(event_id),
        }
    }

    /// A number that changes nothing in Security.
    pub(super) fn side_below(&mut self, n: u64) -> u64 {
        self.side.below(n)
    }

    /// Whether the machine keeps a channel's log.
    pub(super) fn keeps(&self, channel: &str) -> bool {
        match &self.machine.channels {
            Some(channels) => channels.contains(&channel),
            None => channel == events::SECURITY,
        }
    }

    fn lay_out<'f>(
        &mut self,
        layout: &Layout,
        values: impl IntoIterator<Item = (&'f str, Value)>,
    ) -> Record {
        let mut fields: Vec<Field> = layout
            .fields
            .iter()
            .map(|(name, kind)| Field {
                name: (*name).into(),
                value: kind.nothing(),
            })
            .collect();
        for (name, value) in values {
            if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
                field.value = value;
            }
        }
        let mut record = match layout.channel {
            events::SECURITY => self.blank(layout.event_id),
            _ => self.side_blank(layout.event_id),
        };
        record.channel = layout.channel.into();
        record.opcode = layout.opcode;
        record.qualifiers = layout.qualifiers;
        record.source_name = layout.source_name.map(str::to_string);
        record.user = layout.user.map(Sid::nt);
        record.provider = layout.provider.into();
        record.provider_guid = Guid::parse(layout.provider_guid);
        record.version = layout.version;
        record.level = layout.level;
        record.task = layout.task;
        record.keywords = layout.keywords;
        record.classic = layout.shape == Shape::Classic && self.os() < Os::Ten1607;
        record.payload = match layout.shape {
            Shape::EventData => Payload::EventData(fields),
            Shape::Classic => Payload::Classic(fields),
            Shape::ProcessingError => Payload::ProcessingError(fields),
            Shape::UserData(element, namespace) => Payload::UserData {
                element: element.into(),
                namespace: namespace.into(),
                fields,
            },
        };
        if let Some(boot) = &self.boot {
            let service = |process: u32| (process, process + 4 * (5 + record.thread_id % 90));
            (record.process_id, record.thread_id) = match layout.writer {
                Writer::Lsass => (boot.lsass, boot.lsass.wrapping_add(4 * self.thread)),
                Writer::Kernel => (4, 4 * (8 + record.thread_id % 60)),
                Writer::EventLog => (
                    boot.eventlog,
                    boot.eventlog + 4 * (20 + record.thread_id % 60),
                ),
                Writer::Sessions => service(boot.hosts[0]),
                Writer::RemoteDesktop => service(boot.hosts[1]),
                Writer::Profiles => service(boot.hosts[2]),
                Writer::Wininit => service(boot.wininit),
                Writer::Winlogon => service(boot.winlogon),
                Writer::Services => service(boot.services),
                Writer::Own => (record.process_id, record.thread_id),
                Writer::Nobody => (0, 0),
            };
            let remembers = match layout.event_id {
                4647 | 4778 | 4779 => self.os() >= Os::Ten1607,
                4624 | 4625 | 4627 | 4648 | 4672 | 4964 => self.os() >= Os::Ten,
                _ => false,
            } && layout.channel == events::SECURITY;
            record.activity = remembers.then_some(boot.activity);
        }
        record
    }

    /// A record with nothing of its own.
    pub(super) fn blank(&mut self, event_id: u16) -> Record {
        let thread_id = self.random.below(1000) as u32;
        self.empty(event_id, thread_id)
    }

    fn side_blank(&mut self, event_id: u16) -> Record {
        let thread_id = self.side.below(1000) as u32;
        self.empty(event_id, thread_id)
    }

    fn empty(&self, event_id: u16, thread_id: u32) -> Record {
        Record {
            provider: events::AUDITING.into(),
            provider_guid: None,
            source_name: None,
            classic: false,
            event_id,
            qualifiers: None,
            version: 0,
            level: 0,
            task: 0,
            opcode: 0,
            keywords: 0,
            time: 0,
            activity: None,
            process_id: 4,
            thread_id,
            channel: events::SECURITY.into(),
            computer: self.computer.clone(),
            user: None,
            payload: Payload::EventData(Vec::new()),
            forwarded: false,
            source_number: None,
            collected: None,
        }
    }

    /// Puts the records of a step on the timeline, after the step's own changes to them.
    pub(super) fn publish(&mut self, step: &Step, mut scene: Scene) -> Result<(), ScenarioError> {
        if step.verb != "record" {
            scene.retain(|(_, record)| self.keeps(&record.channel));
        }
        let without = step.without()?;
        for event in &without {
            if !scene.iter().any(|(_, record)| record.event_id == *event) {
                return Err(step.fault(format!("without: this step writes no {event} here")));
            }
        }
        scene.retain(|(_, record)| !without.contains(&record.event_id));
        for change in step.overrides()? {
            let mut found = false;
            for (_, record) in scene
                .iter_mut()
                .filter(|(_, r)| change.event.is_none_or(|event| event == r.event_id))
            {
                for field in record
                    .payload
                    .fields_mut()
                    .iter_mut()
                    .filter(|field| field.name == change.name)
                {
                    found = true;
                    if let Some(kind) = field.value.kind() {
                        field.value = kind.parse(&change.text).map_err(|fault| {
                            step.fault(format!("fields: {}: {fault}", change.name))
                        })?;
                    }
                }
            }
            if !found {
                return Err(step.fault(format!(
                    "fields: no record of this step has a field `{}`",
                    change.name
                )));
            }
        }
        for name in step.texts("null")? {
            let fields = scene
                .iter_mut()
                .flat_map(|(_, record)| record.payload.fields_mut());
            let mut found = false;
            for field in fields.filter(|field| field.name == name) {
                field.value = Value::Null;
                found = true;
            }
            if !found {
                return Err(
                    step.fault(format!("null: no record of this step has a field `{name}`"))
                );
            }
        }
        for (offset, mut record) in scene {
            if record.time == 0 {
                record.time = u64::try_from(self.clock() + offset)
                    .map_err(|_| step.fault("the time is out of range"))?;
            }
            let channel = record.channel.clone();
            self.entries
                .push((self.now + offset, channel, Entry::Record(Box::new(record))));
        }
        Ok(())
    }

    /// Puts something that is no record on the timeline of a channel.
    pub(super) fn mark(&mut self, channel: &str, entry: Entry) {
        self.entries.push((self.now, channel.into(), entry));
    }

    /// The channels' entries in the order of writing.
    pub(super) fn finish(mut self) -> BTreeMap<String, Vec<Entry>> {
        self.entries.sort_by_key(|(at, ..)| *at);
        let mut channels: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for (_, channel, entry) in self.entries {
            channels.entry(channel).or_default().push(entry);
        }
        channels
    }
}

/// A small generator (splitmix64): repeatable, from a name.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn from_name(name: &str) -> Random {
        Random(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
            (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}
