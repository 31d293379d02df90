"""Rows of an older program's database that break a rule of ours, and what becomes of them when they are mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import available_timezones

from app.database import database
from app.upgrades.catalog import Column, Part, Table, defaults_for_null

# A check would refuse every UPDATE of a row that breaks it, so where such rows stay a trigger takes its place.
KEPT = "keeps the value; it can stay, and only what is written from now on is checked"
NUMBERS = ("integer", "double precision")
EXAMPLES = 3
# When a row was changed last, the nearest first.
TIMES = ("updated_at", "created_at", "sent_at")


@dataclass(frozen=True)
class Rule:
    """What rows must not be: `broken` is the condition, over columns of `table`, of those that break the rule.

    `mend` is SQL for the column's new value, or None where the row is kept as it is; `check` the constraint that the
    rule is of, if it is of one. Where `stops`, nothing but a change by hand helps.
    """

    table: str
    column: str
    name: str
    broken: str
    mend: str | None
    summary: str
    check: str | None = None
    stops: bool = False


@dataclass(frozen=True)
class Broken:
    """How many rows break a rule, and the ids of some."""

    rule: Rule
    rows: int
    ids: tuple[str, ...]


def rules(theirs: dict[str, Table], ours: dict[str, Table]) -> list[Rule]:
    """Every rule of ours that the existing tables do not keep to already."""
    shared = [(theirs[name], table) for name, table in ours.items() if name in theirs]
    return [rule for table, wanted in shared for rule in _rules_of_table(table, wanted)]


def find_broken(all_rules: list[Rule]) -> list[Broken]:
    """The rules that rows break, with their numbers. One statement for each rule."""
    found = [Broken(rule, *_count(rule)) for rule in all_rules]
    return [each for each in found if each.rows]


def mend(broken: list[Broken]) -> Iterator[tuple[str, int]]:
    """Keep each row that is to be changed whole, as it was, then change it; tells what, and how many rows."""
    to_change = [each.rule for each in broken if each.rule.mend is not None]
    for rule in to_change:
        database.change(
            'INSERT INTO mended_rows ("table", id, "row", rule) '
            f"SELECT %s, id, to_jsonb(t), %s FROM {rule.table} AS t WHERE {rule.broken.replace('%', '%%')}",
            (rule.table, rule.name),
        )
    for rule in to_change:
        ids = 'SELECT id FROM mended_rows WHERE "table" = %s AND rule = %s AND at = now()'
        rows = database.change(
            f"UPDATE {rule.table} SET {rule.column} = {rule.mend} WHERE id IN ({ids})", (rule.table, rule.name)
        )
        yield f"{rule.table}: {rule.name}: {rule.summary}", rows


def _rules_of_table(theirs: Table, ours: Table) -> Iterator[Rule]:
    kept = {each.does for each in theirs.parts}
    for part in ours.parts:
        if part.does in kept or not set(part.columns) <= theirs.columns.keys():
            continue
        if part.kind == "c":
            column = ours.columns[part.columns[-1]]
            name, broken = f"{column.name}: {part.condition}", f"NOT ({part.condition})"
            yield Rule(ours.name, column.name, name, broken, *_mended_value(column), part.name)
        elif part.unique:
            yield _rule_of_key(theirs, part, defaults_for_null(theirs, ours))
    if ours.name == "users":
        yield from _rules_of_people(theirs)


def _mended_value(column: Column) -> tuple[str | None, str]:
    """SQL for what the column's wrong value becomes, and that in words."""
    otherwise = column.default if column.not_null and column.default else "NULL"
    if column.type in NUMBERS:
        return otherwise, f"sets {column.name} to {otherwise.lower()}"
    if column.type == "jsonb":
        wrapped = f"jsonb_build_object('value', {column.name})"
        return (
            f"CASE jsonb_typeof({column.name}) WHEN 'null' THEN {otherwise} ELSE {wrapped} END",
            f'puts what {column.name} holds into an object, as {{"value": …}}; a JSON null becomes {otherwise.lower()}',
        )
    return None, KEPT


def _rule_of_key(theirs: Table, key: Part, defaults: dict[str, str]) -> Rule:
    """Of rows with one key the one that was changed last keeps it; the others keep all but its last column."""
    filled = ", ".join(
        f"coalesce({name}, {defaults[name]}) AS {name}" if name in defaults and name not in TIMES else name
        for name in theirs.columns
    )
    column = key.columns[-1]
    changed = f"coalesce({', '.join(name for name in TIMES if name in theirs.columns)})"
    having = " AND ".join(f"{each} IS NOT NULL" for each in key.columns)
    within = f"{having} AND {key.condition}" if key.condition else having
    older = (
        "SELECT id FROM (SELECT id, row_number() OVER "
        f"(PARTITION BY {key.keys} ORDER BY {changed} DESC NULLS LAST, id DESC) AS place "
        f"FROM (SELECT {filled} FROM {theirs.name}) AS filled WHERE {within}) AS keyed WHERE place > 1"
    )
    together = key.keys[1:-1].replace(", ", " and ")
    name = f"{together} are unique" if len(key.columns) > 1 else f"{together} is unique"
    summary = f"the newest row keeps its {column}; the older ones lose theirs"
    if theirs.columns[column].not_null:
        summary = "cannot: which of them is to keep it only you know; change the others by hand"
        return Rule(theirs.name, column, name, f"id IN ({older})", None, summary, stops=True)
    return Rule(theirs.name, column, name, f"id IN ({older})", "NULL", summary)


def _rules_of_people(theirs: Table) -> Iterator[Rule]:
    """What the API asks of a new value, and no constraint."""
    no_address = r"email !~ '^[^@[:space:]]+@[^@[:space:].]+(\.[^@[:space:].]+)+$'"
    yield Rule("users", "email", "email is an address", no_address, None, KEPT)
    if "timezone" in theirs.columns:
        names = ", ".join(f"'{name}'" for name in sorted(available_timezones()))
        no_zone = f"timezone NOT IN ({names})"
        yield Rule("users", "timezone", "timezone is an IANA name", no_zone, None, KEPT)


def _count(rule: Rule) -> tuple[int, tuple[str, ...]]:
    [(rows, ids)] = database.read(
        f"SELECT count(*), (array_agg(id::text ORDER BY id))[1:{EXAMPLES}] FROM {rule.table} WHERE {rule.broken}"
    )
    return rows, tuple(ids or ())
