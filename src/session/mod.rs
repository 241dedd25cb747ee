//! Pairs events into sessions: a pure function of ordered events, no I/O, no threads.
//!
//! In: the events of one machine. Out: its [`Session`]s, each with the records that prove it. Every
//! boundary says whether it was recorded or inferred; what the evidence does not tell stays unknown.
//!
//! The steps, in the order of [`timeline`](timeline()):
//!
//! ```text
//! machine                        the events and spans of one machine, out of all logs, and what was recovered
//! actions                        where its events of each action stand
//! gaps, system, boot             where records are missing; its boots, and how each began and ended
//! build                          drafts: the audit records of a boot, paired; moments, marks: what other channels tell meanwhile
//! desktop, winlogon, connection, shell
//!                                the records of other channels, tied to drafts; each with its link
//! pre_authentication             what is inferred of connections that nothing else tells of
//! failures, takeover, arrival    what an examiner should know
//! finish, clock, local_time      sessions out of drafts: their ends, spans and local times
//! touches                        what lies inside a session beside the missing records of Security
//! ```
//!
//! `coverage` tells of the same machine what its logs can speak of at all.

mod actions;
mod address;
mod arrival;
mod boot;
mod bridges;
mod build;
mod clock;
mod connection;
mod coverage;
mod desktop;
mod draft;
mod failures;
mod finish;
mod gaps;
mod group;
mod kind;
mod link;
mod local_time;
mod machine;
mod marks;
mod moments;
mod place;
mod pre_authentication;
mod recovered;
mod shell;
mod system;
mod takeover;
#[cfg(test)]
mod tests;
mod timeline;
mod touches;
mod winlogon;

pub(crate) use address::{is_link_local, is_loopback, network_address};
pub use coverage::{
    AuditLoss, CLOCK_STEP, Clear, ClockChange, Coverage, CoveredBoot, Gap, GapCause, Holding, Mark,
    Origin,
};
pub use finish::{STOP_REQUEST_AFTER, STOP_REQUEST_BEFORE};
pub use link::{Link, LinkRule, Score};
pub use local_time::{LocalClock, OffsetMark};
pub(crate) use machine::first_label;
pub use machine::{Conflict, Machine, Source, Sources, machines};
pub use timeline::{Timeline, timeline};

use crate::event::{Account, LogIndex, LogonId, LogonType, Text};
use crate::guid::Guid;
use crate::named::named;
use crate::sid::AccountClass;
use crate::time::{LocalTime, Ticks, Time};
use std::sync::Arc;

named! {
    /// What a logon really was; the logon type alone misleads.
    pub enum Kind {
        /// The machine itself, at boot.
        System = "system",
        /// The Desktop Window Manager.
        WindowManager = "window-manager",
        /// The user-mode font driver host.
        FontDriver = "font-driver",
        /// A service.
        Service = "service",
        /// A scheduled task.
        Batch = "batch",
        /// `runas`: a program under another account's credentials.
        Runas = "runas",
        /// `runas /netonly`: other credentials for the network only.
        RunasNetonly = "runas-netonly",
        /// Other credentials for the network only, by another program.
        NewCredentials = "new-credentials",
        /// A consent prompt that was answered with credentials.
        Elevation = "elevation",
        /// A password change at the logon screen.
        PasswordChange = "password-change",
        /// LSA validated a logon anew that it had just made.
        LsaRefresh = "lsa-refresh",
        /// An SSH connection.
        Ssh = "ssh",
        /// Remote Desktop.
        Rdp = "rdp",
        /// Remote Desktop with cached credentials.
        RdpCached = "rdp-cached",
        /// The keyboard and screen of the machine.
        Console = "console",
        /// The same, with cached credentials.
        ConsoleCached = "console-cached",
        /// A program called LogonUser.
        Program = "program",
        /// Over the network, with the password in clear.
        NetworkCleartext = "network-cleartext",
        /// Over the network, without credentials.
        Anonymous = "anonymous",
        /// Over the network.
        Network = "network",
        /// An unlock of an open desktop session: a part of it, and a row of its own only where its logon is not in the evidence.
        Unlock = "unlock",
        /// A return to an open desktop session over Remote Desktop: a part of it.
        RdpReconnect = "rdp-reconnect",
        /// A logon type that has no rule.
        Other = "other",
        /// The logon itself is not in the evidence.
        Unknown = "unknown",
    }
}

