//! What Remote Desktop and the profile service write of a desktop: connection, logon, logoff,
//! disconnection, reconnection.
//!
//! Offsets are those of real logs, in ticks from the record of Security that each goes with.

use super::{MILLISECOND, Outcome, text};
use crate::synth::events::system::WINLOGON;
use crate::synth::events::terminal::{CONNECTIONS, PROFILES, RDP, SESSIONS};
use crate::synth::host::{Host, Identity, Scene, Session};
use crate::synth::record::Record;
use crate::synth::scenario::{Os, Step};
use crate::synth::time::SECOND;
use crate::synth::value::{Guid, Value};

/// Why LocalSessionManager 40 says that a session was disconnected.
pub(super) mod reason {
    /// The client went away.
    pub(in crate::synth::story) const NONE: u32 = 0;
    /// Another client took the session.
    pub(in crate::synth::story) const REPLACED: u32 = 5;
    /// A user of the machine asked for it; so ends every console session.
    pub(in crate::synth::story) const BY_USER: u32 = 11;
    /// The user logged off.
    pub(in crate::synth::story) const LOGOFF: u32 = 12;
}

impl Host<'_> {
    /// The ActivityID of a new client's connection, in a Windows that gives one.
    pub(super) fn new_connection(&mut self) -> Option<Guid> {
        let Guid(mut bytes) = self.random_side_guid();
        [bytes[2], bytes[3]] = [0x20, 0xf4];
        [bytes[14], bytes[15]] = [0, 0];
        (self.os() > Os::Seven).then_some(Guid(bytes))
    }

    /// A record of LocalSessionManager about a session number of `session`'s account and client.
    fn of_session(&mut self, event: u16, session: &Session, number: u32) -> Record {
        let (account, address) = (&session.account, &session.address);
        let user = format!(r"{}\{}", account.domain, account.name);
        let mut record = self.report(
            SESSIONS,
            event,
            [
                ("User", text(&user)),
                ("SessionID", Value::U32(number)),
                ("Session", Value::U32(number)),
                ("Address", text(address)),
            ],
        );
        record.activity = activity_of(session);
        record
    }

    fn disconnected(&mut self, session: &Session, number: u32, reason: u32) -> Record {
        let values = [
            ("Session", Value::U32(number)),
            ("Reason", Value::U32(reason)),
        ];
        let record = self.report(SESSIONS, 40, values);
        Record {
            activity: activity_of(session),
            ..record
        }
    }

    /// The end of a client's connection, as the protocol tells it.
    fn connection_ends(&mut self, activity: Option<Guid>, reason: u32) -> Record {
        let code = [("ReasonCode", Value::U32(reason))];
        let record = self.report(RDP, 103, code);
        Record { activity, ..record }
    }

    fn of_profile(&mut self, event: u16, account: &Identity, number: u32) -> Record {
        let mut record = self.report(PROFILES, event, [("Session", Value::U32(number))]);
        record.user = Some(account.sid.clone());
        record
    }

    fn of_winlogon(&mut self, event: u16, account: &Identity, number: u32) -> Record {
        self.report(
            WINLOGON,
            event,
            [
                ("TSId", Value::U32(number)),
                ("UserSid", Value::Sid(account.sid.clone())),
            ],
        )
    }

    /// A client knocks at the Remote Desktop port.
    pub(super) fn knocks(
        &mut self,
        scene: &mut Scene,
        at: i64,
        address: &str,
        activity: Option<Guid>,
    ) {
        let listener = [("listenerName", text("RDP-Tcp"))];
        let knock = self.report(CONNECTIONS, 261, listener);
        scene.push((at, Record { activity, ..knock }));
        let port = 49152 + self.side_below(16000);
        let client = [
            ("ConnType", text("TCP")),
            ("ClientIP", text(&format!("{address}:{port}"))),
        ];
        let client = self.report(RDP, 131, client);
        scene.push((at + MILLISECOND / 2, Record { activity, ..client }));
    }

    /// The client has given credentials that were accepted; no logon yet.
    pub(super) fn authenticated(
        &mut self,
        scene: &mut Scene,
        at: i64,
        account: &Identity,
        address: &str,
        activity: Option<Guid>,
    ) {
        let values = [
            ("Param1", text(&account.name)),
            ("Param2", text(&account.domain)),
            ("Param3", text(address)),
        ];
        let accepted = self.report(CONNECTIONS, 1149, values);
        let stands = self.report(RDP, 98, []);
        scene.push((
            at,
            Record {
                activity,
                ..accepted
            },
        ));
        scene.push((at + 10 * MILLISECOND, Record { activity, ..stands }));
    }

    /// Both, around the network logon of the pre-authentication at `at`.
    pub(super) fn connects(
        &mut self,
        scene: &mut Scene,
        at: i64,
        account: &Identity,
        address: &str,
        activity: Option<Guid>,
    ) {
        self.knocks(scene, at - 900 * MILLISECOND, address, activity);
        self.authenticated(scene, at + 40 * MILLISECOND, account, address, activity);
    }

    /// Arbitration, start of the profile, logon, shell: after the 4624 at `at`.
    pub(super) fn desktop_opens(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let Some(number) = session.number else { return };
        let account = &session.account;
        let at = at + 133_000;
        let mut then = |after: i64, record| scene.push((at + after, record));
        then(0, self.of_session(41, session, number));
        then(12_000, self.of_session(42, session, number));
        then(14_100, self.of_winlogon(7001, account, number));
        then(69_200, self.of_profile(1, account, number));
        let path = format!(r"C:\Users\{}", account.name);
        let values = [
            ("LogonType", text("Regular")),
            ("LocalPath", text(&path)),
            ("ProfileType", text("Regular")),
        ];
        then(154_000, self.report(PROFILES, 67, values));
        then(266_600, self.of_profile(2, account, number));
        then(1_489_000, self.of_session(21, session, number));
        then(1_980_000, self.of_session(22, session, number));
    }

    /// The end of a desktop whose 4647 stands at `at`.
    pub(super) fn desktop_closes(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let Some(number) = session.number else { return };
        let account = &session.account;
        let mut then = |after: i64, record| scene.push((at + after, record));
        then(170_000, self.of_session(23, session, number));
        then(175_000, self.of_profile(3, account, number));
        then(298_000, self.of_profile(4, account, number));
        then(304_000, self.of_winlogon(7002, account, number));
    }

    /// What follows when the machine goes on: the connection of the session ends too.
    pub(super) fn connection_closes(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let Some(number) = session.number.filter(|_| session.connected) else {
            return;
        };
        if session.connection == "Console" {
            let values = [
                ("TargetSession", Value::U32(number)),
                ("Source", Value::U32(number)),
            ];
            scene.push((at + 477_000, self.report(SESSIONS, 39, values)));
            let why = self.disconnected(session, number, reason::BY_USER);
            scene.push((at + 477_100, why));
            let gone = self.of_session(24, session, number);
            scene.push((at + 843_000, gone));
        } else {
            let ended = self.connection_ends(session.activity, reason::LOGOFF);
            scene.push((at + 3_900_000, ended));
            let why = self.disconnected(session, number, reason::LOGOFF);
            scene.push((at + 4_048_000, why));
            let gone = self.of_session(24, session, number);
            scene.push((at + 5_371_000, gone));
        }
    }

    /// A client goes away, or another one takes its place; 4779 stands at `at`.
    pub(super) fn disconnects(&mut self, scene: &mut Scene, at: i64, session: &Session, why: u32) {
        let Some(number) = session.number else { return };
        if why == reason::BY_USER {
            let values = [
                ("TargetSession", Value::U32(number)),
                ("Source", Value::U32(number)),
            ];
            scene.push((at - 1_171_000, self.report(SESSIONS, 39, values)));
        }
        let reason = self.disconnected(session, number, why);
        scene.push((at - 1_170_000, reason));
        if session.connection != "Console" {
            let ended = self.connection_ends(session.activity, why);
            scene.push((at + 200_000, ended));
        }
        let gone = self.of_session(24, session, number);
        scene.push((at + 4_496_000, gone));
    }

    /// A client is in the session `number`, after a logon in a session of its own, `own`; 4778
    /// stands at `at`.
    pub(super) fn reconnects(
        &mut self,
        scene: &mut Scene,
        at: i64,
        session: &Session,
        own: u32,
        logon_at: i64,
    ) {
        let Some(number) = session.number else { return };
        let arbiter = self.of_session(41, session, own);
        scene.push((logon_at + 219_000, arbiter));
        if own != number {
            let why = self.disconnected(session, own, reason::NONE);
            scene.push((at - 9_900_000, why));
        }
        self.comes_back(scene, at + 9_011_000, session);
        let done = self.of_session(42, session, own);
        scene.push((at + 9_017_000, done));
    }

    /// The session manager sees a client in a session.
    pub(super) fn comes_back(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        if let Some(number) = session.number {
            scene.push((at, self.of_session(25, session, number)));
        }
    }

    /// The session manager says that the machine has started, or is about to stop.
    pub(super) fn sessions_start(&mut self, scene: &mut Scene, at: i64) {
        let values = [("messageName", text("RDSAppXPlugin"))];
        scene.push((at, self.report(SESSIONS, 32, values)));
        scene.push((at + 44_000, self.report(SESSIONS, 34, [])));
    }

    pub(super) fn sessions_stop(&mut self, scene: &mut Scene, at: i64) {
        scene.push((at, self.report(SESSIONS, 54, [])));
    }

    /// `rdp-auth`: a client whose credentials were accepted and that never came to a logon.
    pub(super) fn only_authenticated(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let account = self.account(step, step.required("account")?)?;
        let address = step.required("address")?.to_string();
        let mut scene = Scene::new();
        let activity = self.new_connection();
        self.knocks(&mut scene, -940 * MILLISECOND, &address, activity);
        self.authenticated(&mut scene, 0, &account.local, &address, activity);
        let ended = self.connection_ends(activity, reason::NONE);
        scene.push((12 * SECOND, ended));
        self.publish(step, scene)
    }

    /// Credentials refused before any logon: the address alone.
    pub(super) fn refused(&mut self, scene: &mut Scene, at: i64, address: &str) {
        let activity = self.new_connection();
        self.knocks(scene, at - 900 * MILLISECOND, address, activity);
        let values = [("IPString", text(address))];
        let refused = self.report(RDP, 140, values);
        scene.push((
            at + 30 * MILLISECOND,
            Record {
                activity,
                ..refused
            },
        ));
    }
}

/// The ActivityID of a session's client; the console's is the same for every session of every machine.
fn activity_of(session: &Session) -> Option<Guid> {
    const CONSOLE: [u8; 16] = [
        0x00, 0x50, 0xa5, 0x61, 0xe5, 0x55, 0x17, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    match session.address.as_str() {
        "LOCAL" => Some(Guid(CONSOLE)),
        _ => session.activity,
    }
}
