"""The service at 10,000 and at 1,000,000 tasks: `python -m benchmarks.scale` measures both in turn, writes scale.md."""

import argparse
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

import psutil
import psycopg2

from app.models import Task
from app.query.model import Query
from app.query.parser import ask
from app.repositories import reads
from benchmarks import loads
from benchmarks.measuring import (
    FOLDER,
    Measure,
    Request,
    Server,
    described,
    drive_in_turn,
    loaded_database,
    machine,
    markdown_table,
    middle,
    postgres,
    postmaster,
    ratio,
    run_sql,
    service,
    written_requests,
)

PAGE = 100
STATEMENT_RUNS = 21
# A statement, and its values.
Statement = tuple[str, tuple[Any, ...]]
HEAD = (
    "Operation", "Requests/s", "larger", "p50 ms", "larger", "Server CPU µs", "larger", "PostgreSQL CPU µs", "larger",
    "CPU ratio", "p50 ratio",
)  # fmt: skip


def main() -> None:
    """Load both databases, measure them in turn, and write what was found."""
    options = read_options()
    with ExitStack() as open_until_the_end:
        server = open_until_the_end.enter_context(postgres())
        urls, loading = [], []
        for size in (options.small, options.large):
            started = time.monotonic()
            urls.append(open_until_the_end.enter_context(loaded_database(server, f"bench_scale_{size}", size)))
            loading.append(f"{size:,} tasks in {time.monotonic() - started:.0f} s")
        print(f"Loaded {'; '.join(loading)}.", flush=True)
        servers = [open_until_the_end.enter_context(service(url, f"service-{at}")) for at, url in enumerate(urls)]
        # Before anything is written, so that the total is counted as in a table that was vacuumed.
        statements = measure_list_statements(urls, (options.small, options.large))
        operations = measure_operations(servers, urls, postmaster(server), options.seconds, options.pairs)
        written = page(options, loading, operations, statements, described(machine(server)))
    print(written)
    (FOLDER / "scale.md").write_text(written)


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="how long each drive takes (4)")
    parser.add_argument("--pairs", type=int, default=5, help="how often the two sizes take turns (5)")
    parser.add_argument("--small", type=int, default=10_000, help="tasks in the smaller database (10000)")
    parser.add_argument("--large", type=int, default=1_000_000, help="tasks in the larger database (1000000)")
    return parser.parse_args()


def measure_operations(
    servers: Sequence[Server], urls: Sequence[str], database: psutil.Process, seconds: int, pairs: int
) -> dict[str, list[list[Measure]]]:
    """The measures of each operation at both sizes, but for those whose work grows with the table by their contract."""
    of_each: list[Mapping[str, list[Request]]] = [loads.loads(url) for url in urls]
    found = {}
    for name in of_each[0]:
        if name in (loads.HEALTH, loads.LIST):
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        files = [written_requests(f"{name}{at}", requests[name]) for at, requests in enumerate(of_each)]
        found[name] = drive_in_turn(servers, database, files, seconds, pairs)
    return found


def measure_list_statements(urls: Sequence[str], sizes: Sequence[int]) -> dict[str, list[float]]:
    """Milliseconds of the statements behind a list, at both sizes: its pages, near and far, and its exact total."""
    of_each = [list_statements(url, size) for url, size in zip(urls, sizes, strict=True)]
    return {name: timed_in_turn(urls, [each[name] for each in of_each]) for name in of_each[0]}


def list_statements(url: str, tasks: int) -> dict[str, Statement]:
    """The service's own statements for its list of so many tasks."""
    first = ask("tasks", {"sort": "-created_at", "limit": str(PAGE)})
    behind = run_sql(
        url,
        f"SELECT created_at, id::text FROM tasks ORDER BY created_at DESC, id DESC OFFSET {tasks - PAGE - 1} LIMIT 1",
    )[0]
    return {
        "First page of 100": page_statement(first),
        "Last page of 100, by cursor": page_statement(first._replace(after=behind)),
        "Last page of 100, by skip": page_statement(first._replace(skip=tasks - PAGE)),
        "Exact total": reads.count(Task, ()).bind(),
        "Estimated total": reads.estimate(Task, ()).bind(),
    }


def page_statement(query: Query) -> Statement:
    """The statement that reads one page."""
    return reads.page(Task, reads.shape_of(query)).bind(reads.values(query, more=1))


def timed_in_turn(urls: Sequence[str], statements: Sequence[Statement]) -> list[float]:
    """The median milliseconds of each database's statement, asked in turn; the first round does not count."""
    connections = [psycopg2.connect(url) for url in urls]
    times: list[list[float]] = [[] for _ in urls]
    for _ in range(STATEMENT_RUNS + 1):
        for connection, statement, taken in zip(connections, statements, times, strict=True):
            with connection.cursor() as cursor:
                started = time.perf_counter()
                cursor.execute(*statement)
                taken.append((time.perf_counter() - started) * 1000)
    for connection in connections:
        connection.close()
    return [median(taken[1:]) for taken in times]


def page(
    options: argparse.Namespace,
    loading: Sequence[str],
    operations: Mapping[str, Sequence[Sequence[Measure]]],
    statements: Mapping[str, Sequence[float]],
    machine_facts: str,
) -> str:
    """What was found as a Markdown page."""
    driven = markdown_table(HEAD, [line(name, *measured) for name, measured in operations.items()])
    asked = markdown_table(
        ("Statement of the list", "ms", "larger", "ratio"),
        [(name, f"{small:.2f}", f"{large:.2f}", f"{large / small:.1f}") for name, (small, large) in statements.items()],
    )
    command = shlex.join(["python", "-m", "benchmarks.scale", *sys.argv[1:]])
    return f"""# Scale

The service at {options.small:,} and at {options.large:,} tasks, 100 for each person. Both databases are in one
PostgreSQL, each behind a server of its own, and are driven in turn, {options.pairs} times {options.seconds} s each.
Ratios are larger / smaller, the median of the pairs; the CPU ratio is of server and PostgreSQL together.

{driven}

A list is two statements. A page comes from an index and does not grow with the table, however deep: the last page is
number {options.small // PAGE:,} and {options.large // PAGE:,}. By `skip`, it grows with what is left out. The exact
total is counted, and grows with the table; the estimated one is the planner's.

{asked}

Loaded and vacuumed: {"; ".join(loading)}.

{machine_facts}
- Command: `{command}`
"""


def line(name: str, small: Sequence[Measure], large: Sequence[Measure]) -> list[str]:
    """One operation's line."""
    figures = ("per_second", "p50_ms", "server_us", "postgres_us")
    cells = [
        f"{middle(side, figure):.{digits}f}"
        for figure, digits in zip(figures, (0, 2, 0, 0), strict=True)
        for side in (small, large)
    ]
    return [name, *cells, f"{ratio(large, small, 'total_us'):.2f}", f"{ratio(large, small, 'p50_ms'):.2f}"]


if __name__ == "__main__":
    main()
