"""Taking over the database of an older Flux program: in place, in one transaction, without losing a value."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from time import monotonic, sleep

from app.database import atomic, database, migrations
from app.database.failures import translated_errors
from app.errors import Busy
from app.upgrades import catalog, changes, log, rules
from app.upgrades.catalog import Table
from app.upgrades.changes import Change
from app.upgrades.log import Undo
from app.upgrades.recognition import tables_of
from app.upgrades.rules import Broken

# What the migrations make is made here first, so that they alone say what a database of ours looks like.
REFERENCE = "flux_dao_reference"
# Measured with 1,000,000 tasks, on a slow disk; see docs/supabase.md.
ROWS_A_SECOND = 10_000
LOCK_PAUSE_SECONDS = 0.1

# PostgreSQL's letters for when a trigger fires, and what brings that back.
ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}

Report = Callable[[str], None]


class BrokenRows(Exception):
    """Rows break a rule of ours, so that the database is not taken over as it is; says what to do, and which."""

    def __init__(self, detail: str, broken: list[Broken]) -> None:
        super().__init__(detail)
        self.broken = broken


@dataclass(frozen=True)
class Plan:
    """What taking the database over changes, in order; `broken` are the rows that break a rule."""

    generation: str
    tables: list[str]
    new_functions: list[str]
    new_tables: list[Table]
    columns: list[Change]
    fillings: list[Change]
    rest: list[Change]
    kept_indexes: list[str]
    broken: list[Broken] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """What is done, a line for each thing."""
        for table in self.new_tables:
            yield f"{table.name}: makes the table"
        for change in [*self.columns, *self.fillings, *self.rest]:
            yield f"{change.table}: {change.summary}"
        yield from self.kept_indexes


def plan(generation: str) -> Plan:
    """What taking the database over would change. Needs a transaction, which is to be undone or used by `execute`.

    Raises Conflict when something of our names is in the way.
    """
    migrations.build(REFERENCE)
    ours, our_functions = catalog.tables(REFERENCE), catalog.functions(REFERENCE)
    theirs, their_functions = catalog.tables("public"), catalog.functions("public")
    in_the_way = sorted(set(our_functions) & set(their_functions))
    changes.refuse_what_is_in_the_way(theirs, ours, tables_of(generation), in_the_way)
    broken = rules.find_broken(rules.rules(theirs, ours))
    kept = [each for each in broken if each.rule.mend is None]
    shared = [(theirs[name], table) for name, table in ours.items() if name in theirs]
    return Plan(
        generation=generation,
        tables=[table.name for table, _ in shared],
        new_functions=our_functions,
        new_tables=[table for name, table in ours.items() if name not in theirs],
        columns=[change for pair in shared for change in changes.columns(*pair)],
        fillings=[filling for pair in shared if (filling := changes.filling(*pair))],
        rest=[change for pair in shared for change in _rest(*pair, kept)],
        kept_indexes=[
            line for theirs, ours in shared for line in _kept_indexes(theirs, list(changes.indexes(theirs, ours)))
        ],
        broken=broken,
    )


def execute(plan: Plan, report: Report) -> None:
    """Do what the plan says, in the transaction in which it was made; tells each step when it is done.

    Everybody else waits for the tables until that transaction ends.
    """
    undos = list(_move_what_is_new(plan))
    with _without_triggers(plan.tables):
        for summary, rows in rules.mend(plan.broken):
            report(f"{summary}: {rows:,} rows")
        _apply(plan.columns, report)
        for filling in plan.fillings:
            with _timed(report) as step:
                rows = database.change(filling.statement)
                step(f"{filling.table}: {filling.summary}: {rows:,} rows")
    _apply(plan.rest, report)
    undos += [undo for change in [*plan.columns, *plan.rest] if (undo := change.undoing())]
    log.write(plan.generation, migrations.names()[-1], undos)
    database.execute_sql(f"DROP SCHEMA {REFERENCE} CASCADE")
    with _timed(report) as step:
        database.execute_sql(f"ANALYZE {', '.join(plan.tables)}")
        step("analyzes the tables")


def lock(tables: Sequence[str], report: Report, timeout: int) -> None:
    """Keep everybody else from the tables until the transaction ends; tells beforehand for about how long that is.

    Raises Busy when others use them for longer than `timeout` seconds; with 0 it waits as long as it takes.
    """
    rows = sum(database.read(f"SELECT count(*) FROM {table}")[0][0] for table in tables)
    report(
        f"Locks {', '.join(tables)}, together {rows:,} rows. Until the end, in about {1 + rows // ROWS_A_SECOND} s, "
        "nobody else can read or write them."
    )
    deadline = monotonic() + timeout
    while not _locked(tables):
        if timeout and monotonic() > deadline:
            raise Busy(
                f"Other programs kept the tables in use for {timeout} s, so nothing was changed. Stop them for as long "
                "as this takes, try again at a quieter time, or raise DATABASE_LOCK_TIMEOUT."
            )
        sleep(LOCK_PAUSE_SECONDS)
    # Where it would hide rows even from the owner, PostgreSQL says so from here on.
    database.execute_sql("SET LOCAL row_security = off")


def _locked(tables: Sequence[str]) -> bool:
    """Whether all of the tables could be locked at once: waiting for one after the other could stop others for good."""
    try:
        with atomic(), translated_errors:
            database.execute_sql(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE NOWAIT")
    except Busy:
        return False
    return True


def refuse_broken(broken: list[Broken], mend: bool) -> None:
    """Raise BrokenRows where rows break a rule and are not to be mended, or cannot be."""
    if any(each.rule.stops for each in broken):
        raise BrokenRows("Some of these rows only you can mend, so nothing was changed.", broken)
    if broken and not mend:
        raise BrokenRows(
            "These rows break a rule, so nothing was changed. Correct them, or run flask db upgrade --mend, which does "
            "what the table says and keeps each row that it changes as it was in mended_rows.",
            broken,
        )


def _rest(theirs: Table, ours: Table, kept: list[Broken]) -> Iterator[Change]:
    of_table = [each for each in kept if each.rule.table == theirs.name]
    yield from changes.constraints(theirs, ours, {each.rule.check for each in of_table if each.rule.check})
    yield from changes.indexes(theirs, ours)
    yield from changes.triggers(theirs, ours, of_table)
    yield from changes.row_security(theirs)


def _kept_indexes(theirs: Table, changed: list[Change]) -> Iterator[str]:
    statements = " ".join(change.statement for change in changed)
    for index in theirs.indexes:
        if f" {index.name}" not in statements:
            yield f"{theirs.name}: keeps index {index.name}"


def _move_what_is_new(plan: Plan) -> Iterator[Undo]:
    for function in plan.new_functions:
        database.execute_sql(f"ALTER FUNCTION {REFERENCE}.{function} SET SCHEMA public")
        yield Undo(f"DROP FUNCTION {function}", f"makes function {function}")
    for table in plan.new_tables:
        database.execute_sql(f"ALTER TABLE {REFERENCE}.{table.name} SET SCHEMA public")
        # They refer to the tables beside which they were made.
        for each in (constraint for constraint in table.constraints if constraint.kind == "f"):
            database.execute_sql(
                f"ALTER TABLE {table.name} DROP CONSTRAINT {each.name}, ADD CONSTRAINT {each.name} {each.definition}"
            )
        holds_rows = f"SELECT EXISTS (SELECT FROM {table.name})" if table.name == "mended_rows" else None
        yield Undo(f"DROP TABLE {table.name}", f"{table.name}: makes the table", holds_rows)


def _apply(all_changes: Sequence[Change], report: Report) -> None:
    """Do the changes in order; clauses of one table that follow each other are one ALTER TABLE, which reads it once."""
    for (table, clause), group in groupby(all_changes, lambda change: (change.table, change.clause)):
        together = list(group)
        parts = [", ".join(each.statement for each in together)] if clause else [each.statement for each in together]
        summary = [", ".join(each.summary for each in together)] if clause else [each.summary for each in together]
        for statement, what in zip(parts, summary, strict=True):
            with _timed(report) as step:
                database.execute_sql(f"ALTER TABLE {table} {statement}" if clause else statement)
                step(f"{table}: {what}")


@contextmanager
def _timed(report: Report) -> Iterator[Report]:
    """Give a function that tells a step with how long it took."""
    started = monotonic()
    yield lambda what: report(f"{what} ({monotonic() - started:.1f} s)")


@contextmanager
def _without_triggers(tables: Sequence[str]) -> Iterator[None]:
    """A block in which no trigger of the tables fires: nothing that they keep, updated_at for one, is to change."""
    firing = [
        (name, trigger)
        for name, table in catalog.tables("public").items()
        if name in tables
        for trigger in table.triggers
        if trigger.enabled in ENABLE
    ]
    for table, trigger in firing:
        database.execute_sql(f"ALTER TABLE {table} DISABLE TRIGGER {trigger.name}")
    yield
    for table, trigger in firing:
        database.execute_sql(f"ALTER TABLE {table} {ENABLE[trigger.enabled]} TRIGGER {trigger.name}")
