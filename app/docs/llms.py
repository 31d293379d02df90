"""The page for language models: docs/llms.txt, with the entities, the problems and the pages as the code has them."""

import json
from collections.abc import Iterator
from typing import Any

from marshmallow.fields import Field

from app.api.problems import KINDS
from app.docs import pages
from app.query.relations import EXPANSIONS, REFERENCES, REVERSE
from app.query.values import kind_of
from app.query.vocabulary import SCHEMAS
from app.repositories import natural_keys
from app.schemas.fields import MAX_INTEGER, Choice, ListOf

ASSIGNED = ("id", "created_at", "updated_at", "version")


def text(document: dict[str, Any]) -> str:
    """The whole page, of the OpenAPI document's schemas."""
    template = (pages.FOLDER / "llms.txt").read_text()
    schemas = document["components"]["schemas"]
    parts = {
        "{entities}": "\n".join(_entity(table, schemas) for table in SCHEMAS),
        "{problems}": "\n".join(f"- {kind.status or 'any'} {kind.name}: {kind.meaning}" for kind in KINDS),
        "{pages}": "\n".join(f"- [{title}](/docs/{name}.md)" for name, title in pages.titles().items()),
    }
    for name, part in parts.items():
        template = template.replace(name, part)
    return template


def _entity(table: str, schemas: dict[str, Any]) -> str:
    schema = SCHEMAS[table]
    new = schemas[f"New{schema.__name__.removesuffix('Schema')}"]
    columns = [
        _column(table, name, field, new["properties"][name], name in new.get("required", ()))
        for name, field in schema().fields.items()
        if name not in ASSIGNED
    ]
    return f"- **{table}**: {', '.join(columns)}. {'; '.join(_more(table))}."


def _column(table: str, name: str, field: Field[Any], new: dict[str, Any], required: bool) -> str:
    kind = "|".join(field.choices) if isinstance(field, Choice) else kind_of(field)
    if isinstance(field, ListOf):
        kind += f" of {kind_of(field.inner)}"
    reference = REFERENCES[table].get(name.removesuffix("_id"))
    default = json.dumps(new["default"]).strip('"') if new.get("default") is not None else None
    return "".join(
        (
            f"{name}{'*' if required else ''} {kind}",
            f" >={new['minimum']:g}" if new.get("minimum", -1) >= 0 else "",
            f" <={new['maximum']:g}" if new.get("maximum", MAX_INTEGER) < MAX_INTEGER else "",
            f"->{reference}" if reference else "",
            "?" if field.allow_none else "",
            f"={default}" if default else "",
        )
    )


def _more(table: str) -> Iterator[str]:
    keys = natural_keys.in_words(table)
    yield f"key: {' or '.join(keys)}" if keys else "no key but id"
    if EXPANSIONS[table]:
        yield f"expand: {', '.join(EXPANSIONS[table])}"
    if REVERSE[table]:
        yield f"exists: {', '.join(REVERSE[table])}"
