"""The OpenRelik worker over a real Redis: two workers, a group of hosts, one worker killed in the middle.

Dispatched as OpenRelik's server does it: the task and its queue are what the workers say of themselves; files are given as a task
that extracts them hands them on, each host in a signature of its own, in a chord whose callback joins; or as the server knows
files that were uploaded, all hosts in one task. Results come through the backend. What is killed: the process of a task, and a
whole worker, which is then started again, as a container is. What is stopped as the image says: a worker, whose task another does.
"""

import ast
import base64
import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from uuid import uuid4

import hosts
from celery import Celery, chord, group, signature
from celery.canvas import Signature
from common import (
    BINARY,
    HERE,
    ROOT,
    children,
    digests,
    processor_seconds,
    same,
    seconds_of_binary,
    single_run,
    wait_for,
)
from openrelik_worker_common.file_utils import create_output_file
from openrelik_worker_common.task_utils import create_task_result

PORT = 16399
VISIBLE_SECONDS = 6
URL = f"redis://127.0.0.1:{PORT}/0"
TASKS = "openrelik-worker-winsessions.tasks"
DOCKERFILE = ROOT / "integrations/openrelik/Dockerfile"


class Workers:
    """Worker processes, each with its children in a process group."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        queue = TASKS.partition(".")[0]
        command = [sys.executable, "-m", "celery", "--app=src.app", "worker", "--task-events", "--concurrency=1"]
        with (self.place / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*command, "--loglevel=INFO", "-Q", queue, "-n", f"{name}@test"],
                cwd=ROOT / "integrations/openrelik",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """As a machine that loses power: at once, and all there is."""
        worker = self.running.pop(name)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def of(self, task: int) -> str:
        """The worker of which a process does a task."""
        return next(name for name, worker in self.running.items() if task in children(worker.pid))

    def pids(self) -> list[int]:
        mains = [worker.pid for worker in self.running.values()]
        return [*mains, *(child for main in mains for child in children(main))]

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)


def registered(app: Celery) -> dict[str, dict[str, object]]:
    """What workers tell of their tasks, read as the server reads it."""
    tasks = {}
    for told in (app.control.inspect().registered("metadata") or {}).values():
        for task in told:
            metadata = re.search("({.+})", task)
            if metadata:
                tasks[task.split()[0]] = ast.literal_eval(metadata.group(0))
    return tasks


def dispatch(task: str, files: list[dict[str, object]], output: Path, **more: object) -> Signature:
    """The signature of a task as the server makes it."""
    config = {"formats": ["csv"]}
    given = {"input_files": files, "output_path": str(output), "workflow_id": 1, "task_config": config}
    return signature(task, kwargs=given | more, queue=task.split(".")[0], task_id=uuid4().hex)


def handed_back(results: list[str], folder: Path) -> list[dict[str, object]]:
    """Puts what tasks gave into `folder` under the names that they gave it."""
    told = [json.loads(base64.b64decode(result)) for result in results]
    for file in (file for one in told for file in one["output_files"]):
        unit, _, name = file["display_name"].rpartition("_")
        (folder / unit).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file["path"], folder / unit / name.removesuffix(".txt"))
    return told


def uploaded(evidence: Path, store: Path) -> list[list[dict[str, object]]]:
    """The files of each host as the server hands uploaded ones to a task: stored under other names."""
    units = []
    for folder in sorted(evidence.iterdir()):
        files = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            uuid = uuid4().hex
            stored = store / f"{uuid}{path.suffix}"
            shutil.copyfile(path, stored)
            told = {"id": len(files), "uuid": uuid, "display_name": path.name, "extension": path.suffix.lstrip(".")}
            files.append(told | {"data_type": "file:generic", "mime_type": "application/octet-stream", "path": str(stored)})
        units.append(files)
    return units


def extracted(evidence: Path, units: list[list[dict[str, object]]]) -> list[str]:
    """The same as a task that extracts them hands them on: it knows where each lay."""
    results = []
    for folder, files in zip(sorted(evidence.iterdir()), units, strict=True):
        places = sorted(path for path in folder.rglob("*") if path.is_file())
        handed = [
            create_output_file(
                str(Path(str(file["path"])).parent), path.stem, path.suffix, original_path=str(path.relative_to(evidence))
            ).to_dict()
            | {"path": file["path"]}
            for file, path in zip(files, places, strict=True)
        ]
        results.append(create_task_result(handed, "1"))
    return results


def group_of(results: list[str], output: Path) -> group:
    """A task for each of the results before it."""
    output.mkdir()
    return group(dispatch(f"{TASKS}.sessions", [], output, pipe_result=result) for result in results)


def test(place: Path, workers: Workers) -> None:
    hosts.write(place / "evidence", BINARY)
    logs = sorted(str(path.relative_to(place)) for path in (place / "evidence").rglob("*.evtx"))
    expected = digests(single_run(place, "jsonl,csv", *logs))
    (place / "store").mkdir()
    units = uploaded(place / "evidence", place / "store")
    before = extracted(place / "evidence", units)

    os.environ |= {
        "REDIS_URL": URL,
        "WINSESSIONS_LONGEST_SECONDS": str(VISIBLE_SECONDS),
        "WINSESSIONS_BINARY": str(HERE / "killer"),
        "WINSESSIONS_REAL": BINARY,
        "STATE": str(place),
        "KILL_PARENT": "/WS-007/",
        "HANG": "/WS-013/",
    }
    app = Celery(broker=URL, backend=URL)
    app.set_default()
    workers.start("one")
    workers.start("two")
    wait_for("both workers", lambda: len(app.control.ping(timeout=1)) == 2)
    tasks = registered(app)
    assert {"display_name", "description", "task_config"} <= tasks[f"{TASKS}.sessions"].keys()

    assert {one["prefetch_count"] for one in app.control.inspect().stats().values()} == {1}, "a worker holds tasks in store"

    progress = []
    listener = threading.Thread(target=listen, args=(app, progress), daemon=True)
    listener.start()
    begun = time.monotonic()
    (place / "joined").mkdir()
    join = chord(group_of(before, place / "output"))(dispatch(f"{TASKS}.merge", [], place / "joined"))
    running = join.parent
    wait_for("the host in the middle of which a worker is killed", (place / "hung/parent").exists)
    caller = int((place / "hung/parent").read_text(encoding="utf-8"))
    victim = workers.of(caller)
    done = running.completed_count()
    workers.kill(victim)
    time.sleep(VISIBLE_SECONDS + 1)
    workers.start("three")
    results = running.get(timeout=240)
    took = time.monotonic() - begun
    assert (place / "killed").exists(), "no process of a task was killed"
    print(f"OpenRelik: {len(units)} hosts in {took:.0f} s, a worker killed after {done}, the process of another task too")

    told = handed_back(results, place / "found")
    # What is in no unit is told by each task of its own files.
    same("OpenRelik", units_of(digests(place / "found")), units_of(expected))
    assert not list((place / "output").glob(".winsessions-*")), "a killed task left something"
    assert any(event["data"]["progress"] for event in progress), "no progress was told"
    assert {one["task_report"]["priority"] for one in told} >= {10, 20}, "a damaged host matters no more than others"

    (one,) = handed_back([join.get(timeout=120)], place / "merged")
    assert one["task_report"]["priority"] == 40, "what matters in a unit does not matter in all"
    subprocess.run([BINARY, "batch", "merge", "-q", place / "single", "-o", place / "merge"], check=False)
    same("OpenRelik, joined", digests(place / "merged"), digests(place / "merge"))
    loose(place, units)
    stopped(place, workers, units)
    measure(place, workers, before, logs)


def loose(place: Path, units: list[list[dict[str, object]]]) -> None:
    """All logs of all hosts in one task, with nothing to tell where they lay, give the sessions of each host."""
    (place / "loose").mkdir()
    files = [file for unit in units for file in unit]
    result = dispatch(f"{TASKS}.sessions", files, place / "loose").apply_async().get(timeout=120)
    handed_back([result], place / "loose-found")
    # But for the columns that name a file.
    found, expected = (
        sorted(
            [words for column, words in row.items() if not column.endswith("_record")]
            for path in folder.glob("host=*/sessions.csv")
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines(keepends=True))
        )
        for folder in (place / "loose-found", place / "single")
    )
    assert found == expected, f"{len(found)} sessions of loose logs, and not the {len(expected)} of the logs in their folders"
    print(f"OpenRelik: {len(files)} loose logs of {len(units)} hosts in one task give the same {len(found)} sessions")


def stopped(place: Path, workers: Workers, units: list[list[dict[str, object]]]) -> None:
    """A worker that is stopped as its image says gives its task back: another does it, long before it is given up."""
    workers.stop()
    (place / "hung/parent").unlink()
    (place / "hung").rmdir()
    (place / "stopped").mkdir()
    os.environ |= {"WINSESSIONS_LONGEST_SECONDS": "3600", "HANG": "batch run"}
    workers.start("four")
    running = dispatch(f"{TASKS}.sessions", units[0], place / "stopped").apply_async()
    wait_for("the task in the middle of which a worker is stopped", (place / "hung/parent").exists)
    time.sleep(0.5)
    victim = workers.of(int((place / "hung/parent").read_text(encoding="utf-8")))
    workers.start("five")
    wait_for("the other worker", lambda: len(running.app.control.ping(timeout=1)) == 2)
    (how,) = re.findall(r"^STOPSIGNAL (\w+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    os.kill(workers.running[victim].pid, signal.Signals[how])
    assert running.get(timeout=60)
    workers.kill(victim)
    print(f"OpenRelik: a worker was stopped by {how}, and another did its task")


def units_of(found: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in found.items() if name.startswith("host=")}


def listen(app: Celery, progress: list[dict[str, object]]) -> None:
    # It ends with Redis.
    with app.connection() as connection, contextlib.suppress(*connection.recoverable_connection_errors):
        receiver = app.events.Receiver(connection, handlers={"task-progress": progress.append})
        receiver.capture(limit=None, timeout=None)


def measure(place: Path, workers: Workers, results: list[str], logs: list[str]) -> None:
    """What a host costs beyond the program: processor time of workers and Redis, less that of the program by itself."""
    redis = int(subprocess.check_output(["redis-cli", "-p", str(PORT), "info", "server"]).split(b"process_id:")[1].split()[0])
    before = processor_seconds(redis, *workers.pids())
    group_of(results, place / "again").apply_async().get(timeout=240)
    used = processor_seconds(redis, *workers.pids()) - before
    folders = sorted(path.name for path in (place / "evidence").iterdir())
    by_host = [[log for log in logs if log.startswith(f"evidence/{folder}/")] for folder in folders]
    alone = seconds_of_binary(place, by_host, "jsonl,csv")
    each = 1000 / len(results)
    print(f"OpenRelik: {used * each:.0f} ms of processor time a host, of which the program takes {alone * each:.0f} ms by itself")


def main() -> None:
    (image,) = re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != image:
        print(f"NOT CHECKED: the worker under Python {image}, which its image has; here it is {here}")
    with tempfile.TemporaryDirectory(prefix="winsessions-openrelik-") as folder:
        place = Path(folder)
        redis = ["redis-server", "--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with (place / "redis.log").open("wb") as log, subprocess.Popen(redis, stdout=log) as server:
            workers, status = Workers(place), 1
            try:
                test(place, workers)
                status = 0
            except Exception:
                for log_file in sorted(place.glob("*.log")):
                    print(f"--- {log_file.name}", log_file.read_text(errors="replace")[-3000:], sep="\n", file=sys.stderr)
                traceback.print_exc()
            finally:
                workers.stop()
                server.terminate()
    sys.stdout.flush()
    # Results that are given up at the end would look for Redis for minutes.
    os._exit(status)


if __name__ == "__main__":
    main()
