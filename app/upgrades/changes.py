"""What an existing database lacks to be ours, as statements in their order, each with the one that undoes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import Conflict
from app.upgrades.catalog import Column, Constraint, Index, Table, defaults_for_null
from app.upgrades.log import Undo
from app.upgrades.rules import Broken

# Where a table never had the time at which a row was made, the column that comes nearest.
MADE_AT = {"notification_log": "sent_at"}


@dataclass(frozen=True)
class Change:
    """One change of a table: a clause of its ALTER TABLE, or a statement of its own; and what undoes it.

    `summary` is what is done to which thing, such as «adds version». The undoing is left out where `unless`, a SELECT,
    gives true: rows made since are in its way.
    """

    table: str
    summary: str
    statement: str
    undo: str | None
    clause: bool = False
    unless: str | None = None

    def undoing(self) -> Undo | None:
        """What goes into the log."""
        if self.undo is None:
            return None
        statement = f"ALTER TABLE {self.table} {self.undo}" if self.clause else self.undo
        return Undo(statement, f"{self.table}: {self.summary}", self.unless)


def refuse_what_is_in_the_way(
    theirs: dict[str, Table], ours: dict[str, Table], of_generation: list[str], functions: list[str]
) -> None:
    """Raise Conflict when something of our names is not what it should be: a table or column, one of `functions`."""
    for function in functions:
        raise Conflict(f"There is a function {function} that is not ours. Rename it, or drop it if nothing uses it.")
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


def columns(theirs: Table, ours: Table) -> Iterator[Change]:
    """The columns that are missing, with the defaults that our rows have; and the room for changes in each page."""
    for column in ours.columns.values():
        if column.name not in theirs.columns:
            clause = f"ADD COLUMN {column.name} {column.type}{_default(column)}{' NOT NULL' * column.not_null}"
            yield Change(theirs.name, f"adds {column.name}", clause, f"DROP COLUMN {column.name}", clause=True)
    for option in ours.options:
        name = option.partition("=")[0]
        if name not in {each.partition("=")[0] for each in theirs.options}:
            yield Change(theirs.name, f"sets {option}", f"SET ({option})", f"RESET ({name})", clause=True)


def filling(theirs: Table, ours: Table) -> Change | None:
    """Nulls get the default where ours has one, since that is what the older programs meant by them."""
    values = {
        name: f"coalesce({name}, {default})"
        for name, default in defaults_for_null(theirs, ours).items()
        if name != "updated_at"
    }
    some = [f"{name} IS NULL" for name in values]
    if theirs.name in MADE_AT and "created_at" not in theirs.columns:
        values["created_at"] = f"coalesce({MADE_AT[theirs.name]}, now())"
    if "updated_at" in ours.columns and not _is_never_null(theirs, "updated_at"):
        created = values.get("created_at", "created_at")
        known = "updated_at, " if "updated_at" in theirs.columns else ""
        values["updated_at"] = f"coalesce({known}{created})"
        # Whoever never knew when a row was changed knows when it was made; that is for every row.
        some = [*some, "updated_at IS NULL"] if known else []
    if not values:
        return None
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    where = f" WHERE {' OR '.join(some)}" if some else ""
    update = f"UPDATE {theirs.name} SET {assignments}{where}"
    return Change(theirs.name, f"fills {', '.join(values)}", update, None)


def constraints(theirs: Table, ours: Table, kept_checks: set[str]) -> Iterator[Change]:
    """Defaults, nulls, checks and keys. Checks in `kept_checks` are left out: rows that stay break them."""
    yield from _defaults(theirs, ours)
    yield from _nulls(theirs, ours)
    yield from _checks(theirs, ours, kept_checks)
    yield from _references(theirs, ours)


def indexes(theirs: Table, ours: Table) -> Iterator[Change]:
    """Indexes that do the same get our name; others of the same key go; those that are missing are made."""
    left = list(theirs.indexes)
    for wanted in ours.indexes:
        same = [each for each in left if each.does == wanted.does]
        if same:
            left = [each for each in left if each not in same]
            keeper = next((each for each in same if each.constraint), same[0])
            if wanted.name != keeper.name:
                yield Change(
                    theirs.name,
                    f"renames index {keeper.name} to {wanted.name}",
                    f"ALTER INDEX {keeper.name} RENAME TO {wanted.name}",
                    f"ALTER INDEX {wanted.name} RENAME TO {keeper.name}",
                )
            yield from (_drop(theirs, each) for each in same if each is not keeper and not each.constraint)
            continue
        # One without a predicate is a rule of its own, or serves an ON CONFLICT that ours does not.
        replaced = [each for each in left if each.predicate and _same_key(each, wanted)]
        left = [each for each in left if each not in replaced]
        yield from (_drop(theirs, each) for each in replaced)
        yield Change(theirs.name, f"makes index {wanted.name}", wanted.definition, f"DROP INDEX {wanted.name}")


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
    there = {trigger.name for trigger in theirs.triggers}
    for trigger in (each for each in ours.triggers if each.name not in there):
        yield Change(
            theirs.name,
            f"makes trigger {trigger.name}",
            trigger.definition,
            f"DROP TRIGGER {trigger.name} ON {theirs.name}",
        )


def row_security(theirs: Table) -> Iterator[Change]:
    """Row level security, where it is not enabled."""
    if not theirs.row_security:
        clauses = ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY")
        yield Change(theirs.name, "enables row level security", *clauses, clause=True)


def _default(column: Column) -> str:
    return f" DEFAULT {column.default}" if column.default else ""


def _is_never_null(table: Table, name: str) -> bool:
    return name in table.columns and table.columns[name].not_null


def _defaults(theirs: Table, ours: Table) -> Iterator[Change]:
    """Our defaults where there is none. Theirs stay: the older programs count on them, and we name every column."""
    for column in ours.columns.values():
        if column.default and column.name in theirs.columns and theirs.columns[column.name].default is None:
            yield Change(
                theirs.name,
                f"sets the default of {column.name}",
                f"ALTER COLUMN {column.name} SET{_default(column)}",
                f"ALTER COLUMN {column.name} DROP DEFAULT",
                clause=True,
            )


def _nulls(theirs: Table, ours: Table) -> Iterator[Change]:
    for column in ours.columns.values():
        if column.name not in theirs.columns or column.not_null == theirs.columns[column.name].not_null:
            continue
        refuse, allow = f"ALTER COLUMN {column.name} SET NOT NULL", f"ALTER COLUMN {column.name} DROP NOT NULL"
        if column.not_null:
            yield Change(theirs.name, f"refuses null in {column.name}", refuse, allow, clause=True)
        else:
            nulls = f"SELECT EXISTS (SELECT FROM {theirs.name} WHERE {column.name} IS NULL)"
            yield Change(theirs.name, f"allows null in {column.name}", allow, refuse, clause=True, unless=nulls)


def _checks(theirs: Table, ours: Table, kept_checks: set[str]) -> Iterator[Change]:
    left = [each for each in theirs.constraints if each.kind == "c"]
    for wanted in (each for each in ours.constraints if each.kind == "c"):
        same = next((each for each in left if each.definition == wanted.definition), None)
        if same:
            left.remove(same)
            yield from _rename(theirs, same, wanted)
            continue
        old = [each for each in left if each.name == wanted.name]
        left = [each for each in left if each not in old]
        yield from _replace_check(theirs, wanted, old, kept_checks)
    # What an older program's own checks are called by PostgreSQL; any other is somebody's rule, and stays.
    for free in left:
        if free.name in {f"{theirs.name}_{column}_check" for column in free.columns if column in ours.columns}:
            yield Change(
                theirs.name,
                f"drops {free.name}",
                f"DROP CONSTRAINT {free.name}",
                f"ADD CONSTRAINT {free.name} {free.definition}",
                clause=True,
                unless=_breaking(theirs, [free]),
            )


def _replace_check(theirs: Table, wanted: Constraint, old: list[Constraint], kept_checks: set[str]) -> Iterator[Change]:
    if not set(wanted.columns) <= theirs.columns.keys() or wanted.name not in kept_checks:
        drops = [f"DROP CONSTRAINT {each.name}" for each in old]
        adds = [f"ADD CONSTRAINT {each.name} {each.definition}" for each in old]
        yield Change(
            theirs.name,
            f"{'replaces' if old else 'adds'} {wanted.name}",
            ", ".join([*drops, f"ADD CONSTRAINT {wanted.name} {wanted.definition}"]),
            ", ".join([f"DROP CONSTRAINT {wanted.name}", *adds]),
            clause=True,
            unless=_breaking(theirs, old) if old else None,
        )


def _breaking(theirs: Table, checks: list[Constraint]) -> str:
    """The SELECT that tells whether a row breaks one of these checks."""
    broken = " OR ".join(f"NOT ({each.expression})" for each in checks)
    return f"SELECT EXISTS (SELECT FROM {theirs.name} WHERE {broken})"


def _references(theirs: Table, ours: Table) -> Iterator[Change]:
    left = [each for each in theirs.constraints if each.kind == "f"]
    for wanted in (each for each in ours.constraints if each.kind == "f"):
        old = [each for each in left if each.columns == wanted.columns]
        same = next((each for each in old if each.definition == wanted.definition), None)
        if same:
            yield from _rename(theirs, same, wanted)
            old.remove(same)
        elif old:
            drops = ", ".join(f"DROP CONSTRAINT {each.name}" for each in old)
            adds = ", ".join(f"ADD CONSTRAINT {each.name} {each.definition}" for each in old)
            yield Change(
                theirs.name,
                f"replaces {wanted.name}",
                f"{drops}, ADD CONSTRAINT {wanted.name} {wanted.definition}",
                f"DROP CONSTRAINT {wanted.name}, {adds}",
                clause=True,
            )
        else:
            clauses = (f"ADD CONSTRAINT {wanted.name} {wanted.definition}", f"DROP CONSTRAINT {wanted.name}")
            yield Change(theirs.name, f"adds {wanted.name}", *clauses, clause=True)


def _rename(theirs: Table, there: Constraint, wanted: Constraint) -> Iterator[Change]:
    # PostgreSQL takes a RENAME only by itself.
    if there.name != wanted.name:
        rename = f"ALTER TABLE {theirs.name} RENAME CONSTRAINT"
        yield Change(
            theirs.name,
            f"renames {there.name} to {wanted.name}",
            f"{rename} {there.name} TO {wanted.name}",
            f"{rename} {wanted.name} TO {there.name}",
        )


def _same_key(one: Index, other: Index) -> bool:
    return one.unique and other.unique and one.columns == other.columns


def _drop(theirs: Table, index: Index) -> Change:
    return Change(theirs.name, f"drops index {index.name}", f"DROP INDEX {index.name}", index.definition)


def _trigger(theirs: Table, name: str, summary: str, body: str) -> Iterator[Change]:
    """A trigger before each write, and its function, which nobody may call by itself."""
    function = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$\n"
        f"BEGIN\n{body}    RETURN NEW;\nEND\n$body$"
    )
    yield Change(theirs.name, f"makes function {name}", function, f"DROP FUNCTION {name}()")
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
