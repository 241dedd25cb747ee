"""What an analyst reads first of a result: Markdown in which every text from evidence is inert."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
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
    "refused": "a logon that was refused a desktop, or an SSH connection closed before anybody was let in",
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
    """What is told of a machine, or of a unit."""

    host: str
    status: int = 0
    warnings: list[str] = field(default_factory=list)
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

    def order(self) -> tuple[int, str, str]:
        """The worst first."""
        return self.rank, self.host, self.when


def of_units(work: Path, chosen: list[str], *, partial: bool, passed_over: int) -> Report:
    """The summary of `units` in `work`, and of the rows that were chosen by options."""
    machines: list[Machine] = []
    findings: list[Finding] = []
    for folder in sorted(work.glob("units/host=*")):
        manifest = _document(folder / "manifest.json")
        machine = Machine(manifest["unit"]["host"] or folder.name, manifest["exit_status"], manifest["warnings"])
        machines.append(machine)
        findings += _of_folder(folder, _always(machine))
    findings.sort(key=Finding.order)
    skipped = _document(work / "units/skipped.json")["evidence"]["skipped"]
    lacks = [f"{inert(machine.host)}: {inert(words)}" for machine in machines for words in machine.warnings]
    lacks += _skipped(skipped)
    damaged = sum(bool(machine.status) for machine in machines)
    report = Report("Windows logon sessions")
    report.summary = _headline(_count(len(machines), "machine"), machines, findings, damaged, len(skipped))
    report.priority = _priority(findings, partial=partial)
    _first(report, machines, findings, partial=partial)
    if chosen:
        _chosen(report, work, chosen)
    if passed_over:
        lacks.append(f"{_count(passed_over, 'file')} not looked at: not called as a log or a package is")
    _missing(report, machines, lacks, partial=partial)
    _machines(report, machines)
    return report


def of_merge(merged: Path, given: dict[str, str]) -> Report:
    """The summary of a merge of what is `given`: the SHA-256 of each unit's manifest, and its folder."""
    manifest = _document(merged / "manifest.json")
    units = manifest["units"]
    machines: dict[str, Machine] = {}
    findings = sorted(_of_folder(merged, lambda host: machines.setdefault(host, Machine(host))), key=Finding.order)
    joined = {unit["manifest_sha256"] for unit in units}
    left_out = [folder for digest, folder in given.items() if digest not in joined]
    damaged = [unit for unit in units if unit["exit_status"]]
    lacks = [f"{inert(folder)} was left out: the messages say why" for folder in left_out]
    lacks += [f"{inert(unit['host'] or unit['id'])}: damaged or unreadable, as its own summary tells" for unit in damaged]
    lacks += _skipped(manifest["skipped"])
    partial = bool(manifest["exit_status"])
    report = Report("Windows logon sessions, joined")
    what = _count(len(units), "unit") + " joined" + (f", {len(left_out)} left out" if left_out else "")
    report.summary = _headline(what, [*machines.values()], findings, len(damaged), len(manifest["skipped"]))
    report.priority = _priority(findings, partial=partial)
    _first(report, [*machines.values()], findings, partial=partial)
    _missing(report, [*machines.values()], lacks, partial=partial)
    return report


def _headline(what: str, machines: list[Machine], findings: list[Finding], damaged: int, skipped: int) -> str:
    desktops = _count(sum(machine.desktops for machine in machines), "desktop session")
    told = f"{what}, {desktops}; {len(findings)} to look at first; evidence of {damaged} is damaged or unreadable"
    return f"{told}; {_count(skipped, 'file')} of no machine unreadable" if skipped else told


def _priority(findings: list[Finding], *, partial: bool) -> Priority:
    worst = findings[0].rank if findings else len(FLAGS)
    if worst <= [*FLAGS].index("hijack-suspected"):
        return Priority.HIGH
    return Priority.MEDIUM if partial or worst < len(FLAGS) else Priority.LOW


def _document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _of_folder(folder: Path, machine_of: Callable[[str], Machine]) -> Iterator[Finding]:
    """What to look at first in a folder of results; what each machine has is added to it."""
    yield from _of_coverage(folder / "coverage.jsonl", machine_of)
    yield from _of_sessions(folder / "sessions.jsonl", machine_of)


def _always(machine: Machine) -> Callable[[str], Machine]:
    return lambda _: machine


def _of_coverage(path: Path, machine_of: Callable[[str], Machine]) -> Iterator[Finding]:
    for row in _rows(path):
        machine = machine_of(row["host"])
        machine.missing += row["missing_records"]
        seen = [time for time in (row["first_time"], row["last_time"]) if time]
        machine.first = min([*seen, machine.first or "9"])
        machine.last = max([*seen, machine.last])
        for clear in row["clears"]:
            who = _account(clear["by_domain"], clear["by_name"])
            what = f"the log {inert(clear['cleared'])} was cleared"
            proof = f"{row['channel']}/{clear['record_id']}"
            yield Finding(0, row["host"], what, who, clear["time"], proof)


def _of_sessions(path: Path, machine_of: Callable[[str], Machine]) -> Iterator[Finding]:
    for row in _rows(path):
        machine = machine_of(row["host"])
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


def _first(report: Report, machines: list[Machine], findings: list[Finding], *, partial: bool) -> None:
    section = report.add_section()
    section.add_header("Look at this first")
    sessions = sum(machine.sessions for machine in machines)
    if not findings and sessions:
        flags = ", ".join(f"`{flag}`" for flag in FLAGS)
        read = "In what could be read, no" if partial else "No"
        what = f"{read} log was cleared, and no session has one of the flags {flags}, or {MANY_FAILURES} refused logons before it."
        section.add_paragraph(what)
    elif not findings:
        section.add_paragraph("There is no session: nothing can be said.")
    if not findings:
        return
    table = MarkdownTable(["Machine", "What", "Account", "When (UTC)", "Record"])
    for one in findings[:MOST_ROWS]:
        table.add_row([inert(one.host), one.what, inert(one.who), _time(one.when), inert(one.proof)])
    section.add_table(table)
    _more(section, len(findings))


def _chosen(report: Report, work: Path, chosen: list[str]) -> None:
    """How many rows the options chose, and how many of them recovered records gave."""
    section = report.add_section()
    section.add_header("Rows chosen")
    section.add_paragraph(f"By {', '.join(map(inert, chosen))}; all else here is of all rows, without recovered records.")
    for what, words in (("session", "rest on recovered records"), ("event", "are recovered")):
        rows = recovered = 0
        for row in _rows(work / f"selected_{what}s.jsonl"):
            rows += 1
            recovered += "recovered" in row["flags"] if what == "session" else row["recovered"]
        section.add_bullet(_count(rows, what) + (f", of which {recovered:,} {words}" if "--recover" in chosen else ""))


def _skipped(skipped: list[dict[str, Any]]) -> list[str]:
    return [f"{inert(one['path'])}: {inert(one['reason'])}" for one in skipped]


def _missing(report: Report, machines: list[Machine], lacks: list[str], *, partial: bool) -> None:
    section = report.add_section()
    section.add_header("What the evidence does not hold")
    gaps = [f"{inert(machine.host)}: {_count(machine.missing, 'record')} missing" for machine in machines if machine.missing]
    for some in (gaps, lacks):
        for words in some[:MOST_ROWS]:
            section.add_bullet(words)
        _more(section, len(some))
    if not gaps and not lacks:
        nothing = "Something is damaged or unreadable: the messages say what."
        section.add_paragraph(nothing if partial else "Nothing is known to be missing or damaged.")


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
