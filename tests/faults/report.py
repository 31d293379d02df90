"""What a run under a fault has shown, and the table of all of them that docs/reliability.md has."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- table of faults: begin -->", "<!-- table of faults: end -->"
HEAD = (
    "| fault | times | requests | 2xx | other answers | no answer | open writes: done / absent | recovery, s "
    "| connections | memory, MiB |\n|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Footprint:
    """What the service occupies: sessions of the database, and memory that is its own, in MiB."""

    sessions: int
    memory: float


@dataclass(frozen=True)
class Result:
    """A run: how often the fault came, the answers, how the open writes turned out, and the worst recovery."""

    fault: str
    times: int
    outcomes: Counter[str]
    turned_out: Counter[str]
    recovery: float
    before: Footprint
    after: Footprint

    def row(self) -> str:
        """The run as a row of the table."""
        answers = self.outcomes
        others = [f"{name}: {answers[name]}" for name in sorted(answers) if name not in ("2xx", "no answer")]
        cells = [
            self.fault,
            self.times,
            f"{answers.total():,}",
            f"{answers['2xx']:,}",
            ", ".join(others) or "none",
            answers["no answer"],
            f"{self.turned_out['done']} / {self.turned_out['absent']}",
            f"{self.recovery:.2f}",
            f"{self.before.sessions} → {self.after.sessions}",
            f"{self.before.memory:.0f} → {self.after.memory:.0f}",
        ]
        return f"| {' | '.join(map(str, cells))} |"


def write_table(results: list[Result], seconds: int, place: Path) -> None:
    """Put the table between the marks of the document, or into a file of its own where there is no document."""
    command = f"`make test-faults SECONDS={seconds}`"
    write_between(
        BEGIN, END, "\n".join([f"As {command} found it:\n", HEAD, *(result.row() for result in results)]), place
    )


def write_between(begin: str, end: str, table: str, place: Path) -> None:
    """Put a table between its marks in the document, or into a file of its own where there is no document."""
    if place.exists() and begin in (text := place.read_text()):
        before, _, rest = text.partition(begin)
        place.write_text(f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}")
    else:
        place.write_text(f"{table}\n")
