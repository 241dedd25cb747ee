//! The command-line program.
use winsessions::analysis::*;
fn main() {
    let paths: Vec<_> = std::env::args().skip(1).map(Into::into).collect();
    let a = analyse(&paths, &Options::default()).unwrap();
    for l in &a.logs {
        let c = &l.account;
        if c.damaged > 0 || c.unclaimed > 0 || !c.damage.is_empty() || c.trailing_bytes > 0 {
            eprintln!(
                "{} chunks {} unused {} claimed {} unclaimed {} read {} damaged {} badsum {} trail {} dirty {}",
                l.path.display(),
                c.chunks,
                c.unused_chunks,
                c.claimed,
                c.unclaimed,
                c.read,
                c.damaged,
                c.bad_checksums,
                c.trailing_bytes,
                c.dirty
            );
            for d in c.damage.iter().take(5) {
                eprintln!("   {d}");
            }
        }
    }
    for s in &a.skipped {
        eprintln!("skip {} {}", s.path.display(), s.reason);
    }
    if std::env::var("E").is_ok() {
        for e in &a.events {
            println!(
                "{} {} {} {} {} {:?} {:?} {:?} {:?}",
                a.path(e.event.log).unwrap().display(),
                e.event.time,
                e.event.event_id,
                e.event.record_id,
                e.event.action,
                e.kind.map(|k| k.name()),
                e.event.account.name,
                e.event.logon_id,
                e.session
            );
        }
    } else {
        for s in &a.sessions {
            println!(
                "{} {} {:9} {:>10} {:<20} {:<16} {:?}..{:?} {} {} {:?} from {:?} L{} {:?} boot {:?} par {:?} iv {}",
                s.host,
                s.id,
                s.logon_id.map_or("-".into(), |i| i.to_string()),
                s.linked_logon_id.map_or("-".into(), |i| i.to_string()),
                s.account.name.as_deref().unwrap_or("?"),
                s.kind.name(),
                s.start.time.or(s.start.max),
                s.end.time().or(s.end.min),
                s.end.reason,
                s.end.source,
                s.duration.map(|d| d / 10_000_000),
                s.source_address.as_deref().unwrap_or(""),
                s.logons,
                s.flags.iter().map(|f| f.name()).collect::<Vec<_>>(),
                s.boot,
                s.parent,
                s.intervals.len()
            );
        }
    }
    eprintln!(
        "sessions {} events {} conflicts {}",
        a.sessions.len(),
        a.events.len(),
        a.conflicts
    );
}
