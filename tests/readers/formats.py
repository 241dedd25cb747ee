#!/usr/bin/env python3
"""Reads what winsessions wrote with the readers that people use, and holds it to the rows of its JSON.

formats.py FORMAT FILE JSONL

JSONL holds the same rows. Prints what was checked; a module that is not installed prints `NOT CHECKED: ...`.
"""

import json
import re
import sys
from decimal import Decimal

EPOCH = 11_644_473_600
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$")
POINTS = {"sessions": 2, "events": 1}


def missing(name):
    print(f"NOT CHECKED: {name} is not installed")
    sys.exit(0)


def load(name):
    try:
        return __import__(name)
    except ImportError:
        missing(name)


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")


def nanoseconds(text):
    """Of a time as JSON writes it; None where a timestamp does not reach."""
    import datetime

    if not TIME.match(text):
        return None
    whole = datetime.datetime.fromisoformat(text[:19] + "+00:00")
    number = int((whole - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds())
    number = number * 1_000_000_000 + int(text[20:27]) * 100
    return number if -(2**63) <= number < 2**63 else None


def rows_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line, parse_float=Decimal) for line in lines]


# --- Parquet


def expected_value(value, is_time):
    if isinstance(value, str) and is_time:
        return nanoseconds(value)
    return value


def number(value):
    return float(value) if isinstance(value, Decimal) else value


def pyarrow(path, rows):
    pq = load("pyarrow.parquet").parquet
    import pyarrow as pa

    table = pq.read_table(path)
    same("rows", table.num_rows, len(rows))
    if not rows:
        print("pyarrow: no rows")
        return
    names = [name for name in rows[0] if name != "schema"]
    same("columns", table.column_names, names + ["times_beyond_timestamps"])
    same("schema", table.schema.metadata[b"schema"].decode(), rows[0]["schema"])

    def numbers(kind):
        """The type with times as numbers of nanoseconds."""
        if pa.types.is_timestamp(kind):
            same("unit and zone", (kind.unit, kind.tz), ("ns", "UTC"))
            return pa.int64()
        if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
            fields = [pa.field(f.name, numbers(f.type)) for f in kind.value_type]
            return pa.list_(pa.struct(fields))
        return kind

    beyond = table.column("times_beyond_timestamps").to_pylist()
    values = 0
    for name in names:
        column = table.column(name)
        kind = column.type
        is_time = pa.types.is_timestamp(kind)
        found = column.cast(numbers(kind)).to_pylist()
        for place, (got, row) in enumerate(zip(found, rows)):
            want = row[name]
            if isinstance(want, list) and want and isinstance(want[0], dict):
                times = {f.name for f in kind.value_type if pa.types.is_timestamp(f.type)}
                floats = {f.name for f in kind.value_type if pa.types.is_floating(f.type)}
                want = [
                    {k: number(v) if k in floats else expected_value(v, k in times) for k, v in item.items()}
                    for item in want
                ]
            elif is_time and want is not None and nanoseconds(want) is None:
                assert f"{name}={want}" in beyond[place], (name, want, beyond[place])
                want = None
            else:
                want = expected_value(want, is_time)
            if isinstance(got, float):
                want = number(want)
            if want != got:
                sys.exit(f"{name} of row {place}: found {got!r}, expected {want!r}")
            values += 1
    print(f"pyarrow: {table.num_rows} rows, {len(names)} columns, {values} values agree")


def duckdb(path, rows):
    db = load("duckdb")
    same("rows", db.sql(f"select count(*) from '{path}'").fetchall(), [(len(rows),)])
    types = {name: kind for name, kind, *_ in db.sql(f"describe select * from '{path}'").fetchall()}
    values = 0
    for name, kind in types.items():
        if name == "times_beyond_timestamps" or kind.startswith("STRUCT"):
            continue
        if kind.startswith("TIMESTAMP"):
            asked = f'epoch_ns("{name}")'
        else:
            asked = f'"{name}"'
        found = db.sql(f"select {asked} from read_parquet('{path}', file_row_number = true) order by file_row_number")
        for (got,), row in zip(found.fetchall(), rows):
            want = expected_value(row[name], kind.startswith("TIMESTAMP"))
            if isinstance(got, float):
                want = number(want)
            same(name, got, want)
            values += 1
    if "records" in types and types["records"].startswith("STRUCT"):
        asked = (
            f"select list_transform(records, lambda r: epoch_ns(r.time)), list_transform(records, lambda r: r.record_id)"
            f" from read_parquet('{path}', file_row_number = true) order by file_row_number"
        )
        for (times, numbers), row in zip(db.sql(asked).fetchall(), rows):
            same("times of records", times, [nanoseconds(r["time"]) for r in row["records"]])
            same("numbers of records", numbers, [r["record_id"] for r in row["records"]])
    expected = {"start": "TIMESTAMP", "time": "TIMESTAMP", "elevated": "BOOLEAN", "logon_type": "UBIGINT"}
    for name, kind in expected.items():
        assert types.get(name, kind).startswith(kind), (name, types.get(name))
    print(f"duckdb: {len(rows)} rows, {values} values agree")


