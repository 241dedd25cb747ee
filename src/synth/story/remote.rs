//! What goes out of the machine, through it, and into it as a command line; and a desktop that somebody takes over.

use super::terminal::reason;
use super::{MILLISECOND, Outcome, text};
use crate::synth::events::remote::{CLIENT, GATEWAY, SSH, WINRM};
use crate::synth::host::{Host, Scene, Session};
use crate::synth::record::Record;
use crate::synth::scenario::Step;
use crate::synth::time::SECOND;
use crate::synth::value::Value;

/// ERROR_GRACEFUL_DISCONNECT.
const GRACEFUL: u32 = 1226;

impl Host<'_> {
    /// `rdp-out`: somebody connects from a desktop of this machine to another machine.
    pub(super) fn connects_out(&mut self, step: &Step) -> Outcome {
        let session = self.session(step, "by")?;
        let server = step.required("server")?;
        let address = step.text("address")?.unwrap_or(server);
        let activity = Some(self.random_side_guid());
        let process = 4 * (600 + self.side_below(400) as u32);
        let mut scene = Scene::new();
        let mut then = |host: &mut Self, after, event, values: &[(&'static str, &str)]| {
            let values = values.iter().map(|(name, value)| (*name, text(value)));
            let record = host.report(CLIENT, event, values);
            let user = Some(session.account.sid.clone());
            let record = Record {
                user,
                activity,
                process_id: process,
                ..record
            };
            scene.push((after, record));
        };
        let named = [
            ("Name", "Server Name"),
            ("Value", server),
            ("CustomLevel", "Info"),
        ];
        then(self, 0, 1024, &named);
        if let Some(hash) = step.text("hash")? {
            then(self, 4 * SECOND, 1029, &[("TraceMessage", hash)]);
        }
        let found = [
            ("Name", "ServerAddress"),
            ("Value", address),
            ("CustomLevel", "Info"),
        ];
        then(self, 4 * SECOND + 59 * MILLISECOND, 1102, &found);
        self.publish(step, scene)
    }

    /// `gateway`: a client goes through this machine to another behind it.
    pub(super) fn lets_through(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let account = self.account(step, step.required("account")?)?.local;
        let name = format!(r"{}\{}", account.domain, account.name);
        let (address, server) = (step.required("address")?, step.required("server")?);
        let ends = step.span("ends_after", 0)?;
        let activity = Some(self.random_side_guid());
        let mut scene = Scene::new();
        let mut then = |host: &mut Self, at, event, more: &[(&'static str, Value)]| {
            let common = [
                ("Username", text(&name)),
                ("IpAddress", text(address)),
                ("ConnectionProtocol", text("HTTP")),
                ("ErrorCode", Value::U32(0)),
            ];
            let values = common.into_iter().chain(more.iter().cloned());
            let record = host.report(GATEWAY, event, values);
            scene.push((at, Record { activity, ..record }));
        };
        let auth = text(step.text("auth")?.unwrap_or("NTLM"));
        then(self, -53 * MILLISECOND, 200, &[("AuthType", auth)]);
        then(self, 0, 302, &[("Resource", text(server))]);
        if ends > 0 {
            let end = [
                ("Resource", text(server)),
                ("BytesReceived", Value::U64(810_679)),
                ("BytesTransfered", Value::U64(678_033)),
                ("SessionDuration", Value::U32((ends / SECOND) as u32)),
                ("ErrorCode", Value::U32(GRACEFUL)),
            ];
            then(self, ends, 303, &end);
        }
        self.publish(step, scene)
    }

    /// `remote-shell`: WinRM opens a shell for the account of a network logon.
    pub(super) fn opens_shell(&mut self, step: &Step) -> Outcome {
        let session = self.session(step, "session")?;
        let uri = step
            .text("uri")?
            .unwrap_or("http://schemas.microsoft.com/powershell/Microsoft.PowerShell");
        let mut payload: Vec<u8> = uri.encode_utf16().flat_map(u16::to_le_bytes).collect();
        payload.extend([0; 4]);
        let values = [
            ("ErrorCode", Value::U32(15005)),
            ("DataItemName", text("shellId")),
            ("EventPayload", Value::Binary(payload)),
        ];
        let record = self.report(WINRM, 91, values);
        let process_id = self.booted(step)?.svchost;
        let record = Record {
            user: Some(session.account.sid.clone()),
            process_id,
            ..record
        };
        self.publish(step, vec![(0, record)])
    }

    /// A line of the SSH server, written by the process of a connection.
    pub(super) fn ssh_says(&mut self, scene: &mut Scene, at: i64, process_id: u32, line: &str) {
        let values = [("process", text("sshd")), ("payload", text(line))];
        let record = self.report(SSH, 4, values);
        scene.push((
            at,
            Record {
                process_id,
                ..record
            },
        ));
    }

    /// The end of an SSH session's connection.
    pub(super) fn ssh_closes(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let Some((process, port)) = session.ssh else {
            return;
        };
        let (name, address) = (&session.account.name, &session.address);
        let asked =
            format!("Received disconnect from {address} port {port}:11: disconnected by user");
        self.ssh_says(scene, at - 20 * MILLISECOND, process + 8, &asked);
        let gone = format!("Disconnected from user {name} {address} port {port}");
        self.ssh_says(scene, at - 19 * MILLISECOND, process + 8, &gone);
    }

    /// `hijack`: a session is handed to the client of another one, without its owner's credentials. The step's time is 4778's.
    pub(super) fn hijacks(&mut self, step: &Step) -> Outcome {
        let mut victim = self.session(step, "session")?;
        let mut thief = self.session(step, "by")?;
        let mut scene = Scene::new();
        let left = self.connection_record(4779, &thief);
        scene.push((-30 * MILLISECOND, left));
        self.disconnects(&mut scene, -30 * MILLISECOND, &thief, reason::REPLACED);
        victim.address.clone_from(&thief.address);
        victim.client.clone_from(&thief.client);
        victim.connection.clone_from(&thief.connection);
        (victim.activity, victim.connected) = (thief.activity, true);
        scene.push((0, self.connection_record(4778, &victim)));
        self.comes_back(&mut scene, 500 * MILLISECOND, &victim);
        (thief.connected, thief.nla) = (false, None);
        self.sessions
            .insert(step.required("session")?.into(), victim);
        self.sessions.insert(step.required("by")?.into(), thief);
        self.publish(step, scene)
    }
}
