"""A ninth entity, added in a copy of the project by docs/add-an-entity.md alone: nothing else is needed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GivenServer, flask_process, temporary_database

from app.config import PROJECT
from app.development.embedded import EmbeddedServer

pytestmark = [pytest.mark.commands, pytest.mark.direct("It brings a copy of its own.")]

PAGE = (PROJECT / "docs" / "add-an-entity.md").read_text()
# Each begins with the path of its file.
BLOCKS = re.findall(r"^```(python|diff)\n(?:# )?(\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", ".data", ".env", "artifacts", "__pycache__", ".*_cache")
# Beside the tests that are about badges, those that compare the models with something else.
OF_SERVICE = ("test_migrations.py", "test_query_document.py", "test_statements.py", "test_people.py", "test_backup.py")
CHOSEN = "badges or models or guide_names or every_reference or every_table or names_the_tables or readme"


def change(file: Path, diff: str) -> None:
    """Change a file as a diff says: in each of its hunks what stays and what goes is a text that the file has once."""
    text = file.read_text()
    for hunk in diff.split("@@\n"):
        lines = hunk.removesuffix("\n").split("\n")
        old, new = ("\n".join(line[1:] for line in lines if line[:1] in signs) for signs in (" -", " +"))
        assert text.count(old) == 1, f"{file} has {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    file.write_text(text)


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """What Python prints, run in the folder."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that has badges."""
    folder = tmp_path_factory.mktemp("ninth") / "project"
    shutil.copytree(PROJECT, folder, ignore=NOT_COPIED)
    assert flask_process("db", "revision", "badges", folder=folder).returncode == 0
    [migration] = (folder / "migrations").glob("*_badges.py")
    for kind, path, text in BLOCKS:
        if kind == "diff":
            change(folder / path, text)
        elif path.startswith("migrations/"):
            migration.write_text(text)
        else:
            (folder / path).write_text(text)
    [printing] = re.findall(r"^PRINT_OPENAPI := (.*\\\n.*)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    (folder / "openapi.json").write_text(run(folder, "-c", printing.replace("\\\n\t", "")))
    return folder


def test_the_database_is_upgraded_and_every_index_is_there(postgres: EmbeddedServer | GivenServer, project: Path):
    with temporary_database(postgres, "ninth") as url:
        done = flask_process("db", "upgrade", folder=project, DATABASE_URL=url)
        assert "_badges" in done.stdout, done.stderr
        found = flask_process("doctor", folder=project, DATABASE_URL=url, AUTH_DISABLED="true").stdout
        assert re.search(r"ok +indexes ", found), found
        assert re.search(r"ok +access ", found), found


def test_the_tests_pass_and_the_code_is_in_form(postgres: EmbeddedServer | GivenServer, project: Path):
    run(project, "-m", "ruff", "check", ".")
    run(project, "-m", "ruff", "format", "--check", ".")
    of_service = [f"tests/service/{name}" for name in OF_SERVICE]
    run(project, "-m", "pytest", "tests/unit", TEST_DATABASE_URL=postgres.url)
    run(project, "-m", "pytest", "tests/contract", *of_service, "-k", CHOSEN, TEST_DATABASE_URL=postgres.url)
