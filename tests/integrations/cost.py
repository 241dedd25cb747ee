"""The figures of integrations/README.md: what hosts cost, and what many of them do. Not a test: it asserts nothing.

    WINSESSIONS_BINARY=target/release/winsessions cost.py MACHINES LOG...

plans and joins MACHINES small machines, which it makes; and of each LOG makes a host of 1 GB and reads it alone, and as the worker
for OpenRelik does (in the environment that tests/integrations/run makes for it).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import BINARY, HERE, ROOT

sys.path.insert(0, str(ROOT / "integrations/openrelik"))


def told(what: str, seconds: float, peak_kb: int, out: Path | None = None) -> None:
    # By `find`: what this process needs of memory would be told of all that follow.
    sizes = [] if out is None else subprocess.check_output(["find", out, "-type", "f", "-printf", "%s\n"]).split()
    made = sum(map(int, sizes))
    print(f"{what}: {seconds:.1f} s of processor time, {peak_kb / 1000:.0f} MB of memory, {made / 1e6:.0f} MB of results")


def run(what: str, place: Path, out: str, *arguments: str) -> None:
    """Runs the program in `place` and tells what it took; of memory never less than what this process has, some 20 MB."""
    with (place / "stdout").open("wb") as stdout:
        child = subprocess.Popen([BINARY, *arguments], cwd=place, stdout=stdout)
        _, _, used = os.wait4(child.pid, 0)
    told(what, used.ru_utime + used.ru_stime, used.ru_maxrss, place / out)


def many(place: Path, machines: int) -> None:
    subprocess.run([sys.executable, HERE / "hosts.py", place / "evidence", str(machines)], check=True)
    run(f"plan of {machines} machines", place, "stdout", "batch", "plan", "-q", "--json", "evidence")
    (place / "stdout").rename(place / "plan.json")
    run("a job that reads the plan and does a unit", place, "one", "batch", "run", "-q", "--planned", "-o", "one", *part(machines))
    for formats in ("csv", "csv,jsonl,json"):
        out = formats.replace(",", "-")
        run(
            f"units in {formats}", place, out, "batch", "run", "-q", "--planned", "-o", out, "--formats", formats, "--", "plan.json"
        )
        run(f"join of {formats}", place, f"{out}-all", "batch", "merge", "-q", out, "-o", f"{out}-all")


def part(machines: int) -> list[str]:
    return ["--partition", f"hash:1/{machines}", "--", "plan.json"]


def one(place: Path, log: str) -> None:
    host = place / "Security.evtx"
    copies = max(1, round(1e9 / Path(log).stat().st_size))
    subprocess.run([BINARY, "synth", "--tile", str(copies), log, host], check=True, stdout=subprocess.DEVNULL)
    evidence = str(host)
    print(f"{log}, {copies} times: {host.stat().st_size / 1e6:.0f} MB")
    run("alone, CSV, one thread", place, "alone", "batch", "run", "-q", "--threads", "1", "-o", "alone", "--", evidence)
    run("the worker's units", place, "units", "batch", "run", "-q", "-o", "units", "--formats", "jsonl,csv", "--", evidence)
    run("the worker's page", place, "report.html", "report", "-q", "-o", "report.html", "--", evidence)
    summary(place)


def summary(work: Path) -> None:
    try:
        from src.summary import of_units
    except ImportError:
        print("NOT CHECKED: the worker's summary (its packages are not here)")
        return
    before = time.process_time()
    of_units(work, [], partial=False, passed_over=0)
    print(f"the worker's summary: {time.process_time() - before:.1f} s of processor time")


def main() -> None:
    for at, argument in enumerate(sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="winsessions-cost-") as folder:
            if at == 0:
                many(Path(folder), int(argument))
            else:
                one(Path(folder), argument)


if __name__ == "__main__":
    main()
