//! What the System channel says of boots, stops, sleep and the clock.
//!
//! The kernel's records of a stop come into the log at the next boot, between the event log
//! service's first record and the kernel's own first; all with their true times.

use super::{MILLISECOND, Outcome, Values, text};
use crate::synth::events::system::{
    EVENTLOG_CLASSIC, KERNEL_BOOT, KERNEL_GENERAL, KERNEL_POWER, POWER_TROUBLESHOOTER,
    SERVICE_CONTROL, USER32, USER32_CLASSIC,
};
use crate::synth::host::{Host, LastStop, Scene, Session, Sleep};
use crate::synth::record::Record;
use crate::synth::scenario::{Os, ScenarioError, Step};
use crate::synth::time::{self, SECOND};
use crate::synth::value::Value;

/// Power states of Kernel-Power 42.
const TO_MEMORY: u32 = 4;
const TO_DISK: u32 = 5;
const POWER_OFF: u32 = 6;

impl Host<'_> {
    /// The records of a boot whose 4608 stands at 0.
    pub(super) fn system_starts(&mut self, scene: &mut Scene, kernel_first: bool) {
        let last = std::mem::take(&mut self.last_stop);
        let now = self.clock();
        let at = 300 * MILLISECOND;
        if let (true, Some((alive, since))) = (last.unclean, last.alive) {
            scene.push((at - 1, self.unexpected(alive, since)));
        }
        let version = match self.os() {
            Os::Seven => ("6.01.", "7601"),
            Os::Eight => ("6.03.", "9600"),
            Os::Ten1607 => ("10.00.", "14393"),
            Os::Ten => ("10.00.", "19045"),
            Os::Eleven => ("10.00.", "22631"),
            Os::Eleven24H2 => ("10.00.", "26100"),
        };
        let name = [version.0, version.1, "", "Multiprocessor Free", "0"];
        scene.push((at, self.classic(6009, &name, None)));
        let mut binary = system_time(now + at);
        binary.resize(24, 0);
        scene.push((at, self.classic(6005, &[], Some(binary))));
        let uptime = self.uptime(7);
        scene.push((at, uptime));

        // The kernel's own, later in the log than they happened.
        let at = if kernel_first {
            at - MILLISECOND
        } else {
            at + MILLISECOND
        };
        for record in last.kernel {
            scene.push((at, record));
        }
        let start = (now - 69 * SECOND / 10) / (SECOND / 2) * (SECOND / 2);
        let moment = start + 4_648_000;
        let mut kernel: Vec<(i64, Record)> = Vec::new();
        let (major, minor, build) = match self.os() {
            Os::Seven => (6, 1, 7601),
            Os::Eight => (6, 3, 9600),
            Os::Ten1607 => (10, 0, 14393),
            Os::Ten => (10, 0, 19041),
            Os::Eleven => (10, 0, 22621),
            Os::Eleven24H2 => (10, 0, 26100),
        };
        let values = [
            ("MajorVersion", Value::U32(major)),
            ("MinorVersion", Value::U32(minor)),
            ("BuildVersion", Value::U32(build)),
            ("QfeVersion", Value::U32(1466)),
            ("StartTime", Value::Time(start.max(0) as u64)),
        ];
        kernel.push((moment, self.report(KERNEL_GENERAL, 12, values)));
        if self.os() >= Os::Eight {
            let values = [
                ("LastShutdownGood", Value::Bool(!last.unclean)),
                ("LastBootGood", Value::Bool(true)),
                ("LastBootId", Value::U32(self.boot_id.wrapping_sub(1))),
                ("BootStatusPolicy", Value::U32(2)),
            ];
            kernel.push((moment + 1_193, self.report(KERNEL_BOOT, 20, values)));
            kernel.push((moment + 1_676, self.boot_type(0)));
        }
        if last.unclean {
            let record = self.report(KERNEL_POWER, 41, []);
            kernel.push((moment + 3 * SECOND, record));
        }
        for (moment, mut record) in kernel {
            record.time = moment.max(1) as u64;
            scene.push((at, record));
        }
    }

    fn boot_type(&mut self, kind: u32) -> Record {
        let values = [
            ("BootType", Value::U32(kind)),
            ("LoadOptions", text(" NOEXECUTE=OPTIN")),
        ];
        self.report(KERNEL_BOOT, 27, values)
    }

    fn classic(&mut self, event: u16, strings: &[&str], binary: Option<Vec<u8>>) -> Record {
        let strings = strings.iter().map(|text| (*text).to_string()).collect();
        let mut values = vec![("", Value::Texts(strings))];
        values.extend(binary.map(|bytes| ("Binary", Value::Binary(bytes))));
        self.report(EVENTLOG_CLASSIC, event, values)
    }

    /// 6013: seconds since the start, and the time zone.
    fn uptime(&mut self, seconds: i64) -> Record {
        let (bias, zone) = self.machine.time_zone.clone();
        let zone = format!("{bias} {zone}");
        let words = ["1.1", "0", "Windows", "Multiprocessor Free"];
        let binary: Vec<u8> = words
            .iter()
            .flat_map(|word| word.encode_utf16().chain([0]))
            .flat_map(u16::to_le_bytes)
            .collect();
        let seconds = seconds.to_string();
        self.classic(6013, &["", "", "", "", &seconds, "60", &zone], Some(binary))
    }

    /// 6008: the stop before was unexpected, `alive` its last sign of life.
    fn unexpected(&mut self, alive: i64, since: i64) -> Record {
        let bias = i64::from(self.machine.time_zone.0) * 60 * SECOND;
        let local = alive - bias;
        let day = time::date(local);
        let hour = day.hour;
        let clock = format!(
            "{}:{:02}:{:02} {}",
            (hour + 11) % 12 + 1,
            day.minute,
            day.second,
            if hour < 12 { "AM" } else { "PM" }
        );
        let date = format!(
            "\u{200e}{}/\u{200e}{}/\u{200e}{}",
            day.month, day.day, day.year
        );
        let seconds = ((alive - since) / SECOND).max(0).to_string();
        let mut binary = system_time(local);
        binary.extend(system_time(alive));
        binary.extend([0x3c, 0, 0, 0, 0x3c, 0, 0, 0]);
        binary.resize(64, 0);
        self.classic(
            6008,
            &[&clock, &date, "", "", &seconds, "", ""],
            Some(binary),
        )
    }

    /// 1074: somebody asked for the stop whose 1100 stands at 0.
    pub(super) fn stop_request(&mut self, step: &Step, scene: &mut Scene, off: &str) -> Outcome {
        if !step.flag("request", true)? {
            return Ok(());
        }
        let action = step.text("action")?.unwrap_or(off).to_string();
        if !matches!(action.as_str(), "restart" | "power off" | "shutdown") {
            return Err(step.fault("action is restart, power off or shutdown"));
        }
        let by = match step.has("by") {
            true => Some(self.session(step, "by")?),
            false => {
                let mut open = self.sessions.values();
                open.find(|session| session.open && session.number.is_some())
                    .cloned()
            }
        };
        let (account, process) = match &by {
            Some(session) => (
                session.account.clone(),
                r"C:\Windows\System32\RuntimeBroker.exe",
            ),
            None => {
                let system = self.built_in("SYSTEM");
                let (identity, _) = system.unwrap_or_else(|| self.machine_account());
                (identity, r"C:\Windows\system32\svchost.exe")
            }
        };
        let reason = step.text("reason")?.unwrap_or("Other (Unplanned)");
        let process = format!("{process} ({})", self.name);
        let user = format!(r"{}\{}", account.domain, account.name);
        let name = self.name.clone();
        let words = [&process, &name, reason, "0x0", &action, "", &user];
        let record = if self.os() == Os::Seven {
            let words = words.iter().map(|word| (*word).to_string()).collect();
            let values = [
                ("", Value::Texts(words)),
                ("Binary", Value::Binary(vec![0; 40])),
            ];
            let mut record = self.report(USER32_CLASSIC, 1074, values);
            record.user = Some(account.sid);
            record
        } else {
            let names = [
                "param1", "param2", "param3", "param4", "param5", "param6", "param7",
            ];
            let values: Values = names.into_iter().zip(words.map(text)).collect();
            let mut record = self.report(USER32, 1074, values);
            record.user = Some(account.sid);
            record
        };
        scene.push((-3310 * MILLISECOND, record));
        Ok(())
    }

    /// 6006 at 0; 109 and 13 for the next boot.
    pub(super) fn system_stops(&mut self, scene: &mut Scene) {
        scene.push((
            0,
            self.classic(6006, &[], Some(vec![1, 0, 0, 0, 0, 0, 0, 0])),
        ));
        let now = self.clock();
        let mut kernel = Vec::new();
        if self.os() >= Os::Eight {
            let values = [
                ("ShutdownActionType", Value::U32(5)),
                ("ShutdownReason", Value::U32(5)),
            ];
            let mut record = self.report(KERNEL_POWER, 109, values);
            record.time = (now + 695 * MILLISECOND) as u64;
            kernel.push(record);
        }
        let stop = (now + 936 * MILLISECOND) as u64;
        let mut record = self.report(KERNEL_GENERAL, 13, [("StopTime", Value::Time(stop))]);
        record.time = stop + 7;
        kernel.push(record);
        self.last_stop = LastStop {
            kernel,
            ..LastStop::default()
        };
    }

    /// The machine stopped without a word.
    pub(super) fn system_dies(&mut self, alive: i64) {
        let Some(boot) = &self.boot else { return };
        let (silent, since) = (boot.silent, boot.since);
        self.last_stop = LastStop {
            unclean: true,
            kernel: Vec::new(),
            alive: (!silent).then_some((alive.max(since), since)),
        };
    }

    /// Kernel-General 24 and 1, at a change of the clock.
    pub(super) fn clock_changes(
        &mut self,
        scene: &mut Scene,
        old: u64,
        new: u64,
        process: &str,
        reason: u32,
    ) {
        let values = [
            ("CurrentBias", Value::U32(self.machine.time_zone.0 as u32)),
            ("CurrentTimeZoneID", Value::U32(1)),
        ];
        let mut zone = self.report(KERNEL_GENERAL, 24, values);
        zone.time = new + 1_500;
        scene.push((0, zone));
        let values = [
            ("NewTime", Value::Time(new)),
            ("OldTime", Value::Time(old)),
            ("Reason", Value::U32(reason)),
            ("ProcessName", text(process)),
            ("ProcessID", Value::U32(4)),
        ];
        let mut record = self.report(KERNEL_GENERAL, 1, values);
        record.time = new + 2_800;
        scene.push((0, record));
    }

    /// `sleep`, `hibernate`: the machine goes to sleep, and everything in it stays.
    pub(super) fn sleeps(&mut self, step: &Step) -> Outcome {
        let state = match step.verb {
            "hibernate" => TO_DISK,
            _ => TO_MEMORY,
        };
        self.awake(step)?;
        let mut scene = Scene::new();
        self.goes_to_sleep(&mut scene, state);
        self.publish(step, scene)
    }

    /// `fast-startup`: users are logged off, the kernel's session is written to disk.
    pub(super) fn fast_startup(&mut self, step: &Step) -> Outcome {
        self.awake(step)?;
        let mut scene = Scene::new();
        self.stop_request(step, &mut scene, "power off")?;
        let logoff = step.flag("logoff", true)?;
        if logoff {
            self.desktops_log_off(&mut scene, false);
        }
        let desktops = self.sessions.values_mut();
        let mut gone: Vec<u32> = Vec::new();
        for session in desktops.filter(|session| session.number.is_some()) {
            session.open = false;
            gone.extend(session.number);
        }
        for number in gone {
            self.free_session_number(number);
        }
        self.goes_to_sleep(&mut scene, POWER_OFF);
        self.publish(step, scene)
    }

    fn awake(&self, step: &Step) -> Outcome {
        self.booted(step)?;
        match self.sleep {
            Some(_) => Err(step.fault("the machine sleeps; a step `wake` is missing before")),
            None => Ok(()),
        }
    }

    fn goes_to_sleep(&mut self, scene: &mut Scene, state: u32) {
        self.slept += 1;
        let values = [
            ("TargetState", Value::U32(state)),
            ("EffectiveState", Value::U32(state.min(TO_DISK))),
            ("Reason", Value::U32(if state == POWER_OFF { 6 } else { 7 })),
            ("TransitionsToOn", Value::U32(self.slept)),
        ];
        scene.push((0, self.report(KERNEL_POWER, 42, values)));
        self.sleep = Some(Sleep {
            since: self.clock(),
            state,
        });
    }

    /// `wake`: what began with `sleep`, `hibernate` or `fast-startup` ends.
    pub(super) fn wakes(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let Some(sleep) = self.sleep.take() else {
            return Err(step.fault("the machine does not sleep"));
        };
        let now = self.clock();
        let effective = sleep.state.min(TO_DISK);
        let mut scene = Scene::new();
        let values = [
            ("TargetState", Value::U32(sleep.state)),
            ("EffectiveState", Value::U32(effective)),
            ("WakeFromState", Value::U32(effective)),
        ];
        let mut woke = self.report(KERNEL_POWER, 107, values);
        // The kernel's clock stood still.
        let frozen = (sleep.since + 22 * SECOND / 10) as u64;
        woke.time = frozen;
        scene.push((-20 * MILLISECOND, woke));
        let mut clock = Scene::new();
        self.clock_changes(&mut clock, frozen, now as u64, "", 2);
        scene.extend(clock.pop().map(|(_, record)| (-10 * MILLISECOND, record)));
        if sleep.state > TO_MEMORY && self.os() >= Os::Eight {
            let kind = if sleep.state == POWER_OFF { 1 } else { 2 };
            scene.push((0, self.boot_type(kind)));
        }
        let values = [
            ("SleepTime", Value::Time(sleep.since as u64)),
            ("WakeTime", Value::Time(now as u64)),
            ("SleepDuration", Value::U32(216)),
            ("WakeDuration", Value::U32(2286)),
            ("TargetState", Value::U32(sleep.state)),
            ("EffectiveState", Value::U32(effective)),
            ("WakeSourceType", Value::U32(1)),
            ("WakeSourceText", text("")),
            ("WakeTimerOwner", text("")),
            ("WakeTimerContext", text("")),
        ];
        let trouble = self.report(POWER_TROUBLESHOOTER, 1, values);
        scene.push((800 * MILLISECOND, trouble));
        if sleep.state == POWER_OFF {
            self.next_greeting(&mut scene);
        }
        self.publish(step, scene)
    }

    /// `service-installed`: Service Control Manager 7045.
    pub(super) fn service_installed(&mut self, step: &Step) -> Outcome {
        self.booted(step)?;
        let user = match step.has("by") {
            true => Some(self.session(step, "by")?.account.sid),
            false => None,
        };
        let values = [
            ("ServiceName", text(step.required("name")?)),
            ("ImagePath", text(step.required("image")?)),
            ("ServiceType", text("user mode service")),
            ("StartType", text("demand start")),
            ("AccountName", text("LocalSystem")),
        ];
        let mut record = self.report(SERVICE_CONTROL, 7045, values);
        record.user = user.or(record.user);
        self.publish(step, vec![(0, record)])
    }

    /// The desktops that are open, for a stop.
    pub(super) fn open_desktops(&self) -> Vec<Session> {
        let open = self.sessions.values();
        open.filter(|session| session.open && session.number.is_some())
            .cloned()
            .collect()
    }

    /// When the event log service last noted that it was alive, before a power loss.
    pub(super) fn last_alive(&self, step: &Step) -> Result<i64, ScenarioError> {
        Ok(self.clock() - step.span("last_alive", 20 * SECOND)?)
    }
}

/// A SYSTEMTIME: eight numbers of 16 bits.
fn system_time(ticks: i64) -> Vec<u8> {
    let date = time::date(ticks);
    [
        date.year,
        date.month,
        date.weekday,
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.millisecond,
    ]
    .into_iter()
    .flat_map(u16::to_le_bytes)
    .collect()
}
