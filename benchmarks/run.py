"""The service against the floor: `python -m benchmarks.run` writes results.json, results.md, results.svg."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import orjson
import psutil

from benchmarks import loads
from benchmarks.chart import bars
from benchmarks.measuring import (
    FOLDER,
    Measure,
    Request,
    Server,
    described,
    drive_in_turn,
    floor_service,
    loaded_database,
    machine,
    markdown_table,
    middle,
    postgres,
    postmaster,
    ratio,
    service,
    written_requests,
)

RESULTS = FOLDER / "results.json"
FIGURES = ("per_second", "p50_ms", "p99_ms", "server_us", "postgres_us")
WORSE_BY = 0.25
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Target:
    """How much of the floor's CPU the service may use, and how many of its requests a second it must answer."""

    cpu: float
    per_second: float


TARGETS = {
    loads.GET_ONE: Target(1.4, 0.7),
    loads.LIST: Target(1.0, 0.85),
    loads.BY_TIMERANGE: Target(1.0, 0.85),
    loads.STATISTICS: Target(1.5, 0.7),
    loads.PATCH: Target(1.5, 0.7),
    loads.BULK_UPDATE: Target(1.3, 0.8),
    loads.POST: Target(1.5, 0.7),
}

HEAD = (
    "Operation", "Requests/s", "floor", "p50 ms", "floor", "p99 ms", "floor", "Server CPU µs", "floor",
    "PostgreSQL CPU µs", "floor", "CPU ratio", "target", "Requests/s ratio", "target", "CPU ratio with PostgreSQL",
    "Met",
)  # fmt: skip