named! {
    /// Whether somebody gave credentials, and where.
    pub enum Interactivity {
        /// Somebody gave credentials and got a desktop or a program.
        Interactive = "interactive",
        /// Nobody typed anything.
        NonInteractive = "non-interactive",
        /// Credentials came over the network and no desktop did.
        Network = "network",
        /// The evidence does not tell.
        Unknown = "unknown",
    }
}

named! {
    /// How the start of a session is known.
    pub enum StartSource {
        /// A record says so.
        Recorded = "recorded",
        /// It follows from other records.
        Inferred = "inferred",
        /// It lies before the evidence: `start` is unknown, `start_max` bounds it.
        BeforeLog = "before-log",
    }
}

named! {
    /// How the end of a session is known.
    pub enum EndSource {
        /// A record says so.
        Recorded = "recorded",
        /// It follows from other records.
        Inferred = "inferred",
        /// It is not known.
        Unknown = "unknown",
    }
}

named! {
    /// Why a session ended.
    pub enum EndReason {
        /// The person asked to log off (4647).
        UserLogoff = "user-logoff",
        /// The last token closed (4634).
        Logoff = "logoff",
        /// It was logged off, as the session manager (LocalSessionManager 23), else the User Profile Service (3) or Winlogon (7002) tells, where the audit records do not.
        TsLogoff = "ts-logoff",
        /// Windows stopped cleanly.
        Shutdown = "shutdown",
        /// Windows stopped without a clean stop, and says so itself.
        Crash = "crash",
        /// Windows started again and no clean stop is recorded before.
        Unclean = "unclean",
        /// The boot ended by a boot that no record shows.
        LostBoot = "lost-boot",
        /// It was still open at the last record of the machine.
        LogEnds = "log-ends",
    }
}

named! {
    /// Something about a session that an examiner should know.
    pub enum Flag {
        /// Pre-authentication of a Remote Desktop logon.
        Nla = "nla",
        /// Remote Desktop from a loopback address.
        Tunnel = "tunnel",
        /// Remote Desktop from 0.0.0.0, and nothing names another address: the console that Hyper-V shows of a virtual machine.
        Vmconnect = "vmconnect",
        /// Nobody was let in: a Remote Desktop logon that closed at once and began no desktop, or an SSH connection that its server closed before anybody was accepted.
        Refused = "refused",
        /// A logon of the machine's own account from the machine itself.
        OwnMachine = "self",
        /// It began at the console and was taken over by Remote Desktop, or the other way round.
        Moved = "moved",
        /// Somebody took it over who had not logged on as its owner: the other left the same client at that moment.
        Hijack = "hijack",
        /// It was taken up again though nobody had logged on as its owner just before: perhaps taken over.
        HijackSuspected = "hijack-suspected",
        /// Records of another channel fit other sessions as well: the nearest in time was taken.
        UncertainLink = "uncertain-link",
        /// A name of it hides characters, begins or ends with a blank, or mixes letters that look alike, as Latin and Cyrillic ones: perhaps made to be taken for another. That is the account, its domain, the workstation, the machine, or the account that goes out on the network.
        SuspiciousName = "suspicious-name",
        /// Probably one of two Logon IDs of one logon.
        Twin = "twin",
        /// The person left while Windows was asked to stop: perhaps because of it.
        AtShutdown = "at-shutdown",
        /// The log was cleared inside the session: its end may be lost.
        SpansClear = "spans-clear",
        /// Records are missing inside the session, or Windows could not write one: its end may be lost.
        SpansGap = "spans-gap",
        /// The clock was changed by a second or more inside the session.
        ClockChanged = "clock-changed",
        /// Another log holds a record that it rests on with other contents.
        Conflict = "conflict",
        /// Another machine in the evidence has the same name.
        SameName = "same-name",
        /// A record that it rests on was recovered: it lay where a log no longer has one, behind damage, or in no log.
        Recovered = "recovered",
    }
}

