//! What a logon really was: the logon type alone misleads.

use super::{Interactivity, Kind, Session};
use crate::event::{Event, LogonId, LogonType};
use crate::sid::Sid;
use std::sync::LazyLock;

/// Logon IDs that exist from boot on, and whose they are: IUSR, NETWORK SERVICE, LOCAL SERVICE, ANONYMOUS LOGON, SYSTEM.
const STANDING: [(u64, &str); 5] = [
    (0x3e3, "S-1-5-17"),
    (0x3e4, "S-1-5-20"),
    (0x3e5, "S-1-5-19"),
    (0x3e6, "S-1-5-7"),
    (0x3e7, "S-1-5-18"),
];

/// The Logon ID of LocalSystem.
pub(super) const SYSTEM: LogonId = LogonId::new(0x3e7).unwrap();

/// The SID of a standing Logon ID; `None` for any other.
pub(super) fn standing(id: LogonId) -> Option<Sid> {
    static SIDS: LazyLock<Vec<(u64, Sid)>> = LazyLock::new(|| {
        let sids = STANDING.iter();
        sids.filter_map(|(id, sid)| Some((*id, Sid::parse(sid)?)))
            .collect()
    });
    let found = SIDS.iter().find(|(number, _)| *number == id.get());
    found.map(|(_, sid)| sid.clone())
}

/// The kind of the session that a standing Logon ID is.
pub(super) fn standing_kind(id: LogonId) -> Kind {
    match id.get() {
        0x3e7 => Kind::System,
        0x3e6 => Kind::Anonymous,
        _ => Kind::Service,
    }
}

/// Whether a logon was made at the logon screen, where an unlock or reconnect looks like a logon.
pub(super) fn is_at_logon_screen(logon: &Event) -> bool {
    is_named(logon.logon_process.as_deref(), "User32") && matches!(type_of(logon), 2 | 7 | 10..=13)
}

/// The kind of a new logon (4624): the first rule that fits.
pub(super) fn of_logon(logon: &Event) -> Kind {
    let under = |prefix| {
        logon
            .account
            .sid
            .as_ref()
            .is_some_and(|sid| sid.is_under(prefix))
    };
    let process = |name| {
        logon
            .process_name
            .as_deref()
            .is_some_and(|path| file_name(path).eq_ignore_ascii_case(name))
    };
    let logon_process = |name| is_named(logon.logon_process.as_deref(), name);
    match type_of(logon) {
        0 => Kind::System,
        _ if under("S-1-5-90") => Kind::WindowManager,
        _ if under("S-1-5-96") => Kind::FontDriver,
        5 => Kind::Service,
        _ if under("S-1-5-111") => Kind::Service,
        4 => Kind::Batch,
        2 if logon_process("seclogo") => Kind::Runas,
        9 if logon_process("seclogo") => Kind::RunasNetonly,
        9 => Kind::NewCredentials,
        2 | 11 if process("consent.exe") || logon_process("CredPro") => Kind::Elevation,
        2 if process("lsass.exe") => Kind::PasswordChange,
        7 if process("lsass.exe") => Kind::LsaRefresh,
        _ if logon_process("sshd") || process("sshd.exe") => Kind::Ssh,
        10 => Kind::Rdp,
        12 => Kind::RdpCached,
        2 if logon_process("User32") && (process("winlogon.exe") || process("svchost.exe")) => {
            Kind::Console
        }
        11 if logon_process("User32") && (process("winlogon.exe") || process("svchost.exe")) => {
            Kind::ConsoleCached
        }
        2 | 11 => Kind::Program,
        3 if logon.process_name.is_some() => Kind::Program,
        8 => Kind::NetworkCleartext,
        3 if under("S-1-5-7") => Kind::Anonymous,
        3 => Kind::Network,
        _ => Kind::Other,
    }
}

/// The kind of a session whose logon was not seen, from its account, the type that its logoff names, and
/// whether it was seen with a desktop.
pub(super) fn without_logon(
    sid: Option<&Sid>,
    logoff_type: Option<LogonType>,
    had_desktop: bool,
) -> Kind {
    let under = |prefix| sid.is_some_and(|sid| sid.is_under(prefix));
    match logoff_type.map(|logon_type| logon_type.0) {
        _ if under("S-1-5-90") => Kind::WindowManager,
        _ if under("S-1-5-96") => Kind::FontDriver,
        _ if under("S-1-5-7") => Kind::Anonymous,
        Some(3) => Kind::Network,
        Some(7) => Kind::Unlock,
        // The logoff of a return over Remote Desktop names it too, however the session began.
        Some(10) if had_desktop => Kind::Rdp,
        Some(2) if had_desktop => Kind::Console,
        Some(11) if had_desktop => Kind::ConsoleCached,
        _ => Kind::Unknown,
    }
}

/// Whether unlocks and returns to a session have logons of this type.
pub(super) fn may_return(logon_type: LogonType) -> bool {
    matches!(logon_type.0, 7 | 10 | 12 | 13)
}

impl LogonId {
    /// Whether it exists in every boot from its beginning, and is given to no logon.
    pub fn is_standing(self) -> bool {
        STANDING.iter().any(|(number, _)| *number == self.get())
    }
}

impl Session {
    /// Whether it is one of those that exist in every boot from its beginning, without a logon of their own.
    pub fn is_standing(&self) -> bool {
        self.logon_id.is_some_and(LogonId::is_standing)
    }
}

impl Kind {
    /// Whether sessions of this kind are somebody's presence at a desktop.
    pub fn is_desktop(self) -> bool {
        matches!(
            self,
            Kind::Console | Kind::ConsoleCached | Kind::Rdp | Kind::RdpCached
        )
    }

    /// Whether somebody gave credentials, where the kind alone tells; `None` for kinds that stand where
    /// their parent stands.
    pub fn interactivity(self) -> Option<Interactivity> {
        use Kind::*;
        Some(match self {
            Console | ConsoleCached | Runas | RunasNetonly | NewCredentials | Elevation | Rdp
            | RdpCached | Unlock | RdpReconnect => Interactivity::Interactive,
            System | Service | Batch | WindowManager | FontDriver | LsaRefresh => {
                Interactivity::NonInteractive
            }
            // Unless OpenSSH's own log tells of a terminal.
            Network | NetworkCleartext | Anonymous | Ssh => Interactivity::Network,
            Other | Unknown => Interactivity::Unknown,
            Program | PasswordChange => return None,
        })
    }
}

fn type_of(logon: &Event) -> u32 {
    logon.logon_type.map_or(u32::MAX, |logon_type| logon_type.0)
}

fn is_named(logon_process: Option<&str>, name: &str) -> bool {
    logon_process.is_some_and(|process| process.eq_ignore_ascii_case(name))
}

/// The last part of a Windows path.
fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path).trim()
}
