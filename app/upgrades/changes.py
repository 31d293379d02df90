"""What an existing database lacks to be ours, as statements in their order, each with the one that undoes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import Conflict
from app.upgrades.catalog import IDENTITY, Column, Part, Table, defaults_for_null
from app.upgrades.rules import Broken

# Where a table never had the time at which a row was made, the column that comes nearest.
MADE_AT = {"notification_log": "sent_at"}
MAKES_FUNCTION = "makes the function"
# PostgreSQL's letters for when a trigger fires, and what brings that back.
ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True)
class Change:
    """What is done to a table or function, such as «adds version», by which statement; without one it stays as it is.

    The statement that undoes it is left out where `unless`, a SELECT, gives true: rows made since are in its way.
    """

    of: str
    summary: str
    statement: str | None = None
    undo: str | None = None
    unless: str | None = None

    def __str__(self) -> str:
        return f"{self.of}: {self.summary}"


def refuse_what_is_in_the_way(
    theirs: dict[str, Table], ours: dict[str, Table], of_generation: list[str], names_in_both: set[str]
) -> None:
    """Raise Conflict when something of our names is not what it should be: a table, a column, a trigger, an index."""
    known = set(theirs)
    for name in sorted(ours.keys() & theirs.keys()):
        missing = ours[name].columns.keys() - theirs[name].columns.keys()
        if missing and name not in of_generation:
            raise Conflict(
                f"The table {name} is another program's, as it has no {', '.join(sorted(missing))}. Rename it, or move "
                "it to another schema."
            )
        wanted_triggers = {trigger.name: trigger.definition for trigger in ours[name].triggers}
        for trigger in theirs[name].triggers:
            if wanted_triggers.get(trigger.name, trigger.definition) != trigger.definition:
                raise Conflict(f"{name} has a trigger {trigger.name} that is not ours. Rename it.")
        for column in theirs[name].columns.values():
            wanted = ours[name].columns.get(column.name)
            if wanted is not None and wanted.type != column.type:
                raise Conflict(
                    f"{name}.{column.name} is {column.type}, and must be {wanted.type}. Change its type, or rename it."
                )
            if wanted is None and column.not_null and column.default is None:
                raise Conflict(
                    f"{name}.{column.name} is no column of the service and refuses null, so that nothing could be "
                    "written. Give it a default, or let it be null."
                )
        known |= {
            wanted.name
            for wanted in ours[name].parts
            for part in theirs[name].parts
            if part.name == wanted.name
            and (part.does == wanted.does or _replaces(wanted, part) or _stands_beside(wanted, part))
        }
    for name in sorted(names_in_both - known):
        raise Conflict(f"{name} is there, and is not ours. Rename it, or drop it if nothing uses it.")


def refuse_functions_in_the_way(changes: list[Change], functions: list[str]) -> None:
    """Raise Conflict when a function that is to be made is one of these, which are there."""
    made = {change.of for change in changes if change.summary == MAKES_FUNCTION}
    for function in sorted(made & set(functions)):
        raise Conflict(f"There is a function {function} that is not ours. Rename it, or drop it if nothing uses it.")


def pauses(theirs: Table) -> Iterator[tuple[Change, Change]]:
    """Keeps the table's triggers from firing, since nothing that they keep is to change; each with what resumes it."""
    alter = f"ALTER TABLE {theirs.name}"
    for each in theirs.triggers:
        if each.enabled in ENABLE:
            yield (
                Change(theirs.name, f"pauses {each.name}", f"{alter} DISABLE TRIGGER {each.name}"),
                Change(theirs.name, f"resumes {each.name}", f"{alter} {ENABLE[each.enabled]} TRIGGER {each.name}"),
            )


def columns(theirs: Table, ours: Table) -> Iterator[Change]:
    """The columns that are missing, with the defaults that our rows have; and the room for changes in each page."""
    alter = f"ALTER TABLE {theirs.name}"
    for column in ours.columns.values():
        if column.name not in theirs.columns:
            add = f"{alter} ADD COLUMN {column.name} {column.type}{_default(column)}{' NOT NULL' * column.not_null}"
            yield Change(theirs.name, f"adds {column.name}", add, f"{alter} DROP COLUMN {column.name}")
    for option in ours.options:
        name = option.partition("=")[0]
        if name not in {each.partition("=")[0] for each in theirs.options}:
            yield Change(theirs.name, f"sets {option}", f"{alter} SET ({option})", f"{alter} RESET ({name})")


