"""What the docs page lists and searches: operations, sections of pages, kinds of problems."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from app.api.documentation import REFERENCE_PATH
from app.api.problems import KINDS
from app.docs import pages

# Enough to be found by, without sending whole pages.
MAX_TEXT = 1500


class Operation(NamedTuple):
    """An operation as a list shows it; `url` opens it in the reference."""

    method: str
    path: str
    summary: str
    url: str


def operations_by_entity(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """The operations of each tag of the OpenAPI document, in its order."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "operationId" in operation:
                [tag] = operation["tags"]
                url = f"{REFERENCE_PATH}#/{tag}/{operation['operationId']}"
                found[tag].append(Operation(method.upper(), path, operation.get("summary", ""), url))
    return found


def entries(document: dict[str, Any]) -> list[dict[str, str]]:
    """All that can be found, each with a title, a URL and the text that it is found by."""
    return [*_of_operations(document), *_of_problems(), *_of_pages()]


def _of_operations(document: dict[str, Any]) -> Iterator[dict[str, str]]:
    for tag, operations in operations_by_entity(document).items():
        for each in operations:
            yield {"title": f"{each.method} {each.path}", "url": each.url, "text": f"{each.summary} {tag}"}


def _of_problems() -> Iterator[dict[str, str]]:
    for kind in KINDS:
        yield {
            "title": kind.title,
            "url": f"/problems/{kind.name}",
            "text": f"{kind.name} {kind.status} {kind.meaning}",
        }


@cache
def _of_pages() -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "title": f"{title}: {heading}" if heading != title else title,
            "url": f"/docs/{name}#{anchor}",
            "text": text[:MAX_TEXT],
        }
        for name, title in pages.titles().items()
        for heading, anchor, text in pages.sections(pages.text(name))
    )
