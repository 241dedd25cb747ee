"""The Spark job on a real cluster of two executors on this machine: a Python worker is killed in the middle, what comes out is
compared with a run on one machine, and the questions are asked, whose answers are known."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hosts
from common import BINARY, HERE, ROOT, digests, same, seconds_of_binary, single_run

JOB = ROOT / "integrations/spark/job.py"
FORMATS = "parquet,csv"


CLUSTER = "local-cluster[2,1,1024]"


def submit(place: Path, *arguments: str, master: str = CLUSTER, **environment: str) -> tuple[int, str]:
    """Runs the job on a cluster of its own; its status and what it printed."""
    conf = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.executor.memory": "512m",
        "spark.driver.memory": "512m",
        "spark.pyspark.python": sys.executable,
        "spark.sql.shuffle.partitions": "2",
    }
    command = [str(Path(sys.executable).with_name("spark-submit")), "--master", master]
    command += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    with (place / "spark.log").open("ab") as log:
        done = subprocess.run(
            [*command, JOB, *arguments],
            cwd=place,
            env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": home()} | environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout


def home() -> str:
    import pyspark

    return str(Path(pyspark.__file__).parent)


def test(place: Path) -> None:
    hosts.write(place / "evidence", BINARY)
    document = place / "plan.json"
    with document.open("wb") as plan:
        subprocess.run([BINARY, "batch", "plan", "-q", "--json", "evidence"], cwd=place, stdout=plan, check=True)
    units = {unit["host"]: unit["id"] for unit in json.loads(document.read_bytes())["units"]}
    expected = digests(single_run(place, FORMATS, "evidence"))

    killer = {"WINSESSIONS_REAL": BINARY, "STATE": str(place), "KILL_PARENT": units["WS-007.corp.example"]}
    begun = time.monotonic()
    more = ("--formats", FORMATS, "--binary", str(HERE / "killer"))
    status, _ = submit(place, "run", "out", "evidence", *more, **killer)
    took = time.monotonic() - begun
    assert (place / "killed").exists(), "no Python worker was killed"
    assert f"with {len(units)} tasks".encode() in (place / "spark.log").read_bytes(), "a partition has more than a unit"
    assert b"Lost task" in (place / "spark.log").read_bytes(), "Spark lost no task"
    assert status == 3, f"the job ended with {status}, and some evidence is damaged"
    same("Spark", digests(place / "out"), expected)
    print(f"Spark: {len(units)} hosts in {took:.0f} s with the start of the cluster, a Python worker killed")

    ask(place)
    locally(place, units["WS-007.corp.example"], expected)

    shutil.rmtree(place / "out")
    before = os.times()
    submit(place, "run", "out", "evidence", "--formats", FORMATS, "--binary", BINARY)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    alone = seconds_of_binary(place, [["--planned", "--unit", unit, "--", "plan.json"] for unit in units.values()], FORMATS)
    print(f"Spark: {used:.0f} s of processor time with start and end of the cluster, of which {alone:.1f} s are the program's")


def locally(place: Path, unit: str, expected: dict[str, str]) -> None:
    """Without a cluster, where Spark tries a task once: a unit that fails is named, the others are done, the next run does it."""
    out, more = "out [1]{a}", ("evidence", "--formats", FORMATS, "--binary", str(HERE / "killer"))
    (place / "killed").rmdir()
    killer = {"WINSESSIONS_REAL": BINARY, "STATE": str(place), "KILL_SELF": unit}
    # What it says on standard error comes out of spark-submit on the other.
    status, printed = submit(place, "run", out, *more, master="local[2]", **killer)
    assert status == 1, f"with a unit that failed the job ended with {status}"
    assert (
        f"unit {unit} failed with -9" in printed and f"{hosts.MACHINES + 1} of {hosts.MACHINES + 2} units are finished" in printed
    )
    status, _ = submit(place, "run", out, *more, master="local[2]", **killer)
    assert status == 3, f"done again, the job ended with {status}"
    same("Spark in one process, a unit done again", digests(place / out), expected)
    status, printed = submit(place, "ask", out, master="local[2]")
    assert status == 0 and '"question": "accounts-on-most-machines"' in printed, f"the questions ended with {status}"
    status, printed = submit(place, "ask", "evidence", master="local[2]")
    assert status == 2 and "holds no Parquet" in printed, f"questions of a folder without Parquet ended with {status}"


def ask(place: Path) -> None:
    status, printed = submit(place, "ask", "out")
    assert status == 0, f"the questions ended with {status}"
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    answers: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        answers.setdefault(str(row.pop("question")), []).append(row)
    assert all(len({frozenset(row) for row in some}) == 1 for some in answers.values()), "rows of one question have other columns"

    most = answers["accounts-on-most-machines"]
    assert (most[0]["name"], most[0]["machines"], most[0]["sessions"]) == (
        "svc-deploy",
        hosts.MACHINES,
        hosts.MACHINES,
    ), most[0]
    assert all(row["machines"] <= 3 for row in most[1:]), most[1]

    (first,) = [row for row in answers["first-use-of-an-address"] if row["source_address"] == "203.0.113.9"]
    assert first["host"] == "WS-003.corp.example" and first["account"] == "CORP\\bob", first
    assert str(first["start"]).startswith("2024-05-06T10:59:58.500000Z") and first["machines"] == 2, first

    (twice,) = [row for row in answers["one-account-in-two-places"] if row["account"] == "CORP\\alice"]
    assert (twice["host"], twice["other_host"]) == ("WS-001.corp.example", "WS-005.corp.example"), twice
    assert str(twice["since"]).startswith("2024-05-06T10:00:00") and str(twice["until"]).startswith("2024-05-06T10:30:00"), twice
    assert twice["other_source_address"] == "192.0.2.77", twice
    assert not [row for row in answers["one-account-in-two-places"] if row["account"] == "CORP\\bob"]
    print("Spark: the questions have the answers that the story gives")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="winsessions-spark-") as folder:
        place = Path(folder)
        try:
            test(place)
        except BaseException:
            log = place / "spark.log"
            print(log.read_text(errors="replace")[-6000:] if log.exists() else "", file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
