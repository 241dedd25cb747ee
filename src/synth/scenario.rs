//! The scenario file: what a person writes (TOML), checked word by word.
//!
//! In: the text of a scenario. Out: [`Scenario`], or a [`ScenarioError`] that names the place and
//! what is wrong there. Nothing of the format of logs is known here.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Table};

use super::events::{self, remote, terminal};
use super::time;
use super::value::{Sid, number};

/// What is wrong with a scenario, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {place}{what}")]
pub struct ScenarioError {
    /// The line of the file, from 1.
    pub line: usize,
    /// The step or table, ending in `: `; empty where the line says it all.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// A whole scenario.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) domains: BTreeMap<String, Domain>,
    pub(super) machines: Vec<Machine>,
    pub(super) collectors: Vec<Collector>,
    pub(super) copies: Vec<Placed<CopyOfLog>>,
    pub(super) damages: Vec<Placed<Damage>>,
}

/// Something of the scenario with the line that it begins on.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub(super) line: usize,
    pub(super) what: T,
}

impl<T> Placed<T> {
    /// An error about it.
    pub(super) fn fault(&self, place: &str, what: impl Into<String>) -> ScenarioError {
        ScenarioError {
            line: self.line,
            place: format!("{place}: "),
            what: what.into(),
        }
    }
}

/// Another file with records of a log: a shadow copy, a part that somebody exported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyOfLog {
    /// The log by its path, `WS-ALDER/Security.evtx`.
    pub(super) log: String,
    /// The path of the copy.
    pub(super) file: String,
    /// The first and the last record of the copy; all without them.
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
}

/// Damage done to a finished file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Damage {
    /// The log by its path.
    pub(super) log: String,
    pub(super) what: Harm,
    /// The chunk that is damaged, from 0 in file order.
    #[serde(default)]
    pub(super) chunk: usize,
    /// The record that is damaged, where the damage is a record's.
    pub(super) record: Option<u64>,
}

/// The kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Harm {
    /// The second half of the chunk was never written.
    Torn,
    /// The chunk's signature is overwritten.
    Signature,
    /// The checksum of the chunk's header is wrong.
    Checksum,
    /// The file ends in the middle of the chunk.
    Cut,
    /// 4096 stray bytes after the last chunk.
    Stray,
    /// The record says that it is 0 bytes long.
    ZeroSize,
    /// The record says that it has 4,294,967,295 values.
    Substitutions,
    /// The template of the record, and of all in its chunk that share it, has an instance of itself in it.
    SelfReference,
    /// The record is elements in elements, as deep as it has bytes for.
    Nesting,
    /// The name of the first element in the record's template says that it is 65,535 characters long.
    NameLength,
    /// The record stands once more in the unused end of its chunk.
    Slack,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Domain {
    pub(super) sid: String,
    /// The DNS name, which a member's `Computer` ends in.
    pub(super) dns: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) name: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) rid: Option<u32>,
    #[serde(default)]
    pub(super) admin: bool,
    /// The mail address of a Microsoft account: the name at logon.
    pub(super) microsoft: Option<String>,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) os: Os,
    /// A server edition; its remote sessions come back as type 10.
    pub(super) server: bool,
    pub(super) sid: Sid,
    pub(super) domain: Option<String>,
    pub(super) computer: Option<String>,
    pub(super) locale: Locale,
    /// False: the machine's records go to a collector alone.
    pub(super) keep: bool,
    /// The channels that it keeps; `None` is Security alone.
    pub(super) channels: Option<Vec<&'static str>>,
    /// Minutes to add to local time for UTC, and the zone's name.
    pub(super) time_zone: (i32, String),
    pub(super) logs: Vec<LogOptions>,
    pub(super) steps: Vec<Step>,
}

/// The channels by their names in a scenario.
const CHANNELS: [(&str, &str); 10] = [
    ("Security", events::SECURITY),
    ("System", events::system::SYSTEM),
    ("LocalSessionManager", terminal::SESSIONS_LOG),
    ("RemoteConnectionManager", terminal::CONNECTIONS_LOG),
    ("RdpCoreTS", terminal::RDP_LOG),
    ("UserProfile", terminal::PROFILES_LOG),
    ("RDPClient", remote::CLIENT_LOG),
    ("Gateway", remote::GATEWAY_LOG),
    ("OpenSSH", remote::SSH_LOG),
    ("WinRM", remote::WINRM_LOG),
];

