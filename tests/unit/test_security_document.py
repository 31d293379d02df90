"""docs/security.md: each of the ten risks has a row, and each test that a row names exists."""

import ast
import re

import pytest

from app.config import PROJECT

DOCUMENT = (PROJECT / "docs" / "security.md").read_text()
ROWS = [line for line in DOCUMENT.splitlines() if line.startswith("| [API")]
TESTS = {
    node.name
    for file in (PROJECT / "tests").rglob("test_*.py")
    for node in ast.walk(ast.parse(file.read_text()))
    if isinstance(node, ast.FunctionDef)
}
# What opens a connection to anywhere; psycopg2 opens those to the database that the settings name.
CALLING_OUT = {"urllib.request", "http.client", "requests", "httpx", "urllib3", "aiohttp", "ftplib", "smtplib"}


def test_each_of_the_ten_risks_has_a_row():
    assert [re.match(r"\| \[(API\d+)\]", row)[1] for row in ROWS] == [f"API{number}" for number in range(1, 11)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("]")[0].strip("| ["))
def test_the_tests_that_a_row_names_exist(row: str):
    named = set(re.findall(r"`(test_\w+)`", row))
    assert named
    assert named - TESTS == set()


def test_the_service_imports_nothing_that_could_call_out():
    imported = {
        name
        for file in (PROJECT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _names(node)
    }
    assert imported & CALLING_OUT == set()


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
