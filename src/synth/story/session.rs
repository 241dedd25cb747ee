//! What happens to a session that is open: lock, disconnection, logoff.

use super::terminal::reason;
use super::{MILLISECOND, NO, Outcome, subject, target, text};
use crate::synth::host::{Host, Identity, Scene, Session};
use crate::synth::record::Record;
use crate::synth::scenario::Step;
use crate::synth::time::SECOND;
use crate::synth::value::Value;

impl Host<'_> {
    /// `ended = "user"` (4647, then 4634), `"token"` (4634 alone), `"ts"` (nothing in Security), `"silent"`
    /// (nothing is written).
    pub(super) fn logoff(&mut self, step: &Step) -> Outcome {
        let session = self.session(step, "session")?;
        let desktop = session.number.is_some();
        let mut scene = Scene::new();
        let way = step
            .text("ended")?
            .unwrap_or(if desktop { "user" } else { "token" });
        let after = step.span(
            "token_after",
            if way == "user" { 120 * MILLISECOND } else { 0 },
        )?;
        match way {
            "user" => {
                scene.push((0, self.draft(4647, target(&session.account, session.id))));
                self.tokens_closed(&mut scene, after, &session);
            }
            "token" => self.tokens_closed(&mut scene, after, &session),
            "ts" | "silent" => {}
            other => {
                return Err(step.fault(format!(
                    "ended = \"{other}\" is neither user, token, ts nor silent"
                )));
            }
        }
        if way != "silent" {
            self.desktop_closes(&mut scene, 0, &session);
            self.connection_closes(&mut scene, 0, &session);
        }
        if !matches!(way, "silent" | "ts") {
            let mut services = session.window_managers.clone();
            if session.connection == "Console" {
                services.extend(self.next_greeting(&mut scene));
            }
            for (index, (account, id)) in services.iter().enumerate() {
                let mut values = target(account, *id);
                values.push(("LogonType", Value::U32(2)));
                let at = 900 * MILLISECOND + index as i64 * 900;
                scene.push((at, self.draft(4634, values)));
            }
            self.ssh_closes(&mut scene, 0, &session);
            if let Some(id) = session.nla {
                self.network_logon_closed(&mut scene, 550 * MILLISECOND, &session.target, id);
            }
        }
        if let Some(session) = self.sessions.get_mut(step.required("session")?) {
            session.open = false;
        }
        if let Some(number) = session.number {
            self.free_session_number(number);
        }
        self.publish(step, scene)
    }

    /// After a logoff at the console the next session draws its greeting; returns what drew the last.
    pub(super) fn next_greeting(&mut self, scene: &mut Scene) -> Vec<(Identity, u64)> {
        let old = match &mut self.boot {
            Some(boot) => std::mem::take(&mut boot.console_services),
            None => Vec::new(),
        };
        // On a machine of Security alone it is the greeting that shows the number's change.
        if old.is_empty() && self.machine.channels.is_none() {
            return old;
        }
        let number = self.new_session_number(None);
        let services = self.desktop_services(scene, 300 * MILLISECOND, number);
        if let Some(boot) = &mut self.boot {
            boot.console = number;
            boot.console_services = services;
        }
        old
    }

    /// 4800 to 4803: locked, unlocked, screen saver on and off.
    pub(super) fn session_mark(&mut self, step: &Step, event: u16) -> Outcome {
        let session = self.session(step, "session")?;
        let record = self.mark_of(event, &session);
        self.publish(step, vec![(0, record)])
    }

    pub(super) fn mark_of(&mut self, event: u16, session: &Session) -> Record {
        let mut values = target(&session.account, session.id);
        values.push(("SessionId", Value::U32(session.number.unwrap_or(1))));
        self.draft(event, values)
    }

    /// The password again: a logon with Logon IDs of its own that live for a moment, then 4801.
    pub(super) fn unlock(&mut self, step: &Step) -> Outcome {
        let session = self.session(step, "session")?;
        let account = session.target.clone();
        let number = session.number.unwrap_or(1);
        let remote = session.connection != "Console";
        let address = match step.text("address")? {
            Some(address) => address.to_string(),
            None if remote => session.address.clone(),
            None => "127.0.0.1".into(),
        };
        let logon = self.desktop_logon(
            &account,
            step.narrow("type")?.unwrap_or(7),
            number,
            &address,
            "0",
        );
        let ids = self.ids(step, session.elevated.is_some())?;
        let mut scene = Scene::new();
        self.credentials_logon(&mut scene, 0, &logon, account.admin, ids, true);
        scene.push((30 * MILLISECOND, self.mark_of(4801, &session)));
        let part = Host::opened(&account, ids, &logon);
        let ends = step.span("ends_after", MILLISECOND)?;
        self.tokens_closed(&mut scene, ends, &part);
        self.publish(step, scene)
    }

    pub(super) fn connection_record(&mut self, event: u16, session: &Session) -> Record {
        self.draft(
            event,
            [
                ("AccountName", text(&session.account.name)),
                ("AccountDomain", text(&session.account.domain)),
                ("LogonID", Value::Hex64(session.id)),
                ("SessionName", text(&session.connection)),
                ("ClientName", text(&session.client)),
                ("ClientAddress", text(&session.address)),
            ],
        )
    }

    pub(super) fn disconnect(&mut self, step: &Step) -> Outcome {
        let mut session = self.session(step, "session")?;
        if let Some(client) = step.text("client")? {
            session.client = client.into();
        }
        let mut scene = vec![(0, self.connection_record(4779, &session))];
        let why = step.narrow("reason")?.unwrap_or(reason::NONE);
        self.disconnects(&mut scene, 0, &session, why);
        session.connected = false;
        if let Some(id) = session.nla.take() {
            self.network_logon_closed(&mut scene, 200 * MILLISECOND, &session.target, id);
        }
        self.sessions
            .insert(step.required("session")?.into(), session);
        self.publish(step, scene)
    }

    /// A connection that finds the account's session: its own logon, on Logon IDs that end at once,
    /// in a session number of its own; then 4778 with the old Logon ID. The step's time is 4778's.
    pub(super) fn reconnect(&mut self, step: &Step) -> Outcome {
        let mut session = self.session(step, "session")?;
        let account = session.target.clone();
        let mut scene = Scene::new();
        let address = step.text("address")?.unwrap_or("LOCAL").to_string();
        let remote = address != "LOCAL";
        let logon_at = -1800 * MILLISECOND;
        let taken = session.connected.then(|| session.clone());
        session.nla = None;
        let activity = match remote {
            true => self.new_connection(),
            false => None,
        };
        session.activity = activity;
        if remote && step.flag("nla", true)? {
            self.connects(&mut scene, -3 * SECOND, &account.local, &address, activity);
            let id = self.pre_authentication(step, &mut scene, -3 * SECOND, &account)?;
            session.nla = Some(id);
        }
        let number = match remote {
            true => self.new_session_number(None),
            false => self.boot.as_ref().map_or(1, |boot| boot.console),
        };
        session.connection = match (&mut self.boot, remote) {
            (Some(boot), true) => {
                boot.next_connection += 1;
                format!("RDP-Tcp#{}", boot.next_connection - 1)
            }
            _ => "Console".into(),
        };
        let services = match remote {
            true => self.desktop_services(&mut scene, -2100 * MILLISECOND, number),
            false => Vec::new(),
        };
        let default_type = if remote && self.machine.server { 10 } else { 7 };
        let logon_type = step.narrow("type")?.unwrap_or(default_type);
        let shown = if remote {
            address.as_str()
        } else {
            "127.0.0.1"
        };
        let mut logon = self.desktop_logon(&account, logon_type, number, shown, "0");
        if logon_type == 10 {
            logon.restricted_admin = NO;
        }
        let ids = self.ids(step, session.elevated.is_some())?;
        self.credentials_logon(&mut scene, logon_at, &logon, account.admin, ids, true);
        session.address = address;
        session.client = match (step.text("client")?, step.text("workstation")?, remote) {
            (Some(client), ..) | (None, Some(client), _) => client.into(),
            (None, None, true) => "CLIENT".into(),
            (None, None, false) => "Unknown".into(),
        };
        if let Some(taken) = taken {
            let at = -1500 * MILLISECOND;
            scene.push((at, self.connection_record(4779, &taken)));
            self.disconnects(&mut scene, at, &taken, reason::REPLACED);
            if let Some(id) = taken.nla {
                self.network_logon_closed(&mut scene, at + SECOND / 2, &account, id);
            }
        }
        session.connected = true;
        scene.push((0, self.connection_record(4778, &session)));
        self.reconnects(&mut scene, 0, &session, number, logon_at);
        if remote {
            self.free_session_number(number);
            session
                .number
                .into_iter()
                .for_each(|number| self.leave_console(number));
        }
        let part = Host::opened(&account, ids, &logon);
        let ends = step.span("ends_after", 1100 * MILLISECOND)?;
        self.tokens_closed(&mut scene, ends, &part);
        for (index, (account, id)) in services.iter().enumerate() {
            let mut values = target(account, *id);
            values.push(("LogonType", Value::U32(2)));
            scene.push((
                1450 * MILLISECOND + index as i64 * 1_000,
                self.draft(4634, values),
            ));
        }
        self.sessions
            .insert(step.required("session")?.into(), session);
        self.publish(step, scene)
    }

    pub(super) fn groups(&mut self, step: &Step, event: u16) -> Outcome {
        let session = self.session(step, "session")?;
        let list: String = step
            .texts("groups")?
            .iter()
            .map(|sid| format!("\n\t\t%{{{sid}}}"))
            .collect();
        let id = session.elevated.unwrap_or(session.id);
        let mut values = subject(&self.machine_account());
        values.extend(target(&session.account, id));
        values.extend([
            ("LogonType", Value::U32(session.logon_type)),
            ("EventIdx", Value::U32(1)),
            ("EventCountTotal", Value::U32(1)),
            ("GroupMembership", text(&list)),
            ("SidList", text(&list)),
        ]);
        let record = self.draft(event, values);
        self.publish(step, vec![(0, record)])
    }
}
