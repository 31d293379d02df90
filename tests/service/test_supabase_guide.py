"""docs/supabase.md: its commands are run in their order, on a project with rows that break every rule."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import limited_role, run_alone, temporary_database, url_with
from existing import GENERATIONS, OWNER, Generation, make_project, run_as
from servers import command_environment

from app.config import PROJECT
from app.development.embedded import EmbeddedServer

pytestmark = [pytest.mark.commands, pytest.mark.direct("An upgrade goes to the database itself.")]

GUIDE = (PROJECT / "docs" / "supabase.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)
[POLICY] = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
ADA = "10000000-0000-4000-8000-000000000001"


def run(script: str, **settings: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    environment = command_environment(PATH=path, **settings)
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_guides_commands_lead_to_a_service_and_back(
    postgres: EmbeddedServer, generation: Generation, tmp_path: Path
):
    look, upgrade, role, serve, back = BLOCKS
    with temporary_database(postgres, f"guided_{generation}") as url:
        make_project(url, generation, "broken", OWNER)
        before = run_alone(url, "SELECT count(*) FROM tasks")
        owner = {"OWNER_URL": url_with(url, user=OWNER), "BACKUPS": str(tmp_path)}
        assert f"An existing Flux database of generation {generation.upper()}." in run(look, **owner)
        assert "A database of this service, taken over" in run(upgrade, **owner)
        with limited_role(postgres, url) as service_url:
            assert run(role, **owner) == "Nothing to do.\n"
            told = run(serve, **owner, SERVICE_URL=service_url)
            assert told.startswith("flux_")
            assert ("DROP TRIGGER trigger_refresh_analytics ON tasks" in told) == (generation == "b")
            if generation == "a":
                run_alone(url, POLICY)
            assert run_as(url, "authenticated", "SELECT count(*) > 0 FROM messages", person=ADA) == [(True,)]
            run_alone(url, 'DROP POLICY IF EXISTS "own messages" ON messages')
        assert "Gave the database back" in run(back, **owner)
        assert run_alone(url, "SELECT count(*) FROM tasks") == before


def test_each_way_in_which_a_connection_fails_is_told_in_postgresqls_words(postgres: EmbeddedServer):
    url = postgres.database_url("postgres")
    for wrong, words in {
        postgres.database_url("nowhere"): 'database "nowhere" does not exist',
        url_with(url, user="nobody_at_all"): 'role "nobody_at_all" does not exist',
        "postgresql://nowhere.invalid/x": 'could not translate host name "nowhere.invalid"',
        "postgresql://127.0.0.1:1/x": "Connection refused",
    }.items():
        environment = command_environment(DATABASE_URL=wrong)
        for command in (
            ["db", "upgrade"],
            ["db", "status"],
            ["keys", "list"],
            ["purge", "messages", "--older-than", "1d"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "flask", *command], cwd=PROJECT, env=environment, capture_output=True, text=True
            )
            assert (done.returncode, words in done.stderr) == (1, True), done.stderr
            assert "Try again in a few seconds" not in done.stderr
