"""Logon sessions of many machines on a Spark cluster: the same program, a unit in a partition, Parquet in a Hive layout.

    spark-submit job.py run OUT EVIDENCE...        OUT/host=NAME/{sessions,events,...}.parquet, and a manifest each
    spark-submit job.py ask OUT [QUESTION.sql...]  answers of questions across machines, as JSON lines

Every node must see evidence and OUT under the same paths; the plan lies in OUT.plan.json. A unit that is tried again, or by two at
once, gives the same bytes; one that is finished is not done again. A unit that fails is tried as often as the master says: a
cluster spark.task.maxFailures times, `local[2,4]` four times, `local[2]` once; the others are done all the same. Times of answers
are in UTC, to the microsecond. The spark-submit of PyPI needs its Python on PATH, or SPARK_HOME.

Exit status: 0 complete; 3 some evidence is damaged or unreadable, the manifests say which; 2 wrong usage; 4 no event log; 1 failed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr, struct, timestamp_micros, to_json

WHOLE, FAILED, WRONG_USAGE, PARTIAL, NO_LOG = 0, 1, 2, 3, 4
QUESTIONS = Path(__file__).resolve().parent / "questions"

# Columns of tables that hold times; Spark reads nanoseconds as numbers only.
TIMES = {
    "sessions": ["start", "start_max", "end", "end_min", "end_max", "token_closed", "boot"],
    "events": ["time", "previous_time", "new_time", "start_time", "stop_time"],
}


def work(command: list[str], folder: str, tries: int) -> Callable[[Iterator[str]], Iterator[tuple[str, int, str]]]:
    """What a partition does: of each of its units the id, the status and the last words."""

    def run(units: Iterator[str]) -> Iterator[tuple[str, int, str]]:
        context = TaskContext.get()
        for unit in units:
            done = subprocess.run(
                [*command, "--unit", unit], cwd=folder, stderr=subprocess.PIPE, text=True, errors="replace", check=False
            )
            words = done.stderr.strip()[-2000:]
            is_final = done.returncode in (WHOLE, WRONG_USAGE, PARTIAL, NO_LOG)
            if not is_final and context is not None and context.attemptNumber() + 1 < tries:
                raise RuntimeError(f"winsessions ended with {done.returncode}: {words}")
            yield unit, done.returncode, words

    return run


def tries_of(master: str, failures: str | None) -> int:
    """How often Spark tries a task in all; in local mode it does not look at the setting."""
    local = re.fullmatch(r"local(?:\[[^,\]]*(?:,\s*(\d+)\s*)?\])?", master)
    return int(local[1] or 1) if local else int(failures or 4)


def run(spark: SparkSession, arguments: argparse.Namespace) -> int:
    """Does all units; tells of those that failed."""
    how = ["--password-file", os.path.abspath(arguments.password_file)] if arguments.password_file else []
    out = os.path.abspath(arguments.out)
    # Made once, and read by each task: no executor searches the evidence.
    plan = Path(f"{out}.plan.json")
    plan.parent.mkdir(parents=True, exist_ok=True)
    with plan.open("wb") as document:
        command = [arguments.binary, "batch", "plan", "--json", *how, "--", *arguments.evidence]
        status = subprocess.run(command, stdout=document, check=False).returncode
    if status not in (WHOLE, PARTIAL):
        return status
    units = [unit["id"] for unit in json.loads(plan.read_bytes())["units"]]
    conf = spark.sparkContext.getConf()
    command = [arguments.binary, "batch", "run", str(plan), "--planned", "-q", "-o", out, *how]
    command += ["--formats", arguments.formats, "--threads", conf.get("spark.task.cpus") or "1"]
    tries = tries_of(spark.sparkContext.master, conf.get("spark.task.maxFailures"))
    partitions = spark.sparkContext.parallelize(units, len(units))
    done = partitions.mapPartitions(work(command, os.getcwd(), tries)).collect()
    failed = [(unit, code, words) for unit, code, words in done if code not in (WHOLE, PARTIAL)]
    for unit, code, words in failed:
        print(f"unit {unit} failed with {code}: {words}", file=sys.stderr)
    print(f"{len(done) - len(failed)} of {len(done)} units are finished", file=sys.stderr)
    if failed:
        return FAILED
    return PARTIAL if PARTIAL in [status, *(code for _, code, _ in done)] else WHOLE


def table(spark: SparkSession, out: str, name: str) -> DataFrame:
    """A table of all units, with times as Spark knows them (microseconds; the files hold more)."""
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    rows = spark.read.parquet(re.sub(r"([\\*?\[\]{}])", r"\\\1", out) + f"/host=*/{name}.parquet")
    times = {time: timestamp_micros(expr(f"`{time}` div 1000")) for time in TIMES[name]}
    return rows.withColumns(times)


def ask(spark: SparkSession, arguments: argparse.Namespace) -> int:
    """Answers questions: for each its name, and a row a line."""
    if not any(Path(arguments.out).glob("host=*/sessions.parquet")):
        print(f"{arguments.out} holds no Parquet: `run` makes it, with parquet in --formats", file=sys.stderr)
        return WRONG_USAGE
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    for name in TIMES:
        table(spark, arguments.out, name).createOrReplaceTempView(name)
    how = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
    for path in arguments.questions or sorted(QUESTIONS.glob("*.sql")):
        answer = spark.sql(Path(path).read_text(encoding="utf-8"))
        for (row,) in answer.select(to_json(struct("*"), how)).collect():
            print(json.dumps({"question": Path(path).stem, **json.loads(row)}))
    return WHOLE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="do all units of the evidence")
    runs.add_argument("out")
    runs.add_argument("evidence", nargs="+")
    runs.add_argument("--binary", default=os.getenv("WINSESSIONS_BINARY") or "winsessions")
    runs.add_argument("--formats", default="parquet", help="formats, separated by commas (%(default)s)")
    runs.add_argument("--password-file")
    runs.set_defaults(do=run)
    asks = commands.add_parser("ask", help="ask across machines")
    asks.add_argument("out")
    asks.add_argument("questions", nargs="*")
    asks.set_defaults(do=ask)
    arguments = parser.parse_args()
    spark = SparkSession.builder.appName("winsessions").getOrCreate()
    try:
        status: int = arguments.do(spark, arguments)
    finally:
        spark.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
