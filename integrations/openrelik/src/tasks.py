"""The tasks: logon sessions of collected logs and packages, and the joining of many such results."""

import shlex
import shutil
import time
from pathlib import Path
from typing import Any

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

# Names of what may be a log or a package; winsessions then looks at what it is.
COMPATIBLE_INPUTS = {
    "data_types": [],
    "mime_types": [
        "application/x-ms-evtx",
        "application/zip",
        "application/x-7z-compressed",
        "application/x-tar",
        "application/gzip",
        "application/zstd",
    ],
    "filenames": [
        *(f"*.{end}" for end in ("evtx", "EVTX", "zip", "7z", "tar", "gz", "tgz", "zst", "data")),
        *("*.idx", "client_info.json"),
    ],
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
        *(_field(name, "text" if name in ("from", "to") else "textarea", name.capitalize(), words) for name, words in ROWS.items()),
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
    pipe_result: str | None = None,
    input_files: Files | None = None,
    output_path: str = "",
    workflow_id: str | None = None,
    task_config: dict[str, Any] | None = None,
) -> str:
    """Sessions, events, coverage and a manifest of each machine in the files, and a summary."""
    config = task_config or {}
    given = get_input_files(pipe_result, input_files or [])
    files = get_input_files(pipe_result, input_files or [], filter=COMPATIBLE_INPUTS)
    with command.work_folder(output_path, self.request.id) as work:
        log = work / "messages.jsonl"
        evidence = command.lay_out(files, work)
        if not evidence:
            raise command.GoneWrongError("none of the files is called as a log or a package is")
        wanted = _formats(config)
        how = [*MESSAGES, *_password(config, work), "--", *evidence]
        arguments = ["batch", "run", "-o", "units", "--formats", ",".join(wanted), *how]
        partial = _run(self, arguments, work, log) == command.PARTIAL
        rows = _rows(config)
        _run(self, ["report", *rows, "-o", "report.html", *how], work, log)
        if rows:
            for table in ("sessions", "events"):
                for form in wanted:
                    to = ["--format", form, "-o", f"selected_{table}.{form}"]
                    _run(self, [table, *rows, *to, *how], work, log)
        report = summary.of_units(work / "units", partial=partial, passed_over=len(given) - len(files))
        outputs = _hand_back(work, output_path, files)
        return _result(outputs, log, output_path, workflow_id, arguments, report)


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
    several = pipe_result if isinstance(pipe_result, list) else [pipe_result]
    with command.work_folder(output_path, self.request.id) as work:
        log = work / "messages.jsonl"
        outs = []
        for at, one in enumerate(several):
            out = work / f"result-{at}"
            for file in get_input_files(one, input_files or []):
                folder, _, name = str(file["display_name"]).rpartition("_")
                is_unit = folder.startswith("host=") and "/" not in folder + name
                if is_unit or file["display_name"] == "skipped.json":
                    (out / folder).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file["path"], out / folder / name.removesuffix(".txt"))
            if out.is_dir():
                outs.append(out.name)
        if not outs:
            raise command.GoneWrongError("no results of the task for logon sessions")
        arguments = ["batch", "merge", "-o", "merged", *MESSAGES, "--", *outs]
        partial = _run(self, arguments, work, log) == command.PARTIAL
        report = summary.of_merge(len(outs), partial=partial)
        outputs = _hand_back(work, output_path, [])
        return _result(outputs, log, output_path, workflow_id, arguments, report)


def _formats(config: dict[str, Any]) -> list[str]:
    chosen = config.get("formats") or ["csv"]
    wanted = [chosen] if isinstance(chosen, str) else list(chosen)
    return [*dict.fromkeys([ALWAYS, *wanted])]


def _password(config: dict[str, Any], work: Path) -> list[str]:
    if not config.get("password"):
        return []
    secret = work / "password"
    secret.touch(mode=0o600)
    secret.write_text(f"{config['password']}\n", encoding="utf-8")
    return ["--password-file", secret.name]


def _rows(config: dict[str, Any]) -> list[str]:
    """What a table of chosen rows is made by; nothing if there is to be none."""
    rows = [f"--{name}={line.strip()}" for name in ROWS for line in str(config.get(name) or "").splitlines() if line.strip()]
    return rows + [f"--{name}" for name in ("interactive", "recover") if config.get(name)]


def _run(task: Any, arguments: list[str], work: Path, log: Path) -> int:
    told = 0.0

    def tell(words: str) -> None:
        nonlocal told
        if time.monotonic() - told > 1:
            told = time.monotonic()
            task.send_event("task-progress", data={"status": arguments[0], "progress": words})

    try:
        return command.run(arguments, work, log, tell)
    except command.WorthRetryError as error:
        raise task.retry(exc=error, countdown=RETRY_SECONDS) from error


def _hand_back(work: Path, output_path: str, files: Files) -> list[dict[str, Any]]:
    """Moves what was made to where OpenRelik wants it: units first, each file named after its machine."""
    source = files[0].get("id") if len(files) == 1 else None
    made = [*sorted(work.glob("units/*.json")), *sorted(work.glob("units/host=*/*")), *sorted(work.glob("merged/*"))]
    made += sorted([*work.glob("report.html"), *work.glob("selected_*")])
    handed = []
    for path in made:
        of_unit = path.parent.name.startswith("host=")
        name = f"{path.parent.name}_{path.stem}" if of_unit else path.stem
        output = create_output_file(
            output_path,
            display_name=name,
            extension=path.suffix or ".txt",
            data_type=f"{QUEUE.replace('openrelik-worker-', 'openrelik:')}:{path.stem}",
            source_file_id=source,
        )
        shutil.move(path, output.path)
        handed.append(output.to_dict())
    return handed


def _result(
    outputs: Files,
    log: Path,
    output_path: str,
    workflow_id: str | None,
    arguments: list[str],
    report: Any,
) -> str:
    kept = create_output_file(output_path, display_name="messages", extension="jsonl")
    shutil.move(log, kept.path)
    result: str = create_task_result(
        output_files=outputs,
        workflow_id=workflow_id,
        command=shlex.join(["winsessions", *arguments]),
        task_files=[kept.to_dict()],
        task_report=report.to_dict(),
    )
    return result
