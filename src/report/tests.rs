use super::markup::base64;
use super::*;
use crate::analysis::Analysis;
use crate::event::Action;
use crate::export::sample::{analysis, event, session};
use crate::session::Kind;
use sha2::{Digest, Sha256};

fn page(analysis: &Analysis, sessions: impl Fn(&Session) -> bool, chosen_by: &[&str]) -> String {
    let view = View::new(analysis, None);
    let refused = |row: &&TimelineEvent| row.event.action == Action::LogonFailed;
    let report = Report {
        view: &view,
        sessions: analysis.sessions.iter().filter(|s| sessions(s)).collect(),
        failures: analysis.events.iter().filter(refused).collect(),
        coverage: analysis.coverage.iter().collect(),
        chosen_by: chosen_by.iter().map(|&option| option.to_owned()).collect(),
        threads: Some(2),
    };
    let mut page = Vec::new();
    report.write(&mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// What stands between the first `from` and the next `to` behind it, and the rest.
fn between<'p>(page: &'p str, from: &str, to: &str) -> Option<(&'p str, &'p str)> {
    let (_, rest) = page.split_once(from)?;
    rest.split_once(to)
}

#[test]
fn the_policy_names_every_script_and_style_of_the_page_and_nothing_else_runs() {
    let page = page(&analysis(), |_| true, &[]);
    let (policy, _) = between(&page, "Policy\" content=\"", "\"").unwrap();
    let mut allowed = policy.matches("sha256-").count();
    for (open, close) in [("<script>", "</script>"), ("<style>", "</style>")] {
        let mut rest = page.as_str();
        while let Some((text, behind)) = between(rest, open, close) {
            let digest = base64(&Sha256::digest(text.as_bytes()));
            assert!(policy.contains(&format!("'sha256-{digest}'")), "{open}");
            (rest, allowed) = (behind, allowed - 1);
        }
    }
    assert_eq!(allowed, 0);
    assert!(policy.starts_with("default-src 'none'; "));
    assert!(!policy.contains("unsafe"));
    for inline in [" style=", " onclick=", " onload=", " href=", " src="] {
        let (markup, _) = page.split_once("<script>").unwrap();
        let (_, markup) = markup.split_once("<body>").unwrap();
        assert!(!markup.contains(inline), "{inline}");
    }
}

#[test]
fn what_is_vendored_is_what_its_authors_published() {
    let digests = [
        (
            UPLOT,
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ),
        (
            UPLOT_STYLE,
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ),
        (
            UPLOT_LICENCE,
            "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
        ),
    ];
    for (text, digest) in digests {
        let found: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found, digest);
    }
}

#[test]
fn the_same_result_gives_the_same_page() {
    let analysis = analysis();
    assert_eq!(
        page(&analysis, |_| true, &[]),
        page(&analysis, |_| true, &[])
    );
}

