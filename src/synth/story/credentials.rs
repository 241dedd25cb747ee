//! What every logon is made of: 4648, 4624 once or twice, 4672, and 4634 at its end.

use super::{NO, SVCHOST, Values, WINLOGON, YES, subject, target, text};
use crate::synth::host::{Host, Identity, Scene, Target};
use crate::synth::record::Record;
use crate::synth::scenario::{Os, ScenarioError, Step};
use crate::synth::value::{Guid, Sid, Value};

/// One logon before its Logon IDs are known.
#[derive(Clone)]
pub(super) struct Logon {
    pub(super) subject: (Identity, u64),
    pub(super) account: Identity,
    pub(super) logon_type: u32,
    pub(super) logon_process: &'static str,
    pub(super) package: String,
    pub(super) workstation: String,
    pub(super) guid: Guid,
    pub(super) lm_package: &'static str,
    pub(super) key_length: u32,
    pub(super) process_id: u32,
    pub(super) process: String,
    pub(super) address: String,
    pub(super) port: String,
    pub(super) impersonation: &'static str,
    pub(super) restricted_admin: &'static str,
    pub(super) outbound: (String, String),
    pub(super) virtual_account: bool,
    pub(super) elevated: bool,
}

impl Logon {
    /// What most logons made by a process of the machine have in common.
    pub(super) fn local(
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

    pub(super) fn values(&self, id: u64, linked: u64) -> Values {
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
    /// A service starts in one of the standing sessions.
    pub(super) fn service_start(&mut self, scene: &mut Scene, at: i64, handle: &str) {
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
    pub(super) fn font_drivers(
        &mut self,
        scene: &mut Scene,
        at: i64,
        number: u32,
    ) -> (Identity, u64) {
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
    pub(super) fn window_manager(
        &mut self,
        scene: &mut Scene,
        at: i64,
        number: u32,
    ) -> Vec<(Identity, u64)> {
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

    pub(super) fn explicit(&mut self, logon: &Logon) -> Record {
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

    pub(super) fn privileges(&mut self, account: &Identity, id: u64, list: &[&str]) -> Record {
        let mut values = subject(&(account.clone(), id));
        values.push(("PrivilegeList", text(&list.join("\r\n\t\t\t"))));
        self.draft(4672, values)
    }

    /// 4672 with the privileges that such an account has.
    pub(super) fn special_privileges(&mut self, account: &Identity, id: u64) -> Record {
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
    pub(super) fn ids(
        &mut self,
        step: &Step,
        pair: bool,
    ) -> Result<(u64, Option<u64>), ScenarioError> {
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
    pub(super) fn credentials_logon(
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
    pub(super) fn credential_process(&self, session: u32) -> (u32, &'static str) {
        match &self.boot {
            Some(boot) if self.os() >= Os::Ten1607 => (boot.svchost, SVCHOST),
            Some(boot) if session <= 1 => (boot.winlogon, WINLOGON),
            _ => (winlogon_of(session), WINLOGON),
        }
    }

    /// A Kerberos logon's GUID; NTLM and local accounts have none.
    pub(super) fn guid_for(&mut self, account: &Target) -> Guid {
        match account.realm {
            Some(_) => self.random_guid(),
            None => Guid::ZERO,
        }
    }

    pub(super) fn desktop_logon(
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

    /// The pre-authentication of a remote desktop connection: a network logon of its own, which lives as long as the
    /// connection.
    pub(super) fn pre_authentication(
        &mut self,
        step: &Step,
        scene: &mut Scene,
        at: i64,
        account: &Target,
    ) -> Result<u64, ScenarioError> {
        let mut logon = self.network(step, account)?;
        // Real ones name no port, before Windows 10 no address either.
        if self.os() <= Os::Eight {
            logon.address = "-".into();
        }
        logon.port = if logon.address == "-" { "-" } else { "0" }.into();
        let id = self.next_id(false);
        if account.admin {
            scene.push((at - 1_000, self.special_privileges(&logon.account, id)));
        }
        scene.push((at, self.draft(4624, logon.values(id, 0))));
        Ok(id)
    }

    pub(super) fn network(
        &mut self,
        step: &Step,
        account: &Target,
    ) -> Result<Logon, ScenarioError> {
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
}

/// The process of winlogon in a session after the first.
fn winlogon_of(session: u32) -> u32 {
    4 * (600 + 8 * (session % 10_000))
}
