"""`flask users`: a person is exported, comes back as they were, and can be erased with everything that is theirs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from conftest import flask, run_alone, temporary_database
from operators import ADA, BOB, contents, make_person, of, started
from servers import command_environment

from app import models
from app.config import PROJECT
from app.development.embedded import EmbeddedServer
from app.repositories.people import PARTS

pytestmark = pytest.mark.commands

ONE_EACH = dict.fromkeys(models.ENTITIES, 0) | {
    "users": 1, "goals": 2, "conversations": 1, "tasks": 1, "messages": 1, "patterns": 1, "notification_log": 1,
    "dispatch_log": 1,
}  # fmt: skip
MANY_TASKS = f"""INSERT INTO tasks (id, user_id, title) SELECT gen_random_uuid(), '{ADA}', repeat('x', 400)
    FROM generate_series(1, {{}})"""


@pytest.fixture
def url(postgres: EmbeddedServer) -> Iterator[str]:
    """A database in which Ada and Bob live."""
    with temporary_database(postgres, "people") as made:
        flask("db", "upgrade", DATABASE_URL=made)
        make_person(made, ADA)
        make_person(made, BOB)
        yield made


def users(url: str, *arguments: str) -> str:
    done = flask("users", *arguments, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(url: str, *arguments: str) -> str:
    done = flask("users", *arguments, DATABASE_URL=url)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def exported(url: str, folder: Path) -> Path:
    file = folder / "ada.ndjson"
    users(url, "export", ADA, "--output", str(file))
    return file


def changed(file: Path, old: str, new: str) -> str:
    """The path of a copy of the export in which one text is another."""
    assert old in file.read_text()
    other = file.with_name("changed.ndjson")
    other.write_text(file.read_text().replace(old, new))
    return str(other)


def test_every_table_is_part_of_a_person():
    assert {part.model for part in PARTS} == set(models.Row.__subclasses__())


def test_an_export_holds_everything_of_the_person_and_of_nobody_else(url: str):
    lines = [json.loads(line) for line in users(url, "export", ADA).splitlines()]
    assert [line["type"] for line in lines] == [
        "user", "goal", "goal", "conversation", "task", "message", "pattern", "notification_log",
        "dispatch_log",
    ]  # fmt: skip
    assert [next(iter(line)) for line in lines] == ["type"] * 9
    assert {line["id"][-1] for line in lines} == {"a"}
    assert lines[0]["profile"]["name"] == 'Ада\n"A"'


@pytest.mark.parametrize("through", ["a file", "a pipe"])
def test_an_import_may_come_from_the_standard_input(url: str, tmp_path: Path, through: str):
    file = exported(url, tmp_path)
    users(url, "erase", ADA)
    process = started("users", "import", "-", DATABASE_URL=url, stdin=file.open() if through == "a file" else PIPE)
    _, wrong = process.communicate(file.read_text() if through == "a pipe" else None, timeout=60)
    assert (process.returncode, wrong) == (0, "")
    assert users(url, "export", ADA) == file.read_text()


def test_an_import_after_an_erase_makes_the_database_what_it_was(url: str, tmp_path: Path):
    before, file = contents(url), exported(url, tmp_path)
    users(url, "erase", ADA)
    assert contents(url) != before
    imported = json.loads(users(url, "import", str(file), "--json"))
    assert imported == {"rows": ONE_EACH, "dry_run": False}
    assert contents(url) == before, "versions and times too"


def test_an_import_into_another_database_gives_the_same_export(url: str, postgres: EmbeddedServer, tmp_path: Path):
    file = exported(url, tmp_path)
    with temporary_database(postgres, "other") as other:
        flask("db", "upgrade", DATABASE_URL=other)
        users(other, "import", str(file))
        assert users(other, "export", ADA) == file.read_text()


def test_erasing_takes_all_of_the_person_and_nothing_of_others(url: str):
    bobs = {table: [row for row in rows if row[36] == "b"] for table, rows in contents(url).items()}
    told = users(url, "erase", ADA)
    assert "  goals                     2\n" in told
    assert "  together                  9\n" in told
    assert contents(url) == bobs


def test_a_person_may_be_named_by_their_address_in_any_case(url: str):
    address = f"{ADA}@X.org"
    assert users(url, "export", address) == users(url, "export", ADA)
    users(url, "erase", address)
    assert refused(url, "erase", address) == f"Error: There is no user with the e-mail address {address}.\n"


def test_a_reference_of_somebody_else_to_what_is_erased_becomes_null(url: str):
    run_alone(url, f"UPDATE tasks SET goal_id = '{of(ADA, 1)}' WHERE user_id = '{BOB}'")
    users(url, "erase", ADA)
    assert run_alone(url, "SELECT goal_id FROM tasks") == [(None,)]


def test_dry_runs_tell_what_would_be_done_and_do_nothing(url: str, tmp_path: Path):
    before, file = contents(url), exported(url, tmp_path)
    assert json.loads(users(url, "erase", ADA, "--dry-run", "--json")) == {"rows": ONE_EACH, "dry_run": True}
    assert contents(url) == before
    users(url, "erase", ADA)
    without = contents(url)
    assert users(url, "import", str(file), "--dry-run").startswith("Would import these rows:\n")
    assert contents(url) == without


@pytest.mark.parametrize("command", ["export", "erase"])
def test_a_user_who_does_not_exist_is_a_sentence(url: str, command: str):
    nobody = of(ADA, 99)
    assert refused(url, command, nobody) == f"Error: There is no user with the id {nobody}.\n"


def test_an_export_that_fails_leaves_no_file(url: str, tmp_path: Path):
    refused(url, "export", of(ADA, 99), "--output", str(tmp_path / "nobody.ndjson"))
    assert list(tmp_path.iterdir()) == []
    assert "No such file or directory" in refused(
        url, "export", ADA, "--output", str(tmp_path / "nowhere" / "ada.ndjson")
    )


def test_an_import_refuses_a_user_who_is_there_and_says_what_to_do(url: str, tmp_path: Path):
    told = refused(url, "import", str(exported(url, tmp_path)))
    assert told.startswith(f"Error: There is a user with the id {ADA} already.")
    assert f"flask users erase {ADA}" in told


def test_an_import_refuses_a_value_that_somebody_else_has(url: str, tmp_path: Path):
    file = exported(url, tmp_path)
    users(url, "erase", ADA)
    before = contents(url)
    told = refused(url, "import", changed(file, f"{ADA}@x.org", f"{BOB}@X.org"))
    assert "The value of email is taken by another row" in told
    assert f"users: Key (lower(email))=({BOB}@x.org) already exists." in told
    assert contents(url) == before


def test_a_reference_to_what_does_not_exist_is_named_and_nothing_is_imported(url: str, tmp_path: Path):
    run_alone(url, f"UPDATE tasks SET goal_id = '{of(BOB, 1)}' WHERE user_id = '{ADA}'")
    file = exported(url, tmp_path)
    users(url, "erase", ADA)
    users(url, "erase", BOB)
    told = refused(url, "import", str(file))
    assert f'tasks: Key (goal_id)=({of(BOB, 1)}) is not present in table "goals".' in told
    assert set(map(len, contents(url).values())) == {0}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('{"type":"goal"', '{"type":"gaol"', "Line 2 must be an object whose type is one of user, goal, "),
        ('"title":"Run"', '"title_":"Run"', ": a goal of this database and this one differ in title, title_."),
        (f'"user_id":"{ADA}","title":"Run"', f'"user_id":"{BOB}","title":"Run"', ": this goal is not of the user"),
        ('{"type":"user"', '{"type":"goal"', "Line 1: a goal of this database and this one differ in "),
        ('{"type":"user",', "", "Line 1 is not JSON: "),
        (f'"conversation_id":"{of(ADA, 3)}","role"', f'"conversation_id":"{of(BOB, 3)}","role"', "is not in the file"),
        ('"status":"active"', '"status":"gone"', 'violates check constraint "goals_status_check"'),
        ('"target_weeks":6', '"target_weeks":"six"', 'invalid input syntax for type integer: "six"'),
    ],
)  # fmt: skip
def test_a_file_that_is_no_export_is_told_why(url: str, tmp_path: Path, old: str, new: str, told: str):
    file = exported(url, tmp_path)
    users(url, "erase", ADA)
    before = contents(url)
    assert told in refused(url, "import", changed(file, old, new))
    assert contents(url) == before


def test_an_empty_file_is_no_export(url: str):
    assert refused(url, "import", "/dev/null") == "Error: The file is empty.\n"


def test_the_output_is_the_export_so_json_needs_a_file(url: str, tmp_path: Path):
    assert "--json needs --output FILE" in flask("users", "export", ADA, "--json", DATABASE_URL=url).stderr
    file = tmp_path / "ada.ndjson"
    told = json.loads(users(url, "export", ADA, "--json", "--output", str(file)))
    assert told == {"id": ADA, "file": str(file), "lines": 9, "bytes": file.stat().st_size}
    assert file.stat().st_mode & 0o077 == 0, "it is for its owner alone"


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(url: str, tmp_path: Path, as_json: list[str]):
    odd, shown = tmp_path / os.fsdecode(b"\xff.ndjson"), tmp_path / "\ufffd.ndjson"
    assert str(shown) in users(url, "export", ADA, "--output", str(odd), *as_json)


def test_an_export_that_its_output_does_not_take_is_one_sentence(url: str):
    with open("/dev/full", "w") as full:
        process = started("users", "export", ADA, stdout=full, DATABASE_URL=url)
        _, wrong = process.communicate(timeout=60)
    assert (process.returncode, wrong) == (1, "Error: A file cannot be used: No space left on device.\n")


def test_an_export_without_an_output_is_one_sentence(url: str):
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "flask", "users", "export", ADA]
    done = subprocess.run(
        closed, cwd=PROJECT, env=command_environment(DATABASE_URL=url), capture_output=True, text=True
    )
    sentence = "Error: The standard output is closed. Open it, or name a file with --output.\n"
    assert (done.returncode, done.stderr) == (1, sentence)


def test_a_person_with_many_rows_is_exported_whole(url: str):
    run_alone(url, MANY_TASKS.format(2_500))
    assert users(url, "export", ADA).count("\n") == 2_509


def test_a_person_with_very_many_rows_is_imported_without_comparing_each_with_each(url: str, tmp_path: Path):
    run_alone(
        url,
        f"INSERT INTO tasks (id, user_id, title) SELECT gen_random_uuid(), '{ADA}', 'x' FROM generate_series(1, 12000)",
        "INSERT INTO notification_log (id, task_id, channel) SELECT gen_random_uuid(), id, 'push' FROM tasks "
        f"WHERE user_id = '{ADA}'",
    )
    file = exported(url, tmp_path)
    users(url, "erase", ADA)
    assert "  together             24,010\n" in users(url, "import", str(file))