/// The channels that a scenario names; `all` is all of them.
fn channels(names: &[String]) -> Result<Vec<&'static str>, String> {
    let mut channels = Vec::new();
    for name in names {
        if name == "all" {
            channels.extend(CHANNELS.iter().map(|(_, channel)| *channel));
            continue;
        }
        let Some((_, channel)) = CHANNELS.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = CHANNELS.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            return Err(format!("unknown channel `{name}`; known: all, {known}"));
        };
        channels.push(*channel);
    }
    Ok(channels)
}

/// Reads `480 Pacific Standard Time`.
fn time_zone(text: &str) -> Option<(i32, String)> {
    let (bias, name) = text.split_once(' ')?;
    let bias: i32 = bias.parse().ok()?;
    (bias.abs() <= 1440).then(|| (bias, name.to_string()))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogOptions {
    pub(super) channel: String,
    pub(super) first_record: Option<u64>,
    pub(super) chunk_records: Option<usize>,
    pub(super) max_chunks: Option<usize>,
    #[serde(default)]
    pub(super) dirty: bool,
    pub(super) minor_version: Option<u16>,
    /// The file's name, where it is not the channel's.
    pub(super) file: Option<String>,
}

/// A machine that collects the records of others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collector {
    pub(super) name: String,
    pub(super) from: Vec<String>,
    pub(super) first_record: Option<u64>,
    pub(super) chunk_records: Option<usize>,
}

/// The generation of Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Os {
    /// Windows 7, Server 2008 R2.
    Seven,
    /// Windows 8 and 8.1, Server 2012 and 2012 R2.
    Eight,
    /// Windows 10 1607, Server 2016.
    Ten1607,
    /// Windows 10 since 1809, Server 2019.
    Ten,
    /// Windows 11 before 24H2, Server 2022.
    Eleven,
    /// Windows 11 24H2, Server 2025.
    Eleven24H2,
}

impl Os {
    const NAMES: [(&'static str, Os, bool); 14] = [
        ("windows-7", Os::Seven, false),
        ("server-2008r2", Os::Seven, true),
        ("windows-8", Os::Eight, false),
        ("windows-8.1", Os::Eight, false),
        ("server-2012", Os::Eight, true),
        ("server-2012r2", Os::Eight, true),
        ("windows-10-1607", Os::Ten1607, false),
        ("server-2016", Os::Ten1607, true),
        ("windows-10", Os::Ten, false),
        ("server-2019", Os::Ten, true),
        ("windows-11", Os::Eleven, false),
        ("server-2022", Os::Eleven, true),
        ("windows-11-24h2", Os::Eleven24H2, false),
        ("server-2025", Os::Eleven24H2, true),
    ];
}

/// The language of the built-in accounts' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Locale {
    En,
    Fr,
    De,
}

/// When a step happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// By the machine's clock.
    At(u64),
    /// At this time of day, on the day of the step before.
    TimeOfDay(i64),
    /// So much after the step before.
    After(i64),
}

/// One step of a machine's story, with typed access to its keys.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) verb: &'static str,
    pub(super) when: When,
    pub(super) line: usize,
    place: String,
    keys: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the scenario")]
    title: String,
    #[serde(default, rename = "account")]
    accounts: BTreeMap<String, Spanned<Account>>,
    #[serde(default, rename = "domain")]
    domains: BTreeMap<String, Spanned<Domain>>,
    #[serde(default, rename = "machine")]
    machines: Vec<Spanned<MachineTable>>,
    #[serde(default, rename = "collector")]
    collectors: Vec<Spanned<Collector>>,
    #[serde(default, rename = "copy")]
    copies: Vec<Spanned<CopyOfLog>>,
    #[serde(default, rename = "damage")]
    damages: Vec<Spanned<Damage>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineTable {
    name: String,
    os: String,
    sid: String,
    domain: Option<String>,
    computer: Option<String>,
    locale: Option<Locale>,
    #[serde(default = "yes")]
    keep: bool,
    channels: Option<Vec<String>>,
    time_zone: Option<String>,
    #[serde(default, rename = "log")]
    logs: Vec<LogOptions>,
    #[serde(default, rename = "step")]
    steps: Vec<Spanned<Table>>,
}

fn yes() -> bool {
    true
}

