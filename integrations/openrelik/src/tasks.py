"""The tasks: logon sessions of collected logs and packages, and the joining of many such results."""

import shlex
import shutil
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from openrelik_worker_common.file_utils import create_output_file
from openrelik_worker_common.task_utils import create_task_result, get_input_files

from . import command, summary
from .app import celery

QUEUE = "openrelik-worker-winsessions"
FORMATS = ["csv", "jsonl", "json", "parquet"]

# The summary reads it, and so does whoever comes after; it is always made.
ALWAYS = "jsonl"

MESSAGES = ["--log-format", "json"]

RETRIES = 3
RETRY_SECONDS = 30

# Ends of names of what may be a log or a package; winsessions then looks at what it is.
READ = (".evtx", ".zip", ".7z", ".tar", ".gz", ".tgz", ".zst", ".data", ".idx", "client_info.json")
READ_TYPES = {
    "application/x-ms-evtx",
    "application/zip",
    "application/x-7z-compressed",
    "application/x-tar",
    "application/gzip",
    "application/zstd",
}

# Options of winsessions that choose rows, each with what the form says of it.
ROWS = {
    "account": "Only these accounts: NAME or DOMAIN\\NAME, with * and ?; one a line",
    "host": "Only these machines; one a line",
    "kind": "Only these kinds of logon, as rdp or console; one a line",
    "address": "Only from these addresses; one a line",
    "from": "Only what ends after this time (UTC), 2024-03-01T08:00:00",
    "to": "Only what begins before this time (UTC)",
}
ONE_LINE = ("from", "to")


def _field(name: str, kind: str, label: str, description: str, **more: Any) -> dict[str, Any]:
    field = {"name": name, "label": label, "description": description, "type": kind}
    return field | {"required": False} | more


SESSIONS_METADATA = {
    "display_name": "Windows logon sessions",
    "description": "Who was on a machine, from when to when, from where, with proofs, from event logs and packages",
    "task_config": [
        _field(
            "formats",
            "autocomplete",
            "Formats",
            f"In which formats, beside {ALWAYS} (csv if none is chosen)",
            items=[name for name in FORMATS if name != ALWAYS],
        ),
        _field(
            "recover",
            "checkbox",
            "Recover records",
            "Tables with records that are no longer in a log, or in none, beside the others; takes longer",
        ),
        _field("password", "text", "Password", "Of packages that are encrypted"),
        *(_field(name, "text" if name in ONE_LINE else "textarea", name.capitalize(), words) for name, words in ROWS.items()),
        _field("interactive", "checkbox", "People only", "Only sessions with a desktop or a terminal"),
    ],
}

MERGE_METADATA = {
    "display_name": "Windows logon sessions: join",
    "description": "One result of many that the task for logon sessions gave",
    "task_config": [],
}

Files = list[dict[str, Any]]


@celery.task(bind=True, name=f"{QUEUE}.tasks.sessions", metadata=SESSIONS_METADATA, max_retries=RETRIES)
def sessions(
    self: Any,
    pipe_result: str | list[str] | None = None,
    input_files: Files | None = None,
    output_path: str = "",
    workflow_id: str | None = None,
    task_config: dict[str, Any] | None = None,
) -> str:
    """Sessions, events, coverage and a manifest of each machine in the files, and a summary."""
    config = task_config or {}
    given = [file for one in _results(pipe_result, input_files) for file in one]
    files = [file for file in given if _is_read(file)]
    with command.work_folder(output_path, self.request.id) as work:
        log = work / "messages.jsonl"
        evidence = command.lay_out(files, work)
        if not evidence:
            raise command.GoneWrongError("none of the files is called as a log or a package is")
        password = str(config.get("password") or "")
        wanted = _formats(config)
        how = [*MESSAGES, *(["--password-file", "/dev/stdin"] if password else []), "--", *evidence]
        rows = _rows(config)
        # Rows first: what is wrong with them shows before anything is read.
        if rows:
            for table in ("sessions", "events"):
                for form in wanted:
                    to = ["--format", form, "-o", f"selected_{table}.{form}"]
                    _run(self, [table, *rows, *to, *how], work, log, password)
        arguments = ["batch", "run", "-o", "units", "--formats", ",".join(wanted), *how]
        partial = _run(self, arguments, work, log, password) == command.PARTIAL
        _run(self, ["report", *rows, "-o", "report.html", *how], work, log, password)
        report = summary.of_units(work, rows, partial=partial, passed_over=len(given) - len(files))
        source = files[0].get("id") if len(files) == 1 else None
        outputs = _hand_back(self, work, output_path, source)
        return _result(self, outputs, log, output_path, workflow_id, arguments, report)