# --- Timesketch


def timesketch_module(name):
    """A module of Timesketch itself; what the web application brings along is stood in for."""
    import types

    def stand_in(module, **members):
        made = types.ModuleType(module)
        made.__dict__.update(members)
        sys.modules.setdefault(module, made)

    load("pandas")
    load("yaml")
    load("dateutil")
    stand_in("flask", current_app=None, jsonify=None)

    class Analyzer:
        def __init__(self, *_):
            self.output = Output()

    class Output:
        pass

    class Manager:
        register_analyzer = staticmethod(lambda _: None)

    try:
        import timesketch.lib.errors  # noqa: F401
    except ImportError:
        missing("timesketch")
    import pathlib

    folder = str(pathlib.Path(sys.modules["timesketch.lib"].__path__[0]) / "analyzers")
    analyzers = types.ModuleType("timesketch.lib.analyzers")
    analyzers.__path__ = [folder]
    sys.modules.setdefault("timesketch.lib.analyzers", analyzers)
    stand_in("timesketch.lib.analyzers.interface", AnalyzerOutput=Output, BaseAnalyzer=Analyzer)
    stand_in("timesketch.lib.analyzers.manager", AnalysisManager=Manager)
    analyzers.manager = sys.modules["timesketch.lib.analyzers.manager"]
    folder = str(pathlib.Path(folder) / "authentication")
    authentication = types.ModuleType("timesketch.lib.analyzers.authentication")
    authentication.__path__ = [folder]
    sys.modules.setdefault("timesketch.lib.analyzers.authentication", authentication)
    import importlib

    return importlib.import_module(name)


