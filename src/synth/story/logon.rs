//! The kinds of logon, each as Windows writes it.

use super::credentials::Logon;
use super::{MILLISECOND, NO, Outcome, SVCHOST, target, text};
use crate::synth::host::{Host, Identity, Scene, Session, Target};
use crate::synth::scenario::{Os, ScenarioError, Step};
use crate::synth::time::{LATEST, SECOND};
use crate::synth::value::{Kind, Sid, Value};

impl Host<'_> {
    pub(super) fn logon(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let kind = step.text("kind")?.unwrap_or("console");
        let handle = match kind {
            "anonymous" => "ANONYMOUS LOGON",
            "self" => "machine",
            "service" => step.text("account")?.unwrap_or("SYSTEM"),
            _ => step.required("account")?,
        };
        let account = self.account(step, handle)?;
        let mut scene = Scene::new();
        let (count, every) = repetition(step)?;
        let mut session = None;
        for turn in 0..count {
            let at = turn * every;
            session = Some(match kind {
                "console" => self.console(step, &mut scene, at, &account, 2)?,
                "console-cached" => self.console(step, &mut scene, at, &account, 11)?,
                "rdp" => self.remote_desktop(step, &mut scene, at, &account, 10)?,
                "rdp-cached" => self.remote_desktop(step, &mut scene, at, &account, 12)?,
                "network" => self.over_network(step, &mut scene, at, &account)?,
                "anonymous" => self.anonymous(step, &mut scene, at, &account)?,
                "network-cleartext" => self.by_process(
                    step,
                    &mut scene,
                    at,
                    &account,
                    8,
                    r"C:\Windows\System32\inetsrv\w3wp.exe",
                )?,
                "batch" => self.by_process(step, &mut scene, at, &account, 4, SVCHOST)?,
                "service" => self.by_process(
                    step,
                    &mut scene,
                    at,
                    &account,
                    5,
                    r"C:\Windows\System32\services.exe",
                )?,
                "program" => self.by_process(
                    step,
                    &mut scene,
                    at,
                    &account,
                    2,
                    r"C:\Program Files\Contoso\agent.exe",
                )?,
                "new-credentials" => self.by_process(
                    step,
                    &mut scene,
                    at,
                    &account,
                    9,
                    r"C:\Program Files\Contoso\agent.exe",
                )?,
                "ssh" => self.ssh(step, &mut scene, at, &account)?,
                "self" => self.own_network(step, &mut scene, at)?,
                other => {
                    let known = "console, console-cached, rdp, rdp-cached, network, anonymous, network-cleartext, batch, service, program, new-credentials, ssh, self";
                    return Err(step.fault(format!("unknown kind `{other}`; known: {known}")));
                }
            });
            if let (true, Some(session)) = (step.has("ends_after"), &session) {
                let ends = at + step.span("ends_after", 0)?;
                self.tokens_closed(&mut scene, ends, session);
            }
        }
        if let (Some(handle), Some(mut session)) = (step.text("as")?, session) {
            session.open = !step.has("ends_after");
            if self.sessions.get(handle).is_some_and(|old| old.open) {
                return Err(step.fault(format!("a session `{handle}` is still open")));
            }
            self.sessions.insert(handle.into(), session);
        }
        self.publish(step, scene)
    }

    /// 4634 of a session's Logon IDs.
    pub(super) fn tokens_closed(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let mut ids = vec![session.id];
        ids.extend(session.elevated);
        for (index, id) in ids.into_iter().enumerate() {
            let mut values = target(&session.account, id);
            values.push(("LogonType", Value::U32(session.logon_type)));
            scene.push((at + index as i64 * 1_100, self.draft(4634, values)));
        }
    }

    pub(super) fn opened(account: &Target, ids: (u64, Option<u64>), logon: &Logon) -> Session {
        let (first, second) = ids;
        let mut local = account.local.clone();
        if local.name == logon.account.name {
            local.domain.clone_from(&account.logon.domain);
        }
        Session {
            account: local,
            target: account.clone(),
            id: second.unwrap_or(first),
            elevated: second.is_some().then_some(first),
            logon_type: logon.logon_type,
            number: None,
            address: logon.address.clone(),
            client: String::new(),
            connection: String::new(),
            connected: true,
            activity: None,
            ssh: None,
            nla: None,
            window_managers: Vec::new(),
            open: true,
        }
    }

    pub(super) fn console(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        logon_type: u32,
    ) -> Result<Session, ScenarioError> {
        let at_console = self.boot.as_ref().map_or(1, |boot| boot.console);
        // Somebody else's session stays behind.
        let mut sessions = self.sessions.values();
        if sessions.any(|session| session.open && session.number == Some(at_console)) {
            self.leave_console(at_console);
        }
        let at_console = self.boot.as_ref().map_or(1, |boot| boot.console);
        let number = step.narrow("session")?.unwrap_or(at_console);
        let address = step.text("address")?.unwrap_or("127.0.0.1");
        let logon = self.desktop_logon(
            account,
            step.narrow("type")?.unwrap_or(logon_type),
            number,
            address,
            "0",
        );
        let ids = self.ids(step, step.flag("uac", account.admin)?)?;
        self.credentials_logon(scene, at, &logon, account.admin, ids, true);
        let mut session = Host::opened(account, ids, &logon);
        session.number = Some(number);
        session.connection = "Console".into();
        session.client = "Unknown".into();
        session.address = "LOCAL".into();
        self.desktop_opens(scene, at, &session);
        Ok(session)
    }

    pub(super) fn remote_desktop(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        logon_type: u32,
    ) -> Result<Session, ScenarioError> {
        let address = step.required("address")?.to_string();
        let activity = self.new_connection();
        let nla = match step.flag("nla", true)? {
            true => {
                let before = at - 1500 * MILLISECOND;
                self.connects(scene, before, &account.local, &address, activity);
                Some(self.pre_authentication(step, scene, before, account)?)
            }
            false => None,
        };
        let number = self.new_session_number(step.narrow("session")?);
        let connection = match &mut self.boot {
            Some(boot) => {
                boot.next_connection += 1;
                format!("RDP-Tcp#{}", boot.next_connection - 1)
            }
            None => String::new(),
        };
        let window_managers = self.desktop_services(scene, at - 300 * MILLISECOND, number);
        let mut logon = self.desktop_logon(
            account,
            step.narrow("type")?.unwrap_or(logon_type),
            number,
            &address,
            "0",
        );
        logon.restricted_admin = NO;
        let ids = self.ids(step, step.flag("uac", account.admin)?)?;
        self.credentials_logon(scene, at, &logon, account.admin, ids, true);
        let mut session = Host::opened(account, ids, &logon);
        session.number = Some(number);
        session.connection = connection;
        session.activity = activity;
        session.client = step.text("workstation")?.unwrap_or("CLIENT").into();
        session.window_managers = window_managers;
        session.nla = nla;
        self.desktop_opens(scene, at, &session);
        Ok(session)
    }

    pub(super) fn network_logon_closed(
        &mut self,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        id: u64,
    ) {
        let mut values = target(&account.local, id);
        values.push(("LogonType", Value::U32(3)));
        scene.push((at, self.draft(4634, values)));
    }

    /// What draws a new session's desktop logs on before any person does.
    pub(super) fn desktop_services(
        &mut self,
        scene: &mut Scene,
        at: i64,
        number: u32,
    ) -> Vec<(Identity, u64)> {
        let mut services = Vec::new();
        if self.os() >= Os::Ten1607 {
            services.push(self.font_drivers(scene, at, number));
        }
        if self.os() >= Os::Eight {
            services.extend(self.window_manager(scene, at + 20 * MILLISECOND, number));
        }
        services
    }

    pub(super) fn over_network(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
    ) -> Result<Session, ScenarioError> {
        let mut logon = self.network(step, account)?;
        if let Some(process) = step.text("process")? {
            // A program on the machine that checks a password for its client.
            logon = Logon {
                process: process.into(),
                logon_process: "Advapi  ",
                subject: self.machine_account(),
                ..logon
            };
            logon.process_id = step.narrow("pid")?.unwrap_or(0x9d4);
            logon.package = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0".into();
        }
        let ids = self.ids(step, false)?;
        if account.admin {
            scene.push((at - 1_000, self.special_privileges(&logon.account, ids.0)));
        }
        scene.push((at, self.draft(4624, logon.values(ids.0, 0))));
        Ok(Host::opened(account, ids, &logon))
    }

    /// The computer account to its own services over the network, as domain controllers do all day.
    pub(super) fn own_network(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
    ) -> Result<Session, ScenarioError> {
        let account = self.account(step, "machine")?;
        let mut logon = self.network(step, &account)?;
        (
            logon.logon_process,
            logon.package,
            logon.lm_package,
            logon.key_length,
        ) = ("Kerberos", "Kerberos".into(), "-", 0);
        logon.guid = self.random_guid();
        let ids = self.ids(step, false)?;
        scene.push((at - 1_900, self.special_privileges(&logon.account, ids.0)));
        scene.push((at, self.draft(4624, logon.values(ids.0, 0))));
        Ok(Host::opened(&account, ids, &logon))
    }

    pub(super) fn anonymous(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
    ) -> Result<Session, ScenarioError> {
        let mut logon = self.network(step, account)?;
        (logon.lm_package, logon.key_length) = ("NTLM V1", 0);
        let ids = self.ids(step, false)?;
        scene.push((at, self.draft(4624, logon.values(ids.0, 0))));
        Ok(Host::opened(account, ids, &logon))
    }

    /// A logon that a process of the machine asks for: batch jobs, services, web servers, programs.
    pub(super) fn by_process(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        logon_type: u32,
        process: &str,
    ) -> Result<Session, ScenarioError> {
        let asker = match step.has("by") {
            true => {
                let session = self.session(step, "by")?;
                (session.account, session.id)
            }
            false => self.machine_account(),
        };
        let boot = self.booted(step)?;
        let pid = match logon_type {
            4 => boot.svchost + 0x1b0,
            5 => boot.services,
            _ => 0x14a8,
        };
        let process = step.text("process")?.unwrap_or(process);
        let logon_type = step.narrow("type")?.unwrap_or(logon_type);
        let mut logon = Logon::local(
            asker,
            &account.logon,
            logon_type,
            step.narrow("pid")?.unwrap_or(pid),
            process,
        );
        let standing = self
            .built_in(step.text("account")?.unwrap_or("SYSTEM"))
            .map(|(_, id)| id)
            .filter(|id| *id != 0);
        if standing.is_none() {
            logon.workstation = self.name.clone();
            logon.guid = self.guid_for(account);
        } else if self.os() <= Os::Eight {
            logon.workstation = String::new();
        }
        if let Some(address) = step.text("address")? {
            logon.address = address.into();
            logon.port = step.number("port")?.unwrap_or(0).to_string();
        }
        logon.virtual_account = account.logon.sid.text().starts_with("S-1-5-8")
            || account.logon.sid.text().starts_with("S-1-5-111");
        let ids = match standing {
            Some(id) => (step.number("logon_id")?.unwrap_or(id), None),
            None => self.ids(step, step.flag("uac", false)?)?,
        };
        let privileged = account.admin || standing.is_some();
        self.credentials_logon(
            scene,
            at,
            &logon,
            privileged,
            ids,
            standing.is_none() && matches!(logon_type, 2 | 4 | 8),
        );
        Ok(Host::opened(account, ids, &logon))
    }

    /// OpenSSH: a virtual account for the connection, then the person.
    pub(super) fn ssh(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
    ) -> Result<Session, ScenarioError> {
        let sshd = r"C:\Windows\System32\OpenSSH\sshd.exe";
        let pid = step
            .narrow("pid")?
            .unwrap_or(4 * (1000 + self.random_below(500) as u32));
        let sid = Sid::nt(&[
            111,
            3_847_866_527,
            469_524_349,
            687_026_318,
            516_638_107,
            1_125_189_541,
            pid,
        ]);
        let helper = Identity {
            sid,
            name: format!("sshd_{pid}"),
            domain: "VIRTUAL USERS".into(),
        };
        let mut logon = Logon::local(self.machine_account(), &helper, 5, pid, sshd);
        logon.virtual_account = true;
        let id = self.next_id(false);
        scene.push((
            at - 900 * MILLISECOND,
            self.draft(4624, logon.values(id, 0)),
        ));
        scene.push((
            at - 900 * MILLISECOND + 60,
            self.special_privileges(&helper, id),
        ));
        let mut logon = Logon::local(self.machine_account(), &account.logon, 3, pid, sshd);
        logon.workstation = self.name.clone();
        let password = match step.text("auth")?.unwrap_or("key") {
            "key" => false,
            "password" => true,
            other => {
                return Err(step.fault(format!("auth = \"{other}\" is neither key nor password")));
            }
        };
        if password {
            logon.logon_type = 8;
        } else {
            (logon.logon_process, logon.impersonation) = ("sshd", "%%1832");
        }
        let ids = self.ids(step, false)?;
        self.credentials_logon(scene, at, &logon, account.admin, ids, password);
        let mut session = Host::opened(account, ids, &logon);
        if let Some(address) = step.text("address")? {
            let name = account.logon.name.clone();
            let port = step
                .narrow("port")?
                .unwrap_or(49152 + self.side_below(16000) as u16);
            let method = if password { "password" } else { "publickey" };
            let accepted = format!("Accepted {method} for {name} from {address} port {port} ssh2");
            self.ssh_says(scene, at + 800, pid, &accepted);
            if step.flag("terminal", false)? {
                let start = format!(
                    "Starting session: shell on windows-pty for {name} from {address} port {port} id 0"
                );
                self.ssh_says(scene, at + 300 * MILLISECOND, pid + 8, &start);
            }
            (session.ssh, session.address) = (Some((pid, port)), address.into());
        }
        Ok(session)
    }

    pub(super) fn logon_failed(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let (name, domain) = match step.text("account")? {
            Some(handle) => {
                let account = self.account(step, handle)?.logon;
                (account.name, account.domain)
            }
            None => (
                step.required("name")?.to_string(),
                step.text("domain")?.unwrap_or("").to_string(),
            ),
        };
        let (status, sub_status, reason) = match step.text("status")?.unwrap_or("bad-password") {
            "bad-password" => (0xc000_006d, 0xc000_006a, "%%2313"),
            "no-such-user" => (0xc000_006d, 0xc000_0064, "%%2313"),
            "locked-out" => (0xc000_0234, 0, "%%2307"),
            "disabled" => (0xc000_006e, 0xc000_0072, "%%2310"),
            "expired" => (0xc000_0193, 0, "%%2305"),
            "password-expired" => (0xc000_006e, 0xc000_0071, "%%2309"),
            "must-change" => (0xc000_0224, 0, "%%2309"),
            "wrong-hours" => (0xc000_006e, 0xc000_006f, "%%2311"),
            "wrong-workstation" => (0xc000_006e, 0xc000_0070, "%%2312"),
            "not-granted" => (0xc000_015b, 0, "%%2308"),
            "no-logon-servers" => (0xc000_005e, 0, "%%2304"),
            other => match Kind::Hex32.parse(other) {
                Ok(Value::Hex32(status)) => (status, 0, "%%2304"),
                _ => return Err(step.fault(format!("unknown status `{other}`; write bad-password, no-such-user, locked-out, disabled, expired, password-expired, must-change, wrong-hours, wrong-workstation, not-granted, no-logon-servers or a number"))),
            },
        };
        let sub_status = step.narrow("sub_status")?.unwrap_or(sub_status);
        let kind = step.text("kind")?.unwrap_or("network");
        let account = Target {
            logon: Identity {
                sid: Sid::nobody(),
                name: name.clone(),
                domain: domain.clone(),
            },
            local: Identity {
                sid: Sid::nobody(),
                name,
                domain,
            },
            realm: None,
            admin: false,
        };
        let mut scene = Scene::new();
        let (count, every) = repetition(step)?;
        for turn in 0..count {
            let mut logon = match kind {
                "network" => self.network(step, &account)?,
                "console" => self.desktop_logon(&account, 2, 1, "127.0.0.1", "0"),
                "unlock" => self.desktop_logon(&account, 7, 1, "127.0.0.1", "0"),
                "rdp" => self.desktop_logon(&account, 10, 2, step.required("address")?, "0"),
                "rdp-nla" => {
                    let address = step.required("address")?.to_string();
                    self.refused(&mut scene, turn * every, &address);
                    self.network(step, &account)?
                }
                "ssh" => {
                    let pid = step.narrow("pid")?.unwrap_or(0x10ec);
                    let sshd = r"C:\Windows\System32\OpenSSH\sshd.exe";
                    let mut logon =
                        Logon::local(self.machine_account(), &account.logon, 8, pid, sshd);
                    logon.workstation = self.name.clone();
                    let port = step.narrow("port")?.unwrap_or(56605);
                    let (name, address) = (&account.logon.name, step.required("address")?);
                    let line =
                        format!("Failed password for {name} from {address} port {port} ssh2");
                    self.ssh_says(&mut scene, turn * every + 1_000, pid, &line);
                    logon
                }
                "network-cleartext" | "batch" | "program" => {
                    let logon_type = match kind {
                        "network-cleartext" => 8,
                        "batch" => 4,
                        _ => 2,
                    };
                    let process = step.text("process")?.unwrap_or(SVCHOST);
                    let mut logon = Logon::local(
                        self.machine_account(),
                        &account.logon,
                        logon_type,
                        0x10ec,
                        process,
                    );
                    logon.workstation = self.name.clone();
                    logon.address = step.text("address")?.unwrap_or("-").into();
                    logon
                }
                other => {
                    return Err(step.fault(format!("unknown kind `{other}`; known: network, console, unlock, rdp, rdp-nla, ssh, network-cleartext, batch, program")));
                }
            };
            logon.logon_type = step.narrow("type")?.unwrap_or(logon.logon_type);
            (logon.lm_package, logon.key_length) = ("-", 0);
            let mut values = logon.values(0, 0);
            values.extend([
                ("Status", Value::Hex32(status)),
                ("FailureReason", text(reason)),
                ("SubStatus", Value::Hex32(sub_status)),
            ]);
            scene.push((turn * every, self.draft(4625, values)));
        }
        self.publish(step, scene)
    }

    /// 4648 alone: credentials for another machine.
    pub(super) fn explicit_credentials(&mut self, step: &Step) -> Outcome {
        let by = self.session(step, "by")?;
        let account = self.account(step, step.required("account")?)?;
        let process = step
            .text("process")?
            .unwrap_or(r"C:\Windows\System32\cmdkey.exe");
        let mut logon = Logon::local(
            (by.account, by.id),
            &account.logon,
            0,
            step.narrow("pid")?.unwrap_or(0x1a2c),
            process,
        );
        logon.address = step.text("address")?.unwrap_or("-").into();
        let mut record = self.explicit(&logon);
        if let Some(server) = step.text("server")? {
            for field in record
                .payload
                .fields_mut()
                .iter_mut()
                .filter(|f| matches!(f.name.as_str(), "TargetServerName" | "TargetInfo"))
            {
                field.value = text(server);
            }
        }
        self.publish(step, vec![(0, record)])
    }

    /// The secondary logon service: as somebody else, or with another identity on the network only.
    pub(super) fn runas(&mut self, step: &Step) -> Outcome {
        let by = self.session(step, "by")?;
        let process_id = self.booted(step)?.svchost + 0x2c;
        let caller = (by.account.clone(), by.id);
        let net_only = step.flag("netonly", false)?;
        let account = match net_only {
            true => Target {
                admin: false,
                ..by.target.clone()
            },
            false => self.account(step, step.required("account")?)?,
        };
        let identity = if net_only {
            &by.account
        } else {
            &account.logon
        };
        let mut logon = Logon::local(
            caller,
            identity,
            if net_only { 9 } else { 2 },
            process_id,
            SVCHOST,
        );
        logon.logon_process = "seclogo";
        logon.address = "::1".into();
        logon.port = "0".into();
        let mut scene = Scene::new();
        let ids;
        if net_only {
            let (domain, name) = step
                .required("outbound")?
                .split_once('\\')
                .ok_or_else(|| step.fault("outbound is written DOMAIN\\name"))?;
            logon.workstation = if self.os() <= Os::Eight {
                String::new()
            } else {
                "-".into()
            };
            logon.outbound = (name.into(), domain.into());
            ids = self.ids(step, false)?;
            let mut asked = logon.clone();
            asked.account = Identity {
                sid: Sid::nobody(),
                name: name.into(),
                domain: domain.into(),
            };
            scene.push((-140, self.explicit(&asked)));
            self.credentials_logon(&mut scene, 0, &logon, false, ids, false);
        } else {
            logon.workstation = self.name.clone();
            logon.guid = self.guid_for(&account);
            ids = self.ids(step, step.flag("uac", account.admin)?)?;
            self.credentials_logon(&mut scene, 0, &logon, account.admin, ids, true);
        }
        self.remember(step, Host::opened(&account, ids, &logon))?;
        self.publish(step, scene)
    }

    pub(super) fn remember(&mut self, step: &Step, session: Session) -> Outcome {
        if let Some(handle) = step.text("as")? {
            if self.sessions.get(handle).is_some_and(|old| old.open) {
                return Err(step.fault(format!("a session `{handle}` is still open")));
            }
            self.sessions.insert(handle.into(), session);
        }
        Ok(())
    }

    /// The consent dialogue with an administrator's credentials.
    pub(super) fn elevate(&mut self, step: &Step) -> Outcome {
        let _caller = self.session(step, "by")?;
        let account = self.account(step, step.required("account")?)?;
        let process_id = 4 * (1600 + self.random_below(900) as u32);
        let logon_type = step.narrow("type")?.unwrap_or(2);
        let mut logon = Logon::local(
            self.machine_account(),
            &account.logon,
            logon_type,
            process_id,
            r"C:\Windows\System32\consent.exe",
        );
        logon.logon_process = "CredPro ";
        logon.workstation = self.name.clone();
        logon.address = "::1".into();
        logon.port = "0".into();
        logon.guid = self.guid_for(&account);
        let ids = self.ids(step, step.flag("uac", account.admin)?)?;
        let mut scene = Scene::new();
        self.credentials_logon(&mut scene, 0, &logon, account.admin, ids, true);
        self.remember(step, Host::opened(&account, ids, &logon))?;
        self.publish(step, scene)
    }
}

/// Records are held until all are told: more of one step than this is a mistake.
const MOST_REPETITIONS: i64 = 50_000;

/// How often and at what distance a step repeats itself.
fn repetition(step: &Step) -> Result<(i64, i64), ScenarioError> {
    let count = step.number("count")?.unwrap_or(1);
    match i64::try_from(count) {
        Ok(count) if count <= MOST_REPETITIONS => {
            let every = step.span("every", SECOND)?;
            match count.checked_mul(every) {
                Some(whole) if whole <= LATEST => Ok((count, every)),
                _ => Err(step.fault("the last repetition lies after the year 9999")),
            }
        }
        _ => Err(step.fault(format!("count = {count} is more than {MOST_REPETITIONS}"))),
    }
}
