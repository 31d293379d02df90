"""The walls of the house: who may import what. See docs/design.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import PROJECT

WALLS = {
    "app/api": ("peewee", "playhouse", "psycopg2", "app.models"),
    "app/query": ("flask", "flask_smorest", "werkzeug", "peewee", "playhouse", "psycopg2", "app.api", "app.database",
                  "app.repositories"),
    "app/repositories": ("flask", "flask_smorest", "werkzeug", "marshmallow", "app.api", "app.schemas"),
    "app/schemas": ("flask", "flask_smorest", "werkzeug", "peewee", "playhouse", "psycopg2", "app.api", "app.models",
                    "app.database", "app.repositories", "app.query"),
    "app/models.py": ("flask", "marshmallow", "app.api", "app.schemas", "app.repositories", "app.cli", "app.config",
                      "app.errors"),
    "app/database": ("app.api", "app.schemas", "app.repositories", "app.models", "app.cli", "marshmallow"),
    "app/telemetry": ("app.api", "app.schemas", "app.repositories", "app.models", "app.cli", "app.database", "peewee",
                      "psycopg2", "marshmallow"),
    "app/errors.py": ("app", "flask", "peewee", "psycopg2", "marshmallow", "werkzeug"),
    "app/auth": ("flask", "flask_smorest", "werkzeug", "marshmallow", "peewee", "psycopg2", "app.api", "app.schemas",
                 "app.query", "app.cli"),
    "app/development": ("flask", "peewee", "psycopg2", "app.api", "app.cli", "app.database", "app.repositories"),
    "app/serving": ("peewee", "psycopg2", "marshmallow", "app.models", "app.repositories", "app.schemas", "app.query",
                    "app.cli"),
    "app/upgrades": ("flask", "marshmallow", "app.api", "app.schemas", "app.query", "app.cli"),
    "app/docs": ("peewee", "playhouse", "psycopg2", "app.models", "app.database", "app.cli"),
    "app/mcp": ("flask", "peewee", "playhouse", "psycopg2", "app.api", "app.models", "app.database", "app.repositories",
                "app.cli"),
    "app/config": ("app.api", "app.schemas", "app.repositories", "app.models", "app.cli", "app.database",
                      "app.telemetry", "app.errors", "flask", "peewee"),
}  # fmt: skip


def files(place: str) -> list[Path]:
    path = PROJECT / place
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [file for file in found if not {"made", "node_modules"} & set(file.parts)]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("place", "forbidden"), WALLS.items(), ids=WALLS)
def test_a_room_imports_nothing_from_behind_its_walls(place: str, forbidden: tuple[str, ...]):
    crossings = [
        f"{file.relative_to(PROJECT)} imports {name}"
        for file in files(place)
        for name in imported(file)
        if any(name == wall or name.startswith(f"{wall}.") for wall in forbidden)
    ]
    assert crossings == []


SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s")


def test_repositories_leave_it_to_peewee_to_write_sql():
    written = [
        f"{file.relative_to(PROJECT)}:{node.lineno}"
        for file in files("app/repositories")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert written == []


def test_every_file_opens_with_what_it_is_for():
    every = files("app") + files("tests") + files("examples") + files("migrations")
    assert [str(file) for file in every if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_nothing_lies_loose_in_the_package():
    loose = {file.name for file in (PROJECT / "app").glob("*.py")}
    assert loose == {"__init__.py", "errors.py", "exact_json.py", "models.py"}


def of_other_rooms(file: Path) -> Iterator[tuple[str, str]]:
    """The modules and names that a file imports from other rooms of the package."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app."):
            module = PROJECT / (node.module or "").replace(".", "/")
            if file.parent not in (module, module.parent):
                yield from ((node.module or "", alias.name) for alias in node.names)


def test_what_other_rooms_call_says_what_they_get():
    called = {name for file in files("app") for name in of_other_rooms(file)}
    silent = [
        f"{module}: {node.name}"
        for module in {module for module, _ in called}
        for place in (PROJECT / f"{module.replace('.', '/')}.py", PROJECT / module.replace(".", "/") / "__init__.py")
        if place.is_file()
        for node in ast.parse(place.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (module, node.name) in called
        if not ast.get_docstring(node)
    ]
    assert silent == []


STANDS_NOT_ALONE = re.compile(r"(The same|As \w+'s|Likewise|Ditto)\b")


def test_a_docstring_stands_alone():
    leaning = [
        f"{file.relative_to(PROJECT)}:{node.lineno}"
        for file in files("app")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and STANDS_NOT_ALONE.match(ast.get_docstring(node) or "")
    ]
    assert leaning == []
