"""What people and models read from the service: the docs pages, the problems' explanations and /llms.txt."""

import re

import pytest
from documents import send
from entities import task, user
from flask.testing import FlaskClient

from app.api.problems import KINDS
from app.config import PROJECT
from app.query.vocabulary import SCHEMAS

EXAMPLES = re.findall(r"```http\n(.*?)```", (PROJECT / "docs" / "llms.txt").read_text(), re.DOTALL)
# A tokenizer makes one token of most short words; this counts none of them as less.
TOKEN = re.compile(r"\w{1,6}|[^\w\s]")
PAGES = sorted(path.stem for path in (PROJECT / "docs").glob("*.md"))


def links_of(html: str) -> set[str]:
    return {link for link in re.findall(r'href="([^"]+)"', html) if link.startswith(("/", "#"))}


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in PAGES), "/problems/value-taken"])
def test_every_link_of_a_page_leads_to_something(client: FlaskClient, path: str):
    page = client.get(path)
    assert page.content_type == "text/html; charset=utf-8"
    for link in links_of(page.text):
        target, _, anchor = link.partition("#")
        there = client.get(target or path, follow_redirects=True)
        assert there.status_code == 200, link
        if anchor and not anchor.startswith("/"):
            assert f'id="{anchor}"' in there.text, link


def test_a_page_is_served_as_markdown_too(client: FlaskClient):
    answer = client.get("/docs/writes.md")
    assert answer.content_type == "text/markdown; charset=utf-8"
    assert answer.text == (PROJECT / "docs" / "writes.md").read_text()


def test_a_page_that_is_none_is_404(client: FlaskClient):
    for path in ("/docs/nothing", "/docs/nothing.md", "/docs/..%2FREADME.md", "/problems/nothing"):
        assert client.get(path).status_code == 404, path


def test_every_problem_has_an_explanation(client: FlaskClient):
    for kind in KINDS:
        assert kind.meaning in client.get(f"{kind.uri}.md").text


def test_the_type_of_a_problem_leads_to_its_explanation(client: FlaskClient):
    problem = client.post("/api/v1/users", json={}).json
    assert problem["title"] in client.get(problem["type"]).text
    assert problem["code"] == "urn:flux:problem:invalid-value"


def test_the_search_finds_operations_sections_and_problems(client: FlaskClient):
    urls = {entry["url"] for entry in client.get("/docs/search.json").json}
    assert {"/docs/api#/tasks/list_tasks", "/docs/writes#repeats", "/problems/value-taken"} <= urls


def test_the_landing_page_has_every_operation(client: FlaskClient):
    page = client.get("/docs").text
    for path in client.get("/openapi.json").json["paths"].values():
        for operation in (path[method] for method in ("get", "post", "patch", "delete") if method in path):
            assert f"#/{operation['tags'][0]}/{operation['operationId']}" in page


def test_the_operations_page_has_the_same_document_in_openapi_3_0(client: FlaskClient):
    newer, older = (client.get(path).json for path in ("/openapi.json", "/docs/openapi-3.0.json"))
    assert older["openapi"] == "3.0.3"
    assert older["paths"].keys() == newer["paths"].keys()
    title = older["components"]["schemas"]["Task"]["properties"]["description"]
    assert (title["type"], title["nullable"]) == ("string", True)
    assert (
        older["components"]["schemas"]["NewTask"]["example"] == newer["components"]["schemas"]["NewTask"]["examples"][0]
    )
    assert "/docs/openapi-3.0.json" in client.get("/docs/api/").text


def test_the_page_for_models_is_small_and_names_every_column(client: FlaskClient):
    text = client.get("/llms.txt").text
    assert text.startswith("# Flux DAO Service\n\n> ")
    assert len(TOKEN.findall(text)) <= 6000
    lines = {name: next(line for line in text.splitlines() if line.startswith(f"- **{name}**")) for name in SCHEMAS}
    assert "status pending|done|missed|rescheduled|cancelled=pending" in lines["tasks"]
    for table, schema in SCHEMAS.items():
        assert not [name for name in schema().fields if name not in lines[table] and name not in text.split("- **")[0]]


def test_the_page_for_models_names_every_problem(client: FlaskClient):
    text = client.get("/llms.txt").text
    assert [kind.name for kind in KINDS if kind.name not in text] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split()[1][:40])
def test_an_example_of_the_page_for_models_works(client: FlaskClient, example: str):
    person = user(client)
    ids = {"ada": person["id"], "task": task(client, user_id=person["id"])["id"]}
    answer = send(client, example, ids)
    assert answer.status_code in (200, 201), answer.text