def fillings(theirs: Table, ours: Table) -> Iterator[Change]:
    """Nulls get the default where ours has one, since that is what the older programs meant by them."""
    values = {
        name: f"coalesce({name}, {default})"
        for name, default in defaults_for_null(theirs, ours).items()
        if name != "updated_at"
    }
    some = [f"{name} IS NULL" for name in values]
    if theirs.name in MADE_AT and "created_at" not in theirs.columns:
        values["created_at"] = f"coalesce({MADE_AT[theirs.name]}, now())"
    updated_at = theirs.columns.get("updated_at")
    if "updated_at" in ours.columns and not (updated_at and updated_at.not_null):
        created = values.get("created_at", "created_at")
        values["updated_at"] = f"coalesce({'updated_at, ' if updated_at else ''}{created})"
        # Whoever never knew when a row was changed knows when it was made; that is for every row.
        some = [*some, "updated_at IS NULL"] if updated_at else []
    if not values:
        return
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    where = f" WHERE {' OR '.join(some)}" if some else ""
    update = f"UPDATE {theirs.name} SET {assignments}{where}"
    yield Change(theirs.name, f"fills {', '.join(values)}", update)


def numbering(theirs: Table, ours: Table) -> Iterator[Change]:
    """The order in which rows were stored, as well as it is known: PostgreSQL numbers a new column as the rows lie."""
    if "row_order" in ours.columns and "row_order" not in theirs.columns:
        # Ids of UUIDv7 grow in the order in which they were made.
        order = "created_at, CASE WHEN substr(id::text, 15, 1) = '7' THEN id END, ctid"
        numbered = f"SELECT id, row_number() OVER (ORDER BY {order}) AS number FROM {theirs.name}"
        update = f"UPDATE {theirs.name} AS t SET row_order = number FROM ({numbered}) AS n WHERE n.id = t.id"
        yield Change(theirs.name, "numbers the rows in their order", update)


def defaults_and_nulls(theirs: Table, ours: Table) -> Iterator[Change]:
    """Our defaults where there is none; and null is refused, or allowed, as in ours.

    Defaults of theirs stay: the older programs count on them, and we name every column.
    """
    for column in ours.columns.values():
        existing = theirs.columns.get(column.name)
        if existing is None:
            continue
        alter = f"ALTER TABLE {theirs.name} ALTER COLUMN {column.name}"
        refuse, allow = f"{alter} SET NOT NULL", f"{alter} DROP NOT NULL"
        if column.default and existing.default is None:
            default = f"{alter} SET{_default(column)}"
            yield Change(theirs.name, f"sets the default of {column.name}", default, f"{alter} DROP DEFAULT")
        if column.not_null and not existing.not_null:
            yield Change(theirs.name, f"refuses null in {column.name}", refuse, allow)
        if existing.not_null and not column.not_null:
            nulls = f"SELECT EXISTS (SELECT FROM {theirs.name} WHERE {column.name} IS NULL)"
            yield Change(theirs.name, f"allows null in {column.name}", allow, refuse, nulls)


def parts(theirs: Table, ours: Table, kept_checks: set[str]) -> Iterator[Change]:
    """Checks, references and indexes: what does the same gets our name, what ours replaces goes, what lacks is made.

    Checks in `kept_checks` are left out: rows that stay break them.
    """
    left = list(theirs.parts)
    for wanted in ours.parts:
        same = [each for each in left if each.does == wanted.does]
        old = same or [each for each in left if _replaces(wanted, each)]
        left = [each for each in left if each not in old]
        if same:
            yield from _renamed(wanted, same)
            continue
        beside = [each for each in left if _stands_beside(wanted, each)]
        left = [each for each in left if each not in beside]
        for number, part in enumerate(beside, start=1):
            yield _renaming(part, f"{wanted.name}{number}")
        if wanted.name not in kept_checks:
            yield Change(
                theirs.name,
                f"{'replaces' if old else 'makes'} {_label(wanted)}",
                "; ".join([*(each.drop for each in old), wanted.make]),
                "; ".join([wanted.drop, *(each.make for each in old)]),
                _breaking(old),
            )
    for part in left:
        # What an older program's own checks are called by PostgreSQL; any other is somebody's rule, and stays.
        names = {f"{theirs.name}_{column}_check" for column in part.columns if column in ours.columns}
        if part.kind == "c" and part.name in names:
            yield Change(theirs.name, f"drops {part.name}", part.drop, part.make, _breaking([part]))
        else:
            yield Change(theirs.name, f"keeps {_label(part)}")


