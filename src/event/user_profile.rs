//! The User Profile Service's channel: whose profile is loaded for which desktop session. The account is that of
//! System/Security, except in 67, which the system writes.

use super::Action;
use super::fields::{Entry, Slot, Table, USER_ID};
use Slot::*;

const PROFILES: &str = "Microsoft-Windows-User Profiles Service";

const SESSION: &[(&str, Slot)] = &[("Session", SessionNumber), (USER_ID, AccountSid)];

/// Every record of this channel that is looked at.
pub(super) const TABLE: Table = (
    "Microsoft-Windows-User Profile Service/Operational",
    &[
        Entry::new(PROFILES, 1, Action::ProfileLoad, &[SESSION]),
        Entry::new(PROFILES, 2, Action::ProfileLoaded, &[SESSION]),
        Entry::new(PROFILES, 3, Action::ProfileUnload, &[SESSION]),
        Entry::new(PROFILES, 4, Action::ProfileUnloaded, &[SESSION]),
        Entry::new(
            PROFILES,
            67,
            Action::ProfilePath,
            &[&[("LocalPath", Object)]],
        ),
    ],
);