/// The steps and the keys that each takes beside [`COMMON`].
const VERBS: [(&str, &[&str]); 33] = [
    (
        "boot",
        &[
            "name",
            "domain",
            "computer",
            "lsass",
            "logon_ids_from",
            "dropped",
            "clock_reset",
            "services",
            "greeter",
            "machine_account",
            "silent",
            "kernel_first",
        ],
    ),
    (
        "stop",
        &["late_logoff", "logoff", "request", "by", "action", "reason"],
    ),
    ("power-loss", &["last_alive"]),
    (
        "fast-startup",
        &["logoff", "request", "by", "action", "reason"],
    ),
    ("sleep", &[]),
    ("hibernate", &[]),
    ("wake", &[]),
    ("rdp-auth", &["account", "address"]),
    ("rdp-out", &["by", "server", "address", "hash"]),
    (
        "gateway",
        &["account", "address", "server", "auth", "ends_after"],
    ),
    ("remote-shell", &["session", "uri"]),
    ("hijack", &["session", "by"]),
    ("service-installed", &["name", "image", "by"]),
    ("archive-log", &["channel"]),
    ("wait", &[]),
    (
        "logon",
        &[
            "as",
            "kind",
            "account",
            "by",
            "logon_id",
            "linked_id",
            "address",
            "port",
            "workstation",
            "auth",
            "process",
            "pid",
            "nla",
            "uac",
            "type",
            "session",
            "count",
            "every",
            "ends_after",
            "terminal",
        ],
    ),
    (
        "logon-failed",
        &[
            "kind",
            "account",
            "name",
            "domain",
            "status",
            "sub_status",
            "address",
            "port",
            "workstation",
            "auth",
            "process",
            "pid",
            "count",
            "every",
            "type",
        ],
    ),
    (
        "explicit-credentials",
        &["by", "account", "server", "process", "address", "pid"],
    ),
    (
        "runas",
        &[
            "as",
            "by",
            "account",
            "logon_id",
            "linked_id",
            "netonly",
            "outbound",
            "uac",
        ],
    ),
    (
        "elevate",
        &[
            "as",
            "by",
            "account",
            "logon_id",
            "linked_id",
            "type",
            "uac",
        ],
    ),
    ("logoff", &["session", "ended", "token_after", "part"]),
    ("lock", &["session"]),
    (
        "unlock",
        &[
            "session",
            "type",
            "logon_id",
            "linked_id",
            "address",
            "ends_after",
        ],
    ),
    ("disconnect", &["session", "client", "reason"]),
    (
        "reconnect",
        &[
            "session",
            "address",
            "client",
            "type",
            "logon_id",
            "linked_id",
            "nla",
            "workstation",
            "auth",
            "ends_after",
        ],
    ),
    ("screensaver-on", &["session"]),
    ("screensaver-off", &["session"]),
    ("clock", &["to", "by", "process"]),
    ("clear-log", &["by", "channel"]),
    ("lose", &["records", "channel"]),
    ("special-groups", &["session", "groups"]),
    ("group-membership", &["session", "groups"]),
    (
        "record",
        &[
            "event",
            "version",
            "level",
            "task",
            "opcode",
            "keywords",
            "provider",
            "provider_guid",
            "channel",
            "qualifiers",
            "pid",
            "tid",
            "user",
            "activity",
            "data",
            "user_data",
            "namespace",
        ],
    ),
];
/// The keys of every step.
const COMMON: [&str; 7] = ["do", "at", "after", "fields", "without", "null", "note"];