named! {
    /// The state of a desktop session.
    pub enum State {
        /// No client is connected.
        Disconnected = "disconnected",
        /// The desktop is locked.
        Locked = "locked",
        /// The screen saver is on.
        ScreenSaver = "screen-saver",
    }
}

named! {
    /// What a record proves about a session.
    pub enum Role {
        /// It is the session's start.
        Start = "start",
        /// It is the start of another Logon ID of the session.
        Part = "part",
        /// It is the end of the session, or of one of its parts.
        End = "end",
        /// It changes the session's state.
        State = "state",
        /// It names the privileges or groups of the session.
        Privileges = "privileges",
        /// The session did something, so it was there.
        Use = "use",
        /// Credentials were given for it.
        Credentials = "credentials",
        /// It tells of the network connection by which the session was reached.
        Connection = "connection",
        /// It is the first or the last of the refused logons before it.
        Failure = "failure",
        /// It ends or starts the boot that the session belongs to.
        Boot = "boot",
    }
}

/// A record that a session rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRef {
    /// The log it was read from.
    pub log: LogIndex,
    /// Its channel.
    pub channel: Text,
    /// Its EventRecordID.
    pub record_id: u64,
    /// Its event ID.
    pub event_id: u16,
    /// Its time.
    pub time: Time,
    /// What it proves.
    pub role: Role,
    /// What joins it to the session, where it does not name the session's Logon ID; `None` also where it is all that shows the session.
    pub link: Option<Link>,
}

/// When a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The moment, if known.
    pub time: Option<Time>,
    /// The latest moment it can have been, where `time` is unknown.
    pub max: Option<Time>,
    /// How it is known.
    pub source: StartSource,
}

/// When and why a session ended. Exact when `min` equals `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The earliest moment it can have been.
    pub min: Option<Time>,
    /// The latest moment it can have been.
    pub max: Option<Time>,
    /// Why.
    pub reason: EndReason,
    /// How it is known.
    pub source: EndSource,
}

impl End {
    /// The moment, if it is exactly known.
    pub fn time(&self) -> Option<Time> {
        self.min.filter(|_| self.min == self.max)
    }
}

/// A span of a session in a state other than in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The state.
    pub state: State,
    /// When it began; `None` if not recorded.
    pub from: Option<Time>,
    /// When it ended; `None` if it lasted to the session's end or is not recorded.
    pub to: Option<Time>,
    /// Whether both its bounds were recorded.
    pub source: EndSource,
    /// The address of the client that came back, where recorded.
    pub address: Option<Text>,
}

named! {
    /// Why a Logon ID belongs to a session.
    pub enum PartReason {
        /// It is the session's own logon.
        Logon = "logon",
        /// It is the other half of a logon that User Account Control split.
        UacTwin = "uac-twin",
        /// It unlocked the session.
        Unlock = "unlock",
        /// It reconnected the session.
        RdpReconnect = "rdp-reconnect",
        /// LSA validated the session's logon anew.
        LsaRefresh = "lsa-refresh",
    }
}

/// A Logon ID that was joined into a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The Logon ID.
    pub logon_id: LogonId,
    /// When it began, if recorded.
    pub start: Option<Time>,
    /// When its token closed, if recorded.
    pub end: Option<Time>,
    /// The logon type it came with, if recorded.
    pub logon_type: Option<LogonType>,
    /// Why it belongs here.
    pub reason: PartReason,
}

