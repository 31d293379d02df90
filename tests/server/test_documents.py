"""What the documents show is run: the guide's commands and programs, and the README's first request."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest
from conftest import flask
from servers import RunningServer, command_environment

from app.api.problems import KINDS
from app.config import PROJECT, Settings

README = (PROJECT / "README.md").read_text()
GUIDE = (PROJECT / "docs" / "user-guide.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, less those that another test runs."""
    return re.findall(rf"(?<!-->\n)```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.server
@pytest.mark.parametrize(
    ("language", "program"), [("bash", ["bash", "-euo", "pipefail", "-c"]), ("python", [sys.executable, "-c"])]
)
def test_the_guides_commands_run_in_their_order(keyed_server: RunningServer, language: str, program: list[str]):
    script = "\n".join(blocks(GUIDE, language))
    environment = command_environment(FLUX_URL=keyed_server.url, FLUX_KEY=keyed_server.key)
    done = subprocess.run([*program, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_the_readmes_first_request_is_answered_as_it_says(server_url: str):
    [command] = [block for block in blocks(README, "bash") if block.startswith("curl")]
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", server_url)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("HTTP/1.1 201 CREATED")
    for header in re.findall(r"^(?:Content-Type|ETag): .*$", README, re.MULTILINE):
        assert header in done.stdout


def test_the_readmes_table_of_settings_is_the_one_that_the_command_writes():
    written = flask("settings", "--markdown")
    assert written.returncode == 0, written.stderr
    assert f"\n\n{written.stdout}\n" in README, "put what `flask settings --markdown` writes into the README"
    assert [line.split("`")[1] for line in written.stdout.splitlines()[2:]] == [
        each.name.upper() for each in fields(Settings)
    ]


def test_the_readme_names_no_command_that_make_does_not_have():
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_the_guide_describes_every_kind_of_problem():
    for kind in KINDS:
        assert f"| `{kind.uri}` | {kind.status or 'any'} |" in GUIDE


def test_the_guides_flask_commands_exist(app):
    for line in re.findall(r"^\$ flask (.*?)(?:  |$)", GUIDE, re.MULTILINE):
        words = line.split()
        command = app.cli.commands[words[0]]
        assert len(words) == 1 or words[1] in command.commands
