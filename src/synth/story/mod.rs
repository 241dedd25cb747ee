//! What Windows writes around each thing that happens: one function a step.
//!
//! In: the steps of a machine. Out: its records, in the order and with the fields of real logs.
//! Offsets are ticks of 100 ns from the step's time, which is the time of the step's main record.
//!
//! `machine` has the steps of the machine itself, `logon` the kinds of logon, `session` what
//! happens to an open session, `credentials` what they all are made of. `power` and `terminal` add what
//! other channels than Security say of the same: it is drawn always and written where kept. `remote` has what only they tell.

mod credentials;
mod logon;
mod machine;
mod power;
mod remote;
mod session;
mod terminal;

use std::collections::BTreeMap;

use super::host::{Entry, Host, Identity, Scene};
use super::scenario::{Machine, Scenario, ScenarioError};
use super::time::SECOND;
use super::value::Value;

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
            "fast-startup" => host.fast_startup(step)?,
            "sleep" | "hibernate" => host.sleeps(step)?,
            "wake" => host.wakes(step)?,
            "rdp-auth" => host.only_authenticated(step)?,
            "rdp-out" => host.connects_out(step)?,
            "gateway" => host.lets_through(step)?,
            "remote-shell" => host.opens_shell(step)?,
            "hijack" => host.hijacks(step)?,
            "service-installed" => host.service_installed(step)?,
            "archive-log" => host.archive_log(step)?,
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
