"""The ledger: every request that the load made, what was answered, and what of it is in the database afterwards."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conftest import run_alone

# Each write leaves its mark, a text of its own, in the title or the description of the rows that it makes or changes.
MARKS = """
SELECT mark, count(*) FROM (SELECT title AS mark FROM tasks UNION ALL SELECT description FROM tasks) AS marked
WHERE mark IS NOT NULL GROUP BY mark"""
COUNTERS = "SELECT id::text, target_weeks FROM goals"
# Of every counter, when it is made.
COUNTS_FROM = 1
IN_DOUBT = "in-doubt"


@dataclass
class Entry:
    """A request and its answer. `status` is None when none came; `rows` is how many rows get the mark if it is done."""

    kind: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    mark: str = ""
    key: str | None = None
    rows: int = 0
    counter: str | None = None
    status: int | None = None
    problem: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0

    @property
    def writes(self) -> bool:
        return bool(self.mark)

    @property
    def done(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def open(self) -> bool:
        """Whether nobody told the caller what became of it."""
        return not self.done and (self.status is None or self.problem == IN_DOUBT)

    @property
    def outcome(self) -> str:
        """The answer in a word."""
        if self.status is None:
            return "no answer"
        return "2xx" if self.done else f"{self.status} {self.problem}"


class Ledger:
    """Entries in the order of their ends, also as lines in a file for who wants to know what happened."""

    def __init__(self, file: Path) -> None:
        self.entries: list[Entry] = []
        self.file = file
        self._lock = threading.Lock()

    def note(self, entry: Entry) -> None:
        with self._lock:
            self.entries.append(entry)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Write the file at the end of the block, however it ends."""
        try:
            yield
        finally:
            self.file.write_text("".join(json.dumps(asdict(entry)) + "\n" for entry in self.entries))

    @property
    def writes(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.writes]

    def outcomes(self) -> Counter[str]:
        """How often each answer came."""
        return Counter(entry.outcome for entry in self.entries)

    def check_answers(self, url: str) -> Counter[str]:
        """Compare the answers with the database, before anything is repeated; how the open ones turned out."""
        marks, turned_out = dict(run_alone(url, MARKS)), Counter[str]()
        for entry in self.writes:
            if entry.counter:
                continue
            found = marks.get(entry.mark, 0)
            expected = _rows_that_may_be(entry)
            assert found in expected, f"{found} rows in the place of {expected}; see {self.file}: {entry}"
            if entry.open:
                turned_out["done" if found else "absent"] += 1
        self._check_counters(url)
        return turned_out

    def check_settled(self, url: str) -> None:
        """After every write that failed was repeated: each is there once."""
        marks = dict(run_alone(url, MARKS))
        for entry in self.writes:
            found = marks.get(entry.mark, 0)
            assert entry.done, f"It could not be settled: {entry}"
            assert found == entry.rows, f"{found} rows in the place of {entry.rows}; see {self.file}: {entry}"
        self._check_counters(url)

    def _check_counters(self, url: str) -> None:
        """A counter has grown by what was answered 2xx, and at most by what was not answered besides."""
        counts = dict(run_alone(url, COUNTERS))
        for goal in {entry.counter for entry in self.entries if entry.counter}:
            counted = counts[goal]
            mine = [entry for entry in self.entries if entry.counter == goal]
            surely, perhaps = sum(entry.done for entry in mine), sum(entry.open for entry in mine)
            assert surely <= counted - COUNTS_FROM <= surely + perhaps, f"{goal}: {counted}, {surely}, {perhaps}"


def _rows_that_may_be(entry: Entry) -> set[int]:
    """How many rows may have the mark, after this answer."""
    if entry.done:
        return {entry.rows}
    return {0, entry.rows} if entry.open else {0}