impl Scenario {
    /// Reads and checks a scenario.
    pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let line = |offset: usize| {
            text.get(..offset)
                .map_or(1, |before| before.matches('\n').count() + 1)
        };
        let document: Document = toml::from_str(text).map_err(|fault| ScenarioError {
            line: fault.span().map_or(1, |span| line(span.start)),
            place: String::new(),
            what: fault.message().to_string(),
        })?;
        if document.machines.is_empty() {
            return Err(ScenarioError {
                line: 1,
                place: String::new(),
                what: "no [[machine]] in the scenario".into(),
            });
        }
        let mut machines = Vec::new();
        for machine in document.machines {
            let at = line(machine.span().start);
            let machine = machine.into_inner();
            let place = format!("machine {}: ", machine.name);
            let fault = |what: String| ScenarioError {
                line: at,
                place: place.clone(),
                what,
            };
            check_folder_name(&machine.name).map_err(&fault)?;
            let (_, os, server) = *Os::NAMES
                .iter()
                .find(|(name, ..)| *name == machine.os)
                .ok_or_else(|| {
                    let known: Vec<&str> = Os::NAMES.iter().map(|(name, ..)| *name).collect();
                    fault(format!(
                        "unknown os `{}`; known: {}",
                        machine.os,
                        known.join(", ")
                    ))
                })?;
            let sid = Sid::parse(&machine.sid)
                .ok_or_else(|| fault(format!("sid `{}` is not a SID", machine.sid)))?;
            let kept = machine.channels.as_deref().map(channels);
            let kept = kept.transpose().map_err(&fault)?;
            let zone = machine
                .time_zone
                .as_deref()
                .unwrap_or("0 Coordinated Universal Time");
            let zone = time_zone(zone).ok_or_else(|| {
                fault(format!(
                    "time_zone `{zone}` is not written like `480 Pacific Standard Time`"
                ))
            })?;
            for log in &machine.logs {
                if let Some(file) = &log.file {
                    check_folder_name(file).map_err(&fault)?;
                }
            }
            let mut steps = Vec::new();
            for (index, step) in machine.steps.into_iter().enumerate() {
                let at = line(step.span().start);
                let place = format!("machine {}, step {}", machine.name, index + 1);
                steps.push(Step::parse(step.into_inner(), at, place)?);
            }
            if machines
                .iter()
                .any(|other: &Machine| other.name == machine.name)
            {
                return Err(fault("a second machine of this name".into()));
            }
            machines.push(Machine {
                name: machine.name,
                os,
                server,
                sid,
                domain: machine.domain,
                computer: machine.computer,
                locale: machine.locale.unwrap_or(Locale::En),
                keep: machine.keep,
                channels: kept,
                time_zone: zone,
                logs: machine.logs,
                steps,
            });
        }
        let mut collectors = Vec::new();
        for collector in document.collectors {
            let at = line(collector.span().start);
            let collector = collector.into_inner();
            let fault = |what| ScenarioError {
                line: at,
                place: format!("collector {}: ", collector.name),
                what,
            };
            check_folder_name(&collector.name).map_err(fault)?;
            if let Some(name) = collector
                .from
                .iter()
                .find(|name| !machines.iter().any(|m| m.name == **name))
            {
                return Err(fault(format!("no machine `{name}` in the scenario")));
            }
            collectors.push(collector);
        }
        let mut domains = BTreeMap::new();
        for (key, domain) in document.domains {
            let at = line(domain.span().start);
            let domain = domain.into_inner();
            if Sid::parse(&domain.sid).is_none() {
                let what = format!("sid `{}` is not a SID", domain.sid);
                return Err(ScenarioError {
                    line: at,
                    place: format!("domain {key}: "),
                    what,
                });
            }
            domains.insert(key, domain);
        }
        let mut accounts = BTreeMap::new();
        for (handle, account) in document.accounts {
            let at = line(account.span().start);
            let account = account.into_inner();
            let fault = |what| ScenarioError {
                line: at,
                place: format!("account {handle}: "),
                what,
            };
            if account.sid.is_some() == account.rid.is_some() {
                return Err(fault("give either `sid` or `rid`".into()));
            }
            if let Some(sid) = account
                .sid
                .as_deref()
                .filter(|sid| Sid::parse(sid).is_none())
            {
                return Err(fault(format!("sid `{sid}` is not a SID")));
            }
            if let Some(domain) = account
                .domain
                .as_ref()
                .filter(|d| account.rid.is_some() && !domains.contains_key(*d))
            {
                return Err(fault(format!(
                    "domain `{domain}` has no [domain.{domain}] with its sid"
                )));
            }
            accounts.insert(handle, account);
        }
        Ok(Scenario {
            accounts,
            domains,
            machines,
            collectors,
            copies: placed(document.copies, line),
            damages: placed(document.damages, line),
        })
    }
}

fn placed<T>(tables: Vec<Spanned<T>>, line: impl Fn(usize) -> usize) -> Vec<Placed<T>> {
    let placed = |table: Spanned<T>| Placed {
        line: line(table.span().start),
        what: table.into_inner(),
    };
    tables.into_iter().map(placed).collect()
}

