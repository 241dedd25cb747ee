//! The channels of remote command lines: OpenSSH's server and Windows Remote Management.

use super::Action;
use super::fields::{Entry, Slot, Table, USER_ID};
use Slot::*;

/// The SSH server's log lines.
pub(super) const OPEN_SSH: Table = (
    "OpenSSH/Operational",
    &[Entry::new(
        "OpenSSH",
        4,
        Action::SshMessage,
        &[&[("process", ProcessName), ("payload", SshLine)]],
    )],
);

/// The kind of shell is all that is left of a record that Windows could not write out, as it never can 91.
const SHELL: &[(&str, Slot)] = &[
    ("resourceUri", Object),
    ("EventPayload", ObjectUtf16),
    (USER_ID, AccountSid),
];

/// Shells that others opened on this machine.
pub(super) const WIN_RM: Table = (
    "Microsoft-Windows-WinRM/Operational",
    &[Entry::new(
        "Microsoft-Windows-WinRM",
        91,
        Action::RemoteShell,
        &[SHELL],
    )],
);
