"""docs/maintenance.md: what it shows is run, and nothing is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import flask, run_alone, temporary_database
from operators import ADA, make_person
from servers import command_environment

from app.cli.doctor import OK
from app.config import PROJECT
from app.development.embedded import EmbeddedServer
from app.repositories.purging import PURGEABLE

GUIDE = (PROJECT / "docs" / "maintenance.md").read_text()
COMMANDS = "\n".join(re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL))
INDEXES = "All are there and valid."


def test_the_guides_commands_run_in_their_order(postgres: EmbeddedServer, tmp_path: Path):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with temporary_database(postgres, "guided") as url, temporary_database(postgres, "anew") as new:
        flask("db", "upgrade", DATABASE_URL=url)
        make_person(url, ADA)
        environment = command_environment(
            PATH=path, DATABASE_URL=url, NEW_DATABASE_URL=new, AUTH_DISABLED="true", USER_ID=ADA, BACKUPS=str(tmp_path)
        )
        script = ["bash", "-euo", "pipefail", "-c", COMMANDS]
        done = subprocess.run(script, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert run_alone(new, "SELECT id::text FROM users") == run_alone(url, "SELECT id::text FROM users") == [(ADA,)]
    assert f"\n{OK}       settings " in f"\n{done.stdout}"
    assert re.search(INDEXES, done.stdout), done.stdout
    assert re.search(INDEXES, GUIDE)


def test_the_guide_names_every_table_that_can_be_purged():
    assert [what for what in PURGEABLE if f"flask purge {what} " not in COMMANDS] == []
