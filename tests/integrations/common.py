"""What the tests of all engines share: the reference, the comparison, and processor time."""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

BINARY = os.environ["WINSESSIONS_BINARY"]
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


def digests(folder: Path) -> dict[str, str]:
    """All files below a folder and what is in them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def single_run(place: Path, formats: str, *named: str) -> Path:
    """One machine does everything: `named` in `place`, into `place/single`. Some evidence is damaged: 3."""
    out = place / "single"
    command = [BINARY, "batch", "run", "-q", "-o", out, "--formats", formats, "--", *named]
    status = subprocess.run(command, cwd=place, check=False).returncode
    assert status == 3, f"the single run ended with {status}"
    return out


def same(what: str, found: dict[str, str], expected: dict[str, str]) -> None:
    """Fails where a file is missing, is not expected, or has other bytes."""
    differing = {name for name in found.keys() & expected.keys() if found[name] != expected[name]}
    assert found == expected, (
        f"{what}: missing {sorted(expected.keys() - found.keys())[:5]}, "
        f"beyond {sorted(found.keys() - expected.keys())[:5]}, other bytes {sorted(differing)[:5]}"
    )
    print(f"{what}: {len(found)} files are byte for byte those of the run on one machine")


def processor_seconds(*pids: int) -> float:
    """What processes and their children that ended have used."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        used += sum(int(field) for field in fields[11:15])
    return used / TICKS


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in text.split()]


def seconds_of_binary(place: Path, units: list[list[str]], formats: str) -> float:
    """Processor time of the program by itself, a process a unit."""
    before = os.times()
    for at, arguments in enumerate(units):
        command = [BINARY, "batch", "run", "-q", "-o", place / f"alone-{at}", "--formats", formats, *arguments]
        subprocess.run(command, cwd=place, check=False)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def wait_for(what: str, found: Callable[[], object], seconds: float = 60) -> None:
    """Waits until something is there."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.1)