def main() -> None:
    """Measure; then write the results, or compare with those that are written."""
    options = read_options()
    found = measure_all(options)
    print(table(found["operations"]))
    print(batch_line(found["batch"]))
    print(memory_line(found["memory"]))
    if options.check:
        sys.exit("\n".join(worse(orjson.loads(RESULTS.read_bytes())["operations"], found["operations"])) or 0)
    RESULTS.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    (FOLDER / "results.md").write_text(page(found))
    (FOLDER / "results.svg").write_text(
        bars(
            "Server CPU per request, as a multiple of the floor's",
            {name: (each["cpu_ratio"], each["cpu_target"]) for name, each in found["operations"].items()},
        )
    )


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="how long each drive takes (4)")
    parser.add_argument("--pairs", type=int, default=5, help="how often service and floor take turns (5)")
    parser.add_argument("--tasks", type=int, default=10_000, help="how many tasks there are (10000)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these operations")
    parser.add_argument("--check", action="store_true", help="only compare with results.json; 1 when clearly worse")
    return parser.parse_args()


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Start everything, measure each operation on both servers, and give what was found."""
    tasks, seconds, pairs = options.tasks, options.seconds, options.pairs
    written = orjson.loads(RESULTS.read_bytes())["operations"] if options.check else {}
    with (
        postgres() as server,
        loaded_database(server, "bench_run", tasks) as url,
        service(url) as ours,
        floor_service(url) as floor,
    ):
        operations = {}
        for name, requests in all_requests(url).items():
            if options.only and name not in options.only:
                continue
            refuse_other_answers(ours, floor, requests()[0])
            print(f"{name} …", file=sys.stderr, flush=True)
            of_ours, of_floor = drive_both(name, requests, [ours, floor], postmaster(server), seconds, pairs)
            operations[name] = result(of_ours, of_floor, TARGETS.get(name))
            if worse(written, {name: operations[name]}):
                # Other work on the machine disturbs a short run; what is really worse is so the second time too.
                of_ours, of_floor = drive_both(name, requests, [ours, floor], postmaster(server), seconds, 2 * pairs)
                operations[name] = result(of_ours, of_floor, TARGETS.get(name))
        of_operations_alone = options.check or options.only
        batch = {} if of_operations_alone else measure_batch(ours, postmaster(server), url, seconds, pairs)
        return {
            "machine": machine(server),
            "command": shlex.join(["python", "-m", "benchmarks.run", *sys.argv[1:]]),
            "tasks": tasks,
            "seconds": seconds,
            "pairs": pairs,
            "operations": operations,
            "batch": batch,
            "memory": {each.name: memory(each.worker) for each in (ours, floor)},
        }


def all_requests(url: str) -> dict[str, Callable[[], Sequence[Request]]]:
    """What makes the requests of each operation."""
    same: dict[str, Callable[[], Sequence[Request]]] = {
        name: partial(list, requests) for name, requests in loads.loads(url).items()
    }
    return same | loads.conditional_writes(url)


def drive_both(
    name: str,
    requests: Callable[[], Sequence[Request]],
    servers: Sequence[Server],
    database: psutil.Process,
    seconds: int,
    pairs: int,
) -> list[list[Measure]]:
    """The measures of both servers, driven with requests that are made anew before each drive."""
    file = written_requests(name, requests())
    return drive_in_turn(
        servers, database, [file, file], seconds, pairs, refresh=lambda: written_requests(name, requests())
    )


def measure_batch(ours: Server, database: psutil.Process, url: str, seconds: int, pairs: int) -> dict[str, float]:
    """A goal and ten tasks as one batch, beside the same as eleven requests."""
    print("Batch …", file=sys.stderr, flush=True)
    batches, calls = loads.plans(url)
    files = [written_requests("batches", batches), written_requests("calls", calls)]
    of_batches, of_calls = drive_in_turn([ours, ours], database, files, seconds, pairs)
    calls_of_a_plan = 1 + loads.TASKS_OF_A_GOAL
    return {
        "per_second": round(middle(of_batches, "per_second"), 1),
        "per_second_by_calls": round(middle(of_calls, "per_second") / calls_of_a_plan, 1),
        "per_second_ratio": round(ratio(of_batches, of_calls, "per_second") * calls_of_a_plan, 3),
        "cpu_ratio": round(ratio(of_batches, of_calls, "server_us") / calls_of_a_plan, 3),
        "total_cpu_ratio": round(ratio(of_batches, of_calls, "total_us") / calls_of_a_plan, 3),
    }


def refuse_other_answers(ours: Server, floor: Server, request: Request) -> None:
    """End when both do not answer the same: then they would not do the same work."""
    answers = [ask(server, request) for server in (ours, floor)]
    if request.method != "GET":
        # A write changes versions and times; what can be compared is which fields there are, and how many rows it took.
        answers = [{name: name.endswith("_count") and answer[name] for name in answer} for answer in answers]
    elif "next_cursor" in answers[0]:
        # Each has cursors of its own; what can be compared is whether there is one.
        answers = [{**answer, "next_cursor": bool(answer.get("next_cursor"))} for answer in answers]
    if answers[0] != answers[1]:
        sys.exit(f"Service and floor answer {request.path} differently:\n{answers[0]}\n{answers[1]}")


def ask(server: Server, request: Request) -> Any:
    """The decoded answer to one request."""
    headers = {"Content-Type": "application/json"} if request.body else {}
    if request.header:
        name, value = request.header.split(": ", 1)
        headers[name] = value.replace("{unique}", str(uuid4()))
    response = httpx.request(request.method, server.url + request.path, content=request.body, headers=headers)
    if not response.is_success:
        sys.exit(f"The {server.name} answers {request.path} with {response.status_code}: {response.text}")
    return response.json()


def result(ours: Sequence[Measure], floor: Sequence[Measure], target: Target | None) -> dict[str, Any]:
    """The medians of both sides, the medians of the pairs' ratios, and whether they meet the target."""
    cpu, per_second = ratio(ours, floor, "server_us"), ratio(ours, floor, "per_second")
    return {
        "service": {figure: round(middle(ours, figure), 3) for figure in FIGURES},
        "floor": {figure: round(middle(floor, figure), 3) for figure in FIGURES},
        "cpu_ratio": round(cpu, 3),
        "per_second_ratio": round(per_second, 3),
        "total_cpu_ratio": round(ratio(ours, floor, "total_us"), 3),
        "cpu_target": target.cpu if target else None,
        "per_second_target": target.per_second if target else None,
        "met": cpu <= target.cpu and per_second >= target.per_second if target else None,
    }