/// A name that becomes a folder or file must stay inside the output folder.
pub(super) fn check_folder_name(name: &str) -> Result<(), String> {
    let bad = |c: char| matches!(c, '/' | '\\' | ':' | '\0') || c.is_control();
    // What no system can have as a file: also names that Windows keeps for devices.
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let is_port = |port: &str| {
        stem.strip_prefix(port)
            .is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']))
    };
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || ["COM", "LPT"].into_iter().any(is_port);
    let ends_badly = name.ends_with(['.', ' ']) || name.len() > 200;
    match name.is_empty()
        || name.starts_with('.')
        || name.chars().any(bad)
        || is_device
        || ends_badly
    {
        true => Err(format!(
            "`{}` cannot be the name of a folder or file",
            name.escape_debug()
        )),
        false => Ok(()),
    }
}

impl Step {
    fn parse(keys: Table, line: usize, place: String) -> Result<Step, ScenarioError> {
        let fault = |place: &str, what: String| ScenarioError {
            line,
            place: format!("{place}: "),
            what,
        };
        let named = keys.get("do").and_then(toml::Value::as_str);
        let Some(named) = named else {
            return Err(fault(
                &place,
                "`do` is missing: the name of what happens".into(),
            ));
        };
        let Some((verb, own)) = VERBS.iter().find(|(verb, _)| *verb == named) else {
            let known: Vec<&str> = VERBS.iter().map(|(verb, _)| *verb).collect();
            return Err(fault(
                &place,
                format!("unknown step `{named}`; known: {}", known.join(", ")),
            ));
        };
        let place = format!("{place} ({verb})");
        if let Some(key) = keys
            .keys()
            .find(|key| !own.contains(&key.as_str()) && !COMMON.contains(&key.as_str()))
        {
            return Err(fault(
                &place,
                format!("unknown key `{key}`; {verb} takes {}", own.join(", ")),
            ));
        }
        let when = match (keys.get("at"), keys.get("after")) {
            (Some(_), Some(_)) => return Err(fault(&place, "`at` and `after` at once".into())),
            (Some(at), None) => {
                let text = at.as_str().map_or_else(|| at.to_string(), str::to_string);
                match (time::parse(&text), time::parse_time_of_day(&text)) {
                    (Some(ticks), _) => When::At(ticks),
                    (None, Some(ticks)) => When::TimeOfDay(ticks),
                    _ => {
                        return Err(fault(
                            &place,
                            format!(
                                "at = `{text}` is no time; write 2024-03-04T08:00:00Z or 08:15"
                            ),
                        ));
                    }
                }
            }
            (None, Some(after)) => match after.as_str().and_then(time::parse_span) {
                Some(ticks) => When::After(ticks),
                None => {
                    return Err(fault(
                        &place,
                        format!("after = {after} is no span; write 90s, 1h30m, 2d or 150ms"),
                    ));
                }
            },
            (None, None) => return Err(fault(&place, "neither `at` nor `after`".into())),
        };
        Ok(Step {
            verb,
            when,
            line,
            place: format!("{place}: "),
            keys,
        })
    }

    /// An error about this step.
    pub(super) fn fault(&self, what: impl Into<String>) -> ScenarioError {
        ScenarioError {
            line: self.line,
            place: self.place.clone(),
            what: what.into(),
        }
    }

