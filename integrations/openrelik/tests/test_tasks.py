"""The worker by itself: names, statuses, reports. tests/integrations of the project runs it over Redis."""

import base64
import json
import os
import subprocess
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
    output = tmp_path / "output"
    output.mkdir(exist_ok=True)
    given = {"input_files": files, "output_path": str(output), "workflow_id": "1", "task_config": config}
    result = tasks.sessions.apply(kwargs=given, throw=True).get()
    told: dict[str, Any] = json.loads(base64.b64decode(result))
    return told


def file(path: Path, **more: Any) -> dict[str, Any]:
    return {"id": 1, "uuid": "0" * 32, "display_name": path.name, "path": str(path)} | more


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