def timesketch(path, rows, is_csv):
    utils = timesketch_module("timesketch.lib.utils")
    reader = utils.read_and_validate_csv if is_csv else utils.read_and_validate_jsonl
    with open(path, encoding="utf-8") as file:
        found = list(reader(file))
    table = rows[0]["schema"].split("/")[1]
    each = POINTS[table]
    same("rows", len(found), each * len(rows))
    ids = {"sessions": "session_id", "events": "record_id"}
    for place, row in enumerate(found):
        own = rows[place // each]
        want = own[ids[table]]
        got = row["winsessions_" + ids[table]]
        same("identity", str(got), str(want))
        exact = nanoseconds(row["event_time_100ns"])
        same("timestamp", row["timestamp"], exact // 1000)
        for name in ("message", "datetime", "timestamp_desc"):
            assert isinstance(row[name], str) and row[name], name
        assert not any(len(str(value).encode()) > 32766 for value in row.values())
        if table == "events":
            same("time", row["event_time_100ns"], own["time"])
            same("event_identifier", int(row["event_identifier"]), own["event_id"])
            same("source_name", row["source_name"], own["provider"])
            if not is_csv:
                same("username", row.get("username"), own["account_name"])
                same("logon_id", row.get("logon_id"), own["logon_id"])
                same("logon_type", row.get("logon_type"), own["logon_type"])
    print(f"timesketch's reader of {'CSV' if is_csv else 'JSONL'}: {len(found)} rows")
    if table == "events":
        analyse(found, rows)


def analyse(found, rows):
    """Gives the rows to Timesketch's own analyser of Windows logons."""
    windows = timesketch_module("timesketch.lib.analyzers.authentication.windows")
    seen = {}

    class Event:
        def __init__(self, number, source):
            self.event_id, self.source = str(number), source

    class Analyser(windows.WindowsLoginBruteForceAnalyzer):
        def event_stream(self, query_string, return_fields):
            seen["query"] = query_string
            for number, row in enumerate(found):
                is_named = row.get("source_name") == "Microsoft-Windows-Security-Auditing"
                if is_named and row.get("event_identifier") in (4624, 4625, 4634):
                    yield Event(number, {name: row[name] for name in return_fields if name in row})

    analyser = Analyser("index", 1)
    kept = []

    def keep(frame):
        kept.append(frame)
        raise AttributeError("the rows are there")

    analyser.brute_force_analyzer.set_dataframe = keep
    try:
        analyser.run()
    except AttributeError as error:
        same("analyser", str(error), "the rows are there")
    types = (2, 3, 10)
    wanted = [
        row
        for row in rows
        if row["provider"] == "Microsoft-Windows-Security-Auditing"
        and (row["event_id"] == 4634 or row["event_id"] in (4624, 4625) and row["logon_type"] in types)
    ]
    frame = kept[0] if kept else []
    same("rows that the analyser takes", len(frame), len(wanted))
    if len(frame):
        results = [row["event_id"] for row in wanted if row["event_id"] != 4634]
        same("failures", int((frame["authentication_result"] == "failure").sum()), results.count(4625))
        same("machines", sorted(set(frame["hostname"])), sorted({row["host"] for row in wanted}))
    print(f"timesketch's analyser of Windows logons: {len(frame)} rows")


# --- OCSF


def ocsf(path, rows):
    try:
        import ocsf as package
        from ocsf.v1_7_0 import events as classes
        from ocsf.v1_7_0 import objects
    except ImportError:
        missing("pydantic-ocsf")
    import pathlib

    schema = json.loads((pathlib.Path(package.__path__[0]) / "schemas/v1_7_0.json").read_text())
    allowed = allowed_names(schema)
    for name in schema["objects"]:
        getattr(objects, "".join(part.capitalize() for part in name.split("_")), None)
    classes.BaseEvent.model_rebuild(_types_namespace=vars(objects))
    counts = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            same("version", event["metadata"]["version"], "1.8.0")
            same("type", event["type_uid"], event["class_uid"] * 100 + event["activity_id"])
            model = {3002: classes.Authentication, 0: classes.BaseEvent}[event["class_uid"]]
            model.model_validate(event)
            if event["class_uid"] == 3002:
                unknown = set(event) - allowed["authentication"]
                assert not unknown, unknown
                assert "dst_endpoint" in event or "service" in event
                for name, kind in {
                    "metadata": "metadata",
                    "user": "user",
                    "actor": "actor",
                    "session": "session",
                    "src_endpoint": "network_endpoint",
                    "dst_endpoint": "network_endpoint",
                    "logon_process": "process",
                }.items():
                    unknown = set(event.get(name, {})) - allowed[kind]
                    assert not unknown, (name, unknown)
            key = (event["class_uid"], event["activity_name"], event["status"])
            counts[key] = counts.get(key, 0) + 1
    table = rows[0]["schema"].split("/")[1]
    same("rows", sum(counts.values()), POINTS[table] * len(rows))
    if table == "events":
        failed = sum(row["event"] == "logon-failed" for row in rows)
        same("failed logons", counts.get((3002, "Logon", "Failure"), 0), failed)
        logons = sum(row["event"] == "logon" for row in rows)
        same("logons", counts.get((3002, "Logon", "Success"), 0), logons)
        logoffs = sum(row["event"] in ("logoff", "user-logoff") for row in rows)
        same("logoffs", counts.get((3002, "Logoff", "Success"), 0), logoffs)
    else:
        # Only what a record tells is a success.
        for activity, bound in (("Logon", "start"), ("Logoff", "end")):
            told = [row for row in rows if row[bound] and row[f"{bound}_source"] == "recorded"]
            told = sum(bound == "start" or row["end_reason"] != "log-ends" for row in told)
            same(f"{activity} of sessions", counts.get((3002, activity, "Success"), 0), told)
    print(f"ocsf: {sum(counts.values())} events are valid")


def allowed_names(schema):
    """The attributes of a class or object, with those that it takes over from what it extends."""

    def names(kind, name):
        found = schema[kind].get(name) or {}
        own = set(found.get("attributes", {}))
        above = found.get("extends")
        return own | (names(kind, above) if above else set())

    classes = {"authentication": names("events", "authentication")}
    objects = {name: names("objects", name) for name in schema["objects"]}
    return classes | objects


# --- ECS


ECS_CATEGORIES = {"authentication", "session", "iam", "host"}
ECS_TYPES = {"start", "end", "info", "admin", "change"}
# As Elastic's own pipeline of the Security log has them.
ECS_ACTIONS = {
    "logon": ("logged-in", ["start"], "success"),
    "logon-failed": ("logon-failed", ["start"], "failure"),
    "logoff": ("logged-out", ["end"], "success"),
    "user-logoff": ("logged-out", ["end"], "success"),
    "reconnect": ("session-reconnected", ["start"], "success"),
    "disconnect": ("session-disconnected", ["end"], "success"),
}


def ecs(path, rows):
    import ipaddress

    documents = rows_of(path)
    table = rows[0]["schema"].split("/")[1]
    same("rows", len(documents), POINTS[table] * len(rows))
    for place, document in enumerate(documents):
        row = rows[place // POINTS[table]]
        event = document["event"]
        assert set(event.get("category", [])) <= ECS_CATEGORIES, event
        assert set(event["type"]) <= ECS_TYPES, event
        assert event["outcome"] in ("success", "failure", "unknown")
        address = document.get("source", {}).get("ip")
        if address is not None:
            ipaddress.ip_address(address)
        if table == "events":
            same("time", document["@timestamp"], row["time"])
            same("code", event["code"], str(row["event_id"]))
            same("logon id", document["winlog"].get("logon", {}).get("id"), row["logon_id"])
            if row["event"] in ECS_ACTIONS:
                same("what happened", (event["action"], event["type"], event["outcome"]), ECS_ACTIONS[row["event"]])
            if row["event"] != "explicit-credentials":
                same("user", document.get("user", {}).get("name"), row["account_name"])
        else:
            same("session", document["winsessions"]["session_id"], row["session_id"])
            source = document["winsessions"]["point_source"]
            assert source in ("recorded", "inferred", "before-log", "unknown")
            is_told = source == "recorded" and event["action"] in ("logged-in", "logged-out")
            same("outcome", event["outcome"], "success" if is_told else "unknown")
            same("reason", "inferred" in event.get("reason", ""), source == "inferred")
            if "duration" in event:
                same("duration", Decimal(event["duration"]) / 1_000_000_000, row["duration_seconds"])
    print(f"ecs: {len(documents)} documents")


# --- l2tcsv


L2T = "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra"


def l2tcsv(path, rows):
    with open(path, encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")
    same("header", lines[0], L2T)
    same("end", lines[-1], "")
    table = rows[0]["schema"].split("/")[1]
    same("rows", len(lines) - 2, POINTS[table] * len(rows))
    for place, line in enumerate(lines[1:-1]):
        fields = line.split(",")
        same("fields", len(fields), 17)
        same("zone", fields[2], "UTC")
        row = rows[place // POINTS[table]]
        if table == "events":
            month, day, year = fields[0].split("/")
            same("time", f"{year}-{month}-{day}T{fields[1]}", row["time"][:19])
            same("record", fields[13], str(row["record_id"]))
        else:
            assert f"session_id: {row['session_id']}" in fields[16]
    print(f"l2tcsv: {len(lines) - 2} lines of 17 fields")


# --- the graph


def logons(rows):
    """How many rows come from somewhere, and how many from nowhere that is told."""
    import ipaddress

    found = {"from": 0, "nowhere": 0}
    for row in rows:
        if row.get("event", "logon") not in ("logon", "logon-failed"):
            continue
        try:
            address = ipaddress.ip_address((row["source_address"] or "").split("%")[0].strip())
            address = getattr(address, "ipv4_mapped", None) or address
            has_source = not (address.is_loopback or address.is_unspecified)
        except ValueError:
            has_source = False
        label = lambda name: name.split(".")[0].lower()
        names = [row["host"], row.get("computer") or "", *(row.get("host_aliases") or [])]
        name = row["workstation"] or ""
        has_source = has_source or bool(name.strip()) and label(name) not in map(label, names)
        found["from" if has_source else "nowhere"] += 1
    return found


def graphml(path, rows):
    networkx = load("networkx")
    graph = networkx.read_graphml(path, force_multigraph=True)
    wanted = logons(rows)
    edges = [edge for _, _, edge in graph.edges(data=True)]
    same("logons", sum(edge["logons"] + edge["failures"] for edge in edges), wanted["from"])
    nodes = dict(graph.nodes(data=True))
    same("without a source", sum(node.get("without_source", 0) for node in nodes.values()), wanted["nowhere"])
    for source, target, _ in graph.edges(data=True):
        same("target", nodes[target]["kind"], "machine")
        assert nodes[source]["kind"] in ("address", "workstation")
    print(f"networkx: {len(nodes)} nodes, {len(edges)} edges")


def edges(path, rows):
    import csv

    with open(path, encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    wanted = logons(rows)
    count = lambda has: sum(
        int(edge["logons"]) + int(edge["failures"]) for edge in found if bool(edge["source_kind"]) == has
    )
    same("logons", (count(True), count(False)), (wanted["from"], wanted["nowhere"]))
    print(f"edges: {len(found)} lines")


def main():
    kind, path, jsonl = sys.argv[1:4]
    rows = rows_of(jsonl)
    check = {
        "pyarrow": pyarrow,
        "duckdb": duckdb,
        "timesketch": lambda path, rows: timesketch(path, rows, False),
        "timesketch-csv": lambda path, rows: timesketch(path, rows, True),
        "ocsf": ocsf,
        "ecs": ecs,
        "l2tcsv": l2tcsv,
        "graphml": graphml,
        "edges": edges,
    }[kind]
    check(path, rows)


main()
