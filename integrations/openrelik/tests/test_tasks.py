"""The worker by itself: names, statuses, reports. tests/integrations of the project runs it over Redis."""

import base64
import csv
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Retry
from markdown_it import MarkdownIt

from src import command, summary, tasks

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "https://evil.example/ www.evil.example a@evil.example",
    "``` `` ` *b* _i_ ~~s~~ # h",
    "`",
    "a|b|c",
    "line\nbreak\r\n# heading",
    "\u202egnp.exe\u200b\x1b[31m",
    "&lt;b&gt; &#60;",
    "back\\slash\\",
    "  ",
]


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for task in (tasks.sessions, tasks.merge):
        monkeypatch.setattr(task, "send_event", lambda _, data: told.append(data), raising=False)
    return told


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program in the place of winsessions."""
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(command, "BINARY", str(path))


def run(tmp_path: Path, files: list[dict[str, Any]], **config: Any) -> dict[str, Any]:
    return told_by(tasks.sessions, tmp_path / "output", input_files=files, task_config=config)


def told_by(task: Any, output: Path, task_id: str | None = None, **given: Any) -> dict[str, Any]:
    output.mkdir(exist_ok=True)
    kwargs = {"output_path": str(output), "workflow_id": "1"} | given
    result = task.apply(kwargs=kwargs, throw=True, task_id=task_id).get()
    told: dict[str, Any] = json.loads(base64.b64decode(result))
    return told


def file(path: Path, **more: Any) -> dict[str, Any]:
    """What OpenRelik's server hands to the first task of a workflow."""
    told = {"id": 1, "uuid": "0" * 32, "display_name": path.name, "extension": path.suffix.lstrip(".")}
    return told | {"data_type": "file:generic", "mime_type": "application/octet-stream", "path": str(path)} | more


def result_of(files: list[dict[str, Any]]) -> str:
    """What a task that came before hands on."""
    return base64.b64encode(json.dumps({"output_files": files, "workflow_id": 1}).encode()).decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_evidence_is_nothing_but_text_in_a_rendered_report(text: str) -> None:
    markdown = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(["table", "strikethrough", "linkify"])
    shown = summary.inert(text)
    page = markdown.render(f"|a|b|\n|---|---|\n|{shown}|{shown}|\n\n* {shown}: x\n")
    expected = markdown.render("|a|b|\n|---|---|\n|`x`|`x`|\n\n* `x`: x\n")
    tags = [part.partition(">")[0] for part in page.split("<")]
    if text.strip():
        assert tags == [part.partition(">")[0] for part in expected.split("<")], page
    assert not any(ord(c) < 32 and c != "\n" for c in page)
    assert "\u202e" not in page and "\u200b" not in page


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ("C:\\Windows\\System32\\winevt\\Logs\\Security.evtx", "C/Windows/System32/winevt/Logs/Security.evtx"),
        ("/../../etc/passwd", "etc/passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a/./b/../c.evtx", "a/b/c.evtx"),
        ("nul\0.evtx", "nul.evtx"),
    ],
)
def test_a_file_lies_where_it_was_collected_and_never_elsewhere(told: str, place: str) -> None:
    assert str(command.place_of({"original_path": told})) == place
    assert str(command.place_of({"display_name": told, "source_file_id": 7})) == f"file-7/{place}"


def test_files_of_one_name_stay_apart_and_nothing_is_copied(tmp_path: Path) -> None:
    stored = [tmp_path / name for name in ("1", "2", "3")]
    for path in stored:
        path.write_text(path.name)
    files = [file(path, display_name=name) for path, name in zip(stored, ["S.evtx", "S.evtx", "S.evtx.idx"], strict=True)]
    work = tmp_path / "work"
    named = command.lay_out(files, work)
    assert [(work / place).read_text() for place in named] == ["1", "2"]
    assert all((work / place).is_symlink() for place in named)
    assert (work / "evidence/S.evtx.idx").exists(), "an index lies beside its log and is none"


def test_a_path_that_cannot_be_made_is_a_name(tmp_path: Path) -> None:
    stored = tmp_path / "1"
    stored.write_text("log")
    told = ["C/a.evtx", "C/a.evtx/b.evtx", "C/" + "a/" * 2200 + "c.evtx", "C/" + "b/" * 2200 + "c.evtx"]
    named = command.lay_out([file(stored, original_path=path) for path in told], tmp_path / "work")
    assert named == ["evidence/C/a.evtx", "evidence/b.evtx", "evidence/c.evtx", "evidence/again-1 c.evtx"]
    assert all((tmp_path / "work" / place).read_text() == "log" for place in named)


