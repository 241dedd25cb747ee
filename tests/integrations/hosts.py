"""Evidence of 24 machines in a domain, with answers that are known: a story for `winsessions synth`.

`hosts.py FOLDER [MACHINES]` writes their logs below FOLDER, with those of an attacker's machine and of a damaged one. More
machines, for figures, have the same days.

- svc-deploy is on all 24 machines over the network, and nobody else on more than three.
- 203.0.113.9 comes to WS-003 first, with bob's account: at 11:00:00 by Remote Desktop, 1.5 s before that by the network logon of
  its pre-authentication; and to WS-009 an hour later.
- alice sits at WS-001 from 09:00:00 to 17:00:00, and is on WS-005 by Remote Desktop from 192.0.2.77, from 10:00:00 to 10:30:00:
  two places at once. Nobody else is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

MACHINES = 24
ROOT = Path(__file__).resolve().parents[2]

DOMAIN = """
title = "A domain of 24 machines"

[domain.CORP]
sid = "S-1-5-21-1122334455-667788990-1357924680"
dns = "corp.example"

[account.svc-deploy]
domain = "CORP"
rid = 1201

[account.alice]
domain = "CORP"
rid = 1104

[account.bob]
domain = "CORP"
rid = 1105
"""

MACHINE = """
[[machine]]
name = "WS-{number:03}"
os = "windows-10"
sid = "S-1-5-21-{number}-12-13"
domain = "CORP"

[[machine.step]]
at = "2024-05-06T07:{minute:02}:00Z"
do = "boot"

[[machine.step]]
at = "08:{minute:02}:00"
do = "logon"
kind = "network"
account = "svc-deploy"
address = "192.0.2.10"
ends_after = "10s"
"""

STEP = """
[[machine.step]]
at = "{at}"
do = "{do}"
{keys}
"""


def _step(at: str, do: str, **keys: str) -> str:
    lines = (f'{"as" if key == "name" else key} = "{value}"' for key, value in keys.items())
    return STEP.format(at=at, do=do, keys="\n".join(lines))


def _rdp(account: str, address: str, begin: str, end: str) -> str:
    logon = _step(begin, "logon", kind="rdp", account=account, address=address, name="visit")
    return logon + _step(end, "logoff", session="visit")


def story(machines: int) -> str:
    """The scenario."""
    days = {
        1: _step("09:00:00", "logon", kind="console", account="alice", name="desk") + _step("17:00:00", "logoff", session="desk"),
        3: _rdp("bob", "203.0.113.9", "11:00:00", "11:20:00"),
        5: _rdp("alice", "192.0.2.77", "10:00:00", "10:30:00"),
        9: _rdp("bob", "203.0.113.9", "12:00:00", "12:20:00"),
    }
    numbers = range(1, machines + 1)
    parts = (
        MACHINE.format(number=number, minute=number % 60) + days.get(number, "") + _step("18:00:00", "stop") for number in numbers
    )
    return DOMAIN + "".join(parts)


def write(folder: Path, winsessions: str, machines: int = MACHINES) -> None:
    """The logs of all machines below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario = folder.parent / "scenario.toml"
    scenario.write_text(story(machines), encoding="utf-8")
    subprocess.run([winsessions, "synth", scenario, folder], check=True, stdout=subprocess.DEVNULL)
    for fixture in ("hostile/names", "traps/T14-damage"):
        shutil.copytree(ROOT / "fixtures" / fixture / "evidence", folder, dirs_exist_ok=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]), os.environ["WINSESSIONS_BINARY"], *map(int, sys.argv[2:]))
