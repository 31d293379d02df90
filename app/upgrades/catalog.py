"""What PostgreSQL's catalogue tells of the tables of a schema: columns, constraints, indexes, triggers."""

from dataclasses import dataclass
from pathlib import Path

from app.database import database

# Stands in the place of a default where the column numbers its rows.
IDENTITY = "identity"
FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = %s::regnamespace AND p.prokind = 'f'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1
"""
# Of tables, indexes, sequences, views: they share their names.
NAMES_IN_BOTH = """
SELECT relname::text FROM pg_class theirs JOIN pg_class ours USING (relname)
WHERE theirs.relnamespace = 'public'::regnamespace AND ours.relnamespace = %s::regnamespace
"""


@dataclass(frozen=True)
class Column:
    """A column: its type and default as PostgreSQL writes them, and whether it refuses null."""

    name: str
    type: str
    not_null: bool
    default: str | None


@dataclass(frozen=True)
class Part:
    """A check (kind c), a foreign key (f) or an index (i) of a table.

    `definition` is all of it but its name, `condition` that of a check or of an index of some rows; `columns` has also
    those in an index's expressions. `keys` is what an index is of, in parentheses: columns or expressions. `make` and
    `drop` are the statements that do so.
    """

    table: str
    kind: str
    name: str
    definition: str
    columns: list[str]
    condition: str | None
    unique: bool
    in_constraint: bool
    keys: str
    make: str
    drop: str

    @property
    def does(self) -> tuple[str, bool, str]:
        """What it does, whatever it is called."""
        return self.kind, self.unique, self.definition

    def rename(self, name: str, new_name: str) -> str:
        """The statement that renames it from one name to the other."""
        if self.kind == "i":
            return f"ALTER INDEX {name} RENAME TO {new_name}"
        return f"ALTER TABLE {self.table} RENAME CONSTRAINT {name} TO {new_name}"


@dataclass(frozen=True)
class Trigger:
    """A trigger; `enabled` is PostgreSQL's letter for when it fires (D: never)."""

    name: str
    definition: str
    enabled: str


@dataclass(frozen=True)
class Table:
    """A table with all that is on it."""

    name: str
    row_security: bool
    options: list[str]
    columns: dict[str, Column]
    parts: list[Part]
    triggers: list[Trigger]


def tables(schema: str) -> dict[str, Table]:
    """The tables of a schema by name, with every definition as it reads with this schema in the search path alone.

    What the tables have is named as SQL writes it, in quotes where it needs them.
    """
    database.execute_sql(f"SET LOCAL search_path = {schema}; SET LOCAL quote_all_identifiers = off")
    query = Path(__file__).with_name("tables.sql").read_text()
    return {
        name: Table(
            name,
            row_security,
            options,
            {column["name"]: Column(**column) for column in columns},
            [Part(name, **part) for part in parts],
            [Trigger(**trigger) for trigger in triggers],
        )
        for name, row_security, options, columns, parts, triggers in database.read(query, {"schema": schema})
    }


def defaults_for_null(theirs: Table, ours: Table) -> dict[str, str]:
    """The columns that may be null there and not here, with our defaults: what their null means."""
    return {
        name: column.default
        for name, column in ours.columns.items()
        if column.not_null and column.default and name in theirs.columns and not theirs.columns[name].not_null
    }


def functions(schema: str) -> list[str]:
    """The functions of a schema with the types of their arguments, without those of extensions."""
    database.execute_sql(f"SET LOCAL search_path = {schema}")
    return [name for (name,) in database.read(FUNCTIONS, (schema,))]


def names_in_both(schema: str) -> set[str]:
    """The names that something in this schema has and something in public too."""
    return {name for (name,) in database.read(NAMES_IN_BOTH, (schema,))}
