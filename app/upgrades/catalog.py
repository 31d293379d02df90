"""What PostgreSQL's catalogue tells of the tables of a schema: columns, constraints, indexes and triggers."""

from dataclasses import dataclass, field
from typing import Any

from app.database import database

COLUMNS = """
SELECT c.relname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull,
    coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'identity' END)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum
"""
TABLES = """
SELECT relname, relrowsecurity, coalesce(reloptions, '{}'), greatest(reltuples, 0)::bigint
FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'
"""
CONSTRAINTS = """
SELECT c.relname, quote_ident(k.conname), k.contype::text, pg_get_constraintdef(k.oid),
    pg_get_expr(k.conbin, k.conrelid),
    ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS n(number, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number ORDER BY n.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = %s::regnamespace AND k.contype IN ('c', 'f', 'p') ORDER BY k.conname
"""
INDEXES = """
SELECT c.relname, quote_ident(i.relname), x.indisunique, pg_get_indexdef(i.oid), pg_get_expr(x.indpred, x.indrelid),
    ARRAY(SELECT quote_ident(a.attname) FROM unnest(x.indkey::int[]) WITH ORDINALITY AS n(number, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.number ORDER BY n.place),
    (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('u', 'p', 'x'))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND x.indisvalid ORDER BY i.relname
"""
TRIGGERS = """
SELECT c.relname, quote_ident(t.tgname), pg_get_triggerdef(t.oid), t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = %s::regnamespace AND NOT t.tgisinternal ORDER BY t.tgname
"""
FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = %s::regnamespace AND p.prokind = 'f'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1
"""


@dataclass(frozen=True)
class Column:
    """A column: its type and default as PostgreSQL writes them, and whether it refuses null."""

    name: str
    type: str
    not_null: bool
    default: str | None


@dataclass(frozen=True)
class Constraint:
    """A check (kind c), foreign key (f) or primary key (p); `expression` is a check's condition."""

    name: str
    kind: str
    definition: str
    expression: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """An index; `constraint` is the definition of the constraint that it is part of, if it is of one."""

    name: str
    unique: bool
    definition: str
    predicate: str | None
    columns: tuple[str, ...]
    constraint: str | None

    @property
    def does(self) -> tuple[bool, str]:
        """What the index does, whatever it is called."""
        return self.unique, self.definition.partition(" USING ")[2]


@dataclass(frozen=True)
class Trigger:
    """A trigger; `enabled` is PostgreSQL's letter for when it fires (D: never)."""

    name: str
    definition: str
    enabled: str


@dataclass
class Table:
    """A table with all that is on it; `rows` is about how many it has, as of the last ANALYZE."""

    name: str
    row_security: bool
    options: tuple[str, ...]
    rows: int
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)

    def has_constraint(self, wanted: Constraint) -> bool:
        """Whether the table has a constraint of this definition, under any name."""
        return any(each.definition == wanted.definition for each in self.constraints)


def tables(schema: str) -> dict[str, Table]:
    """The tables of a schema by name, with every definition as it reads with this schema in the search path alone.

    What the tables have is named as SQL writes it, in quotes where it needs them.
    """
    database.execute_sql(f"SET LOCAL search_path = {schema}; SET LOCAL quote_all_identifiers = off")
    found = {
        name: Table(name, secured, tuple(options), rows)
        for name, secured, options, rows in database.read(TABLES, (schema,))
    }
    # A table that came between two of these statements is left out.
    for table, *column in _of(found, COLUMNS, schema):
        found[table].columns[column[0]] = Column(*column)
    for table, name, kind, definition, expression, columns in _of(found, CONSTRAINTS, schema):
        found[table].constraints.append(Constraint(name, kind, definition, expression, tuple(columns)))
    for table, name, unique, definition, predicate, columns, constraint in _of(found, INDEXES, schema):
        unqualified = definition.replace(f" ON {schema}.", " ON ")
        found[table].indexes.append(Index(name, unique, unqualified, predicate, tuple(columns), constraint))
    for table, name, definition, enabled in _of(found, TRIGGERS, schema):
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


def _of(tables: dict[str, Table], query: str, schema: str) -> list[tuple[Any, ...]]:
    return [row for row in database.read(query, (schema,)) if row[0] in tables]
