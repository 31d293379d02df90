"""No regular expression of the app takes longer than its text is long: what a stranger sends would hold a thread."""

import ast
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import product
from time import thread_time
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError, validate

from app.api.auth import request_key
from app.api.blueprint import merges_objects
from app.api.responses import NDJSON, wants_stream
from app.config import PROJECT

# Four times the text takes four times as long, or sixteen times where each character is looked at from each other.
SIZES = (1_400, 5_600, 22_500, 90_000)
MAX_RATIO = 9
# Seconds of CPU, of which such an expression takes many more for 5,600 characters.
FLOOR = 0.003
METHODS = ("fullmatch", "match", "search", "findall", "finditer", "sub", "split")
SIGNS = (" ", '"', "\\", "a", "0", "(", ",", ":", ".", "<")
BLOCKS = [
    "A",
    "[",
    ";",
    "-",
    "/",
    "=",
    "é",
    "\n",
    'W/"a",',
    ' , W/"a"',
    '"a" ',
    "now ",
    "a@",
    "//",
    "?a=",
    '"a":',
    "2026-03-01T09:00:00",
    "00 00:00",
]
BLOCKS += [one if one == other else one + other for one, other in product(SIGNS, SIGNS)]
# An expression gets so far, and behind a long text there is what makes it fail.
BEFORE = ("", '"', 'W/"a"', "https://a", "2026-03-01T09:00:00.", "now+")
BEHIND = "\r"
# What operators configure, and texts of programs and of our own documents.
OF_THE_MACHINE = ("app.config", "app.cli", "app.docs", "app.database.backups", "app.api.documentation")

FILES = sorted((PROJECT / "app").rglob("*.py"))
SOURCES = {".".join(file.relative_to(PROJECT).with_suffix("").parts): file.read_text() for file in FILES}


def expressions() -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    """Each compiled expression, where it stands, and how it is used; and those that a function of re compiles."""
    everything = "\n".join(SOURCES.values())
    for module, source in SOURCES.items():
        if module.startswith(OF_THE_MACHINE):
            continue
        there = vars(import_module(module.removesuffix(".__init__")))
        classes = [each for each in there.values() if isinstance(each, type) and each.__module__ == module]
        for name, value in [pair for each in (there, *map(vars, classes)) for pair in each.items()]:
            if isinstance(value, re.Pattern) and re.search(rf"^\s*{name}\b.*=", source, re.MULTILINE):
                used = re.findall(rf"\b{name}\.({'|'.join(METHODS)})\(", everything)
                yield from ((f"{module}.{name}", method, value) for method in sorted(set(used)) or ("findall",))
        for call in ast.walk(ast.parse(source)):
            match call:
                case ast.Call(ast.Attribute(ast.Name("re"), method), [ast.Constant(text), *_]) if method in METHODS:
                    yield f"{module}:{call.lineno}", method, re.compile(text)


def seconds(work: Callable[[str], Any], text: str) -> float:
    began = thread_time()
    work(text)
    return thread_time() - began


def is_linear(work: Callable[[str], Any], before: str, block: str) -> bool:
    shorter = FLOOR / MAX_RATIO
    for size in SIZES:
        text = f"{before}{block * (size // len(block))}{BEHIND}"
        # The least of several, unless the first is short enough: something else may have been in its way.
        longest = max(FLOOR, MAX_RATIO * shorter)
        taken = seconds(work, text)
        if taken > longest:
            taken = min(seconds(work, text) for _ in range(3))
        if taken > longest:
            return False
        if size > SIZES[0] and taken < FLOOR:
            return True
        shorter = taken
    return True


def slow_text(work: Callable[[str], Any]) -> tuple[str, ...] | None:
    """The first text that takes too long."""
    return next((parts for parts in product(BEFORE, BLOCKS) if not is_linear(work, *parts)), None)


def used_by(method: str, pattern: re.Pattern[Any]) -> Callable[[str], Any]:
    as_read = str.encode if isinstance(pattern.pattern, bytes) else str
    find = getattr(pattern, method)
    return {
        "sub": lambda text: pattern.sub(as_read(""), as_read(text)),
        "finditer": lambda text: list(pattern.finditer(as_read(text))),
    }.get(method, lambda text: find(as_read(text)))


FOUND = {f"{place} {method}": used_by(method, pattern) for place, method, pattern in expressions()}


def test_the_expressions_are_found():
    assert {"app.query.grammar.BRACKETS findall", "app.schemas.fields.TIME_FORM fullmatch"} <= FOUND.keys()
    assert len(FOUND) > 20


@pytest.mark.parametrize("name", FOUND)
def test_an_expression_takes_as_long_as_its_text(name: str):
    assert slow_text(FOUND[name]) is None


def test_so_does_the_one_that_looks_at_addresses():
    def work(text: str) -> None:
        with pytest.raises(ValidationError):
            validate.Email()(text)

    assert slow_text(work) is None


def test_so_does_what_the_libraries_read_of_headers():
    app = Flask(__name__)

    def work(text: str) -> None:
        fields = {"HTTP_ACCEPT": f"{NDJSON},{text}x", "CONTENT_TYPE": text, "HTTP_AUTHORIZATION": text}
        with app.test_request_context(environ_overrides=fields):
            assert (wants_stream(), merges_objects(), request_key()) is not None

    assert slow_text(work) is None


@pytest.mark.parametrize("expression", ["a[^x]*x", r"\s*\d"])
def test_one_that_takes_longer_is_found(expression: str):
    assert slow_text(re.compile(expression).search)