def memory(worker: psutil.Process) -> dict[str, float]:
    """A worker's memory in MiB: all that is resident, and the part that it shares with no other process."""
    full = worker.memory_full_info()
    return {"resident": round(full.rss / MEBIBYTE, 1), "unique": round(full.uss / MEBIBYTE, 1)}


def table(operations: Mapping[str, Any]) -> str:
    """All operations, one a line."""
    return markdown_table(HEAD, [line(name, each) for name, each in operations.items()])


def line(name: str, found: Mapping[str, Any]) -> list[str]:
    """One operation's line."""
    places = (0, 2, 2, 0, 0)
    figures = [
        f"{found[side][figure]:.{digits}f}"
        for figure, digits in zip(FIGURES, places, strict=True)
        for side in ("service", "floor")
    ]
    return [
        name,
        *figures,
        f"{found['cpu_ratio']:.2f}",
        f"≤ {found['cpu_target']}" if found["cpu_target"] else "",
        f"{found['per_second_ratio']:.2f}",
        f"≥ {found['per_second_target']}" if found["per_second_target"] else "",
        f"{found['total_cpu_ratio']:.2f}",
        {True: "yes", False: "no", None: ""}[found["met"]],
    ]


def batch_line(found: Mapping[str, float]) -> str:
    """The batch beside single calls as a sentence; none when it was not measured."""
    if not found:
        return ""
    return (
        f"A goal and {loads.TASKS_OF_A_GOAL} tasks: {found['per_second']:.0f} a second as one batch each, "
        f"{found['per_second_by_calls']:.0f} as {1 + loads.TASKS_OF_A_GOAL} requests each; that is "
        f"{found['per_second_ratio']:.1f} times as many. The batch takes {found['cpu_ratio']:.2f} of the requests' "
        f"server CPU, and {found['total_cpu_ratio']:.2f} with PostgreSQL's."
    )


def memory_line(found: Mapping[str, Mapping[str, float]]) -> str:
    """The workers' memory as a sentence."""
    sides = [f"{name} {each['resident']} MiB resident, {each['unique']} MiB its own" for name, each in found.items()]
    return f"Memory of the worker after all of it: {'; '.join(sides)}."


def page(found: Mapping[str, Any]) -> str:
    """The results as a Markdown page."""
    return f"""# Benchmark

The service beside the floor (`benchmarks/floor.py`): equivalent SQL in a bare WSGI function on the same gunicorn, with
no framework, no validation and no ORM; the expanded list is a join there. Both answer from the same database of
{found["tasks"]} tasks and are driven in turn, {found["pairs"]} times {found["seconds"]} s each. Figures are medians;
ratios are service / floor, the median of the pairs. Only ratios tell something about the service: the rest depends on
the machine.

{table(found["operations"])}

{batch_line(found["batch"])}

Tasks that are claimed go to the end of those that are due, so that as many are left. With an Idempotency-Key both sides
store the answer; each request has a key of its own.

![CPU ratios](results.svg)

{memory_line(found["memory"])}
The floor's worker has the service's modules loaded, since `gunicorn.conf.py` imports them.

PostgreSQL writes the service's rows as JSON, while the floor makes JSON from values in Python. The column “CPU ratio
with PostgreSQL” counts both processes, so that work that has only moved shows.

{described(found["machine"])}
- Command: `{found["command"]}`
"""


def worse(written: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """A sentence for each operation that is clearly worse than what is written."""
    sentences = []
    for name, each in found.items():
        before = written.get(name)
        if before is None:
            continue
        if each["cpu_ratio"] > before["cpu_ratio"] * (1 + WORSE_BY):
            sentences.append(
                f"{name} uses {each['cpu_ratio']:.2f} times the floor's CPU; it was {before['cpu_ratio']:.2f}."
            )
        if each["per_second_ratio"] < before["per_second_ratio"] * (1 - WORSE_BY):
            sentences.append(
                f"{name} answers {each['per_second_ratio']:.2f} times the floor's requests a second; "
                f"it was {before['per_second_ratio']:.2f}."
            )
    return sentences


if __name__ == "__main__":
    main()
