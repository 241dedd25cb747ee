"""The OpenRelik worker over a real Redis: two workers, a group of hosts, one worker killed in the middle.

Dispatched as OpenRelik's server does it: the task and its queue are what the workers say of themselves, each host is a
signature of its own in a group, results come through the backend. What is killed: the process of a task, and a whole worker,
which is then started again, as a container is.
"""

import ast
import base64
import contextlib
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
from celery import Celery, group, signature
from celery.canvas import Signature
from celery.result import GroupResult
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

PORT = 16399
VISIBLE_SECONDS = 6
URL = f"redis://127.0.0.1:{PORT}/0"
TASKS = "openrelik-worker-winsessions.tasks"


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
        family = [worker.pid, *children(worker.pid)]
        for pid in [*family, *(grandchild for child in family[1:] for grandchild in children(child))]:
            os.kill(pid, signal.SIGKILL)
        worker.wait()

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


def inputs(evidence: Path, store: Path) -> list[list[dict[str, object]]]:
    """The files of each host as the server knows them: stored under other names, collected under their own."""
    units = []
    for folder in sorted(evidence.iterdir()):
        files = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            uuid = uuid4().hex
            stored = store / f"{uuid}{path.suffix}"
            shutil.copyfile(path, stored)
            original = str(path.relative_to(evidence))
            names = {"id": len(files), "uuid": uuid, "display_name": path.name, "original_path": original}
            files.append(names | {"path": str(stored), "data_type": "file:generic", "mime_type": "application/octet-stream"})
        units.append(files)
    return units


def run_group(units: list[list[dict[str, object]]], output: Path) -> GroupResult:
    output.mkdir()
    return group(dispatch(f"{TASKS}.sessions", files, output) for files in units).apply_async()


def test(place: Path, workers: Workers) -> None:
    hosts.write(place / "evidence", BINARY)
    logs = sorted(str(path.relative_to(place)) for path in (place / "evidence").rglob("*.evtx"))
    expected = digests(single_run(place, "jsonl,csv", *logs))
    (place / "store").mkdir()
    units = inputs(place / "evidence", place / "store")

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

    progress = []
    listener = threading.Thread(target=listen, args=(app, progress), daemon=True)
    listener.start()
    begun = time.monotonic()
    running = run_group(units, place / "output")
    wait_for("the host in the middle of which a worker is killed", (place / "hung/parent").exists)
    caller = int((place / "hung/parent").read_text(encoding="utf-8"))
    victim = next(name for name, worker in workers.running.items() if caller in children(worker.pid))
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

    (place / "joined").mkdir()
    joined = dispatch(f"{TASKS}.merge", [], place / "joined", pipe_result=results).apply_async().get(timeout=120)
    handed_back([joined], place / "merged")
    subprocess.run([BINARY, "batch", "merge", "-q", place / "single", "-o", place / "merge"], check=False)
    same("OpenRelik, joined", digests(place / "merged"), digests(place / "merge"))
    measure(place, workers, units, logs)


def units_of(found: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in found.items() if name.startswith("host=")}


def listen(app: Celery, progress: list[dict[str, object]]) -> None:
    # It ends with Redis.
    with app.connection() as connection, contextlib.suppress(*connection.recoverable_connection_errors):
        receiver = app.events.Receiver(connection, handlers={"task-progress": progress.append})
        receiver.capture(limit=None, timeout=None)


def measure(place: Path, workers: Workers, units: list[list[dict[str, object]]], logs: list[str]) -> None:
    """What a host costs beyond the program: processor time of workers and Redis, less that of the program by itself."""
    redis = int(subprocess.check_output(["redis-cli", "-p", str(PORT), "info", "server"]).split(b"process_id:")[1].split()[0])
    before = processor_seconds(redis, *workers.pids())
    run_group(units, place / "again").get(timeout=240)
    used = processor_seconds(redis, *workers.pids()) - before
    by_host = [[log for log in logs if log.startswith(f"evidence/{unit[0]['original_path'].split('/')[0]}/")] for unit in units]
    alone = seconds_of_binary(place, by_host, "jsonl,csv")
    each = 1000 / len(units)
    print(f"OpenRelik: {used * each:.0f} ms of processor time a host, of which the program takes {alone * each:.0f} ms by itself")


def main() -> None:
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