#[test]
fn hostile_names_are_text_in_the_markup_and_in_the_data() {
    let mut analysis = analysis();
    let hostile = "</script><img src=x onerror=alert(1)>\u{202e}\u{9b}'\"&";
    let mut other = session("2020-01-01T01:00", "2020-01-01T02:00");
    other.account.name = Some(hostile.into());
    other.source_address = Some(hostile.into());
    other.host = hostile.into();
    analysis.sessions.push(other);
    for coverage in &mut analysis.coverage {
        coverage.host = hostile.into();
    }
    let mut failed = event("2020-01-01", Action::LogonFailed, 4625);
    failed.event.account.name = Some(hostile.into());
    analysis.events.push(failed);
    let page = page(&analysis, |_| true, &[hostile]);
    assert!(!page.contains("<img") && !page.contains(['\u{202e}', '\u{9b}']));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;\\u{202e}\\u{9b}"));
    let (data, _) = between(&page, "id=\"data\">", "</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let texts = data["texts"].as_array().unwrap();
    assert!(
        texts
            .iter()
            .any(|text| *text == *crate::export::visible(hostile))
    );
}

#[test]
fn the_page_says_what_is_left_out() {
    let analysis = analysis();
    let all = analysis.sessions.len();
    let whole = page(&analysis, |_| true, &[]);
    assert!(!whole.contains("Chosen by"));
    let some = page(&analysis, |s| s.kind == Kind::Rdp, &["--kind rdp"]);
    let kept = analysis.sessions.iter().filter(|s| s.kind == Kind::Rdp);
    let left = all - kept.count();
    assert!(left > 0);
    let told = format!("Chosen by <code>--kind rdp</code>: {left} of the {all} sessions");
    assert!(some.contains(&told));
}

#[test]
fn of_too_many_stories_those_of_people_are_told_and_the_others_counted() {
    let mut analysis = Analysis::default();
    let some = session("2020-01-01T01:00", "2020-01-01T02:00");
    for number in 0..stories::MOST + 3 {
        let mut one = some.clone();
        one.records.clear();
        one.id = format!("{number:016x}").into();
        one.interactivity = match number {
            0..7 => crate::session::Interactivity::NonInteractive,
            _ => crate::session::Interactivity::Interactive,
        };
        analysis.sessions.push(one);
    }
    let sessions: Vec<&Session> = analysis.sessions.iter().collect();
    let told = stories::chosen(&sessions);
    assert_eq!(told.len(), stories::MOST);
    assert_eq!(told.get(..5), Some(&[0, 1, 2, 3, 7][..]));
    let places: Vec<usize> = (0..sessions.len()).collect();
    let few = sessions.get(..100).unwrap_or_default();
    assert_eq!(stories::chosen(few), places[..100]);
}

#[test]
fn the_still_picture_tells_dates_however_long_its_time_is() {
    for (first, last, wanted) in [
        (
            "2024-03-04T07:58",
            "2024-03-04T17:20",
            &["2024-03-04T08:00", "2024-03-04T10:00"][..],
        ),
        (
            "2024-03-04T07:58",
            "2024-03-08T17:20",
            &["2024-03-05", "2024-03-06"],
        ),
        (
            "2024-01-15",
            "2024-05-06",
            &["2024-02-01", "2024-03-01", "2024-04-01"],
        ),
        (
            "2013-05-13",
            "2024-05-06",
            &["2014-01-01", "2016-01-01", "2018-01-01"],
        ),
        ("1601-01-02", "9999-12-30", &["2000-01-01"]),
    ] {
        let [from, to] = [first, last].map(|time| data::milliseconds(time.parse().unwrap()));
        let ticks = overview::ticks(from, to);
        let wanted = wanted
            .iter()
            .map(|time| data::milliseconds(time.parse().unwrap()));
        let wanted: Vec<i64> = wanted.collect();
        assert_eq!(
            ticks.get(..wanted.len()),
            Some(&wanted[..]),
            "{first} to {last}"
        );
        assert!(
            (2..9).contains(&ticks.len()),
            "{first} to {last}: {ticks:?}"
        );
    }
    assert_eq!(overview::ticks(7, 7), [0; 0]);
    let page = page(&analysis(), |_| true, &[]);
    assert!(page.contains("<text class=\"tick\""));
}

#[test]
fn a_suspicious_name_is_marked_in_the_summary_and_in_the_data() {
    let mut analysis = analysis();
    let harmless = page(&Analysis::default(), |_| true, &[]);
    assert!(!harmless.contains("class=\"suspicious\""));
    let mut other = session("2020-01-01T01:00", "2020-01-01T02:00");
    other.account.name = Some("adm\u{200b}in".into());
    analysis.sessions = vec![other];
    let page = page(&analysis, |_| true, &[]);
    let (cell, _) = between(&page, "adm\\<wbr>u{200b}in", "</td>").unwrap();
    assert!(cell.contains("suspicious name</span>"), "{cell}");
    let (data, _) = between(&page, "id=\"data\">", "</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let label = data["accounts"][0][0].as_u64().unwrap();
    let why = data["suspicious"][label.to_string()].as_u64().unwrap();
    let why = data["texts"][why as usize].as_str().unwrap();
    assert!(crate::spoof::suspicion("adm\u{200b}in") == Some(why));
}

#[test]
fn every_kind_has_a_colour() {
    for kind in Kind::ALL {
        assert!(SCRIPT.contains(&format!("\"{kind}\"")), "{kind}");
    }
    for class in crate::sid::AccountClass::ALL {
        assert!(SCRIPT.contains(&format!("\"{class}\"")), "{class}");
    }
}

#[test]
fn logs_reach_over_all_times_that_their_clock_showed() {
    let mut analysis = analysis();
    analysis.coverage.truncate(1);
    let reached = |analysis: &Analysis| {
        let page = page(analysis, |_| true, &[]);
        let (span, _) = between(&page, "; the logs reach from ", " UTC").unwrap();
        let (data, _) = between(&page, "id=\"data\">", "</script>").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let channel = &data["machines"][0]["channels"][0];
        let drawn = ["first", "last"].map(|name| {
            let at = data::time_of(channel[name].as_i64().unwrap()).to_string();
            at[..16].replace('T', " ")
        });
        assert_eq!(span, drawn.join(" to "));
        let (machines, _) = between(&page, "<h2>Machines", "</table>").unwrap();
        assert!(machines.contains(&drawn.join("\n")), "{machines}");
        drawn.join(" to ")
    };
    let time = |text: &str| text.parse::<crate::time::Time>().unwrap();
    let channel = &mut analysis.coverage[0];
    let (machine, name) = (channel.machine, channel.channel.clone());
    (channel.first.1, channel.last.1) = (time("2020-09-19T09:00"), time("2020-09-19T08:30"));
    channel.clock_changes.clear();
    analysis.events.clear();
    assert_eq!(
        reached(&analysis),
        "2020-09-19 08:30 to 2020-09-19 09:00",
        "by its records alone"
    );
    let mut row = event("2020-09-19T11:00", Action::LogonFailed, 4625);
    (row.machine, row.event.channel) = (machine, name);
    analysis.events.push(row);
    assert_eq!(reached(&analysis), "2020-09-19 08:30 to 2020-09-19 11:00");
    let log = analysis.events[0].event.log.0 as usize;
    analysis.logs[log].recovered = true;
    assert_eq!(
        reached(&analysis),
        "2020-09-19 08:30 to 2020-09-19 09:00",
        "recovered records"
    );
    let mut change = crate::session::ClockChange {
        record: crate::session::Mark {
            record_id: analysis.coverage[0].first.0 + 1,
            event_id: 4616,
            time: time("2020-09-19T08:00"),
        },
        previous: Some(time("2020-09-19T10:00")),
        new: Some(time("2020-09-19T08:00")),
        by: Default::default(),
        process: None,
        reason: None,
    };
    analysis.coverage[0].clock_changes.push(change.clone());
    assert_eq!(reached(&analysis), "2020-09-19 08:00 to 2020-09-19 10:00");
    change.record.record_id -= 1;
    analysis.coverage[0].clock_changes[0] = change;
    assert_eq!(
        reached(&analysis),
        "2020-09-19 08:00 to 2020-09-19 09:00",
        "of the clock before the first record the log knows nothing"
    );
}
