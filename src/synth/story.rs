//! What Windows writes around each thing that happens: one function a step.
//!
//! In: the steps of a machine. Out: its records, in the order and with the fields of real logs.
//! Offsets are ticks of 100 ns from the step's time, which is the time of the step's main record.

use std::collections::BTreeMap;

use super::host::{Entry, Host, Identity, Scene, Session, Target};
use super::record::{Field, Payload, Record};
use super::scenario::{Machine, Os, Scenario, ScenarioError, Step};
use super::time::{LATEST, SECOND};
use super::value::{Guid, Kind, Sid, Value};

const MILLISECOND: i64 = SECOND / 1000;
const SVCHOST: &str = r"C:\Windows\System32\svchost.exe";
const WINLOGON: &str = r"C:\Windows\System32\winlogon.exe";
const YES: &str = "%%1842";
const NO: &str = "%%1843";

type Outcome = Result<(), ScenarioError>;

/// Tells the story of one machine: its channels with their entries in the order of writing.
pub(super) fn tell(
    scenario: &Scenario,
    machine: &Machine,
) -> Result<BTreeMap<String, Vec<Entry>>, ScenarioError> {
    let mut host = Host::new(scenario, machine);
    for step in &machine.steps {
        host.advance(step)?;
        match step.verb {
            "boot" => host.boot_up(step)?,
            "stop" => host.stop(step)?,
            "power-loss" => host.power_loss(step)?,
            "logon" => host.logon(step)?,
            "logon-failed" => host.logon_failed(step)?,
            "explicit-credentials" => host.explicit_credentials(step)?,
            "runas" => host.runas(step)?,
            "elevate" => host.elevate(step)?,
            "logoff" => host.logoff(step)?,
            "lock" => host.session_mark(step, 4800)?,
            "unlock" => host.unlock(step)?,
            "disconnect" => host.disconnect(step)?,
            "reconnect" => host.reconnect(step)?,
            "screensaver-on" => host.session_mark(step, 4802)?,
            "screensaver-off" => host.session_mark(step, 4803)?,
            "clock" => host.set_clock(step)?,
            "clear-log" => host.clear_log(step)?,
            "lose" => host.lose(step)?,
            "special-groups" => host.groups(step, 4964)?,
            "group-membership" => host.groups(step, 4627)?,
            "record" => host.raw_record(step)?,
            _ => host.publish(step, Scene::new())?,
        }
    }
    Ok(host.finish())
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

/// Some fields and their values.
type Values = Vec<(&'static str, Value)>;

fn subject((identity, id): &(Identity, u64)) -> Values {
    vec![
        ("SubjectUserSid", Value::Sid(identity.sid.clone())),
        ("SubjectUserName", text(&identity.name)),
        ("SubjectDomainName", text(&identity.domain)),
        ("SubjectLogonId", Value::Hex64(*id)),
    ]
}

fn target(identity: &Identity, id: u64) -> Values {
    vec![
        ("TargetUserSid", Value::Sid(identity.sid.clone())),
        ("TargetUserName", text(&identity.name)),
        ("TargetDomainName", text(&identity.domain)),
        ("TargetLogonId", Value::Hex64(id)),
    ]
}

/// One logon before its Logon IDs are known.
#[derive(Clone)]
struct Logon {
    subject: (Identity, u64),
    account: Identity,
    logon_type: u32,
    logon_process: &'static str,
    package: String,
    workstation: String,
    guid: Guid,
    lm_package: &'static str,
    key_length: u32,
    process_id: u32,
    process: String,
    address: String,
    port: String,
    impersonation: &'static str,
    restricted_admin: &'static str,
    outbound: (String, String),
    virtual_account: bool,
    elevated: bool,
}

impl Logon {
    /// What most logons made by a process of the machine have in common.
    fn local(
        subject: (Identity, u64),
        account: &Identity,
        logon_type: u32,
        process_id: u32,
        process: &str,
    ) -> Logon {
        Logon {
            subject,
            account: account.clone(),
            logon_type,
            logon_process: "Advapi  ",
            package: "Negotiate".into(),
            workstation: "-".into(),
            guid: Guid::ZERO,
            lm_package: "-",
            key_length: 0,
            process_id,
            process: process.into(),
            address: "-".into(),
            port: "-".into(),
            impersonation: "%%1833",
            restricted_admin: "-",
            outbound: ("-".into(), "-".into()),
            virtual_account: false,
            elevated: true,
        }
    }

    fn values(&self, id: u64, linked: u64) -> Values {
        let mut values = subject(&self.subject);
        values.extend(target(&self.account, id));
        values.extend([
            ("LogonType", Value::U32(self.logon_type)),
            ("LogonProcessName", text(self.logon_process)),
            ("AuthenticationPackageName", text(&self.package)),
            ("WorkstationName", text(&self.workstation)),
            ("LogonGuid", Value::Guid(self.guid)),
            ("LmPackageName", text(self.lm_package)),
            ("KeyLength", Value::U32(self.key_length)),
            ("ProcessId", Value::Pointer(u64::from(self.process_id))),
            ("ProcessName", text(&self.process)),
            ("IpAddress", text(&self.address)),
            ("IpPort", text(&self.port)),
            ("ImpersonationLevel", text(self.impersonation)),
            ("RestrictedAdminMode", text(self.restricted_admin)),
            ("TargetOutboundUserName", text(&self.outbound.0)),
            ("TargetOutboundDomainName", text(&self.outbound.1)),
            (
                "VirtualAccount",
                text(if self.virtual_account { YES } else { NO }),
            ),
            ("TargetLinkedLogonId", Value::Hex64(linked)),
            ("ElevatedToken", text(if self.elevated { YES } else { NO })),
        ]);
        values
    }
}

impl Host<'_> {
    // ---- start and stop ----

    fn boot_up(&mut self, step: &Step) -> Outcome {
        if let Some(domain) = step.text("domain")? {
            self.domain = (domain != "WORKGROUP").then(|| domain.to_string());
        }
        if step.has("name") || step.has("domain") || step.has("computer") {
            let name = step.text("name")?.unwrap_or(&self.name).to_string();
            self.rename(&name, step.text("computer")?);
        }
        self.account_name = step.text("machine_account")?.map(str::to_string);
        self.start_boot(step.narrow("lsass")?, step.number("logon_ids_from")?);
        let mut scene = Scene::new();
        if step.flag("dropped", false)? {
            scene.push((
                -1500 * MILLISECOND,
                self.draft(1101, [("Reason", Value::U32(0))]),
            ));
        }
        if self.os() >= Os::Ten1607 {
            self.before_lsass(&mut scene);
        }
        self.thread = 1;
        scene.push((0, self.draft(4608, [])));
        let system = self
            .built_in("SYSTEM")
            .map(|(identity, _)| identity)
            .unwrap_or_else(|| self.machine_account().0);
        let mut values = target(&system, 0x3e7);
        values.extend([
            ("ProcessId", Value::Pointer(4)),
            ("ProcessName", text("")),
            ("VirtualAccount", text(NO)),
            ("ElevatedToken", text(YES)),
        ]);
        let mut first = self.draft(4624, values);
        first.activity = None;
        scene.push((25_000, first));
        let policy = 0xb000 + self.random_below(0x8000);
        scene.push((
            400_000,
            self.draft(4902, [("PuaPolicyId", Value::Hex64(policy))]),
        ));

        let mut at = 700_000;
        self.service_start(&mut scene, at, "SYSTEM");
        let greeter = step.flag("greeter", true)?;
        let mut services = Vec::new();
        if greeter && self.os() >= Os::Ten1607 {
            self.font_drivers(&mut scene, at + 20_000, 0);
            services.push(self.font_drivers(&mut scene, at + 21_000, 1));
        }
        at += 500_000;
        self.service_start(&mut scene, at, "NETWORK SERVICE");
        if greeter && self.os() >= Os::Eight {
            services.extend(self.window_manager(&mut scene, at + 1_000_000, 1));
        }
        if let Some(boot) = &mut self.boot {
            boot.console_services = services;
        }
        at += 1_500_000;
        self.service_start(&mut scene, at, "LOCAL SERVICE");
        for _ in 0..step.number("services")?.unwrap_or(3) {
            at += 2_000_000 + self.random_below(8_000_000) as i64;
            self.service_start(&mut scene, at, "SYSTEM");
        }
        self.publish(step, scene)
    }

    /// From Windows 10 on the kernel's first records precede 4608: their subject has no name.
    fn before_lsass(&mut self, scene: &mut Scene) {
        let Some(boot) = &self.boot else { return };
        let (wininit, winlogon, services, lsass) =
            (boot.wininit, boot.winlogon, boot.services, boot.lsass);
        let nameless = || {
            subject(&(
                Identity {
                    sid: Sid::nt(&[18]),
                    name: "-".into(),
                    domain: "-".into(),
                },
                0x3e7,
            ))
        };
        let system32 = |name: &str| format!(r"C:\Windows\System32\{name}");
        let smss = system32("smss.exe");
        // In the order of real boots: the parent of each, its number, the new process, its number.
        let processes = [
            ("", 4, "Registry".to_string(), 0x7c, -1_000),
            ("", 4, smss.clone(), 0x174, -980),
            (smss.as_str(), 0x174, system32("autochk.exe"), 0x194, -730),
            (smss.as_str(), 0x174, smss.clone(), 0x1a0, -350),
            (smss.as_str(), 0x1a0, system32("csrss.exe"), 0x1a8, -320),
            (smss.as_str(), 0x174, smss.clone(), 0x1b0, -290),
            (smss.as_str(), 0x1a0, system32("wininit.exe"), wininit, -285),
            (smss.as_str(), 0x1b0, system32("csrss.exe"), 0x1b4, -280),
            (
                smss.as_str(),
                0x1b0,
                system32("winlogon.exe"),
                winlogon,
                -250,
            ),
            (
                r"C:\Windows\System32\wininit.exe",
                wininit,
                system32("services.exe"),
                services,
                -230,
            ),
            (
                r"C:\Windows\System32\wininit.exe",
                wininit,
                system32("lsass.exe"),
                lsass,
                -210,
            ),
        ];
        for (index, (parent, parent_id, process, process_id, at)) in
            processes.into_iter().enumerate()
        {
            let mut values = nameless();
            values.extend([
                ("NewProcessId", Value::Pointer(u64::from(process_id))),
                ("NewProcessName", text(&process)),
                ("TokenElevationType", text("%%1936")),
                ("ProcessId", Value::Pointer(u64::from(parent_id))),
                ("CommandLine", text("")),
                ("ParentProcessName", text(parent)),
                (
                    "MandatoryLabel",
                    Value::Sid(Sid::parse("S-1-16-16384").unwrap_or_else(Sid::nobody)),
                ),
            ]);
            scene.push((at * MILLISECOND, self.draft(4688, values)));
            if index == 0 {
                let mut values = nameless();
                values.extend([
                    ("TargetLogonId", Value::Hex64(0x3e7)),
                    ("TargetProcessId", Value::Pointer(0x7c)),
                    ("TargetProcessName", text("Registry")),
                    ("ProcessId", Value::Pointer(4)),
                    ("ProcessName", text("")),
                ]);
                scene.push((at * MILLISECOND + 360, self.draft(4696, values)));
                let mut values = nameless();
                for name in [
                    "AdvancedOptions",
                    "RemoteEventLogging",
                    "KernelDebug",
                    "TestSigning",
                    "FlightSigning",
                    "DisableIntegrityChecks",
                    "HypervisorDebug",
                ] {
                    values.push((name, text(NO)));
                }
                values.extend([
                    ("ConfigAccessPolicy", text("%%1846")),
                    ("VsmLaunchType", text("%%1848")),
                    ("HypervisorLaunchType", text("%%1848")),
                ]);
                scene.push((at * MILLISECOND + 390, self.draft(4826, values)));
            }
        }
    }

    /// A service starts in one of the standing sessions.
    fn service_start(&mut self, scene: &mut Scene, at: i64, handle: &str) {
        let (Some((account, id)), Some(boot)) = (self.built_in(handle), &self.boot) else {
            return;
        };
        let process = boot.services;
        let mut logon = Logon::local(
            self.machine_account(),
            &account,
            5,
            process,
            r"C:\Windows\System32\services.exe",
        );
        if self.os() <= Os::Eight {
            logon.workstation = String::new();
        }
        scene.push((at, self.draft(4624, logon.values(id, 0))));
        scene.push((at + 50, self.special_privileges(&account, id)));
    }

    /// The font driver host of a session.
    fn font_drivers(&mut self, scene: &mut Scene, at: i64, number: u32) -> (Identity, u64) {
        let account = Identity {
            sid: Sid::nt(&[96, 0, number]),
            name: format!("UMFD-{number}"),
            domain: "Font Driver Host".into(),
        };
        let id = self.next_id(false);
        let (process_id, process) = match (&self.boot, number) {
            (Some(boot), 0) => (boot.wininit, r"C:\Windows\System32\wininit.exe"),
            (Some(boot), 1) => (boot.winlogon, WINLOGON),
            _ => (winlogon_of(number), WINLOGON),
        };
        let mut logon = Logon::local(self.machine_account(), &account, 2, process_id, process);
        (logon.virtual_account, logon.elevated) = (true, false);
        scene.push((at - 120, self.explicit(&logon)));
        scene.push((at, self.draft(4624, logon.values(id, 0))));
        (account, id)
    }

    /// The window manager of a session: a pair of Logon IDs, linked from Windows 10 on.
    fn window_manager(&mut self, scene: &mut Scene, at: i64, number: u32) -> Vec<(Identity, u64)> {
        let sid = if self.os() >= Os::Ten1607 {
            Sid::nt(&[90, 0, number])
        } else {
            Sid::nt(&[90, number])
        };
        let account = Identity {
            sid,
            name: format!("DWM-{number}"),
            domain: "Window Manager".into(),
        };
        let (first, second) = (self.next_id(false), self.next_id(true));
        let process_id = match (&self.boot, number) {
            (Some(boot), 1) => boot.winlogon,
            _ => winlogon_of(number),
        };
        let mut logon = Logon::local(self.machine_account(), &account, 2, process_id, WINLOGON);
        logon.virtual_account = true;
        if self.os() <= Os::Eight {
            logon.workstation = String::new();
        }
        scene.push((at - 100, self.explicit(&logon)));
        scene.push((at, self.draft(4624, logon.values(first, second))));
        logon.elevated = false;
        scene.push((at + 90, self.draft(4624, logon.values(second, first))));
        scene.push((at + 120, self.special_privileges(&account, first)));
        if self.os() >= Os::Ten {
            scene.push((
                at + 131,
                self.privileges(
                    &account,
                    second,
                    &["SeAssignPrimaryTokenPrivilege", "SeAuditPrivilege"],
                ),
            ));
        }
        vec![(account.clone(), second), (account, first)]
    }

    fn stop(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let late = step.flag("late_logoff", false)?;
        let mut scene = Scene::new();
        if step.flag("logoff", true)? || late {
            let desktops: Vec<Session> = self
                .sessions
                .values()
                .filter(|session| session.open && session.number.is_some())
                .cloned()
                .collect();
            for (index, session) in desktops.iter().enumerate() {
                let index = index as i64;
                let mut record = self.draft(4647, target(&session.account, session.id));
                let before = -2 * SECOND - (desktops.len() as i64 - index) * 30 * MILLISECOND;
                if late {
                    // Written after the event log service said that it stops, with the time before.
                    record.time = (self.clock() - 300 * MILLISECOND + index) as u64;
                    scene.push((MILLISECOND + index, record));
                } else {
                    scene.push((before, record));
                }
            }
        }
        scene.push((0, self.draft(1100, [])));
        self.end_boot(self.now);
        self.publish(step, scene)
    }

    fn power_loss(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        self.end_boot(self.now);
        self.publish(step, Scene::new())
    }

    // ---- pieces of logons ----

    fn explicit(&mut self, logon: &Logon) -> Record {
        let mut values = subject(&logon.subject);
        values.extend([
            ("TargetUserName", text(&logon.account.name)),
            ("TargetDomainName", text(&logon.account.domain)),
            ("TargetLogonGuid", Value::Guid(logon.guid)),
            ("TargetServerName", text("localhost")),
            ("TargetInfo", text("localhost")),
            ("ProcessId", Value::Pointer(u64::from(logon.process_id))),
            ("ProcessName", text(&logon.process)),
            ("IpAddress", text(&logon.address)),
            ("IpPort", text(&logon.port)),
        ]);
        self.draft(4648, values)
    }

    fn privileges(&mut self, account: &Identity, id: u64, list: &[&str]) -> Record {
        let mut values = subject(&(account.clone(), id));
        values.push(("PrivilegeList", text(&list.join("\r\n\t\t\t"))));
        self.draft(4672, values)
    }

    /// 4672 with the privileges that such an account has.
    fn special_privileges(&mut self, account: &Identity, id: u64) -> Record {
        let delegate = "SeDelegateSessionUserImpersonatePrivilege";
        let system = [
            "SeAssignPrimaryTokenPrivilege",
            "SeTcbPrivilege",
            "SeSecurityPrivilege",
            "SeTakeOwnershipPrivilege",
            "SeLoadDriverPrivilege",
            "SeBackupPrivilege",
            "SeRestorePrivilege",
            "SeDebugPrivilege",
            "SeAuditPrivilege",
            "SeSystemEnvironmentPrivilege",
            "SeImpersonatePrivilege",
            delegate,
        ];
        let admin = [
            "SeSecurityPrivilege",
            "SeTakeOwnershipPrivilege",
            "SeLoadDriverPrivilege",
            "SeBackupPrivilege",
            "SeRestorePrivilege",
            "SeDebugPrivilege",
            "SeSystemEnvironmentPrivilege",
            "SeImpersonatePrivilege",
            delegate,
        ];
        let service = [
            "SeAssignPrimaryTokenPrivilege",
            "SeAuditPrivilege",
            "SeImpersonatePrivilege",
        ];
        let list: &[&str] = match id {
            0x3e7 => &system,
            0x3e4 | 0x3e5 => &service,
            _ if account.domain == "Window Manager" => &service,
            _ => &admin,
        };
        let list: Vec<&str> = list
            .iter()
            .copied()
            .filter(|name| *name != delegate || self.os() >= Os::Ten1607)
            .collect();
        self.privileges(account, id, &list)
    }

    /// The Logon IDs of a logon: the elevated one and the filtered one under UAC, else one alone.
    fn ids(&mut self, step: &Step, pair: bool) -> Result<(u64, Option<u64>), ScenarioError> {
        let first = match step.number("logon_id")? {
            Some(id) => self.claim_id(id),
            None => self.next_id(false),
        };
        let second = match (pair, step.number("linked_id")?) {
            (false, None) => None,
            (false, Some(_)) => return Err(step.fault("`linked_id` without a pair of logons")),
            (true, Some(id)) => Some(self.claim_id(id)),
            (true, None) => Some(self.next_id(true)),
        };
        Ok((first, second))
    }

    /// 4648 where credentials were given, one 4624 or the two of UAC, and the 4672 of the first.
    fn credentials_logon(
        &mut self,
        scene: &mut Scene,
        at: i64,
        logon: &Logon,
        admin: bool,
        ids: (u64, Option<u64>),
        asked: bool,
    ) {
        if asked {
            scene.push((at - 140, self.explicit(logon)));
        }
        let (first, second) = ids;
        let mut logon = logon.clone();
        logon.elevated = admin;
        scene.push((
            at,
            self.draft(4624, logon.values(first, second.unwrap_or(0))),
        ));
        if let Some(second) = second {
            (logon.elevated, logon.guid) = (false, Guid::ZERO);
            scene.push((at + 130, self.draft(4624, logon.values(second, first))));
        }
        if admin {
            scene.push((at + 170, self.special_privileges(&logon.account, first)));
        }
    }

    /// The process that asks people for credentials: winlogon itself, later a service on its behalf.
    fn credential_process(&self, session: u32) -> (u32, &'static str) {
        match &self.boot {
            Some(boot) if self.os() >= Os::Ten1607 => (boot.svchost, SVCHOST),
            Some(boot) if session <= 1 => (boot.winlogon, WINLOGON),
            _ => (winlogon_of(session), WINLOGON),
        }
    }

    /// A Kerberos logon's GUID; NTLM and local accounts have none.
    fn guid_for(&mut self, account: &Target) -> Guid {
        match account.realm {
            Some(_) => self.random_guid(),
            None => Guid::ZERO,
        }
    }

    fn desktop_logon(
        &mut self,
        account: &Target,
        logon_type: u32,
        session: u32,
        address: &str,
        port: &str,
    ) -> Logon {
        let (process_id, process) = self.credential_process(session);
        let mut logon = Logon::local(
            self.machine_account(),
            &account.logon,
            logon_type,
            process_id,
            process,
        );
        logon.logon_process = "User32 ";
        logon.workstation = self.name.clone();
        logon.address = address.into();
        logon.port = port.into();
        logon.guid = self.guid_for(account);
        logon
    }

    /// The pre-authentication of a remote desktop connection: a network logon of its own.
    fn pre_authentication(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
    ) -> Result<u64, ScenarioError> {
        let logon = self.network(step, account)?;
        let id = self.next_id(false);
        if account.admin {
            scene.push((at - 1_000, self.special_privileges(&logon.account, id)));
        }
        scene.push((at, self.draft(4624, logon.values(id, 0))));
        Ok(id)
    }

    fn network(&mut self, step: &Step, account: &Target) -> Result<Logon, ScenarioError> {
        let nobody = Identity {
            sid: Sid::nobody(),
            name: "-".into(),
            domain: "-".into(),
        };
        let mut logon = Logon::local((nobody, 0), &account.logon, 3, 0, "-");
        logon.address = step.text("address")?.unwrap_or("-").into();
        let port = 49152 + self.random_below(16000);
        logon.port = match step.number("port")? {
            Some(port) => port.to_string(),
            None if logon.address == "-" => "-".into(),
            None => port.to_string(),
        };
        match step.text("auth")?.unwrap_or("ntlm") {
            "ntlm" => {
                logon.logon_process = "NtLmSsp ";
                logon.package = "NTLM".into();
                logon.lm_package = "NTLM V2";
                logon.key_length = 128;
                logon.workstation = step.text("workstation")?.unwrap_or("-").into();
            }
            "kerberos" => {
                logon.logon_process = "Kerberos";
                logon.package = "Kerberos".into();
                logon.guid = self.random_guid();
                logon.workstation = if self.os() <= Os::Eight {
                    String::new()
                } else {
                    "-".into()
                };
                if let Some(realm) = &account.realm {
                    logon.account.domain = realm.clone();
                }
            }
            other => {
                return Err(step.fault(format!("auth = \"{other}\" is neither ntlm nor kerberos")));
            }
        }
        Ok(logon)
    }

    // ---- logons ----

    fn logon(&mut self, step: &Step) -> Outcome {
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
    fn tokens_closed(&mut self, scene: &mut Scene, at: i64, session: &Session) {
        let mut ids = vec![session.id];
        ids.extend(session.elevated);
        for (index, id) in ids.into_iter().enumerate() {
            let mut values = target(&session.account, id);
            values.push(("LogonType", Value::U32(session.logon_type)));
            scene.push((at + index as i64 * 1_100, self.draft(4634, values)));
        }
    }

    fn opened(account: &Target, ids: (u64, Option<u64>), logon: &Logon) -> Session {
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
            nla: None,
            window_managers: Vec::new(),
            open: true,
        }
    }

    fn console(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        logon_type: u32,
    ) -> Result<Session, ScenarioError> {
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
        Ok(session)
    }

    fn remote_desktop(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
        logon_type: u32,
    ) -> Result<Session, ScenarioError> {
        let address = step.required("address")?.to_string();
        let nla = match step.flag("nla", true)? {
            true => Some(self.pre_authentication(step, scene, at - 1500 * MILLISECOND, account)?),
            false => None,
        };
        let (number, connection) = match &mut self.boot {
            Some(boot) => {
                let number = step.narrow("session")?.unwrap_or(boot.next_session);
                boot.next_session = boot.next_session.max(number.saturating_add(1));
                boot.next_connection += 1;
                (number, format!("RDP-Tcp#{}", boot.next_connection - 1))
            }
            None => (0, String::new()),
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
        session.client = step.text("workstation")?.unwrap_or("CLIENT").into();
        session.window_managers = window_managers;
        if let Some(id) = nla {
            // Until Windows 10 the network logon ends at once, later with the connection.
            if self.os() <= Os::Eight {
                self.network_logon_closed(scene, at - 700 * MILLISECOND, account, id);
            } else {
                session.nla = Some(id);
            }
        }
        Ok(session)
    }

    fn network_logon_closed(&mut self, scene: &mut Scene, at: i64, account: &Target, id: u64) {
        let mut values = target(&account.local, id);
        values.push(("LogonType", Value::U32(3)));
        scene.push((at, self.draft(4634, values)));
    }

    /// What draws a new session's desktop logs on before any person does.
    fn desktop_services(
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

    fn over_network(
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
    fn own_network(
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

    fn anonymous(
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
    fn by_process(
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
    fn ssh(
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
        Ok(Host::opened(account, ids, &logon))
    }

    fn logon_failed(&mut self, step: &Step) -> Outcome {
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
                    return Err(step.fault(format!("unknown kind `{other}`; known: network, console, unlock, rdp, network-cleartext, batch, program")));
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
    fn explicit_credentials(&mut self, step: &Step) -> Outcome {
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
    fn runas(&mut self, step: &Step) -> Outcome {
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

    fn remember(&mut self, step: &Step, session: Session) -> Outcome {
        if let Some(handle) = step.text("as")? {
            if self.sessions.get(handle).is_some_and(|old| old.open) {
                return Err(step.fault(format!("a session `{handle}` is still open")));
            }
            self.sessions.insert(handle.into(), session);
        }
        Ok(())
    }

    /// The consent dialogue with an administrator's credentials.
    fn elevate(&mut self, step: &Step) -> Outcome {
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

    // ---- what happens to an open session ----

    /// `ended = "user"` (4647, then 4634), `"token"` (4634 alone), `"silent"` (nothing is written).
    fn logoff(&mut self, step: &Step) -> Outcome {
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
            "silent" => {}
            other => {
                return Err(step.fault(format!(
                    "ended = \"{other}\" is neither user, token nor silent"
                )));
            }
        }
        if way != "silent" {
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
            if let Some(id) = session.nla {
                self.network_logon_closed(&mut scene, 550 * MILLISECOND, &session.target, id);
            }
        }
        if let Some(session) = self.sessions.get_mut(step.required("session")?) {
            session.open = false;
        }
        self.publish(step, scene)
    }

    /// After a logoff at the console the next session draws its greeting; returns what drew the last.
    fn next_greeting(&mut self, scene: &mut Scene) -> Vec<(Identity, u64)> {
        let (number, old) = match &mut self.boot {
            Some(boot) if !boot.console_services.is_empty() => {
                boot.console = boot.next_session;
                boot.next_session = boot.next_session.saturating_add(1);
                (boot.console, std::mem::take(&mut boot.console_services))
            }
            _ => return Vec::new(),
        };
        let services = self.desktop_services(scene, 300 * MILLISECOND, number);
        if let Some(boot) = &mut self.boot {
            boot.console_services = services;
        }
        old
    }

    /// 4800 to 4803: locked, unlocked, screen saver on and off.
    fn session_mark(&mut self, step: &Step, event: u16) -> Outcome {
        let session = self.session(step, "session")?;
        let record = self.mark_of(event, &session);
        self.publish(step, vec![(0, record)])
    }

    fn mark_of(&mut self, event: u16, session: &Session) -> Record {
        let mut values = target(&session.account, session.id);
        values.push(("SessionId", Value::U32(session.number.unwrap_or(1))));
        self.draft(event, values)
    }

    /// The password again: a logon with Logon IDs of its own that live for a moment, then 4801.
    fn unlock(&mut self, step: &Step) -> Outcome {
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

    fn connection_record(&mut self, event: u16, session: &Session) -> Record {
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

    fn disconnect(&mut self, step: &Step) -> Outcome {
        let mut session = self.session(step, "session")?;
        if let Some(client) = step.text("client")? {
            session.client = client.into();
        }
        let mut scene = vec![(0, self.connection_record(4779, &session))];
        if let Some(id) = session.nla.take() {
            self.network_logon_closed(&mut scene, 200 * MILLISECOND, &session.target, id);
        }
        self.sessions
            .insert(step.required("session")?.into(), session);
        self.publish(step, scene)
    }

    /// A connection that finds the account's session: its own logon, on Logon IDs that end at once,
    /// in a session number of its own; then 4778 with the old Logon ID. The step's time is 4778's.
    fn reconnect(&mut self, step: &Step) -> Outcome {
        let mut session = self.session(step, "session")?;
        let account = session.target.clone();
        let mut scene = Scene::new();
        let address = step.text("address")?.unwrap_or("LOCAL").to_string();
        let remote = address != "LOCAL";
        if remote && step.flag("nla", true)? {
            let id = self.pre_authentication(step, &mut scene, -3 * SECOND, &account)?;
            if self.os() <= Os::Eight {
                self.network_logon_closed(&mut scene, -2400 * MILLISECOND, &account, id);
            } else {
                session.nla = Some(id);
            }
        }
        let number = match (&mut self.boot, remote) {
            (Some(boot), true) => {
                boot.next_session += 1;
                boot.next_connection += 1;
                session.connection = format!("RDP-Tcp#{}", boot.next_connection - 1);
                boot.next_session - 1
            }
            _ => {
                session.connection = "Console".into();
                1
            }
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
        self.credentials_logon(
            &mut scene,
            -1800 * MILLISECOND,
            &logon,
            account.admin,
            ids,
            true,
        );
        session.address = address;
        session.client = match (step.text("client")?, step.text("workstation")?, remote) {
            (Some(client), ..) | (None, Some(client), _) => client.into(),
            (None, None, true) => "CLIENT".into(),
            (None, None, false) => "Unknown".into(),
        };
        scene.push((0, self.connection_record(4778, &session)));
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

    fn groups(&mut self, step: &Step, event: u16) -> Outcome {
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

    // ---- the machine and its logs ----

    fn set_clock(&mut self, step: &Step) -> Outcome {
        let to = step
            .time("to")?
            .ok_or_else(|| step.fault("`to` is missing: what the clock shows afterwards"))?;
        let (by, process) = match step.text("by")? {
            Some(_) => {
                let session = self.session(step, "by")?;
                (
                    (session.account, session.elevated.unwrap_or(session.id)),
                    r"C:\Windows\System32\rundll32.exe",
                )
            }
            None => (
                self.built_in("LOCAL SERVICE")
                    .unwrap_or_else(|| self.machine_account()),
                SVCHOST,
            ),
        };
        let process = step.text("process")?.unwrap_or(process);
        let process_id = self.booted(step)?.svchost + 0x64;
        let mut values = subject(&by);
        values.extend([
            ("PreviousTime", Value::Time(self.clock() as u64)),
            ("NewTime", Value::Time(to)),
            ("ProcessId", Value::Pointer(u64::from(process_id))),
            ("ProcessName", text(process)),
        ]);
        let mut record = self.draft(4616, values);
        record.time = to + 3_700;
        self.clock_error =
            i64::try_from(to).map_err(|_| step.fault("`to` is out of range"))? - self.now;
        self.publish(step, vec![(0, record)])
    }

    fn clear_log(&mut self, step: &Step) -> Outcome {
        let channel = step.text("channel")?.unwrap_or("Security");
        self.mark(channel, Entry::Clear);
        if channel != "Security" {
            return self.publish(step, Scene::new());
        }
        let session = self.session(step, "by")?;
        let mut values = subject(&(session.account, session.elevated.unwrap_or(session.id)));
        values.extend([
            ("ClientProcessId", Value::U32(5064)),
            ("ClientProcessStartKey", Value::U64(844_424_930_132_100)),
        ]);
        let record = self.draft(1102, values);
        self.publish(step, vec![(0, record)])
    }

    fn lose(&mut self, step: &Step) -> Outcome {
        let records = step
            .number("records")?
            .ok_or_else(|| step.fault("`records` is missing: how many were lost"))?;
        self.mark(
            step.text("channel")?.unwrap_or("Security"),
            Entry::Lose(records),
        );
        self.publish(step, Scene::new())
    }

    /// Any record of any channel: of the table by its number alone, else spelled out.
    fn raw_record(&mut self, step: &Step) -> Outcome {
        let event: u16 = step
            .narrow("event")?
            .ok_or_else(|| step.fault("`event` is missing: the event's number"))?;
        let data = step.data()?;
        let known = super::events::layout(event, u8::MAX).is_some()
            && data.is_none()
            && !step.has("provider");
        let mut record = if known {
            self.draft(event, [])
        } else {
            self.blank(event)
        };
        if !known && data.is_none() {
            return Err(step.fault(format!(
                "event {event} is not in the table: give provider and data"
            )));
        }
        if let Some(data) = data {
            record.provider = step.required("provider")?.into();
            let fields = data
                .iter()
                .map(|datum| {
                    let kind = Kind::named(datum.kind).ok_or_else(|| {
                        step.fault(format!("data: unknown type `{}`", datum.kind))
                    })?;
                    let value = match &datum.text {
                        None => Value::Null,
                        Some(text) => kind.parse(text).map_err(|fault| {
                            step.fault(format!("data: {}: {fault}", datum.name))
                        })?,
                    };
                    Ok(Field {
                        name: datum.name.into(),
                        value,
                    })
                })
                .collect::<Result<Vec<_>, ScenarioError>>()?;
            record.payload = match step.text("user_data")? {
                None => Payload::EventData(fields),
                Some(element) => {
                    if let Some(field) = fields.iter().find(|field| !xml_name(&field.name)) {
                        return Err(step.fault(format!(
                            "data: `{}` cannot be an element's name",
                            field.name.escape_debug()
                        )));
                    }
                    if !xml_name(element) {
                        return Err(step.fault(format!(
                            "user_data: `{}` cannot be an element's name",
                            element.escape_debug()
                        )));
                    }
                    let namespace = step.text("namespace")?.unwrap_or("").into();
                    Payload::UserData {
                        element: element.into(),
                        namespace,
                        fields,
                    }
                }
            };
            record.keywords = 0x8000_0000_0000_0000;
            record.level = 4;
        }
        let guid = |key| match step.text(key)? {
            None => Ok(None),
            Some(text) => Guid::parse(text)
                .map(Some)
                .ok_or_else(|| step.fault(format!("{key} = \"{text}\" is not a GUID"))),
        };
        if let Some(guid) = guid("provider_guid")? {
            record.provider_guid = Some(guid);
        }
        if let Some(guid) = guid("activity")? {
            record.activity = Some(guid);
        }
        if let Some(channel) = step.text("channel")? {
            super::scenario::check_folder_name(&channel.replace('/', "%4"))
                .map_err(|fault| step.fault(format!("channel: {fault}")))?;
            record.channel = channel.into();
        }
        if let Some(user) = step.text("user")? {
            record.user = Some(
                Sid::parse(user)
                    .ok_or_else(|| step.fault(format!("user = \"{user}\" is not a SID")))?,
            );
        }
        record.qualifiers = step.narrow("qualifiers")?;
        record.version = step.narrow("version")?.unwrap_or(record.version);
        record.level = step.narrow("level")?.unwrap_or(record.level);
        record.task = step.narrow("task")?.unwrap_or(record.task);
        record.opcode = step.narrow("opcode")?.unwrap_or(record.opcode);
        record.keywords = step.number("keywords")?.unwrap_or(record.keywords);
        record.process_id = step.narrow("pid")?.unwrap_or(record.process_id);
        record.thread_id = step.narrow("tid")?.unwrap_or(record.thread_id);
        self.publish(step, vec![(0, record)])
    }
}

/// The process of winlogon in a session after the first.
fn winlogon_of(session: u32) -> u32 {
    4 * (600 + 8 * (session % 10_000))
}

/// How often and at what distance a step repeats itself.
fn repetition(step: &Step) -> Result<(i64, i64), ScenarioError> {
    let count = step.number("count")?.unwrap_or(1);
    match i64::try_from(count) {
        Ok(count) if count <= 1_000_000 => {
            let every = step.span("every", SECOND)?;
            match count.checked_mul(every) {
                Some(whole) if whole <= LATEST => Ok((count, every)),
                _ => Err(step.fault("the last repetition lies after the year 9999")),
            }
        }
        _ => Err(step.fault(format!("count = {count} is more than a million"))),
    }
}

fn xml_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
