//! The machine itself: its boots and stops, its clock, its logs.

use super::{MILLISECOND, NO, Outcome, SVCHOST, YES, subject, target, text};
use crate::synth::events::{self, EVENTLOG};
use crate::synth::host::{Entry, Host, Identity, LastStop, Scene};
use crate::synth::record::{Field, Payload};
use crate::synth::scenario::{Os, ScenarioError, Step, check_folder_name};
use crate::synth::time::{self, SECOND};
use crate::synth::value::{Guid, Kind, Sid, Value};

impl Host<'_> {
    pub(super) fn boot_up(&mut self, step: &Step) -> Outcome {
        if let Some(domain) = step.text("domain")? {
            self.domain = (domain != "WORKGROUP").then(|| domain.to_string());
        }
        if step.has("name") || step.has("domain") || step.has("computer") {
            let name = step.text("name")?.unwrap_or(&self.name).to_string();
            self.rename(&name, step.text("computer")?);
        }
        self.account_name = step.text("machine_account")?.map(str::to_string);
        self.start_boot(step.narrow("lsass")?, step.number("logon_ids_from")?);
        if step.flag("silent", false)? {
            return self.boot_silently(step);
        }
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
        self.sessions_start(&mut scene, 200 * MILLISECOND);
        self.system_starts(&mut scene, step.flag("kernel_first", false)?);
        self.publish(step, scene)
    }

    /// A boot that leaves nothing of its start in any log.
    fn boot_silently(&mut self, step: &Step) -> Outcome {
        if let Some(boot) = &mut self.boot {
            boot.silent = true;
        }
        self.last_stop = LastStop::default();
        self.publish(step, Scene::new())
    }

    /// From Windows 10 on the kernel's first records precede 4608: their subject has no name.
    pub(super) fn before_lsass(&mut self, scene: &mut Scene) {
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

    pub(super) fn stop(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let late = step.flag("late_logoff", false)?;
        let mut scene = Scene::new();
        self.stop_request(step, &mut scene, "power off")?;
        self.sessions_stop(&mut scene, -3307 * MILLISECOND);
        if step.flag("logoff", true)? || late {
            self.desktops_log_off(&mut scene, late);
        }
        scene.push((0, self.draft(1100, [])));
        self.system_stops(&mut scene);
        self.end_boot(self.now);
        self.publish(step, scene)
    }

    /// The people at their desktops are logged off by the stop at 0.
    pub(super) fn desktops_log_off(&mut self, scene: &mut Scene, late: bool) {
        let desktops = self.open_desktops();
        for (index, session) in desktops.iter().enumerate() {
            let index = index as i64;
            let mut record = self.draft(4647, target(&session.account, session.id));
            let mut at = -2 * SECOND - (desktops.len() as i64 - index) * 30 * MILLISECOND;
            if late {
                // Written after the event log service said that it stops, with the time before.
                at = -300 * MILLISECOND + index;
                record.time = (self.clock() + at) as u64;
                scene.push((MILLISECOND + index, record));
            } else {
                scene.push((at, record));
            }
            self.desktop_closes(scene, at, session);
        }
    }

    pub(super) fn power_loss(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        self.system_dies(self.last_alive(step)?);
        self.end_boot(self.now);
        self.publish(step, Scene::new())
    }

    pub(super) fn set_clock(&mut self, step: &Step) -> Outcome {
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
        let mut scene = Scene::new();
        let device = process.replacen("C:", r"\Device\HarddiskVolume3", 1);
        self.clock_changes(&mut scene, self.clock() as u64, to, &device, 1);
        scene.push((0, record));
        self.clock_error =
            i64::try_from(to).map_err(|_| step.fault("`to` is out of range"))? - self.now;
        self.publish(step, scene)
    }

    pub(super) fn clear_log(&mut self, step: &Step) -> Outcome {
        let channel = step.text("channel")?.unwrap_or("Security");
        self.mark(channel, Entry::Clear);
        if channel != "Security" {
            let (account, _) = match step.has("by") {
                true => self
                    .session(step, "by")
                    .map(|session| (session.account, 0))?,
                false => self
                    .built_in("SYSTEM")
                    .unwrap_or_else(|| self.machine_account()),
            };
            let values = [
                ("SubjectUserName", text(&account.name)),
                ("SubjectDomainName", text(&account.domain)),
                ("Channel", text(channel)),
                ("BackupPath", Value::Null),
            ];
            let mut record = self.report(EVENTLOG, 104, values);
            record.user = Some(account.sid);
            return self.publish(step, vec![(0, record)]);
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

    /// The log is full: it becomes a file of its own, and the next record begins a new one.
    pub(super) fn archive_log(&mut self, step: &Step) -> Outcome {
        let channel = step.text("channel")?.unwrap_or("Security").to_string();
        let date = time::date(self.clock());
        let name = format!(
            "Archive-{}-{:04}-{:02}-{:02}-{:02}-{:02}-{:02}-{:03}.evtx",
            channel.replace('/', "%4"),
            date.year,
            date.month,
            date.day,
            date.hour,
            date.minute,
            date.second,
            date.millisecond
        );
        check_folder_name(&name).map_err(|fault| step.fault(format!("channel: {fault}")))?;
        self.mark(&channel, Entry::Archive(name));
        self.publish(step, Scene::new())
    }

    pub(super) fn lose(&mut self, step: &Step) -> Outcome {
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
    pub(super) fn raw_record(&mut self, step: &Step) -> Outcome {
        let event: u16 = step
            .narrow("event")?
            .ok_or_else(|| step.fault("`event` is missing: the event's number"))?;
        let data = step.data()?;
        let provider = step.text("provider")?;
        let known = data.is_none()
            && match provider {
                Some(provider) => events::layout_of(provider, event, u8::MAX).is_some(),
                None => events::layout(event, u8::MAX).is_some(),
            };
        let mut record = match provider.filter(|_| known) {
            Some(provider) => self.report(provider, event, []),
            None if known => self.draft(event, []),
            None => self.blank(event),
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
            check_folder_name(&channel.replace('/', "%4"))
                .map_err(|fault| step.fault(format!("channel: {fault}")))?;
            record.channel = channel.into();
        }
        if let Some(user) = step.text("user")? {
            record.user = Some(
                Sid::parse(user)
                    .ok_or_else(|| step.fault(format!("user = \"{user}\" is not a SID")))?,
            );
        }
        record.qualifiers = step.narrow("qualifiers")?.or(record.qualifiers);
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

fn xml_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