def test_more_files_than_a_command_can_name_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(command.GoneWrongError, match="too many files for one task"):
        command.run(["x" * 100_000] * 100, tmp_path, tmp_path / "log", lambda _: None)


def test_a_password_is_on_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program(tmp_path, monkeypatch, f'cat "$2" >{seen}; ! grep -rq secret . || echo found >>{seen}; exit 0')
    work = tmp_path / "work"
    work.mkdir()
    command.run(["--password-file", "/dev/stdin"], work, work / "log", lambda _: None, "secret")
    assert seen.read_text() == "secret\n"


def test_an_error_says_what_was_told_before_the_last_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{"topic": "warning", "message": "the package is encrypted"}, {"topic": "progress"}, {"message": "no event log"}]
    lines = "; ".join(f"echo '{json.dumps(one)}' >&2" for one in told)
    program(tmp_path, monkeypatch, f"{lines}; exit 4")
    with pytest.raises(command.GoneWrongError, match=r"ended with 4: the package is encrypted; no event log$"):
        command.run([], tmp_path, tmp_path / "log", lambda _: None)


def test_a_task_that_is_stopped_does_not_wait_for_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, f"echo $$ >{tmp_path}/pid; echo begun >&2; exec sleep 300")

    def stopped(_: str) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        command.run([], tmp_path, tmp_path / "log", stopped)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_wrong_rows_are_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, f'echo "$1" >>{tmp_path}/ran; [ "$1" != sessions ] || exit 2')
    log = tmp_path / "Security.evtx"
    log.write_bytes(b"")
    with pytest.raises(command.GoneWrongError):
        run(tmp_path, [file(log)], **{"from": "yesterday"})
    assert (tmp_path / "ran").read_text() == "sessions\n"


@pytest.mark.parametrize(("status", "error"), [(1, Retry), (137, Retry), (2, command.GoneWrongError), (4, command.GoneWrongError)])
def test_statuses_say_whether_another_try_is_worth_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    program(tmp_path, monkeypatch, f'echo \'{{"topic": "failed", "message": "what was wrong"}}\' >&2; exit {status}')
    log = tmp_path / "Security.evtx"
    log.write_bytes(b"")
    monkeypatch.setattr(tasks.sessions, "retry", lambda exc, **_: Retry(exc=exc))
    with pytest.raises(error, match="what was wrong"):
        run(tmp_path, [file(log)])
    assert not [left for left in (tmp_path / "output").iterdir() if left.name.startswith(".")]


def test_what_a_killed_try_left_goes_and_what_lives_stays(tmp_path: Path) -> None:
    left = tmp_path / f"{command.PREFIX}7-x"
    left.mkdir()
    other = tmp_path / f"{command.PREFIX}8-x"
    other.mkdir()
    with command.work_folder(str(tmp_path), "7") as alive:
        assert not left.exists() and other.exists()
        with command.work_folder(str(tmp_path), "7"):
            assert alive.exists()
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


BINARY = os.getenv("WINSESSIONS_BINARY")
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def logs(*fixtures: str) -> list[Path]:
    return [log for name in fixtures for log in sorted((FIXTURES / name / "evidence").rglob("*.evtx"))]