def triggers(theirs: Table, ours: Table, kept: list[Broken]) -> Iterator[Change]:
    """The trigger that counts versions; one that fills nulls in; and one for each check that rows may break."""
    defaults = defaults_for_null(theirs, ours)
    if defaults:
        body = "".join(f"    NEW.{name} := coalesce(NEW.{name}, {value});\n" for name, value in defaults.items())
        yield from _trigger(
            theirs, f"{theirs.name}_defaults", f"lets null mean the default of {', '.join(defaults)}", body
        )
    for broken in kept:
        if broken.rule.check:
            yield from _trigger(
                theirs, broken.rule.check, f"checks {broken.rule.column} where it changes", _check_of_changes(broken)
            )
    existing = {trigger.name for trigger in theirs.triggers}
    for trigger in (each for each in ours.triggers if each.name not in existing):
        drop = f"DROP TRIGGER {trigger.name} ON {theirs.name}"
        yield Change(theirs.name, f"makes trigger {trigger.name}", trigger.definition, drop)


def row_security(theirs: Table) -> Iterator[Change]:
    """Row level security, where it is not enabled."""
    if not theirs.row_security:
        alter = f"ALTER TABLE {theirs.name} {{}} ROW LEVEL SECURITY"
        yield Change(theirs.name, "enables row level security", alter.format("ENABLE"), alter.format("DISABLE"))


def _default(column: Column) -> str:
    if column.default == IDENTITY:
        return " GENERATED BY DEFAULT AS IDENTITY"
    return f" DEFAULT {column.default}" if column.default else ""


def _replaces(wanted: Part, existing: Part) -> bool:
    """Whether ours takes the place of one that does something else."""
    if wanted.kind != existing.kind:
        return False
    if wanted.kind == "c":
        return wanted.name == existing.name
    # An index without a condition is a rule of its own, or serves an ON CONFLICT that ours does not.
    is_key = wanted.unique and existing.unique and existing.condition is not None
    return wanted.columns == existing.columns and (wanted.kind == "f" or is_key)


def _stands_beside(wanted: Part, existing: Part) -> bool:
    """Whether it is another key of the same column, as one that heeds case: an ON CONFLICT may need it, so it stays."""
    is_key = wanted.unique and existing.unique and wanted.condition is None and existing.condition is None
    return is_key and wanted.columns == existing.columns and wanted.does != existing.does


def _renaming(part: Part, name: str) -> Change:
    summary = f"renames {_label(part)} to {name}"
    return Change(part.table, summary, part.rename(part.name, name), part.rename(name, part.name))


def _renamed(wanted: Part, same: list[Part]) -> Iterator[Change]:
    """One that does the same keeps on, under our name; other indexes go."""
    keeper = next((each for each in same if each.in_constraint), same[0])
    if keeper.name != wanted.name:
        yield _renaming(keeper, wanted.name)
    for twin in same:
        if twin is not keeper and not twin.in_constraint:
            yield Change(wanted.table, f"drops {_label(twin)}", twin.drop, twin.make)


def _label(part: Part) -> str:
    return f"index {part.name}" if part.kind == "i" else part.name


def _breaking(old: list[Part]) -> str | None:
    """The SELECT that tells whether a row breaks one of these, if they are checks."""
    broken = " OR ".join(f"NOT ({each.condition})" for each in old if each.kind == "c")
    return f"SELECT EXISTS (SELECT FROM {old[0].table} WHERE {broken})" if broken else None


def _trigger(theirs: Table, name: str, summary: str, body: str) -> Iterator[Change]:
    """A trigger before each write, and its function, which nobody may call by itself."""
    function = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$\n"
        f"BEGIN\n{body}    RETURN NEW;\nEND\n$body$"
    )
    yield Change(f"{name}()", MAKES_FUNCTION, function, f"DROP FUNCTION {name}()")
    made = f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {theirs.name} FOR EACH ROW EXECUTE FUNCTION {name}()"
    yield Change(theirs.name, summary, made, f"DROP TRIGGER {name} ON {theirs.name}")


def _check_of_changes(broken: Broken) -> str:
    """The check as a trigger's: a value that stays as it is may break it."""
    rule = broken.rule
    return (
        f"    IF (TG_OP = 'INSERT' OR NEW.{rule.column} IS DISTINCT FROM OLD.{rule.column})\n"
        f"        AND (SELECT {rule.broken} FROM (SELECT NEW.*) AS new) THEN\n"
        f'        RAISE EXCEPTION \'new row for relation "{rule.table}" violates check "{rule.check}"\'\n'
        f"            USING ERRCODE = 'check_violation', TABLE = '{rule.table}', CONSTRAINT = '{rule.check}';\n"
        "    END IF;\n"
    )
