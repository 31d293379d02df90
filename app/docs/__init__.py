"""What people and models read: /docs with its pages, /problems/<kind>, and /llms.txt."""

from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, render_template

from app.api import problems
from app.docs import llms, pages, search

MARKDOWN = "text/markdown; charset=utf-8"
PLAIN_TEXT = "text/plain; charset=utf-8"

blueprint = Blueprint(
    "docs", __name__, template_folder="templates", static_folder="static", static_url_path="/docs/static"
)


def init_app(app: Flask) -> None:
    """Serve the pages. They need no key, since they say nothing of anybody's rows."""
    app.register_blueprint(blueprint)


@blueprint.get("/docs")
def landing() -> str:
    """What the service is, how to send a key, and the operations by entity."""
    return render_template("docs/landing.html", entities=search.operations_by_entity(_document()), **_frame("/docs"))


@blueprint.get("/docs/<name>")
def page(name: str) -> str:
    """A page of the guide."""
    if name not in pages.titles():
        abort(404)
    content = pages.as_html(pages.text(name))
    return render_template("docs/page.html", title=pages.titles()[name], content=content, **_frame(f"/docs/{name}"))


@blueprint.get("/docs/<name>.md")
def markdown(name: str) -> Response:
    """A page of the guide as Markdown."""
    if name not in pages.titles():
        abort(404)
    return Response(pages.text(name), content_type=MARKDOWN)


@blueprint.get("/docs/search.json")
def index() -> list[dict[str, str]]:
    """What the search looks through: the pages' sections, the operations, and the kinds of problems."""
    return search.entries(_document())


@blueprint.get("/problems/<name>")
def problem(name: str) -> str:
    """What a kind of problem means, and what to do."""
    kind = _kind(name)
    content = pages.as_html(pages.explanation(kind))
    return render_template("docs/page.html", title=kind.title, content=content, **_frame(f"/problems/{name}"))


@blueprint.get("/problems/<name>.md")
def problem_markdown(name: str) -> Response:
    """The explanation of a kind of problem as Markdown."""
    return Response(pages.explanation(_kind(name)), content_type=MARKDOWN)


@blueprint.get("/llms.txt")
def for_models() -> Response:
    """All that a program driven by a model needs, on one page (llmstxt.org)."""
    return Response(llms.text(_document()), content_type=PLAIN_TEXT)


def _kind(name: str) -> problems.Kind:
    kind = next((kind for kind in problems.KINDS if kind.name == name), None)
    return kind or abort(404)


def _document() -> dict[str, Any]:
    document: dict[str, Any] = current_app.config["OPENAPI_DOCUMENT"]
    return document


def _frame(here: str) -> dict[str, Any]:
    return {"titles": pages.titles(), "here": here}