    fn wrong(&self, key: &str, want: &str) -> ScenarioError {
        let value = self
            .keys
            .get(key)
            .map_or_else(String::new, ToString::to_string);
        self.fault(format!("{key} = {value} is not {want}"))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, ScenarioError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| self.wrong(key, "a text")),
        }
    }

    pub(super) fn required(&self, key: &str) -> Result<&str, ScenarioError> {
        self.text(key)?
            .ok_or_else(|| self.fault(format!("`{key}` is missing")))
    }

    pub(super) fn flag(&self, key: &str, otherwise: bool) -> Result<bool, ScenarioError> {
        match self.keys.get(key) {
            None => Ok(otherwise),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    /// A number, in decimal, hexadecimal, or as text (`"0x3e7"`).
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ScenarioError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(toml::Value::Integer(n)) => u64::try_from(*n)
                .map(Some)
                .map_err(|_| self.wrong(key, "a number from 0")),
            Some(toml::Value::String(text)) => number(text)
                .map(Some)
                .ok_or_else(|| self.wrong(key, "a number")),
            Some(_) => Err(self.wrong(key, "a number")),
        }
    }

    pub(super) fn narrow<N: TryFrom<u64>>(&self, key: &str) -> Result<Option<N>, ScenarioError> {
        match self.number(key)? {
            None => Ok(None),
            Some(n) => N::try_from(n)
                .map(Some)
                .map_err(|_| self.wrong(key, "small enough for its field")),
        }
    }

    pub(super) fn span(&self, key: &str, otherwise: i64) -> Result<i64, ScenarioError> {
        match self.text(key)? {
            None => Ok(otherwise),
            Some(text) => {
                time::parse_span(text).ok_or_else(|| self.wrong(key, "a span like 90s or 150ms"))
            }
        }
    }

    pub(super) fn time(&self, key: &str) -> Result<Option<u64>, ScenarioError> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => time::parse(text)
                .map(Some)
                .ok_or_else(|| self.wrong(key, "a time like 2024-03-04T08:00:00Z")),
        }
    }

    fn list(&self, key: &str) -> Result<&[toml::Value], ScenarioError> {
        match self.keys.get(key) {
            None => Ok(&[]),
            Some(value) => value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| self.wrong(key, "a list")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<&str>, ScenarioError> {
        self.list(key)?
            .iter()
            .map(|value| {
                value
                    .as_str()
                    .ok_or_else(|| self.wrong(key, "a list of texts"))
            })
            .collect()
    }

    /// The events that this step is told not to write.
    pub(super) fn without(&self) -> Result<Vec<u16>, ScenarioError> {
        self.list("without")?
            .iter()
            .map(|value| {
                let id = value.as_integer().and_then(|id| u16::try_from(id).ok());
                id.ok_or_else(|| self.wrong("without", "a list of event numbers"))
            })
            .collect()
    }

    /// `fields = { IpPort = "-" }` for every record of the step, `fields = { 4624 = { ... } }` for one event.
    pub(super) fn overrides(&self) -> Result<Vec<Override>, ScenarioError> {
        let Some(value) = self.keys.get("fields") else {
            return Ok(Vec::new());
        };
        let table = value
            .as_table()
            .ok_or_else(|| self.wrong("fields", "a table"))?;
        let mut overrides = Vec::new();
        for (key, value) in table {
            match value.as_table() {
                Some(inner) => {
                    let event = key.parse().map_err(|_| {
                        self.fault(format!("fields: `{key}` is not an event number"))
                    })?;
                    for (name, value) in inner {
                        overrides.push(Override {
                            event: Some(event),
                            name: name.clone(),
                            text: self.plain(name, value)?,
                        });
                    }
                }
                None => overrides.push(Override {
                    event: None,
                    name: key.clone(),
                    text: self.plain(key, value)?,
                }),
            }
        }
        Ok(overrides)
    }

    /// `data = [{ name = "X", value = "1", type = "u32" }]`.
    pub(super) fn data(&self) -> Result<Option<Vec<Datum<'_>>>, ScenarioError> {
        if !self.has("data") {
            return Ok(None);
        }
        let mut data = Vec::new();
        for value in self.list("data")? {
            let table = value
                .as_table()
                .ok_or_else(|| self.wrong("data", "a list of tables"))?;
            if let Some(key) = table
                .keys()
                .find(|key| !matches!(key.as_str(), "name" | "value" | "type"))
            {
                return Err(self.fault(format!(
                    "data: unknown key `{key}`; a datum takes name, value, type"
                )));
            }
            let text = |key: &str| table.get(key).and_then(toml::Value::as_str).unwrap_or("");
            data.push(Datum {
                name: text("name"),
                kind: if table.contains_key("type") {
                    text("type")
                } else {
                    "string"
                },
                text: table
                    .get("value")
                    .map(|value| self.plain("data", value))
                    .transpose()?,
            });
        }
        Ok(Some(data))
    }

    fn plain(&self, key: &str, value: &toml::Value) -> Result<String, ScenarioError> {
        match value {
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(n) => Ok(n.to_string()),
            toml::Value::Boolean(b) => Ok(b.to_string()),
            _ => Err(self.fault(format!("the value of `{key}` is neither text nor number"))),
        }
    }
}

/// A field that the scenario sets by hand.
#[derive(Debug)]
pub(super) struct Override {
    pub(super) event: Option<u16>,
    pub(super) name: String,
    pub(super) text: String,
}

/// One value of a raw record; without text it is a null.
#[derive(Debug)]
pub(super) struct Datum<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) text: Option<String>,
}

impl Machine {
    /// The options of one channel's log.
    pub(super) fn options(&self, channel: &str) -> Option<&LogOptions> {
        self.logs.iter().find(|log| log.channel == channel)
    }
}
