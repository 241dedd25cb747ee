"""What an analyst reads first of a result: Markdown in which every text from evidence is inert."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openrelik_worker_common.reporting import MarkdownTable, Priority, Report

# Rows of a table at most; how many more there are is told.
MOST_ROWS = 50

# What a session is flagged with, the worst first, and what it means for who reads it.
FLAGS = {
    "hijack": "taken over by somebody who had not logged on as its owner",
    "suspicious-name": "a name made to be taken for another",
    "tunnel": "Remote Desktop through a tunnel",
    "hijack-suspected": "perhaps taken over",
    "conflict": "two logs say different things of it",
    "recovered": "rests on recovered records",
    "same-name": "two machines have this name",
}

# So many refused logons just before one that succeeded look like guessing.
MANY_FAILURES = 5

DESKTOPS = ("console", "console-cached", "rdp", "rdp-cached", "ssh")


def inert(text: object) -> str:
    """A text from evidence as code, so that nothing in it is Markdown, HTML, a link or a control."""
    shown = "".join(f"\\u{{{ord(c):x}}}" if unicodedata.category(c) in UNSEEN else c for c in str(text or "")).strip()
    if not shown:
        return "-"
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    room = " " if shown.startswith("`") or shown.endswith("`") else ""
    # In a table a bar ends the cell, in code too.
    return f"{fence}{room}{shown}{room}{fence}".replace("|", "\\|")


UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass
class Machine:
    """What is told of a unit."""

    host: str
    status: int
    warnings: list[str]
    sessions: int = 0
    desktops: int = 0
    first: str = ""
    last: str = ""
    missing: int = 0
    people: Counter[str] = field(default_factory=Counter)


@dataclass
class Finding:
    """Something to look at first."""

    rank: int
    host: str
    what: str
    who: str
    when: str
    proof: str


def of_units(units: Path, *, partial: bool, passed_over: int) -> Report:
    """The summary of the folders of units."""
    machines: list[Machine] = []
    findings: list[Finding] = []
    for folder in sorted(units.glob("host=*")):
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        machine = Machine(manifest["unit"]["host"] or folder.name, manifest["exit_status"], manifest["warnings"])
        machines.append(machine)
        findings += _of_coverage(machine, folder / "coverage.jsonl")
        findings += _of_sessions(machine, folder / "sessions.jsonl")
    findings.sort(key=lambda finding: (finding.rank, finding.host, finding.when))
    damaged = [machine for machine in machines if machine.warnings]
    report = Report("Windows logon sessions")
    report.summary = (
        f"{_count(len(machines), 'machine')}, {_count(sum(m.desktops for m in machines), 'desktop session')}; "
        f"{len(findings)} to look at first; evidence of {len(damaged)} is damaged or unreadable"
    )
    worst = findings[0].rank if findings else len(FLAGS)
    report.priority = _priority(worst, partial=partial)
    _first(report, findings)
    _missing(report, machines, passed_over)
    _machines(report, machines)
    return report


def of_merge(results: int, *, partial: bool) -> Report:
    """The summary of a merge."""
    report = Report("Windows logon sessions, joined")
    report.summary = f"{_count(results, 'result')} joined"
    report.priority = _priority(len(FLAGS), partial=partial)
    if partial:
        words = "Evidence was damaged or unreadable, or a unit was left out: the messages say which."
        report.add_section().add_paragraph(words)
    return report


def _priority(worst: int, *, partial: bool) -> Priority:
    if worst <= [*FLAGS].index("hijack-suspected"):
        return Priority.HIGH
    return Priority.MEDIUM if partial or worst < len(FLAGS) else Priority.LOW


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _of_coverage(machine: Machine, path: Path) -> Iterator[Finding]:
    for row in _rows(path):
        machine.missing += row["missing_records"]
        seen = [time for time in (row["first_time"], row["last_time"]) if time]
        machine.first = min([*seen, machine.first or "9"])
        machine.last = max([*seen, machine.last])
        for clear in row["clears"]:
            who = _account(clear["by_domain"], clear["by_name"])
            what = f"the log {inert(clear['cleared'])} was cleared"
            proof = f"{row['channel']}/{clear['record_id']}"
            yield Finding(0, row["host"], what, who, clear["time"], proof)


def _of_sessions(machine: Machine, path: Path) -> Iterator[Finding]:
    for row in _rows(path):
        machine.sessions += 1
        who = _account(row["account_domain"], row["account_name"])
        when = row["start"] or row["start_max"] or row["end_max"] or ""
        if row["kind"] in DESKTOPS:
            machine.desktops += 1
            machine.people[who] += 1
        reasons = [(rank, FLAGS[flag]) for rank, flag in enumerate(FLAGS) if flag in row["flags"]]
        if (row["failures_before"] or 0) >= MANY_FAILURES:
            reasons.insert(0, (1, f"after {row['failures_before']} refused logons"))
        if reasons:
            source = f" from {inert(row['source_address'])}" if row["source_address"] else ""
            what = f"{row['kind']}{source}: {'; '.join(words for _, words in reasons)}"
            rank = min(rank for rank, _ in reasons)
            yield Finding(rank, row["host"], what, who, when, row["start_record"] or row["session_id"])


def _account(domain: str | None, name: str | None) -> str:
    return "\\".join(part for part in (domain, name) if part)


def _first(report: Report, findings: list[Finding]) -> None:
    section = report.add_section()
    section.add_header("Look at this first")
    if not findings:
        section.add_paragraph("No log was cleared, and no session is flagged as unusual.")
        return
    table = MarkdownTable(["Machine", "What", "Account", "When (UTC)", "Record"])
    for one in findings[:MOST_ROWS]:
        table.add_row([inert(one.host), one.what, inert(one.who), _time(one.when), inert(one.proof)])
    section.add_table(table)
    _more(section, len(findings))


def _missing(report: Report, machines: list[Machine], passed_over: int) -> None:
    section = report.add_section()
    section.add_header("What the evidence does not hold")
    gaps = [machine for machine in machines if machine.missing]
    for machine in gaps[:MOST_ROWS]:
        section.add_bullet(f"{inert(machine.host)}: {_count(machine.missing, 'record')} missing")
    _more(section, len(gaps))
    warnings = [(machine, words) for machine in machines for words in machine.warnings]
    for machine, words in warnings[:MOST_ROWS]:
        section.add_bullet(f"{inert(machine.host)}: {inert(words)}")
    _more(section, len(warnings))
    if passed_over:
        words = f"{_count(passed_over, 'file')} not looked at: not called as a log or a package is"
        section.add_bullet(words)
    if not section.content[1:]:
        section.add_paragraph("Nothing is known to be missing or damaged.")


def _machines(report: Report, machines: list[Machine]) -> None:
    section = report.add_section()
    section.add_header("Machines")
    columns = ["Machine", "First record", "Last record", "Sessions", "Desktop sessions", "Of whom"]
    table = MarkdownTable([*columns, "Complete"])
    for machine in machines[:MOST_ROWS]:
        people = ", ".join(f"{inert(who)} {n}" for who, n in machine.people.most_common(3))
        span = [_time(machine.first), _time(machine.last)]
        counts = [str(machine.sessions), str(machine.desktops)]
        complete = "no" if machine.status else "yes"
        table.add_row([inert(machine.host), *span, *counts, people or "-", complete])
    section.add_table(table)
    _more(section, len(machines))


def _more(section: Any, rows: int) -> None:
    if rows > MOST_ROWS:
        section.add_paragraph(f"and {rows - MOST_ROWS:,} more.")


def _time(time: str) -> str:
    return inert(time[:19].replace("T", " "))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
