//! Why a record of another channel belongs to a session, and how sure that is.
//!
//! Audit records name a Logon ID; the records of all other channels do not. What joins them is said with each of them.

use crate::named::named;
use std::fmt;

named! {
    /// What joins a record to a session whose Logon ID it does not name.
    pub enum LinkRule {
        /// The session manager (LocalSessionManager 41, 21), Winlogon (7001) or the User Profile Service (1) saw a desktop of the account begin when the logon was audited.
        Logon = "logon",
        /// The session manager saw the account log off (LocalSessionManager 23) when the logoff was audited.
        Logoff = "logoff",
        /// The session manager saw a client come back (LocalSessionManager 25) when the return, or its logon, was audited.
        Return = "return",
        /// The session manager saw the client leave (LocalSessionManager 24) when that, or the end of its pre-authentication, was audited.
        Leave = "leave",
        /// It names the session number that the session had then.
        SessionNumber = "session-number",
        /// It is of a connection that the session was reached by: the same ActivityID.
        Activity = "activity",
        /// The account's credentials were accepted (RemoteConnectionManager 1149) right before the logon.
        Authentication = "authentication",
        /// A client connected from the logon's address (RdpCoreTS 131, 98) right before it.
        Address = "address",
        /// The process that asked for the logon wrote it.
        Process = "process",
        /// It names the address and the port of the session's connection.
        Endpoint = "endpoint",
        /// The account did it right after the logon.
        Account = "account",
    }
}

/// How sure a link is, in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u8);

impl Score {
    /// An identifier that is given once, or the SID with the session number.
    pub const EXACT: Score = Score(10);
    /// The name, at the moment when the audit records show the same change.
    pub const BESIDE: Score = Score(9);
    /// The name alone, where only one session fits.
    pub const NAMED: Score = Score(8);
    /// Several sessions fit: the nearest in time was taken.
    pub const NEAREST: Score = Score(4);
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            10 => f.write_str("1"),
            tenths => write!(f, "0.{tenths}"),
        }
    }
}

/// What joined a record to a session, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What they have in common.
    pub rule: LinkRule,
    /// How sure it is.
    pub score: Score,
}

impl Link {
    pub(super) fn new(rule: LinkRule, score: Score) -> Self {
        Link { rule, score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_reads_as_a_number_from_0_to_1() {
        let all = [Score::EXACT, Score::BESIDE, Score::NAMED, Score::NEAREST];
        assert_eq!(
            all.map(|score| score.to_string()),
            ["1", "0.9", "0.8", "0.4"]
        );
        assert!(all.is_sorted_by(|a, b| a > b));
    }
}