@celery.task(bind=True, name=f"{QUEUE}.tasks.merge", metadata=MERGE_METADATA, max_retries=RETRIES)
def merge(
    self: Any,
    pipe_result: str | list[str] | None = None,
    input_files: Files | None = None,
    output_path: str = "",
    workflow_id: str | None = None,
    task_config: dict[str, Any] | None = None,
) -> str:
    """One result of many: a chord hands the results of all its tasks, a chain that of the one before."""
    with command.work_folder(output_path, self.request.id) as work:
        log = work / "messages.jsonl"
        outs = _lay_out_results(_results(pipe_result, input_files), work)
        if not outs:
            raise command.GoneWrongError("no results of the task for logon sessions")
        arguments = ["batch", "merge", "-o", "merged", *MESSAGES, "--", *outs]
        _run(self, arguments, work, log)
        manifests = sorted(work.glob("result-*/host=*/manifest.json"))
        given = {sha256(path.read_bytes()).hexdigest(): path.parent.name for path in manifests}
        report = summary.of_merge(work / "merged", given)
        outputs = _hand_back(self, work, output_path, None)
        return _result(self, outputs, log, output_path, workflow_id, arguments, report)


def _results(pipe_result: str | list[str] | None, input_files: Files | None) -> list[Files]:
    """The files of each task before this one: of a chord or group there are several, of none the files are those chosen."""
    if not pipe_result:
        return [input_files or []]
    several = pipe_result if isinstance(pipe_result, list) else [pipe_result]
    return [get_input_files(one, []) for one in several]


def _is_read(file: dict[str, Any]) -> bool:
    return str(file.get("display_name")).lower().endswith(READ) or file.get("mime_type") in READ_TYPES


def _lay_out_results(results: list[Files], work: Path) -> list[str]:
    """Units as `batch run` made them, in folders in which no two have one name: of each task, and of each folder chosen from."""
    outs: dict[tuple[int, Path, int], str] = {}
    seen: Counter[tuple[int, Path, str]] = Counter()
    for at, result in enumerate(results):
        for file in result:
            display, path = str(file["display_name"]), Path(file["path"])
            folder, _, name = display.rpartition("_")
            is_unit = folder.startswith("host=") and "/" not in display
            if is_unit or display == "skipped.json":
                place = (at, path.parent, display)
                out = work / outs.setdefault((at, path.parent, seen[place]), f"result-{len(outs)}")
                seen[place] += 1
                (out / folder).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, out / folder / name.removesuffix(".txt"))
    return [*outs.values()]


def _formats(config: dict[str, Any]) -> list[str]:
    chosen = config.get("formats") or ["csv"]
    wanted = [chosen] if isinstance(chosen, str) else list(chosen)
    return [*dict.fromkeys([ALWAYS, *wanted])]


def _rows(config: dict[str, Any]) -> list[str]:
    """What a table of chosen rows is made by; nothing if there is to be none."""
    told = {name: str(config.get(name) or "").strip() for name in ROWS}
    lines = {name: [words] if name in ONE_LINE else words.splitlines() for name, words in told.items()}
    rows = [f"--{name}={line.strip()}" for name in ROWS for line in lines[name] if line.strip()]
    return rows + [f"--{name}" for name in ("interactive", "recover") if config.get(name)]


def _run(task: Any, arguments: list[str], work: Path, log: Path, password: str = "") -> int:
    told = 0.0

    def tell(words: str) -> None:
        nonlocal told
        if time.monotonic() - told > 1:
            told = time.monotonic()
            task.send_event("task-progress", data={"status": arguments[0], "progress": words})

    try:
        return command.run(arguments, work, log, tell, password)
    except command.WorthRetryError as error:
        raise task.retry(exc=error, countdown=RETRY_SECONDS) from error


def _hand_back(task: Any, work: Path, output_path: str, source: object) -> Files:
    """Moves what was made to where OpenRelik wants it: units first, each file named after its machine."""
    made = [*sorted(work.glob("units/*.json")), *sorted(work.glob("units/host=*/*")), *sorted(work.glob("merged/*"))]
    made += sorted([*work.glob("report.html"), *work.glob("selected_*")])
    handed = []
    for path in made:
        name = f"{path.parent.name}_{path.name}" if path.parent.name.startswith("host=") else path.name
        handed.append(_moved(task, path, name, output_path, source))
    return handed


def _moved(task: Any, path: Path, name: str, output_path: str, source: object = None) -> dict[str, Any]:
    """A file of the output: under the same identifier in each try of a task, so that a later one replaces it."""
    output = create_output_file(
        output_path,
        display_name=name.removesuffix(path.suffix),
        extension=path.suffix or ".txt",
        data_type=f"{QUEUE.replace('openrelik-worker-', 'openrelik:')}:{path.stem}",
        source_file_id=source,
    )
    output.uuid = uuid5(NAMESPACE_URL, f"{task.request.id}/{name}").hex
    output.path = str(Path(output_path) / f"{output.uuid}{output.extension}")
    shutil.move(path, output.path)
    told: dict[str, Any] = output.to_dict()
    return told


def _result(
    task: Any,
    outputs: Files,
    log: Path,
    output_path: str,
    workflow_id: str | None,
    arguments: list[str],
    report: Any,
) -> str:
    kept = _moved(task, log, log.name, output_path)
    result: str = create_task_result(
        output_files=outputs,
        workflow_id=workflow_id,
        command=shlex.join(["winsessions", *arguments]),
        task_files=[kept],
        task_report=report.to_dict(),
    )
    return result