def rows(folder: Path, told: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Sessions of all units, but for the columns that name a file."""
    for out in told["output_files"]:
        if out["display_name"].startswith("host=") and out["display_name"].endswith("_sessions.csv"):
            shutil.copyfile(out["path"], folder / out["display_name"])
    yield from sessions_in(folder.glob("*_sessions.csv"))


def sessions_in(tables: Iterator[Path]) -> Iterator[dict[str, str]]:
    for path in sorted(tables):
        with path.open(newline="", encoding="utf-8") as table:
            yield from ({key: words.partition(".evtx#")[2] or words for key, words in row.items()} for row in csv.DictReader(table))


@pytest.mark.skipif(not BINARY, reason="WINSESSIONS_BINARY names no program")
class TestWithTheProgram:
    def test_sessions_of_a_hostile_machine_come_back_with_a_report(self, tmp_path: Path) -> None:
        logs = sorted((FIXTURES / "hostile/names/evidence").rglob("*.evtx"))
        told = run(tmp_path, [file(log) for log in logs], account="*")
        names = {out["display_name"].rpartition("_")[2] for out in told["output_files"]}
        assert {
            "sessions.jsonl",
            "sessions.csv",
            "events.csv",
            "coverage.csv",
            "manifest.json",
            "SHA256SUMS.txt",
        } <= names
        assert all(Path(out["path"]).stat().st_size for out in told["output_files"])
        report = told["task_report"]
        assert report["priority"] == 40 and "made to be taken for another" in report["content"]
        page = MarkdownIt("commonmark", {"html": True}).enable("table").parse(report["content"])
        kinds = {child.type for token in page for child in [token, *(token.children or [])]}
        assert not kinds & {"html_inline", "html_block", "link_open", "image"}, kinds

    def test_rows_are_chosen_and_the_rest_is_there_too(self, tmp_path: Path) -> None:
        log = FIXTURES / "two-hosts/evidence/WS-ASH/Security.evtx"
        told = run(tmp_path, [file(log)], account="*frank\n", formats=["csv", "parquet"], interactive=True, recover=True)
        paths = {out["display_name"]: Path(out["path"]) for out in told["output_files"]}
        chosen = paths["selected_sessions.csv"].read_text().splitlines()
        rows = paths["host=WS-ASH_sessions.csv"].read_text().splitlines()
        assert 1 < len(chosen) < len(rows) and all("frank" in row for row in chosen[1:])
        named = subprocess.run(
            [str(BINARY), "sessions", "-q", "--account", "*frank", "--interactive", "--recover", log],
            capture_output=True,
            check=True,
        )
        assert len(named.stdout.splitlines()) == len(chosen)

    def test_other_files_are_counted_and_no_log_is_an_error(self, tmp_path: Path) -> None:
        letter = tmp_path / "letter.txt"
        letter.write_text("no log")
        log = FIXTURES / "two-hosts/evidence/WS-ASH/Security.evtx"
        told = run(tmp_path, [file(log), file(letter)])
        assert "1 file not looked at" in told["task_report"]["content"]
        with pytest.raises(command.GoneWrongError):
            run(tmp_path, [file(letter)])
        empty = tmp_path / "Empty.evtx"
        empty.write_bytes(b"no log")
        with pytest.raises(command.GoneWrongError, match="ended with 4"):
            run(tmp_path, [file(empty)])

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_loose_logs_of_several_machines_are_told_apart(self, tmp_path: Path, seed: int) -> None:
        given = logs("two-hosts", "workday", "remote")
        random.Random(seed).shuffle(given)  # noqa: S311
        single = tmp_path / "single"
        folders = [FIXTURES / name / "evidence" for name in ("two-hosts", "workday", "remote")]
        subprocess.run([str(BINARY), "batch", "run", "-q", "-o", single, *folders], check=True)
        (tmp_path / "found").mkdir()
        found = list(rows(tmp_path / "found", run(tmp_path, [file(log) for log in given])))
        expected = list(sessions_in(single.glob("host=*/sessions.csv")))
        key = sorted(expected[0])

        def ordered(some: list[dict[str, str]]) -> list[list[str]]:
            return sorted([row[name] for name in key] for row in some)

        assert ordered(found) == ordered(expected)

    def test_all_results_of_a_chord_are_read(self, tmp_path: Path) -> None:
        results = [result_of([file(log, original_path=f"C/{log.name}")]) for log in logs("two-hosts")]
        told = told_by(tasks.sessions, tmp_path / "output", pipe_result=results, input_files=[])
        assert told["task_report"]["summary"].startswith("2 machines")

    def test_names_are_read_in_any_case(self, tmp_path: Path) -> None:
        told = run(tmp_path, [file(log, display_name="SECURITY.Evtx") for log in logs("two-hosts")])
        assert told["task_report"]["summary"].startswith("2 machines")

    def test_what_a_try_that_was_killed_in_the_end_left_is_replaced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given = [file(log) for log in logs("two-hosts")]
        move, moved = shutil.move, []

        def killed(source: Path, target: str) -> None:
            moved.append(target)
            if len(moved) == 6:
                raise KeyboardInterrupt
            move(source, target)

        monkeypatch.setattr(tasks.shutil, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            told_by(tasks.sessions, tmp_path / "output", "one", input_files=given)
        monkeypatch.setattr(tasks.shutil, "move", move)
        told = told_by(tasks.sessions, tmp_path / "output", "one", input_files=given)
        known = {out["path"] for out in [*told["output_files"], *told["task_files"]]}
        assert {str(path) for path in (tmp_path / "output").iterdir()} == known
        assert all(Path(out["path"]).stem == out["uuid"] for out in told["output_files"])

    def test_what_lies_in_no_unit_and_is_no_log_is_told(self, tmp_path: Path) -> None:
        broken = tmp_path / "Broken|.evtx"
        broken.write_bytes(b"no log at all")
        report = run(tmp_path, [file(log) for log in [*logs("two-hosts"), broken]])["task_report"]
        assert report["summary"].endswith("; 1 file of no machine unreadable")
        assert "Broken\\|.evtx`: `not an event log" in report["content"]
        assert "Nothing is known to be missing" not in report["content"] and report["priority"] == 20

    def test_nothing_is_said_of_flags_where_no_session_is(self, tmp_path: Path) -> None:
        broken = tmp_path / "Broken.evtx"
        broken.write_bytes(logs("two-hosts")[0].read_bytes()[:4096])
        report = run(tmp_path, [file(broken)])["task_report"]
        assert "There is no session: nothing can be said." in report["content"]
        sound = run(tmp_path, [file(log) for log in logs("two-hosts")])["task_report"]
        assert "no session has one of the flags `hijack`" in sound["content"]

    def test_a_refused_logon_is_looked_at(self, tmp_path: Path) -> None:
        report = run(tmp_path, [file(log) for log in logs("remote")])["task_report"]
        assert "a logon that was refused a desktop" in report["content"]

    def test_chosen_rows_are_counted(self, tmp_path: Path) -> None:
        given = [file(log) for log in logs("two-hosts")]
        nobody = run(tmp_path, given, account="nobody", recover=True)["task_report"]["content"]
        assert "By `--account=nobody`, `--recover`" in nobody
        assert "0 sessions, of which 0 rest on recovered records" in nobody and "0 events, of which 0 are recovered" in nobody

    def test_one_time_is_one_time(self, tmp_path: Path) -> None:
        with pytest.raises(command.GoneWrongError, match="is no time"):
            run(tmp_path, [file(log) for log in logs("two-hosts")], **{"from": "2024-04-02\n2024-04-03"})

    def test_a_join_of_chosen_files_keeps_units_of_one_name(self, tmp_path: Path) -> None:
        ash = logs("two-hosts")[0]
        longer = tmp_path / "Security.evtx"
        longer.write_bytes(ash.read_bytes() + bytes(65536))
        chosen = []
        for at, (log, formats) in enumerate([(ash, ["csv"]), (longer, ["csv", "parquet"])]):
            given = {"input_files": [file(log)], "task_config": {"formats": formats}}
            chosen += told_by(tasks.sessions, tmp_path / f"output-{at}", **given)["output_files"]
        random.Random(1).shuffle(chosen)  # noqa: S311
        told = told_by(tasks.merge, tmp_path / "joined", input_files=chosen)
        assert told["task_report"]["summary"].startswith("2 units joined, 4 desktop sessions")

    def test_a_join_says_what_matters_first(self, tmp_path: Path) -> None:
        results = []
        for at, name in enumerate(["hostile/names", "two-hosts"]):
            given = told_by(tasks.sessions, tmp_path / f"output-{at}", input_files=[file(log) for log in logs(name)])
            results.append(result_of(given["output_files"]))
        report = told_by(tasks.merge, tmp_path / "joined", pipe_result=results)["task_report"]
        assert report["priority"] == 40 and "made to be taken for another" in report["content"]
        assert "left out" not in report["content"]
        (changed,) = [out for out in given["output_files"] if out["display_name"] == "host=WS-ELM_sessions.csv"]
        Path(changed["path"]).write_text("changed")
        report = told_by(tasks.merge, tmp_path / "joined", pipe_result=results)["task_report"]
        assert ", 1 left out," in report["summary"] and "`host=WS-ELM` was left out" in report["content"]
