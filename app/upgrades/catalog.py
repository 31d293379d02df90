"""What PostgreSQL's catalogue tells of the tables of a schema: columns, constraints, indexes, triggers."""

from dataclasses import dataclass, field
from typing import Any

from app.database import database

# Stands in the place of a default where the column numbers its rows.
IDENTITY = "identity"
COLUMNS = """
SELECT c.relname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull,
    coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'identity' END)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum
"""
TABLES = """
SELECT relname, relrowsecurity, coalesce(reloptions, '{}') FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'r'
"""
PARTS = """
SELECT c.relname, k.contype::text, quote_ident(k.conname), pg_get_constraintdef(k.oid),
    ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS n(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.number ORDER BY n.place),
    pg_get_expr(k.conbin, k.conrelid), false, true
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = %(schema)s::regnamespace AND k.contype IN ('c', 'f')
UNION ALL
SELECT c.relname, 'i', quote_ident(i.relname), regexp_replace(pg_get_indexdef(i.oid), '^.*? USING ', 'USING '),
    ARRAY(SELECT quote_ident(a.attname) FROM unnest(x.indkey::int[]) WITH ORDINALITY AS n(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND (a.attnum = n.number OR n.number = 0 AND EXISTS (
              SELECT FROM pg_depend d WHERE d.objid = i.oid AND d.refobjid = c.oid AND d.refobjsubid = a.attnum))
          ORDER BY n.place),
    pg_get_expr(x.indpred, x.indrelid), x.indisunique,
    EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('u', 'p', 'x'))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r' AND x.indisvalid ORDER BY 2, 3
"""
TRIGGERS = """
SELECT c.relname, quote_ident(t.tgname), pg_get_triggerdef(t.oid), t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal ORDER BY t.tgname
"""
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
    those in an index's expressions.
    """

    table: str
    kind: str
    name: str
    definition: str
    columns: tuple[str, ...]
    condition: str | None
    unique: bool
    in_constraint: bool

    @property
    def does(self) -> tuple[str, bool, str]:
        """What it does, whatever it is called."""
        return self.kind, self.unique, self.definition

    @property
    def keys(self) -> str:
        """What an index is of, in parentheses: columns or expressions."""
        return self.definition.removeprefix("USING btree ").partition(" WHERE ")[0]

    @property
    def make(self) -> str:
        """The statement that makes it."""
        if self.kind == "i":
            return f"CREATE {'UNIQUE ' * self.unique}INDEX {self.name} ON {self.table} {self.definition}"
        return f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name} {self.definition}"

    @property
    def drop(self) -> str:
        """The statement that drops it."""
        return (
            f"DROP INDEX {self.name}" if self.kind == "i" else f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name}"
        )

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


@dataclass
class Table:
    """A table with all that is on it."""

    name: str
    row_security: bool
    options: tuple[str, ...]
    columns: dict[str, Column] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)


def tables(schema: str) -> dict[str, Table]:
    """The tables of a schema by name, with every definition as it reads with this schema in the search path alone.

    What the tables have is named as SQL writes it, in quotes where it needs them.
    """
    database.execute_sql(f"SET LOCAL search_path = {schema}; SET LOCAL quote_all_identifiers = off")
    named = {"schema": schema}
    found = {name: Table(name, secured, tuple(options)) for name, secured, options in database.read(TABLES, named)}
    # A table that came between two of these statements is left out.
    for table, *column in _of(found, COLUMNS, named):
        found[table].columns[column[0]] = Column(*column)
    for table, kind, name, definition, columns, *rest in _of(found, PARTS, named):
        found[table].parts.append(Part(table, kind, name, definition, tuple(columns), *rest))
    for table, name, definition, enabled in _of(found, TRIGGERS, named):
        found[table].triggers.append(Trigger(name, definition.replace(f" ON {schema}.", " ON "), enabled))
    return found


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


def _of(tables: dict[str, Table], query: str, named: dict[str, str]) -> list[tuple[Any, ...]]:
    return [row for row in database.read(query, named) if row[0] in tables]