/// A logon session: somebody or something on a machine, from when to when, and how we know.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// 16 hex digits that name this session in every run over any evidence that holds its start.
    pub id: Text,
    /// Which of the machines of the result it is on, counted from 0.
    pub machine: usize,
    /// The machine's latest name.
    pub host: Text,
    /// Its earlier names, oldest first.
    pub host_aliases: Arc<[Text]>,
    /// Whose session it is.
    pub account: Account,
    /// What kind of account that is.
    pub class: AccountClass,
    /// What kind of logon it was.
    pub kind: Kind,
    /// Whether somebody gave credentials.
    pub interactivity: Interactivity,
    /// The logon type, if recorded.
    pub logon_type: Option<LogonType>,
    /// The Logon ID (under User Account Control the filtered one); `None` if no record tells it.
    pub logon_id: Option<LogonId>,
    /// The elevated Logon ID of a logon that User Account Control split.
    pub linked_logon_id: Option<LogonId>,
    /// Whether the session holds an elevated token.
    pub elevated: Option<bool>,
    /// When it began.
    pub start: Start,
    /// When and why it ended.
    pub end: End,
    /// When the last token closed, where the person left earlier.
    pub token_closed: Option<Time>,
    /// Its start by the machine's local time, if the start and the offset then are known.
    pub start_local: Option<LocalTime>,
    /// Its end by the machine's local time, if the end is exactly known and the offset then.
    pub end_local: Option<LocalTime>,
    /// End less start by the machine's clock, corrected for clock changes.
    pub duration: Option<Ticks>,
    /// Duration less disconnected and locked time; desktop sessions only.
    pub active: Option<Ticks>,
    /// Time without a client; desktop sessions only.
    pub disconnected: Option<Ticks>,
    /// Time locked; desktop sessions only.
    pub locked: Option<Ticks>,
    /// Where it came from, exactly as recorded; by `source_record`, else by its logon.
    pub source_address: Option<Text>,
    /// The port it came from.
    pub source_port: Option<u16>,
    /// The workstation name that the caller gave.
    pub workstation: Option<Text>,
    /// The logon process, without padding.
    pub logon_process: Option<Text>,
    /// The authentication package.
    pub authentication_package: Option<Text>,
    /// The NTLM version.
    pub lm_package: Option<Text>,
    /// The path of the process that asked for the logon.
    pub process_name: Option<Text>,
    /// The ID of the process that asked for the logon.
    pub process_id: Option<u64>,
    /// The account whose credentials go out on the network.
    pub outbound: Account,
    /// The logon GUID.
    pub logon_guid: Option<Guid>,
    /// The session that this one was started from.
    pub parent: Option<Text>,
    /// The account that asked for the logon.
    pub subject: Account,
    /// The logon session of the account that asked.
    pub subject_logon_id: Option<LogonId>,
    /// When the boot it belongs to began, if known.
    pub boot: Option<Time>,
    /// The privileges given at logon, separated by blanks.
    pub privileges: Option<Text>,
    /// How many logons it holds.
    pub logons: u32,
    /// How many logons of the account were refused just before it, one soon after the other; `None` if none was.
    pub failures_before: Option<u32>,
    /// What an examiner should know, in the order of [`Flag::ALL`].
    pub flags: Vec<Flag>,
    /// States other than in use, in order.
    pub intervals: Vec<Interval>,
    /// The Logon IDs it was joined from.
    pub parts: Vec<Part>,
    /// Every record it rests on, in record order.
    pub records: Vec<RecordRef>,
    /// Which of `records` is its start; `None` if the start was not recorded.
    pub start_record: Option<usize>,
    /// Which of `records` is its end; `None` if the end was not recorded.
    pub end_record: Option<usize>,
    /// Which of `records` tells its address and port, where that is not its start.
    pub source_record: Option<usize>,
}

impl Session {
    /// How sure it is that what other channels tell belongs to it: the lowest score of its records' links.
    pub fn link(&self) -> Option<Score> {
        let links = self.records.iter().filter_map(|record| record.link);
        links.map(|link| link.score).min()
    }
}
