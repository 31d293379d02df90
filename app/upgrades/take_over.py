"""Taking over the database of an older Flux program: in place, in one transaction, without losing a value."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from app.database import atomic, database, migrations
from app.errors import Busy
from app.upgrades import catalog, changes, log, rules
from app.upgrades.catalog import Table
from app.upgrades.changes import Change
from app.upgrades.recognition import tables_of
from app.upgrades.rules import Broken

# What the migrations make is made here first, so that they alone say what a database of ours looks like.
REFERENCE = "flux_dao_reference"
# Measured with 1,000,000 tasks, on a slow disk; see docs/supabase.md.
ROWS_A_SECOND = 10_000
LOCK_PAUSE_SECONDS = 0.1

Report = Callable[[str], None]


class BrokenRows(Exception):
    """Rows break a rule of ours, so that the database is not taken over as it is; says what to do, and which."""

    def __init__(self, detail: str, broken: list[Broken]) -> None:
        super().__init__(detail)
        self.broken = broken


@dataclass(frozen=True)
class Plan:
    """What taking the database over changes, in order; `broken` are the rows that break a rule.

    `first` makes what is new and pauses the triggers, so that rows can be mended before the `rest`.
    """

    generation: str
    tables: list[str]
    first: list[Change]
    rest: list[Change]
    broken: list[Broken]

    def lines(self) -> list[str]:
        """What is done, a line for each thing."""
        return [str(change) for change in [*self.first, *self.rest]]


def plan(generation: str) -> Plan:
    """What taking the database over would change. Needs a transaction, which is to be undone or used by `execute`.

    Raises Conflict when something of our names is in the way.
    """
    migrations.build(REFERENCE)
    ours, our_functions = catalog.tables(REFERENCE), catalog.functions(REFERENCE)
    theirs, their_functions = catalog.tables("public"), catalog.functions("public")
    in_both = catalog.names_in_both(REFERENCE)
    changes.refuse_what_is_in_the_way(theirs, ours, tables_of(generation), in_both)
    broken = rules.find_broken(rules.rules(theirs, ours))
    shared = [(theirs[name], table) for name, table in ours.items() if name in theirs]
    pauses = [pair for table, _ in shared for pair in changes.pauses(table)]
    planned = Plan(
        generation,
        [table.name for table, _ in shared],
        [
            *map(_move_function, our_functions),
            *(_move_table(table) for name, table in ours.items() if name not in theirs),
            *(pause for pause, _ in pauses),
        ],
        [
            *(change for pair in shared for change in changes.columns(*pair)),
            *(change for pair in shared for change in changes.fillings(*pair)),
            *(change for pair in shared for change in changes.numbering(*pair)),
            *(resume for _, resume in pauses),
            *(change for pair in shared for change in _rules_and_indexes(*pair, broken)),
        ],
        broken,
    )
    changes.refuse_functions_in_the_way([*planned.first, *planned.rest], their_functions)
    return planned


def execute(plan: Plan, report: Report) -> None:
    """Do what the plan says, in the transaction in which it was made; tells each step when it is done.

    Everybody else waits for the tables until that transaction ends.
    """
    _apply(plan.first, report)
    for summary, rows in rules.mend(plan.broken):
        report(f"{summary}: {rows:,} rows")
    _apply(plan.rest, report)
    log.write(plan.generation, migrations.names()[-1], [*plan.first, *plan.rest])
    database.execute_sql(f"DROP SCHEMA {REFERENCE} CASCADE")
    database.execute_sql(f"ANALYZE {', '.join(plan.tables)}")


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
        with atomic():
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


def _rules_and_indexes(theirs: Table, ours: Table, broken: list[Broken]) -> Iterator[Change]:
    kept = [each for each in broken if each.rule.mend is None and each.rule.table == theirs.name]
    yield from changes.defaults_and_nulls(theirs, ours)
    yield from changes.parts(theirs, ours, {each.rule.check for each in kept if each.rule.check})
    yield from changes.triggers(theirs, ours, kept)
    yield from changes.row_security(theirs)


def _move_function(name: str) -> Change:
    move = f"ALTER FUNCTION {REFERENCE}.{name} SET SCHEMA public"
    return Change(name, changes.MAKES_FUNCTION, move, f"DROP FUNCTION {name}")


def _move_table(table: Table) -> Change:
    # Its references lead to the tables beside which it was made.
    references = [statement for each in table.parts if each.kind == "f" for statement in (each.drop, each.make)]
    move = "; ".join([f"ALTER TABLE {REFERENCE}.{table.name} SET SCHEMA public", *references])
    holds_rows = f"SELECT EXISTS (SELECT FROM {table.name})" if table.name == "mended_rows" else None
    return Change(table.name, "makes the table", move, f"DROP TABLE {table.name}", holds_rows)


def _apply(changes: Sequence[Change], report: Report) -> None:
    for change in changes:
        if change.statement:
            started = monotonic()
            database.execute_sql(change.statement)
            report(f"{change} ({monotonic() - started:.1f} s)")
