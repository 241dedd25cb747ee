"""Runs winsessions: where its evidence lies, how far it is, and what its exit status means."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

BINARY = os.getenv("WINSESSIONS_BINARY") or "winsessions"

# Exit statuses of winsessions.
COMPLETE, WRONG_USAGE, PARTIAL, NO_LOG = 0, 2, 3, 4

PREFIX = ".winsessions-"

# What lies beside a log and is none; winsessions looks for it there.
COMPANIONS = re.compile(r"(\.idx|^client_info\.json)$", re.IGNORECASE)

LONGEST_NAME = 200
LONGEST_ERROR = 2000

# What goes into a pipe that nobody reads yet.
LONGEST_PASSWORD = 4000


class GoneWrongError(RuntimeError):
    """There is no result, and there will be none."""


class WorthRetryError(RuntimeError):
    """There is no result: another try may have one."""


def place_of(file: dict[str, object]) -> PurePosixPath:
    """Where a file lay, as far as OpenRelik knows, as a path that stays below the folder it is put in."""
    told = str(file.get("original_path") or file.get("display_name") or "unnamed")
    parts = [part.replace("\0", "") for part in re.split(r"[/\\]+", told)]
    parts = [part.removesuffix(":") if at == 0 else part for at, part in enumerate(parts)]
    kept = [part.encode(errors="replace")[-LONGEST_NAME:] for part in parts if part.strip(". ")]
    source = file.get("source_file_id")
    roots = [] if source is None else [f"file-{source}"]
    return PurePosixPath(*roots, *(part.decode(errors="replace") for part in kept or [b"unnamed"]))


def lay_out(files: list[dict[str, object]], work: Path) -> list[str]:
    """Links the files below `evidence` in `work` under their own names, and lists what to read; nothing is copied.

    Results name a log as it was called where it was collected, whatever OpenRelik stores it as. Files of one name stay in one
    folder: there winsessions tells machines apart by the names in their records; apart it would take one's logs for several's.
    """
    named = []
    taken: Counter[PurePosixPath] = Counter()
    for file in files:
        told = place_of(file)
        stored = Path(str(file["path"])).resolve()
        try:
            place = _link(stored, work, "evidence" / told, taken)
        except OSError:
            # A name that is another's folder, or one that is too long: from an archive it may be anything.
            place = _link(stored, work, PurePosixPath("evidence", told.name), taken)
        if not COMPANIONS.search(told.name):
            named.append(str(place))
    return named


def _link(stored: Path, work: Path, told: PurePosixPath, taken: Counter[PurePosixPath]) -> PurePosixPath:
    place = told
    while os.path.lexists(work / place):
        taken[told] += 1
        place = told.with_name(f"again-{taken[told]} {told.name}")
    (work / place).parent.mkdir(parents=True, exist_ok=True)
    (work / place).symlink_to(stored)
    return place


@contextlib.contextmanager
def work_folder(output_path: str, task_id: str) -> Iterator[Path]:
    """A folder on the disk of the results, removed at the end; those that killed tries of the task left go first."""
    for left in Path(output_path).glob(f"{PREFIX}{task_id}-*"):
        with _locked(left) as nobody_works_there:
            if nobody_works_there:
                shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{task_id}-", dir=output_path))
    with _locked(work):
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether this is the one that holds the folder's lock, which goes with the process."""
    with contextlib.ExitStack() as stack:
        is_ours = False
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        yield is_ours


def run(arguments: list[str], work: Path, log: Path, tell: Callable[[str], None], password: str = "") -> int:
    """Runs it in `work`, adds its messages (JSON lines) to `log`, tells each; gives 0 or 3.

    Raises `GoneWrongError` if there cannot be a result, `WorthRetryError` if another try may have one.
    """
    command = [BINARY, *arguments]
    last: deque[str] = deque(maxlen=5)
    with log.open("a", encoding="utf-8") as messages, _given(password) as stdin:
        messages.write(json.dumps({"command": shlex.join(command)}) + "\n")
        try:
            child = subprocess.Popen(
                command, cwd=work, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
            )
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            raise GoneWrongError("too many files for one task: spread them over workflows, or give them as packages") from error
        with child:
            try:
                for line in child.stderr or ():
                    messages.write(line)
                    words, is_progress = _words(line)
                    if words:
                        tell(words)
                        if not is_progress:
                            last.append(words)
            except BaseException:
                # A worker that is stopped would wait for it, and not give its task back.
                child.kill()
                raise
    status = child.returncode
    if status in (COMPLETE, PARTIAL):
        return status
    words = f"winsessions ended with {status}: {'; '.join(last)}"[:LONGEST_ERROR]
    # 1, 130, 143 and kills: the disk, memory, a machine that goes down.
    raise (GoneWrongError if status in (WRONG_USAGE, NO_LOG) else WorthRetryError)(words)


@contextlib.contextmanager
def _given(password: str) -> Iterator[int]:
    """Standard input from which it reads the password: nothing of it is ever on a disk."""
    ours, its = os.pipe()
    with open(ours, "rb") as stdin:
        with open(its, "wb") as told:
            told.write(password.encode()[:LONGEST_PASSWORD] + b"\n")
        yield stdin.fileno()


def _words(line: str) -> tuple[str, bool]:
    """What a message says, and whether it says only how far the work is."""
    try:
        message = json.loads(line)
    except ValueError:
        return line.strip(), False
    if message.get("topic") == "progress":
        return f"{message.get('bytes_read', 0):,} of {message.get('bytes_total', 0):,} bytes", True
    return str(message.get("message", "")), False
