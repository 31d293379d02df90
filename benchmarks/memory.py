"""The worker's memory: over 100,000 requests, and while a long transcript is sent (`python -m benchmarks.memory`)."""

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import httpx
import psutil

from benchmarks import loads
from benchmarks.measuring import (
    Server,
    drive,
    loaded_database,
    postgres,
    postmaster,
    run_sql,
    service,
    written_requests,
)

TASKS = 10_000
SECONDS_AT_ONCE = 10
SAMPLE_EVERY_SECONDS = 0.02
MEBIBYTE = 2**20
MIXED = (loads.GET_ONE, loads.LIST, loads.PATCH)

ADD_MESSAGES = """
    INSERT INTO messages (id, conversation_id, role, content, created_at)
    SELECT gen_random_uuid(), conversation.id, CASE WHEN turn % 2 = 1 THEN 'user' ELSE 'assistant' END,
           'This is turn ' || turn || ' of a conversation that never seems to come to an end.',
           now() - (100000000 - turn) * interval '1 millisecond'
    FROM (SELECT id FROM conversations LIMIT 1) AS conversation, generate_series(1, {count}) AS turn
    RETURNING conversation_id::text
"""


@dataclass
class Peak:
    """The most memory that was seen."""

    mebibytes: float = 0


def main() -> None:
    """Measure both and print them."""
    options = read_options()
    with postgres() as database, loaded_database(database, "bench_memory", TASKS) as url, service(url) as server:
        report_requests(server, postmaster(database), url, options.requests)
    # A worker of its own, whose memory no other requests have stretched.
    with postgres() as database, loaded_database(database, "bench_memory", TASKS) as url, service(url) as server:
        report_transcript(server, url, options.messages)


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many requests at least (100000)")
    parser.add_argument("--messages", type=int, default=100_000, help="how many messages the transcript has (100000)")
    return parser.parse_args()


def report_requests(server: Server, database: psutil.Process, url: str, wanted: int) -> None:
    """Print the worker's memory before and after so many requests: GET of one, list and PATCH by turns."""
    worker = server.worker
    of_each = loads.loads(url)
    mixed = chain.from_iterable(zip(of_each[MIXED[0]], of_each[MIXED[1]] * TASKS, of_each[MIXED[2]], strict=False))
    file = written_requests("mixed", mixed)
    print(f"Worker before any request: {resident(worker):.1f} MiB", flush=True)
    sent = drive(server, database, file, 1).requests
    print(f"After {sent:,} requests: {resident(worker):.1f} MiB", flush=True)
    tenth = wanted // 10
    while sent < wanted:
        shown = sent // tenth
        sent += drive(server, database, file, SECONDS_AT_ONCE).requests
        if sent // tenth > shown:
            print(f"After {sent:,} requests: {resident(worker):.1f} MiB", flush=True)


def report_transcript(server: Server, url: str, count: int) -> None:
    """Print the worker's memory before, at most while, and after a transcript of so many messages is read."""
    conversation = run_sql(url, ADD_MESSAGES.format(count=count))[0][0]
    run_sql(url, "VACUUM (ANALYZE) messages")
    httpx.get(f"{server.url}/api/v1/tasks").raise_for_status()
    worker = server.worker
    before = resident(worker)
    started = time.monotonic()
    with sampled(worker) as peak:
        received = read_whole(f"{server.url}/api/v1/messages?conversation_id={conversation}")
    print(
        f"Transcript of {count:,} messages, {received / MEBIBYTE:.1f} MiB in {time.monotonic() - started:.1f} s: "
        f"worker before {before:.1f} MiB, at most {peak.mebibytes:.1f} MiB "
        f"(+{peak.mebibytes - before:.1f}), after {resident(worker):.1f} MiB"
    )


def read_whole(url: str) -> int:
    """The bytes of an answer, read piece by piece and not kept."""
    with httpx.stream("GET", url, timeout=120) as response:
        response.raise_for_status()
        return sum(len(piece) for piece in response.iter_bytes())


@contextmanager
def sampled(worker: psutil.Process) -> Iterator[Peak]:
    """The most memory that the worker had during the block, looked at every 20 ms."""
    peak = Peak()
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_EVERY_SECONDS):
            peak.mebibytes = max(peak.mebibytes, resident(worker))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peak
    finally:
        ended.set()
        sampler.join()


def resident(worker: psutil.Process) -> float:
    """Its resident memory in MiB."""
    return worker.memory_info().rss / MEBIBYTE


if __name__ == "__main__":
    main()
